//! A backlog that has piled up, as after an outage: how fast it is worked off, and in how much memory.

use std::time::Duration;

use posta_core::time::pause;
use posta_store::{Json, inbound};

use crate::endpoint::{Endpoint, INSTANT};
use crate::load::{number, rate};
use crate::report::Row;
use crate::world::World;
use crate::{Setting, graph, seed, webhook};

const NAME: &str = "backlog";

/// How often it is looked how much memory is used.
const OFTEN: Duration = Duration::from_millis(200);

pub(crate) async fn run(setting: Setting, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let events = setting.pick(20_000, 1_000_000);
    let mut world = World::new(setting.database).await?;
    let endpoint = Endpoint::start(setting.watch, events).await?;
    let id = world.endpoint(endpoint.url(INSTANT)).await?;
    seed::deliveries(&world, &id, i64::try_from(events)?).await?;
    let what = format!("{} events to deliver", shown(events));
    drain(setting, &world, &endpoint, &what, rows).await?;
    drop(world);
    let webhooks = setting.pick(2_000, 50_000);
    world = World::new(setting.database).await?;
    let _graph = graph::start(setting.watch, &mut world).await?;
    let endpoint = Endpoint::start(setting.watch, webhooks).await?;
    world.accounts(1).await?;
    world.endpoint(endpoint.url(INSTANT)).await?;
    raw(&world, webhooks).await?;
    let what = format!("{} raw webhooks", shown(webhooks));
    drain(setting, &world, &endpoint, &what, rows).await
}

/// Works everything off, up to the last delivery.
async fn drain(
    setting: Setting,
    world: &World,
    endpoint: &Endpoint,
    what: &str,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let posta = world.serve().await?;
    let count = endpoint.capacity();
    let (mut early, mut most) = (f64::NAN, 0_f64);
    let start = setting.watch.elapsed();
    while endpoint.count() < count {
        pause(OFTEN).await;
        let megabytes = posta.usage()?.megabytes;
        most = most.max(megabytes);
        if early.is_nan() && endpoint.count() >= count / 10 {
            early = megabytes;
        }
        anyhow::ensure!(
            setting.watch.elapsed() < start + Duration::from_mins(20),
            "{what}: too slow"
        );
    }
    let mut add = |figure: &str, value, unit| {
        rows.push(Row::new(NAME, setting.database, format!("{what}: {figure}"), value, unit));
    };
    add("worked off", rate(count, endpoint.span()), "/s");
    add("memory after a tenth", early, "MB");
    add("memory at most", most, "MB");
    Ok(())
}

async fn raw(world: &World, count: usize) -> anyhow::Result<()> {
    let requests = webhook::requests(world.platform, count, |_| 0);
    for chunk in requests.chunks(10_000) {
        let of = |request: &[u8]| {
            let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0) + 4;
            inbound::Inbound {
                id: world.ids.next(),
                platform: world.platform.name().to_owned(),
                verified_by: Json(vec![None]),
                body: request[head..].to_vec(),
                attempts: 0,
                received_at: world.ids.clock().now(),
                traceparent: None,
            }
        };
        let rows: Vec<_> = chunk.iter().map(|request| of(request)).collect();
        let mut tx = world.db.write().await?;
        inbound::insert_all(&mut tx, &rows).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn shown(count: usize) -> String {
    let thousands = number(count) / 1000.0;
    if thousands >= 1000.0 { format!("{} M", thousands / 1000.0) } else { format!("{thousands} k") }
}
