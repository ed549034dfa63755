//! Forgets what has had its time: idempotency keys after a day, connect attempts after an hour,
//! what came early and what was told once after a month, events, raw webhooks and calls to platforms
//! when the settings say so; and files that no row knows. Sees, too, that no lane has lost its turn.

use std::time::Duration;

use posta_core::id::WorkspaceId;
use posta_core::time::Timestamp;
use posta_store::{calls, connects, early, events, idempotency, inbound, jobs, told, workspaces};

use crate::app::App;
use crate::flows::announce::ANNOUNCED;
use crate::flows::media;

const EVERY: Duration = Duration::from_hours(1);
const IDEMPOTENCY: Duration = Duration::from_hours(24);
/// How many rows of the log are deleted at once.
const HANDFUL: i64 = 500;
const CONNECTS: Duration = Duration::from_hours(1);
const EARLY: Duration = Duration::from_hours(24 * 30);
/// Platforms repeat a webhook for a day and a half; operators may work one off again later.
const TOLD: Duration = Duration::from_hours(24 * 30);

pub(super) async fn run(app: App) {
    loop {
        let busy = app.under_way.enter();
        let cleaned = clean(&app).await;
        drop(busy);
        if let Err(error) = cleaned {
            tracing::warn!(%error, "old rows could not be deleted; the next round tries again");
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = app.clock.sleep(EVERY) => {}
        }
    }
}

async fn clean(app: &App) -> posta_store::Result<()> {
    let now = app.clock.now();
    // First, for a lane without its turn is mail that stands still.
    mend_lanes(app).await?;
    let mut tx = app.db.write().await?;
    idempotency::delete_old(&mut tx, now.minus(IDEMPOTENCY)).await?;
    connects::delete_expired(&mut tx, now.minus(CONNECTS)).await?;
    early::delete_old(&mut tx, now.minus(EARLY)).await?;
    told::delete_old(&mut tx, now.minus(TOLD)).await?;
    tx.commit().await?;
    clean_log(app, now).await?;
    media::delete_orphans(app).await
}

/// Gives lanes back their turn in which a process of an older version has worked.
async fn mend_lanes(app: &App) -> posta_store::Result<()> {
    loop {
        let mut tx = app.db.write().await?;
        let mended = jobs::update_turns(&mut tx, HANDFUL).await?;
        tx.commit().await?;
        if mended > 0 {
            app.wake.send.notify_one();
        }
        if mended == 0 || app.stop.is_cancelled() {
            return Ok(());
        }
    }
}

/// In small transactions, for whatever else wants to write waits meanwhile.
async fn clean_log(app: &App, now: Timestamp) -> posta_store::Result<()> {
    let days = |days: u32| now.minus(Duration::from_hours(24) * days);
    let mut tx = app.db.read().await?;
    let owners = workspaces::list_ids(&mut tx).await?;
    drop(tx);
    for owner in &owners {
        clean_calls(app, owner, days(app.config.logs.keep_days)).await?;
        for kind in ANNOUNCED {
            let before = days(app.config.events.days_of(kind));
            loop {
                let mut tx = app.db.write().await?;
                let gone = events::delete_old(&mut tx, owner, kind, before, HANDFUL).await?;
                tx.commit().await?;
                if gone == 0 || app.stop.is_cancelled() {
                    break;
                }
            }
        }
    }
    loop {
        let mut tx = app.db.write().await?;
        let before = days(app.config.events.keep_raw_days);
        let gone = inbound::delete_old(&mut tx, before, HANDFUL).await?;
        tx.commit().await?;
        if gone == 0 || app.stop.is_cancelled() {
            return Ok(());
        }
    }
}

async fn clean_calls(app: &App, owner: &WorkspaceId, before: Timestamp) -> posta_store::Result<()> {
    loop {
        let mut tx = app.db.write().await?;
        let gone = calls::delete_old(&mut tx, owner, before, HANDFUL).await?;
        tx.commit().await?;
        if gone == 0 || app.stop.is_cancelled() {
            return Ok(());
        }
    }
}
