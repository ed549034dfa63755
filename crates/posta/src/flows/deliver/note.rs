//! What follows from the tries that were made: noted many at once, in the transaction that takes the
//! next ones.

use std::collections::BTreeMap;
use std::time::Duration;

use posta_core::id::EndpointId;
use posta_core::time::Timestamp;
use posta_store::deliveries::{Outcome, State};
use posta_store::endpoints::{self, Failing};
use posta_store::{Tx, attempts, deliveries};

use super::Tried;
use crate::app::App;
use crate::flows::send::jittered;

/// After how many failures in a row an endpoint is left alone for a while.
pub const PATIENCE: i64 = 10;

/// For how long at least and at most; then one delivery tries how it is.
const SHORTEST_HOLD: Duration = Duration::from_secs(5);
const LONGEST_HOLD: Duration = Duration::from_mins(10);

/// The answer by which an endpoint says that it is gone for good.
const GONE: i64 = 410;

/// Why an endpoint has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It took something after it was warned of.
    Recovered,
    /// It goes on failing.
    Failing,
    /// It said that it is gone.
    Gone,
}

/// Notes tries. Returns the endpoints that have to be looked at, once this is committed.
///
/// # Errors
/// When the database failed.
pub async fn note(
    app: &App,
    tx: &mut Tx,
    tried: &[Tried],
) -> posta_store::Result<Vec<(EndpointId, Look)>> {
    if tried.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let outcomes: Vec<Outcome> = tried.iter().map(|one| outcome(app, one, now)).collect();
    deliveries::update_outcomes(tx, &outcomes).await?;
    let log: Vec<_> = tried.iter().map(|one| one.attempt.clone()).collect();
    attempts::insert_all(tx, &log).await?;
    // In one order everywhere, so that two nodes never wait for each other in a circle.
    let mut endpoints = BTreeMap::<&EndpointId, Vec<&Tried>>::new();
    for one in tried {
        endpoints.entry(&one.delivery.endpoint_id).or_default().push(one);
    }
    let mut looks = Vec::new();
    for (endpoint, tried) in endpoints {
        if let Some(look) = note_endpoint(app, tx, endpoint, &tried).await? {
            looks.push((endpoint.clone(), look));
        }
    }
    Ok(looks)
}

async fn note_endpoint(
    app: &App,
    tx: &mut Tx,
    endpoint: &EndpointId,
    tried: &[&Tried],
) -> posta_store::Result<Option<Look>> {
    let now = app.clock.now();
    let mut look = None;
    let last_success = tried.iter().rposition(|one| one.attempt.is_success);
    if last_success.is_some() {
        let warned = endpoints::update_succeeded(tx, endpoint, now).await?;
        look = warned.filter(|percent| *percent > 0).map(|_| Look::Recovered);
    }
    let failed = &tried[last_success.map_or(0, |index| index + 1)..];
    let Some(last) = failed.last() else {
        return Ok(look);
    };
    let count = i64::try_from(failed.len()).unwrap_or(i64::MAX);
    let Some(failing) = endpoints::update_failed(tx, endpoint, now, count).await? else {
        return Ok(None);
    };
    let asked = failed.iter().filter_map(|one| one.retry_after).max();
    let hold = hold(failing, now).map(|hold| jittered(app, hold));
    if let Some(hold) = hold.max(asked) {
        endpoints::update_held(tx, endpoint, now.plus(hold)).await?;
    }
    if last.attempt.status_code == Some(GONE) {
        return Ok(Some(Look::Gone));
    }
    let is_worth_it = failing.failing_since.plus(super::fate::shortest(app)) <= now;
    Ok(if is_worth_it { Some(Look::Failing) } else { look })
}

/// How long an endpoint is left alone: for as long again as it has been failing. How many tries have
/// failed only says how many were under way when it began to.
fn hold(failing: Failing, now: Timestamp) -> Option<Duration> {
    let is_enough = failing.failure_count >= PATIENCE;
    is_enough.then(|| now.since(failing.failing_since).clamp(SHORTEST_HOLD, LONGEST_HOLD))
}

fn outcome(app: &App, tried: &Tried, now: Timestamp) -> Outcome {
    let failures = usize::try_from(tried.delivery.attempts - 1).unwrap_or(0);
    let wait = app.config.webhooks.retry_schedule.0.get(failures);
    let (state, due_at) = match (tried.attempt.is_success, wait) {
        (true, _) => (State::Delivered, now),
        (false, Some(wait)) => {
            let wait = jittered(app, *wait).max(tried.retry_after.unwrap_or_default());
            (State::Pending, now.plus(wait))
        }
        (false, None) => (State::Parked, now),
    };
    Outcome { id: tried.delivery.id.clone(), attempts: tried.delivery.attempts, state, due_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_left_alone_for_as_long_as_it_has_been_failing() {
        let since = Timestamp::from_millis(0);
        let held = |failure_count, seconds| {
            let failing = Failing { failure_count, failing_since: since };
            hold(failing, since.plus(Duration::from_secs(seconds))).map(|hold| hold.as_secs())
        };
        assert_eq!(held(PATIENCE - 1, 3600), None);
        assert_eq!(held(PATIENCE, 0), Some(5));
        assert_eq!(held(64 * PATIENCE, 2), Some(5), "many at once are one failure");
        assert_eq!(held(PATIENCE + 1, 40), Some(40));
        assert_eq!(held(PATIENCE + 9, 86_400), Some(600));
    }
}
