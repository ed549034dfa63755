//! Conversations and messages that the platform still has, whether or not a webhook told of them.

use posta_core::event::Message;
use posta_core::id::{RemoteMessage, RemotePerson};
use posta_core::time::Timestamp;

use super::Answer;
use crate::cx::Cx;

/// Reading what was written.
pub trait History: Sync {
    /// Lists the account's conversations, newest first, from where an earlier page ended.
    fn threads<'a>(&'a self, cx: &'a Cx<'a>, after: Option<&'a str>) -> Answer<'a, Page<Thread>>;

    /// Finds the conversation with a person.
    fn thread_with<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        person: &'a RemotePerson,
    ) -> Answer<'a, Option<Thread>>;

    /// Lists the messages of a conversation, newest first, from where an earlier page ended.
    fn messages<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        thread: &'a Thread,
        after: Option<&'a str>,
    ) -> Answer<'a, Page<Past>>;

    /// Reads one message.
    fn message<'a>(&'a self, cx: &'a Cx<'a>, id: &'a RemoteMessage) -> Answer<'a, Past>;
}

/// A part of a list, and where the next part begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
    /// What to ask for next; `None` at the end.
    pub next: Option<String>,
}

/// A conversation as the platform lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// What the platform calls it when it is listed, which need not be what its webhooks say.
    pub handle: String,
    /// The person on the other side, where the list says who it is.
    pub person: Option<RemotePerson>,
    /// When something last happened in it.
    pub updated_at: Option<Timestamp>,
}

/// A message from before now.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// The platform's id of it.
    pub id: RemoteMessage,
    /// When it was written.
    pub at: Option<Timestamp>,
    /// What it says; `None` when the platform lists it and does not show it, which does not mean
    /// that it was deleted.
    pub message: Option<Message>,
    /// The person's handle, where the platform says it.
    pub username: Option<String>,
    /// The reactions on it.
    pub reactions: Vec<PastReaction>,
}

/// A reaction on a message from before now. When it was put there is not said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastReaction {
    /// The emoji, or the platform's word for it.
    pub emoji: String,
    /// Whether the account reacted, and not the person.
    pub from_me: bool,
}
