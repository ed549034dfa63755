//! `POST /{account}/messages`: what is accepted, from whom, when, and what comes of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::graph::Caller;
use super::params::{Params, plain};
use super::refusal::Refusal;
use super::{MESSAGES, NAME, mid, webhooks};
use crate::sandbox::world::{Author, Network, Thread};
use crate::sandbox::{Draft, Sandbox};

const MAX_TEXT_BYTES: usize = 1000;
const STANDARD_WINDOW: Duration = Duration::from_hours(24);
const HUMAN_AGENT_WINDOW: Duration = Duration::from_hours(7 * 24);

/// A well-formed request.
struct Ask {
    recipient: String,
    content: Content,
    is_human_agent: bool,
}

enum Content {
    Message(Draft),
    Action(Action),
}

enum Action {
    Typing(bool),
    MarkSeen,
    React(String, Option<String>),
}

/// Sends a message or a sender action.
pub(super) fn send(sandbox: &Sandbox, params: &Params, caller: &Caller) -> Result<Value, Refusal> {
    caller.need(MESSAGES)?;
    let ask = Ask::read(params)?;
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let person = recipient(network, caller, &ask)?;
    let owner = network.thread(&caller.account, &person).and_then(|thread| thread.owner.as_ref());
    if owner.is_some_and(|owner| *owner != caller.client_id) {
        return Err(Refusal::not_the_owner());
    }
    check_window(sandbox, network, caller, &person, &ask)?;
    let thread = network.thread_mut(&caller.account, &person);
    match ask.content {
        Content::Message(draft) => {
            let now = sandbox.clock().now();
            let id = mid::mint(&caller.account, &ask.recipient, now, sandbox.chance());
            thread.say(&id, Author::Api, now, draft);
            webhooks::echo(sandbox, network, &caller.account, &person, &id);
            Ok(json!({"recipient_id": ask.recipient, "message_id": id}))
        }
        Content::Action(action) => {
            perform(thread, action)?;
            Ok(json!({"recipient_id": ask.recipient}))
        }
    }
}

impl Ask {
    fn read(params: &Params) -> Result<Self, Refusal> {
        let recipient = params.json("recipient");
        let recipient = recipient.filter(Value::is_object);
        let recipient =
            recipient.ok_or_else(|| Refusal::parameter("The parameter recipient is required"))?;
        let content = match (params.get("message"), params.text("sender_action")) {
            (Some(_), Some(_)) => return Err(Refusal::message_with_action()),
            (Some(_), None) => Content::Message(read_message(params)?),
            (None, Some(action)) => Content::Action(read_action(action, params)?),
            (None, None) => return Err(Refusal::parameter("The parameter message is required")),
        };
        if recipient.get("id").is_none() && recipient.get("comment_id").is_some() {
            // Nobody comments here, so there is no comment that could be answered.
            return Err(Refusal::comment_taken());
        }
        let id = recipient.get("id").filter(|id| id.is_string() || id.is_number());
        let id = id.ok_or_else(|| Refusal::parameter("Param recipient must have an id"))?;
        Ok(Self { recipient: plain(id), content, is_human_agent: read_tag(params)? })
    }
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
    let attachments = read_attachments(&message)?;
    if let Some(replies) = message.get("quick_replies") {
        check_quick_replies(replies, text.is_some())?;
    }
    match (&text, attachments.is_empty()) {
        (None, true) => Err(Refusal::invalid_message("it has neither text nor an attachment")),
        (Some(_), false) => Err(Refusal::invalid_message("text and an attachment need two")),
        _ => Ok(Draft { text, attachments, ..Draft::default() }),
    }
}

/// Reads `attachment` and `attachments`; the official samples use both, and either with one object.
fn read_attachments(message: &Value) -> Result<Vec<Value>, Refusal> {
    let mut attachments = Vec::new();
    for name in ["attachment", "attachments"] {
        match message.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) => attachments.extend(list.iter().cloned()),
            Some(other) => attachments.push(other.clone()),
        }
    }
    for attachment in &attachments {
        check_attachment(attachment)?;
    }
    let is_image = |attachment: &Value| attachment["type"] == "image";
    if attachments.len() > 10 || (attachments.len() > 1 && !attachments.iter().all(is_image)) {
        return Err(Refusal::invalid_message("only up to ten images travel together"));
    }
    Ok(attachments)
}

