//! Tries the tokens of lost accounts that may have come back, a few at a time.

use std::time::Duration;

use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::recoveries;
use tokio::sync::Notify;

use super::tend;
use crate::app::App;
use crate::flows::recover;

/// How many are taken at once.
const BATCH: i64 = 8;

/// How long an account is taken for: the longest call of each in the batch, and room for notes.
const LEASE: Duration = Duration::from_secs(PLATFORM_TIMEOUT.as_secs() * 10);

pub(super) async fn run(app: App) {
    // Nobody rings: a token is tried minutes after the account was lost.
    let bell = Notify::new();
    tend(&app, "recover", &bell, recoveries::find_next_due, || work(&app)).await;
}

async fn work(app: &App) -> posta_store::Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let due = recoveries::claim(&mut tx, now, now.plus(LEASE), BATCH).await?;
    tx.commit().await?;
    for account in &due {
        recover::attempt(app, account).await?;
    }
    Ok(!due.is_empty())
}
