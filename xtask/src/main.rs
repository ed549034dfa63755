//! What a recipe would need an `if` for: house rules, generated files, new platforms.

#![expect(clippy::print_stdout, reason = "a developer's tool speaks on its standard output")]

mod example;
mod generate;
mod new_platform;
mod source;
mod tidy;
mod tree;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

/// Chores of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the house rules that no lint knows.
    Tidy,
    /// Write the files that are generated from code.
    Gen {
        /// Write nothing; fail when a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Write the skeleton of a new platform's folder.
    NewPlatform {
        /// Its name in the unified API: lower-case letters and digits.
        name: String,
    },
    /// Run real servers under load and faults, and balance what went in with what came out;
    /// `cargo xtask ledger --help` lists its options. `--release` builds for speed.
    #[command(disable_help_flag = true)]
    Ledger {
        /// What the ledger takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<OsString>,
    },
    /// Measure the server, built for speed, beside the least that does the same, and print a table;
    /// `cargo xtask bench --help` lists its options.
    #[command(disable_help_flag = true)]
    Bench {
        /// What the bench takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse().chore) {
        Ok(code) => code,
        Err(error) => {
            println!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> anyhow::Result<ExitCode> {
    let here = std::env::current_dir()?;
    // Found where it runs, not where it was built: checkouts may share one build folder.
    let root = here
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").is_file())
        .context("run this inside the repository")?;
    match chore {
        Chore::Tidy => tidy::run(root)?,
        Chore::Gen { check } => generate::run(root, *check)?,
        Chore::NewPlatform { name } => new_platform::run(root, name)?,
        Chore::Ledger { arguments } => return example::run(root, "ledger", arguments),
        Chore::Bench { arguments } => {
            let arguments: Vec<_> = [OsString::from("--release")]
                .into_iter()
                .chain(arguments.iter().filter(|one| *one != "--release").cloned())
                .collect();
            return example::run(root, "bench", &arguments);
        }
    }
    Ok(ExitCode::SUCCESS)
}
