//! Messaging events: what two parties of a conversation did.

use posta_core::event::{
    Direction, Edit, Message, Postback, Reaction, Referral, Story, ThreadMessage, What,
};
use posta_core::id::{RemoteAccount, RemoteMessage, RemotePerson, RemoteThread};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::attachments;
use crate::meta::graph::{integer, text};

/// Who wrote or acted, and who is on the other side of the conversation.
pub(super) struct Parties {
    sender: Option<String>,
    other: Option<String>,
    direction: Direction,
}

impl Parties {
    pub(super) fn of(item: &Value, account: &RemoteAccount) -> Self {
        let sender = party(item, "sender");
        let is_echo = item.get("message").is_some_and(|message| flag(message, "is_echo"));
        let (direction, other) = if is_echo || sender.as_deref() == Some(account.as_str()) {
            (Direction::Outgoing, party(item, "recipient"))
        } else {
            (Direction::Incoming, sender.clone())
        };
        Self { sender, other, direction }
    }

    /// Instagram names no conversation; the person's id for this account stands for it.
    fn thread(&self) -> Option<RemoteThread> {
        self.other.as_deref().map(RemoteThread::new)
    }

    /// Reads what happened; `None` when it has no form we know.
    pub(super) fn read(&self, item: &Value) -> Option<What> {
        let named = |message| {
            let thread = self.thread()?;
            Some(ThreadMessage { thread, message })
        };
        if let Some(message) = item.get("message") {
            if flag(message, "is_deleted") {
                return named(mid(message)?).map(What::MessageDeleted);
            }
            self.message(item, message)
        } else if let Some(postback) = item.get("postback") {
            self.postback(item, postback)
        } else if let Some(reaction) = item.get("reaction") {
            self.reaction(reaction)
        } else if let Some(read) = item.get("read") {
            named(mid(read)?).map(What::MessageRead)
        } else if let Some(edit) = item.get("message_edit") {
            self.edit(edit)
        } else if let Some(source) = item.get("referral") {
            let (thread, referral) = (self.thread()?, referral(source)?);
            Some(What::Referral { thread, referral })
        } else {
            self.control(item)
        }
    }

    fn message(&self, item: &Value, message: &Value) -> Option<What> {
        let reply = message.get("reply_to");
        let story = reply.and_then(|reply| reply.get("story"));
        Some(What::Message(Box::new(Message {
            text: text(message, "text"),
            attachments: attachments::read(message),
            reply_to: reply.and_then(mid),
            story_reply: story
                .map(|story| Story { id: text(story, "id"), url: text(story, "url") }),
            quick_reply: message.get("quick_reply").and_then(|reply| text(reply, "payload")),
            referral: message.get("referral").and_then(referral),
            is_self: flag(message, "is_self") || flag(item, "is_self"),
            is_unsupported: flag(message, "is_unsupported"),
            ..self.blank(mid(message)?)?
        })))
    }

    fn postback(&self, item: &Value, postback: &Value) -> Option<What> {
        let tap = Postback { payload: text(postback, "payload"), title: text(postback, "title") };
        let source = postback.get("referral").or_else(|| item.get("referral"));
        let id = match mid(postback) {
            Some(id) => id,
            None => self.made_up_id(item, &tap)?,
        };
        Some(What::Message(Box::new(Message {
            text: tap.title.clone(),
            postback: Some(tap),
            referral: source.and_then(referral),
            is_self: flag(item, "is_self") || flag(postback, "is_self"),
            ..self.blank(id)?
        })))
    }

    /// Makes an id for a tap that came without one, as those on ice breakers may. It is the same
    /// whenever the same tap is delivered again.
    fn made_up_id(&self, item: &Value, tap: &Postback) -> Option<RemoteMessage> {
        let what = tap.payload.as_deref().or(tap.title.as_deref());
        let at = integer(item, "timestamp")?.to_string();
        let mut hash = Sha256::new();
        for part in [self.sender.as_deref()?, what.unwrap_or_default(), &at] {
            hash.update(part);
            hash.update([0]);
        }
        let digits = hex::encode(&hash.finalize()[..16]);
        Some(RemoteMessage::stand_in(&digits))
    }

    fn blank(&self, id: RemoteMessage) -> Option<Message> {
        Some(Message {
            id,
            thread: self.thread()?,
            person: RemotePerson::new(self.other.clone()?),
            direction: self.direction,
            text: None,
            attachments: Vec::new(),
            reply_to: None,
            story_reply: None,
            quick_reply: None,
            postback: None,
            referral: None,
            is_self: false,
            is_unsupported: false,
        })
    }

    fn reaction(&self, reaction: &Value) -> Option<What> {
        let emoji = match reaction.get("action")?.as_str()? {
            "react" => Some(text(reaction, "emoji").or_else(|| text(reaction, "reaction"))?),
            "unreact" => None,
            _ => return None,
        };
        Some(What::Reaction(Reaction {
            thread: self.thread()?,
            person: RemotePerson::new(self.sender.clone()?),
            message: mid(reaction)?,
            emoji,
        }))
    }

    /// An edit that counts zero speaks of a message that has only just been written, often without
    /// its text and sender, and its own event may never come (four integrations report it).
    fn edit(&self, edit: &Value) -> Option<What> {
        let message = mid(edit)?;
        match integer(edit, "num_edit")? {
            0 => Some(What::MessageAnnounced(message)),
            count => Some(What::MessageEdited(Edit {
                thread: self.thread()?,
                message,
                text: text(edit, "text"),
                count,
            })),
        }
    }

    /// Reads a notice that a conversation passed from app to app. The app it was passed to hears
    /// `pass_thread_control`; the one it was taken from, `take_thread_control`.
    fn control(&self, item: &Value) -> Option<What> {
        let kinds = ["pass_thread_control", "take_thread_control", "request_thread_control"];
        let (kind, control) = kinds.iter().find_map(|kind| Some((*kind, item.get(kind)?)))?;
        let owner = text(control, "new_owner_app_id");
        let previous = text(control, "previous_owner_app_id");
        // A request that names neither has moved nothing.
        (owner.is_some() || previous.is_some()).then_some(())?;
        let thread = self.thread()?;
        let metadata = text(control, "metadata");
        let is_ours = kind == "pass_thread_control";
        Some(What::ControlChanged { thread, owner, previous, is_ours, metadata })
    }
}

fn referral(source: &Value) -> Option<Referral> {
    let mut details = source.as_object()?.clone();
    details.retain(|key, _| !matches!(key.as_str(), "ref" | "source" | "type" | "ad_id"));
    Some(Referral {
        reference: text(source, "ref"),
        source: text(source, "source"),
        kind: text(source, "type"),
        ad_id: text(source, "ad_id"),
        details: Value::Object(details),
    })
}

pub(super) fn party(item: &Value, role: &str) -> Option<String> {
    text(item.get(role)?, "id").filter(|id| !id.is_empty())
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}

fn mid(object: &Value) -> Option<RemoteMessage> {
    text(object, "mid").filter(|mid| !mid.is_empty()).map(RemoteMessage::new)
}
