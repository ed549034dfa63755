//! Files under names that cannot be guessed. Those to be sent are handed in to us, kept for a week, and
//! handed in at platforms that keep them, once per account. Copies of what people sent are kept with
//! their messages, if the settings say so.

mod incoming;
mod keep;
mod kinds;
mod sweep;

use std::path::PathBuf;
use std::time::Duration;

use posta_core::capability::Limits;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::message::{Content, Media, MediaKind, MediaSource, Sent};
use posta_store::Tx;
use posta_store::accounts::Account;
use posta_store::jobs::{self, Job};
use posta_store::media::{self, Media as File};

pub use self::incoming::Incoming;
pub use self::keep::{LEASE as KEEP_LEASE, ask as ask_to_keep, forget as forget_copies, keep};
pub use self::kinds::{HEAD, extension, is_shown, kind_of, kind_of_name, settle, settle_received};
pub use self::sweep::{delete_orphans, sweep};
use super::line::Line;
use super::send::{Attached, LEASE};
use super::{FlowError, Invalid};
use crate::app::App;

/// The largest file that is taken, in bytes.
pub const LARGEST: u64 = 25 << 20;

/// How long a file is kept that was handed in.
pub const KEPT: Duration = Duration::from_hours(7 * 24);

/// Where a file is on disk.
#[must_use]
pub fn path(app: &App, id: &str) -> PathBuf {
    app.config.media_directory().join(id)
}

/// The URL under which everybody who knows it can fetch a file.
#[must_use]
pub fn url(app: &App, file: &File) -> String {
    let ending = extension(file.content_type.as_deref().unwrap_or_default());
    let mut url = app.config.public_url.clone();
    url.set_path(&format!("media/{}.{ending}", file.id));
    url.into()
}

/// The name of a file of ours, if the URL is that of one.
#[must_use]
pub fn name_in(app: &App, url: &str) -> Option<String> {
    let rest = url.strip_prefix(app.config.public_url.as_str())?.strip_prefix("media/")?;
    let name = rest.split_once('.').map_or(rest, |(name, _)| name);
    is_name(name).then(|| name.to_owned())
}

/// Whether this is the name of a file of ours.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Finds a whole file that is still kept.
///
/// # Errors
/// When the database failed.
pub async fn find(app: &App, tx: &mut Tx, name: &str) -> posta_store::Result<Option<File>> {
    let now = app.clock.now();
    let file = media::find(tx, name).await?;
    Ok(file.filter(|file| file.content_type.is_some() && file.expires_at > now))
}

/// Checks the files of ours among what is attached against what the platform takes.
///
/// # Errors
/// What the platform does not take, or that a file is gone or somebody else's. Or the database failed.
pub async fn check(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    limits: &Limits,
    attachments: &[Attached],
) -> Result<(), FlowError> {
    for attached in attachments {
        let MediaSource::Url(url) = &attached.source else { continue };
        let Some(name) = name_in(app, url) else { continue };
        let refused = |problem: String| {
            let param = attached.source_param.clone();
            let message = format!("{param} {problem}");
            FlowError::from(Invalid { code: Code::InvalidFieldValue, param, message })
        };
        let file = find(app, tx, &name).await?;
        let Some(file) = file.filter(|file| file.workspace_id == account.workspace_id) else {
            let problem = "names a file that is no longer kept; hand it in again";
            return Err(refused(problem.to_owned()));
        };
        let Some(limit) = limits.media.iter().find(|limit| limit.kind == attached.kind) else {
            continue;
        };
        let (kind, own) = (word(attached.kind), file.content_type.as_deref().unwrap_or_default());
        if !limit.types.contains(&own) {
            let types = limit.types.join(", ");
            return Err(refused(format!("is {own}; {kind} must be one of {types}")));
        }
        if u64::try_from(file.size).unwrap_or(u64::MAX) > limit.max_bytes {
            let (size, most) = (file.size, limit.max_bytes);
            return Err(refused(format!("has {size} bytes; {kind} has {most} at most")));
        }
    }
    Ok(())
}

