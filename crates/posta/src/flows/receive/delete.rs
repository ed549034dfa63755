//! A message was taken back. Whether its content stays readable is a setting.

use posta_core::event::ThreadMessage;
use posta_core::id::EventId;
use posta_core::time::Timestamp;
use posta_store::conversations::{self, Conversation};
use posta_store::messages::{self, Message};
use posta_store::{Tx, message_changes};

use super::early::{self, Happened};
use super::{Taken, Told, purge};
use crate::app::App;
use crate::flows::events::{ConversationBlock, InboxAccount, Payload, message_block};

pub(super) async fn deleted(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    gone: &ThreadMessage,
) -> posta_store::Result<Taken> {
    let account = told.account;
    let Some(mut message) = messages::find_remote(tx, &account.id, &gone.message).await? else {
        if purge::is_wanted(app) {
            purge::of_stranger(app, tx, account, &gone.message, told.at).await?;
        }
        let is_new = early::keep(app, tx, told, &gone.message, &Happened::Deleted).await?;
        return Ok(if is_new { Taken::New } else { Taken::Known });
    };
    if message.deleted_at.is_some() {
        return purge_again(app, tx, told, &message).await;
    }
    message.deleted_at = Some(told.at);
    let mut conversation =
        conversations::get_locked(tx, &account.workspace_id, &message.conversation_id).await?;
    if purge::is_wanted(app) {
        purge::empty(&mut message);
        purge::of_message(app, tx, account, &message).await?;
        if conversation.last_message_at == Some(message.sent_at) {
            conversation.last_message = None;
            conversations::update_activity(tx, &[&conversation]).await?;
        }
    }
    message_changes::update_deleted(tx, &message).await?;
    tell(app, tx, told, &conversation, &message, told.at).await?;
    Ok(Taken::New)
}

/// Takes what a webhook says of a message that is known already. When the message was taken back and
/// nothing of it shall stay, that goes for this webhook too.
pub(super) async fn purge_again(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    message: &Message,
) -> posta_store::Result<Taken> {
    if let (Some(id), Some(cause)) = (&message.remote_id, told.cause)
        && message.deleted_at.is_some()
        && purge::is_wanted(app)
    {
        purge::of_webhook(app, tx, told.account, id, &cause.inbound_id).await?;
    }
    Ok(Taken::Known)
}

/// Tells that a message was taken back.
pub(super) async fn tell(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    conversation: &Conversation,
    message: &Message,
    deleted_at: Timestamp,
) -> posta_store::Result<Option<EventId>> {
    let payload = payload(told, conversation, message, deleted_at);
    told.announce(app, tx, "message.deleted", payload).await
}

pub(super) fn payload(
    told: &Told<'_>,
    conversation: &Conversation,
    message: &Message,
    deleted_at: Timestamp,
) -> Payload {
    Payload::MessageDeleted {
        message: message_block(told.account, conversation, message),
        deleted_at,
        conversation: ConversationBlock::from(conversation),
        account: InboxAccount::from(told.account),
    }
}
