//! The reply window: how long what a person did lets the account write to them.
//!
//! It is a pure function of what the platform allows, what opened the window last, and the time.

use std::time::Duration;

use posta_core::capability::Limits;
use posta_core::event::Message;
use posta_core::failure::{Code, ConnectorError};
use posta_core::id::EventId;
use posta_core::message::{MediaKind, Tag};
use posta_core::time::Timestamp;
use posta_platforms::contract::Platform;
use posta_store::Json;
use posta_store::accounts::Account;
use posta_store::conversations::Conversation;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::refusal;
use crate::app::App;

mod closing;
mod doubt;
#[cfg(test)]
mod tests;

pub use self::closing::closing;
pub use self::doubt::{disputed, doubt};

/// What a person did that opened the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Opener {
    /// They wrote.
    Message,
    /// They tapped an answer that they were offered.
    QuickReply,
    /// They tapped a button, a menu item or an ice breaker.
    Postback,
    /// They mentioned the account in a story.
    StoryMention,
    /// They answered a story of the account's.
    StoryReply,
    /// They came by an ad or a link.
    Referral,
}

impl Opener {
    /// Says what a message of a person is. Reactions, read marks and comments are none and open
    /// nothing; neither do messages of the account itself, private replies to comments included.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let is_mention = |original: &Option<String>| original.as_deref() == Some("story_mention");
        if message.postback.is_some() {
            Self::Postback
        } else if message.quick_reply.is_some() {
            Self::QuickReply
        } else if message.story_reply.is_some() {
            Self::StoryReply
        } else if message.attachments.iter().any(|one| is_mention(&one.original)) {
            Self::StoryMention
        } else if message.referral.is_some() {
            Self::Referral
        } else {
            Self::Message
        }
    }
}

/// The event that opened a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Opening {
    /// The id of the event that we announced; null when none was, as for what was imported.
    #[schema(value_type = Option<String>)]
    pub id: Option<EventId>,
    /// What the person did.
    #[serde(rename = "type")]
    pub kind: Opener,
}

/// What a conversation's window is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everything may be sent.
    Open,
    /// Only what a person has typed may be sent.
    HumanAgent,
    /// Nothing may be sent.
    Closed,
}

/// A conversation's reply window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// What it is now.
    pub state: State,
    /// What opened it last; null when nothing is on record.
    pub opens_by: Option<Opening>,
    /// When that was; null when nothing is on record. What is sent then is left to the platform.
    pub opened_at: Option<Timestamp>,
    /// When it closes, or closed, for all but people.
    pub closes_at: Option<Timestamp>,
    /// Until when a person may answer; null where the platform makes no difference.
    pub human_agent_until: Option<Timestamp>,
    /// What may be sent now without further ado: `text`, `image`, `audio`, `video`, `file`,
    /// `quick_replies`, `buttons`, `template`, `sticker`. In the state `human_agent` it is
    /// `HUMAN_AGENT` alone: the same, if a person types it.
    pub allowed: Vec<&'static str>,
}

/// Who wants to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A person typed it.
    Person,
    /// A program calls the API and does not say who typed it.
    Program,
    /// An automation of ours made it up.
    Automation,
}

impl Sender {
    /// Reads what a message says it was sent through.
    #[must_use]
    pub fn of(sent_via: Option<&str>) -> Self {
        match sent_via {
            Some("human") => Self::Person,
            Some("api") | None => Self::Program,
            Some(_) => Self::Automation,
        }
    }
}

/// That something may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// The tag it needs.
    pub tag: Option<Tag>,
    /// Until when this holds; `None` when nothing ends it, or nothing is on record.
    pub until: Option<Timestamp>,
}

/// Notes that a person did what opens the window. What happened earlier than what is on record, or
/// is yet to come by our clock, does not move it. The caller stores the conversation.
pub fn opened(
    app: &App,
    account: &Account,
    conversation: &mut Conversation,
    opening: &Opening,
    at: Timestamp,
) {
    let now = app.clock.now();
    let Some(at) = moved(conversation.window_opened_at, at, now) else {
        return;
    };
    tracing::debug!(account.id = %account.id, conversation.id = %conversation.id, "window opened");
    conversation.window_opened_at = Some(at);
    conversation.window_opened_by = Some(Json(json!(opening)));
    let lengths = posta_platforms::get(&account.platform).and_then(|one| one.limits().reply_window);
    let lead = Duration::from_mins(app.config.inbox.window_closing_lead_minutes.into());
    conversation.window_due_at = lengths.and_then(|one| due_at(at, one.standard, lead, now));
}

/// To when an opening moves a window; `None` when it does not.
fn moved(newest: Option<Timestamp>, at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let at = at.min(now);
    (newest < Some(at)).then_some(at)
}

