//! How many calls a pretend platform takes from an account, and what it says of their number.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use posta_core::time::Timestamp;
use serde::Serialize;

/// A limit of the platform on one kind of calls, for each account.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The kind of calls.
    pub kind: &'static str,
    /// How many are taken in that time; `None` when they are not counted unless somebody asks.
    pub calls: Option<u32>,
    /// The time.
    pub per: Duration,
    /// The platform's code and subcode for the call beyond it.
    pub refusal: (i64, Option<i64>),
    /// Whether answers tell how much of it is used.
    pub is_told: bool,
}

/// What is counted, and how it is set.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<BTreeMap<String, Counts>>);

/// What one platform counts.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Whether calls are refused.
    pub(crate) enabled: bool,
    /// The numbers that somebody set, by kind.
    pub(crate) calls: BTreeMap<String, u32>,
    /// From which percentage on answers tell how much is used.
    pub(crate) told_from: u32,
    /// When an account's calls of a kind came.
    seen: BTreeMap<(String, &'static str), VecDeque<Timestamp>>,
}

/// How much of an account's limits is used, as far as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// In percent of the limit that is used most.
    pub percent: u32,
    /// How long calls will be refused.
    pub wait: Duration,
}

/// What came of counting a call.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// The platform's code and subcode, when the call is one too many.
    pub(crate) refusal: Option<(i64, Option<i64>)>,
    /// What the answer tells.
    pub(crate) usage: Option<Usage>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { enabled: true, calls: BTreeMap::new(), told_from: 50, seen: BTreeMap::new() }
    }
}

impl Limits {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at, or changes, what one platform counts.
    pub(crate) fn of<T>(&self, platform: &str, look: impl FnOnce(&mut Counts) -> T) -> T {
        look(self.open().entry(platform.to_owned()).or_default())
    }

    /// Forgets all counts and settings.
    pub(crate) fn clear(&self) {
        self.open().clear();
    }
}

impl Counts {
    /// Counts a call. A refused one counts, too.
    pub(crate) fn count(
        &mut self,
        limits: &[Limit],
        account: &str,
        kind: &str,
        now: Timestamp,
    ) -> Counted {
        let Some(limit) = limits.iter().find(|limit| limit.kind == kind) else {
            return Counted::default();
        };
        if !self.enabled {
            return Counted::default();
        }
        let most = self.most(limit);
        let mut counted = Counted::default();
        if let Some(most) = most {
            let seen = self.seen.entry((account.to_owned(), limit.kind)).or_default();
            seen.push_back(now);
            let is_over = used(seen, limit, now) > most as usize;
            counted.refusal = is_over.then_some(limit.refusal);
        }
        counted.usage = self.usage(limits, account, now);
        counted
    }

    /// Returns how many calls of a kind are taken, if they are counted at all.
    pub(crate) fn most(&self, limit: &Limit) -> Option<u32> {
        self.calls.get(limit.kind).copied().or(limit.calls)
    }

    /// Returns what an account's answers tell: the limit that is used most, once it is used enough.
    fn usage(&mut self, limits: &[Limit], account: &str, now: Timestamp) -> Option<Usage> {
        let mut highest: Option<Usage> = None;
        for limit in limits.iter().filter(|limit| limit.is_told) {
            let Some(most) = self.most(limit) else { continue };
            let Some(seen) = self.seen.get_mut(&(account.to_owned(), limit.kind)) else { continue };
            let count = used(seen, limit, now);
            let percent = u32::try_from(count * 100 / (most.max(1) as usize)).unwrap_or(u32::MAX);
            // The next call is taken once all but `most - 1` of those seen are old.
            let blocking = (count + 1).checked_sub(most as usize).filter(|excess| *excess > 0);
            let frees = blocking.and_then(|excess| seen.get(excess - 1));
            let wait = frees.map_or(Duration::ZERO, |seen| seen.plus(limit.per).since(now));
            if highest.is_none_or(|known| known.percent < percent) {
                highest = Some(Usage { percent, wait });
            }
        }
        highest.filter(|usage| usage.percent >= self.told_from)
    }
}

/// Forgets what is older than the limit's time and returns how many calls are left.
fn used(seen: &mut VecDeque<Timestamp>, limit: &Limit, now: Timestamp) -> usize {
    while seen.front().is_some_and(|at| at.plus(limit.per) <= now) {
        seen.pop_front();
    }
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &[Limit] = &[
        Limit {
            kind: "fast",
            calls: Some(2),
            per: Duration::from_secs(1),
            refusal: (613, Some(2)),
            is_told: false,
        },
        Limit {
            kind: "slow",
            calls: Some(4),
            per: Duration::from_hours(1),
            refusal: (4, None),
            is_told: true,
        },
    ];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_refused_call_counts_and_keeps_the_door_shut() {
        let mut counts = Counts::default();
        let mut count = |millis| {
            let now = Timestamp::from_millis(millis);
            counts.count(LIMITS, "a", "fast", now).refusal
        };
        assert_eq!([count(0), count(0), count(900)], [None, None, Some((613, Some(2)))]);
        // The two at 0 are old, those at 900 and now are two.
        assert_eq!([count(1000), count(1001)], [None, Some((613, Some(2)))]);
        assert_eq!(count(2900), None);
    }

    #[test]
    fn accounts_do_not_share_and_what_is_not_listed_is_free() {
        let mut counts = Counts::default();
        for account in ["a", "b"] {
            for _ in 0..2 {
                assert_eq!(counts.count(LIMITS, account, "fast", at(0)).refusal, None);
            }
        }
        assert!(counts.count(LIMITS, "a", "fast", at(0)).refusal.is_some());
        assert!((0..9).all(|_| counts.count(LIMITS, "a", "other", at(0)).refusal.is_none()));
    }

    #[test]
    fn use_is_told_from_half_on_with_the_wait() {
        let mut counts = Counts::default();
        let mut usage = |seconds| counts.count(LIMITS, "a", "slow", at(seconds)).usage;
        assert_eq!(usage(0), None);
        assert_eq!(usage(60), Some(Usage { percent: 50, wait: Duration::ZERO }));
        assert_eq!(usage(120), Some(Usage { percent: 75, wait: Duration::ZERO }));
        let wait = Duration::from_secs(3600 - 180);
        assert_eq!(usage(180), Some(Usage { percent: 100, wait }));
        let wait = Duration::from_secs(3660 - 200);
        assert_eq!(usage(200), Some(Usage { percent: 125, wait }));
        counts.enabled = false;
        assert_eq!(counts.count(LIMITS, "a", "slow", at(200)).usage, None);
    }
}
