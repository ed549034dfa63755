//! How often an account may call its platform: each class of calls has a window of its own that
//! slides, counted in this process; and what can wait pauses before the platform has to refuse.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use posta_core::capability::{CallClass, Rate};
use posta_core::id::AccountId;
use posta_core::time::{Clock, Timestamp};
use posta_platforms::cx::{Gauge, Usage};
use posta_store::accounts::{self, Account};
use posta_store::health;

use crate::app::App;
use crate::config::{PlatformConfig, Platforms};

/// When so many windows are held, those that have run out are let go.
const MANY: usize = 10_000;

/// How long calls that can wait do so when little is left, if the platform names no time. Its
/// figures speak of a window that slides, so they fall while nobody calls.
const PAUSE: Duration = Duration::from_mins(5);

/// How long a class of calls rests that is used up, if the platform names no time.
const STOP: Duration = Duration::from_mins(1);

/// A pause that lasts this much longer than a known one is worth a note.
const WORTH: Duration = Duration::from_mins(1);

/// Counts the calls of every account.
#[derive(Debug)]
pub struct Budget {
    platforms: BTreeMap<String, PlatformConfig>,
    clock: Clock,
    windows: Mutex<HashMap<(AccountId, CallClass), Window>>,
    pauses: Mutex<HashMap<AccountId, Timestamp>>,
    stops: Mutex<HashMap<(AccountId, CallClass), Timestamp>>,
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
        let platforms = platforms.clone();
        Self {
            platforms,
            clock,
            windows: Mutex::default(),
            pauses: Mutex::default(),
            stops: Mutex::default(),
        }
    }

    /// Takes one call that can wait out of an account's budget. Whoever is refused makes no call, and
    /// comes back no sooner than the time that is returned.
    ///
    /// # Errors
    /// When the account has used up what it may do for now, or its platform told it to wait.
    pub fn take(&self, account: &Account, class: CallClass) -> Result<(), Timestamp> {
        let now = self.clock.now();
        let pause = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = pause.get(&account.id).copied();
        let known = account.paused_until.max(pause);
        match known.filter(|until| *until > now) {
            Some(until) => Err(until),
            None => self.take_now(account, class),
        }
    }

    /// The same of a call that cannot wait: it is spared nothing, but what the platform would refuse.
    ///
    /// # Errors
    /// When the account has used up what it may do for now, or its platform told it to wait.
    pub fn take_now(&self, account: &Account, class: CallClass) -> Result<(), Timestamp> {
        let now = self.clock.now();
        let stop = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        let stop = stop.get(&(account.id.clone(), class)).copied();
        let known = account.rate_limited_until.max(stop);
        if let Some(until) = known.filter(|until| *until > now) {
            return Err(until);
        }
        let section = self.platforms.get(&account.platform);
        let Some(rate) = section.and_then(|section| section.rates.get(&class)) else {
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

    /// Decides whether a class of calls is used up, and until when; `None` when nothing changes.
    fn stop(
        &self,
        account: &AccountId,
        class: Option<CallClass>,
        usage: Usage,
    ) -> Option<Timestamp> {
        let now = self.clock.now();
        let class = class.filter(|_| usage.percent >= 100)?;
        let until = now.plus(usage.regain.filter(|regain| !regain.is_zero()).unwrap_or(STOP));
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.retain(|_, until| *until > now);
        let known = stops.entry((account.clone(), class)).or_insert(now);
        if *known >= until {
            return None;
        }
        *known = until;
        Some(until)
    }

    /// Decides whether calls that can wait pause, and until when; `None` when nothing changes.
    fn pause(&self, platform: &str, account: &AccountId, usage: Usage) -> Option<Timestamp> {
        let now = self.clock.now();
        let threshold = self.platforms.get(platform)?.slow_down_at;
        let regain = usage.regain.filter(|regain| !regain.is_zero());
        if usage.percent < u64::from(threshold) && regain.is_none() {
            return None;
        }
        let until = now.plus(regain.unwrap_or(PAUSE));
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.retain(|_, until| *until > now);
        if pauses.get(account).is_some_and(|known| known.plus(WORTH) >= until) {
            return None;
        }
        pauses.insert(account.clone(), until);
        Some(until)
    }
}

/// Listens to what the platform says of an account's usage, in answers to calls of a class that has
/// limits of its own, if any.
#[must_use]
pub fn gauge(app: &App, account: &Account, class: Option<CallClass>) -> Gauge {
    let (app, platform, id) = (app.clone(), account.platform.clone(), account.id.clone());
    Gauge::new(move |usage| {
        if let Some((class, until)) = class.zip(app.budget.stop(&id, class, usage)) {
            note(&app, &id, Noted::Stop(class, until));
        }
        let Some(until) = app.budget.pause(&platform, &id, usage) else {
            return;
        };
        tracing::info!(
            account.id = %id, platform, usage.percent, %until, "calls that can wait are put off"
        );
        note(&app, &id, Noted::Pause(until));
    })
}

/// What other processes are to know.
#[derive(Clone, Copy, Debug)]
enum Noted {
    /// What can wait does so.
    Pause(Timestamp),
    /// A class of calls is used up.
    Stop(CallClass, Timestamp),
}

/// Takes it down in the background.
fn note(app: &App, account: &AccountId, noted: Noted) {
    let (app, id, busy) = (app.clone(), account.clone(), app.under_way.enter());
    app.tasks.clone().spawn(async move {
        if let Err(error) = write(&app, &id, noted).await {
            tracing::warn!(account.id = %id, %error, ?noted, "only this process knows of it");
        }
        drop(busy);
    });
}

async fn write(app: &App, account: &AccountId, noted: Noted) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    match noted {
        Noted::Pause(until) => health::update_paused(&mut tx, account, until).await?,
        Noted::Stop(CallClass::Text, until) => {
            accounts::update_rate_limited(&mut tx, account, until).await?;
        }
        Noted::Stop(..) => {}
    }
    tx.commit().await
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
    use super::*;
    use crate::config::Layers;

    #[test]
    fn calls_that_can_wait_pause_before_the_platform_refuses() {
        let clock = Clock::fixed(Timestamp::from_millis(0));
        let budget = Budget::new(&Layers::defaults().config().unwrap().platforms, clock.clone());
        let account = "0123456789abcdef01234567".parse().unwrap();
        let platform = posta_platforms::ALL[0].name();
        let hear = |percent, minutes: Option<u64>| {
            let usage = Usage { percent, regain: minutes.map(Duration::from_mins) };
            budget.pause(platform, &account, usage).map(Timestamp::as_seconds)
        };
        assert_eq!(hear(89, None), None);
        assert_eq!(hear(90, Some(0)), Some(300));
        assert_eq!(hear(95, None), None, "that is known");
        assert_eq!(hear(100, Some(30)), Some(1800));
        clock.advance(Duration::from_mins(31));
        assert_eq!(hear(0, Some(1)), Some(1920), "the platform says when, whatever the figure");
    }

    #[test]
    fn a_class_that_is_used_up_stops_alone() {
        let clock = Clock::fixed(Timestamp::from_millis(0));
        let budget = Budget::new(&Layers::defaults().config().unwrap().platforms, clock.clone());
        let account = "0123456789abcdef01234567".parse().unwrap();
        let hear = |class, percent, minutes: Option<u64>| {
            let usage = Usage { percent, regain: minutes.map(Duration::from_mins) };
            budget.stop(&account, class, usage).map(Timestamp::as_seconds)
        };
        let (text, private) = (Some(CallClass::Text), Some(CallClass::PrivateReply));
        assert_eq!(hear(None, 100, Some(9)), None);
        assert_eq!(hear(text, 99, Some(9)), None, "it still takes some");
        assert_eq!(hear(text, 100, None), Some(60));
        assert_eq!(hear(text, 120, Some(1)), None, "that is known");
        assert_eq!(hear(private, 100, Some(30)), Some(1800));
        assert_eq!(hear(text, 100, Some(2)), Some(120));
        clock.advance(Duration::from_mins(3));
        assert_eq!(hear(text, 100, Some(0)), Some(240));
    }

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
