//! The log of calls to platforms, written beside the work: whoever calls only hands in what was seen,
//! and what does not fit is counted and dropped, because nobody's message waits for a log.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::chance::Chance;
use posta_core::id::{AccountId, CallId, Ids, MessageId, ProfileId, WorkspaceId};
use posta_core::time::{Clock, Timestamp, pause};
use posta_platforms::contract::Platform;
use posta_platforms::exchange::{Exchange, Watch};
use posta_platforms::http::Http;
use posta_store::accounts::Account;
use posta_store::calls::{self, Call};
use tokio::sync::{Mutex, Notify, mpsc};

use crate::app::App;
use crate::origin::Origin;
use crate::traces::{Kind, Traces};

/// How many calls wait to be written, and how many bytes they may be.
const QUEUE: usize = 4096;
const WEIGHT: usize = 8 << 20;

/// How many calls share a transaction at most.
const BATCH: usize = 500;

/// How long the first call of a batch waits for others.
const LINGER: Duration = Duration::from_millis(250);

/// How often, after the stop, it is looked whether work is under way that may call.
const LAST: Duration = Duration::from_millis(20);

/// Where calls are handed in.
pub struct Calls(Arc<Queue>);

struct Queue {
    is_on: bool,
    sender: mpsc::Sender<Seen>,
    receiver: Mutex<mpsc::Receiver<Seen>>,
    ids: Ids,
    waiting: AtomicUsize,
    weight: AtomicUsize,
    hurry: Notify,
}

struct Seen {
    id: CallId,
    at: Timestamp,
    whose: Whose,
    exchange: Exchange,
}

/// For whom calls are made, and why.
#[derive(Clone)]
pub struct Whose {
    platform: &'static dyn Platform,
    workspace_id: WorkspaceId,
    profile_id: Option<ProfileId>,
    account_id: Option<AccountId>,
    class: Option<CallClass>,
    message_id: Option<MessageId>,
    origin: Origin,
}

impl Whose {
    /// Calls for an account.
    #[must_use]
    pub fn account(platform: &'static dyn Platform, account: &Account) -> Self {
        let (owner, profile) = (account.workspace_id.clone(), Some(account.profile_id.clone()));
        Self { account_id: Some(account.id.clone()), ..Self::nobody(platform, owner, profile) }
    }

    /// Calls for a workspace that has no account yet.
    #[must_use]
    pub fn nobody(
        platform: &'static dyn Platform,
        workspace_id: WorkspaceId,
        profile_id: Option<ProfileId>,
    ) -> Self {
        Self {
            platform,
            workspace_id,
            profile_id,
            account_id: None,
            class: None,
            message_id: None,
            origin: Origin::current(),
        }
    }

    /// Calls of a class that the platform counts apart.
    #[must_use]
    pub fn class(self, class: CallClass) -> Self {
        Self { class: Some(class), ..self }
    }

    /// Calls that send a message.
    #[must_use]
    pub fn message(self, message: &MessageId) -> Self {
        Self { message_id: Some(message.clone()), ..self }
    }

    /// Returns the client for these calls.
    #[must_use]
    pub fn http(self, app: &App, http: &Http) -> Http {
        let (queue, traces) = (Arc::clone(&app.calls.0), app.traces.clone());
        http.watched(Arc::new(Watcher { queue, traces, whose: self }))
    }
}

struct Watcher {
    queue: Arc<Queue>,
    traces: Traces,
    whose: Whose,
}

impl Watch for Watcher {
    fn saw(&self, exchange: Exchange) {
        let outcome = match exchange.status() {
            Some(200..400) => "ok",
            Some(_) => "refused",
            None => "unanswered",
        };
        let platform = self.whose.platform.name();
        metrics::counter!("posta_platform_calls_total", "platform" => platform, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("posta_platform_call_seconds", "platform" => platform)
            .record(exchange.took().as_secs_f64());
        let name = || format!("{} {platform}", exchange.method());
        let parent = self.whose.origin.place.as_ref();
        let mut step = self.traces.begun(Kind::Client, name, parent, exchange.took());
        match exchange.status() {
            Some(status) => step.status(status),
            None => step.fail(|| "no answer".to_owned()),
        }
        if self.queue.is_on {
            self.queue.put(self.whose.clone(), exchange);
        }
    }
}

impl Queue {
    fn put(&self, whose: Whose, exchange: Exchange) {
        let weight = exchange.weight();
        let (id, at) = (self.ids.next(), self.ids.clock().now());
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let before = self.weight.fetch_add(weight, Ordering::SeqCst);
        let fits = before + weight <= WEIGHT;
        let seen = Seen { id, at, whose, exchange };
        if !fits || self.sender.try_send(seen).is_err() {
            self.done(1, weight);
            not_logged("full", 1);
        }
    }

