//! Reacting to a message: at the platform, then on the record.

use posta_core::capability::CallClass;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_store::accounts::{Account, State};
use posta_store::conversations::Conversation;
use posta_store::messages::{self, Message, Reaction};
use posta_store::{Tx, message_changes, workspaces};
use unicode_segmentation::UnicodeSegmentation;

use super::line::Line;
use super::{FlowError, Invalid, budget, disconnect, refusal, send};
use crate::app::App;

/// The one reaction that platforms also know by a word.
const WORD: &str = "love";

/// Puts the account's reaction on a message in place of an earlier one, or takes it back.
///
/// # Errors
/// Why it was not done. Or the database failed.
pub async fn react(
    app: &App,
    account: &Account,
    conversation: &Conversation,
    message: &Message,
    emoji: Option<&str>,
) -> Result<(), FlowError> {
    if account.state != State::Connected {
        return Err(send::disconnected(app, account).into());
    }
    if let Some(emoji) = emoji.filter(|emoji| !is_one(emoji)) {
        let message = format!("emoji must be one emoji or `{WORD}`, and is {emoji:?}");
        return Err(
            Invalid { code: Code::InvalidFieldValue, param: "emoji".into(), message }.into()
        );
    }
    let Some(remote) = &message.remote_id else {
        let message = "the platform does not have this message, so nobody can react to it";
        return Err(refusal(Code::InvalidResourceState, message).into());
    };
    let line = Line::open(app, account).await?;
    let Some(reactions) = line.platform.reactions() else {
        let message = format!("{} takes no reactions", line.platform.title());
        return Err(refusal(Code::PlatformNotSupported, message).into());
    };
    let person = &conversation.participant_id;
    // The platform counts a reaction as a text.
    budget::spend_now(app, account, CallClass::Text).await?;
    if let Err(error) = reactions.react(&line.cx(app), person, remote, emoji).await {
        return Err(lost(app, account, error).await?.into());
    }
    let mut tx = app.db.write().await?;
    note(app, &mut tx, account, message, emoji).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether this is one character as people see it, and no letter, digit or the like.
fn is_one(emoji: &str) -> bool {
    emoji == WORD || (emoji.graphemes(true).count() == 1 && !emoji.is_ascii() && emoji.len() <= 64)
}

/// The account is lost if the platform no longer accepts its token. Hands the error back.
pub(super) async fn lost(
    app: &App,
    account: &Account,
    error: ConnectorError,
) -> posta_store::Result<ConnectorError> {
    if error.retry == Retry::Auth {
        let mut tx = app.db.write().await?;
        disconnect::lose(app, &mut tx, account, &error).await?;
        tx.commit().await?;
        app.wake.announced();
    }
    Ok(error)
}

/// Writes the reaction down. The person may react at the same time, so the message is read again
/// under the workspace's lock.
async fn note(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    message: &Message,
    emoji: Option<&str>,
) -> posta_store::Result<()> {
    workspaces::lock(tx, &account.workspace_id).await?;
    let Some(mut message) = messages::find(tx, &account.workspace_id, &message.id).await? else {
        return Ok(());
    };
    message.reactions.retain(|reaction| !reaction.from_me);
    if let Some(emoji) = emoji {
        let emoji = if emoji == WORD { "\u{2764}\u{fe0f}" } else { emoji };
        let (emoji, reacted_at) = (emoji.to_owned(), app.clock.now());
        message.reactions.push(Reaction { emoji, from_me: true, reacted_at });
    }
    message_changes::update_reactions(tx, &message.id, &message.reactions).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_is_one_however_it_is_written() {
        for emoji in ["love", "❤️", "👍🏽", "👨\u{200d}👩\u{200d}👧", "🇩🇪", "😀"]
        {
            assert!(is_one(emoji), "{emoji}");
        }
        for other in ["", "a", "ok", "😀😀", "like", " 😀"] {
            assert!(!is_one(other), "{other}");
        }
    }
}
