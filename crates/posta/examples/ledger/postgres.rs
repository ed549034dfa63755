//! A database server of the ledger's own, which it may stop in the middle of anything.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Who runs the server when this runs as root, which it refuses to serve under.
const SERVER_USER: &str = "postgres";

/// The server. Whoever starts it ends it with [`Postgres::down`].
#[derive(Clone)]
pub(crate) struct Postgres {
    bin: PathBuf,
    data: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    is_root: bool,
}

impl Postgres {
    /// Makes a cluster in a folder and starts it. It waits for the disk at each commit.
    pub(crate) fn start(folder: &Path, address: SocketAddr) -> anyhow::Result<Self> {
        let bin = installed().context("there is no PostgreSQL server below /usr/lib/postgresql")?;
        let data = folder.join("postgres");
        std::fs::create_dir(&data)?;
        let user = Command::new("id").arg("-u").output().context("cannot run id")?;
        let server = Self { bin, data, address, is_root: user.stdout == b"0\n" };
        if server.is_root {
            let mut chown = Command::new("chown");
            chown.arg(format!("{SERVER_USER}:")).arg(&server.data);
            succeed(chown)?;
        }
        let mut initdb = server.tool("initdb");
        initdb.args(["--username=posta", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.arg("--no-sync").arg("--pgdata").arg(&server.data);
        succeed(initdb)?;
        server.up()?;
        Ok(server)
    }

    /// The URL of its database, reached at this address.
    pub(crate) fn url(address: SocketAddr) -> String {
        format!("postgres://posta@{address}/postgres")
    }

    /// Stops it as a crash would, and starts it again.
    pub(crate) fn crash_and_recover(&self) -> anyhow::Result<()> {
        self.down();
        self.up()
    }

    fn up(&self) -> anyhow::Result<()> {
        let mut start = self.tool("pg_ctl");
        start.arg("--pgdata").arg(&self.data).arg("--log").arg(self.data.join("log"));
        let (ip, port) = (self.address.ip(), self.address.port());
        start.arg("--wait").arg("--options").arg(format!(
            "-p {port} -c listen_addresses={ip} -c unix_socket_directories='' -c max_connections=200"
        ));
        start.arg("start");
        succeed(start)
    }

    /// Stops it as a crash would.
    pub(crate) fn down(&self) {
        let mut stop = self.tool("pg_ctl");
        stop.arg("--pgdata").arg(&self.data).args(["--mode=immediate", "stop"]);
        // One that is down already has nothing to stop.
        let _ = succeed(stop);
    }

    fn tool(&self, name: &str) -> Command {
        let path = self.bin.join(name);
        if !self.is_root {
            return Command::new(path);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", SERVER_USER, "--"]).arg(path);
        command
    }
}

fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<_> =
        versions.flatten().map(|version| version.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").is_file());
    folders.sort();
    folders.pop()
}

/// Runs a command whose output matters only when it fails. A server that it leaves behind must not
/// keep a pipe open, so the output goes through a file.
pub(crate) fn succeed(mut command: Command) -> anyhow::Result<()> {
    let output = tempfile::NamedTempFile::new()?;
    command.stdout(output.reopen()?).stderr(output.reopen()?).stdin(std::process::Stdio::null());
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    let said = || std::fs::read_to_string(output.path()).unwrap_or_default();
    ensure!(status.success(), "{command:?} failed: {}", said());
    Ok(())
}
