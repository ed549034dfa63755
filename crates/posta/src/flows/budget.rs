//! How often an account may call its platform: each class of calls has a window of its own that
//! slides, counted in this process.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use posta_core::capability::{CallClass, Rate};
use posta_core::id::AccountId;
use posta_core::time::{Clock, Timestamp};
use posta_store::accounts::Account;

use crate::config::Platforms;

/// When so many windows are held, those that have run out are let go.
const MANY: usize = 10_000;

/// Counts the calls of every account.
#[derive(Debug)]
pub struct Budget {
    rates: BTreeMap<String, BTreeMap<CallClass, Rate>>,
    clock: Clock,
    windows: Mutex<HashMap<(AccountId, CallClass), Window>>,
}

/// The times of the calls that still count, oldest first: never more than may be made.
#[derive(Debug)]
struct Window {
    rate: Rate,
    calls: VecDeque<Timestamp>,
}

impl Budget {
    /// Allows to each account what the settings of its platform say.
    #[must_use]
    pub fn new(platforms: &Platforms, clock: Clock) -> Self {
        let rates = platforms.iter().map(|(name, section)| (name.clone(), section.rates.clone()));
        Self { rates: rates.collect(), clock, windows: Mutex::default() }
    }

    /// Takes one call out of an account's budget. Whoever is refused makes no call, and comes back
    /// no sooner than the time that is returned.
    ///
    /// # Errors
    /// When the account has used up what it may do for now, or its platform told it to wait.
    pub fn take(&self, account: &Account, class: CallClass) -> Result<(), Timestamp> {
        let now = self.clock.now();
        if let Some(until) = account.rate_limited_until.filter(|until| *until > now) {
            return Err(until);
        }
        let Some(rate) = self.rates.get(&account.platform).and_then(|rates| rates.get(&class))
        else {
            return Ok(());
        };
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MANY {
            windows.retain(|_, window| window.is_open(now));
        }
        let window = windows
            .entry((account.id.clone(), class))
            .or_insert_with(|| Window { rate: *rate, calls: VecDeque::new() });
        window.take(now)
    }
}

impl Window {
    fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        while self.calls.front().is_some_and(|call| call.plus(self.rate.per) <= now) {
            self.calls.pop_front();
        }
        match self.calls.front() {
            Some(oldest) if self.calls.len() >= self.most() => Err(oldest.plus(self.rate.per)),
            _ => {
                self.calls.push_back(now);
                Ok(())
            }
        }
    }

    fn most(&self) -> usize {
        usize::try_from(self.rate.calls).unwrap_or(usize::MAX)
    }

    /// Whether a call that was made still counts.
    fn is_open(&self, now: Timestamp) -> bool {
        self.calls.back().is_some_and(|call| call.plus(self.rate.per) > now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_window_never_holds_more_calls_than_the_rate() {
        let rate = Rate { class: CallClass::Conversations, calls: 2, per: Duration::from_secs(1) };
        let mut window = Window { rate, calls: VecDeque::new() };
        let mut take = |millis| window.take(Timestamp::from_millis(millis));
        assert_eq!(take(0), Ok(()));
        assert_eq!(take(400), Ok(()));
        assert_eq!(take(500), Err(Timestamp::from_millis(1_000)));
        assert_eq!(take(999), Err(Timestamp::from_millis(1_000)));
        assert_eq!(take(1_000), Ok(()));
        assert_eq!(take(1_000), Err(Timestamp::from_millis(1_400)));
        assert!(window.is_open(Timestamp::from_millis(1_999)));
        assert!(!window.is_open(Timestamp::from_millis(2_000)));
    }
}
