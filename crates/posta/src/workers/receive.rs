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
        Ok(Err(_)) | Err(_) => Ok(work_apart(app).await? > 0),
    }
}

/// Works off a batch in one transaction. Returns whether there may be more.
async fn work_together(app: &App) -> posta_store::Result<bool> {
    app.ingest.let_pass(FLOOD, LONGEST).await;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rows = inbound::claim(&mut tx, now, now, BATCH).await?;
    let received = receive(app, &mut tx, &rows).await?;
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
/// with the reason, and others go on. Returns how many webhooks.
async fn work_apart(app: &App) -> posta_store::Result<usize> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rows = inbound::claim(&mut tx, now, now, 1).await?;
    for row in &rows {
        // On record before it is tried: a failure that ends the process must not come first again.
        inbound::update_due(&mut tx, &row.id, later(app, row), Some(STOPPED)).await?;
    }
    tx.commit().await?;
    for row in &rows {
        let problem = match AssertUnwindSafe(receive_apart(app, row)).catch_unwind().await {
            Ok(problem) => problem?,
            Err(_) => Some("the program failed over it; see the log".to_owned()),
        };
        if let Some(problem) = problem {
            tracing::error!(inbound.id = %row.id, problem, "a webhook cannot be worked off");
            let mut tx = app.db.write().await?;
            inbound::update_due(&mut tx, &row.id, later(app, row), Some(&problem)).await?;
            tx.commit().await?;
        }
    }
    app.wake.of_news();
    Ok(rows.len())
}

/// Why a webhook waits over which the program ended.
const STOPPED: &str = "working it off did not come to an end";

/// When a webhook that could not be worked off is tried again.
fn later(app: &App, row: &Inbound) -> posta_core::time::Timestamp {
    let doublings = u32::try_from(row.attempts.clamp(0, 9)).unwrap_or(0);
    app.clock.now().plus(SET_ASIDE * 2_u32.pow(doublings))
}
