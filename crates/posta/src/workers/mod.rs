//! What happens later: loops that take work from the database, each until the server stops.
//!
//! Work is taken for a limited time. Whatever a process does not finish, because it stopped or
//! died, is taken by the next one that looks.

pub mod bells;
mod clean;
mod deliver;
mod erase;
mod fetch;
mod keep;
mod people;
mod purge;
mod receive;
mod recover;
mod renew;
mod replay;
mod send;
mod subscriptions;
mod sweep;
mod walk;
mod windows;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use posta_core::time::{Timestamp, pause};
use posta_store::Tx;
use tokio::sync::{Notify, Semaphore};

use crate::app::App;
use crate::flows::{calls, ingest};

/// How long a stopping server waits for work under way.
pub const GRACE: Duration = Duration::from_secs(4);

/// How long a worker sleeps at most without looking: another node may have left work.
const LOOK: Duration = Duration::from_secs(2);

/// How long to wait when something is due and could not be taken: another node is taking it.
const TAKEN: Duration = Duration::from_millis(10);

/// How long a worker waits after the database failed it.
const RECOVER: Duration = Duration::from_secs(1);

/// A worker: what it is called in logs, and what it does until the server stops.
type Worker = (&'static str, fn(App) -> BoxFuture<'static, ()>);

const WORKERS: &[Worker] = &[
    ("bells", |app| bells::run(app).boxed()),
    ("ingest", |app| ingest::run(app).boxed()),
    ("receive", |app| receive::run(app).boxed()),
    ("fetch", |app| fetch::run(app).boxed()),
    ("send", |app| send::run(app).boxed()),
    ("deliver", |app| deliver::run(app).boxed()),
    ("replay", |app| replay::run(app).boxed()),
    ("renew", |app| renew::run(app).boxed()),
    ("recover", |app| recover::run(app).boxed()),
    ("subscriptions", |app| subscriptions::run(app).boxed()),
    ("erase", |app| erase::run(app).boxed()),
    ("people", |app| people::run(app).boxed()),
    ("windows", |app| windows::run(app).boxed()),
    ("walk", |app| walk::run(app).boxed()),
    ("keep", |app| keep::run(app).boxed()),
    ("sweep", |app| sweep::run(app).boxed()),
    ("purge", |app| purge::run(app).boxed()),
    ("clean", |app| clean::run(app).boxed()),
    ("calls", |app| calls::run(app).boxed()),
];

/// How many workers there are.
pub const COUNT: usize = WORKERS.len();

/// Starts all workers.
pub fn start(app: &App) {
    for worker in WORKERS {
        watch(app, *worker);
    }
}

/// Runs a worker until the server stops; one that panics is started again.
fn watch(app: &App, (name, worker): Worker) {
    let app = app.clone();
    app.tasks.clone().spawn(async move {
        while AssertUnwindSafe(worker(app.clone())).catch_unwind().await.is_err() {
            tracing::error!(worker = name, "a worker panicked; it is started again");
            pause(RECOVER).await;
        }
    });
}

/// Names something that is under way or due now; `None` when there is nothing.
///
/// # Errors
/// When the database failed.
pub async fn find_work(app: &App) -> posta_store::Result<Option<&'static str>> {
    if !app.under_way.is_zero() {
        return Ok(Some("what was taken and has not ended"));
    }
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    macro_rules! look_at {
        ($($family:ident),*) => {$(
            let due = posta_store::$family::find_next_due(&mut tx).await?;
            if due.is_some_and(|due| due <= now) {
                return Ok(Some(stringify!($family)));
            }
        )*};
    }
    look_at!(
        inbound,
        fetches,
        budgets,
        deliveries,
        replays,
        renewals,
        recoveries,
        subscriptions,
        erasures,
        people,
        windows,
        walks,
        keeps,
        media,
        purges
    );
    // What was not due any more while the others were looked at may have been taken meanwhile.
    if !app.under_way.is_zero() {
        return Ok(Some("what was just taken"));
    }
    if app.calls.waiting() > 0 {
        app.calls.hurry();
        return Ok(Some("the log of calls"));
    }
    Ok(None)
}

/// Whether nothing is under way and nothing is due now.
///
/// # Errors
/// When the database failed.
pub async fn is_idle(app: &App) -> posta_store::Result<bool> {
    Ok(find_work(app).await?.is_none())
}

/// Works for as long as there is something to do, then rests; until the server stops.
///
/// `work` claims what is due and does it, and says whether there may be more.
async fn tend<W: Future<Output = posta_store::Result<bool>>>(
    app: &App,
    worker: &str,
    bell: &Notify,
    next_due: impl AsyncFn(&mut Tx) -> posta_store::Result<Option<Timestamp>>,
    work: impl Fn() -> W,
) {
    loop {
        let busy = app.under_way.enter();
        let found = work().await;
        drop(busy);
        let go_on = match found {
            Ok(true) => !app.stop.is_cancelled(),
            // It has rung meanwhile, so that nobody need ask.
            Ok(false) if bell.notified().now_or_never().is_some() => !app.stop.is_cancelled(),
            Ok(false) => match ask(app, &next_due).await {
                Ok(next) => rest(app, bell, next).await,
                Err(error) => recover(app, worker, &error).await,
            },
            Err(error) => recover(app, worker, &error).await,
        };
        if !go_on {
            return;
        }
    }
}

/// Waits until another piece of work may be under way, and returns how many may.
async fn room(permits: &Semaphore) -> i64 {
    drop(permits.acquire().await);
    i64::try_from(permits.available_permits()).unwrap_or(i64::MAX)
}

/// Waits for the bell, the time the next work is due, or the stop; `false` on the stop.
async fn rest(app: &App, bell: &Notify, next_due: Option<Timestamp>) -> bool {
    tokio::select! {
        biased;
        () = app.stop.cancelled() => false,
        () = bell.notified() => true,
        () = due(app, next_due) => true,
    }
}

/// Waits until the next work is due, or for as long as nobody looks.
async fn due(app: &App, next_due: Option<Timestamp>) {
    let now = app.clock.now();
    let until = next_due.unwrap_or(now.plus(LOOK)).min(now.plus(LOOK));
    app.clock.sleep_until(until).await;
    if until <= now {
        pause(TAKEN).await;
    }
}

/// Waits a moment after the database failed; `false` on the stop.
async fn recover(app: &App, worker: &str, error: &posta_store::Error) -> bool {
    tracing::error!(worker, %error, "the database failed a worker; it tries again");
    tokio::select! {
        () = app.stop.cancelled() => false,
        () = pause(RECOVER) => true,
    }
}

/// Whether anything is due. Asking takes no turn at writing, for which others would wait: a worker that
/// is woken by every webhook mostly has nothing to do.
async fn is_due(
    app: &App,
    next_due: impl AsyncFn(&mut Tx) -> posta_store::Result<Option<Timestamp>>,
) -> posta_store::Result<bool> {
    Ok(ask(app, next_due).await?.is_some_and(|due| due <= app.clock.now()))
}

/// Begins reading, asks one question, and ends.
async fn ask<T>(
    app: &App,
    question: impl AsyncFnOnce(&mut Tx) -> posta_store::Result<T>,
) -> posta_store::Result<T> {
    let mut tx = app.db.read().await?;
    question(&mut tx).await
}
