//! Goes on with replays, one handful after the other.

use std::time::Duration;

use posta_store::replays;

use super::tend;
use crate::app::App;
use crate::flows::replay;

/// How long a replay is taken for.
const LEASE: Duration = Duration::from_secs(60);

pub(super) async fn run(app: App) {
    tend(&app, "replay", &app.wake.replay, replays::find_next_due, || work(&app)).await;
}

async fn work(app: &App) -> posta_store::Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let Some(claimed) = replays::claim(&mut tx, now, now.plus(LEASE)).await? else {
        return Ok(false);
    };
    tx.commit().await?;
    let mut tx = app.db.write().await?;
    replay::step(app, &mut tx, claimed).await?;
    tx.commit().await?;
    app.wake.deliver.notify_one();
    Ok(true)
}
