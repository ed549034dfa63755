//! Somebody reacted to a message, or took the reaction back.

use posta_core::event;
use posta_store::messages::{self, Message, Reaction};
use posta_store::{Tx, conversations, message_changes};

use super::early::{self, Happened};
use super::message::open_conversation;
use super::{Taken, Told};
use crate::app::App;
use crate::flows::events::{ConversationBlock, InboxAccount, Payload, ReactionBlock, person_block};

pub(super) async fn reacted(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    reaction: &event::Reaction,
) -> posta_store::Result<Taken> {
    let account = told.account;
    let found = messages::find_remote(tx, &account.id, &reaction.message).await?;
    let (message, conversation, before) = match found {
        Some(mut message) => {
            let Some(before) = put(told, &mut message.reactions.0, reaction) else {
                return Ok(Taken::Known);
            };
            message_changes::update_reactions(tx, &message.id, &message.reactions).await?;
            let id = &message.conversation_id;
            let conversation = conversations::get(tx, &account.workspace_id, id).await?;
            (Some(message), conversation, before)
        }
        None => {
            let happened = Happened::Reacted(reaction.clone());
            if !early::keep(app, tx, told, &reaction.message, &happened).await? {
                return Ok(Taken::Known);
            }
            // Only the person can be new to us: an account's own reactions are not told of.
            let (thread, person) = (&reaction.thread, &reaction.person);
            let (conversation, _) = open_conversation(app, tx, told, thread, person).await?;
            (None, conversation, String::new())
        }
    };
    let block = ReactionBlock {
        emoji: reaction.emoji.clone().unwrap_or(before),
        action: if reaction.emoji.is_some() { "added" } else { "removed" },
        message_id: message.map(|message: Message| message.id),
        platform_message_id: reaction.message.clone(),
        sender: person_block(&conversation, reaction.person.as_str()),
        reacted_at: told.at,
    };
    let payload = Payload::Reaction {
        reaction: block,
        conversation: ConversationBlock::from(&conversation),
        account: InboxAccount::from(account),
    };
    told.announce(app, tx, "reaction.received", payload).await?;
    Ok(Taken::New)
}

/// Puts a reaction among those of a message and returns what stood there before, empty for none;
/// `None` when it was there already or a later one is. A reaction that was taken back leaves an
/// empty one, so that an older one that comes late does not stand again.
pub(super) fn put(
    told: &Told<'_>,
    reactions: &mut Vec<Reaction>,
    reaction: &event::Reaction,
) -> Option<String> {
    let from_me = reaction.person.as_str() == told.account.remote_id.as_str();
    let new = Reaction {
        emoji: reaction.emoji.clone().unwrap_or_default(),
        from_me,
        reacted_at: told.at,
    };
    let Some(old) = reactions.iter_mut().find(|one| one.from_me == from_me) else {
        reactions.push(new);
        return Some(String::new());
    };
    let is_later = old.reacted_at < new.reacted_at
        || (old.reacted_at == new.reacted_at && old.emoji != new.emoji);
    is_later.then(|| std::mem::replace(old, new).emoji)
}
