//! A file as it comes in: straight to disk, counted, and checked once it is whole.

use std::time::Duration;

use posta_core::failure::Code;
use posta_core::id::WorkspaceId;
use posta_store::media::{self, Media};
use sha2::{Digest, Sha256};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::kinds::{HEAD, settle};
use super::{KEPT, LARGEST, path};
use crate::app::App;
use crate::flows::{FlowError, Invalid};

/// How long a file may take to come in. One that does not is deleted.
const COMING: Duration = Duration::from_hours(1);

/// The longest name of a file that is kept.
const LONGEST_NAME: usize = 255;

/// A file that is coming in.
#[derive(Debug)]
pub struct Incoming {
    row: Media,
    file: File,
    head: Vec<u8>,
    hash: Sha256,
    size: u64,
}

impl Incoming {
    /// Begins to take in a file. Its row comes first, so that no file is ever without one.
    ///
    /// # Errors
    /// When the database or the disk failed.
    pub async fn begin(app: &App, owner: &WorkspaceId) -> Result<Self, FlowError> {
        let now = app.clock.now();
        let row = Media {
            id: app.chance.hex::<20>(),
            workspace_id: owner.clone(),
            filename: String::new(),
            content_type: None,
            size: 0,
            sha256: None,
            created_at: now,
            expires_at: now.plus(COMING),
        };
        let mut tx = app.db.write().await?;
        media::insert(&mut tx, &row).await?;
        tx.commit().await?;
        fs::create_dir_all(app.config.media_directory()).await?;
        let file = File::create_new(path(app, &row.id)).await?;
        Ok(Self { row, file, head: Vec::new(), hash: Sha256::new(), size: 0 })
    }

    /// Takes in the next bytes.
    ///
    /// # Errors
    /// When the file is too large, or the disk failed.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), FlowError> {
        self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.size > LARGEST {
            let message = format!("the file has more than {LARGEST} bytes");
            return Err(invalid(Code::BodyTooLarge, "file", message).into());
        }
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.hash.update(bytes);
        self.file.write_all(bytes).await?;
        Ok(())
    }

    /// Ends a file that will not be used.
    ///
    /// # Errors
    /// When the database or the disk failed; it is then deleted later.
    pub async fn discard(self, app: &App) -> Result<(), FlowError> {
        drop(self.file);
        fs::remove_file(path(app, &self.row.id)).await?;
        let mut tx = app.db.write().await?;
        media::delete(&mut tx, &self.row.id).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends a whole file. One that is there already is kept for longer instead.
    ///
    /// # Errors
    /// When it is empty or not what its owner says. Or the database or the disk failed.
    pub async fn finish(
        mut self,
        app: &App,
        filename: &str,
        declared: Option<&str>,
    ) -> Result<Media, FlowError> {
        let content_type = match settle(&self.head, declared) {
            Ok(content_type) => content_type,
            Err(problem) => {
                self.discard(app).await?;
                let message = format!("the file {problem}");
                return Err(invalid(Code::InvalidFieldValue, "contentType", message).into());
            }
        };
        let expires_at = app.clock.now().plus(KEPT);
        let sha256 = hex::encode(std::mem::take(&mut self.hash).finalize());
        let mut tx = app.db.write().await?;
        let owner = &self.row.workspace_id;
        let same = media::find_by_content(&mut tx, owner, &sha256, app.clock.now()).await?;
        let same = same.filter(|same| same.content_type.as_ref() == Some(&content_type));
        if let Some(same) = same {
            media::update_expiry(&mut tx, &same.id, expires_at).await?;
            tx.commit().await?;
            self.discard(app).await?;
            return Ok(Media { expires_at, ..same });
        }
        drop(tx);
        self.file.sync_all().await?;
        let row = Media {
            filename: filename.chars().take(LONGEST_NAME).collect(),
            content_type: Some(content_type),
            size: i64::try_from(self.size).unwrap_or(i64::MAX),
            sha256: Some(sha256),
            expires_at,
            ..self.row
        };
        let mut tx = app.db.write().await?;
        media::update_whole(&mut tx, &row).await?;
        tx.commit().await?;
        Ok(row)
    }
}

fn invalid(code: Code, param: &str, message: String) -> Invalid {
    Invalid { code, param: param.to_owned(), message }
}