    fn done(&self, count: usize, weight: usize) {
        self.weight.fetch_sub(weight, Ordering::SeqCst);
        self.waiting.fetch_sub(count, Ordering::SeqCst);
    }
}

fn not_logged(reason: &'static str, count: usize) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    metrics::counter!("posta_calls_not_logged_total", "reason" => reason).increment(count);
}

impl Calls {
    /// Makes an empty queue; one that is off takes nothing.
    #[must_use]
    pub fn new(is_on: bool, clock: Clock, chance: Chance) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self(Arc::new(Queue {
            is_on,
            sender,
            receiver: Mutex::new(receiver),
            ids: Ids::new(clock, chance),
            waiting: AtomicUsize::new(0),
            weight: AtomicUsize::new(0),
            hurry: Notify::new(),
        }))
    }

    /// How many calls wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::SeqCst)
    }

    /// Has them written without waiting for others.
    pub fn hurry(&self) {
        self.0.hurry.notify_one();
    }
}

/// Writes what is handed in until the server stops and no work is under way that could call.
pub async fn run(app: App) {
    let queue = Arc::clone(&app.calls.0);
    let mut receiver = queue.receiver.lock().await;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let is_stopping = app.stop.is_cancelled();
        tokio::select! {
            biased;
            count = receiver.recv_many(&mut batch, BATCH) => {
                if count == 0 {
                    return;
                }
            }
            () = app.stop.cancelled(), if !is_stopping => continue,
            () = pause(LAST), if is_stopping => {
                if app.under_way.is_zero() {
                    return;
                }
                continue;
            }
        }
        if !is_stopping && batch.len() < BATCH {
            tokio::select! {
                () = pause(LINGER) => {}
                () = queue.hurry.notified() => {}
                () = app.stop.cancelled() => {}
            }
            while batch.len() < BATCH
                && let Ok(seen) = receiver.try_recv()
            {
                batch.push(seen);
            }
        }
        let (count, weight) = (batch.len(), batch.iter().map(|seen| seen.exchange.weight()).sum());
        if let Err(error) = write(&app, &mut batch).await {
            tracing::warn!(%error, count, "calls to platforms are missing in their log");
            not_logged("database", count);
        }
        queue.done(count, weight);
    }
}

async fn write(app: &App, batch: &mut Vec<Seen>) -> posta_store::Result<()> {
    let mut rows = Vec::with_capacity(batch.len());
    for seen in batch.drain(..) {
        rows.push(row(seen));
        // Reading long bodies takes a while, and others want to go on.
        tokio::task::yield_now().await;
    }
    let mut tx = app.db.write().await?;
    calls::insert_all(&mut tx, &rows).await?;
    tx.commit().await
}

fn row(Seen { id, at, whose, exchange }: Seen) -> Call {
    let told = exchange.transcript(whose.platform);
    Call {
        id,
        workspace_id: whose.workspace_id,
        profile_id: whose.profile_id,
        account_id: whose.account_id,
        platform: whose.platform.name().to_owned(),
        area: told.deed.area.to_owned(),
        action: told.deed.action.to_owned(),
        class: whose.class,
        method: told.method,
        host: told.host,
        path: told.path,
        is_success: told.is_success,
        status: told.said.status.map(i64::from),
        code: told.said.code,
        subcode: told.said.subcode,
        kind: told.said.kind,
        words: told.said.message.or(told.problem),
        trace_id: told.said.trace_id,
        request_id: whose.origin.request_id,
        message_id: whose.message_id,
        sent: told.sent,
        answered: told.answered,
        usage: told.usage,
        duration_ms: i64::try_from(told.took.as_millis()).unwrap_or(i64::MAX),
        created_at: at,
    }
}
