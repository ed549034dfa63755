//! Works off send jobs: many lanes at once, within a lane one at a time.

use std::sync::Arc;

use posta_store::budgets;
use tokio::sync::Semaphore;

use super::{room, tend};
use crate::app::App;
use crate::flows::send;
use crate::origin::Origin;

/// How many calls to platforms are under way at once.
const CONCURRENCY: usize = 64;

pub(super) async fn run(app: App) {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    tend(&app, "send", &app.wake.send, budgets::find_next_due, || work(&app, &permits)).await;
}

async fn work(app: &App, permits: &Arc<Semaphore>) -> posta_store::Result<bool> {
    let room = room(permits).await;
    let claimed = send::claim(app, room).await?;
    for job in claimed.jobs {
        let permit = Arc::clone(permits).try_acquire_owned();
        let (app, busy) = (app.clone(), app.under_way.enter());
        app.tasks.clone().spawn(async move {
            let origin = Origin::read(job.origin.as_deref());
            if let Err(error) = origin.scope(Box::pin(send::attempt(&app, &job))).await {
                tracing::error!(job.id = %job.id, %error, "a send's outcome could not be noted");
            }
            drop((permit, busy));
            app.wake.send.again();
        });
    }
    Ok(claimed.is_more)
}
