//! Looks at subscriptions as they fall due, a few at a time.

use std::time::Duration;

use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::subscriptions;

use super::tend;
use crate::app::App;
use crate::flows::subscriptions::watch;

/// How many are taken at once.
const BATCH: i64 = 8;

/// How long an account is taken for: two calls for each in the batch, and room for notes.
const LEASE: Duration = Duration::from_secs(PLATFORM_TIMEOUT.as_secs() * 20);

pub(super) async fn run(app: App) {
    tend(&app, "subscriptions", &app.wake.subscriptions, subscriptions::find_next_due, || {
        work(&app)
    })
    .await;
}

async fn work(app: &App) -> posta_store::Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let due = subscriptions::claim(&mut tx, now, now.plus(LEASE), BATCH).await?;
    tx.commit().await?;
    for account in &due {
        watch(app, account).await?;
    }
    Ok(!due.is_empty())
}
