//! What follows from the tries that were made: noted many at once, in the transaction that takes the
//! next ones.

use std::collections::BTreeMap;
use std::time::Duration;

use posta_core::chance::Chance;
use posta_core::id::EndpointId;
use posta_core::time::Timestamp;
use posta_store::deliveries::{Outcome, State};
use posta_store::endpoints::{self, Standing};
use posta_store::{Tx, attempts, deliveries};

use super::Tried;
use crate::app::App;
use crate::config::Schedule;
use crate::flows::again;

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
    let mut endpoints = BTreeMap::<&EndpointId, Vec<&Tried>>::new();
    for one in tried {
        endpoints.entry(&one.delivery.endpoint_id).or_default().push(one);
    }
    let sums: Vec<_> = endpoints.iter().map(|(id, tried)| sum(id, tried)).collect();
    let mut looks = Vec::new();
    for standing in endpoints::update_tried(tx, &sums, now).await? {
        let Some(tried) = endpoints.get(&standing.id) else {
            continue;
        };
        if let Some(look) = follow(app, tx, &standing, tried).await? {
            looks.push((standing.id, look));
        }
    }
    Ok(looks)
}

fn since_success<'a>(tried: &'a [&'a Tried]) -> &'a [&'a Tried] {
    let last = tried.iter().rposition(|one| one.attempt.is_success);
    &tried[last.map_or(0, |index| index + 1)..]
}

fn sum(endpoint: &EndpointId, tried: &[&Tried]) -> endpoints::Tried {
    let failures = since_success(tried).len();
    endpoints::Tried {
        id: endpoint.clone(),
        is_success: failures < tried.len(),
        failures: i64::try_from(failures).unwrap_or(i64::MAX),
    }
}

/// What follows for an endpoint from its tries, once they are noted of it.
async fn follow(
    app: &App,
    tx: &mut Tx,
    standing: &Standing,
    tried: &[&Tried],
) -> posta_store::Result<Option<Look>> {
    let now = app.clock.now();
    let failed = since_success(tried);
    let has_recovered = failed.len() < tried.len() && standing.warned_percent > 0;
    let look = has_recovered.then_some(Look::Recovered);
    let (Some(last), Some(since)) = (failed.last(), standing.failing_since) else {
        return Ok(look);
    };
    let asked = failed.iter().filter_map(|one| one.retry_after).max();
    let hold = hold(standing.failure_count, since, now).map(|hold| again::jittered(app, hold));
    if let Some(hold) = hold.max(asked) {
        endpoints::update_held(tx, &standing.id, now.plus(hold)).await?;
    }
    if last.attempt.status_code == Some(GONE) {
        return Ok(Some(Look::Gone));
    }
    let is_worth_it = since.plus(super::fate::shortest(app)) <= now;
    Ok(if is_worth_it { Some(Look::Failing) } else { look })
}

/// How long an endpoint is left alone: for as long again as it has been failing. How many tries have
/// failed only says how many were under way when it began to.
fn hold(failures: i64, since: Timestamp, now: Timestamp) -> Option<Duration> {
    let is_enough = failures >= PATIENCE;
    is_enough.then(|| now.since(since).clamp(SHORTEST_HOLD, LONGEST_HOLD))
}

fn outcome(app: &App, tried: &Tried, now: Timestamp) -> Outcome {
    let attempts = tried.delivery.attempts;
    let schedule = &app.config.webhooks.retry_schedule;
    let (state, due_at) = if tried.attempt.is_success {
        (State::Delivered, now)
    } else {
        match wait(schedule, attempts, tried.retry_after, &app.chance) {
            Some(wait) => (State::Pending, now.plus(wait)),
            None => (State::Parked, now),
        }
    };
    Outcome { id: tried.delivery.id.clone(), attempts, state, due_at }
}

/// How long after so many failed tries the next one follows; `None` when the schedule has ended. The
/// endpoint can ask for more time, and not for less.
fn wait(
    schedule: &Schedule,
    tries: i64,
    asked: Option<Duration>,
    chance: &Chance,
) -> Option<Duration> {
    let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(0);
    let wait = again::spread(chance, *schedule.0.get(index)?);
    Some(wait.max(asked.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::seeded::seeded;

    const DAY: Duration = Duration::from_hours(24);

    fn seconds(most: u64) -> impl Strategy<Value = Duration> {
        (0..=most * 1000).prop_map(Duration::from_millis)
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn every_entry_of_a_schedule_is_waited_for_once(
            waits in vec(seconds(86_400), 0..20), asked in prop::option::of(seconds(86_400)), seed: u64,
        ) {
            let (schedule, chance) = (Schedule(waits.clone()), Chance::seeded(seed));
            for (tries, planned) in (1..).zip(&waits) {
                let waited = wait(&schedule, tries, asked, &chance).unwrap();
                let least = (*planned).max(asked.unwrap_or_default());
                let most = (*planned + *planned / 5).max(least);
                prop_assert!(least <= waited && waited <= most, "{waited:?}");
            }
            let ended = i64::try_from(waits.len()).unwrap() + 1;
            for tries in [ended, ended + 1, i64::MAX] {
                prop_assert_eq!(wait(&schedule, tries, asked, &chance), None, "it is parked");
            }
        }

        #[test]
        fn a_schedule_says_what_it_was_written_as(entries in vec((1_u64..=100_000, 0_usize..4), 1..20)) {
            let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
            let text: Vec<_> =
                entries.iter().map(|(number, unit)| format!("{number}{}", units[*unit].0)).collect();
            let waits: Vec<_> = entries
                .iter()
                .map(|(number, unit)| Duration::from_secs(number * units[*unit].1))
                .collect();
            prop_assert_eq!(text.join(" , ").parse(), Ok(Schedule(waits)));
        }

        #[test]
        fn any_text_is_a_schedule_or_none(text: String) {
            if let Ok(schedule) = text.parse::<Schedule>() {
                prop_assert!(schedule.0.iter().all(|wait| *wait >= Duration::from_secs(1)));
            }
        }
    }

    #[test]
    fn the_schedule_that_ships_lasts_five_days() {
        let config = crate::config::Layers::defaults().config().unwrap();
        let waits = config.webhooks.retry_schedule.0;
        let whole: Duration = waits.iter().sum();
        let first: Vec<_> = waits.iter().take(4).map(Duration::as_secs).collect();
        assert_eq!(first, [5, 30, 120, 600]);
        // The last tries come up to a fifth later, and still within the sixth day.
        assert!(whole > DAY * 4 && whole + whole / 5 < DAY * 6, "{whole:?}");
        assert!(waits.is_sorted());
    }

    #[test]
    fn an_endpoint_is_left_alone_for_as_long_as_it_has_been_failing() {
        let since = Timestamp::from_millis(0);
        let held = |failures, seconds| {
            let now = since.plus(Duration::from_secs(seconds));
            hold(failures, since, now).map(|hold| hold.as_secs())
        };
        assert_eq!(held(PATIENCE - 1, 3600), None);
        assert_eq!(held(PATIENCE, 0), Some(5));
        assert_eq!(held(64 * PATIENCE, 2), Some(5), "many at once are one failure");
        assert_eq!(held(PATIENCE + 1, 40), Some(40));
        assert_eq!(held(PATIENCE + 9, 86_400), Some(600));
    }
}
