//! Makes steps of walks through accounts' conversations as they fall due: several accounts at once.

use std::sync::Arc;
use std::time::Duration;

use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::walks;
use tokio::sync::Semaphore;

use super::{room, tend};
use crate::app::App;
use crate::flows::walk;

/// How many calls to platforms are under way at once.
const CONCURRENCY: usize = 8;

/// How long a walk is taken for: the longest call and room to note what it saw.
const LEASE: Duration = Duration::from_secs(PLATFORM_TIMEOUT.as_secs() * 2 + 10);

pub(super) async fn run(app: App) {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    tend(&app, "walk", &app.wake.walk, walks::find_next_due, || work(&app, &permits)).await;
}

async fn work(app: &App, permits: &Arc<Semaphore>) -> posta_store::Result<bool> {
    let room = room(permits).await;
    let now = app.clock.now();
    let lease = now.plus(LEASE);
    let mut tx = app.db.write().await?;
    let due = walks::claim(&mut tx, now, lease, room).await?;
    tx.commit().await?;
    let found = !due.is_empty();
    for walk in due {
        let permit = Arc::clone(permits).try_acquire_owned();
        let (app, busy) = (app.clone(), app.under_way.enter());
        app.tasks.clone().spawn(async move {
            if let Err(error) = walk::step(&app, walk, lease).await {
                tracing::error!(%error, "a step through conversations was not noted");
            }
            drop((permit, busy));
            app.wake.walk.again();
        });
    }
    Ok(found)
}
