//! What a user would write instead: small programs for Node, in `bench/rivals` of the repository.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::process::{Process, free};
use crate::webhook::SECRET;

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rival {
    /// Express, and `BullMQ` on a Redis that waits for the disk.
    Bullmq,
    /// Express, and better-sqlite3 that waits for the disk.
    Sqlite,
}

/// A program that runs, with what it needs.
pub(crate) struct Running {
    program: Process,
    _redis: Option<Process>,
}

impl Running {
    pub(crate) fn at(&self) -> SocketAddr {
        self.program.at
    }
}

impl Rival {
    pub(crate) const ALL: [Self; 2] = [Self::Bullmq, Self::Sqlite];

    /// What it needs and is not installed here.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let needed: &[_] = match self {
            Self::Bullmq => &["node", "redis-server"],
            Self::Sqlite => &["node"],
        };
        needed.iter().find(|program| !is_there(program)).copied()
    }

    /// Starts it with empty books; `None` when something that it needs is not installed here.
    pub(crate) async fn start(self, folder: &Path) -> anyhow::Result<Option<Running>> {
        if self.missing().is_some() {
            return Ok(None);
        }
        let code = code()?;
        let at = free()?;
        let mut node = Command::new("node");
        let (script, redis) = match self {
            Self::Bullmq => ("bullmq.mjs", Some(redis(folder).await?)),
            Self::Sqlite => ("sqlite.mjs", None),
        };
        node.arg(code.join(script)).current_dir(folder).env("PORT", at.port().to_string());
        node.env("SECRET", SECRET).env("NODE_ENV", "production");
        if let Some(redis) = &redis {
            node.env("REDIS_PORT", redis.at.port().to_string());
        }
        let program = Process::start(node, folder, at, Some("readyz")).await?;
        Ok(Some(Running { program, _redis: redis }))
    }
}

/// A Redis that answers after the disk did, as nothing that it took may be lost.
async fn redis(folder: &Path) -> anyhow::Result<Process> {
    let at = free()?;
    let data = folder.join(format!("redis-{}", at.port()));
    std::fs::create_dir(&data)?;
    let mut command = Command::new("redis-server");
    command.args(["--port", &at.port().to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always"]).arg("--dir").arg(&data);
    Process::start(command, folder, at, None).await
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Finds the programs and, the first time, installs what they are made of.
fn code() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().map(|folder| folder.join("bench/rivals"));
    let found = found
        .into_iter()
        .find(|folder| folder.is_dir())
        .context("run this inside the repository")?;
    if !found.join("node_modules").is_dir() {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--silent", "--no-fund", "--no-audit"]).current_dir(&found);
        // What is compiled needs Node's headers, which are often beside it and are else downloaded.
        if Path::new("/usr/include/node/node.h").is_file() {
            npm.env("npm_config_nodedir", "/usr");
        }
        ensure!(npm.status().context("cannot run npm")?.success(), "npm ci failed");
    }
    Ok(found)
}
