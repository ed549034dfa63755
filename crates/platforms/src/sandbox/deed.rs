//! What people and owners can do in a platform's own app, as the control API takes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::world::Draft;

/// Something that somebody does in the platform's own app.
#[derive(Clone, Debug)]
pub struct Deed {
    /// The id of the account it is about.
    pub account: String,
    /// Who does it.
    pub by: Doer,
}

/// Who does what.
#[derive(Clone, Debug)]
pub enum Doer {
    /// A person.
    Person {
        /// The person's username.
        username: String,
        /// What is done.
        act: Act,
    },
    /// The account's owner.
    Owner {
        /// The username of the person it concerns; without one, the account itself is meant.
        person: Option<String>,
        /// What is done.
        act: OwnerAct,
    },
}

/// What a person can do. The names are those of the control API's paths.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// Writes, replies, mentions the account in a story, or taps a quick reply.
    Write(Draft),
    /// Reacts to a message.
    React(Reaction),
    /// Takes a reaction back.
    Unreact(Pointed),
    /// Reads everything.
    Read(Nothing),
    /// Taps a button, a menu item or an opening question.
    Postback(Tap),
    /// Taps something that the account has offered, found by what it says.
    Tap(Title),
    /// Follows a link into the conversation.
    Refer(Referral),
    /// Takes a message back.
    Unsend(Pointed),
    /// Changes the text of a message.
    Edit(Change),
    /// Comments under a post of the account.
    Comment(Remark),
    /// Comments under somebody else's post and names the account.
    Mention(Mention),
    /// Blocks the account, or lets it write again.
    Block(Block),
    /// Follows the account, or stops following it.
    Follow(Follow),
}

/// What an account's owner can do. The names are those of the control API's paths.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OwnerAct {
    /// Writes in the platform's app; without a person, to the account itself.
    Write(Draft),
    /// Taps a button of the account's own, in the conversation with itself.
    Postback(Tap),
    /// Takes a message of the account back.
    Unsend(Pointed),
    /// Comments under a post of the account, as the account.
    Comment(Remark),
    /// Gives the conversation to an app.
    PassThread(Handover),
    /// Takes the conversation away from whichever app has it.
    TakeThread(Handover),
    /// Asks whichever app has the conversation to give it up.
    RequestThread(Handover),
    /// Leaves the conversation to all apps alike.
    ReleaseThread(Nothing),
}

/// Nothing more to say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A reaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// The message.
    pub(crate) message_id: String,
    /// The emoji; a heart, if none is given.
    pub(crate) emoji: Option<String>,
}

/// A message that is meant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointed {
    /// The message.
    pub(crate) message_id: String,
}

/// A tapped button.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// What the button says.
    pub(crate) title: String,
    /// What it carries.
    pub(crate) payload: String,
    /// Whether the platform gives the tap an id of its own.
    #[serde(default = "yes")]
    pub(crate) mid: bool,
    /// What the link carried by which the person came.
    pub(crate) r#ref: Option<String>,
}

/// Something to tap, by what it says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// What it says.
    pub(crate) title: String,
}

/// A link that leads into the conversation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Referral {
    /// What the link carries.
    pub(crate) r#ref: String,
    /// Where the link is, in the platform's words.
    pub(crate) source: Option<String>,
}

/// A changed text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The message.
    pub(crate) message_id: String,
    /// What it says now.
    pub(crate) text: String,
}

/// A comment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remark {
    /// The text.
    pub(crate) text: String,
    /// The post; without it, the account's first.
    pub(crate) media_id: Option<String>,
    /// The comment that it answers.
    pub(crate) parent_id: Option<String>,
}

/// A comment under somebody else's post.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mention {
    /// The text; without it, the account's name is all it says.
    pub(crate) text: Option<String>,
    /// Whether everybody can see the post.
    #[serde(default = "yes")]
    pub(crate) is_public: bool,
}

/// Whether the account is blocked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Whether it is.
    #[serde(default = "yes")]
    pub(crate) blocked: bool,
}

/// Whether the account is followed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// Whether it is.
    #[serde(default = "yes")]
    pub(crate) following: bool,
}

/// A conversation that changes hands.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// The app's client id; without it, the platform's own inbox.
    pub(crate) app: Option<String>,
    /// What is said with it.
    pub(crate) metadata: Option<String>,
}

fn yes() -> bool {
    true
}

/// What came of a [`Deed`].
#[derive(Clone, Debug, Default, Serialize)]
pub struct Done {
    /// The message it made or was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The comment it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment_id: Option<String>,
    /// The post that the comment is under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_id: Option<String>,
    /// How many apps will be told.
    pub told: usize,
}

/// Why a [`Deed`] cannot be done: the field at fault, and a sentence.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The field.
    pub field: &'static str,
    /// The sentence.
    pub message: String,
}

impl Refused {
    /// Says what is wrong with a field.
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

impl Act {
    /// Says what is wrong with it, before anybody looks at the world.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        match self {
            Self::Write(draft) => draft.check(),
            Self::Edit(change) => said("text", &change.text),
            Self::Comment(remark) => said("text", &remark.text),
            Self::Postback(tap) => said("title", &tap.title),
            Self::Refer(referral) => said("ref", &referral.r#ref),
            _ => Ok(()),
        }
    }
}

impl OwnerAct {
    /// Says what is wrong with it, before anybody looks at the world.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        match self {
            Self::Write(draft) => draft.check(),
            Self::Postback(tap) => said("title", &tap.title),
            Self::Comment(remark) => said("text", &remark.text),
            _ => Ok(()),
        }
    }
}

impl Draft {
    fn check(&self) -> Result<(), Refused> {
        let has_text = self.text.as_ref().is_some_and(|text| !text.is_empty());
        if !has_text && self.attachments.is_empty() && !self.is_unsupported {
            return Err(Refused::new("text", "or attachments is required"));
        }
        let is_typed = |attachment: &Value| attachment["type"].is_string();
        if !self.attachments.iter().all(is_typed) {
            return Err(Refused::new("attachments", "each need a type"));
        }
        let is_object = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_object);
        if !is_object(&self.reply_to) {
            return Err(Refused::new("reply_to", "must be an object with mid or story"));
        }
        if !is_object(&self.referral) {
            return Err(Refused::new("referral", "must be an object"));
        }
        Ok(())
    }
}

fn said(field: &'static str, text: &str) -> Result<(), Refused> {
    if text.is_empty() { Err(Refused::new(field, "must not be empty")) } else { Ok(()) }
}
