//! The load: people write, and the customer answers through the API, once for each event.

use std::sync::Arc;
use std::time::Duration;

use posta_core::chance::Chance;
use posta_core::time::pause;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::world::{PEOPLE, World, person, text};

/// How many replies are under way at once.
const AT_ONCE: usize = 64;

/// How often a request is repeated of which it is not clear what became.
const REPEATS: u32 = 120;

/// How long to wait before that.
const WAIT: Duration = Duration::from_secs(1);

/// What the API made of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// No clear answer yet.
    Open,
    /// Sent, on its way, or of unknown outcome: accepted in any case, and not to be asked for again.
    Accepted,
    /// It certainly was not sent.
    Refused,
}

/// Lets people write, at an even rate.
pub(crate) async fn write(
    world: &World,
    rate: u64,
    seed: u64,
    length: Duration,
) -> anyhow::Result<()> {
    let chance = Chance::seeded(seed);
    let start = world.clock.now();
    let pace = Duration::from_micros(1_000_000 / rate.max(1));
    let people = u64::try_from(PEOPLE)?;
    let mut due = Duration::ZERO;
    let mut number = 0;
    while due < length {
        world.clock.sleep_until(start.plus(due)).await;
        let who = person(usize::try_from(chance.below(people))?);
        let path = format!("{}/people/{who}/write", world.platform.name());
        let words = json!({"text": format!("question {number}")});
        let done = world.control(&path, Some(&words)).await?;
        anyhow::ensure!(done["told"] == 1, "the pretend network has nobody to tell: {done}");
        world.notes().written.insert(text(&done, "/message_id")?);
        number += 1;
        due += pace;
    }
    Ok(())
}

/// Answers every message that is delivered, also those that are delivered twice, as a customer's
/// program does: with the event's id as the key of the request.
pub(crate) fn reply(world: &Arc<World>, tasks: &TaskTracker) -> JoinHandle<()> {
    let (world, spawner) = (Arc::clone(world), tasks.clone());
    tasks.spawn(async move {
        let events = world.received.lock().ok().and_then(|mut events| events.take());
        let Some(mut events) = events else { return };
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let event = tokio::select! {
                () = world.end.cancelled() => return,
                event = events.recv() => event,
            };
            let Some(event) = event else { return };
            if event["event"] != "message.received" {
                continue;
            }
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let world = Arc::clone(&world);
            spawner.spawn(async move {
                tokio::select! {
                    () = world.end.cancelled() => {}
                    () = answer(&world, &event) => {}
                }
                drop(permit);
            });
        }
    })
}

/// Asks for one reply until it is clear what became of the request.
async fn answer(world: &World, event: &Value) {
    let id = event["id"].as_str().unwrap_or_default().to_owned();
    // A key that is free again after a failure would make a new try of it, which nobody asked for.
    if world.notes().replies.get(&id) == Some(&Fate::Refused) {
        return;
    }
    world.notes().replies.entry(id.clone()).or_insert(Fate::Open);
    for _ in 0..REPEATS {
        world.notes().requests += 1;
        if let Some(fate) = ask(world, event, &id).await {
            world.notes().replies.insert(id, fate);
            return;
        }
        pause(WAIT).await;
    }
}

/// Makes one request. `None` when it is not clear what became of it.
async fn ask(world: &World, event: &Value, id: &str) -> Option<Fate> {
    let conversation = event["conversation"]["id"].as_str().unwrap_or_default();
    let url = world.at(&format!("v1/inbox/conversations/{conversation}/messages")).ok()?;
    let body = json!({"accountId": world.account, "message": format!("answer {id}")});
    let request = world.http.post(url).bearer_auth(&world.key);
    let reply = world.send(request.header("idempotency-key", id).json(&body)).await.ok()?;
    let answer: Value = reply.json().unwrap_or_default();
    match (reply.status.as_u16(), answer["code"].as_str().unwrap_or_default()) {
        (200 | 202, _) | (_, "outcome_unknown") => Some(Fate::Accepted),
        // The first request with this key is under way, or nobody knows what became of it.
        (409, "idempotency_conflict") => Some(Fate::Accepted),
        (500 | 503 | 504, _) | (429, "rate_limited") => None,
        _ => Some(Fate::Refused),
    }
}
