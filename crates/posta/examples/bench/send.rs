//! Messages sent through the API to a platform that takes them at once, its limits lifted.

use serde_json::json;

use crate::load::{Done, Requests, closed};
use crate::report::Row;
use crate::world::World;
use crate::{Setting, graph, seed};

const NAME: &str = "send";

/// Over how many accounts.
const ACCOUNTS: [usize; 3] = [1, 100, 1_000];

/// In how many conversations altogether.
const CONVERSATIONS: usize = 1_000;

/// How many requests are under way at once.
const CONNECTIONS: usize = 64;

pub(crate) async fn run(setting: Setting, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    for accounts in ACCOUNTS {
        let done = measure(setting, accounts).await?;
        let add = |what: &str, value, unit| {
            let plural = if accounts == 1 { "" } else { "s" };
            let what = format!("{accounts} account{plural}: {what}");
            Row::new(NAME, setting.database, what, value, unit)
        };
        rows.push(add("sent", done.per_second, "/s"));
        rows.push(add("p50", done.times.ms(500), "ms"));
        rows.push(add("p99", done.times.ms(990), "ms"));
    }
    Ok(())
}

async fn measure(setting: Setting, accounts: usize) -> anyhow::Result<Done> {
    let mut world = World::new(setting.database).await?;
    let _graph = graph::start(setting.watch, &mut world).await?;
    world.lift_limits();
    let all = world.accounts(accounts).await?;
    let total = i64::try_from(CONVERSATIONS)?;
    seed::conversations(&world, 0, total, i64::try_from(accounts)?).await?;
    let posta = world.serve().await?;
    let request = |number: usize| {
        let conversation = number % CONVERSATIONS;
        let account = all[conversation % accounts].as_str();
        request(&world, &seed::conversation(conversation), account, number)
    };
    let part = |from: usize, to: usize| -> Requests { (from..to).map(request).collect() };
    let count = setting.pick(1_000, 5_000);
    closed(posta.at, CONNECTIONS, part(0, count / 10)).await?;
    closed(posta.at, CONNECTIONS, part(count / 10, count)).await
}

/// A request that sends a message.
pub(crate) fn request(
    world: &World,
    conversation: &str,
    account: &str,
    number: usize,
) -> Box<[u8]> {
    let body = json!({"accountId": account, "message": format!("Answer {number}: until six.")});
    let body = body.to_string();
    format!(
        "POST /v1/inbox/conversations/{conversation}/messages HTTP/1.1\r\nhost: bench\r\n\
         authorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        world.key,
        body.len()
    )
    .into_bytes()
    .into()
}
