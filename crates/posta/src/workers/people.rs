//! Reads the profiles of people who wrote, one after the other: nobody waits for them.

use std::time::Duration;

use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::people;

use super::{is_due, tend};
use crate::app::App;
use crate::flows::people::read;

/// How many are taken at once.
const BATCH: i64 = 8;

/// How long they are taken for: the longest call of each in the batch, and room for notes.
const LEASE: Duration = Duration::from_secs(PLATFORM_TIMEOUT.as_secs() * 10);

pub(super) async fn run(app: App) {
    tend(&app, "people", &app.wake.people, people::find_next_due, || work(&app)).await;
}

async fn work(app: &App) -> posta_store::Result<bool> {
    if !is_due(app, people::find_next_due).await? {
        return Ok(false);
    }
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let due = people::claim(&mut tx, now, now.plus(LEASE), BATCH).await?;
    tx.commit().await?;
    for (owner, conversation) in &due {
        if app.stop.is_cancelled() {
            break;
        }
        read(app, owner, conversation).await?;
    }
    Ok(!due.is_empty())
}
