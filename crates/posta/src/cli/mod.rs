//! The command line: one file per subcommand.

mod backup;
mod config;
mod dev;
mod doctor;
mod inbound;
mod keys;
mod logs;
mod migrate;
mod moving;
mod restore;
mod sandbox;
mod scenario;
mod serve;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use posta_core::time::Clock;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Environment, Layers};

/// What is open to a server whose customers run beside it.
const LOOPBACK: &str = "127.0.0.0/8, ::1";

/// One API over every social inbox and feed, in one binary that you run yourself.
///
/// Begin with `posta dev`: it starts Posta beside pretend networks and shows a message coming in
/// and a reply going out. For production, see `posta help serve`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    /// A TOML file with settings; `posta config` lists them all.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start Posta with a sandbox and show a message coming in and a reply going out.
    Dev(dev::Arguments),
    /// Start Posta for production.
    ///
    /// Settings come from the defaults, then the file given with --config, then environment
    /// variables named POSTA_…; `posta config` shows them all. Needs a master key (`posta keys
    /// master` makes one) and a database at this version (`posta migrate`).
    Serve(serve::Arguments),
    /// Start the pretend networks alone, or play scenarios on them.
    Sandbox(sandbox::Arguments),
    /// Bring the database up to this version.
    Migrate,
    /// Copy the database into a file, while the server runs.
    ///
    /// For a SQLite file; with Postgres it names the command that does it. The file is examined
    /// before it counts as a backup. Files (`media.directory`) and the master key are not in it.
    Backup(backup::Arguments),
    /// Examine a backup, and put it in the place of the database.
    ///
    /// It must be whole, of a version that this one knows, and its tokens must be opened by the
    /// master key. What waited to be sent when it was made is not sent, for it may have been since.
    Restore(restore::Arguments),
    /// Move everything from the SQLite file of the settings into an empty Postgres database.
    ///
    /// Stop the server first. Every table is copied in one transaction and compared, row by row,
    /// with what it was made from; the file stays as it is.
    Move(moving::Arguments),
    /// Make, list and revoke API keys; make a master key.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// List, show and retry the raw webhooks that platforms sent.
    #[command(subcommand)]
    Inbound(inbound::Inbound),
    /// List what was asked of platforms, and what they said.
    Logs(logs::Logs),
    /// Find out why nothing comes in or goes out, with the cause and the remedy.
    ///
    /// Looks at the settings, the way from outside to this server, webhooks that were not taken, and
    /// each account, and asks the platform about it; changes nothing. Ends with 0 when all is
    /// fine, 1 with warnings, 2 with errors, and 64 or more when it could not look.
    Doctor(doctor::Arguments),
    /// Show every setting, its value and where the value is from.
    Config(config::Arguments),
}

/// The command line makes no sense. Not 1 or 2, which tell what `posta doctor` has found.
const USAGE: u8 = 64;

/// `posta doctor` could not look.
const BROKEN: u8 = 70;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Where the text goes cannot be written to either, if this fails.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let is_doctor = matches!(arguments.command, Command::Doctor(_));
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&anyhow::anyhow!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(arguments));
    // Whatever still blocks, such as a look-up of a host name, must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match result {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            // As for arguments that mean nothing.
            let is_malformed = error.is::<scenario::Malformed>();
            match (is_doctor, is_malformed) {
                (true, _) => ExitCode::from(BROKEN),
                (false, true) => ExitCode::from(2),
                (false, false) => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let file = arguments.config.as_deref();
    let layers = || Layers::read(file, &Environment::of_process());
    match arguments.command {
        Command::Doctor(wanted) => return Box::pin(doctor::run(layers(), wanted)).await,
        Command::Dev(dev) => Box::pin(dev::run(layers()?, dev)).await,
        Command::Serve(serve) => Box::pin(serve::run(layers()?, serve)).await,
        Command::Sandbox(sandbox) => Box::pin(sandbox::run(layers()?, sandbox)).await,
        Command::Migrate => migrate::run(&layers()?.config()?).await,
        Command::Backup(backup) => backup::run(&layers()?.config()?, backup).await,
        Command::Restore(restore) => restore::run(&layers()?.config()?, restore).await,
        Command::Move(moving) => moving::run(&layers()?.config()?, moving).await,
        Command::Keys(keys) => keys::run(layers, keys).await,
        Command::Inbound(command) => inbound::run(&layers()?.config()?, command).await,
        Command::Logs(wanted) => logs::run(&layers()?.config()?, wanted).await,
        Command::Config(show) => config::run(&layers()?, &show),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Tells a person what failed, why, and what to do.
#[expect(clippy::print_stderr, reason = "a command line program speaks to its user there")]
fn complain(error: &anyhow::Error) {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many errors repeat their cause in their own text.
        if !text.contains(cause.trim()) {
            // Writing into a string cannot fail.
            let _ = write!(text, "\n  because: {cause}");
        }
    }
    eprintln!("{text}");
}

/// Prints a line of a command's result.
fn say(text: &str) {
    // Nobody reads on, as with `posta config | head`: no reason to stop half-way, nor to complain.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Waits until a person or the system asks the program to stop.
async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a signal to wait for, the program ends only when it is killed.
    let _ = interrupt.await;
}

/// Tells `stop` once somebody asks the program to stop.
async fn stop_when_asked(stop: CancellationToken) {
    tokio::select! {
        () = asked_to_stop() => tracing::info!("stopping"),
        () = stop.cancelled() => {}
    }
    stop.cancel();
}

/// The clock of the outside world.
fn clock() -> Clock {
    Clock::system()
}

/// Opens the database of the settings and makes sure that it is at this version.
async fn ready_database(config: &Config) -> anyhow::Result<posta_store::Db> {
    let db = crate::boot::open(&config.database.url).await?;
    crate::boot::check_schema(&db, &config.database.url).await?;
    Ok(db)
}
