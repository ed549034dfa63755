//! Keeping copies of what people send: asked for with the message, downloaded soon after. What cannot
//! be had stays the link that it was.

use std::time::Duration;

use posta_core::event::AttachmentKind;
use posta_core::failure::{Code, Retry};
use posta_core::id::MessageId;
use posta_core::time::Timestamp;
use posta_platforms::download::{Closed, DOWNLOAD_TIMEOUT, Download};
use posta_platforms::http::PLATFORM_TIMEOUT;
use posta_store::accounts::{self, Account};
use posta_store::keeps::{self, Keep};
use posta_store::media::{self, Media};
use posta_store::messages::{self, Message};
use posta_store::{Tx, conversations, message_changes, workspaces};
use serde_json::Value;

use super::incoming::{self, Incoming};
use super::name_in;
use crate::app::App;
use crate::config::MediaPolicy;
use crate::flows::calls::Whose;
use crate::flows::{FlowError, again, remint};

/// What stands for the story that a message answers; its attachments are counted from 0.
const STORY: i64 = -1;

/// How often a part is tried.
const TRIES: i64 = 6;

/// The wait after a first failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// How long a part is taken for: two downloads, the call for a fresh link, and room to note it.
pub const LEASE: Duration =
    Duration::from_secs(DOWNLOAD_TIMEOUT.as_secs() * 2 + PLATFORM_TIMEOUT.as_secs() * 2 + 10);

/// Why a part was not kept.
enum Miss {
    /// The platform no longer gives it out at this link.
    Refused(String),
    /// It may be had later.
    Later(String),
    /// The platform says when.
    Until(Timestamp),
    /// It will not be had, or not kept.
    Never(&'static str, String),
    /// Nobody wants it any more.
    Unwanted,
    /// The database failed.
    Store(posta_store::Error),
}

impl From<posta_store::Error> for Miss {
    fn from(error: posta_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Closed> for Miss {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Refused(why) => Self::Refused(why),
            Closed::Later(why) => Self::Later(why),
            Closed::Forbidden(why) => Self::Never("link", why),
        }
    }
}

impl From<FlowError> for Miss {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Store(error) => Self::Store(error),
            FlowError::Disk(error) => Self::Later(format!("the disk failed: {error}")),
            FlowError::Invalid(invalid) => match invalid.code {
                Code::StorageFull => Self::Never("full", invalid.message),
                Code::BodyTooLarge => Self::Never("too_large", invalid.message),
                _ => Self::Never("type", invalid.message),
            },
            FlowError::Refused(error) => match error.retry {
                Retry::RateLimited { until } => Self::Until(until),
                Retry::Permanent if error.code == Code::AttachmentGone => {
                    Self::Never("gone", error.message)
                }
                _ => Self::Later(error.message),
            },
        }
    }
}

/// Asks for copies of everything in a message that has a link, if the settings say so.
///
/// # Errors
/// When the database failed.
pub async fn ask(app: &App, tx: &mut Tx, message: &Message) -> posta_store::Result<()> {
    if app.config.media.policy != MediaPolicy::Store {
        return Ok(());
    }
    let now = app.clock.now();
    for place in (0_i64..).take(message.attachments.len()).chain([STORY]) {
        if wanted(app, message, place).is_none() {
            continue;
        }
        let keep = Keep {
            message_id: message.id.clone(),
            place,
            workspace_id: message.workspace_id.clone(),
            account_id: message.account_id.clone(),
            attempts: 0,
            due_at: now,
            created_at: now,
        };
        keeps::insert(tx, &keep).await?;
    }
    Ok(())
}

/// Lets go of whatever was kept out of a message.
///
/// # Errors
/// When the database failed.
pub async fn forget(tx: &mut Tx, message: &MessageId) -> posta_store::Result<()> {
    keeps::delete_all(tx, message).await?;
    media::update_released(tx, message).await.map(drop)
}

/// Downloads a part of a message and keeps it, or puts it off, or gives it up.
///
/// # Errors
/// When the database failed; it is then taken up again later.
pub async fn keep(app: &App, row: &Keep) -> posta_store::Result<()> {
    let now = app.clock.now();
    let due_at = match attempt(app, row).await {
        Ok(()) => {
            metrics::counter!("posta_media_kept_total").increment(1);
            return Ok(());
        }
        Err(Miss::Store(error)) => return Err(error),
        Err(Miss::Unwanted) => None,
        Err(Miss::Never(reason, why)) => give_up(row, reason, &why),
        Err(Miss::Until(until)) => Some(until),
        Err(Miss::Refused(why) | Miss::Later(why)) if row.attempts < TRIES => {
            tracing::debug!(message.id = %row.message_id, why, "a file was not to be had yet");
            let wait = again::doubled(FIRST_WAIT, row.attempts);
            Some(now.plus(again::jittered(app, wait)))
        }
        Err(Miss::Refused(why)) => give_up(row, "refused", &why),
        Err(Miss::Later(why)) => give_up(row, "unreachable", &why),
    };
    let mut tx = app.db.write().await?;
    match due_at {
        Some(due_at) => keeps::update_due(&mut tx, row, due_at).await?,
        None => drop(keeps::delete(&mut tx, row).await?),
    }
    tx.commit().await
}