/// Notes which files of ours an account sends, so that they go when its data does.
///
/// # Errors
/// When the database failed.
pub async fn note_use(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    content: &Content,
) -> posta_store::Result<()> {
    let Content::Media { items, .. } = content else { return Ok(()) };
    for item in items {
        let MediaSource::Url(url) = &item.source else { continue };
        if let Some(name) = name_in(app, url)
            && find(app, tx, &name).await?.is_some()
        {
            media::insert_use(tx, &account.id, &name).await?;
        }
    }
    Ok(())
}

/// Hands in at the platform what a message carries of our files, unless that was done before, and
/// puts the platform's ids in the place of our URLs.
///
/// # Errors
/// When the database failed. The inner error is the platform's; nothing was sent then.
pub async fn hand_in(
    app: &App,
    account: &Account,
    job: &mut Job,
    content: Content,
) -> posta_store::Result<Result<Content, ConnectorError>> {
    let Content::Media { mut items, quick_replies } = content else {
        return Ok(Ok(content));
    };
    for item in &mut items {
        match id_at_platform(app, account, job, item).await? {
            Ok(Some(id)) => item.source = MediaSource::Uploaded(id),
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(Content::Media { items, quick_replies }))
}

async fn id_at_platform(
    app: &App,
    account: &Account,
    job: &mut Job,
    item: &Media,
) -> posta_store::Result<Result<Option<String>, ConnectorError>> {
    let MediaSource::Url(url) = &item.source else { return Ok(Ok(None)) };
    let Some(name) = name_in(app, url) else { return Ok(Ok(None)) };
    let kind = word(item.kind);
    let mut tx = app.db.write().await?;
    if let Some(known) = media::find_upload(&mut tx, &account.id, &name, kind).await? {
        return Ok(Ok(Some(known)));
    }
    if find(app, &mut tx, &name).await?.is_none() {
        return Ok(Ok(None));
    }
    // Each file may take as long as a whole send.
    job.due_at = app.clock.now().plus(LEASE);
    jobs::update_lease(&mut tx, &job.id, job.due_at).await?;
    tx.commit().await?;
    let line = match Line::open(app, account).await {
        Ok(line) => line,
        Err(error) => return Ok(Err(error)),
    };
    let Some(uploads) = line.platform.uploads() else { return Ok(Ok(None)) };
    let id = match uploads.upload(&line.cx(app), item.kind, url).await {
        Ok(id) => id,
        Err(error) => return Ok(Err(error)),
    };
    let mut tx = app.db.write().await?;
    // The file may have had its time meanwhile; then the id serves this message alone.
    if media::find(&mut tx, &name).await?.is_some() {
        let now = app.clock.now();
        media::insert_upload(&mut tx, &account.id, &name, kind, &id, now).await?;
        tx.commit().await?;
    }
    Ok(Ok(Some(id)))
}

/// Forgets the platform's ids of our files when it no longer knows them, so that the next try hands
/// the files in again.
///
/// # Errors
/// When the database failed.
pub async fn forget(
    app: &App,
    account: &Account,
    content: &Content,
    result: Result<Sent, ConnectorError>,
) -> posta_store::Result<Result<Sent, ConnectorError>> {
    let (Err(error), Content::Media { items, .. }) = (&result, content) else {
        return Ok(result);
    };
    if error.code != Code::AttachmentUnknown {
        return Ok(result);
    }
    let mut tx = app.db.write().await?;
    let mut forgotten = 0;
    for item in items {
        if let MediaSource::Uploaded(id) = &item.source {
            forgotten += media::delete_upload(&mut tx, &account.id, id).await?;
        }
    }
    tx.commit().await?;
    let again = |error| ConnectorError { retry: Retry::Transient, ..error };
    Ok(if forgotten > 0 { result.map_err(again) } else { result })
}

/// A word for a kind, in fields and in the database.
fn word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::File => "file",
    }
}
