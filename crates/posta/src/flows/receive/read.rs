//! The person has read what the account wrote.

use posta_core::event::{Direction, ThreadMessage};
use posta_store::{Tx, conversations, messages};

use super::early::{self, Happened};
use super::{Taken, Told};
use crate::app::App;
use crate::flows::events::{ConversationBlock, InboxAccount, Payload, message_block};

pub(super) async fn person_read(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    read: &ThreadMessage,
) -> posta_store::Result<Taken> {
    let account = told.account;
    let Some(mut message) = messages::find_remote(tx, &account.id, &read.message).await? else {
        let is_new =
            early::keep(app, tx, told, &read.message, &Happened::Read(read.clone())).await?;
        return Ok(if is_new { Taken::New } else { Taken::Known });
    };
    let conversation =
        conversations::get(tx, &account.workspace_id, &message.conversation_id).await?;
    let marked =
        messages::update_read_by_person(tx, &conversation.id, message.sent_at, told.at).await?;
    if marked == 0 {
        return Ok(Taken::Known);
    }
    if message.direction == Direction::Outgoing {
        message.read_at = Some(told.at);
        let payload = Payload::MessageStatus {
            message: message_block(account, &conversation, &message),
            status_at: told.at,
            error: None,
            conversation: ConversationBlock::from(&conversation),
            account: InboxAccount::from(account),
        };
        told.announce(app, tx, "message.read", payload).await?;
    }
    Ok(Taken::New)
}
