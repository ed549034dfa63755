//! What is on its way to apps: what is due when, tried again with the same bytes for 36 hours.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use posta_core::time::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use url::Url;

use super::deliver::{Notice, Packed};
use super::world::App;

/// How long after each failure the next try comes; then it is [`RARELY`].
const SOON: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
];
const RARELY: Duration = Duration::from_hours(1);

/// How long after the first try a webhook is given up.
const GIVE_UP: Duration = Duration::from_hours(36);

/// The same in the stricter regime, which alerts the developer and unsubscribes the app.
const STRICT_PAUSE: Duration = Duration::from_mins(15);
const STRICT_ALERT: Duration = Duration::from_mins(15);
const STRICT_GIVE_UP: Duration = Duration::from_hours(1);

/// What becomes of webhooks that are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Regime {
    /// They are tried for 36 hours and then dropped.
    Patient,
    /// After an hour the app is no longer subscribed to the account.
    Strict,
}

/// How many finished deliveries can be looked at.
const KEPT: usize = 1000;

/// One webhook and how it fares.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Delivery {
    pub(crate) id: u64,
    pub(crate) platform: String,
    pub(crate) client_id: String,
    pub(crate) url: Url,
    pub(crate) headers: BTreeMap<&'static str, String>,
    #[serde(serialize_with = "as_text")]
    pub(crate) body: Vec<u8>,
    /// The accounts that it tells of.
    pub(crate) accounts: BTreeSet<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) status: Status,
    /// Whether the developer was alerted.
    pub(crate) alerted: bool,
    /// When it is tried next, while it is waiting.
    pub(crate) next_attempt_at: Option<Timestamp>,
    /// Whether it waits for the next one of its app, to come behind it.
    #[serde(skip)]
    is_behind: bool,
    pub(crate) attempts: Vec<Attempt>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It is tried at `next_attempt_at`.
    Waiting,
    /// It is being tried.
    Sending,
    /// The receiver answered 200.
    Delivered,
    /// It was tried for 36 hours in vain.
    Dropped,
}

/// One try.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Attempt {
    pub(crate) at: Timestamp,
    /// What the receiver answered; `None` when there was no answer in time.
    pub(crate) answer: Option<u16>,
}

/// A webhook as it is handed in.
pub(super) struct Parcel {
    pub(super) url: Url,
    pub(super) packed: Packed,
    pub(super) accounts: BTreeSet<String>,
    pub(super) delay: Duration,
    /// Whether it is to come behind the next one of its app.
    pub(super) is_behind: bool,
}

