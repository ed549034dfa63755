//! The text of a message was changed. What it said before is kept, and the last change counts.

use posta_core::event::Edit;
use posta_core::time::Timestamp;
use posta_store::conversations::{self, Conversation};
use posta_store::messages::{self, Edition, Message};
use posta_store::{Tx, message_changes};

use super::early::{self, Happened};
use super::{Taken, Told, delete, fetch};
use crate::app::App;
use crate::flows::events::{ConversationBlock, InboxAccount, Payload, editions, message_block};

pub(super) async fn edited(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    edit: &Edit,
) -> posta_store::Result<Taken> {
    match messages::find_remote(tx, &told.account.id, &edit.message).await? {
        Some(mut message) => apply(app, tx, told, &mut message, edit).await,
        None => {
            let happened = Happened::Edited(edit.clone());
            if !early::keep(app, tx, told, &edit.message, &happened).await? {
                return Ok(Taken::Known);
            }
            // The message itself may never come by webhook.
            fetch::ask(app, tx, told, &edit.message).await
        }
    }
}

/// Applies an edit to a message, unless it was applied before.
pub(super) async fn apply(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    message: &mut Message,
    edit: &Edit,
) -> posta_store::Result<Taken> {
    let is_newest = edit.count > message.edit_count;
    let is_known = if is_newest { false } else { is_in_history(message, told.at) };
    if is_known || message.deleted_at.is_some() {
        return delete::purge_again(app, tx, told, message).await;
    }
    if !is_newest {
        // It came late: only what the message once said is new.
        if edit.text.is_none() {
            return Ok(Taken::Known);
        }
        insert_late(&mut message.edit_history, edit.text.clone(), told.at);
        message_changes::update_edited(tx, message).await?;
        return Ok(Taken::New);
    }
    match &edit.text {
        Some(text) => change(app, tx, told, message, edit.count, Some(text.clone())).await,
        None => fetch::ask_text(app, tx, told, edit).await,
    }
}

/// Changes a message for the `count`-th time; without a text, only that counts.
pub(super) async fn change(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    message: &mut Message,
    count: i64,
    text: Option<String>,
) -> posta_store::Result<Taken> {
    if message.deleted_at.is_some() || message.edit_count >= count {
        return Ok(Taken::Known);
    }
    if text.is_some() && text != message.text {
        let before = Edition {
            text: message.text.clone(),
            attachments: message.attachments.0.clone(),
            edited_at: told.at,
        };
        message.edit_history.0.push(before);
        message.text = text;
    }
    message.edit_count = count;
    message.edited_at = Some(told.at);
    // The conversation is locked before its messages, here and everywhere.
    let (owner, id) = (&told.account.workspace_id, &message.conversation_id);
    let conversation = conversations::get_locked(tx, owner, id).await?;
    message_changes::update_edited(tx, message).await?;
    tell(app, tx, told, conversation, message).await?;
    Ok(Taken::New)
}

async fn tell(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    mut conversation: Conversation,
    message: &Message,
) -> posta_store::Result<()> {
    let account = told.account;
    if conversation.last_message_at == Some(message.sent_at) {
        conversation.last_message.clone_from(&message.text);
        conversations::update_activity(tx, &[&conversation]).await?;
    }
    let payload = Payload::MessageEdited {
        message: message_block(account, &conversation, message),
        edit_history: editions(&message.edit_history),
        edit_count: message.edit_count,
        edited_at: told.at,
        conversation: ConversationBlock::from(&conversation),
        account: InboxAccount::from(account),
    };
    told.announce(app, tx, "message.edited", payload).await.map(drop)
}

/// Whether the message changed at this moment, as far as we know.
fn is_in_history(message: &Message, at: Timestamp) -> bool {
    message.edited_at == Some(at) || message.edit_history.iter().any(|one| one.edited_at == at)
}

/// Puts a text between those that the message had before and after it.
fn insert_late(history: &mut Vec<Edition>, text: Option<String>, at: Timestamp) {
    let Some(index) = history.iter().position(|one| one.edited_at > at) else {
        return;
    };
    let late = Edition {
        text,
        attachments: history[index].attachments.clone(),
        edited_at: history[index].edited_at,
    };
    history[index].edited_at = at;
    history.insert(index + 1, late);
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn edition(text: &str, edited_at: i64) -> Edition {
        Edition { text: Some(text.into()), attachments: Vec::new(), edited_at: at(edited_at) }
    }

    #[test]
    fn a_late_edit_stands_between_what_was_before_and_after_it() {
        let mut history = vec![edition("a", 30)];
        for (text, when) in [("c", 20), ("b", 10), ("never", 40)] {
            insert_late(&mut history, Some(text.into()), at(when));
        }
        assert_eq!(history, [edition("a", 10), edition("b", 20), edition("c", 30)]);
    }
}
