//! The servers' clock, which may leap: a small library between them and the system's tells them a time of
//! day that is ahead by as much as a file says.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

/// The library's source.
const SOURCE: &str = include_str!("clock.c");

/// The clock that all servers go by, as if they ran on one machine.
#[derive(Clone, Debug)]
pub(crate) struct ServerClock {
    library: PathBuf,
    ahead: PathBuf,
}

impl ServerClock {
    /// Makes the library, with the C compiler that linking Rust takes anyway. It shows the true time.
    pub(crate) fn build(folder: &Path) -> anyhow::Result<Self> {
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        std::fs::write(&source, SOURCE)?;
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source).arg("-ldl");
        let output = cc.output().context("cannot run cc")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cc failed over clock.c: {said}");
        let clock = Self { library, ahead: folder.join("ahead") };
        clock.set(Duration::ZERO)?;
        Ok(clock)
    }

    /// What a process needs in its environment to go by this clock.
    pub(crate) fn environment(&self) -> [(String, String); 2] {
        let text = |path: &Path| path.display().to_string();
        [
            ("LD_PRELOAD".to_owned(), text(&self.library)),
            ("LEDGER_CLOCK".to_owned(), text(&self.ahead)),
        ]
    }

    /// Shows so much more than the true time from now on.
    pub(crate) fn set(&self, ahead: Duration) -> anyhow::Result<()> {
        // Written over, not anew: the processes look at the file itself.
        std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.ahead)
            .and_then(|mut file| {
                std::io::Write::write_all(&mut file, &ahead.as_secs().to_ne_bytes())
            })
            .context("cannot set the servers' clock")
    }
}
