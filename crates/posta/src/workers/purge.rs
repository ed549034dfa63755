//! Takes out of raw webhooks what messages said that were taken back, bit by bit.

use std::time::Duration;

use posta_store::purges;

use super::{is_due, tend};
use crate::app::App;
use crate::flows::receive::purge_some;

/// How long one is taken for.
const LEASE: Duration = Duration::from_mins(1);

pub(super) async fn run(app: App) {
    tend(&app, "purge", &app.wake.purge, purges::find_next_due, || work(&app)).await;
}

async fn work(app: &App) -> posta_store::Result<bool> {
    if !is_due(app, purges::find_next_due).await? {
        return Ok(false);
    }
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let due = purges::claim(&mut tx, now, now.plus(LEASE)).await?;
    tx.commit().await?;
    if let Some(purge) = &due {
        purge_some(app, purge).await?;
    }
    Ok(due.is_some())
}
