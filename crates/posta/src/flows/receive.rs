//! A raw webhook becomes messages and events. Doing it twice changes nothing.

use std::time::Duration;

use posta_core::event::{self, Direction, Event, ThreadMessage, What};
use posta_core::id::{RemoteMessage, RemotePerson, RemoteThread};
use posta_core::time::Timestamp;
use posta_store::accounts::{self, Account};
use posta_store::conversations::{self, Conversation};
use posta_store::inbound::{self, Inbound, State};
use posta_store::messages::{self, Message, Origin};
use posta_store::{Json, Tx, workspaces};

use super::announce::announce;
use super::events::{
    ConversationBlock, InboxAccount, Payload, message_block, started_conversation,
};
use super::metadata::{click, metadata};
use super::window::{self, Opener, Opening};
use crate::app::App;

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// It is in the books, now or since before.
    Done,
    /// It speaks of no account that is connected through the app that signed it.
    NoAccount,
    /// It is the echo of a send whose answer is still out; it can be told apart only afterwards.
    TooEarly,
}

/// Why a webhook waits that holds such an echo.
const EARLY: &str = "an echo waits for the answer of its send";

/// How long an echo waits that came before the answer of its send.
const ECHO_WAIT: Duration = Duration::from_millis(200);

/// Works off one raw webhook within the transaction.
///
/// # Errors
/// When the database failed; then nothing has happened and the webhook stays pending.
pub async fn receive(app: &App, tx: &mut Tx, row: &Inbound) -> posta_store::Result<()> {
    let parsed = posta_platforms::get(&row.platform)
        .and_then(|platform| platform.inbound())
        .ok_or_else(|| "this version does not know the platform".to_owned())
        .and_then(|inbound| inbound.parse(&row.body).map_err(|unparsed| unparsed.to_string()));
    let events = match parsed {
        Ok(events) => events,
        Err(problem) => {
            tracing::warn!(platform = row.platform, inbound.id = %row.id, "webhook not understood");
            return inbound::update_state(tx, &row.id, State::Unparsed, Some(&problem)).await;
        }
    };
    let (mut is_early, mut is_routed, mut is_lost) = (false, false, false);
    for event in &events {
        match take(app, tx, row, event).await? {
            Taken::Done => is_routed = true,
            Taken::NoAccount => is_lost = true,
            Taken::TooEarly => is_early = true,
        }
    }
    if is_early {
        // The rest of the batch is taken in; meeting it again is harmless.
        return inbound::update_due(tx, &row.id, app.clock.now().plus(ECHO_WAIT), Some(EARLY))
            .await;
    }
    let state = if is_lost && !is_routed { State::Unrouted } else { State::Done };
    inbound::update_state(tx, &row.id, state, None).await
}

/// Works off at once the echoes that came before the answer of a send. In a transaction of its own:
/// whoever works off the same webhook at this moment must not wait for the send's.
///
/// # Errors
/// When the database failed; the echoes are then worked off a moment later.
pub async fn hurry_echoes(app: &App) -> posta_store::Result<()> {
    let mut tx = app.db.read().await?;
    let is_any = inbound::is_any_waiting(&mut tx, EARLY).await?;
    drop(tx);
    if is_any {
        let mut tx = app.db.write().await?;
        inbound::update_due_now(&mut tx, EARLY, app.clock.now()).await?;
        tx.commit().await?;
        app.wake.receive.notify_one();
    }
    Ok(())
}

