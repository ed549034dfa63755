//! How the cost of reading and sending grows with the number of messages that are stored.

use crate::load::{Requests, Times, closed};
use crate::process::Process;
use crate::report::Row;
use crate::world::World;
use crate::{Setting, graph, seed, send};

const NAME: &str = "growth";

/// How many messages there are.
const SIZES: [i64; 4] = [10_000, 100_000, 1_000_000, 5_000_000];

/// How many times as long anything may take with the most as with the least.
const TARGET: f64 = 1.5;

/// What is asked for.
#[derive(Clone, Copy)]
enum Call {
    Messages,
    Conversations,
    Send,
}

const CALLS: [(Call, &str); 3] = [
    (Call::Messages, "list messages"),
    (Call::Conversations, "list conversations"),
    (Call::Send, "send"),
];

pub(crate) async fn run(setting: Setting, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let mut world = World::new(setting.database).await?;
    let _graph = graph::start(setting.watch, &mut world).await?;
    world.lift_limits();
    let account = world.accounts(1).await?.swap_remove(0).to_string();
    let (mut before, mut first) = (0, Vec::new());
    let sizes = setting.pick(&SIZES[..2], &SIZES[..]);
    for size in sizes {
        seed::conversations(&world, before / seed::LENGTH, size / seed::LENGTH, 1).await?;
        seed::messages(&world, before, *size).await?;
        before = *size;
        let posta = world.serve().await?;
        for (index, (call, name)) in CALLS.into_iter().enumerate() {
            let times = measure(setting, &world, &posta, &account, call, *size).await?;
            let what = |figure: &str| format!("{name}, {} k messages: {figure}", size / 1000);
            let add =
                |figure, value, unit| Row::new(NAME, setting.database, what(figure), value, unit);
            let p50 = times.ms(500);
            rows.push(add("p50", p50, "ms"));
            rows.push(add("p99", times.ms(990), "ms"));
            match first.get(index) {
                None => first.push(p50),
                Some(first) if Some(size) == sizes.last() => {
                    rows.push(add("times the first p50", p50 / first, "×").at_most(TARGET));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// Asks again and again, over one connection, for different conversations.
async fn measure(
    setting: Setting,
    world: &World,
    posta: &Process,
    account: &str,
    call: Call,
    size: i64,
) -> anyhow::Result<Times> {
    let conversations = usize::try_from(size / seed::LENGTH)?;
    let request = |number: usize| {
        // Jumps about, so that not everything lies beside what was read last.
        let place = number * 7_919;
        let conversation = seed::conversation(place % conversations);
        match call {
            Call::Messages => {
                let path = format!(
                    "inbox/conversations/{conversation}/messages?accountId={account}&limit=50"
                );
                get(world, &path)
            }
            Call::Conversations => get(world, "inbox/conversations?limit=50"),
            Call::Send => send::request(world, &conversation, account, number),
        }
    };
    let part = |from: usize, to: usize| -> Requests { (from..to).map(request).collect() };
    let count = setting.pick(100, 1_000);
    closed(posta.at, 1, part(0, count / 5)).await?;
    Ok(closed(posta.at, 1, part(count / 5, count)).await?.times)
}

fn get(world: &World, path: &str) -> Box<[u8]> {
    format!("GET /v1/{path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\r\n", world.key)
        .into_bytes()
        .into()
}
