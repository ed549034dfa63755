//! What a platform can do and how far, as plain data that validation, API and docs all read.

use std::time::Duration;

use crate::message::MediaKind;

/// One ability that a platform has whole or not at all. Each is a trait in the connector contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Capability {
    /// Connect, refresh and revoke by OAuth.
    Auth,
    /// Receive webhooks.
    Inbound,
    /// Subscribe to an account's events, and see whether that still holds.
    Subscriptions,
    /// Hear that an owner took the app away or wants their data deleted.
    Callbacks,
    /// Send messages.
    Messages,
    /// Mark as read and show typing.
    Receipts,
    /// React to messages.
    Reactions,
    /// Pass conversations to other apps.
    Handover,
    /// Keep attachments that are sent more than once.
    Uploads,
    /// Offer ice breakers and a menu.
    Menus,
    /// Read the profiles of people.
    People,
    /// Read conversations from before now.
    History,
    /// Find out what stops an account without an error.
    Diagnosis,
    /// Read and answer comments.
    Comments,
    /// Hide and delete comments.
    Moderation,
}

/// The numbers a platform sets, the same for validation, the API and the docs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest text of one message.
    pub text: TextLimit,
    /// How long after a person's last message a reply may be sent; `None` when always.
    pub reply_window: Option<ReplyWindow>,
    /// What can be attached; empty when nothing.
    pub media: &'static [MediaLimit],
    /// How many pictures one message can carry.
    pub images_per_message: usize,
    /// The answers to choose from that a message can offer; `None` when none.
    pub quick_replies: Option<QuickReplyLimit>,
    /// The buttons below a text; `None` when none.
    pub buttons: Option<ButtonLimit>,
    /// The cards of one message; `None` when none.
    pub cards: Option<CardLimit>,
    /// How long the platform's lists keep a conversation in which the account never wrote; `None`
    /// when for good.
    pub request_life: Option<Duration>,
    /// How long after a comment it can be answered privately, once; `None` when never.
    pub private_reply: Option<Duration>,
    /// Whether a post of the account's own can be shared.
    pub shares: bool,
    /// The names of the stickers that can be sent.
    pub stickers: &'static [&'static str],
    /// How often each class of call may be made, per account.
    pub rates: &'static [Rate],
}

/// What can be attached, of one kind.
#[derive(Clone, Copy, Debug)]
pub struct MediaLimit {
    /// The kind.
    pub kind: MediaKind,
    /// The largest size, in bytes.
    pub max_bytes: u64,
    /// The media types that are taken.
    pub types: &'static [&'static str],
}

/// How many answers to choose from a message can offer, and how long each may be.
#[derive(Clone, Copy, Debug)]
pub struct QuickReplyLimit {
    /// How many.
    pub max: usize,
    /// The longest title, in characters.
    pub title: usize,
    /// Whether a picture can stand beside one.
    pub has_image: bool,
    /// Whether they can stand below an attachment, and not only below a text.
    pub below_media: bool,
}

/// How many buttons can stand below a text, and how long each may be.
#[derive(Clone, Copy, Debug)]
pub struct ButtonLimit {
    /// How many.
    pub max: usize,
    /// The longest title, in characters.
    pub title: usize,
    /// The longest text above them, in characters.
    pub text: usize,
    /// Whether one can call a number.
    pub has_phone: bool,
}

/// How many cards a message can have, and how long their texts may be.
#[derive(Clone, Copy, Debug)]
pub struct CardLimit {
    /// How many.
    pub max: usize,
    /// The longest title and subtitle, in characters.
    pub text: usize,
    /// How many buttons one can have.
    pub buttons: usize,
}

/// The classes of calls that platforms count apart.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum CallClass {
    /// Sending text, links, reactions and stickers.
    Text,
    /// Sending sound and film.
    Media,
    /// Reading conversations.
    Conversations,
    /// Replying privately to comments on posts.
    PrivateReply,
    /// Replying privately to comments under a live broadcast.
    LiveReply,
    /// Publishing.
    Publishing,
    /// Everything else.
    Other,
}

impl CallClass {
    /// Returns the word for it, in settings and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Media => "media",
            Self::Conversations => "conversations",
            Self::PrivateReply => "private_reply",
            Self::LiveReply => "live_reply",
            Self::Publishing => "publishing",
            Self::Other => "other",
        }
    }
}

/// How often a class of calls may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The class.
    pub class: CallClass,
    /// How many calls.
    pub calls: u32,
    /// In how long a time.
    pub per: Duration,
}

impl std::str::FromStr for Rate {
    type Err = String;

    /// Reads a number of calls and a time, such as `100/s`, `30/min` or `750/h`. The class is
    /// [`CallClass::Other`] until the reader knows better.
    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (calls, unit) = text.split_once('/')?;
            let per = match unit.trim() {
                "s" => Duration::from_secs(1),
                "min" => Duration::from_mins(1),
                "h" => Duration::from_hours(1),
                "d" => Duration::from_hours(24),
                _ => return None,
            };
            let calls = calls.trim().parse().ok().filter(|calls| (1..=100_000).contains(calls))?;
            Some(Self { class: CallClass::Other, calls, per })
        };
        read().ok_or_else(|| {
            "must be a number of calls from 1 to 100000 and a time, such as 100/s, 30/min, 750/h \
             or 5000/d"
                .to_owned()
        })
    }
}

/// The longest text of one message and how the platform counts it.
#[derive(Clone, Copy, Debug)]
pub struct TextLimit {
    /// The largest count that is accepted.
    pub max: usize,
    /// What is counted.
    pub unit: TextUnit,
}

/// What a platform counts when it measures a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TextUnit {
    /// Bytes of UTF-8.
    Bytes,
    /// Unicode code points.
    Characters,
}

impl TextLimit {
    /// Counts the text the way the platform does.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        match self.unit {
            TextUnit::Bytes => text.len(),
            TextUnit::Characters => text.chars().count(),
        }
    }
}

/// How long a reply is allowed after a person last wrote.
#[derive(Clone, Copy, Debug)]
pub struct ReplyWindow {
    /// For every kind of message.
    pub standard: Duration,
    /// For messages that a person typed and that carry the human-agent tag.
    pub human_agent: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters_count_differently() {
        let text = "Grüße 👋";
        let count = |unit| TextLimit { max: 0, unit }.count(text);
        assert_eq!(count(TextUnit::Bytes), 12);
        assert_eq!(count(TextUnit::Characters), 7);
    }

    #[test]
    fn rates_are_read_as_calls_per_time() {
        let read = |text: &str| text.parse::<Rate>().map(|rate| (rate.calls, rate.per)).ok();
        assert_eq!(read("100/s"), Some((100, Duration::from_secs(1))));
        assert_eq!(read("30 / min"), Some((30, Duration::from_mins(1))));
        assert_eq!(read("750/h"), Some((750, Duration::from_hours(1))));
        assert_eq!(read("5000/d"), Some((5000, Duration::from_hours(24))));
        for wrong in ["", "100", "100/", "/s", "0/s", "-1/s", "1.5/s", "100001/s", "5/week"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