/// What is on its way to apps.
#[derive(Debug)]
pub(crate) struct Outbox {
    mail: Mutex<Mail>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Mail {
    last_id: u64,
    deliveries: VecDeque<Delivery>,
    /// What waits to be sent together, by platform and client id.
    held: BTreeMap<(String, String), Vec<Notice>>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { mail: Mutex::default(), changed: watch::Sender::new(()) }
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns every delivery that is remembered, oldest first.
    pub(crate) fn list(&self) -> Vec<Delivery> {
        self.mail().deliveries.iter().cloned().collect()
    }

    /// Returns how many deliveries are due or being tried.
    pub(crate) fn pending(&self, now: Timestamp) -> usize {
        let mail = self.mail();
        let is_pending = |delivery: &&Delivery| match delivery.status {
            Status::Sending => true,
            Status::Waiting => delivery.next_attempt_at.is_some_and(|at| at <= now),
            Status::Delivered | Status::Dropped => false,
        };
        mail.deliveries.iter().filter(is_pending).count()
    }

    /// Starts to hold what an app would be told.
    pub(crate) fn hold(&self, platform: &str, client_id: &str) {
        let key = (platform.to_owned(), client_id.to_owned());
        self.mail().held.entry(key).or_default();
    }

    /// Stops holding and returns what was held.
    pub(crate) fn release(&self, platform: &str, client_id: &str) -> Vec<Notice> {
        let key = (platform.to_owned(), client_id.to_owned());
        self.mail().held.remove(&key).unwrap_or_default()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut mail = self.mail();
        mail.deliveries.clear();
        mail.held.clear();
        drop(mail);
        self.changed.send_replace(());
    }

    /// Sees every change of the outbox from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Returns the id of the youngest delivery.
    pub(super) fn last_id(&self) -> u64 {
        self.mail().last_id
    }

    /// Whether a delivery younger than this one is due for its first try, or is being tried.
    pub(super) fn is_owed_since(&self, mark: u64, now: Timestamp) -> bool {
        let is_owed = |delivery: &Delivery| match delivery.status {
            Status::Sending => true,
            Status::Waiting => {
                delivery.attempts.is_empty() && delivery.next_attempt_at.is_some_and(|at| at <= now)
            }
            Status::Delivered | Status::Dropped => false,
        };
        self.mail().deliveries.iter().any(|delivery| delivery.id > mark && is_owed(delivery))
    }

    /// Puts a notice with those held for the app, or gives it back if none are held.
    pub(super) fn keep(&self, platform: &str, app: &App, notice: Notice) -> Option<Notice> {
        let key = (platform.to_owned(), app.client_id.clone());
        match self.mail().held.get_mut(&key) {
            Some(held) => {
                held.push(notice);
                None
            }
            None => Some(notice),
        }
    }

    pub(super) fn push(&self, platform: &str, app: &App, parcel: Parcel, now: Timestamp) {
        let mut mail = self.mail();
        mail.last_id += 1;
        let delivery = Delivery {
            id: mail.last_id,
            platform: platform.to_owned(),
            client_id: app.client_id.clone(),
            url: parcel.url,
            headers: parcel.packed.headers.into_iter().collect(),
            body: parcel.packed.body,
            accounts: parcel.accounts,
            created_at: now,
            status: Status::Waiting,
            alerted: false,
            next_attempt_at: Some(now.plus(parcel.delay)),
            is_behind: parcel.is_behind,
            attempts: Vec::new(),
        };
        mail.deliveries.push_back(delivery);
        if !parcel.is_behind {
            mail.let_through(platform, &app.client_id, now);
        }
        mail.forget();
        drop(mail);
        self.changed.send_replace(());
    }

    /// Takes what is due, by receiver and in order, except for receivers still at work.
    pub(super) fn take_due(&self, now: Timestamp) -> Vec<Vec<Delivery>> {
        let mut mail = self.mail();
        let busy = mail.busy();
        let mut lanes: BTreeMap<Url, Vec<Delivery>> = BTreeMap::new();
        for delivery in &mut mail.deliveries {
            let is_due = delivery.next_attempt_at.is_some_and(|at| at <= now);
            if is_due && !busy.contains(&delivery.url) {
                delivery.status = Status::Sending;
                delivery.next_attempt_at = None;
                lanes.entry(delivery.url.clone()).or_default().push(delivery.clone());
            }
        }
        lanes.into_values().collect()
    }

    /// Returns when something is due for a receiver that is not at work.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let mail = self.mail();
        let busy = mail.busy();
        let idle = mail.deliveries.iter().filter(|delivery| !busy.contains(&delivery.url));
        idle.filter_map(|delivery| delivery.next_attempt_at).min()
    }

    /// Notes how a try ended. Returns whether it was the last of all, in vain.
    pub(super) fn record(&self, id: u64, attempt: Attempt, regime: Regime) -> bool {
        let mut mail = self.mail();
        let mut deliveries = mail.deliveries.iter_mut();
        // After a reset there may be nothing to record it on.
        let is_dropped = deliveries.find(|delivery| delivery.id == id).is_some_and(|delivery| {
            delivery.take(attempt, regime);
            delivery.status == Status::Dropped
        });
        drop(mail);
        self.changed.send_replace(());
        is_dropped
    }
}

