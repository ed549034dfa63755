//! Taking everything away that a message said, once it was taken back: from the message and from the
//! events at once, from raw webhooks a moment later.

use std::time::Duration;

use posta_core::id::{InboundId, RemoteMessage, TIME_DIGITS, floor_of_ids};
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::inbound::State;
use posta_store::messages::Message;
use posta_store::purges::{self, Purge};
use posta_store::{Json, Tx, early, events};
use serde_json::Value;

use crate::app::App;
use crate::config::MediaPolicy;
use crate::flows::media;

/// How many raw webhooks are looked at in one go.
const BIT: i64 = 200;

/// How long a webhook is waited for that speaks of the message and is not worked off yet.
const LATER: Duration = Duration::from_secs(10);

/// By how much the platform's clock may be behind ours.
const SKEW: Duration = Duration::from_hours(1);

/// How long after a message the webhooks about it come; platforms repeat theirs for a day and a half.
const REPEATED: Duration = Duration::from_hours(48);

/// Whether what a message said goes with it.
pub(super) fn is_wanted(app: &App) -> bool {
    app.config.media.policy == MediaPolicy::PurgeOnUnsend
}

/// Takes away what a message says, before it is written.
pub(super) fn empty(message: &mut Message) {
    message.text = None;
    message.attachments = Json(Vec::new());
    message.metadata = None;
    message.edit_history = Json(Vec::new());
    message.content = None;
}

/// Takes away what else was kept of a message: copies, what events show of it, and, as the next thing
/// that is done, what raw webhooks say.
pub(super) async fn of_message(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    message: &Message,
) -> posta_store::Result<()> {
    media::forget_copies(tx, &message.id).await?;
    for event in events::list_of_message(tx, &message.id).await? {
        if let Some(body) = without_words(&event.body) {
            events::update_body(tx, &event.id, &body).await?;
        }
    }
    let Some(id) = &message.remote_id else { return Ok(()) };
    let since = message.sent_at.min(message.created_at).minus(SKEW);
    let until = message.edited_at.unwrap_or(message.created_at).max(message.created_at);
    ask(app, tx, account, id, floor_of_ids(since), until.plus(REPEATED)).await
}

/// Takes away what is kept of a message that never came: its edits may have.
pub(super) async fn of_stranger(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    id: &RemoteMessage,
    at: Timestamp,
) -> posta_store::Result<()> {
    for row in early::take(tx, &[(&account.id, id)]).await? {
        if !row.key.starts_with("edited:") {
            early::insert(tx, &row).await?;
        }
    }
    ask(app, tx, account, id, floor_of_ids(at.minus(REPEATED)), app.clock.now()).await
}

/// Takes away what one webhook says that came after the message was taken back.
pub(super) async fn of_webhook(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    id: &RemoteMessage,
    webhook: &InboundId,
) -> posta_store::Result<()> {
    // The beginning of an id stands before it, and after those of earlier times.
    let place = webhook.as_str()[..TIME_DIGITS].to_owned();
    ask(app, tx, account, id, place, app.clock.now()).await
}

async fn ask(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    id: &RemoteMessage,
    place: String,
    until: Timestamp,
) -> posta_store::Result<()> {
    let now = app.clock.now();
    let purge = Purge {
        account_id: account.id.clone(),
        message_id: id.clone(),
        platform: account.platform.clone(),
        place,
        until: until.min(now),
        due_at: now,
    };
    purges::upsert(tx, &purge).await
}

/// Rewrites the body of an event without what its message says; `None` when it shows no message.
fn without_words(body: &str) -> Option<String> {
    let mut body: Value = serde_json::from_str(body).ok()?;
    let message = body.get_mut("message")?.as_object_mut()?;
    message.insert("text".to_owned(), Value::Null);
    message.insert("attachments".to_owned(), Value::Array(Vec::new()));
    let event = body.as_object_mut()?;
    event.remove("metadata");
    if let Some(history) = event.get_mut("editHistory") {
        *history = Value::Array(Vec::new());
    }
    Some(body.to_string())
}

/// Looks at the next raw webhooks and takes out of them what the message said.
///
/// # Errors
/// When the database failed; it is then taken up again later.
pub async fn purge_some(app: &App, row: &Purge) -> posta_store::Result<()> {
    let platform = posta_platforms::get(&row.platform);
    let Some(inbound) = platform.and_then(|platform| platform.inbound()) else {
        let mut tx = app.db.write().await?;
        purges::delete(&mut tx, row).await?;
        return tx.commit().await;
    };
    let mut tx = app.db.read().await?;
    let all = purges::list_inbound(&mut tx, &row.platform, &row.place, row.until, BIT).await?;
    drop(tx);
    let is_last = i64::try_from(all.len()).unwrap_or(BIT) < BIT;
    let (mut place, mut is_waiting) = (row.place.clone(), false);
    let mut tx = app.db.write().await?;
    for one in all {
        if let Some(body) = inbound.redact(&one.inbound.body, &row.message_id) {
            // Whatever else is in it must not be lost: its turn comes first.
            if one.state == State::Pending {
                is_waiting = true;
                break;
            }
            purges::update_body(&mut tx, &one.inbound.id, &body).await?;
        }
        place = one.inbound.id.to_string();
    }
    let now = app.clock.now();
    if is_waiting {
        purges::update_place(&mut tx, row, &place, now.plus(LATER)).await?;
    } else if is_last {
        purges::delete(&mut tx, row).await?;
    } else {
        purges::update_place(&mut tx, row, &place, now).await?;
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_without_words_is_still_an_event() {
        let body = json!({
            "id": "e", "event": "message.edited", "timestamp": "t", "editCount": 1,
            "message": {"id": "m", "text": "Secret", "attachments": [{"url": "x"}], "direction": "incoming"},
            "metadata": {"quickReplyPayload": "Secret"}, "editHistory": [{"text": "Secret"}],
            "account": {"id": "a"},
        });
        let left: Value = serde_json::from_str(&without_words(&body.to_string()).unwrap()).unwrap();
        let expected = json!({
            "id": "e", "event": "message.edited", "timestamp": "t", "editCount": 1,
            "message": {"id": "m", "text": null, "attachments": [], "direction": "incoming"},
            "editHistory": [], "account": {"id": "a"},
        });
        assert_eq!(left, expected);
        assert_eq!(without_words(r#"{"reaction": {}}"#), None);
        assert_eq!(without_words(r#"{"message": "This is a test"}"#), None);
    }
}