fn give_up(row: &Keep, reason: &'static str, why: &str) -> Option<Timestamp> {
    tracing::warn!(
        account.id = %row.account_id, message.id = %row.message_id, attempts = row.attempts,
        reason, why, "what came with a message is not kept; the platform's link is all there is"
    );
    metrics::counter!("posta_media_not_kept_total", "reason" => reason).increment(1);
    None
}

async fn attempt(app: &App, row: &Keep) -> Result<(), Miss> {
    let mut tx = app.db.read().await?;
    let message = messages::find(&mut tx, &row.workspace_id, &row.message_id).await?;
    let account = accounts::find(&mut tx, &row.workspace_id, &row.account_id).await?;
    drop(tx);
    let (Some(message), Some(account)) = (message, account) else { return Err(Miss::Unwanted) };
    if app.config.media.policy != MediaPolicy::Store {
        return Err(Miss::Unwanted);
    }
    let (link, kind) = wanted(app, &message, row.place).ok_or(Miss::Unwanted)?;
    let mut copy = Incoming::begin_copy(app, row).await?;
    let mut taken = take(app, &account, &link, kind, &mut copy).await;
    if let Err(Miss::Refused(why)) = taken {
        taken = match fresh(app, &account, &message, row.place, &why).await {
            Ok(link) => {
                copy.discard(app).await?;
                copy = Incoming::begin_copy(app, row).await?;
                take(app, &account, &link, kind, &mut copy).await
            }
            Err(miss) => Err(miss),
        };
    }
    let noted = match taken {
        Ok(file) => note(app, row, &file).await,
        Err(miss) => Err(miss),
    };
    if noted.is_err() {
        copy.discard(app).await?;
    }
    noted
}

/// The link of a part that is to be kept, and what it leads to; `None` when it has no link, or one to
/// a copy.
fn wanted(app: &App, message: &Message, place: i64) -> Option<(String, AttachmentKind)> {
    let (link, kind) = if place == STORY {
        let metadata = message.metadata.as_ref()?;
        (metadata["storyReply"]["storyUrl"].as_str()?, AttachmentKind::Share)
    } else {
        let one = message.attachments.get(usize::try_from(place).ok()?)?;
        (one.url.as_deref()?, one.kind)
    };
    (name_in(app, link).is_none()).then(|| (link.to_owned(), kind))
}

/// Asks the platform for a link that works again. That of a story is not to be had a second time.
async fn fresh(
    app: &App,
    account: &Account,
    message: &Message,
    place: i64,
    why: &str,
) -> Result<String, Miss> {
    match usize::try_from(place) {
        Ok(index) => Ok(remint::fresh(app, account, message, index).await?),
        Err(_) => Err(Miss::Refused(why.to_owned())),
    }
}

async fn take(
    app: &App,
    account: &Account,
    link: &str,
    kind: AttachmentKind,
    copy: &mut Incoming,
) -> Result<Media, Miss> {
    let platform = posta_platforms::get(&account.platform).ok_or(Miss::Unwanted)?;
    let whose = Whose::account(platform, account);
    let (http, guarded) = (whose.clone().http(app, &app.http), whose.http(app, &app.guarded));
    let mut download = Download::open(&http, &guarded, app.site(platform), link).await?;
    let broken = |_| Miss::Later("the download broke off".to_owned());
    while let Some(piece) = download.piece().await.map_err(broken)? {
        copy.write(app, piece.as_ref()).await?;
    }
    Ok(copy.end_copy(kind, download.content_type()).await?)
}

/// Puts a copy in the place of the link that it was made from, unless nobody wants it any more.
async fn note(app: &App, row: &Keep, file: &Media) -> Result<(), Miss> {
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &row.workspace_id).await?;
    let owner = &row.workspace_id;
    let found = messages::find(&mut tx, owner, &row.message_id).await?;
    let mut message = found.ok_or(Miss::Unwanted)?;
    // The conversation is locked before its messages, here and everywhere.
    match conversations::get_locked(&mut tx, owner, &message.conversation_id).await {
        Err(posta_store::Error::RowNotFound) => return Err(Miss::Unwanted),
        locked => drop(locked?),
    }
    if !keeps::delete(&mut tx, row).await? {
        return Err(Miss::Unwanted);
    }
    let (link, _) = wanted(app, &message, row.place).ok_or(Miss::Unwanted)?;
    if !incoming::note(app, &mut tx, file).await? {
        return Err(Miss::Never("full", "the workspace's files have no more room".to_owned()));
    }
    put(&mut message, row.place, &link, &super::url(app, file));
    message_changes::update_kept(&mut tx, &message).await?;
    Ok(tx.commit().await?)
}

/// Puts a link in the place of another, wherever a message shows this part.
fn put(message: &mut Message, place: i64, old: &str, new: &str) {
    let Ok(index) = usize::try_from(place) else {
        if let Some(metadata) = &mut message.metadata {
            metadata["storyReply"]["storyUrl"] = Value::String(new.to_owned());
        }
        return;
    };
    let editions = message.edit_history.iter_mut().map(|edition| &mut edition.attachments);
    for attachments in editions.chain([&mut message.attachments.0]) {
        if let Some(one) = attachments.get_mut(index)
            && one.url.as_deref() == Some(old)
        {
            one.url = Some(new.to_owned());
        }
    }
}
