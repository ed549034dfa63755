//! Deletes what owners want deleted, bit by bit.

use std::time::Duration;

use posta_store::erasures;

use super::tend;
use crate::app::App;
use crate::flows::callbacks;

/// How long a request is taken for.
const LEASE: Duration = Duration::from_mins(1);

pub(super) async fn run(app: App) {
    tend(&app, "erase", &app.wake.erase, erasures::find_next_due, || work(&app)).await;
}

async fn work(app: &App) -> posta_store::Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let due = erasures::claim(&mut tx, now, now.plus(LEASE)).await?;
    tx.commit().await?;
    if let Some(erasure) = &due {
        callbacks::erase_some(app, erasure).await?;
    }
    Ok(due.is_some())
}
