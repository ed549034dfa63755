//! `posta restore`: examines a backup and puts it in the database's place.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use posta_core::chance::Chance;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::secret::KeyRing;
use posta_store::{Db, Open, Schema, Tx, backup, sends};
use serde_json::json;

use super::backup::{create, lasting};
use super::{complain, say};
use crate::boot;
use crate::config::Config;
use crate::flows::send::stored;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Arguments {
    /// The backup, made by `posta backup`.
    file: PathBuf,
    /// Only examine it: is it whole, of a version that this one knows, and opened by the master key?
    #[arg(long)]
    verify: bool,
    /// Replace the database that is there.
    #[arg(long)]
    force: bool,
    /// Send what waited to be sent when the backup was made. Only for a server that has not run
    /// since: whatever it sent after the backup would be sent again.
    #[arg(long)]
    send_queued: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What a backup holds.
struct Found {
    counts: Vec<(String, i64)>,
    schema: Schema,
}

pub(super) async fn run(config: &Config, arguments: Arguments) -> anyhow::Result<()> {
    let file = &arguments.file;
    let found = examine(config, file).await?;
    let mut given_up = None;
    if !arguments.verify {
        let Open::Sqlite(target) = &config.database.url else {
            bail!(
                "this is a backup of a SQLite file: set POSTA_DATABASE_URL to sqlite:PATH, restore \
                 it there, and bring it to PostgreSQL with `posta move`"
            );
        };
        given_up = replace(file, target, &arguments).await?;
    }
    tell(config, &arguments, &found, given_up);
    Ok(())
}

fn tell(config: &Config, arguments: &Arguments, found: &Found, given_up: Option<u64>) {
    let rows: i64 = found.counts.iter().map(|(_, count)| count).sum();
    if arguments.json {
        let tables: serde_json::Map<_, _> =
            found.counts.iter().map(|(name, count)| (name.clone(), (*count).into())).collect();
        let report = json!({
            "file": arguments.file, "rows": rows, "tables": tables, "restored": !arguments.verify,
            "missingMigrations": found.schema.missing, "unknownSends": given_up,
        });
        return say(&report.to_string());
    }
    for (name, count) in found.counts.iter().filter(|(_, count)| *count > 0) {
        say(&format!("{count:>10}  {name}"));
    }
    say(&format!("{} is whole: {rows} rows", arguments.file.display()));
    if found.schema.missing > 0 {
        say(&format!("it lacks {} migration(s): run `posta migrate`", found.schema.missing));
    }
    if arguments.verify {
        return;
    }
    say("restored");
    if let Some(count) = given_up.filter(|count| *count > 0) {
        say(&format!(
            "{count} message(s) waited to be sent and may have been since: their outcome is unknown, \
             and they are not sent again"
        ));
    }
    say(&format!("its files belong into {}", config.media_directory().display()));
}

async fn examine(config: &Config, file: &Path) -> anyhow::Result<Found> {
    let bytes =
        std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    if bytes.len() == 0 {
        bail!("{} is empty", file.display());
    }
    let log = beside(file, "-wal");
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        bail!(
            "{} holds changes that are not in {}: it is no backup but a database in use; make one \
             with `posta backup`",
            log.display(),
            file.display()
        );
    }
    let is_none = || format!("{} is no SQLite database, or cannot be read", file.display());
    let db = Db::open_still(file).await.with_context(is_none)?;
    let schema = db.schema().await.with_context(is_none)?;
    boot::refuse_unknown(&schema, &file.display().to_string())?;
    let mut tx = db.read().await?;
    let damage = backup::damage(&mut tx).await.with_context(is_none)?;
    if !damage.is_empty() {
        bail!("{} is damaged: {}", file.display(), damage.join("; "));
    }
    let counts = backup::counts(&mut tx).await?;
    drop(tx);
    if counts.is_empty() {
        bail!("{} holds nothing of Posta's", file.display());
    }
    // What the key has to open cannot be read as this version does before the migrations ran.
    if schema.missing == 0 {
        let ring = KeyRing::parse(&config.master_key, Chance::system())
            .context("POSTA_MASTER_KEY is needed to see whether it opens the backup's tokens")?;
        boot::check_master_key(&db, &ring).await?;
    }
    db.close().await;
    Ok(Found { counts, schema })
}

/// Puts a backup in the place of the database. Returns how many sends it gave up.
async fn replace(file: &Path, target: &Path, arguments: &Arguments) -> anyhow::Result<Option<u64>> {
    // Held until the new one is in its place, so that no server takes it up meanwhile.
    let mut held = None;
    if std::fs::metadata(target).is_ok_and(|there| there.len() > 0) {
        if !arguments.force {
            bail!("{} is there already: add --force to replace it", target.display());
        }
        // It takes a database to know whether somebody has it open.
        match hold(target).await {
            Ok(both) => held = Some(both),
            Err(error) if posta_store::is_outage(&error) => {
                return Err(error)
                    .with_context(|| format!("{} is in use: stop the server", target.display()));
            }
            Err(error) => {
                let error = anyhow::Error::new(error);
                complain(&error.context("what is replaced cannot be read, and is replaced"));
            }
        }
    }
    let new = beside(target, ".restoring");
    // What an earlier try left behind. With its journal, SQLite would undo the one in the other.
    forget(&new, &["", "-journal"])?;
    let filled = fill(file, &new, create(&new)?, arguments).await;
    if filled.is_err() {
        // Why it was not filled matters more than what is left of it.
        let _ = forget(&new, &["", "-journal"]);
    }
    let given_up = filled?;
    // Of the database that goes; with the new one they would be taken for its own.
    forget(target, &["-wal", "-shm", "-journal"])?;
    std::fs::rename(&new, target).with_context(|| format!("cannot write {}", target.display()))?;
    lasting(target)?;
    drop(held);
    Ok(given_up)
}

/// Opens a database that nobody else has open, and keeps others from writing to it.
async fn hold(path: &Path) -> posta_store::Result<(Tx, Db)> {
    let db = Db::open_alone(path).await?;
    Ok((db.write().await?, db))
}

async fn fill(
    file: &Path,
    new: &Path,
    mut made: File,
    arguments: &Arguments,
) -> anyhow::Result<Option<u64>> {
    let copied = File::open(file).and_then(|mut file| std::io::copy(&mut file, &mut made));
    copied.with_context(|| format!("cannot copy {} to {}", file.display(), new.display()))?;
    drop(made);
    let mut given_up = None;
    if !arguments.send_queued {
        let error = ConnectorError::new(
            Code::OutcomeUnknown,
            Retry::Unknown,
            "it waited when the backup was made that this database was restored from, and may \
             have been sent since",
        );
        let db = Db::open_alone(new).await?;
        let mut tx = db.write().await?;
        given_up = Some(sends::give_up_queued(&mut tx, &stored(&error)).await?);
        tx.commit().await?;
        db.close().await;
    }
    lasting(new)?;
    Ok(given_up)
}

/// Removes files whose names begin with that of another; that one is not there is as good.
fn forget(path: &Path, endings: &[&str]) -> anyhow::Result<()> {
    for ending in endings {
        let file = beside(path, ending);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A file beside another, whose name goes on.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
