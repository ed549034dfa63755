//! Taps that a platform told without an id, and the same taps where it shows them with one.
//!
//! An id is the only thing by which messages are told apart. Where a tap has none, it is stored under
//! a stand-in for one; and what the platform shows later is that tap if it is of the same person,
//! says the same, and happened then, each being taken once and in order.

use std::time::Duration;

use posta_core::event::{self, Direction};
use posta_core::id::RemoteMessage;
use posta_store::conversations::Conversation;
use posta_store::messages::{Message, Origin};
use posta_store::{Json, Tx, message_changes, told};

use super::{Told, early};
use crate::app::App;
use crate::flows::metadata::metadata;

/// How far apart a platform may tell the time of one tap: it lists whole seconds.
const APART: Duration = Duration::from_mins(1);

/// Whether a message can be a tap that is stored under another id: one without an id of its own, or one
/// that was read from the past.
pub(super) fn may_be_known(told: &Told<'_>, message: &event::Message) -> bool {
    message.id.is_stand_in() == (told.origin == Origin::Webhook)
}

/// Whether a message that nothing is stored of by its id is a tap that is stored under another. The
/// two become one, under the platform's own id.
///
/// # Errors
/// When the database failed.
pub(super) async fn is_known(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    conversation: &Conversation,
    message: &event::Message,
) -> posta_store::Result<bool> {
    if !may_be_known(told, message) {
        return Ok(false);
    }
    let is_stand_in = message.id.is_stand_in();
    let (key, at) = (message.id.as_str(), told.at);
    if is_stand_in && told::is_any_between(tx, &told.account.id, key, at, at).await? {
        return Ok(true);
    }
    let near = message_changes::list_between(tx, &conversation.id, at.minus(APART), at.plus(APART));
    let is_same = |one: &Message| {
        let is_candidate = if is_stand_in { is_untapped(one) } else { is_unnamed(one) };
        is_candidate && one.direction == Direction::Incoming && one.text == message.text
    };
    let Some(mut stored) = near.await?.into_iter().find(is_same) else {
        return Ok(false);
    };
    let (stand_in, happened_at) = if is_stand_in {
        stored.metadata = metadata(message, told.is_standby, false).map(Json);
        message_changes::update_kept(tx, &stored).await?;
        (message.id.clone(), at)
    } else {
        let Some(stand_in) = stored.remote_id.replace(message.id.clone()) else {
            return Ok(false);
        };
        message_changes::update_remote(tx, &stored.id, &message.id).await?;
        early::catch_up(app, tx, told.account, &stored).await?;
        (stand_in, stored.sent_at)
    };
    // The platform may repeat it without an id, under which nothing is stored any longer.
    let account = &told.account.id;
    told::insert(tx, account, stand_in.as_str(), happened_at, app.clock.now()).await.map(|_| true)
}

/// Whether the platform has told this message without its id only.
fn is_unnamed(stored: &Message) -> bool {
    stored.remote_id.as_ref().is_some_and(RemoteMessage::is_stand_in)
}

/// Whether this message was read from the platform's past, which does not tell taps from texts.
fn is_untapped(stored: &Message) -> bool {
    matches!(stored.origin, Origin::Import | Origin::Reconcile)
        && stored.metadata.as_ref().is_none_or(|metadata| metadata.get("postbackTitle").is_none())
}
