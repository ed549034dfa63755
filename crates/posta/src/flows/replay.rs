//! Bringing a part of the log to an endpoint once more, or all that was parked: a handful at a time,
//! and never so much that it fills the lane.

use std::time::Duration;

use posta_core::id::ProfileId;
use posta_store::deliveries::{self, Class, NewDelivery};
use posta_store::endpoints::{self, Endpoint};
use posta_store::events::Filter;
use posta_store::replays::{self, Replay, State};
use posta_store::{Tx, workspaces};

use super::announce;
use super::log::Reader;
use crate::app::App;

/// How many deliveries are made at once.
const HANDFUL: i64 = 500;

/// How many may be on their way before more are made.
const ENOUGH: i64 = 1000;

/// How long to wait when enough are on their way.
const PAUSE: Duration = Duration::from_secs(1);

/// What an endpoint would have got of a replay's events.
#[must_use]
pub fn filter(replay: &Replay, endpoint: &Endpoint) -> Filter {
    let wanted = &endpoint.events.0;
    let kinds: Vec<_> = if replay.kinds.is_empty() {
        wanted.clone()
    } else {
        replay.kinds.iter().filter(|kind| wanted.contains(kind)).cloned().collect()
    };
    let profiles: Vec<ProfileId> = endpoint.profile_ids.0.clone();
    Filter {
        kinds,
        profiles: (!profiles.is_empty()).then_some(profiles),
        account: replay.account_id.clone(),
    }
}

/// Makes the next deliveries of a replay.
///
/// # Errors
/// When the database failed; the next one who takes it goes on from where it was.
pub async fn step(app: &App, tx: &mut Tx, mut replay: Replay) -> posta_store::Result<()> {
    workspaces::lock(tx, &replay.workspace_id).await?;
    let now = app.clock.now();
    let owner = replay.workspace_id.clone();
    let Some(endpoint) = endpoints::find(tx, &owner, &replay.endpoint_id).await? else {
        return Ok(());
    };
    if replays::progress(tx, &replay.id).await?.pending >= ENOUGH {
        replays::update(tx, &replay, now.plus(PAUSE)).await?;
        return Ok(());
    }
    let (made, has_more) = if replay.is_of_parked {
        let made = replays::take_parked(tx, &replay, now, HANDFUL).await?;
        let made = i64::try_from(made).unwrap_or(i64::MAX);
        (made, made == HANDFUL)
    } else {
        read_log(app, tx, &mut replay, &endpoint).await?
    };
    replay.queued += made;
    if !has_more {
        replay.state = State::Done;
        replay.finished_at = Some(now);
    }
    replays::update(tx, &replay, now).await?;
    Ok(())
}

async fn read_log(
    app: &App,
    tx: &mut Tx,
    replay: &mut Replay,
    endpoint: &Endpoint,
) -> posta_store::Result<(i64, bool)> {
    let filter = filter(replay, endpoint);
    if filter.kinds.is_empty() {
        return Ok((0, false));
    }
    let mut reader = Reader { owner: replay.workspace_id.clone(), filter, after: replay.after_seq };
    let part = reader.read(tx, HANDFUL).await?;
    let is_mine = |account: Option<_>| {
        endpoint.account_ids.is_empty()
            || account.is_some_and(|account| endpoint.account_ids.contains(account))
    };
    let new: Vec<NewDelivery> = part
        .events
        .iter()
        .filter(|placed| {
            placed.seq <= replay.up_to_seq && is_mine(placed.event.account_id.as_ref())
        })
        .map(|placed| NewDelivery {
            replay_id: Some(replay.id.clone()),
            ..announce::delivery(app, endpoint, (&placed.event.id, placed.seq), None, Class::Replay)
        })
        .collect();
    deliveries::insert_all(tx, &new).await?;
    replay.after_seq = reader.after.min(replay.up_to_seq);
    let made = i64::try_from(new.len()).unwrap_or(i64::MAX);
    Ok((made, part.has_more && reader.after < replay.up_to_seq))
}
