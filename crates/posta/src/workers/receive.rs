//! Works off raw webhooks, oldest first.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use posta_store::inbound::{self, Inbound};

use super::tend;
use crate::app::App;
use crate::flows::receive::{receive, receive_apart};
use crate::origin::Origin;
use crate::traces::{Kind, Place};

/// How many webhooks share a transaction; a few, so that accepting new ones never waits long.
const BATCH: i64 = 32;

/// After how many events a transaction ends, though more webhooks were taken: one webhook can hold
/// a thousand, and accepting new ones must not wait for many of that kind.
const EVENTS: usize = 500;

/// How many are worked off at least, though new ones wait to be written: a backlog gets smaller also
/// while more comes than can be worked off.
const LEAST: usize = 4;

/// How long a webhook that the database refuses is left alone; it doubles up to an hour.
const SET_ASIDE: Duration = Duration::from_secs(5);

pub(super) async fn run(app: App) {
    tend(&app, "receive", &app.wake.receive, inbound::find_next_due, || work(&app)).await;
}

async fn work(app: &App) -> posta_store::Result<bool> {
    match AssertUnwindSafe(work_together(app)).catch_unwind().await {
        Ok(Ok(count)) => Ok(count > 0),
        // One bad webhook must not hold up the batch it is in.
        Ok(Err(_)) | Err(_) => Ok(work_apart(app).await? > 0),
    }
}

/// Works off a batch in one transaction. Returns how many webhooks.
async fn work_together(app: &App) -> posta_store::Result<usize> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rows = inbound::claim(&mut tx, now, now, BATCH).await?;
    let (mut count, mut events) = (0, 0);
    for row in &rows {
        let is_in_the_way = count >= LEAST && app.ingest.waiting() > 0;
        if events >= EVENTS || is_in_the_way {
            break;
        }
        events += going_on(app, row, Box::pin(receive(app, &mut tx, row))).await?;
        count += 1;
    }
    tx.commit().await?;
    app.wake.of_news();
    Ok(count)
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
        let problem = match AssertUnwindSafe(going_on(app, row, Box::pin(receive_apart(app, row))))
            .catch_unwind()
            .await
        {
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

/// Does the work as part of the trace that began when the webhook came.
async fn going_on<F: Future>(app: &App, row: &Inbound, work: F) -> F::Output {
    let Some(parent) = row.traceparent.as_deref().and_then(Place::read) else {
        return work.await;
    };
    let mut step = app.traces.begin(Kind::Consumer, || "receive".to_owned(), Some(&parent));
    step.about("inbound.id", &row.id);
    Origin { request_id: None, place: step.place() }.scope(work).await
}

/// Why a webhook waits over which the program ended.
const STOPPED: &str = "working it off did not come to an end";

/// When a webhook that could not be worked off is tried again.
fn later(app: &App, row: &Inbound) -> posta_core::time::Timestamp {
    let doublings = u32::try_from(row.attempts.clamp(0, 9)).unwrap_or(0);
    app.clock.now().plus(SET_ASIDE * 2_u32.pow(doublings))
}
