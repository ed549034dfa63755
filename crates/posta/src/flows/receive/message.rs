//! A message exists: told by a webhook, read from the past, or found missing. Stored once.

use std::time::Duration;

use posta_core::event::{self, AttachmentKind, Direction};
use posta_core::id::{EventId, RemoteMessage, RemotePerson, RemoteThread};
use posta_core::message::{Content, MediaKind};
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::conversations::{self, Conversation};
use posta_store::messages::{self, Message, Origin};
use posta_store::{Json, Tx, message_changes};

use super::{Taken, Told, delete, early, incoming, purge};
use crate::app::App;
use crate::flows::events::{ConversationBlock, InboxAccount, Payload, message_block};
use crate::flows::metadata::metadata;
use crate::flows::private_reply::{self, Met};
use crate::flows::window::Sender;
use crate::flows::{media, turns};

/// How far the platform's clock may be behind ours.
const CLOCKS: Duration = Duration::from_mins(1);

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
        Direction::Incoming => {
            let new = [incoming::New { told: *told, message }];
            let (taken, _) = incoming::take(app, tx, &new).await?;
            Ok(taken.first().copied().unwrap_or(Taken::Known))
        }
        Direction::Outgoing => outgoing(app, tx, told, message).await,
    }
}

async fn outgoing(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    message: &event::Message,
) -> posta_store::Result<Taken> {
    if let Some(known) = messages::find_remote(tx, &told.account.id, &message.id).await? {
        return delete::purge_again(app, tx, told, &known).await;
    }
    let (mut conversation, _) =
        open_conversation(app, tx, told, &message.thread, &message.person).await?;
    if messages::is_any_sending(tx, &conversation.id).await? {
        return Ok(Taken::TooEarly);
    }
    match private_reply::meet_echo(app, tx, told.account, message).await? {
        Met::Stranger => {}
        Met::TooEarly => return Ok(Taken::TooEarly),
        Met::Settled => return Ok(Taken::Known),
    }
    let unknown = message_changes::list_unknown(tx, &conversation.id).await?;
    // What stood there before we were asked to send is not what we sent; the clocks may differ.
    let latest = told.at.plus(CLOCKS);
    let is_ours = |ours: &Message| ours.sent_at <= latest && is_echo_of(message, ours);
    if let Some(ours) = unknown.into_iter().find(is_ours) {
        settle_by_echo(app, tx, told, &mut conversation, ours, &message.id).await?;
        return Ok(Taken::Known);
    }
    let mut stored = Message {
        status: messages::Status::Sent,
        sender_id: told.account.id.to_string(),
        metadata: metadata(message, told.is_standby, false).map(Json),
        is_read: true,
        ..new_message(app, told, &conversation, message)
    };
    let waiting = insert(app, tx, told, &mut stored).await?;
    note_newest(app, tx, &mut conversation, &stored).await?;
    if !told.is_silent() {
        turns::release(tx, &conversation).await?;
    }
    tell(app, tx, told, "message.sent", &conversation, &stored).await?;
    waiting.finish(app, tx, told, &stored).await?;
    Ok(Taken::New)
}

/// Stores a message that the account does not have, with whatever came before it. Returns that.
async fn insert(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    stored: &mut Message,
) -> posta_store::Result<early::Waiting> {
    let waiting = match &stored.remote_id {
        Some(id) => early::take_one(tx, &told.account.id, id).await?,
        None => early::Waiting::default(),
    };
    put_waiting(app, tx, told, stored, &waiting).await?;
    finish_new(tx, std::slice::from_ref(stored)).await?;
    media::ask_to_keep(app, tx, stored).await?;
    Ok(waiting)
}

/// Puts on a message that is about to be stored what came before it.
pub(super) async fn put_waiting(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    stored: &mut Message,
    waiting: &early::Waiting,
) -> posta_store::Result<()> {
    waiting.put_reactions(told, stored);
    stored.deleted_at = waiting.deleted_at();
    if stored.deleted_at.is_some() {
        stored.is_read = true;
        if purge::is_wanted(app) {
            purge::empty(stored);
            purge::of_message(app, tx, told.account, stored).await?;
        }
    }
    Ok(())
}

