//! A message exists: told by a webhook, read from the past, or found missing. Stored once.

use posta_core::event::{self, Direction};
use posta_core::id::RemoteMessage;
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::conversations::{self, Conversation};
use posta_store::messages::{self, Message, Origin};
use posta_store::{Json, Tx};

use super::{Taken, Told};
use crate::app::App;
use crate::flows::events::{
    ConversationBlock, InboxAccount, Payload, message_block, started_conversation,
};
use crate::flows::metadata::{click, metadata};
use crate::flows::window::{self, Opener, Opening};

/// Stores a message and tells of it, unless the account has one with its remote id. Expects the
/// workspace to be locked.
///
/// # Errors
/// When the database failed; then nothing has happened.
pub async fn message(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    message: &event::Message,
) -> posta_store::Result<Taken> {
    match message.direction {
        Direction::Incoming => incoming(app, tx, told, message).await,
        Direction::Outgoing => outgoing(app, tx, told, message).await,
    }
}

async fn incoming(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    message: &event::Message,
) -> posta_store::Result<Taken> {
    let (mut conversation, is_new) = open_conversation(app, tx, told, message).await?;
    let stored = Message {
        status: messages::Status::Received,
        sender_id: message.person.to_string(),
        metadata: metadata(message, told.is_standby).map(Json),
        is_read: told.is_silent(),
        ..new_message(app, told, &conversation, message)
    };
    if !messages::insert(tx, &stored).await? {
        return Ok(Taken::Known);
    }
    if !told.is_silent() {
        conversation.status = conversations::Status::Active;
        conversation.unread_count += 1;
    }
    if let Some(referral) = &message.referral {
        conversation.metadata = Some(Json(click(referral, told.at)));
    }
    if is_new {
        let payload = Payload::ConversationStarted {
            conversation: started_conversation(told.account, &conversation),
            account: InboxAccount::from(told.account),
            started_at: told.at,
        };
        told.announce(app, tx, "conversation.started", &payload).await?;
    }
    let payload = message_payload(told.account, &conversation, &stored);
    let id = told.announce(app, tx, "message.received", &payload).await?;
    let opening = Opening { id, kind: Opener::of(message) };
    window::opened(app, told.account, &mut conversation, &opening, told.at);
    note_newest(app, tx, &mut conversation, &stored).await?;
    Ok(Taken::New)
}

async fn outgoing(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    message: &event::Message,
) -> posta_store::Result<Taken> {
    if messages::find_remote(tx, &told.account.id, &message.id).await?.is_some() {
        return Ok(Taken::Known);
    }
    let (mut conversation, _) = open_conversation(app, tx, told, message).await?;
    if messages::is_any_sending(tx, &conversation.id).await? {
        return Ok(Taken::TooEarly);
    }
    let text = message.text.as_deref().unwrap_or_default();
    if let Some(ours) = messages::find_unknown(tx, &conversation.id, text).await? {
        settle_by_echo(app, tx, told, &mut conversation, ours, &message.id).await?;
        return Ok(Taken::Known);
    }
    let stored = Message {
        status: messages::Status::Sent,
        sender_id: told.account.id.to_string(),
        is_read: true,
        ..new_message(app, told, &conversation, message)
    };
    if !messages::insert(tx, &stored).await? {
        return Ok(Taken::Known);
    }
    note_newest(app, tx, &mut conversation, &stored).await?;
    let payload = message_payload(told.account, &conversation, &stored);
    told.announce(app, tx, "message.sent", &payload).await?;
    Ok(Taken::New)
}

async fn settle_by_echo(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    conversation: &mut Conversation,
    mut ours: Message,
    remote: &RemoteMessage,
) -> posta_store::Result<()> {
    if messages::update_sent(tx, &ours.id, remote, told.at).await? {
        ours.status = messages::Status::Sent;
        ours.remote_id = Some(remote.clone());
        ours.sent_at = told.at;
        note_newest(app, tx, conversation, &ours).await?;
        let payload = message_payload(told.account, conversation, &ours);
        // It was sent through us and is told even when it is met while reading the past.
        told.of_webhook().announce(app, tx, "message.sent", &payload).await?;
        app.waiters.wake(&ours.id);
    }
    Ok(())
}

/// Gets the conversation that a message stands in, and whether it is new.
async fn open_conversation(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    message: &event::Message,
) -> posta_store::Result<(Conversation, bool)> {
    let now = app.clock.now();
    let new = Conversation {
        id: app.ids.next(),
        workspace_id: told.account.workspace_id.clone(),
        account_id: told.account.id.clone(),
        remote_id: message.thread.clone(),
        participant_id: message.person.clone(),
        participant_name: None,
        participant_username: None,
        participant_picture: None,
        status: conversations::Status::Active,
        last_message: None,
        last_message_at: None,
        window_opened_at: None,
        unread_count: 0,
        metadata: None,
        created_at: now,
        updated_at: if told.is_silent() { told.at } else { now },
        profile: None,
        profile_due_at: None,
        window_opened_by: None,
        window_due_at: None,
        control: None,
    };
    let conversation = conversations::insert_or_get(tx, &new).await?;
    let is_new = conversation.id == new.id;
    Ok((conversation, is_new))
}

fn new_message(
    app: &App,
    told: &Told<'_>,
    conversation: &Conversation,
    message: &event::Message,
) -> Message {
    Message {
        id: app.ids.next(),
        workspace_id: told.account.workspace_id.clone(),
        account_id: told.account.id.clone(),
        conversation_id: conversation.id.clone(),
        remote_id: Some(message.id.clone()),
        direction: message.direction,
        status: messages::Status::Received,
        text: message.text.clone(),
        attachments: Json(message.attachments.clone()),
        sender_id: String::new(),
        sent_via: None,
        tag: None,
        metadata: None,
        error: None,
        is_read: false,
        read_at: None,
        sent_at: told.at,
        created_at: app.clock.now(),
        content: None,
        origin: told.origin,
        part_of: None,
        comment_id: None,
        deleted_at: None,
        edited_at: None,
        edit_count: 0,
        edit_history: Json(Vec::new()),
        reactions: Json(Vec::new()),
    }
}

/// Writes what a message changes in its conversation. A late message does not displace a newer one,
/// and one from the past does not bring its conversation to the top.
///
/// # Errors
/// When the database failed.
pub async fn note_newest(
    app: &App,
    tx: &mut Tx,
    conversation: &mut Conversation,
    message: &Message,
) -> posta_store::Result<()> {
    if conversation.last_message_at.is_none_or(|newest| newest <= message.sent_at) {
        conversation.last_message.clone_from(&message.text);
        conversation.last_message_at = Some(message.sent_at);
    }
    let moved: Timestamp = match message.origin {
        Origin::Import => message.sent_at,
        Origin::Webhook | Origin::Api | Origin::Reconcile => app.clock.now(),
    };
    conversation.updated_at = conversation.updated_at.max(moved);
    conversations::update_activity(tx, conversation).await
}

/// The payload of `message.received` and `message.sent`.
pub fn message_payload(
    account: &Account,
    conversation: &Conversation,
    message: &Message,
) -> Payload {
    Payload::Message {
        message: message_block(account, conversation, message),
        conversation: ConversationBlock::from(conversation),
        account: InboxAccount::from(account),
        metadata: message.metadata.as_ref().map(|json| json.0.clone()),
        source: (message.origin == Origin::Reconcile).then_some("reconcile"),
    }
}
