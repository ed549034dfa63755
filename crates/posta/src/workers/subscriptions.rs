//! Looks at subscriptions as they fall due, a few at a time.

use std::time::Duration;

use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::subscriptions;
use tokio::sync::Notify;

use super::{ask, recover, rest};
use crate::app::App;
use crate::flows::subscriptions::watch;

/// How many are taken at once.
const BATCH: i64 = 8;

/// How long an account is taken for: two calls for each in the batch, and room for notes.
const LEASE: Duration = Duration::from_secs(PLATFORM_TIMEOUT.as_secs() * 20);

pub(super) async fn run(app: App) {
    // Nobody rings: subscriptions fall due an hour after they were looked at.
    let bell = Notify::new();
    loop {
        let go_on = match work(&app).await {
            Ok(0) => match ask(&app, subscriptions::find_next_due).await {
                Ok(next) => rest(&app, &bell, next).await,
                Err(error) => recover(&app, "subscriptions", &error).await,
            },
            Ok(_) => !app.stop.is_cancelled(),
            Err(error) => recover(&app, "subscriptions", &error).await,
        };
        if !go_on {
            return;
        }
    }
}

async fn work(app: &App) -> posta_store::Result<usize> {
    let busy = app.under_way.enter();
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let due = subscriptions::claim(&mut tx, now, now.plus(LEASE), BATCH).await?;
    tx.commit().await?;
    for account in &due {
        watch(app, account).await?;
    }
    drop(busy);
    Ok(due.len())
}
