//! Webhooks out: what apps are told, what goes wrong with it, and the tries to hand it over.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use posta_core::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Sandbox;
use super::faults::Told;
use super::faults::kind::Kind;
use super::outbox::{Attempt, Delivery, Parcel, Regime};
use super::world::{App, Webhook};

/// How long a receiver may take. Instagram says nothing; Messenger's page says 5 seconds.
const ACKNOWLEDGE: Duration = Duration::from_secs(5);

/// The figure that many third parties give.
const ACKNOWLEDGE_SLOWLY: Duration = Duration::from_secs(20);

/// How long a webhook that is to come behind the next one waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

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

impl Sandbox {
    /// Tells an app, if its callback is known to be its own. Returns whether it will be told.
    pub(crate) fn notify(&self, platform: &str, app: &App, notice: Notice) -> bool {
        let Some(webhook) = app.webhook.as_ref().filter(|webhook| webhook.active) else {
            return false;
        };
        if let Some(notice) = self.outbox().keep(platform, app, notice) {
            self.tell(platform, app, webhook, notice);
        }
        true
    }

    /// Sends one notice, unless the fault dial wants it otherwise.
    fn tell(&self, platform: &str, app: &App, webhook: &Webhook, notice: Notice) {
        let Some(face) = super::face(platform) else {
            return;
        };
        let event = face.event_of(&notice);
        let told = Told { platform, account: &notice.account, event };
        let faults = self.faults().of_webhook(&told);
        let (mut copies, mut delay, mut is_behind) = (1, Duration::ZERO, false);
        let mut signer = Cow::Borrowed(app);
        for fault in faults {
            match fault.0 {
                Kind::Drop {} => return,
                Kind::Duplicate { times } => copies += times,
                Kind::Delay { by } => delay = by.0,
                Kind::Reorder {} => (is_behind, delay) = (true, PATIENCE),
                Kind::WrongSignature {} => {
                    signer.to_mut().client_secret = "a secret that is nobody's".to_owned();
                }
                _ => {}
            }
        }
        let now = self.clock().now();
        let accounts = BTreeSet::from([notice.account.clone()]);
        let packed = face.pack(&signer, &[vec![notice]], now);
        for _ in 0..copies {
            let (url, packed) = (webhook.callback_url.clone(), packed.clone());
            let accounts = accounts.clone();
            let parcel = Parcel { url, packed, accounts, delay, is_behind };
            self.outbox().push(platform, app, parcel, now);
        }
    }

    /// Waits until whatever came after this delivery has been tried, if it is due at all.
    pub(super) async fn delivered_since(&self, mark: u64) {
        let mut changed = self.outbox().watch();
        while self.outbox().is_owed_since(mark, self.clock().now()) {
            // The sender lives in this sandbox, so the channel cannot close under us.
            let _ = changed.changed().await;
        }
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
        let accounts = entries.iter().flatten().map(|notice| notice.account.clone()).collect();
        let (url, delay, is_behind) = (webhook.callback_url.clone(), Duration::ZERO, false);
        let parcel = Parcel { url, packed, accounts, delay, is_behind };
        self.outbox().push(platform, app, parcel, now);
    }

    async fn attempt_all(&self, lane: Vec<Delivery>) {
        for delivery in &lane {
            self.attempt(delivery).await;
        }
    }

    async fn attempt(&self, delivery: &Delivery) {
        let at = self.clock().now();
        let (patience, regime) = self.manners(&delivery.platform);
        let mut request = self
            .http()
            .post(delivery.url.clone())
            .timeout(patience)
            .header("content-type", "application/json");
        for (name, value) in &delivery.headers {
            request = request.header(*name, value);
        }
        let reply = self.http().send_bounded(request.body(delivery.body.clone()), 4096).await;
        let answer = reply.ok().map(|reply| reply.status.as_u16());
        let is_dropped = self.outbox().record(delivery.id, Attempt { at, answer }, regime);
        if is_dropped && regime == Regime::Strict {
            let mut world = self.world();
            let grants = world.network(&delivery.platform).grants.iter_mut();
            let meant = grants.filter(|grant| {
                grant.client_id == delivery.client_id && delivery.accounts.contains(&grant.account)
            });
            meant.for_each(|grant| grant.subscribed_fields.clear());
        }
    }

    /// Returns how long a receiver may take, and what becomes of what it does not take.
    fn manners(&self, platform: &str) -> (Duration, Regime) {
        let mut world = self.world();
        let network = world.network(platform);
        let is_slow = network.option("acknowledge_timeout") == Some("20s");
        let is_strict = network.option("webhook_retries") == Some("messenger");
        let patience = if is_slow { ACKNOWLEDGE_SLOWLY } else { ACKNOWLEDGE };
        (patience, if is_strict { Regime::Strict } else { Regime::Patient })
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