impl Mail {
    fn busy(&self) -> BTreeSet<Url> {
        let sending = self.deliveries.iter().filter(|delivery| delivery.status == Status::Sending);
        sending.map(|delivery| delivery.url.clone()).collect()
    }

    /// Forgets what was finished longest ago, beyond what is kept. One that took many tries is thereby
    /// kept as long after its end as any other.
    fn forget(&mut self) {
        let is_over = |one: &Delivery| matches!(one.status, Status::Delivered | Status::Dropped);
        let over = self.deliveries.iter().enumerate().filter(|(_, one)| is_over(one));
        let oldest = over.clone().min_by_key(|(_, one)| one.attempts.last().map(|last| last.at));
        let place = oldest.map(|(place, _)| place).filter(|_| over.count() > KEPT);
        if let Some(place) = place {
            self.deliveries.remove(place);
        }
    }

    /// Puts what waited for a later one of the same app behind it.
    fn let_through(&mut self, platform: &str, client_id: &str, now: Timestamp) {
        let is_meant = |delivery: &Delivery| {
            delivery.is_behind && delivery.platform == platform && delivery.client_id == client_id
        };
        let (waited, mut rest): (VecDeque<_>, VecDeque<_>) =
            self.deliveries.drain(..).partition(is_meant);
        rest.extend(waited.into_iter().map(|delivery| Delivery {
            is_behind: false,
            // It may have got tired of waiting already.
            next_attempt_at: delivery.next_attempt_at.map(|at| at.min(now)),
            ..delivery
        }));
        self.deliveries = rest;
    }
}

impl Delivery {
    fn take(&mut self, attempt: Attempt, regime: Regime) {
        let (rarely, give_up) = match regime {
            Regime::Patient => (RARELY, GIVE_UP),
            Regime::Strict => (STRICT_PAUSE, STRICT_GIVE_UP),
        };
        let pause = SOON.get(self.attempts.len()).copied().unwrap_or(rarely);
        let next = attempt.at.plus(pause);
        let (attempt_at, is_taken) = (attempt.at, attempt.answer == Some(200));
        self.attempts.push(attempt);
        if is_taken {
            self.status = Status::Delivered;
            return;
        }
        let is_long = attempt_at >= self.created_at.plus(STRICT_ALERT);
        self.alerted |= regime == Regime::Strict && is_long;
        if next > self.created_at.plus(give_up) {
            self.status = Status::Dropped;
        } else {
            self.status = Status::Waiting;
            self.next_attempt_at = Some(next);
        }
    }
}

fn as_text<S: serde::Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(id: u64, status: Status, tried_at: i64) -> Delivery {
        Delivery {
            id,
            platform: String::new(),
            client_id: String::new(),
            url: Url::parse("http://127.0.0.1/").unwrap(),
            headers: BTreeMap::new(),
            body: Vec::new(),
            accounts: BTreeSet::new(),
            created_at: Timestamp::from_millis(0),
            status,
            alerted: false,
            next_attempt_at: None,
            is_behind: false,
            attempts: vec![Attempt { at: Timestamp::from_millis(tried_at), answer: None }],
        }
    }

    #[test]
    fn what_took_many_tries_is_kept_as_long_as_any_other() {
        let mut mail = Mail::default();
        // The first one is still tried, the second has just been taken, the others long ago.
        mail.deliveries.push_back(delivery(1, Status::Waiting, 1));
        mail.deliveries.push_back(delivery(2, Status::Delivered, 1_000_000));
        for id in 3..KEPT as u64 + 2 {
            mail.deliveries.push_back(delivery(id, Status::Delivered, id.cast_signed()));
        }
        mail.forget();
        assert_eq!(mail.deliveries.len(), KEPT + 1, "a thousand that are over are kept");
        mail.deliveries.push_back(delivery(0, Status::Delivered, 1_000_001));
        mail.forget();
        let ids: Vec<u64> = mail.deliveries.iter().map(|one| one.id).take(4).collect();
        assert_eq!((mail.deliveries.len(), ids), (KEPT + 1, vec![1, 2, 4, 5]));
    }
}
