//! What a message looks like on its way to Instagram.

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::message::{
    Button, ButtonAction, Card, Content, Media, MediaKind, MediaSource, QuickReply,
};
use serde_json::{Map, Value, json};

/// Writes the `message` of a send. The forms: developers.facebook.com/docs/instagram-platform/
/// instagram-api-with-instagram-login/messaging-api and the pages below it, read 2026-11-24.
pub(super) fn message(content: &Content) -> Result<Value, ConnectorError> {
    Ok(match content {
        Content::Text { text, quick_replies } if quick_replies.is_empty() => json!({"text": text}),
        Content::Text { text, quick_replies } => {
            let replies: Vec<Value> = quick_replies.iter().map(quick_reply).collect();
            json!({"text": text, "quick_replies": replies})
        }
        Content::Media { items, quick_replies } => {
            if !quick_replies.is_empty() {
                return Err(impossible("quick replies stand only below a text"));
            }
            media(items)?
        }
        Content::Buttons { text, buttons } => {
            let buttons = self::buttons(buttons)?;
            template(&json!({"template_type": "button", "text": text, "buttons": buttons}))
        }
        Content::Cards { cards } => {
            let elements: Vec<Value> = cards.iter().map(card).collect::<Result<_, _>>()?;
            template(&json!({"template_type": "generic", "elements": elements}))
        }
        Content::Share { post } => {
            json!({"attachment": {"type": "MEDIA_SHARE", "payload": {"id": post}}})
        }
        Content::Sticker { name } => json!({"attachment": {"type": name}}),
    })
}

/// Names a kind of attachment as Instagram does.
pub(super) fn kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::File => "file",
    }
}

fn media(items: &[Media]) -> Result<Value, ConnectorError> {
    let attachment = |item: &Media| {
        let payload = match &item.source {
            MediaSource::Url(url) => json!({"url": url}),
            MediaSource::Uploaded(id) => json!({"attachment_id": id}),
        };
        json!({"type": kind(item.kind), "payload": payload})
    };
    match items {
        [] => Err(impossible("there is no attachment")),
        [one] => Ok(json!({"attachment": attachment(one)})),
        several if several.iter().all(|item| item.kind == MediaKind::Image) => {
            let all: Vec<Value> = several.iter().map(attachment).collect();
            Ok(json!({"attachments": all}))
        }
        _ => Err(impossible("only pictures travel together")),
    }
}

fn quick_reply(reply: &QuickReply) -> Value {
    json!({"content_type": "text", "title": reply.title, "payload": reply.payload})
}

/// Writes buttons. There are these two kinds and no other.
pub(in super::super) fn buttons(buttons: &[Button]) -> Result<Vec<Value>, ConnectorError> {
    let write = |button: &Button| match &button.action {
        ButtonAction::Url(url) => Ok(json!({"type": "web_url", "url": url, "title": button.title})),
        ButtonAction::Postback(payload) => {
            Ok(json!({"type": "postback", "payload": payload, "title": button.title}))
        }
        ButtonAction::Phone(_) => Err(impossible("a button cannot call a number")),
    };
    buttons.iter().map(write).collect()
}

fn card(card: &Card) -> Result<Value, ConnectorError> {
    let mut element = Map::from_iter([("title".to_owned(), json!(card.title))]);
    for (name, text) in [("subtitle", &card.subtitle), ("image_url", &card.image_url)] {
        if let Some(text) = text {
            element.insert(name.to_owned(), json!(text));
        }
    }
    if !card.buttons.is_empty() {
        element.insert("buttons".to_owned(), json!(buttons(&card.buttons)?));
    }
    Ok(Value::Object(element))
}

fn template(payload: &Value) -> Value {
    json!({"attachment": {"type": "template", "payload": payload}})
}

/// What the limits should have kept from coming here.
fn impossible(why: &str) -> ConnectorError {
    ConnectorError::new(Code::InvalidContent, Retry::Permanent, format!("On Instagram {why}"))
}
