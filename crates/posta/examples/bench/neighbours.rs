//! A thousand endpoints, and what the others notice when the busiest of them dies.

use std::time::Duration;

use crate::endpoint::{DEAD, Endpoint, INSTANT};
use crate::load::{Times, median, open};
use crate::report::Row;
use crate::world::World;
use crate::{Setting, graph, webhook};

const NAME: &str = "neighbours";

/// How many endpoints there are, each of a customer of its own.
const ENDPOINTS: usize = 1_000;

/// How many events there are in a second, of which every tenth is for the first endpoint.
const RATE: usize = 400;
const BUSY: usize = 10;

pub(crate) async fn run(setting: Setting, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let (mut well, mut ill, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..setting.pick(1, 3) {
        let healthy = measure(setting, INSTANT).await?;
        let dead = measure(setting, DEAD).await?;
        well.push(healthy.ms(990));
        ill.push(dead.ms(990));
        ratios.push((dead.ms(990) / healthy.ms(990) - 1.0) * 100.0);
    }
    let add = |what: &str, value, unit| Row::new(NAME, setting.database, what, value, unit);
    rows.push(add("p99 of 999 endpoints, all alive", median(well), "ms"));
    rows.push(add("p99 of the same, the busiest dead", median(ill), "ms"));
    rows.push(add("longer by", median(ratios), "%").at_most(10.0));
    Ok(())
}

async fn measure(setting: Setting, first: &str) -> anyhow::Result<Times> {
    let mut world = World::new(setting.database).await?;
    let _graph = graph::start(setting.watch, &mut world).await?;
    let seconds = setting.pick(6, 12);
    let count = RATE * seconds;
    let endpoint = Endpoint::start(setting.watch, count).await?;
    let url = |number| endpoint.url(if number == 0 { first } else { INSTANT });
    world.customers(ENDPOINTS, url).await?;
    let posta = world.serve().await?;
    let account = |number: usize| match number % BUSY {
        0 => 0,
        _ => 1 + number % (ENDPOINTS - 1),
    };
    let requests = webhook::requests(world.platform, count, account);
    let every = Duration::from_secs(1) / u32::try_from(RATE)?;
    let due = open(posta.at, 64, every, setting.watch, requests).await?;
    let others: Vec<usize> = (0..count).filter(|number| account(*number) != 0).collect();
    let patience = Duration::from_secs(60);
    endpoint
        .wait(others.len() + if first == DEAD { 0 } else { count - others.len() }, patience)
        .await?;
    let warm = others.iter().filter(|number| **number >= RATE * 3);
    let times =
        warm.filter_map(|number| Some(endpoint.came(*number)?.saturating_sub(*due.get(*number)?)));
    Ok(Times::new(times.collect()))
}
