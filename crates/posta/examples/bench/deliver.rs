//! Deliveries to one endpoint, beside a bare loop that claims, signs, posts and completes.

use std::time::Duration;

use crate::endpoint::{Endpoint, INSTANT, LATE};
use crate::load::{median, rate};
use crate::report::Row;
use crate::world::{Place, World, folder};
use crate::{Setting, floor, seed};

const NAME: &str = "deliver";

/// How long the last delivery is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// An endpoint.
struct Case {
    what: &'static str,
    path: &'static str,
    /// How many are under way at most.
    in_flight: usize,
    quick: usize,
    thorough: usize,
}

const CASES: [Case; 2] = [
    Case { what: "instant", path: INSTANT, in_flight: 64, quick: 5_000, thorough: 40_000 },
    Case { what: "50 ms", path: LATE, in_flight: 1024, quick: 5_000, thorough: 40_000 },
];

pub(crate) async fn run(setting: Setting, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    for case in CASES {
        let (mut bare, mut posta, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let count = setting.pick(case.quick, case.thorough);
        for _ in 0..setting.pick(1, 3) {
            let (floor, ours) =
                (loop_of(setting, &case, count).await?, ours(setting, &case, count).await?);
            bare.push(floor);
            posta.push(ours);
            shares.push(ours / floor * 100.0);
        }
        let add = |what: &str, value, unit| {
            let what = format!("{} endpoint: {what}", case.what);
            Row::new(NAME, setting.database, what, value, unit)
        };
        rows.push(add("bare loop", median(bare), "/s"));
        rows.push(add("Posta", median(posta), "/s"));
        rows.push(add("of the bare loop", median(shares), "%").at_least(50.0));
    }
    Ok(())
}

/// The bare loop's deliveries per second.
async fn loop_of(setting: Setting, case: &Case, count: usize) -> anyhow::Result<f64> {
    let endpoint = Endpoint::start(setting.watch, count).await?;
    let folder = folder()?;
    let place = Place::new(setting.database, folder.path())?;
    let more = [
        format!("--count={count}"),
        format!("--in-flight={}", case.in_flight),
        format!("--url={}", endpoint.url(case.path)),
    ];
    let running = floor::start("deliver", folder.path(), Some(&place.open), &more).await?;
    endpoint.wait(count, PATIENCE).await?;
    drop((running, place));
    Ok(rate(count, endpoint.span()))
}

/// Posta's, with as many under way at most.
async fn ours(setting: Setting, case: &Case, count: usize) -> anyhow::Result<f64> {
    let mut world = World::new(setting.database).await?;
    world.set("WEBHOOKS_ENDPOINT_CONCURRENCY", case.in_flight.to_string());
    let endpoint = Endpoint::start(setting.watch, count).await?;
    let id = world.endpoint(endpoint.url(case.path)).await?;
    seed::deliveries(&world, &id, i64::try_from(count)?).await?;
    let _posta = world.serve().await?;
    endpoint.wait(count, PATIENCE).await?;
    Ok(rate(count, endpoint.span()))
}