/// When it is to be told that a window opened at this time is about to close. Never when that moment
/// has passed, as for what arrived late.
fn due_at(
    opened: Timestamp,
    standard: Duration,
    lead: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    let due = opened.plus(standard).minus(lead);
    (lead > Duration::ZERO && due > now).then_some(due)
}

/// Says what the window of a conversation is; `None` where the platform has no such thing.
#[must_use]
pub fn of(platform: &dyn Platform, conversation: &Conversation, now: Timestamp) -> Option<Window> {
    let limits = platform.limits();
    let lengths = limits.reply_window?;
    let opened_at = conversation.window_opened_at;
    let closes_at = opened_at.map(|at| at.plus(lengths.standard));
    let human_agent_until = opened_at.and_then(|at| Some(at.plus(lengths.human_agent?)));
    let is_before = |end: Option<Timestamp>| end.is_some_and(|end| now < end);
    let state = if is_before(closes_at) {
        State::Open
    } else if is_before(human_agent_until) {
        State::HumanAgent
    } else {
        State::Closed
    };
    let allowed = match state {
        State::Open => forms(limits),
        State::HumanAgent => vec!["HUMAN_AGENT"],
        State::Closed => Vec::new(),
    };
    let opens_by = conversation.window_opened_by.as_ref();
    let opens_by = opens_by.and_then(|json| Opening::deserialize(&json.0).ok());
    Some(Window { state, opens_by, opened_at, closes_at, human_agent_until, allowed })
}

fn forms(limits: &Limits) -> Vec<&'static str> {
    let media = limits.media.iter().map(|media| match media.kind {
        MediaKind::Image => "image",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::File => "file",
    });
    let others = [
        ("quick_replies", limits.quick_replies.is_some()),
        ("buttons", limits.buttons.is_some()),
        ("template", limits.cards.is_some()),
        ("sticker", !limits.stickers.is_empty()),
    ];
    let others = others.into_iter().filter_map(|(form, has)| has.then_some(form));
    std::iter::once("text").chain(media).chain(others).collect()
}

/// Whether this sender may write into a conversation now, and under which tag.
///
/// Where no opening is on record, one may have happened before the account was connected; then the
/// platform decides. A tag goes along only where it is needed: with it the platform asks whether the
/// app was granted that feature, and without need that would only be one more thing to go wrong.
///
/// # Errors
/// Why not, and until when somebody else may.
pub fn permits(
    platform: &dyn Platform,
    conversation: &Conversation,
    sender: Sender,
    tag: Option<Tag>,
    now: Timestamp,
) -> Result<Permit, Box<ConnectorError>> {
    if tag == Some(Tag::HumanAgent) && sender == Sender::Automation {
        let message = "the tag HUMAN_AGENT says that a person typed this, and no person did";
        return Err(refusal(Code::InvalidContent, message));
    }
    let Some(window) = of(platform, conversation, now) else {
        return Ok(Permit { tag: None, until: None });
    };
    if window.opened_at.is_none() {
        return Ok(Permit { tag, until: None });
    }
    let is_typed = tag == Some(Tag::HumanAgent) || sender == Sender::Person;
    match window.state {
        State::Open => Ok(Permit { tag: None, until: window.closes_at }),
        State::HumanAgent if is_typed => {
            Ok(Permit { tag: Some(Tag::HumanAgent), until: window.human_agent_until })
        }
        State::HumanAgent => Err(refused(platform, &window, Code::HumanAgentOnly)),
        State::Closed => Err(refused(platform, &window, Code::OutsideMessagingWindow)),
    }
}

fn refused(platform: &dyn Platform, window: &Window, code: Code) -> Box<ConnectorError> {
    let text = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let (opened, closed) = (text(window.opened_at), text(window.closes_at));
    let title = platform.title();
    let message = match (code, window.human_agent_until) {
        (Code::HumanAgentOnly, Some(until)) => format!(
            "the window for automatic messages closed at {closed}, because the person last wrote at \
             {opened}; until {until} {title} takes only what a person typed"
        ),
        (_, Some(until)) => format!(
            "the window closed at {closed}, and for people at {until}, because the person last wrote \
             at {opened}"
        ),
        _ => format!("the window closed at {closed}, because the person last wrote at {opened}"),
    };
    let mut error = refusal(code, message);
    error.details = Some(details(window));
    error
}

/// A window as the details of an error.
fn details(window: &Window) -> Value {
    json!({
        "windowOpenedAt": window.opened_at,
        "windowClosedAt": window.closes_at,
        "humanAgentUntil": window.human_agent_until,
    })
}
