//! A server with nothing to do: how soon it is ready, what it holds, and what it uses while it waits.

use std::time::Duration;

use posta_core::time::pause;

use crate::Setting;
use crate::load::median;
use crate::report::Row;
use crate::world::World;

const NAME: &str = "idle";

/// How many accounts wait for their token to be renewed.
const ACCOUNTS: usize = 10_000;

pub(crate) async fn run(setting: Setting, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    for accounts in [0, ACCOUNTS] {
        let world = World::new(setting.database).await?;
        world.accounts(accounts).await?;
        // The first start reads the program from the disk.
        drop(world.serve().await?);
        let (mut starts, mut megabytes, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..setting.pick(1, 3) {
            let posta = world.serve().await?;
            starts.push(posta.start.as_secs_f64());
            pause(Duration::from_secs(2)).await;
            let (before, wait) = (posta.usage()?, setting.pick(2, 10));
            pause(Duration::from_secs(wait)).await;
            let after = posta.usage()?;
            megabytes.push(after.megabytes);
            let used = after.processor.saturating_sub(before.processor);
            shares.push(used.as_secs_f64() / Duration::from_secs(wait).as_secs_f64() * 100.0);
        }
        let add = |what: &str, value, unit| {
            let what = if accounts == 0 {
                what.to_owned()
            } else {
                format!("{what}, {accounts} accounts")
            };
            Row::new(NAME, setting.database, what, value, unit)
        };
        rows.push(add("ready after", median(starts), "s").at_most(0.3));
        rows.push(add("memory", median(megabytes), "MB").at_most(40.0));
        rows.push(add("of one processor", median(shares), "%"));
    }
    Ok(())
}
