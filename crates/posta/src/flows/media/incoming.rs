//! A file as it comes in: straight to disk, counted, and checked once it is whole.

use std::io::ErrorKind;
use std::time::Duration;

use posta_core::event::AttachmentKind;
use posta_core::failure::Code;
use posta_core::id::WorkspaceId;
use posta_core::time::Timestamp;
use posta_store::keeps::Keep;
use posta_store::media::{self, Media};
use posta_store::{Tx, workspaces};
use sha2::{Digest, Sha256};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::kinds::{HEAD, settle, settle_received};
use super::{KEPT, LARGEST, path};
use crate::app::App;
use crate::flows::{FlowError, Invalid};

/// How long a file may take to come in. One that does not is deleted.
const COMING: Duration = Duration::from_hours(1);

/// When a copy has had its time: with its message.
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

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
    most: u64,
    room: u64,
}

impl Incoming {
    /// Begins to take in a file that is handed in. Its row comes first, so that no file is ever
    /// without one.
    ///
    /// # Errors
    /// When the workspace has no room. Or the database or the disk failed.
    pub async fn begin(app: &App, owner: &WorkspaceId) -> Result<Self, FlowError> {
        let tx = app.db.write().await?;
        Self::start(app, tx, new_row(app, owner), LARGEST).await
    }

    /// Begins to take in a copy out of a message. An earlier try at it is forgotten.
    ///
    /// # Errors
    /// When the workspace has no room. Or the database or the disk failed.
    pub(super) async fn begin_copy(app: &App, keep: &Keep) -> Result<Self, FlowError> {
        let mut tx = app.db.write().await?;
        media::update_replaced(&mut tx, &keep.message_id, keep.place).await?;
        let row = Media {
            message_id: Some(keep.message_id.clone()),
            place: Some(keep.place),
            ..new_row(app, &keep.workspace_id)
        };
        Self::start(app, tx, row, app.config.media.max_stored_bytes).await
    }

    async fn start(app: &App, mut tx: Tx, row: Media, most: u64) -> Result<Self, FlowError> {
        let room = room(app, &mut tx, &row.workspace_id).await?;
        if room == 0 {
            return Err(full(app).into());
        }
        media::insert(&mut tx, &row).await?;
        tx.commit().await?;
        fs::create_dir_all(app.config.media_directory()).await?;
        let file = File::create_new(path(app, &row.id)).await?;
        Ok(Self { row, file, head: Vec::new(), hash: Sha256::new(), size: 0, most, room })
    }

    /// Takes in the next bytes.
    ///
    /// # Errors
    /// When the file is too large, or the disk failed.
    pub async fn write(&mut self, app: &App, bytes: &[u8]) -> Result<(), FlowError> {
        self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.size > self.most {
            let message = format!("the file has more than {} bytes", self.most);
            return Err(invalid(Code::BodyTooLarge, "file", message).into());
        }
        if self.size > self.room {
            return Err(full(app).into());
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
        match fs::remove_file(path(app, &self.row.id)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut tx = app.db.write().await?;
        media::delete(&mut tx, &self.row.id).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends a whole file that was handed in. One that is there already is kept for longer instead.
    ///
    /// # Errors
    /// When it is empty or not what its owner says, or the workspace has no room. Or the database or
    /// the disk failed.
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
            ..self.row.clone()
        };
        let mut tx = app.db.write().await?;
        if !note(app, &mut tx, &row).await? {
            drop(tx);
            self.discard(app).await?;
            return Err(full(app).into());
        }
        tx.commit().await?;
        Ok(row)
    }

    /// Ends a whole copy on disk. It counts once its row is noted by [`note`].
    ///
    /// # Errors
    /// When it is nothing that people attach. Or the disk failed.
    pub(super) async fn end_copy(
        &mut self,
        kind: AttachmentKind,
        declared: Option<&str>,
    ) -> Result<Media, FlowError> {
        let content_type = settle_received(&self.head, kind, declared).map_err(|problem| {
            invalid(Code::InvalidFieldValue, "contentType", format!("the file {problem}"))
        })?;
        self.file.sync_all().await?;
        Ok(Media {
            content_type: Some(content_type),
            size: i64::try_from(self.size).unwrap_or(i64::MAX),
            sha256: Some(hex::encode(std::mem::take(&mut self.hash).finalize())),
            expires_at: NEVER,
            ..self.row.clone()
        })
    }
}

/// Notes that a file is whole; `false` when there is no room for it. Nobody else of the workspace
/// does so until the transaction ends, so that all of them together keep to the bound.
pub(super) async fn note(app: &App, tx: &mut Tx, file: &Media) -> posta_store::Result<bool> {
    workspaces::lock(tx, &file.workspace_id).await?;
    let room = room(app, tx, &file.workspace_id).await?;
    if u64::try_from(file.size).unwrap_or(u64::MAX) > room {
        return Ok(false);
    }
    media::update_whole(tx, file).await
}

fn new_row(app: &App, owner: &WorkspaceId) -> Media {
    let now = app.clock.now();
    Media {
        id: app.chance.hex::<20>(),
        workspace_id: owner.clone(),
        filename: String::new(),
        content_type: None,
        size: 0,
        sha256: None,
        created_at: now,
        expires_at: now.plus(COMING),
        message_id: None,
        place: None,
    }
}

/// How many bytes the files of a workspace may still grow by.
async fn room(app: &App, tx: &mut Tx, owner: &WorkspaceId) -> posta_store::Result<u64> {
    let used = u64::try_from(media::sum(tx, owner).await?).unwrap_or(u64::MAX);
    Ok(app.config.media.max_workspace_bytes.saturating_sub(used))
}

fn full(app: &App) -> Invalid {
    let most = app.config.media.max_workspace_bytes;
    let message = format!("the workspace's files would have more than {most} bytes together");
    invalid(Code::StorageFull, "file", message)
}

fn invalid(code: Code, param: &str, message: String) -> Invalid {
    Invalid { code, param: param.to_owned(), message }
}
