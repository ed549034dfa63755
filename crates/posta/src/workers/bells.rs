//! Carries bells between nodes that share a database. Whoever misses one looks after two seconds.

use std::time::Duration;

use posta_core::time::pause;
use posta_store::Listener;

use super::recover;
use crate::app::App;

/// How long this node is silent after it rang: what is rung meanwhile is told together.
const SILENCE: Duration = Duration::from_millis(100);

/// Rings at other nodes what rings here, and here what rings there, until the server stops.
pub async fn run(app: App) {
    // By this a node knows its own voice.
    let name = app.chance.hex::<6>();
    let work = async { tokio::join!(ring(&app, &name), listen(&app, &name)) };
    app.stop.run_until_cancelled(work).await;
}

async fn ring(app: &App, name: &str) {
    loop {
        let text = app.wake.rung().await;
        // Whoever was not told looks by itself.
        if let Err(error) = app.db.ring(&format!("{name} {text}")).await {
            tracing::debug!(%error, "other nodes were not told");
        }
        pause(SILENCE).await;
    }
}

async fn listen(app: &App, name: &str) {
    loop {
        let error = match app.db.listen().await {
            Ok(None) => return,
            Ok(Some(listener)) => match hear(app, name, listener).await {
                Ok(()) => {
                    pause(SILENCE).await;
                    continue;
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        if !recover(app, "bells", &error).await {
            return;
        }
    }
}

/// Listens until the connection is lost.
async fn hear(app: &App, name: &str, mut listener: Listener) -> posta_store::Result<()> {
    // Nobody knows what was rung before.
    app.wake.all();
    while let Some(text) = listener.next().await? {
        match text.split_once(' ') {
            Some((from, text)) if from != name => {
                for id in app.wake.hear(text) {
                    app.waiters.wake(&id);
                }
            }
            _ => {}
        }
    }
    tracing::warn!("the connection on which other nodes ring was lost");
    Ok(())
}
