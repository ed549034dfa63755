//! Processes that are measured: started, asked what they use, and killed.

use std::fs::{File, read_to_string};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use posta::telemetry::Stopwatch;
use posta_core::time::pause;

use crate::wire::Connection;

/// How often it is asked whether a process answers, and for how long.
const OFTEN: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// A process; it dies with this.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) at: SocketAddr,
    /// How long it took from its start until it answered.
    pub(crate) start: Duration,
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Memory that is its own or mapped, in MB.
    pub(crate) megabytes: f64,
    /// Processor time.
    pub(crate) processor: Duration,
}

impl Process {
    /// Starts a program and waits until a path answers 200, or with none until it can be connected to.
    /// Its log goes into the folder.
    pub(crate) async fn start(
        mut command: Command,
        folder: &Path,
        at: SocketAddr,
        path: Option<&str>,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{}.log", at.port()));
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        // Not the whole command, which shows its settings.
        let name = command.get_program().display().to_string();
        let watch = Stopwatch::start();
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let mut this = Self { child, at, start: Duration::ZERO };
        let probe = path.map(|path| format!("GET /{path} HTTP/1.1\r\nhost: {at}\r\n\r\n"));
        loop {
            if answers(at, probe.as_deref()).await {
                this.start = watch.elapsed();
                return Ok(this);
            }
            let said = || read_to_string(&log).unwrap_or_default();
            if let Some(status) = this.child.try_wait()? {
                bail!("{name} ended ({status}): {}", said());
            }
            if watch.elapsed() > PATIENCE {
                bail!("{name} does not answer: {}", said());
            }
            pause(OFTEN).await;
        }
    }

    /// What it has used so far, as Linux counts.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let of = |name: &str| read_to_string(format!("/proc/{}/{name}", self.child.id()));
        let status = of("status").context("this needs Linux's /proc")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        // Which it calls kB.
        let kibibytes = resident.and_then(|text| text.trim().strip_suffix("kB"));
        let kibibytes: u32 = kibibytes.context("no VmRSS")?.trim().parse()?;
        let stat = of("stat")?;
        // Behind the name, which may hold anything, come the numbers; these count hundredths.
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
        let mut ticks = || fields.next().and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or(0);
        let processor = Duration::from_millis((ticks() + ticks()) * 10);
        Ok(Usage { megabytes: f64::from(kibibytes) * 1.024 / 1000.0, processor })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that is dead already is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn answers(at: SocketAddr, probe: Option<&str>) -> bool {
    let Ok(mut connection) = Connection::open(at).await else { return false };
    match probe {
        Some(probe) => connection.ask(probe.as_bytes()).await.is_ok_and(|status| status == 200),
        None => true,
    }
}

/// Returns an address on loopback where nobody listens at the moment.
pub(crate) fn free() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
