//! Sending messages, and what stands around them: read marks, typing, reactions,
//! uploads, handing over.

use posta_core::id::{RemoteMessage, RemotePerson};
use posta_core::message::{MediaKind, Outgoing, Sent};

use super::Answer;
use crate::cx::Cx;

/// Sending messages.
pub trait Messages: Sync {
    /// Sends one message. Neither repeats nor waits; the caller decides by the error's class.
    fn send<'a>(&'a self, cx: &'a Cx<'a>, message: &'a Outgoing) -> Answer<'a, Sent>;
}

/// Showing a person what the account does.
pub trait Receipts: Sync {
    /// Marks everything the person wrote as seen.
    fn mark_read<'a>(&'a self, cx: &'a Cx<'a>, person: &'a RemotePerson) -> Answer<'a, ()>;

    /// Shows the person that somebody is typing.
    fn typing<'a>(&'a self, cx: &'a Cx<'a>, person: &'a RemotePerson) -> Answer<'a, ()>;
}

/// Reacting to messages.
pub trait Reactions: Sync {
    /// Puts a reaction on a message of the conversation with this person, in place of an earlier
    /// one, or takes it back.
    fn react<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        person: &'a RemotePerson,
        message: &'a RemoteMessage,
        emoji: Option<&'a str>,
    ) -> Answer<'a, ()>;
}

/// Handing in attachments ahead of the messages that carry them.
pub trait Uploads: Sync {
    /// Has the platform fetch an attachment and keep it. Returns its id there, by which the account
    /// can send it more than once.
    fn upload<'a>(&'a self, cx: &'a Cx<'a>, kind: MediaKind, url: &'a str) -> Answer<'a, String>;
}

/// Handing conversations over to other apps.
pub trait Handover: Sync {
    /// Passes the conversation with a person to the app with this id at the platform, or to the
    /// account's default one. Only whoever holds it can.
    fn pass<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        person: &'a RemotePerson,
        app: Option<&'a str>,
    ) -> Answer<'a, ()>;
}
