//! Downloads and keeps what people sent as it falls due: several files at once.

use std::sync::Arc;

use posta_store::keeps;
use tokio::sync::Semaphore;

use super::{is_due, room, tend};
use crate::app::App;
use crate::flows::media;

/// How many downloads are under way at once.
const CONCURRENCY: usize = 4;

pub(super) async fn run(app: App) {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    tend(&app, "keep", &app.wake.keep, keeps::find_next_due, || work(&app, &permits)).await;
}

async fn work(app: &App, permits: &Arc<Semaphore>) -> posta_store::Result<bool> {
    if !is_due(app, keeps::find_next_due).await? {
        return Ok(false);
    }
    let room = room(permits).await;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let due = keeps::claim(&mut tx, now, now.plus(media::KEEP_LEASE), room).await?;
    tx.commit().await?;
    let found = !due.is_empty();
    for keep in due {
        let permit = Arc::clone(permits).try_acquire_owned();
        let (app, busy) = (app.clone(), app.under_way.enter());
        app.tasks.clone().spawn(async move {
            if let Err(error) = media::keep(&app, &keep).await {
                tracing::error!(%error, "what came of keeping a file was not noted");
            }
            drop((permit, busy));
            app.wake.keep.again();
        });
    }
    Ok(found)
}
