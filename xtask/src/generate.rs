//! The files that are generated from code: written, or compared with what lies in the tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Writes every generated file, or, to check, fails naming those that are not as they should be.
pub(crate) fn run(root: &Path, check: bool) -> anyhow::Result<()> {
    let fresh = tempfile::tempdir()?;
    // The generator is an example of the server's crate, which may see the code; xtask may not. Built
    // as the tests build it, it is there already when they have run.
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--workspace", "--example", "gen"])
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    ensure!(built.success(), "the generator cannot be built");
    let ours = std::env::current_exe().context("cannot find the folder of what is built")?;
    let generator = ours.with_file_name("examples").join("gen");
    let status = Command::new(&generator)
        .arg(fresh.path())
        .current_dir(root)
        .status()
        .with_context(|| format!("cannot run {}", generator.display()))?;
    ensure!(status.success(), "the generator failed");
    let paths = files_below(fresh.path(), Path::new(""))?;
    ensure!(!paths.is_empty(), "the generator wrote nothing");
    let stale = stale(root, fresh.path(), &paths)?;
    if check {
        for path in &stale {
            println!("{}:1: not what the code generates", path.display());
        }
        ensure!(stale.is_empty(), "gen: {} stale; run `cargo xtask gen` and commit", stale.len());
        println!("gen: {} generated files are fresh", paths.len());
        return Ok(());
    }
    for path in &stale {
        let target = root.join(path);
        let folder = target.parent().context("a generated file lies in a folder")?;
        fs::create_dir_all(folder)?;
        fs::copy(fresh.path().join(path), &target)?;
        println!("wrote {}", path.display());
    }
    println!("gen: {} of {} files changed", stale.len(), paths.len());
    Ok(())
}

/// The files whose text in the tree is missing or another.
fn stale(root: &Path, fresh: &Path, paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for path in paths {
        let wanted = fs::read(fresh.join(path))?;
        // A file that cannot be read is as stale as one that differs; writing it says why.
        if fs::read(root.join(path)).ok().as_ref() != Some(&wanted) {
            stale.push(path.clone());
        }
    }
    Ok(stale)
}

fn files_below(root: &Path, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files.extend(files_below(root, &path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_and_a_changed_file_are_stale() {
        let (root, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, held) in [("same", Some("x")), ("changed", Some("y")), ("missing", None)] {
            fs::create_dir_all(fresh.path().join("docs")).unwrap();
            fs::create_dir_all(root.path().join("docs")).unwrap();
            fs::write(fresh.path().join("docs").join(name), "x").unwrap();
            if let Some(text) = held {
                fs::write(root.path().join("docs").join(name), text).unwrap();
            }
        }
        let paths = files_below(fresh.path(), Path::new("")).unwrap();
        let stale = stale(root.path(), fresh.path(), &paths).unwrap();
        assert_eq!(stale, ["docs/changed", "docs/missing"].map(PathBuf::from));
    }
}
