//! Works off raw webhooks, oldest first.

use std::time::Duration;

use posta_store::inbound;

use super::{ask, recover, rest};
use crate::app::App;
use crate::flows::receive::receive;

/// How many webhooks share a transaction; a few, so that accepting new ones never waits long.
const BATCH: i64 = 32;

/// How long a webhook that the database refuses is left alone; it doubles up to an hour.
const SET_ASIDE: Duration = Duration::from_secs(5);

pub(super) async fn run(app: App) {
    loop {
        let busy = app.under_way.enter();
        let result = work(&app, BATCH).await;
        // One bad webhook must not hold up the batch it is in.
        let result = match result {
            Err(_) => work(&app, 1).await,
            done => done,
        };
        drop(busy);
        let go_on = match result {
            Ok(0) => match ask(&app, inbound::find_next_due).await {
                Ok(next) => rest(&app, &app.wake.receive, next).await,
                Err(error) => recover(&app, "receive", &error).await,
            },
            Ok(_) => !app.stop.is_cancelled(),
            Err(error) => match set_aside(&app, &error).await {
                Ok(()) => true,
                Err(error) => recover(&app, "receive", &error).await,
            },
        };
        if !go_on {
            return;
        }
    }
}

async fn work(app: &App, limit: i64) -> posta_store::Result<usize> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rows = inbound::claim(&mut tx, now, now, limit).await?;
    for row in &rows {
        receive(app, &mut tx, row).await?;
    }
    tx.commit().await?;
    app.wake.deliver.notify_one();
    Ok(rows.len())
}

/// Lets the webhook at the head of the queue wait, with the reason, so that others go on.
async fn set_aside(app: &App, error: &posta_store::Error) -> posta_store::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    for row in inbound::claim(&mut tx, now, now, 1).await? {
        tracing::error!(inbound.id = %row.id, %error, "a webhook cannot be worked off");
        let doublings = u32::try_from(row.attempts.clamp(0, 9)).unwrap_or(0);
        let until = now.plus(SET_ASIDE * 2_u32.pow(doublings));
        inbound::update_due(&mut tx, &row.id, until, Some(&error.to_string())).await?;
    }
    tx.commit().await
}
