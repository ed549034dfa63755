//! Reads the profiles of people who wrote, one after the other: nobody waits for them.

use std::time::Duration;

use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::people;

use super::{ask, recover, rest};
use crate::app::App;
use crate::flows::people::read;

/// How many are taken at once.
const BATCH: i64 = 8;

/// How long they are taken for: the longest call of each in the batch, and room for notes.
const LEASE: Duration = Duration::from_secs(PLATFORM_TIMEOUT.as_secs() * 10);

pub(super) async fn run(app: App) {
    loop {
        let go_on = match work(&app).await {
            Ok(0) => match ask(&app, people::find_next_due).await {
                Ok(next) => rest(&app, &app.wake.people, next).await,
                Err(error) => recover(&app, "people", &error).await,
            },
            Ok(_) => !app.stop.is_cancelled(),
            Err(error) => recover(&app, "people", &error).await,
        };
        if !go_on {
            return;
        }
    }
}

async fn work(app: &App) -> posta_store::Result<usize> {
    let busy = app.under_way.enter();
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
    drop(busy);
    Ok(due.len())
}
