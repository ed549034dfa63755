//! A message as the Conversations API shows it, in the words of webhooks.

use posta_core::event::{Attachment, AttachmentKind, Direction, Message, Story};
use posta_core::id::{RemoteAccount, RemoteMessage, RemotePerson, RemoteThread};
use serde_json::Value;

use crate::contract::{Past, PastReaction};
use crate::meta::graph::{list, text, time};

/// Makes a message that is listed and not shown.
pub(super) fn hidden(id: RemoteMessage) -> Past {
    Past { id, at: None, message: None, username: None, reactions: Vec::new() }
}

/// Reads a message; `None` when it has no id. Whatever is not between this account and one other
/// party stays unread, because nobody could say who wrote it.
pub(super) fn read(item: &Value, account: &RemoteAccount) -> Option<Past> {
    let id = text(item, "id").filter(|id| !id.is_empty()).map(RemoteMessage::new)?;
    let parties = Parties::of(item, account);
    let username = parties.as_ref().and_then(|parties| parties.username.clone());
    let person = parties.as_ref().map(|parties| parties.person.clone());
    Some(Past {
        at: time(item, "created_time"),
        message: parties.map(|parties| message(item, id.clone(), parties)),
        username,
        reactions: reactions(item, person.as_ref()),
        id,
    })
}

/// The two sides of a message.
struct Parties {
    person: RemotePerson,
    username: Option<String>,
    direction: Direction,
    is_self: bool,
}

impl Parties {
    fn of(item: &Value, account: &RemoteAccount) -> Option<Self> {
        let is_account = |party: &&Value| text(party, "id").as_deref() == Some(account.as_str());
        let from = item.get("from").filter(|from| text(from, "id").is_some())?;
        let to = list(item.get("to"));
        let is_outgoing = is_account(&from);
        let other = if is_outgoing {
            to.iter().find(|party| !is_account(party)).or(to.first())?
        } else {
            to.iter().find(is_account)?;
            from
        };
        Some(Self {
            person: text(other, "id").filter(|id| !id.is_empty()).map(RemotePerson::new)?,
            username: text(other, "username"),
            direction: if is_outgoing { Direction::Outgoing } else { Direction::Incoming },
            is_self: is_outgoing && is_account(&other),
        })
    }
}

fn message(item: &Value, id: RemoteMessage, parties: Parties) -> Message {
    let words = text(item, "message").filter(|words| !words.is_empty());
    let (story_reply, mention) = story(item, words.is_some());
    let shares = list(item.get("shares")).iter().map(share);
    let attachments = list(item.get("attachments")).iter().map(attachment);
    Message {
        id,
        thread: RemoteThread::new(parties.person.as_str()),
        person: parties.person,
        direction: parties.direction,
        text: words,
        attachments: attachments.chain(shares).chain(mention).collect(),
        reply_to: item
            .get("reply_to")
            .and_then(|reply| text(reply, "mid").or_else(|| text(reply, "id")))
            .map(RemoteMessage::new),
        story_reply,
        quick_reply: None,
        postback: None,
        referral: None,
        is_self: parties.is_self,
        is_unsupported: item.get("is_unsupported") == Some(&Value::Bool(true)),
    }
}

/// Reads `story`, which is there for replies and for mentions. The message reference tells them
/// apart by `reply_to` and `mention`; the conversations page prints `link` and `id` alone, and then
/// a reply is the one that says something.
fn story(item: &Value, says_something: bool) -> (Option<Story>, Option<Attachment>) {
    let Some(story) = item.get("story").filter(|story| story.is_object()) else {
        return (None, None);
    };
    let (inner, is_reply) = match (story.get("reply_to"), story.get("mention")) {
        (Some(reply), _) => (reply, true),
        (None, Some(mention)) => (mention, false),
        (None, None) => (story, says_something),
    };
    if is_reply {
        return (Some(Story { id: text(inner, "id"), url: text(inner, "link") }), None);
    }
    let mention = Attachment {
        kind: AttachmentKind::Share,
        original: Some("story_mention".to_owned()),
        url: text(inner, "link"),
        payload: inner.clone(),
    };
    (None, Some(mention))
}

fn share(item: &Value) -> Attachment {
    let (original, url) = (None, text(item, "link"));
    Attachment { kind: AttachmentKind::Share, original, url, payload: item.clone() }
}

fn attachment(item: &Value) -> Attachment {
    let (kind, url) = if let Some(image) = item.get("image_data") {
        let is_sticker = image.get("render_as_sticker") == Some(&Value::Bool(true));
        let kind = if is_sticker { AttachmentKind::Sticker } else { AttachmentKind::Image };
        (kind, text(image, "animated_gif_url").or_else(|| text(image, "url")))
    } else if let Some(video) = item.get("video_data") {
        (AttachmentKind::Video, text(video, "url"))
    } else if let Some(url) = text(item, "file_url") {
        let kind = if is_sound(item) { AttachmentKind::Audio } else { AttachmentKind::File };
        (kind, Some(url))
    } else if item.get("generic_template").is_some() {
        (AttachmentKind::Template, None)
    } else {
        (AttachmentKind::UnsupportedType, None)
    };
    Attachment { kind, original: None, url, payload: item.clone() }
}

/// Voice messages have no field of their own and come as files.
fn is_sound(item: &Value) -> bool {
    let name = text(item, "name").unwrap_or_default().to_ascii_lowercase();
    let is_ended = [".aac", ".m4a", ".mp3", ".ogg", ".wav"].iter().any(|end| name.ends_with(end));
    is_ended
        || name.starts_with("audio")
        || text(item, "mime_type").is_some_and(|mime| mime.starts_with("audio/"))
}

fn reactions(item: &Value, person: Option<&RemotePerson>) -> Vec<PastReaction> {
    let is_person = |user: &&Value| text(user, "id").as_deref() == person.map(RemotePerson::as_str);
    let of = |reaction: &Value| {
        let emoji = text(reaction, "reaction")?;
        let users = list(reaction.get("users"));
        let sides =
            [users.iter().any(|user| !is_person(&user)), users.iter().any(|user| is_person(&user))];
        let sides = [true, false].into_iter().zip(sides).filter(|(_, is_there)| *is_there);
        Some(
            sides
                .map(|(from_me, _)| PastReaction { emoji: emoji.clone(), from_me })
                .collect::<Vec<_>>(),
        )
    };
    list(item.get("reactions")).iter().filter_map(of).flatten().collect()
}
