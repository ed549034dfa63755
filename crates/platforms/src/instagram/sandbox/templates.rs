//! Attachments, templates and quick replies: which forms a message may have.

use serde_json::{Value, json};

use super::refusal::Refusal;

const MAX_IMAGES: usize = 10;
const MAX_QUICK_REPLIES: usize = 13;
const MAX_QUICK_REPLY_TITLE: usize = 20;
const MAX_ELEMENTS: usize = 10;
const MAX_BUTTONS: usize = 3;
const MAX_TITLE: usize = 80;
const MAX_BUTTON_TEXT: usize = 640;

/// The kinds of attachment that are fetched.
pub(super) const MEDIA: [&str; 4] = ["image", "audio", "video", "file"];

/// Reads `attachment` and `attachments`; the official samples use both, and either with one object.
pub(super) fn attachments(message: &Value) -> Result<Vec<Value>, Refusal> {
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
    let is_many = attachments.len() > 1;
    if attachments.len() > MAX_IMAGES || (is_many && !attachments.iter().all(is_image)) {
        return Err(Refusal::invalid_message("only up to ten images travel together"));
    }
    Ok(attachments)
}

fn check_attachment(attachment: &Value) -> Result<(), Refusal> {
    let payload = &attachment["payload"];
    match attachment["type"].as_str() {
        Some("like_heart") => Ok(()),
        Some(kind) if MEDIA.contains(&kind) => {
            if !payload["attachment_id"].is_null() {
                return Ok(());
            }
            if is_url(&payload["url"]) {
                Ok(())
            } else {
                Err(Refusal::parameter("Param attachment[payload][url] must be a valid URL"))
            }
        }
        Some("MEDIA_SHARE") if payload["id"].is_string() || payload["id"].is_number() => Ok(()),
        Some("MEDIA_SHARE") => {
            Err(Refusal::parameter("Param attachment[payload] must have the id of a post"))
        }
        Some("template") => check_template(payload),
        _ => Err(Refusal::parameter(
            "Param attachment[type] must be one of {audio, file, image, like_heart, MEDIA_SHARE, \
             template, video}",
        )),
    }
}

fn is_url(value: &Value) -> bool {
    let url = value.as_str().and_then(|url| url::Url::parse(url).ok());
    url.is_some_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// Whether this is text of at least one and at most so many characters.
fn is_text(value: &Value, most: usize) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty() && text.chars().count() <= most)
}

fn check_template(payload: &Value) -> Result<(), Refusal> {
    match payload["template_type"].as_str() {
        Some("generic") => {
            let elements = list(&payload["elements"], MAX_ELEMENTS, "elements")?;
            elements.iter().try_for_each(check_element)
        }
        Some("button") => {
            if !is_text(&payload["text"], MAX_BUTTON_TEXT) {
                return Err(Refusal::invalid_message("the text has 1 to 640 characters"));
            }
            let buttons = list(&payload["buttons"], MAX_BUTTONS, "buttons")?;
            buttons.iter().try_for_each(check_button)
        }
        // The product template is for Pages, which have a catalogue.
        _ => Err(Refusal::invalid_message("the template_type is generic or button")),
    }
}

fn list<'a>(value: &'a Value, most: usize, what: &str) -> Result<&'a Vec<Value>, Refusal> {
    let list = value.as_array().filter(|list| !list.is_empty() && list.len() <= most);
    list.ok_or_else(|| Refusal::invalid_message(&format!("there are 1 to {most} {what}")))
}

fn check_element(element: &Value) -> Result<(), Refusal> {
    if !is_text(&element["title"], MAX_TITLE) {
        return Err(Refusal::invalid_message("each element has a title of 1 to 80 characters"));
    }
    let has = |name: &str| !element[name].is_null();
    if has("subtitle") && !is_text(&element["subtitle"], MAX_TITLE) {
        return Err(Refusal::invalid_message("a subtitle has 1 to 80 characters"));
    }
    if has("image_url") && !is_url(&element["image_url"]) {
        return Err(Refusal::invalid_message("an image_url is a URL"));
    }
    let action = &element["default_action"];
    if has("default_action") && !(action["type"] == "web_url" && is_url(&action["url"])) {
        return Err(Refusal::invalid_message("a default_action is a web_url with a url"));
    }
    if has("buttons") {
        let buttons = list(&element["buttons"], MAX_BUTTONS, "buttons")?;
        buttons.iter().try_for_each(check_button)?;
    }
    if ["subtitle", "image_url", "default_action", "buttons"].into_iter().any(has) {
        Ok(())
    } else {
        Err(Refusal::invalid_message("an element has more than its title"))
    }
}

fn check_button(button: &Value) -> Result<(), Refusal> {
    let has_title = is_text(&button["title"], usize::MAX);
    let is_right = match button["type"].as_str() {
        Some("web_url") => is_url(&button["url"]),
        Some("postback") => is_text(&button["payload"], usize::MAX),
        _ => false,
    };
    if has_title && is_right {
        Ok(())
    } else {
        let why = "a button has a title, and is a web_url with a url or a postback with a payload";
        Err(Refusal::invalid_message(why))
    }
}

/// Reads quick replies, cutting titles where the platform cuts them.
pub(super) fn quick_replies(replies: &Value, has_text: bool) -> Result<Vec<Value>, Refusal> {
    let list = replies.as_array().filter(|list| list.len() <= MAX_QUICK_REPLIES && has_text);
    let incomplete = "quick replies are up to 13, complete, and below a text";
    let list = list.ok_or_else(|| Refusal::invalid_message(incomplete))?;
    let read = |reply: &Value| match reply["content_type"].as_str() {
        Some("text") => {
            let (title, payload) = (reply["title"].as_str()?, reply["payload"].as_str()?);
            let cut: String = title.chars().take(MAX_QUICK_REPLY_TITLE).collect();
            (!cut.is_empty())
                .then(|| json!({"content_type": "text", "title": cut, "payload": payload}))
        }
        Some("user_phone_number" | "user_email") => Some(reply.clone()),
        _ => None,
    };
    let read: Option<Vec<Value>> = list.iter().map(read).collect();
    read.ok_or_else(|| Refusal::invalid_message(incomplete))
}
