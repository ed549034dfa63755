//! Deleting files that have had their time, and whatever lies beside them without a row.

use std::io::ErrorKind;
use std::time::Duration;

use posta_store::media;
use tokio::fs;

use super::{is_name, path};
use crate::app::App;

/// How many files are deleted in one go.
const BATCH: i64 = 100;

/// How many files are looked up in one go.
const LOOKED_UP: usize = 500;

/// How long a file is left alone that cannot be deleted.
const STUCK: Duration = Duration::from_hours(1);

/// Deletes some of what has had its time: the file first, then its row, so that a stop in between
/// leaves something that the next sweep finds. Returns whether there was anything.
///
/// # Errors
/// When the database failed. What cannot be deleted on disk is logged and tried again.
pub async fn sweep(app: &App) -> posta_store::Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let due = media::find_next_due(&mut tx).await?;
    drop(tx);
    if due.is_none_or(|due| due > now) {
        return Ok(false);
    }
    let mut tx = app.db.write().await?;
    media::update_left_over(&mut tx, now).await?;
    let expired = media::list_expired(&mut tx, now, BATCH).await?;
    tx.commit().await?;
    if expired.is_empty() {
        return Ok(false);
    }
    let (mut gone, mut stuck) = (Vec::new(), Vec::new());
    for name in &expired {
        match fs::remove_file(path(app, name)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%error, "a file that has had its time cannot be deleted");
                stuck.push(name);
            }
            _ => gone.push(name),
        }
    }
    let mut tx = app.db.write().await?;
    for name in gone {
        media::delete(&mut tx, name).await?;
    }
    for name in stuck {
        media::update_stuck(&mut tx, name, now.plus(STUCK)).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Deletes files of our kind of name that have no row, such as after an older copy of the database
/// was put back. A row always comes before its file, so none that is coming in is hit.
///
/// # Errors
/// When the database failed.
pub async fn delete_orphans(app: &App) -> posta_store::Result<()> {
    let Ok(mut entries) = fs::read_dir(app.config.media_directory()).await else {
        // There is no folder before the first file.
        return Ok(());
    };
    let mut names = Vec::new();
    while let Ok(Some(entry)) = entries.next_entry().await {
        names.extend(entry.file_name().into_string().ok().filter(|name| is_name(name)));
        if names.len() == LOOKED_UP {
            delete_unknown(app, &std::mem::take(&mut names)).await?;
        }
    }
    delete_unknown(app, &names).await
}

async fn delete_unknown(app: &App, names: &[String]) -> posta_store::Result<()> {
    let mut tx = app.db.read().await?;
    let known = media::list_known(&mut tx, names).await?;
    drop(tx);
    for name in names.iter().filter(|name| !known.contains(name)) {
        if fs::remove_file(path(app, name)).await.is_ok() {
            tracing::info!("a file without a row was deleted");
        }
    }
    Ok(())
}
