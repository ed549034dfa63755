//! What a platform tells us, as one closed list that every connector parses into.

use serde::Serialize;
use serde_json::Value;

use crate::id::{RemoteAccount, RemoteMessage, RemotePerson, RemoteThread};
use crate::time::Timestamp;

/// One thing that happened on one account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The account it happened on.
    pub account: RemoteAccount,
    /// When it happened, by the platform's clock; `None` when the platform does not say.
    pub at: Option<Timestamp>,
    /// Whether another app owns the conversation and we only listen.
    pub standby: bool,
    /// What happened.
    pub what: What,
    /// The platform's own words for it.
    pub raw: Value,
}

/// The kinds of things that happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A message was written, by the person or by the account.
    Message(Box<Message>),
    /// A message exists whose content must be fetched.
    MessageAnnounced(RemoteMessage),
    /// The text of a message was changed.
    MessageEdited(Edit),
    /// A message was taken back.
    MessageDeleted(ThreadMessage),
    /// The person has read up to this message.
    MessageRead(ThreadMessage),
    /// The person reacted to a message, or took the reaction back.
    Reaction(Reaction),
    /// The person came to an existing conversation by a link or an ad.
    Referral {
        /// The conversation they came to.
        thread: RemoteThread,
        /// Where they came from.
        referral: Referral,
    },
    /// Control of the conversation moved between apps.
    ControlChanged {
        /// The conversation that moved.
        thread: RemoteThread,
        /// Who holds it now, by the platform's app id.
        owner: Option<String>,
        /// Who held it before.
        previous: Option<String>,
        /// Whether the app that is told of it holds it now, as far as the kind of notice says.
        is_ours: bool,
        /// What the app that passed it on wrote for the next one.
        metadata: Option<String>,
    },
    /// Somebody commented on a post of the account.
    Comment(Box<Comment>),
    /// The platform's dashboard sent a sample; it belongs to no account.
    TestSend,
    /// A shape we do not know; `raw` has it all.
    Unknown,
}

impl What {
    /// A word for metrics and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::MessageAnnounced(_) => "message_announced",
            Self::MessageEdited(_) => "message_edited",
            Self::MessageDeleted(_) => "message_deleted",
            Self::MessageRead(_) => "message_read",
            Self::Reaction(_) => "reaction",
            Self::Referral { .. } => "referral",
            Self::ControlChanged { .. } => "control_changed",
            Self::Comment(_) => "comment",
            Self::TestSend => "test_send",
            Self::Unknown => "unknown",
        }
    }
}

/// A message as the platform shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The platform's id of it.
    pub id: RemoteMessage,
    /// The conversation it stands in.
    pub thread: RemoteThread,
    /// The person on the other side of the conversation, whoever wrote.
    pub person: RemotePerson,
    /// Who wrote it.
    pub direction: Direction,
    /// Its text.
    pub text: Option<String>,
    /// Its attachments, in order.
    pub attachments: Vec<Attachment>,
    /// The message it answers.
    pub reply_to: Option<RemoteMessage>,
    /// The story it answers.
    pub story_reply: Option<Story>,
    /// The payload of the quick reply that was tapped.
    pub quick_reply: Option<String>,
    /// The button, menu item or ice breaker that was tapped; its title is the text.
    pub postback: Option<Postback>,
    /// The ad, link or product that brought the person here.
    pub referral: Option<Referral>,
    /// Whether the account wrote to itself.
    pub is_self: bool,
    /// Whether there is content that the platform does not show to apps.
    pub is_unsupported: bool,
}

/// Which way a message went.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum Direction {
    /// From the person to the account.
    Incoming,
    /// From the account to the person.
    Outgoing,
}

/// Something attached to a message.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct Attachment {
    /// What it is, in words common to all platforms.
    pub kind: AttachmentKind,
    /// The platform's own word, when it says more than `kind`.
    #[serde(default)]
    pub original: Option<String>,
    /// Where it can be fetched, usually for a limited time.
    #[serde(default)]
    pub url: Option<String>,
    /// What else the platform says of it.
    #[serde(default)]
    pub payload: Value,
}

/// What an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentKind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Sound, such as a voice message.
    Audio,
    /// A document.
    File,
    /// A sticker.
    Sticker,
    /// A post, reel or story that was shared.
    Share,
    /// A structured message, such as cards with buttons.
    Template,
    /// Something that has no word here; see the platform's own.
    UnsupportedType,
}

/// A story that a message speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Story {
    /// The platform's id of the story.
    pub id: Option<String>,
    /// Where it can be seen, for as long as it lives.
    pub url: Option<String>,
}

/// A tap on a button, menu item or ice breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Postback {
    /// What the account attached to the button.
    pub payload: Option<String>,
    /// What the button says.
    pub title: Option<String>,
}

/// Where a person came from.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct Referral {
    /// The value the account put into the link.
    pub reference: Option<String>,
    /// The kind of source, in the platform's words.
    pub source: Option<String>,
    /// What the referral did, in the platform's words.
    pub kind: Option<String>,
    /// The ad that was clicked.
    pub ad_id: Option<String>,
    /// What else the platform says of it.
    pub details: Value,
}

/// A message named within its conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ThreadMessage {
    /// The conversation.
    pub thread: RemoteThread,
    /// The message.
    pub message: RemoteMessage,
}

/// A change of a message's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Edit {
    /// The conversation.
    pub thread: RemoteThread,
    /// The message.
    pub message: RemoteMessage,
    /// The text as it is now.
    pub text: Option<String>,
    /// How often it has been changed, this time included.
    pub count: i64,
}

/// A reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Reaction {
    /// The conversation.
    pub thread: RemoteThread,
    /// Who reacted.
    pub person: RemotePerson,
    /// The message reacted to.
    pub message: RemoteMessage,
    /// The emoji, or the platform's word for it; `None` when the reaction was taken back.
    pub emoji: Option<String>,
}

/// A comment on a post.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comment {
    /// The platform's id of the comment.
    pub id: String,
    /// The comment it answers.
    pub parent: Option<String>,
    /// The post it stands under.
    pub post: Option<String>,
    /// The kind of post, in the platform's words.
    pub post_kind: Option<String>,
    /// Who wrote it.
    pub author: Option<RemotePerson>,
    /// Their name on the platform.
    pub author_username: Option<String>,
    /// What it says.
    pub text: Option<String>,
    /// Whether the account itself wrote it.
    pub is_own: bool,
    /// Whether it was written under a live broadcast.
    pub is_live: bool,
    /// The ad it stands under.
    pub ad_id: Option<String>,
}
