//! Deleting files that have had their time, and whatever lies beside them without a row.

use std::io::ErrorKind;

use posta_store::media;
use tokio::fs;

use super::{is_name, path};
use crate::app::App;

/// How many files are deleted in one go.
const BATCH: i64 = 100;

/// Deletes what has had its time: the file first, then its row, so that a stop in between leaves
/// something that the next sweep finds.
///
/// # Errors
/// When the database failed. What cannot be deleted on disk is logged and tried again.
pub async fn sweep(app: &App) -> posta_store::Result<()> {
    loop {
        let mut tx = app.db.read().await?;
        let expired = media::list_expired(&mut tx, app.clock.now(), BATCH).await?;
        drop(tx);
        let mut gone = Vec::new();
        for name in &expired {
            match fs::remove_file(path(app, name)).await {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!(%error, "a file that has had its time cannot be deleted");
                }
                _ => gone.push(name),
            }
        }
        let mut tx = app.db.write().await?;
        for name in &gone {
            media::delete(&mut tx, name).await?;
        }
        tx.commit().await?;
        if gone.is_empty() || gone.len() < expired.len() {
            return delete_orphans(app).await;
        }
    }
}

/// Deletes files of our kind of name that have no row, such as after an older copy of the database
/// was put back. A row always comes before its file, so none that is coming in is hit.
async fn delete_orphans(app: &App) -> posta_store::Result<()> {
    let Ok(mut entries) = fs::read_dir(app.config.media_directory()).await else {
        // There is no folder before the first file.
        return Ok(());
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let name = entry.file_name().into_string().unwrap_or_default();
        if !is_name(&name) {
            continue;
        }
        let mut tx = app.db.read().await?;
        let is_known = media::find(&mut tx, &name).await?.is_some();
        drop(tx);
        if !is_known && fs::remove_file(entry.path()).await.is_ok() {
            tracing::info!("a file without a row was deleted");
        }
    }
    Ok(())
}
