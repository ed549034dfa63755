//! What we ask a platform to send, and what it answers.

use crate::id::{MessageId, RemoteMessage, RemotePerson};

/// A message on its way out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Our id of it: the idempotency key on platforms that take one.
    pub id: MessageId,
    /// The person who gets it.
    pub to: RemotePerson,
    /// What it says.
    pub content: Content,
    /// The permission under which it is sent; `None` for an ordinary reply.
    pub tag: Option<Tag>,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Plain text; links in it are found by the platform.
    Text(String),
}

/// A permission to send outside the ordinary reply window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Tag {
    /// A person typed this, to answer what the customer asked.
    HumanAgent,
}

/// What a platform says of a message it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id of the message.
    pub message: RemoteMessage,
    /// Its id of the recipient, when it names one.
    pub recipient: Option<RemotePerson>,
}
