//! Fetches messages that were announced without their content, one after the other: platforms
//! allow few reads, and most announced messages come by themselves.

use std::time::Duration;

use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::fetches;

use super::{is_due, tend};
use crate::app::App;
use crate::flows::receive::fetch;

/// How long one is taken for: the longest call and room to note its outcome.
const LEASE: Duration = Duration::from_secs(PLATFORM_TIMEOUT.as_secs() * 2 + 10);

pub(super) async fn run(app: App) {
    tend(&app, "fetch", &app.wake.fetch, fetches::find_next_due, || work(&app)).await;
}

/// Fetches the next message that is due; `false` when there is none.
async fn work(app: &App) -> posta_store::Result<bool> {
    if !is_due(app, fetches::find_next_due).await? {
        return Ok(false);
    }
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rows = fetches::claim(&mut tx, now, now.plus(LEASE), 1).await?;
    tx.commit().await?;
    for row in &rows {
        fetch(app, row).await?;
    }
    Ok(!rows.is_empty())
}
