//! Tells of reply windows that are about to close.

use posta_store::windows;
use tokio::sync::Notify;

use super::{ask, tend};
use crate::app::App;
use crate::flows::window;

/// How many are looked up at once.
const BATCH: i64 = 100;

pub(super) async fn run(app: App) {
    // Nobody rings: a window is noted hours before it is to be told of.
    let bell = Notify::new();
    tend(&app, "windows", &bell, windows::find_next_due, || work(&app)).await;
}

async fn work(app: &App) -> posta_store::Result<bool> {
    let now = app.clock.now();
    let due = ask(app, async |tx| windows::list_due(tx, now, BATCH).await).await?;
    for (owner, conversation) in &due {
        window::closing(app, owner, conversation).await?;
    }
    Ok(!due.is_empty())
}
