//! Works off send jobs: many lanes at once, within a lane one at a time.

use std::sync::Arc;

use posta_store::jobs;
use tokio::sync::Semaphore;

use super::{ask, recover, rest};
use crate::app::App;
use crate::flows::send;

/// How many calls to platforms are under way at once.
const CONCURRENCY: usize = 64;

pub(super) async fn run(app: App) {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    loop {
        let go_on = match work(&app, &permits).await {
            Ok(0) => match ask(&app, jobs::find_next_due).await {
                Ok(next) => rest(&app, &app.wake.send, next).await,
                Err(error) => recover(&app, "send", &error).await,
            },
            Ok(_) => !app.stop.is_cancelled(),
            Err(error) => recover(&app, "send", &error).await,
        };
        if !go_on {
            return;
        }
    }
}

async fn work(app: &App, permits: &Arc<Semaphore>) -> posta_store::Result<usize> {
    let busy = app.under_way.enter();
    let room = i64::try_from(permits.available_permits()).unwrap_or(i64::MAX);
    let now = app.clock.now();
    let jobs = if room == 0 {
        Vec::new()
    } else {
        let mut tx = app.db.write().await?;
        let jobs = jobs::claim(&mut tx, now, now.plus(send::LEASE), room).await?;
        tx.commit().await?;
        jobs
    };
    let count = jobs.len();
    for job in jobs {
        let permit = Arc::clone(permits).try_acquire_owned();
        let (app, busy) = (app.clone(), busy.clone());
        app.tasks.clone().spawn(async move {
            if let Err(error) = send::attempt(&app, &job).await {
                tracing::error!(job.id = %job.id, %error, "a send's outcome could not be noted");
            }
            drop((permit, busy));
            app.wake.send.notify_one();
        });
    }
    Ok(count)
}