fn check_attachment(attachment: &Value) -> Result<(), Refusal> {
    let payload = &attachment["payload"];
    match attachment["type"].as_str() {
        Some("like_heart") => Ok(()),
        Some("image" | "audio" | "video" | "file") => {
            if !payload["attachment_id"].is_null() {
                // Nothing can be uploaded here, so no id can be right.
                return Err(Refusal::unknown_attachment());
            }
            let url = payload["url"].as_str().and_then(|url| url::Url::parse(url).ok());
            if url.is_some_and(|url| matches!(url.scheme(), "http" | "https")) {
                Ok(())
            } else {
                Err(Refusal::parameter("Param attachment[payload][url] must be a valid URL"))
            }
        }
        Some("MEDIA_SHARE") if !payload["id"].is_null() => Ok(()),
        Some("template") => check_template(payload),
        _ => Err(Refusal::parameter(
            "Param attachment[type] must be one of {audio, file, image, like_heart, MEDIA_SHARE, \
             template, video}",
        )),
    }
}

fn check_template(payload: &Value) -> Result<(), Refusal> {
    let counts = |list: &Value, most: usize| {
        list.as_array().is_some_and(|list| !list.is_empty() && list.len() <= most)
    };
    let is_right = match payload["template_type"].as_str() {
        Some("generic") => counts(&payload["elements"], 10),
        Some("button") => payload["text"].is_string() && counts(&payload["buttons"], 3),
        _ => false,
    };
    if is_right {
        Ok(())
    } else {
        Err(Refusal::invalid_message("the template is incomplete or too long"))
    }
}

fn check_quick_replies(replies: &Value, has_text: bool) -> Result<(), Refusal> {
    let is_known = |reply: &Value| match reply["content_type"].as_str() {
        Some("text") => reply["title"].is_string() && reply["payload"].is_string(),
        Some("user_phone_number" | "user_email") => true,
        _ => false,
    };
    let list = replies.as_array().filter(|list| list.len() <= 13);
    if has_text && list.is_some_and(|list| list.iter().all(is_known)) {
        Ok(())
    } else {
        Err(Refusal::invalid_message("quick replies are up to 13, complete, and below a text"))
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
        "react" => {
            let reaction = payload["reaction"].as_str().filter(|reaction| !reaction.is_empty());
            let reaction =
                reaction.ok_or_else(|| Refusal::parameter("Param payload must have a reaction"))?;
            let emoji = if reaction == "love" { "\u{2764}\u{fe0f}" } else { reaction };
            Ok(Action::React(message()?, Some(emoji.to_owned())))
        }
        _ => Err(Refusal::parameter(
            "Param sender_action must be one of {MARK_SEEN, REACT, TYPING_OFF, TYPING_ON, UNREACT}",
        )),
    }
}

/// Finds whom the account would write to, by username.
fn recipient(network: &Network, caller: &Caller, ask: &Ask) -> Result<String, Refusal> {
    if network.account(&caller.account).is_none_or(|account| !account.message_access) {
        return Err(Refusal::access_off());
    }
    let person = network.person_scoped(&caller.account, &ask.recipient);
    let person = person.ok_or_else(Refusal::no_person)?.username.clone();
    let app = network.app(&caller.client_id);
    if app.is_some_and(|app| !app.live && !app.testers.contains(&person)) {
        return Err(Refusal::no_role());
    }
    Ok(person)
}

fn check_window(
    sandbox: &Sandbox,
    network: &Network,
    caller: &Caller,
    person: &str,
    ask: &Ask,
) -> Result<(), Refusal> {
    let app = network.app(&caller.client_id);
    let may_stay = app.is_some_and(|app| app.features.contains("human_agent"));
    if ask.is_human_agent && !may_stay {
        return Err(Refusal::no_permission());
    }
    let thread = network.thread(&caller.account, person);
    let opened = thread.and_then(|thread| thread.opened_at);
    // Being seen is no message; the page sets no window for it.
    if opened.is_some() && matches!(ask.content, Content::Action(Action::MarkSeen)) {
        return Ok(());
    }
    let window = if ask.is_human_agent { HUMAN_AGENT_WINDOW } else { STANDARD_WINDOW };
    match opened {
        Some(opened) if sandbox.clock().now().since(opened) <= window => Ok(()),
        _ => Err(Refusal::outside_window()),
    }
}

fn perform(thread: &mut Thread, action: Action) -> Result<(), Refusal> {
    match action {
        Action::Typing(is_typing) => thread.account_is_typing = is_typing,
        Action::MarkSeen => thread.see(Author::Api),
        Action::React(message, emoji) => {
            let message = thread.message_mut(&message);
            let message = message.ok_or_else(|| {
                Refusal::parameter("Param payload[message_id] is no message of this thread")
            })?;
            message.account_reaction = emoji;
        }
    }
    Ok(())
}
