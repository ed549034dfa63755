//! A disk of the ledger's own for the database, which it can fill to the last byte.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::postgres::succeed;

/// How much it holds; the file takes only what is written.
const SIZE: u64 = 1 << 30;

/// How much is left over when all is taken in one piece, for the file system's own lists.
const SLACK: u64 = 1 << 20;

/// A small file system in a file.
#[derive(Debug)]
pub(crate) struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Makes it and mounts it here, which takes the rights of root.
    pub(crate) fn mount(folder: &Path, at: &Path) -> anyhow::Result<Self> {
        let image = folder.join("disk");
        File::create(&image)?.set_len(SIZE)?;
        let mut format = Command::new("mkfs.ext4");
        // Nothing is set apart for root, who could fill it otherwise.
        format.args(["-q", "-m", "0", "-E", "lazy_itable_init=1"]).arg(&image);
        succeed(format)?;
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(&image).arg(at);
        succeed(mount)?;
        Ok(Self { at: at.to_owned() })
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let mut df = Command::new("df");
        df.args(["--output=avail", "--block-size=1"]).arg(&self.at);
        let left = String::from_utf8(df.output()?.stdout)?;
        let left: u64 = left.lines().nth(1).context("df says nothing")?.trim().parse()?;
        let mut allocate = Command::new("fallocate");
        allocate.arg("--length").arg(left.saturating_sub(SLACK).max(1).to_string());
        allocate.arg(self.ballast());
        succeed(allocate)?;
        let mut rest = File::options().append(true).create(true).open(self.ballast())?;
        for block in [vec![1; 65_536], vec![1; 1024]] {
            while rest.write_all(&block).is_ok() {}
        }
        Ok(())
    }

    /// Gives it back.
    pub(crate) fn free(&self) -> anyhow::Result<()> {
        std::fs::remove_file(self.ballast()).context("cannot free the disk")
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }

    /// Takes the disk out again, and leaves its contents where it stood when they are wanted.
    pub(crate) fn unmount(&self, is_wanted: bool) -> anyhow::Result<()> {
        let mut copy = Command::new("cp");
        let beside = self.at.with_extension("kept");
        copy.arg("--archive").arg(&self.at).arg(&beside);
        if is_wanted {
            succeed(copy)?;
        }
        let mut unmount = Command::new("umount");
        unmount.arg(&self.at);
        succeed(unmount)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // One that was taken out already cannot be taken out again.
        let _ = self.unmount(false);
    }
}
