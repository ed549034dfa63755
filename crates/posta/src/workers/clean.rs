//! Forgets what has had its time: idempotency keys after a day, connect attempts after an hour,
//! what came early and what was told once after a month, files to be sent after a week.

use std::time::Duration;

use posta_store::{connects, early, idempotency, told};

use crate::app::App;
use crate::flows::media;

const EVERY: Duration = Duration::from_hours(1);
const IDEMPOTENCY: Duration = Duration::from_hours(24);
const CONNECTS: Duration = Duration::from_hours(1);
const EARLY: Duration = Duration::from_hours(24 * 30);
/// Platforms repeat a webhook for a day and a half; operators may work one off again later.
const TOLD: Duration = Duration::from_hours(24 * 30);

pub(super) async fn run(app: App) {
    loop {
        if let Err(error) = clean(&app).await {
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
    let mut tx = app.db.write().await?;
    idempotency::delete_old(&mut tx, now.minus(IDEMPOTENCY)).await?;
    connects::delete_expired(&mut tx, now.minus(CONNECTS)).await?;
    early::delete_old(&mut tx, now.minus(EARLY)).await?;
    told::delete_old(&mut tx, now.minus(TOLD)).await?;
    tx.commit().await?;
    media::sweep(app).await
}
