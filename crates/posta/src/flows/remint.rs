//! A URL of an attachment that works: the stored one, or a fresh one once that may have expired.

use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::event::Attachment;
use posta_core::failure::{Code, ConnectorError};
use posta_core::id::RemoteMessage;
use posta_store::accounts::Account;
use posta_store::messages::{self, Message};
use posta_store::{message_changes, workspaces};
use serde_json::Value;

use super::line::Line;
use super::{FlowError, budget, media, refusal};
use crate::app::App;

/// A URL that works now, as far as is known.
#[derive(Debug)]
pub struct Minted {
    /// The URL.
    pub url: String,
    /// Whether the platform gave it out just now.
    pub is_fresh: bool,
}

/// Gives out the URL of an attachment. Those of the platform expire after a time that it does not
/// tell, so an old one is asked for anew.
///
/// # Errors
/// When there is no such attachment, the platform no longer shows it or cannot be asked, or the
/// database failed.
pub async fn mint(
    app: &App,
    account: &Account,
    message: &Message,
    index: usize,
) -> Result<Minted, FlowError> {
    let attachment = message.attachments.get(index).ok_or_else(|| {
        let count = message.attachments.len();
        refusal(Code::ResourceNotFound, format!("the message has {count} attachments"))
    })?;
    let fresh = Duration::from_secs(u64::from(app.config.inbox.media_fresh_minutes) * 60);
    let mut tx = app.db.read().await?;
    let minted = message_changes::find_media_minted(&mut tx, &message.id).await?;
    drop(tx);
    let age = app.clock.now().since(minted.unwrap_or(message.created_at));
    if let Some(url) = attachment.url.clone()
        && (media::name_in(app, &url).is_some() || age < fresh)
    {
        return Ok(Minted { url, is_fresh: false });
    }
    let url = self::fresh(app, account, message, index).await?;
    Ok(Minted { url, is_fresh: true })
}

/// Asks the platform for a fresh URL of an attachment and keeps it, with those of the message's others.
///
/// # Errors
/// When the platform no longer shows it or cannot be asked, or the database failed.
pub async fn fresh(
    app: &App,
    account: &Account,
    message: &Message,
    index: usize,
) -> Result<String, FlowError> {
    let Some(remote) = &message.remote_id else {
        return Err(gone("the platform does not have the message").into());
    };
    let shown = ask(app, account, remote).await?;
    let Some(url) =
        counterpart(&message.attachments, index, &shown).and_then(|one| one.url.clone())
    else {
        return Err(gone("the platform shows the message without this attachment").into());
    };
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &message.workspace_id).await?;
    let now = messages::find(&mut tx, &message.workspace_id, &message.id).await?;
    if let Some(now) = now {
        let mut all = renewed(&now.attachments, &shown);
        for (new, old) in all.iter_mut().zip(now.attachments.0) {
            // Our own copy never expires.
            if old.url.as_deref().is_some_and(|url| media::name_in(app, url).is_some()) {
                *new = old;
            }
        }
        let all = posta_store::Json(all);
        message_changes::update_media(&mut tx, &message.id, &all, app.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(url)
}

async fn ask(
    app: &App,
    account: &Account,
    remote: &RemoteMessage,
) -> Result<Vec<Attachment>, ConnectorError> {
    budget::spend(app, account, CallClass::Conversations).await?;
    let line = Line::open(app, account).await?;
    let Some(history) = line.platform.history() else {
        return Err(*gone("the platform shows no messages a second time"));
    };
    let past = history.message(&line.cx(app), remote).await?;
    past.message.map(|message| message.attachments).ok_or_else(|| {
        *gone("the platform no longer shows the message; only the newest of a conversation can be read")
    })
}

fn gone(message: &str) -> Box<ConnectorError> {
    refusal(Code::AttachmentGone, message)
}

/// Finds what the platform shows now in the place of a stored attachment: the one of the same kind
/// in the same order, because webhooks and reads do not list them alike.
fn counterpart<'a>(
    stored: &[Attachment],
    index: usize,
    shown: &'a [Attachment],
) -> Option<&'a Attachment> {
    let kind = stored.get(index)?.kind;
    let place = stored[..index].iter().filter(|one| one.kind == kind).count();
    let alike = shown.iter().filter(|one| one.kind == kind).nth(place);
    alike
        .or_else(|| shown.get(index).filter(|_| shown.len() == stored.len()))
        .filter(|one| one.url.is_some())
}

fn renewed(stored: &[Attachment], shown: &[Attachment]) -> Vec<Attachment> {
    let renew = |(index, one): (usize, &Attachment)| {
        let mut one = one.clone();
        if let Some(now) = counterpart(stored, index, shown) {
            one.url.clone_from(&now.url);
            if let (Some(url), Some(payload)) = (&now.url, one.payload.as_object_mut())
                && let Some(old) = payload.get_mut("url")
            {
                *old = Value::String(url.clone());
            }
        }
        one
    };
    stored.iter().enumerate().map(renew).collect()
}

#[cfg(test)]
mod tests {
    use posta_core::event::AttachmentKind::{self, File, Image, Share};
    use serde_json::json;

    use super::*;

    fn one(kind: AttachmentKind, url: &str) -> Attachment {
        let payload = json!({"url": url, "title": "x"});
        Attachment { kind, original: None, url: Some(url.to_owned()), payload }
    }

    #[test]
    fn urls_are_renewed_by_kind_and_order() {
        let stored = [one(Image, "a"), one(Share, "b"), one(Image, "c")];
        let shown = [one(Image, "A"), one(Image, "C"), one(Share, "B")];
        let all = renewed(&stored, &shown);
        let urls: Vec<_> = all.iter().map(|one| one.url.as_deref().unwrap()).collect();
        assert_eq!(urls, ["A", "B", "C"]);
        assert_eq!(all[1].payload, json!({"url": "B", "title": "x"}));
    }

    #[test]
    fn another_word_for_the_only_one_is_understood_and_a_lost_one_is_not_made_up() {
        assert!(counterpart(&[one(File, "a")], 0, &[one(Image, "A")]).is_some());
        assert!(counterpart(&[one(Image, "a"), one(Image, "b")], 1, &[one(Image, "A")]).is_none());
        assert!(counterpart(&[one(Image, "a")], 0, &[]).is_none());
    }
}
