//! A message was taken back. Whether its content stays readable is a setting.

use posta_core::event::ThreadMessage;
use posta_core::id::EventId;
use posta_core::time::Timestamp;
use posta_store::conversations::{self, Conversation};
use posta_store::messages::{self, Message};
use posta_store::{Json, Tx, message_changes};

use super::early::{self, Happened};
use super::{Taken, Told};
use crate::app::App;
use crate::config::MediaPolicy;
use crate::flows::events::{ConversationBlock, InboxAccount, Payload, message_block};
use crate::flows::media;

pub(super) async fn deleted(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    gone: &ThreadMessage,
) -> posta_store::Result<Taken> {
    let account = told.account;
    let Some(mut message) = messages::find_remote(tx, &account.id, &gone.message).await? else {
        let is_new = early::keep(app, tx, told, &gone.message, &Happened::Deleted).await?;
        return Ok(if is_new { Taken::New } else { Taken::Known });
    };
    if message.deleted_at.is_some() {
        return Ok(Taken::Known);
    }
    message.deleted_at = Some(told.at);
    let mut conversation =
        conversations::get_locked(tx, &account.workspace_id, &message.conversation_id).await?;
    if is_purged(app) {
        purge(&mut message);
        media::forget_copies(tx, &message.id).await?;
        if conversation.last_message_at == Some(message.sent_at) {
            conversation.last_message = None;
            conversations::update_activity(tx, &conversation).await?;
        }
    }
    message_changes::update_deleted(tx, &message).await?;
    tell(app, tx, told, &conversation, &message, told.at).await?;
    Ok(Taken::New)
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
    let payload = Payload::MessageDeleted {
        message: message_block(told.account, conversation, message),
        deleted_at,
        conversation: ConversationBlock::from(conversation),
        account: InboxAccount::from(told.account),
    };
    told.announce(app, tx, "message.deleted", &payload).await
}

/// Whether what a message said goes with it.
pub(super) fn is_purged(app: &App) -> bool {
    app.config.media.policy == MediaPolicy::PurgeOnUnsend
}

/// Takes away everything that a message said.
pub(super) fn purge(message: &mut Message) {
    message.text = None;
    message.attachments = Json(Vec::new());
    message.metadata = None;
    message.edit_history = Json(Vec::new());
}
