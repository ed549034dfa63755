//! Tells of reply windows that are about to close.

use posta_store::windows;
use tokio::sync::Notify;

use super::{ask, recover, rest};
use crate::app::App;
use crate::flows::window;

/// How many are looked up at once.
const BATCH: i64 = 100;

pub(super) async fn run(app: App) {
    // Nobody rings: a window is noted hours before it is to be told of.
    let bell = Notify::new();
    loop {
        let go_on = match work(&app).await {
            Ok(0) => match ask(&app, windows::find_next_due).await {
                Ok(next) => rest(&app, &bell, next).await,
                Err(error) => recover(&app, "windows", &error).await,
            },
            Ok(_) => !app.stop.is_cancelled(),
            Err(error) => recover(&app, "windows", &error).await,
        };
        if !go_on {
            return;
        }
    }
}

async fn work(app: &App) -> posta_store::Result<usize> {
    let busy = app.under_way.enter();
    let now = app.clock.now();
    let due = ask(app, async |tx| windows::list_due(tx, now, BATCH).await).await?;
    for (owner, conversation) in &due {
        window::closing(app, owner, conversation).await?;
    }
    drop(busy);
    Ok(due.len())
}
