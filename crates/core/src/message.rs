//! What we ask a platform to send, and what it answers.

use serde::{Deserialize, Serialize};

use crate::id::{MessageId, RemoteComment, RemoteMessage, RemotePerson};

/// A message on its way out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Our id of it: the idempotency key on platforms that take one.
    pub id: MessageId,
    /// Who gets it.
    pub to: Recipient,
    /// What it says.
    pub content: Content,
    /// The permission under which it is sent; `None` for an ordinary reply.
    pub tag: Option<Tag>,
}

/// Who gets a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A person whom the account knows.
    Person(RemotePerson),
    /// Whoever wrote this comment: a private reply.
    Comment(RemoteComment),
}

/// What a message says. One value is one message at the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Plain text; links in it are found by the platform.
    Text {
        /// The text.
        text: String,
        /// Answers to choose from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        quick_replies: Vec<QuickReply>,
    },
    /// One attachment, or several pictures.
    Media {
        /// The attachments, in order.
        items: Vec<Media>,
        /// Answers to choose from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        quick_replies: Vec<QuickReply>,
    },
    /// A text with buttons below it.
    Buttons {
        /// The text.
        text: String,
        /// The buttons.
        buttons: Vec<Button>,
    },
    /// Cards side by side.
    Cards {
        /// The cards.
        cards: Vec<Card>,
    },
    /// A post of the account's own.
    Share {
        /// The platform's id of the post.
        post: String,
    },
    /// A sticker that the platform knows by name.
    Sticker {
        /// The name, such as `like_heart`.
        name: String,
    },
}

impl Content {
    /// Makes a plain text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), quick_replies: Vec::new() }
    }

    /// Returns the text of it, if it has any.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } | Self::Buttons { text, .. } => Some(text),
            Self::Media { .. } | Self::Cards { .. } | Self::Share { .. } | Self::Sticker { .. } => {
                None
            }
        }
    }
}

/// Something attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where the platform gets it.
    pub source: MediaSource,
}

/// What an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Sound.
    Audio,
    /// A document.
    File,
}

/// Where the platform gets an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// It fetches this URL.
    Url(String),
    /// It was uploaded before, and has this id there.
    Uploaded(String),
}

/// An answer to choose from; tapping it sends its title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickReply {
    /// What it says.
    pub title: String,
    /// What comes back with the tap.
    pub payload: String,
    /// A picture beside it, where the platform shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
}

/// A button below a text or on a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What it says.
    pub title: String,
    /// What it does.
    pub action: ButtonAction,
}

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonAction {
    /// Opens a page.
    Url(String),
    /// Sends this back to us.
    Postback(String),
    /// Calls a number.
    Phone(String),
}

/// A card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its heading.
    pub title: String,
    /// The line below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// Its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// Its buttons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
}

/// A permission to send outside the ordinary reply window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
