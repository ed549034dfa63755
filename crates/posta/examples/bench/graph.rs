//! The platform's API, as bare as it can be: it takes every message at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use posta::telemetry::Stopwatch;
use tokio::task::JoinSet;

use crate::wire::{Answer, serve};
use crate::world::World;

/// Starts it and points a world at it. It ends with what is returned.
pub(crate) async fn start(watch: Stopwatch, world: &mut World) -> anyhow::Result<JoinSet<()>> {
    let sent = AtomicUsize::new(0);
    let (at, set) = serve(watch, move |asked| {
        if asked.head.starts_with("POST") {
            let number = sent.fetch_add(1, Ordering::Relaxed);
            let text = format!(r#"{{"recipient_id":"1","message_id":"sent-{number}"}}"#);
            return Answer::Now(text.into());
        }
        Answer::Now(r#"{"id":"1","name":"Some One","username":"some.one"}"#.into())
    })
    .await?;
    world.set_platform("URLS_GRAPH", format!("http://{at}"));
    Ok(set)
}
