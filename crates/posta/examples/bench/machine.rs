//! What all this runs on, without its name.

use std::fs::read_to_string;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use posta::telemetry::Stopwatch;
use serde::Serialize;

use crate::load::rate;

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    processors: usize,
    processor: String,
    memory_gib: u64,
    kernel: String,
    file_system: String,
    /// How often in a second the disk confirms that something was written.
    syncs_per_second: f64,
}

impl Machine {
    /// Looks at it. The folder is where databases are put: a file system that lives in memory would
    /// make every figure a lie.
    pub(crate) fn look(folder: &Path) -> anyhow::Result<Self> {
        let file_system = file_system(folder);
        ensure!(
            file_system != "tmpfs",
            "{} is kept in memory: set TMPDIR to a folder on a disk",
            folder.display()
        );
        let read = |path: &str| read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        Ok(Self {
            processors: std::thread::available_parallelism()?.get(),
            processor: field(&read("/proc/cpuinfo"), "model name"),
            memory_gib: (kilobytes + (1 << 19)) >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system,
            syncs_per_second: syncs(folder)?,
        })
    }

    pub(crate) fn line(&self) -> String {
        format!(
            "{} × {}, {} GiB, Linux {}, {}, {:.0} syncs/s",
            self.processors,
            self.processor,
            self.memory_gib,
            self.kernel,
            self.file_system,
            self.syncs_per_second
        )
    }
}

/// The type of the file system that holds the folder: that of the longest mount point above it.
fn file_system(folder: &Path) -> String {
    let mounts = read_to_string("/proc/mounts").unwrap_or_default();
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = fields.filter(|(point, _)| folder.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned()).unwrap_or_default()
}

/// Appends a page and waits for the disk, again and again.
fn syncs(folder: &Path) -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile_in(folder)?;
    let (page, watch, mut count) = ([7; 4096], Stopwatch::start(), 0);
    while watch.elapsed() < Duration::from_secs(1) {
        file.write_all(&page)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(rate(count, watch.elapsed()))
}
