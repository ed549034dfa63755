//! How often an account may call its platform: each class of calls has a window of its own that
//! slides, counted in the database for all processes; and what can wait pauses before the platform
//! has to refuse.

mod window;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use posta_core::capability::{CallClass, Rate};
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{AccountId, WorkspaceId};
use posta_core::time::{Clock, Timestamp};
use posta_platforms::cx::{Gauge, Usage};
use posta_store::accounts::{self, Account};
use posta_store::budgets::{self, Spent};
use posta_store::{Tx, health, workspaces};

use self::window::Room;
use crate::app::App;
use crate::config::{PlatformConfig, Platforms};

/// How long calls that can wait do so when little is left, if the platform names no time. Its
/// figures speak of a window that slides, so they fall while nobody calls.
const PAUSE: Duration = Duration::from_mins(5);

/// How long a class of calls rests that is used up, if the platform names no time.
const STOP: Duration = Duration::from_mins(1);

/// A pause that lasts this much longer than a known one is worth a note.
const WORTH: Duration = Duration::from_mins(1);

/// Knows what every account may do, and what its platform said of late.
#[derive(Debug)]
pub struct Budget {
    platforms: BTreeMap<String, PlatformConfig>,
    clock: Clock,
    pauses: Mutex<HashMap<AccountId, Timestamp>>,
    stops: Mutex<HashMap<(AccountId, CallClass), Timestamp>>,
}

/// Takes one call that can wait out of an account's budget. Whoever is refused makes no call, and
/// comes back no sooner than the time that is returned.
///
/// # Errors
/// When the database failed. The inner error says that the account has used up what it may do for now,
/// or its platform told it to wait.
pub async fn take(
    app: &App,
    account: &Account,
    class: CallClass,
) -> posta_store::Result<Result<(), Timestamp>> {
    match app.budget.is_paused(account) {
        Some(until) => Ok(Err(until)),
        None => take_now(app, account, class).await,
    }
}

/// The same of a call that cannot wait: it is spared nothing, but what the platform would refuse.
///
/// # Errors
/// As of [`take`].
pub async fn take_now(
    app: &App,
    account: &Account,
    class: CallClass,
) -> posta_store::Result<Result<(), Timestamp>> {
    let mut tx = app.db.write().await?;
    let taken = take_in(app, &mut tx, account, class).await?;
    tx.commit().await?;
    Ok(taken)
}

/// The same as part of something that is undone with it.
///
/// # Errors
/// As of [`take`].
pub async fn take_in(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    class: CallClass,
) -> posta_store::Result<Result<(), Timestamp>> {
    if let Some(until) = app.budget.is_stopped(account, class) {
        return Ok(Err(until));
    }
    let mut spent = budgets::lock(tx, &account.workspace_id, &account.id).await?;
    if let Room::From(until) = room(app, account, &mut spent, class) {
        return Ok(Err(until));
    }
    add(app, account, &mut spent, class, 1, app.clock.now());
    budgets::update_spent(tx, &account.id, &spent).await?;
    Ok(Ok(()))
}

/// Takes one call that can wait for somebody who does not.
///
/// # Errors
/// When the account has used up what it may do for now, or the database failed.
pub async fn spend(app: &App, account: &Account, class: CallClass) -> Result<(), ConnectorError> {
    no_more(account, take(app, account, class).await)
}

/// The same for a call that cannot wait.
///
/// # Errors
/// As of [`spend`].
pub async fn spend_now(
    app: &App,
    account: &Account,
    class: CallClass,
) -> Result<(), ConnectorError> {
    no_more(account, take_now(app, account, class).await)
}

fn no_more(
    account: &Account,
    taken: posta_store::Result<Result<(), Timestamp>>,
) -> Result<(), ConnectorError> {
    let taken = taken.map_err(|error| {
        tracing::error!(%error, "cannot read what an account has spent");
        ConnectorError::new(Code::ApiError, Retry::Transient, "the database did not answer")
    })?;
    taken.map_err(|until| {
        let message = format!("{} has used up its calls for now", account.username);
        ConnectorError::new(Code::PlatformRateLimited, Retry::RateLimited { until }, message)
    })
}

/// Takes one call for a courtesy; `false` when it is to be left.
pub async fn afford(app: &App, account: &Account, class: CallClass) -> bool {
    matches!(take_now(app, account, class).await, Ok(Ok(())))
}

/// How many calls of a class may be made now: none, and from when on again, or so many.
fn room(app: &App, account: &Account, spent: &mut Spent, class: CallClass) -> Room {
    let rate = app.budget.rate(account, class);
    window::room(spent.entry(class).or_default(), rate, app.clock.now())
}

