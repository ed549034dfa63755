//! From the platform's call to the first byte at the customer's endpoint, counted from when the call
//! was due: a server that falls behind is not excused for it.

use std::time::Duration;

use crate::endpoint::{Endpoint, INSTANT};
use crate::load::{Times, open};
use crate::report::Row;
use crate::world::World;
use crate::{Setting, graph, webhook};

const NAME: &str = "latency";

/// How many events there are in a second.
const RATES: [usize; 3] = [100, 1_000, 3_000];

/// The rate at which there is a target.
const TARGET: usize = 1_000;

/// How many connections the platform has.
const CONNECTIONS: usize = 64;

/// How long the last delivery is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run(setting: Setting, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    for rate in RATES {
        let times = measure(setting, rate).await?;
        let add = |what: &str, value| {
            let what = format!("{rate} events/s: {what}");
            Row::new(NAME, setting.database, what, value, "ms")
        };
        let (p50, p99) = (add("p50", times.ms(500)), add("p99", times.ms(990)));
        let is_aimed = rate == TARGET;
        rows.push(if is_aimed { p50.at_most(5.0) } else { p50 });
        rows.push(if is_aimed { p99.at_most(40.0) } else { p99 });
        rows.push(add("longest", times.ms(1000)));
    }
    Ok(())
}

async fn measure(setting: Setting, rate: usize) -> anyhow::Result<Times> {
    let mut world = World::new(setting.database).await?;
    let _graph = graph::start(setting.watch, &mut world).await?;
    let count = rate * setting.pick(4, 12);
    let endpoint = Endpoint::start(setting.watch, count).await?;
    world.accounts(1).await?;
    world.endpoint(endpoint.url(INSTANT)).await?;
    let posta = world.serve().await?;
    let requests = webhook::requests(world.platform, count, |_| 0);
    let every = Duration::from_secs(1) / u32::try_from(rate)?;
    let due = open(posta.at, CONNECTIONS, every, setting.watch, requests).await?;
    endpoint.wait(count, PATIENCE).await?;
    // In the first second conversations begin and connections are made.
    let all = (rate..count).filter_map(|number| {
        let due = due.get(number)?;
        Some(endpoint.came(number)?.saturating_sub(*due))
    });
    Ok(Times::new(all.collect()))
}
