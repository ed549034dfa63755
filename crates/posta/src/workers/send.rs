//! Works off send jobs: many lanes at once, within a lane one at a time.

use std::sync::Arc;

use posta_store::jobs;
use tokio::sync::Semaphore;

use super::{room, tend};
use crate::app::App;
use crate::flows::send;
use crate::origin::Origin;

/// How many calls to platforms are under way at once.
const CONCURRENCY: usize = 64;

pub(super) async fn run(app: App) {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    tend(&app, "send", &app.wake.send, jobs::find_next_due, || work(&app, &permits)).await;
}

async fn work(app: &App, permits: &Arc<Semaphore>) -> posta_store::Result<bool> {
    let room = room(permits).await;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let jobs = jobs::claim(&mut tx, now, now.plus(send::LEASE), room).await?;
    tx.commit().await?;
    let found = !jobs.is_empty();
    for job in jobs {
        let permit = Arc::clone(permits).try_acquire_owned();
        let (app, busy) = (app.clone(), app.under_way.enter());
        app.tasks.clone().spawn(async move {
            let origin = Origin::read(job.origin.as_deref());
            if let Err(error) = origin.scope(Box::pin(send::attempt(&app, &job))).await {
                tracing::error!(job.id = %job.id, %error, "a send's outcome could not be noted");
            }
            drop((permit, busy));
            app.wake.send.notify_one();
        });
    }
    Ok(found)
}
