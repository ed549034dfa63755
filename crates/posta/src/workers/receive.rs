//! Works off raw webhooks, oldest first.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use posta_store::inbound::{self, Inbound};

use super::tend;
use crate::app::App;
use crate::flows::receive::{receive, receive_apart};

/// How many webhooks share a transaction; a few, so that accepting new ones never waits long.
const BATCH: i64 = 64;

/// When so many new ones wait to be written, they go first, but none waits longer for them than this: a
/// backlog gets smaller also while more comes than can be worked off.
const FLOOD: usize = 48;
const LONGEST: Duration = Duration::from_millis(100);

/// How long a webhook that the database refuses is left alone; it doubles up to an hour.
const SET_ASIDE: Duration = Duration::from_secs(5);

pub(super) async fn run(app: App) {
    tend(&app, "receive", &app.wake.receive, inbound::find_next_due, || work(&app)).await;
}

async fn work(app: &App) -> posta_store::Result<bool> {
    match AssertUnwindSafe(work_together(app)).catch_unwind().await {
        Ok(Ok(may_be_more)) => Ok(may_be_more),
        // One bad webhook must not hold up the batch it is in.
        Ok(Err(error)) => {
            tracing::warn!(%error, "webhooks are worked off one by one");
            work_to_the_bad_one(app).await
        }
        Err(_) => work_to_the_bad_one(app).await,
    }
}

/// Works off webhooks one by one until the bad one is set aside: together they would fail again. Returns
/// whether there may be more.
async fn work_to_the_bad_one(app: &App) -> posta_store::Result<bool> {
    for _ in 0..BATCH {
        match work_apart(app).await? {
            Met::Nothing => return Ok(false),
            Met::Bad => return Ok(true),
            Met::Good if app.stop.is_cancelled() => return Ok(true),
            Met::Good => {}
        }
    }
    Ok(true)
}

/// What was met at the head of the queue.
enum Met {
    Nothing,
    Good,
    Bad,
}

/// Works off a batch in one transaction. Returns whether there may be more.
async fn work_together(app: &App) -> posta_store::Result<bool> {
    app.ingest.let_pass(FLOOD, LONGEST).await;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rows = inbound::claim(&mut tx, now, now, BATCH).await?;
    let received = receive(app, &mut tx, &rows).await?;
    for row in rows.iter().skip(received.steps.len()) {
        // It keeps its place before those that came after it.
        inbound::update_due(&mut tx, &row.id, row.received_at, None).await?;
    }
    tx.commit().await?;
    if received.is_plain {
        app.wake.announced();
    } else {
        app.wake.of_news();
    }
    let count = received.steps.len();
    Ok(count == usize::try_from(BATCH).unwrap_or(usize::MAX) || count < rows.len())
}

/// Works off the webhook at the head of the queue, event by event; what cannot be taken in waits,
/// with the reason, and others go on.
async fn work_apart(app: &App) -> posta_store::Result<Met> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rows = inbound::claim(&mut tx, now, now, 1).await?;
    for row in &rows {
        // On record before it is tried: a failure that ends the process must not come first again.
        inbound::update_due(&mut tx, &row.id, later(app, row), Some(STOPPED)).await?;
    }
    tx.commit().await?;
    let mut met = Met::Nothing;
    for row in &rows {
        met = Met::Good;
        let problem = match AssertUnwindSafe(receive_apart(app, row)).catch_unwind().await {
            Ok(problem) => problem?,
            Err(_) => Some("the program failed over it; see the log".to_owned()),
        };
        if let Some(problem) = problem {
            met = Met::Bad;
            tracing::error!(inbound.id = %row.id, problem, "a webhook cannot be worked off");
            let mut tx = app.db.write().await?;
            inbound::update_due(&mut tx, &row.id, later(app, row), Some(&problem)).await?;
            tx.commit().await?;
        }
    }
    app.wake.of_news();
    Ok(met)
}

/// Why a webhook waits over which the program ended.
const STOPPED: &str = "working it off did not come to an end";

/// When a webhook that could not be worked off is tried again.
fn later(app: &App, row: &Inbound) -> posta_core::time::Timestamp {
    let doublings = u32::try_from(row.attempts.clamp(0, 9)).unwrap_or(0);
    app.clock.now().plus(SET_ASIDE * 2_u32.pow(doublings))
}