/// How many calls of a class may be made now.
pub(super) fn left(app: &App, account: &Account, spent: &mut Spent, class: CallClass) -> i64 {
    match room(app, account, spent, class) {
        Room::For(calls) => calls.into(),
        Room::From(_) => 0,
    }
}

/// From when on the next call of a class may be made, if not now.
pub fn opens(
    app: &App,
    account: &Account,
    spent: &mut Spent,
    class: CallClass,
) -> Option<Timestamp> {
    match room(app, account, spent, class) {
        Room::For(_) => None,
        Room::From(until) => Some(until),
    }
}

/// Notes calls of a class for which there was room, as made at this time.
pub(super) fn add(
    app: &App,
    account: &Account,
    spent: &mut Spent,
    class: CallClass,
    calls: usize,
    at: Timestamp,
) {
    let rate = app.budget.rate(account, class);
    let calls = u32::try_from(calls).unwrap_or(u32::MAX);
    window::add(spent.entry(class).or_default(), rate, calls, at);
}

/// Moves a call that was taken earlier to this moment, at which it is made.
///
/// # Errors
/// When the database failed. The inner error says that too much time went by and others have taken what
/// there was, and from when on there is more.
pub(super) async fn make(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    class: CallClass,
    taken_at: Timestamp,
) -> posta_store::Result<Result<(), Timestamp>> {
    let now = app.clock.now();
    let rate = app.budget.rate(account, class);
    let Some(rate) = rate.filter(|rate| window::is_moved(*rate, taken_at, now)) else {
        return Ok(Ok(()));
    };
    let mut spent = budgets::lock(tx, &account.workspace_id, &account.id).await?;
    let moved = window::put_off(spent.entry(class).or_default(), rate, taken_at, now);
    if moved.is_ok() {
        budgets::update_spent(tx, &account.id, &spent).await?;
    }
    Ok(moved)
}

impl Budget {
    /// Allows to each account what the settings of its platform say.
    #[must_use]
    pub fn new(platforms: &Platforms, clock: Clock) -> Self {
        let platforms = platforms.clone();
        Self { platforms, clock, pauses: Mutex::default(), stops: Mutex::default() }
    }

    fn rate(&self, account: &Account, class: CallClass) -> Option<Rate> {
        self.platforms.get(&account.platform)?.rates.get(&class).copied()
    }

    /// Until when calls that can wait do so.
    fn is_paused(&self, account: &Account) -> Option<Timestamp> {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = pauses.get(&account.id).copied();
        account.paused_until.max(heard).filter(|until| *until > self.clock.now())
    }

    /// Until when the platform takes no calls of a class, as far as this process has heard or the account
    /// says; what others have heard stands with what is spent.
    fn is_stopped(&self, account: &Account, class: CallClass) -> Option<Timestamp> {
        let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = stops.get(&(account.id.clone(), class)).copied();
        account.rate_limited_until.max(heard).filter(|until| *until > self.clock.now())
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
    let owner = account.workspace_id.clone();
    Gauge::new(move |usage| {
        if let Some((class, until)) = class.zip(app.budget.stop(&id, class, usage)) {
            note(&app, (&owner, &id), Noted::Stop(class, until));
        }
        let Some(until) = app.budget.pause(&platform, &id, usage) else {
            return;
        };
        tracing::info!(
            account.id = %id, platform, usage.percent, %until, "calls that can wait are put off"
        );
        note(&app, (&owner, &id), Noted::Pause(until));
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
fn note(app: &App, (owner, account): (&WorkspaceId, &AccountId), noted: Noted) {
    let (app, id, busy) = (app.clone(), account.clone(), app.under_way.enter());
    let owner = owner.clone();
    app.tasks.clone().spawn(async move {
        if let Err(error) = write(&app, &owner, &id, noted).await {
            tracing::warn!(account.id = %id, %error, ?noted, "only this process knows of it");
        }
        drop(busy);
    });
}

async fn write(
    app: &App,
    owner: &WorkspaceId,
    account: &AccountId,
    noted: Noted,
) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    match noted {
        Noted::Pause(until) => health::update_paused(&mut tx, account, until).await?,
        Noted::Stop(class, until) => {
            // Whoever notes what came of a send writes to both of these rows too, the other way round.
            workspaces::lock(&mut tx, owner).await?;
            if class == CallClass::Text {
                accounts::update_rate_limited(&mut tx, account, until).await?;
            }
            let mut spent = budgets::lock(&mut tx, owner, account).await?;
            window::stop(spent.entry(class).or_default(), until);
            budgets::update_spent(&mut tx, account, &spent).await?;
        }
    }
    tx.commit().await
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
}
