//! Webhooks out: what is due when, tried again with the same bytes for 36 hours.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use posta_core::time::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Sandbox;
use super::world::App;

/// How long a receiver may take. Instagram says nothing; Messenger's page says 5 seconds.
const ACKNOWLEDGE: Duration = Duration::from_secs(5);

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

/// How many finished deliveries can be looked at.
const KEPT: usize = 1000;

/// One thing that happened, as it will stand in a webhook.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The id of the account it happened to.
    pub(crate) account: String,
    /// The platform's JSON for it, compact and not escaped.
    pub(crate) json: String,
    /// The place in an entry where it stands.
    pub(crate) slot: Slot,
}

/// Where in an entry of a webhook a notice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// In the list of this name, beside others of its kind.
    List(&'static str),
    /// In the list of this name, in an entry whose time is in seconds.
    ListInSeconds(&'static str),
    /// On the entry itself, alone.
    Alone,
    /// On the entry itself, alone, with the time in seconds.
    AloneInSeconds,
}

/// A webhook ready to leave.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The headers that prove where it is from.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The exact bytes, which stay the same for every try.
    pub(crate) body: Vec<u8>,
}

/// How held notices share the entries of a webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grouping {
    /// Each notice in an entry of its own.
    #[default]
    PerNotice,
    /// Notices for one account in one entry.
    PerAccount,
}

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
    pub(crate) created_at: Timestamp,
    pub(crate) status: Status,
    /// When it is tried next, while it is waiting.
    pub(crate) next_attempt_at: Option<Timestamp>,
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

    /// Puts a notice with those held for the app, or gives it back if none are held.
    fn keep(&self, platform: &str, app: &App, notice: Notice) -> Option<Notice> {
        let key = (platform.to_owned(), app.client_id.clone());
        match self.mail().held.get_mut(&key) {
            Some(held) => {
                held.push(notice);
                None
            }
            None => Some(notice),
        }
    }

    fn push(&self, platform: &str, app: &App, url: Url, packed: Packed, now: Timestamp) {
        let mut mail = self.mail();
        mail.last_id += 1;
        let delivery = Delivery {
            id: mail.last_id,
            platform: platform.to_owned(),
            client_id: app.client_id.clone(),
            url,
            headers: packed.headers.into_iter().collect(),
            body: packed.body,
            created_at: now,
            status: Status::Waiting,
            next_attempt_at: Some(now),
            attempts: Vec::new(),
        };
        mail.deliveries.push_back(delivery);
        let is_over = |status| matches!(status, Status::Delivered | Status::Dropped);
        if mail.deliveries.len() > KEPT && is_over(mail.deliveries[0].status) {
            mail.deliveries.pop_front();
        }
        drop(mail);
        self.changed.send_replace(());
    }

    /// Takes what is due, by receiver and in order, except for receivers still at work.
    fn take_due(&self, now: Timestamp) -> Vec<Vec<Delivery>> {
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
    fn next_due(&self) -> Option<Timestamp> {
        let mail = self.mail();
        let busy = mail.busy();
        let idle = mail.deliveries.iter().filter(|delivery| !busy.contains(&delivery.url));
        idle.filter_map(|delivery| delivery.next_attempt_at).min()
    }

    fn record(&self, id: u64, attempt: Attempt) {
        let mut mail = self.mail();
        let mut deliveries = mail.deliveries.iter_mut();
        // After a reset there may be nothing to record it on.
        if let Some(delivery) = deliveries.find(|delivery| delivery.id == id) {
            delivery.take(attempt);
        }
        drop(mail);
        self.changed.send_replace(());
    }
}

impl Mail {
    fn busy(&self) -> BTreeSet<Url> {
        let sending = self.deliveries.iter().filter(|delivery| delivery.status == Status::Sending);
        sending.map(|delivery| delivery.url.clone()).collect()
    }
}

impl Delivery {
    fn take(&mut self, attempt: Attempt) {
        let pause = SOON.get(self.attempts.len()).copied().unwrap_or(RARELY);
        let next = attempt.at.plus(pause);
        let is_taken = attempt.answer == Some(200);
        self.attempts.push(attempt);
        if is_taken {
            self.status = Status::Delivered;
        } else if next > self.created_at.plus(GIVE_UP) {
            self.status = Status::Dropped;
        } else {
            self.status = Status::Waiting;
            self.next_attempt_at = Some(next);
        }
    }
}

impl Sandbox {
    /// Tells an app, if its callback is known to be its own. Returns whether it will be told.
    pub(crate) fn notify(&self, platform: &str, app: &App, notice: Notice) -> bool {
        if !app.webhook.as_ref().is_some_and(|webhook| webhook.active) {
            return false;
        }
        if let Some(notice) = self.outbox().keep(platform, app, notice) {
            self.post(platform, app, &[vec![notice]]);
        }
        true
    }

    /// Sends what was held for an app as one webhook. Returns how many notices it carries.
    pub(crate) fn flush(&self, platform: &str, app: &App, grouping: Grouping) -> usize {
        let held = self.outbox().release(platform, &app.client_id);
        let count = held.len();
        let mut entries: Vec<Vec<Notice>> = Vec::new();
        for notice in held {
            let place = entries.iter().position(|entry| {
                grouping == Grouping::PerAccount && entry[0].account == notice.account
            });
            match place {
                Some(place) => entries[place].push(notice),
                None => entries.push(vec![notice]),
            }
        }
        if count > 0 {
            self.post(platform, app, &entries);
        }
        count
    }

    fn post(&self, platform: &str, app: &App, entries: &[Vec<Notice>]) {
        let (Some(face), Some(webhook)) = (super::face(platform), &app.webhook) else {
            return;
        };
        let now = self.clock().now();
        let packed = face.pack(app, entries, now);
        self.outbox().push(platform, app, webhook.callback_url.clone(), packed, now);
    }

    async fn attempt_all(&self, lane: Vec<Delivery>) {
        for delivery in &lane {
            self.attempt(delivery).await;
        }
    }

    async fn attempt(&self, delivery: &Delivery) {
        let at = self.clock().now();
        let mut request = self
            .http()
            .post(delivery.url.clone())
            .timeout(ACKNOWLEDGE)
            .header("content-type", "application/json");
        for (name, value) in &delivery.headers {
            request = request.header(*name, value);
        }
        let reply = self.http().send_bounded(request.body(delivery.body.clone()), 4096).await;
        let answer = reply.ok().map(|reply| reply.status.as_u16());
        self.outbox().record(delivery.id, Attempt { at, answer });
    }
}

/// Delivers until it is stopped: to each receiver in order, and to none later for another's sake.
pub(crate) async fn run(sandbox: Sandbox, stop: CancellationToken) {
    let mut changed = sandbox.outbox().watch();
    let mut lanes = FuturesUnordered::new();
    while !stop.is_cancelled() {
        changed.mark_unchanged();
        for lane in sandbox.outbox().take_due(sandbox.clock().now()) {
            lanes.push(sandbox.attempt_all(lane));
        }
        let next = sandbox.outbox().next_due();
        tokio::select! {
            () = stop.cancelled() => {}
            Some(()) = lanes.next() => {}
            _ = changed.changed() => {}
            () = sleep_until(&sandbox, next) => {}
        }
    }
}

async fn sleep_until(sandbox: &Sandbox, next: Option<Timestamp>) {
    match next {
        Some(next) => sandbox.clock().sleep_until(next).await,
        None => std::future::pending().await,
    }
}

fn as_text<S: serde::Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}
