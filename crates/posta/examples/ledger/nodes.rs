//! The processes: servers that can be killed and started again, and the pretend networks.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use posta_core::time::pause;
use posta_platforms::http::Http;
use url::Url;

/// How often, and after how much each time, it is looked whether a process answers.
const LOOKS: u32 = 600;
const LOOK: Duration = Duration::from_millis(100);

/// How a process of the built program is started.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The built binary.
    pub(crate) path: PathBuf,
    /// Its settings.
    pub(crate) environment: Vec<(String, String)>,
    /// Where its log goes.
    pub(crate) folder: PathBuf,
}

impl Program {
    /// Runs it to its end and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(arguments).output().context("cannot run posta")?;
        let error = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "posta {} failed: {error}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        // What is set for a server of the user's own must not reach these.
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A process, of which there is one at a time.
pub(crate) struct Process {
    program: Program,
    arguments: Vec<String>,
    log: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    child: Mutex<Option<Child>>,
}

impl Process {
    pub(crate) fn new(program: Program, name: &str, arguments: &[&str], at: SocketAddr) -> Self {
        let log = program.folder.join(format!("{name}.log"));
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { program, arguments, log, address: at, child: Mutex::new(None) }
    }

    /// Starts it and waits until it answers.
    pub(crate) async fn start(&self, http: &Http, probe: &str) -> anyhow::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut command = self.program.command(&arguments);
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().context("cannot start posta")?;
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let url: Url = format!("http://{}/{probe}", self.address).parse()?;
        for _ in 0..LOOKS {
            if let Ok(reply) = http.send(http.get(url.clone())).await
                && reply.status.is_success()
            {
                return Ok(());
            }
            if let Some(status) = self.ended()? {
                bail!("posta has ended by itself ({status}); see {}", self.log.display());
            }
            pause(LOOK).await;
        }
        bail!("{url} does not answer; see {}", self.log.display())
    }

    /// Kills it at once, without a warning.
    pub(crate) fn kill(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            // One that is dead already is as good as killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn ended(&self) -> anyhow::Result<Option<std::process::ExitStatus>> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match child.as_mut() {
            Some(child) => child.try_wait()?,
            None => None,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Finds the server that was built beside this program.
pub(crate) fn built() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().and_then(Path::parent).context("this lies in a folder")?;
    let path = folder.join("posta");
    anyhow::ensure!(path.is_file(), "{} is not built: run cargo xtask ledger", path.display());
    Ok(path)
}

/// Returns an address on loopback where nobody listens at the moment.
pub(crate) fn free() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
