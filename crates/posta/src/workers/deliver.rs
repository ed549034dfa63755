//! Makes deliveries to webhook endpoints as they fall due.

use std::sync::Arc;
use std::time::Duration;

use posta_store::deliveries;
use tokio::sync::Semaphore;

use super::{room, tend};
use crate::app::App;
use crate::flows::deliver;

/// How many deliveries are taken at once.
const BATCH: i64 = 64;

pub(super) async fn run(app: App) {
    let permits = Arc::new(Semaphore::new(usize::from(app.config.webhooks.concurrency)));
    tend(&app, "deliver", &app.wake.deliver, deliveries::find_next_due, || work(&app, &permits))
        .await;
}

async fn work(app: &App, permits: &Arc<Semaphore>) -> posta_store::Result<bool> {
    let room = room(permits).await.min(BATCH);
    let now = app.clock.now();
    let timeout = Duration::from_secs(u64::from(app.config.webhooks.timeout_seconds));
    let lease = timeout * 2 + Duration::from_secs(20);
    let mut tx = app.db.write().await?;
    let claimed = deliveries::claim(&mut tx, now, now.plus(lease), room).await?;
    tx.commit().await?;
    let found = !claimed.is_empty();
    for delivery in claimed {
        let permit = Arc::clone(permits).try_acquire_owned();
        let (app, busy) = (app.clone(), app.under_way.enter());
        app.tasks.clone().spawn(async move {
            if let Err(error) = deliver::attempt(&app, &delivery).await {
                tracing::error!(delivery.id = %delivery.id, %error, "a delivery was not noted");
            }
            drop((permit, busy));
            app.wake.deliver.notify_one();
        });
    }
    Ok(found)
}
