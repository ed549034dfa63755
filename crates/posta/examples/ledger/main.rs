//! The ledger: real processes under load and faults, and at the end an exact balance of what was
//! accepted, stored, delivered and sent. `cargo xtask ledger` builds what it needs and runs it.

#![expect(clippy::print_stdout, reason = "a developer's tool speaks on its standard output")]

mod balance;
mod collect;
mod faults;
mod load;
mod nodes;
mod postgres;
mod proxy;
mod receiver;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use posta_core::time::pause;
use tokio_util::task::TaskTracker;

use balance::Balance;
use world::World;

/// How long all may take to come to rest after the load: the longest lease, hold and call.
const SETTLING: Duration = Duration::from_mins(6);

/// How long to wait before it is looked whether all has come to rest, at first and at most.
const LOOK: Duration = Duration::from_secs(4);
const RARELY: Duration = Duration::from_secs(15);

/// What does not balance ends with this.
const UNBALANCED: u8 = 3;

/// Runs Posta under load and faults, and balances the books.
#[derive(Parser)]
#[command(name = "cargo xtask ledger")]
struct Arguments {
    /// How long there is load, in minutes.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// What chooses the faults and their times.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where Posta keeps its rows.
    #[arg(long, value_enum, default_value = "sqlite")]
    database: Database,
    /// How many servers; by default 1 with SQLite and 3 with the other.
    #[arg(long)]
    nodes: Option<usize>,
    /// How many messages people write in a second.
    #[arg(long, default_value_t = 4)]
    rate: u64,
    /// Print the balance as one JSON object.
    #[arg(long)]
    json: bool,
    /// Lose one delivery on purpose, in the receiver's book: the balance must not come out.
    #[arg(long)]
    lose_one: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(balance) if balance.problems.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(UNBALANCED),
        Err(error) => {
            println!("ledger: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<Balance> {
    let is_shared = arguments.database == Database::Postgres;
    let nodes = arguments.nodes.unwrap_or(if is_shared { 3 } else { 1 });
    anyhow::ensure!(nodes > 0, "--nodes must be at least 1");
    anyhow::ensure!(is_shared || nodes == 1, "only one server may serve an SQLite file");
    anyhow::ensure!(arguments.minutes > 0.0, "--minutes must be more than 0");
    let length = Duration::from_secs_f64(arguments.minutes * 60.0);
    let plan = faults::plan(arguments.seed, length, nodes, is_shared);
    let tell = |text: &str| {
        if !arguments.json {
            println!("{text}");
        }
    };
    tell(&format!(
        "ledger: {:?}, {nodes} node(s), {} min, {} messages a second, seed {}",
        arguments.database, arguments.minutes, arguments.rate, arguments.seed
    ));
    for (at, fault) in &plan {
        tell(&format!("{:>8.1} s  {fault}", at.as_secs_f64()));
    }
    let world = Arc::new(World::start(arguments.database, nodes, arguments.seed).await?);
    let tasks = TaskTracker::new();
    let result = play(&world, arguments, &tasks, plan, length, &tell).await;
    let is_balanced = result.as_ref().is_ok_and(|balance| balance.problems.is_empty());
    if let Some(kept) = world.stop(is_balanced).await {
        tell(&format!("logs and database are kept in {}", kept.display()));
    }
    let balance = result?;
    if arguments.json {
        println!("{}", balance.json(arguments));
    } else {
        balance.print();
    }
    Ok(balance)
}

async fn play(
    world: &Arc<World>,
    arguments: &Arguments,
    tasks: &TaskTracker,
    plan: Vec<(Duration, faults::Fault)>,
    length: Duration,
    tell: impl Fn(&str),
) -> anyhow::Result<Balance> {
    let start = world.clock.now();
    let replies = load::reply(world, tasks);
    let watch = collect::watch(world, tasks);
    let (wrote, struck) = tokio::join!(
        load::write(world, arguments.rate, arguments.seed, length),
        faults::strike(world, plan, start)
    );
    wrote?;
    struck?;
    tell("the load has ended; waiting until all has come to rest");
    faults::calm(world).await?;
    let deadline = world.clock.now().plus(SETTLING);
    let mut wait = LOOK;
    let mut balance = loop {
        pause(wait).await;
        wait = (wait * 2).min(RARELY);
        faults::hurry(world).await?;
        let balance = Balance::of(world).await?;
        if balance.problems.is_empty() || world.clock.now() > deadline {
            break balance;
        }
    };
    if arguments.lose_one {
        world.receiver.forget_one();
        balance = Balance::of(world).await?;
    }
    world.end.cancel();
    tasks.close();
    tokio::try_join!(replies, watch)?;
    Ok(balance)
}
