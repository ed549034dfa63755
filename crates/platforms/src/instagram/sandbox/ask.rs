//! The body of a send, read: to whom, what, and whether a human writes.

use serde_json::Value;

use super::params::{Params, plain};
use super::refusal::Refusal;
use super::templates;
use crate::sandbox::Draft;

const MAX_TEXT_BYTES: usize = 1000;

/// A well-formed request.
pub(super) struct Ask {
    pub(super) recipient: Recipient,
    pub(super) content: Content,
    pub(super) is_human_agent: bool,
}

/// To whom.
pub(super) enum Recipient {
    /// A person, by their id towards the account.
    Person(String),
    /// Whoever wrote a comment.
    Comment(String),
}

/// What.
pub(super) enum Content {
    Message(Draft),
    Action(Action),
    /// The conversation goes to this app, or to the inbox.
    Pass(Option<String>),
}

/// What the person sees, without being a message.
pub(super) enum Action {
    Typing(bool),
    MarkSeen,
    React(String, Option<String>),
}

impl Ask {
    pub(super) fn read(params: &Params) -> Result<Self, Refusal> {
        let recipient = params.json("recipient");
        let recipient = recipient.filter(Value::is_object);
        let recipient =
            recipient.ok_or_else(|| Refusal::parameter("The parameter recipient is required"))?;
        let content = match (params.get("message"), params.text("sender_action")) {
            (Some(_), Some(_)) => return Err(Refusal::message_with_action()),
            (Some(_), None) => Content::Message(read_message(params)?),
            (None, Some(action)) => Content::Action(read_action(action, params)?),
            (None, None) => match params.json("thread_control") {
                Some(control) => Content::Pass(read_control(&control)?),
                None => return Err(Refusal::parameter("The parameter message is required")),
            },
        };
        let text = |name: &str| {
            let value = recipient.get(name).filter(|value| value.is_string() || value.is_number());
            value.map(plain)
        };
        let recipient = match (text("id"), text("comment_id")) {
            (Some(id), _) => Recipient::Person(id),
            (None, Some(comment)) => Recipient::Comment(comment),
            (None, None) => return Err(Refusal::parameter("Param recipient must have an id")),
        };
        Ok(Self { recipient, content, is_human_agent: read_tag(params)? })
    }
}

fn read_control(control: &Value) -> Result<Option<String>, Refusal> {
    if control["control_type"] != "pass" {
        let message = "Param thread_control[control_type] must be one of {pass}";
        return Err(Refusal::parameter(message));
    }
    Ok(control.get("app_id").filter(|app| !app.is_null()).map(plain))
}

fn read_tag(params: &Params) -> Result<bool, Refusal> {
    let kind = params.text("messaging_type");
    if kind.is_some_and(|kind| !["RESPONSE", "UPDATE", "MESSAGE_TAG"].contains(&kind)) {
        let message = "Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}";
        return Err(Refusal::parameter(message));
    }
    match params.text("tag") {
        Some("HUMAN_AGENT") => Ok(true),
        Some(other) => Err(Refusal::parameter(format!("The tag {other} is not supported"))),
        None if kind == Some("MESSAGE_TAG") => {
            Err(Refusal::parameter("The parameter tag is required"))
        }
        None => Ok(false),
    }
}

fn read_message(params: &Params) -> Result<Draft, Refusal> {
    let message = params.json("message").filter(Value::is_object);
    let message = message.ok_or_else(|| Refusal::parameter("Param message must be an object"))?;
    let text = match message.get("text") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Some(_) => return Err(Refusal::parameter("Param message[text] must be a string")),
    };
    if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT_BYTES) {
        let message = "Length of param message[text] must be less than or equal to 1000";
        return Err(Refusal::parameter(message));
    }
    let attachments = templates::attachments(&message)?;
    let quick_replies = match message.get("quick_replies") {
        Some(replies) => templates::quick_replies(replies, text.is_some())?,
        None => Vec::new(),
    };
    match (&text, attachments.is_empty()) {
        (None, true) => Err(Refusal::invalid_message("it has neither text nor an attachment")),
        (Some(_), false) => Err(Refusal::invalid_message("text and an attachment need two")),
        _ => Ok(Draft { text, attachments, quick_replies, ..Draft::default() }),
    }
}

fn read_action(action: &str, params: &Params) -> Result<Action, Refusal> {
    let payload = params.json("payload").unwrap_or_default();
    let message = || {
        let id = payload["message_id"].as_str().map(str::to_owned);
        id.ok_or_else(|| Refusal::parameter("Param payload must have a message_id"))
    };
    match action.to_ascii_lowercase().as_str() {
        "typing_on" => Ok(Action::Typing(true)),
        "typing_off" => Ok(Action::Typing(false)),
        "mark_seen" => Ok(Action::MarkSeen),
        "unreact" => Ok(Action::React(message()?, None)),
        "react" => Ok(Action::React(message()?, Some(read_reaction(&payload["reaction"])?))),
        _ => Err(Refusal::parameter(
            "Param sender_action must be one of {MARK_SEEN, REACT, TYPING_OFF, TYPING_ON, UNREACT}",
        )),
    }
}

/// Reads `love` or an emoji; nothing that an emoji is made of is a letter.
fn read_reaction(reaction: &Value) -> Result<String, Refusal> {
    match reaction.as_str() {
        None | Some("") => Err(Refusal::parameter("Param payload must have a reaction")),
        Some("love") => Ok("\u{2764}\u{fe0f}".to_owned()),
        Some(emoji) if emoji.is_ascii() || emoji.chars().any(char::is_alphabetic) => {
            Err(Refusal::parameter("Param payload[reaction] must be love or an emoji"))
        }
        Some(emoji) => Ok(emoji.to_owned()),
    }
}
