//! Fetches messages that were announced without their content, one after the other: platforms
//! allow few reads, and most announced messages come by themselves.

use std::time::Duration;

use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::fetches;

use super::{ask, recover, rest};
use crate::app::App;
use crate::flows::receive::fetch;

/// How long one is taken for: the longest call and room to note its outcome.
const LEASE: Duration = Duration::from_secs(PLATFORM_TIMEOUT.as_secs() * 2 + 10);

pub(super) async fn run(app: App) {
    loop {
        let busy = app.under_way.enter();
        let result = work(&app).await;
        drop(busy);
        let go_on = match result {
            Ok(true) => !app.stop.is_cancelled(),
            Ok(false) => match ask(&app, fetches::find_next_due).await {
                Ok(next) => rest(&app, &app.wake.fetch, next).await,
                Err(error) => recover(&app, "fetch", &error).await,
            },
            Err(error) => recover(&app, "fetch", &error).await,
        };
        if !go_on {
            return;
        }
    }
}

/// Fetches the next message that is due; `false` when there is none.
async fn work(app: &App) -> posta_store::Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rows = fetches::claim(&mut tx, now, now.plus(LEASE), 1).await?;
    tx.commit().await?;
    for row in &rows {
        fetch(app, row).await?;
    }
    Ok(!rows.is_empty())
}