async fn take(app: &App, tx: &mut Tx, row: &Inbound, event: &Event) -> posta_store::Result<Taken> {
    if event.what == What::TestSend {
        tracing::info!(platform = row.platform, "the platform's dashboard sent a test");
        return Ok(Taken::Done);
    }
    let accounts = accounts::list_by_remote(tx, &row.platform, &event.account).await?;
    let mut taken = Taken::NoAccount;
    // An account hears only what was signed by the app it is connected through; otherwise one
    // customer's app secret could forge another's messages.
    for account in accounts.iter().filter(|one| row.verified_by.contains(&one.oauth_app_id)) {
        let at = event.at.unwrap_or(row.received_at);
        workspaces::lock(tx, &account.workspace_id).await?;
        if apply(app, tx, account, event, at).await? == Taken::TooEarly {
            taken = Taken::TooEarly;
        } else if taken == Taken::NoAccount {
            taken = Taken::Done;
        }
        accounts::update_last_event(tx, &account.id, app.clock.now()).await?;
    }
    metrics::counter!(
        "posta_events_total", "platform" => row.platform.clone(), "event" => event.what.name()
    )
    .increment(1);
    tracing::debug!(platform = row.platform, event = event.what.name(), ?taken, "event");
    Ok(taken)
}

async fn apply(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    event: &Event,
    at: Timestamp,
) -> posta_store::Result<Taken> {
    match &event.what {
        What::Message(message) => match message.direction {
            Direction::Incoming => incoming(app, tx, account, message, event.standby, at).await,
            Direction::Outgoing => echo(app, tx, account, message, at).await,
        },
        What::MessageRead(read) => person_read(app, tx, account, read, at).await,
        // Their raw form is kept, so that a version that knows what to do with them can.
        What::MessageAnnounced(_)
        | What::MessageEdited(_)
        | What::MessageDeleted(_)
        | What::Reaction(_)
        | What::Referral { .. }
        | What::ControlChanged { .. }
        | What::Comment(_)
        | What::TestSend
        | What::Unknown => Ok(Taken::Done),
    }
}

async fn incoming(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    message: &event::Message,
    is_standby: bool,
    at: Timestamp,
) -> posta_store::Result<Taken> {
    let (mut conversation, is_new) =
        open_conversation(app, tx, account, &message.thread, &message.person).await?;
    let metadata = metadata(message, is_standby);
    let stored = Message {
        status: messages::Status::Received,
        sender_id: message.person.to_string(),
        metadata: metadata.clone().map(Json),
        is_read: false,
        ..new_message(app, account, &conversation, message, at)
    };
    if !messages::insert(tx, &stored).await? {
        return Ok(Taken::Done);
    }
    conversation.status = conversations::Status::Active;
    conversation.unread_count += 1;
    if let Some(referral) = &message.referral {
        conversation.metadata = Some(Json(click(referral, at)));
    }
    if is_new {
        let payload = Payload::ConversationStarted {
            conversation: started_conversation(account, &conversation),
            account: InboxAccount::from(account),
            started_at: at,
        };
        announce(app, tx, account, "conversation.started", &payload).await?;
    }
    let payload = message_payload(account, &conversation, &stored);
    let id = announce(app, tx, account, "message.received", &payload).await?;
    let opening = Opening { id: Some(id), kind: Opener::of(message) };
    window::opened(app, account, &mut conversation, &opening, at);
    note_newest(app, tx, &mut conversation, &stored).await?;
    Ok(Taken::Done)
}

async fn echo(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    message: &event::Message,
    at: Timestamp,
) -> posta_store::Result<Taken> {
    if messages::find_remote(tx, &account.id, &message.id).await?.is_some() {
        return Ok(Taken::Done);
    }
    let (mut conversation, _) =
        open_conversation(app, tx, account, &message.thread, &message.person).await?;
    if messages::is_any_sending(tx, &conversation.id).await? {
        return Ok(Taken::TooEarly);
    }
    let text = message.text.as_deref().unwrap_or_default();
    if let Some(ours) = messages::find_unknown(tx, &conversation.id, text).await? {
        settle_by_echo(app, tx, account, &mut conversation, ours, &message.id, at).await?;
        return Ok(Taken::Done);
    }
    let stored = Message {
        status: messages::Status::Sent,
        sender_id: account.id.to_string(),
        is_read: true,
        ..new_message(app, account, &conversation, message, at)
    };
    if messages::insert(tx, &stored).await? {
        note_newest(app, tx, &mut conversation, &stored).await?;
        let payload = message_payload(account, &conversation, &stored);
        announce(app, tx, account, "message.sent", &payload).await?;
    }
    Ok(Taken::Done)
}