/// Stores messages of which nothing is stored.
pub(super) async fn finish_new(tx: &mut Tx, stored: &[Message]) -> posta_store::Result<()> {
    if messages::insert_all(tx, stored).await? == u64::try_from(stored.len()).unwrap_or(u64::MAX) {
        return Ok(());
    }
    // Somebody stored one since we looked; then this transaction must look again.
    Err(posta_store::Error::RowNotFound)
}

/// Tells of a message. One that was taken back before it came is told of as that only, so that
/// nobody answers it.
async fn tell(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    kind: &'static str,
    conversation: &Conversation,
    stored: &Message,
) -> posta_store::Result<Option<EventId>> {
    if let Some(deleted_at) = stored.deleted_at {
        return delete::tell(app, tx, told, conversation, stored, deleted_at).await;
    }
    let payload = message_payload(told.account, conversation, stored);
    told.announce(app, tx, kind, payload).await
}

/// Whether what the platform shows is this message of ours, whose outcome nobody knew.
fn is_echo_of(echo: &event::Message, ours: &Message) -> bool {
    let shown = |kind: AttachmentKind| echo.attachments.iter().any(|one| one.kind == kind);
    // As it came back from the database, where U+0000 does not exist.
    let text = echo.text.as_ref().map(|text| text.replace('\0', "\u{FFFD}"));
    match ours.content.as_deref() {
        Some(Content::Media { items, .. }) => {
            echo.text.as_deref().unwrap_or_default().is_empty()
                && items.len() == echo.attachments.len()
                && items.iter().zip(&echo.attachments).all(|(sent, seen)| {
                    seen.kind
                        == match sent.kind {
                            MediaKind::Image => AttachmentKind::Image,
                            MediaKind::Video => AttachmentKind::Video,
                            MediaKind::Audio => AttachmentKind::Audio,
                            MediaKind::File => AttachmentKind::File,
                        }
                })
        }
        // How the platform shows cards and buttons is not written down; that it is a template is.
        Some(Content::Buttons { .. } | Content::Cards { .. }) => shown(AttachmentKind::Template),
        Some(Content::Share { .. }) => shown(AttachmentKind::Share),
        Some(Content::Sticker { .. }) => shown(AttachmentKind::Sticker),
        Some(Content::Text { text: sent, .. }) => text.as_ref() == Some(sent),
        None => text.is_some() && text == ours.text,
    }
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
        if Sender::of(ours.sent_via.as_deref()) == Sender::Person {
            turns::release(tx, conversation).await?;
        }
        let payload = message_payload(told.account, conversation, &ours);
        // It was sent through us and is told even when it is met while reading the past.
        told.of_webhook().announce(app, tx, "message.sent", payload).await?;
        early::catch_up(app, tx, told.account, &ours).await?;
        app.settled(&ours.id);
    }
    Ok(())
}

/// Gets the conversation with a person, and whether it is new.
pub(super) async fn open_conversation(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    thread: &RemoteThread,
    person: &RemotePerson,
) -> posta_store::Result<(Conversation, bool)> {
    let new = conversation(app, told, thread, person);
    let found = conversations::insert_or_get(tx, std::slice::from_ref(&new)).await?.pop();
    let found = found.ok_or(posta_store::Error::RowNotFound)?;
    let is_new = found.id == new.id;
    Ok((found, is_new))
}

/// The conversation with a person as it is when it begins.
pub(super) fn conversation(
    app: &App,
    told: &Told<'_>,
    thread: &RemoteThread,
    person: &RemotePerson,
) -> Conversation {
    let now = app.clock.now();
    Conversation {
        id: app.ids.next(),
        workspace_id: told.account.workspace_id.clone(),
        account_id: told.account.id.clone(),
        remote_id: thread.clone(),
        participant_id: person.clone(),
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
    }
}

pub(super) fn new_message(
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
    newest(app, conversation, message);
    conversations::update_activity(tx, &[conversation]).await
}

/// Notes the same in the row, which the caller writes.
pub(super) fn newest(app: &App, conversation: &mut Conversation, message: &Message) {
    if conversation.last_message_at.is_none_or(|newest| newest <= message.sent_at) {
        conversation.last_message.clone_from(&message.text);
        conversation.last_message_at = Some(message.sent_at);
    }
    let moved: Timestamp = match message.origin {
        Origin::Import => message.sent_at,
        Origin::Webhook | Origin::Api | Origin::Reconcile => app.clock.now(),
    };
    conversation.updated_at = conversation.updated_at.max(moved);
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
