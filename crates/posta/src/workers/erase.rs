//! Deletes what owners want deleted, bit by bit.

use std::time::Duration;

use posta_store::erasures;

use super::{ask, recover, rest};
use crate::app::App;
use crate::flows::callbacks;

/// How long a request is taken for.
const LEASE: Duration = Duration::from_mins(1);

pub(super) async fn run(app: App) {
    loop {
        let go_on = match work(&app).await {
            Ok(false) => match ask(&app, erasures::find_next_due).await {
                Ok(next) => rest(&app, &app.wake.erase, next).await,
                Err(error) => recover(&app, "erase", &error).await,
            },
            Ok(true) => !app.stop.is_cancelled(),
            Err(error) => recover(&app, "erase", &error).await,
        };
        if !go_on {
            return;
        }
    }
}

async fn work(app: &App) -> posta_store::Result<bool> {
    let busy = app.under_way.enter();
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let due = erasures::claim(&mut tx, now, now.plus(LEASE)).await?;
    tx.commit().await?;
    if let Some(erasure) = &due {
        callbacks::erase_some(app, erasure).await?;
    }
    drop(busy);
    Ok(due.is_some())
}
