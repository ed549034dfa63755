//! The benchmarks: the built server under loads of which each measures one thing, beside floors that
//! are measured in the same run. `cargo xtask bench` builds what it needs and runs it.

#![expect(clippy::print_stdout, reason = "a developer's tool speaks on its standard output")]

mod backlog;
mod deliver;
mod endpoint;
mod floor;
mod graph;
mod growth;
mod idle;
mod ingest;
mod latency;
mod load;
mod machine;
mod neighbours;
#[path = "../ledger/postgres.rs"]
#[expect(dead_code, reason = "the ledger uses the rest of it")]
mod postgres;
mod process;
mod report;
mod rivals;
mod seed;
mod send;
mod webhook;
mod wire;
mod world;

use std::process::ExitCode;

use anyhow::ensure;
use clap::{Parser, Subcommand, ValueEnum};
use futures_util::future::BoxFuture;
use posta::telemetry::Stopwatch;
use serde::Serialize;
use serde_json::json;

use machine::Machine;
use report::{HEAD, Row};
use rivals::Rival;

/// Measures Posta, and prints a table.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// Only these benchmarks.
    #[arg(long, value_enum, num_args = 1.., value_delimiter = ',')]
    only: Vec<Name>,
    /// Measure less and sooner, for a first impression.
    #[arg(long)]
    quick: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Where Posta keeps its rows.
    #[arg(long, value_enum, default_value = "both")]
    database: Which,
    #[command(subcommand)]
    floor: Option<Floor>,
}

/// What this program is in a process of its own, so that it is measured as Posta is.
#[derive(Clone, Subcommand)]
#[command(hide = true)]
enum Floor {
    /// A server that checks signatures and, with a database, commits what came.
    Receive(floor::receive::Arguments),
    /// Takes rows, signs, posts and completes them.
    Deliver(floor::deliver::Arguments),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Sqlite,
    Postgres,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
        }
    }
}

/// How a benchmark is to be run.
#[derive(Clone, Copy)]
struct Setting {
    database: Database,
    is_quick: bool,
    watch: Stopwatch,
}

impl Setting {
    /// One value for a first impression, and one for a figure.
    fn pick<T>(self, quick: T, thorough: T) -> T {
        if self.is_quick { quick } else { thorough }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Webhooks taken in.
    Ingest,
    /// From the platform's call to the customer's endpoint.
    Latency,
    /// Deliveries to one endpoint.
    Deliver,
    /// A dead endpoint among a thousand.
    Neighbours,
    /// Messages sent.
    Send,
    /// A backlog worked off.
    Backlog,
    /// Doing nothing.
    Idle,
    /// How cost grows with what is stored.
    Growth,
}

type Bench = for<'a> fn(Setting, &'a mut Vec<Row>) -> BoxFuture<'a, anyhow::Result<()>>;

const ALL: [(Name, Bench); 8] = [
    (Name::Ingest, |setting, rows| Box::pin(ingest::run(setting, rows))),
    (Name::Latency, |setting, rows| Box::pin(latency::run(setting, rows))),
    (Name::Deliver, |setting, rows| Box::pin(deliver::run(setting, rows))),
    (Name::Neighbours, |setting, rows| Box::pin(neighbours::run(setting, rows))),
    (Name::Send, |setting, rows| Box::pin(send::run(setting, rows))),
    (Name::Backlog, |setting, rows| Box::pin(backlog::run(setting, rows))),
    (Name::Idle, |setting, rows| Box::pin(idle::run(setting, rows))),
    (Name::Growth, |setting, rows| Box::pin(growth::run(setting, rows))),
];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.floor {
        Some(Floor::Receive(own)) => floor::receive::run(own).await,
        Some(Floor::Deliver(own)) => floor::deliver::run(own).await,
        None => run(&arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let machine = Machine::look(world::folder()?.path())?;
    let tell = |text: &str| {
        if !arguments.json {
            println!("{text}");
        }
    };
    tell(&machine.line());
    for rival in Rival::ALL {
        if let Some(program) = rival.missing() {
            tell(&format!("LEFT OUT: {rival:?} as a rival, for {program} is not installed"));
        }
    }
    tell(&format!("\n{HEAD}"));
    let databases = match arguments.database {
        Which::Sqlite => vec![Database::Sqlite],
        Which::Postgres => vec![Database::Postgres],
        Which::Both => vec![Database::Sqlite, Database::Postgres],
    };
    let watch = Stopwatch::start();
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for (name, bench) in ALL {
        if !arguments.only.is_empty() && !arguments.only.contains(&name) {
            continue;
        }
        for database in &databases {
            let setting = Setting { database: *database, is_quick: arguments.quick, watch };
            let mut rows = Vec::new();
            // What was measured before it failed, and what the others measure, is worth as much.
            if let Err(error) = bench(setting, &mut rows).await {
                failures.push(format!("{name:?} on {}: {error:#}", database.name()));
            }
            rows.iter().for_each(|row| tell(&row.line()));
            all.append(&mut rows);
        }
    }
    if arguments.json {
        let quick = arguments.quick;
        println!("{:#}", json!({"machine": machine, "quick": quick, "rows": all}));
    }
    ensure!(failures.is_empty(), "not all was measured: {}", failures.join("; "));
    Ok(())
}
