//! How long a send job is taken for, and that what becomes of it outlasts a failure of the database.

use std::time::Duration;

use posta_core::time::{Timestamp, pause};
use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::jobs::{self, Job};
use posta_store::{messages, workspaces};

use super::attempt::FIRST_WAIT;
use crate::app::App;

/// How long a job is taken for: the longest call and room to note its outcome.
pub const LEASE: Duration = Duration::from_secs(PLATFORM_TIMEOUT.as_secs() * 2 + 10);

/// How often something is written down, if the server stays and if it stops, and how long after a failure at
/// first and at most: a database that crashed is back in less.
const TRIES: u32 = 16;
const LAST_TRIES: u32 = 5;
const WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Writes down what became of something that was asked of a platform, more than once if the database
/// fails.
///
/// # Errors
/// When the database fails for longer than it takes to recover.
pub(in crate::flows) async fn insist<T, W: Future<Output = posta_store::Result<T>>>(
    app: &App,
    write: impl Fn() -> W,
) -> posta_store::Result<T> {
    let (mut tries, mut wait) = (0, WAIT);
    loop {
        let error = match write().await {
            Ok(written) => return Ok(written),
            Err(error) => error,
        };
        tries += 1;
        if tries >= if app.stop.is_cancelled() { LAST_TRIES } else { TRIES } {
            return Err(error);
        }
        tracing::warn!(%error, "what became of a send is written down again");
        pause(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Puts a job back that the database failed before the platform was asked, as soon as it answers again: its
/// lane need not wait until the lease ends, nor anybody wonder whether the message was sent.
pub(super) async fn give_back(app: &App, job: &Job, taken_until: Timestamp) {
    let put_back = || async {
        let mut tx = app.db.write().await?;
        workspaces::lock(&mut tx, &job.workspace_id).await?;
        // The new lease counts if it came to be noted, which the database may not have said. Only then is
        // it us who began: a message that was found begun may be with the platform.
        let is_begun = job.due_at != taken_until && jobs::is_held(&mut tx, job, job.due_at).await?;
        if is_begun && let Ok(id) = job.subject.parse() {
            messages::update_queued(&mut tx, &id).await?;
        }
        if is_begun || jobs::is_held(&mut tx, job, taken_until).await? {
            jobs::put_back(&mut tx, job, app.clock.now().plus(FIRST_WAIT)).await?;
        }
        tx.commit().await
    };
    if let Err(error) = insist(app, put_back).await {
        tracing::error!(job.id = %job.id, %error, "a send waits until its lease ends");
    }
}
