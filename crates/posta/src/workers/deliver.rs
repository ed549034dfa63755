//! Makes deliveries to webhook endpoints as they fall due.

use std::sync::Arc;
use std::time::Duration;

use posta_store::deliveries;
use tokio::sync::Semaphore;

use super::{ask, recover, rest};
use crate::app::App;
use crate::flows::deliver;

/// How many deliveries are taken at once.
const BATCH: usize = 64;

pub(super) async fn run(app: App) {
    let permits = Arc::new(Semaphore::new(usize::from(app.config.webhooks.concurrency)));
    loop {
        let go_on = match work(&app, &permits).await {
            Ok(0) => match ask(&app, deliveries::find_next_due).await {
                Ok(next) => rest(&app, &app.wake.deliver, next).await,
                Err(error) => recover(&app, "deliver", &error).await,
            },
            Ok(_) => !app.stop.is_cancelled(),
            Err(error) => recover(&app, "deliver", &error).await,
        };
        if !go_on {
            return;
        }
    }
}

async fn work(app: &App, permits: &Arc<Semaphore>) -> posta_store::Result<usize> {
    let busy = app.under_way.enter();
    let room = i64::try_from(permits.available_permits().min(BATCH)).unwrap_or(0);
    let now = app.clock.now();
    let claimed = if room == 0 {
        Vec::new()
    } else {
        let timeout = Duration::from_secs(u64::from(app.config.webhooks.timeout_seconds));
        let lease = timeout * 2 + Duration::from_secs(20);
        let mut tx = app.db.write().await?;
        let claimed = deliveries::claim(&mut tx, now, now.plus(lease), room).await?;
        tx.commit().await?;
        claimed
    };
    let count = claimed.len();
    for delivery in claimed {
        let permit = Arc::clone(permits).try_acquire_owned();
        let (app, busy) = (app.clone(), busy.clone());
        app.tasks.clone().spawn(async move {
            if let Err(error) = deliver::attempt(&app, &delivery).await {
                tracing::error!(delivery.id = %delivery.id, %error, "a delivery was not noted");
            }
            drop((permit, busy));
            app.wake.deliver.notify_one();
        });
    }
    Ok(count)
}
