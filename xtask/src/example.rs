//! Builds the server and an example of its crate that runs it, and runs the example.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};

/// Builds both in one go, so that they share what they are made of, and hands on how it ended.
pub(crate) fn run(root: &Path, name: &str, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let (ours, theirs): (Vec<_>, Vec<_>) =
        arguments.iter().partition(|argument| *argument == "--release");
    let cargo = |command: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(command).args(["--quiet", "--package", "posta", "--example", name]);
        cargo.args(&ours).current_dir(root);
        cargo
    };
    let built = cargo(&["build", "--bin", "posta"]).status().context("cannot run cargo")?;
    ensure!(built.success(), "the server or the {name} cannot be built");
    let status = cargo(&["run"]).arg("--").args(theirs).status().context("cannot run cargo")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
