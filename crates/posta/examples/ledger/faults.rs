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
    /// The disk under the database is full for a while.
    Full(Duration),
    /// The clock of all servers goes so far ahead, and back after a while.
    Leap(Duration, Duration),
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
            Self::Full(length) => {
                write!(to, "the database's disk is full for {:.1} s", length.as_secs_f64())
            }
            Self::Leap(ahead, length) => {
                let (ahead, length) = (ahead.as_secs(), length.as_secs_f64());
                write!(to, "the servers' clock is {ahead} s ahead for {length:.1} s")
            }
            Self::Mood(mood, length) => {
                write!(to, "the moody endpoint is {mood:?} for {:.1} s", length.as_secs_f64())
            }
            Self::Platform(what, _) => write!(to, "the platform: {what}"),
            Self::Jump(by) => write!(to, "the platform's clock jumps ahead by {by}"),
        }
    }
}

impl Fault {
    /// How long it keeps the hands full that carry it out.
    fn lasts(&self) -> Duration {
        match self {
            Self::Kill(_, length)
            | Self::Full(length)
            | Self::Leap(_, length)
            | Self::Mood(_, length) => *length,
            Self::Cut | Self::Crash | Self::Platform(..) | Self::Jump(_) => Duration::ZERO,
        }
    }
}

/// What there is to strike at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// How many servers.
    pub(crate) nodes: usize,
    /// Whether their database is a server.
    pub(crate) has_server: bool,
    /// Whether it has a disk that can be filled.
    pub(crate) has_disk: bool,
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
pub(crate) fn plan(seed: u64, length: Duration, target: Target) -> Vec<(Duration, Fault)> {
    let chance = Chance::seeded(seed);
    let (mut plan, mut kinds) = (Vec::new(), Vec::new());
    let mut at = Duration::from_secs(4);
    while at + QUIET < length {
        let fault = if plan.len() % 3 == 0 {
            blow(&chance, plan.len() / 3, target)
        } else {
            if kinds.is_empty() {
                kinds = others(&chance);
            }
            take(&chance, &mut kinds)
        };
        let next = at + fault.lasts() + Duration::from_millis(2000 + chance.below(3000));
        plan.push((at, fault));
        at = next;
    }
    plan
}

/// A blow at a server, its clock or its database; kills take turns with the others.
fn blow(chance: &Chance, turn: usize, target: Target) -> Fault {
    match (turn % 6, target) {
        (1, Target { has_server: true, .. }) => Fault::Cut,
        (2, Target { has_disk: true, .. }) => {
            Fault::Full(Duration::from_millis(6000 + chance.below(4000)))
        }
        (3, Target { has_server: true, .. }) => Fault::Crash,
        (4, _) => {
            // More than any lease.
            let ahead = Duration::from_secs(75 + chance.below(30));
            Fault::Leap(ahead, Duration::from_millis(2000 + chance.below(3000)))
        }
        _ => {
            let node = chance.below(u64::try_from(target.nodes).unwrap_or(1));
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
    match fault {
        Fault::Kill(..) | Fault::Cut | Fault::Crash | Fault::Full(_) | Fault::Leap(..) => {
            strike_down(world, fault).await?;
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

/// Strikes, and notes what was under way before and after. What a killed server had under way is what is
/// there at its death.
async fn strike_down(world: &World, fault: Fault) -> anyhow::Result<()> {
    let from = world.clock.now();
    let is_leap = matches!(fault, Fault::Leap(..));
    let mut under_way = match &fault {
        Fault::Kill(node, _) => {
            world.nodes[*node].kill();
            world.under_way(true).await?
        }
        _ => world.under_way(false).await?,
    };
    match fault {
        Fault::Kill(node, down) => {
            pause(down).await;
            world.nodes[node].start(&world.http, "readyz").await?;
        }
        Fault::Cut => {
            if let Some((proxy, _)) = &world.database.server {
                proxy.cut();
            }
        }
        Fault::Crash => world.database.crash_and_recover().await?,
        Fault::Full(length) => {
            if let Some(disk) = &world.database.disk {
                disk.fill()?;
                pause(length).await;
                disk.free()?;
            }
            // It may have gone down by itself.
            world.database.crash_and_recover().await?;
        }
        Fault::Leap(ahead, length) => {
            world.server_clock.set(ahead)?;
            pause(length).await;
            world.server_clock.set(Duration::ZERO)?;
        }
        Fault::Mood(..) | Fault::Platform(..) | Fault::Jump(_) => {}
    }
    under_way.extend(world.under_way(false).await?);
    world.struck(from, under_way, is_leap);
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
