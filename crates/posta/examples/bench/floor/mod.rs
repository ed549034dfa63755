//! The floors: the least that does the same, each a process of its own as Posta is.

pub(crate) mod deliver;
pub(crate) mod receive;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use posta_store::Open;

use crate::process::{Process, free};

/// Starts this program as a floor.
pub(crate) async fn start(
    kind: &str,
    folder: &Path,
    database: Option<&Open>,
    more: &[String],
) -> anyhow::Result<Process> {
    let at: SocketAddr = free()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args([kind, "--listen", &at.to_string()]).args(more);
    match database {
        Some(Open::Sqlite(path)) => {
            command.arg("--database").arg(format!("sqlite:{}", path.display()));
        }
        Some(Open::Postgres(url)) => {
            command.args(["--database", url]);
        }
        None => {}
    }
    Process::start(command, folder, at, Some("readyz")).await
}
