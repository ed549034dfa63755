//! The ledger: real processes under load and faults, and at the end an exact balance of what was
//! accepted, stored, delivered and sent. `cargo xtask ledger` builds what it needs and runs it.

#![expect(clippy::print_stdout, reason = "a developer's tool speaks on its standard output")]

mod balance;
mod clock;
mod collect;
mod database;
mod disk;
mod faults;
mod load;
mod nodes;
mod postgres;
mod proxy;
mod receiver;
mod settle;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use futures_util::future::join_all;
use tokio_util::task::TaskTracker;

use balance::Balance;
use world::World;

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
    /// Where Posta keeps its rows; both at the same time, unless one is chosen.
    #[arg(long, value_enum)]
    database: Option<Kind>,
    /// How many servers share the database; an SQLite file has one.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// How many messages people write in a second, to each.
    #[arg(long, default_value_t = 4)]
    rate: u64,
    /// Print the balance of each as one JSON object on one line, and nothing else.
    #[arg(long)]
    json: bool,
    /// The server's binary; by default what was built beside this.
    #[arg(long)]
    posta: Option<PathBuf>,
    /// Lose one delivery on purpose, in the receiver's book: the balance must not come out.
    #[arg(long)]
    lose_one: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = &Arguments::parse();
    let kinds = arguments.database.map_or(vec![Kind::Sqlite, Kind::Postgres], |one| vec![one]);
    let runs = kinds.into_iter().map(|kind| async move {
        let tell = |text: &str| {
            if !arguments.json {
                println!("{:>8}: {text}", kind.name());
            }
        };
        match run(arguments, kind, tell).await {
            Ok(balance) if balance.open() == 0 => 0,
            Ok(_) => UNBALANCED,
            Err(error) => {
                println!("{:>8}: the ledger cannot go on: {error:#}", kind.name());
                1
            }
        }
    });
    tokio::select! {
        codes = join_all(runs) => ExitCode::from(codes.into_iter().max().unwrap_or(1)),
        // Whatever was started ends with what is dropped here.
        _ = tokio::signal::ctrl_c() => ExitCode::FAILURE,
    }
}

async fn run(
    arguments: &Arguments,
    kind: Kind,
    tell: impl Fn(&str) + Copy,
) -> anyhow::Result<Balance> {
    let nodes = if kind == Kind::Sqlite { 1 } else { arguments.nodes };
    anyhow::ensure!(nodes > 0, "--nodes must be at least 1");
    anyhow::ensure!(arguments.minutes > 0.0, "--minutes must be more than 0");
    let length = Duration::from_secs_f64(arguments.minutes * 60.0);
    let (minutes, rate, seed) = (arguments.minutes, arguments.rate, arguments.seed);
    tell(&format!("{nodes} node(s), {minutes} min, {rate} messages a second, seed {seed}"));
    let world = Arc::new(World::start(arguments, kind, nodes).await?);
    let has_disk = world.database.disk.is_some();
    if !has_disk {
        tell(&format!(
            "LEFT OUT: a full disk, for none can be mounted: {}",
            world.database.no_disk
        ));
    }
    let target = faults::Target { nodes, has_server: world.database.server.is_some(), has_disk };
    let plan = faults::plan(seed, length, target);
    for (at, fault) in &plan {
        tell(&format!("{:>8.1} s  {fault}", at.as_secs_f64()));
    }
    let tasks = TaskTracker::new();
    let result = play(&world, arguments, &tasks, plan, length, tell).await;
    let is_balanced = result.as_ref().is_ok_and(|balance| balance.open() == 0);
    if let Some(kept) = world.stop(is_balanced).await {
        tell(&format!("logs and database are kept in {}", kept.display()));
    }
    let balance = result?;
    if arguments.json {
        println!("{}", balance.json(arguments, kind));
    } else {
        balance.print(tell);
    }
    Ok(balance)
}

async fn play(
    world: &Arc<World>,
    arguments: &Arguments,
    tasks: &TaskTracker,
    plan: Vec<(Duration, faults::Fault)>,
    length: Duration,
    tell: impl Fn(&str) + Copy,
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
    let mut balance = settle::settle(world, tell).await?;
    if arguments.lose_one {
        world.receiver.forget_one();
        balance = Balance::of(world).await?;
    }
    world.end.cancel();
    tasks.close();
    tokio::try_join!(replies, watch)?;
    Ok(balance)
}
