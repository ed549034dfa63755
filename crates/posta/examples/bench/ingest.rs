//! Webhooks taken in: verified, kept and committed before they are answered, to an account that is
//! known, so that everything that follows happens at the same time.

use std::collections::BTreeMap;

use anyhow::Context;
use posta_platforms::contract::Platform;

use crate::load::{Done, Requests, closed, median, number};
use crate::report::Row;
use crate::rivals::Rival;
use crate::world::{Place, World, folder};
use crate::{Setting, endpoint, floor, graph, webhook};

const NAME: &str = "ingest";

/// How many connections the platform has, and how many webhooks it sends over them.
const LOADS: [(usize, usize, usize); 3] =
    [(1, 1_000, 4_000), (64, 8_000, 40_000), (256, 16_000, 60_000)];

/// The load at which there are targets and rivals.
const MANY: usize = 256;

/// How many are sent first, which do not count.
const WARM: usize = 2_000;

/// A rival gets this part of them; it takes as long.
const RIVALS: usize = 8;

pub(crate) async fn run(setting: Setting, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let platform = *posta_platforms::ALL.first().context("this build speaks no platform")?;
    for (connections, quick, thorough) in LOADS {
        let mut rounds = Vec::new();
        for _ in 0..setting.pick(1, 3) {
            let count = setting.pick(quick, thorough);
            rounds.push(round(setting, platform, connections, count).await?);
        }
        tell(setting, connections, &rounds, rows);
    }
    Ok(())
}

/// Who took the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Http,
    Commit,
    Rival(Rival),
    Posta,
}

/// What came of one round.
#[derive(Default)]
struct Round {
    of: BTreeMap<Who, Done>,
    /// Which part of Posta's webhooks had been delivered when the last was answered, in percent.
    delivered: f64,
}

/// Measures all of them once, one after the other, each as a fresh process on an empty database.
async fn round(
    setting: Setting,
    platform: &dyn Platform,
    connections: usize,
    count: usize,
) -> anyhow::Result<Round> {
    let mut round = Round::default();
    let all = webhook::requests(platform, count + WARM, |_| 0);
    let part = |count: usize| -> (Requests, Requests) {
        (all[..WARM.min(count)].into(), all[WARM..WARM + count].into())
    };
    let load = async |at, count: usize| {
        let (first, rest) = part(count);
        closed(at, connections, first).await?;
        closed(at, connections, rest).await
    };
    let folder = folder()?;
    let bare = floor::start("receive", folder.path(), None, &[]).await?;
    round.of.insert(Who::Http, load(bare.at, count).await?);
    drop(bare);
    let place = Place::new(setting.database, folder.path())?;
    let commit = floor::start("receive", folder.path(), Some(&place.open), &[]).await?;
    round.of.insert(Who::Commit, load(commit.at, count).await?);
    drop((commit, place));
    if connections == MANY {
        for rival in Rival::ALL {
            if let Some(running) = rival.start(folder.path()).await? {
                round.of.insert(Who::Rival(rival), load(running.at(), count / RIVALS).await?);
            }
        }
    }
    let mut world = World::new(setting.database).await?;
    let graph = graph::start(setting.watch, &mut world).await?;
    let customer = endpoint::Endpoint::start(setting.watch, all.len()).await?;
    world.accounts(1).await?;
    world.endpoint(customer.url(endpoint::INSTANT)).await?;
    let posta = world.serve().await?;
    round.of.insert(Who::Posta, load(posta.at, count).await?);
    round.delivered = number(customer.count()) / number(all.len()) * 100.0;
    drop((posta, graph));
    Ok(round)
}

fn tell(setting: Setting, connections: usize, rounds: &[Round], rows: &mut Vec<Row>) {
    let of = |who: Who, figure: fn(&Done) -> f64| -> Option<f64> {
        let all: Vec<f64> =
            rounds.iter().filter_map(|round| round.of.get(&who)).map(figure).collect();
        (!all.is_empty()).then(|| median(all))
    };
    let share = |who: Who| -> Option<f64> {
        let per_second = |round: &Round, who| Some(round.of.get(&who)?.per_second);
        let one = |round: &Round| Some(per_second(round, Who::Posta)? / per_second(round, who)?);
        let all: Vec<f64> = rounds.iter().filter_map(one).collect();
        (!all.is_empty()).then(|| median(all))
    };
    let is_full = connections == MANY;
    let add = |what: &str, value: Option<f64>, unit| {
        let what = format!("{connections} connections: {what}");
        value.map(|value| Row::new(NAME, setting.database, what, value, unit))
    };
    let p99 = add("p99", of(Who::Posta, |done| done.times.ms(990)), "ms");
    let of_commit = add("of the bare group-commit writer", share(Who::Commit).map(percent), "%");
    let of_bullmq = add("times Express + BullMQ", share(Who::Rival(Rival::Bullmq)), "×");
    let all = [
        add("HTTP and HMAC only", of(Who::Http, |done| done.per_second), "/s"),
        add("bare group-commit writer", of(Who::Commit, |done| done.per_second), "/s"),
        add("bare group-commit writer, p99", of(Who::Commit, |done| done.times.ms(990)), "ms"),
        add(
            "Express + BullMQ, fsync always",
            of(Who::Rival(Rival::Bullmq), |done| done.per_second),
            "/s",
        ),
        add(
            "Express + better-sqlite3",
            of(Who::Rival(Rival::Sqlite), |done| done.per_second),
            "/s",
        ),
        add("Posta", of(Who::Posta, |done| done.per_second), "/s"),
        add(
            "delivered by then",
            Some(median(rounds.iter().map(|round| round.delivered).collect())),
            "%",
        ),
        add("p50", of(Who::Posta, |done| done.times.ms(500)), "ms"),
        if is_full { p99.map(|row| row.at_most(30.0)) } else { p99 },
        if is_full { of_commit.map(|row| row.at_least(70.0)) } else { of_commit },
        if is_full { of_bullmq.map(|row| row.at_least(8.0)) } else { of_bullmq },
    ];
    rows.extend(all.into_iter().flatten());
}

fn percent(share: f64) -> f64 {
    share * 100.0
}
