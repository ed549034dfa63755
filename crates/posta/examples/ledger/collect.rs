//! What the pretend network says of the webhooks that it hands over, collected while it still knows.

use std::sync::Arc;
use std::time::Duration;

use posta_core::time::pause;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::world::{Notes, World};

/// How often it is asked; it forgets what is older than a thousand webhooks.
const OFTEN: Duration = Duration::from_secs(3);

/// Asks from time to time, until the end.
pub(crate) fn watch(world: &Arc<World>, tasks: &TaskTracker) -> JoinHandle<()> {
    let world = Arc::clone(world);
    tasks.spawn(async move {
        while !world.end.is_cancelled() {
            // The pretend network is killed last; what one look misses the next one sees.
            let _ = look(&world).await;
            tokio::select! {
                () = world.end.cancelled() => {}
                () = pause(OFTEN) => {}
            }
        }
    })
}

/// Notes what the webhooks say that the servers have answered with 200.
pub(crate) async fn look(world: &World) -> anyhow::Result<()> {
    let list = world.control("deliveries", None).await?;
    let deliveries = list["deliveries"].as_array().cloned().unwrap_or_default();
    let mut notes = world.notes();
    let is_over = |one: &Value| one["status"] == "delivered" || one["status"] == "dropped";
    notes.owed = deliveries.iter().filter(|one| !is_over(one)).count();
    for delivery in &deliveries {
        note_answers(&mut notes, delivery);
    }
    for delivery in deliveries.iter().filter(|one| one["status"] == "delivered") {
        let Some(id) = delivery["id"].as_u64() else { continue };
        if !notes.seen.insert(id) {
            continue;
        }
        let body = delivery["body"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let mut texts = Vec::new();
        gather(&body, &mut texts);
        notes.told.extend(texts.into_iter().map(ToOwned::to_owned));
    }
    Ok(())
}

/// Notes tries of a webhook that it was not taken at. Those that nobody answered are no news.
fn note_answers(notes: &mut Notes, delivery: &Value) {
    let Some(id) = delivery["id"].as_u64() else { return };
    let tries = delivery["attempts"].as_array();
    for (number, tried) in tries.into_iter().flatten().enumerate() {
        match tried["answer"].as_u64() {
            None | Some(200) => {}
            Some(503) => {
                notes.refused.insert((id, number));
            }
            Some(other) => {
                notes.wrong.insert((id, other));
            }
        }
    }
}

/// Finds every text in a body, whatever its form.
fn gather<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| gather(field, found)),
        _ => {}
    }
}