async fn settle_by_echo(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    conversation: &mut Conversation,
    mut ours: Message,
    remote: &RemoteMessage,
    at: Timestamp,
) -> posta_store::Result<()> {
    if messages::update_sent(tx, &ours.id, remote, at).await? {
        ours.status = messages::Status::Sent;
        ours.remote_id = Some(remote.clone());
        ours.sent_at = at;
        note_newest(app, tx, conversation, &ours).await?;
        let payload = message_payload(account, conversation, &ours);
        announce(app, tx, account, "message.sent", &payload).await?;
        app.waiters.wake(&ours.id);
    }
    Ok(())
}

async fn person_read(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    read: &ThreadMessage,
    at: Timestamp,
) -> posta_store::Result<Taken> {
    let Some(mut message) = messages::find_remote(tx, &account.id, &read.message).await? else {
        return Ok(Taken::Done);
    };
    let conversation =
        conversations::get(tx, &account.workspace_id, &message.conversation_id).await?;
    let marked = messages::update_read_by_person(tx, &conversation.id, message.sent_at, at).await?;
    if marked > 0 && message.direction == Direction::Outgoing {
        message.read_at = Some(at);
        let payload = Payload::MessageStatus {
            message: message_block(account, &conversation, &message),
            status_at: at,
            error: None,
            conversation: ConversationBlock::from(&conversation),
            account: InboxAccount::from(account),
        };
        announce(app, tx, account, "message.read", &payload).await?;
    }
    Ok(Taken::Done)
}

/// Gets the conversation with a person, and whether it is new.
async fn open_conversation(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    thread: &RemoteThread,
    person: &RemotePerson,
) -> posta_store::Result<(Conversation, bool)> {
    let now = app.clock.now();
    let new = Conversation {
        id: app.ids.next(),
        workspace_id: account.workspace_id.clone(),
        account_id: account.id.clone(),
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
        updated_at: now,
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
    account: &Account,
    conversation: &Conversation,
    message: &event::Message,
    at: Timestamp,
) -> Message {
    Message {
        id: app.ids.next(),
        workspace_id: account.workspace_id.clone(),
        account_id: account.id.clone(),
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
        sent_at: at,
        created_at: app.clock.now(),
        content: None,
        origin: Origin::Webhook,
        part_of: None,
        comment_id: None,
        deleted_at: None,
        edited_at: None,
        edit_count: 0,
        edit_history: Json(Vec::new()),
        reactions: Json(Vec::new()),
    }
}

/// Writes what a message changes in its conversation. A late message does not displace a newer one.
///
/// # Errors
/// When the database failed.
pub(super) async fn note_newest(
    app: &App,
    tx: &mut Tx,
    conversation: &mut Conversation,
    message: &Message,
) -> posta_store::Result<()> {
    if conversation.last_message_at.is_none_or(|newest| newest <= message.sent_at) {
        conversation.last_message.clone_from(&message.text);
        conversation.last_message_at = Some(message.sent_at);
    }
    conversation.updated_at = conversation.updated_at.max(app.clock.now());
    conversations::update_activity(tx, conversation).await
}

/// The payload of `message.received` and `message.sent`.
pub(super) fn message_payload(
    account: &Account,
    conversation: &Conversation,
    message: &Message,
) -> Payload {
    Payload::Message {
        message: message_block(account, conversation, message),
        conversation: ConversationBlock::from(conversation),
        account: InboxAccount::from(account),
        metadata: message.metadata.as_ref().map(|json| json.0.clone()),
    }
}
