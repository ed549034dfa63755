//! The repository's files in memory, so that a check is a function from text to problems.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::source::Source;

/// Every file by its path from the root, `/`-separated. Text is held where a check reads it.
#[derive(Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    sources: Vec<Source>,
}

impl Tree {
    /// Reads the repository at `root`.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        walk(root, "", &mut files)?;
        Ok(Self::new(files))
    }

    /// Makes a tree from these files.
    pub(crate) fn new(files: BTreeMap<String, String>) -> Self {
        let is_ours = |path: &str| {
            (path.starts_with("crates/") || path.starts_with("xtask/"))
                && has_extension(path, "rs")
                && !path.split('/').any(|part| part == "fixtures" || part == "snapshots")
        };
        let sources = files
            .iter()
            .filter(|(path, _)| is_ours(path))
            .map(|(path, text)| Source::new(path.clone(), text.clone()))
            .collect();
        Self { files, sources }
    }

    /// Makes a tree for a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let owned = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Self::new(owned.collect())
    }

    /// Our Rust files, in order of their paths.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The files below `folder`, which ends in `/`, with their text.
    pub(crate) fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let folder = folder.to_owned();
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(&folder))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The folders of platforms: those in `crates/platforms/src` that are not shared by several.
    pub(crate) fn platforms(&self) -> Vec<&str> {
        let mut names: Vec<_> = self
            .below("crates/platforms/src/")
            .filter_map(|(path, _)| {
                path.split('/').nth(3).filter(|_| path.matches('/').count() > 3)
            })
            .filter(|name| !["contract", "exchange", "guard", "meta", "sandbox"].contains(name))
            .collect();
        names.dedup();
        names
    }
}

/// Whether the path ends in `.extension`.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn walk(root: &Path, folder: &str, files: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let full = root.join(folder);
    let entries = fs::read_dir(&full).with_context(|| format!("cannot list {}", full.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let is_built = ["target", "node_modules", "__pycache__"].contains(&name.as_str());
        if name.starts_with('.') || is_built {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(root, &path, files)?;
            continue;
        }
        let is_read = ["rs", "toml"].iter().any(|one| has_extension(&path, one))
            || path.starts_with("deploy/");
        let text = if is_read {
            fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?
        } else {
            String::new()
        };
        files.insert(path, text);
    }
    Ok(())
}
