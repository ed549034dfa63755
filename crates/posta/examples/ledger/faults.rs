//! What goes wrong, and when: a schedule made from a seed, and the hands that carry it out.

use std::fmt;
use std::time::Duration;

use posta_core::chance::Chance;
use posta_core::time::{Timestamp, pause};
use serde_json::{Value, json};

use crate::receiver::Mood;
use crate::world::World;

/// How long after the last fault the load goes on undisturbed.
const QUIET: Duration = Duration::from_secs(5);

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A server is killed, and started again after so long.
    Kill(usize, Duration),
    /// All connections to the database are cut.
    Cut,
    /// The database server stops as in a crash, and starts again.
    Crash,
    /// The moody endpoint is so for a while.
    Mood(Mood, Duration),
    /// A rule of the pretend network's fault dial.
    Platform(&'static str, Value),
    /// The pretend network's clock jumps ahead.
    Jump(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(node, down) => {
                write!(to, "SIGKILL of node {node}, down for {:.1} s", down.as_secs_f64())
            }
            Self::Cut => write!(to, "all connections to the database are cut"),
            Self::Crash => write!(to, "the database server crashes and recovers"),
            Self::Mood(mood, length) => {
                write!(to, "the moody endpoint is {mood:?} for {:.1} s", length.as_secs_f64())
            }
            Self::Platform(what, _) => write!(to, "the platform: {what}"),
            Self::Jump(by) => write!(to, "the platform's clock jumps ahead by {by}"),
        }
    }
}

/// What can go wrong at the platform.
fn at_the_platform() -> Vec<(&'static str, Value)> {
    let calls =
        |fault: Value, count: u32| json!({"route": "messages", "count": count, "fault": fault});
    let webhooks = |event: &str, fault: Value| json!({"event": event, "count": 5, "fault": fault});
    vec![
        ("sends are done and then cut off", calls(json!("cut"), 3)),
        (
            "a send is done and never answered",
            calls(json!({"kind": "timeout", "effect": "after"}), 1),
        ),
        ("sends get 503 and are not done", calls(json!({"kind": "status", "status": 503}), 3)),
        (
            "sends get 500 and are done",
            calls(json!({"kind": "status", "status": 500, "effect": "after"}), 2),
        ),
        (
            "sends are too many",
            calls(json!({"kind": "error", "code": 613, "subcode": 2_534_040}), 2),
        ),
        ("echoes come before the answer", calls(json!("echo_first"), 10)),
        ("messages are told twice", webhooks("message", json!("duplicate"))),
        ("echoes are told twice", webhooks("echo", json!("duplicate"))),
        ("messages are told in another order", webhooks("message", json!("reorder"))),
        ("messages are told late", webhooks("message", json!({"kind": "delay", "by": "3s"}))),
        ("echoes are not told", webhooks("echo", json!("drop"))),
    ]
}

/// Makes the schedule. Each kind comes once before any comes again, and every third is a blow at our
/// own servers.
pub(crate) fn plan(
    seed: u64,
    length: Duration,
    nodes: usize,
    has_server: bool,
) -> Vec<(Duration, Fault)> {
    let chance = Chance::seeded(seed);
    let (mut plan, mut kinds) = (Vec::new(), Vec::new());
    let mut at = Duration::from_secs(4);
    while at + QUIET < length {
        let fault = if plan.len() % 3 == 0 {
            blow(&chance, plan.len() / 3, nodes, has_server)
        } else {
            if kinds.is_empty() {
                kinds = others(&chance);
            }
            take(&chance, &mut kinds)
        };
        plan.push((at, fault));
        at += Duration::from_millis(2500 + chance.below(3500));
    }
    plan
}

/// A blow at a server or its database; kills take turns with the others.
fn blow(chance: &Chance, turn: usize, nodes: usize, has_server: bool) -> Fault {
    match (has_server, turn % 4) {
        (true, 1) => Fault::Cut,
        (true, 3) => Fault::Crash,
        _ => {
            let node = chance.below(u64::try_from(nodes).unwrap_or(1));
            let down = Duration::from_millis(200 + chance.below(2500));
            Fault::Kill(usize::try_from(node).unwrap_or(0), down)
        }
    }
}

fn others(chance: &Chance) -> Vec<Fault> {
    let mut all: Vec<Fault> =
        at_the_platform().into_iter().map(|(what, rule)| Fault::Platform(what, rule)).collect();
    for mood in [Mood::Failing, Mood::Slow, Mood::Busy, Mood::Silent] {
        all.push(Fault::Mood(mood, Duration::from_millis(1000 + chance.below(2500))));
    }
    all.push(Fault::Jump("10m"));
    all
}

fn take(chance: &Chance, kinds: &mut Vec<Fault>) -> Fault {
    let count = u64::try_from(kinds.len()).unwrap_or(1);
    kinds.swap_remove(usize::try_from(chance.below(count)).unwrap_or(0))
}

/// Carries the schedule out.
pub(crate) async fn strike(
    world: &World,
    plan: Vec<(Duration, Fault)>,
    start: Timestamp,
) -> anyhow::Result<()> {
    for (at, fault) in plan {
        world.clock.sleep_until(start.plus(at)).await;
        carry_out(world, fault).await?;
    }
    Ok(())
}

async fn carry_out(world: &World, fault: Fault) -> anyhow::Result<()> {
    let from = world.clock.now();
    match fault {
        Fault::Kill(node, down) => {
            world.nodes[node].kill();
            pause(down).await;
            world.nodes[node].start(&world.http, "readyz").await?;
            world.disrupted(from);
        }
        Fault::Cut => {
            if let Some((proxy, _)) = &world.database {
                proxy.cut();
            }
            world.disrupted(from);
        }
        Fault::Crash => {
            if let Some((_, server)) = world.database.clone() {
                tokio::task::spawn_blocking(move || server.crash_and_recover()).await??;
            }
            world.disrupted(from);
        }
        Fault::Mood(mood, length) => {
            world.receiver.feel(mood);
            pause(length).await;
            world.receiver.feel(Mood::Well);
        }
        Fault::Platform(_, rule) => {
            world.control("faults", Some(&rule)).await?;
        }
        Fault::Jump(by) => {
            world.control("clock", Some(&json!({"advance": by}))).await?;
        }
    }
    Ok(())
}

/// Takes all faults back.
pub(crate) async fn calm(world: &World) -> anyhow::Result<()> {
    world.receiver.feel(Mood::Well);
    let url = format!("http://{}/_sandbox/faults", world.sandbox.address).parse()?;
    let reply = world.send(world.http.delete(url)).await?;
    anyhow::ensure!(reply.status.is_success(), "the faults stay: {}", reply.status);
    Ok(())
}

/// Lets the pretend network hand over at once what it would try again later, hourly in the end.
pub(crate) async fn hurry(world: &World) -> anyhow::Result<()> {
    crate::collect::look(world).await?;
    let owed = world.notes().owed;
    if owed > 0 {
        world.control("clock", Some(&json!({"advance": "1h"}))).await?;
    }
    Ok(())
}
