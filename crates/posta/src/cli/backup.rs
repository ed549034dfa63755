//! `posta backup`: a copy of the database, made while the server runs.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use posta_store::{Db, Open, backup};
use serde_json::json;

use super::{ready_database, say};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file to write, which must not be there yet.
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { file, json } = arguments;
    if matches!(config.database.url, Open::Postgres(_)) {
        bail!(
            "PostgreSQL is backed up by its own tools: \
             pg_dump --format=custom --file='{}' \"$POSTA_DATABASE_URL\", and back with \
             pg_restore --clean --if-exists --dbname=\"$POSTA_DATABASE_URL\" '{}'",
            file.display(),
            file.display()
        );
    }
    let db = ready_database(config).await?;
    drop(create(&file)?);
    let written = write(&db, &file).await;
    db.close().await;
    let rows = match written {
        Ok(rows) => rows,
        Err(error) => {
            // Half a backup is worse than none, for it looks like one.
            let _ = std::fs::remove_file(&file);
            return Err(error);
        }
    };
    let media = config.media_directory();
    if json {
        let report = json!({"file": file, "rows": rows, "mediaDirectory": media});
        say(&report.to_string());
    } else {
        say(&format!("{} holds {rows} rows, and is sound", file.display()));
        say(&format!("not in it: the files in {}, and the master key", media.display()));
    }
    Ok(())
}

/// Makes the file, which only its owner may read: it holds what people wrote.
pub(super) fn create(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{} is there already: choose another name", path.display())
        }
        Err(error) => Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
}

async fn write(db: &Db, path: &Path) -> anyhow::Result<i64> {
    db.backup(path).await.with_context(|| format!("cannot write {}", path.display()))?;
    lasting(path)?;
    let copy = Db::open_still(path).await?;
    let mut tx = copy.read().await?;
    let damage = backup::damage(&mut tx).await?;
    if let Some(first) = damage.first() {
        bail!("the database is damaged, so this is no backup: {first}");
    }
    let counts = backup::counts(&mut tx).await?;
    drop(tx);
    copy.close().await;
    Ok(counts.iter().map(|(_, count)| count).sum())
}

/// Waits until a file, and its name, are on the disk.
pub(super) fn lasting(path: &Path) -> anyhow::Result<()> {
    File::open(path)?.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}
