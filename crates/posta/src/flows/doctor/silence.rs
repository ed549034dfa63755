//! What happened to an account at its platform, and no webhook has told of.

use std::time::Duration;

use posta_core::finding::Finding;
use posta_core::id::RemoteComment;
use posta_core::time::Timestamp;
use posta_platforms::contract::{Happening, Platform};
use posta_store::accounts::Account;
use posta_store::comments;
use posta_store::conversations::Conversation;

use super::ago;
use super::webhooks::fields;
use crate::app::App;

/// From when on it is odd that no event has come.
const ODD: Duration = Duration::from_hours(24);

/// How much later than things happen webhooks may come.
const LAG: Duration = Duration::from_mins(5);

/// Something in a conversation that is newer than whatever was told: of the account at all, or, where
/// other things such as comments are told, of any of its conversations.
pub(super) fn of_messages(
    platform: &dyn Platform,
    account: &Account,
    known: &[Conversation],
    newest: Happening,
) -> Option<Finding> {
    let since = account.state_since;
    let is_news =
        |heard: Option<Timestamp>| newest.at.since(heard.unwrap_or(since).max(since)) >= LAG;
    let moved = known.iter().map(|one| one.updated_at).max();
    let is_error = is_news(account.last_event_at);
    if !is_error && !is_news(moved) {
        return None;
    }
    let title = platform.title();
    let heard = if is_error { account.last_event_at } else { moved };
    let seen = format!(
        "{title} has a conversation in which something happened at {}; the last it told of {} was at {}",
        newest.at,
        if is_error { "the account" } else { "any conversation" },
        heard.unwrap_or(since).max(since)
    );
    let cause = format!(
        "Webhooks of messages do not come. If no other finding says why, it is what {title} tells \
         nobody: the app is not live or lacks Advanced Access, so that only what people with a role \
         on it write is told; or the app itself is not subscribed in the dashboard."
    );
    let remedy =
        format!("Publish the app, get Advanced Access by App Review. {}", fields(platform));
    // What happened can be a thing that is not kept, where at least something is told.
    let finding =
        if is_error { Finding::error("silence", seen) } else { Finding::warning("silence", seen) };
    Some(finding.call(newest.call).cause(cause).remedy(remedy))
}

/// Comments that stand under the account's posts and are not on record.
pub(super) async fn of_comments(
    app: &App,
    platform: &dyn Platform,
    account: &Account,
    newest: Vec<(RemoteComment, Happening)>,
) -> posta_store::Result<Option<Finding>> {
    let due = app.clock.now().minus(LAG);
    let mut tx = app.db.read().await?;
    let mut unheard: Option<Happening> = None;
    for (comment, happening) in newest {
        let is_due = account.state_since < happening.at && happening.at <= due;
        let is_newer = unheard.as_ref().is_none_or(|known| known.at < happening.at);
        if is_due
            && is_newer
            && comments::find_remote(&mut tx, &account.id, &comment).await?.is_none()
        {
            unheard = Some(happening);
        }
    }
    let Some(unheard) = unheard else { return Ok(None) };
    let title = platform.title();
    let seen = format!(
        "a comment of {} stands under a post of the account, and no webhook told of it: {}",
        unheard.at, unheard.call
    );
    let cause = format!(
        "{title} tells of comments only to apps that are live and have Advanced Access for them, \
         whoever writes them; only if the account is public; and only if the app itself is subscribed \
         to them in the dashboard. What is missing of these makes no error."
    );
    let remedy = format!(
        "Get Advanced Access for comments by App Review, see that the account is public. {}",
        fields(platform)
    );
    Ok(Some(Finding::warning("comments", seen).call(unheard.call).cause(cause).remedy(remedy)))
}

/// When the platform last told anything.
pub(super) fn last_event(app: &App, platform: &dyn Platform, account: &Account) -> Finding {
    let now = app.clock.now();
    match account.last_event_at {
        Some(at) => Finding::fine("last_event", format!("{at}, {}", ago(at, now))),
        None if now.since(account.state_since) < ODD => {
            Finding::fine("last_event", "none yet; the account was connected not long ago")
        }
        None => Finding::warning("last_event", format!("none since {}", account.state_since))
            .cause("Nobody has written, or webhooks do not come. What the platform does not tell an \
                    app: whether it is live, and which fields it is subscribed to in the dashboard.")
            .remedy(format!(
                "Write to the account from another one and look again. See in the dashboard that \
                 the app is live. {}",
                fields(platform)
            )),
    }
}
