//! What somebody wants to send, as JSON or as a form with a file.

use axum::extract::{FromRequest, Request};
use posta_core::id::AccountId;
use posta_core::message::{Card, MediaKind, Tag};
use posta_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::Warning;
use super::parts::{
    AttachmentRequest, ButtonRequest, ElementRequest, QuickReplyRequest, TemplateRequest, attached,
    buttons, flag, list, quick_reply,
};
use crate::api::auth::Caller;
use crate::api::error::{ApiError, Result};
use crate::api::extract::{Body, from_value, http_url};
use crate::api::form::{Form, Part};
use crate::app::App;
use crate::flows::media;
use crate::flows::send::{Attached, Draft, Priority};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendRequest {
    /// The account that writes.
    pub(super) account_id: AccountId,
    /// The text.
    message: Option<String>,
    /// A public URL, such as one from `POST /v1/media/upload-direct`. With a text beside it this
    /// becomes two messages.
    attachment_url: Option<String>,
    /// In place of the URL: what the platform calls an attachment that was uploaded there.
    attachment_id: Option<String>,
    /// What is attached; without it the ending of the URL tells.
    attachment_type: Option<MediaKind>,
    /// Several attachments; pictures that follow each other travel in one message.
    #[serde(default, deserialize_with = "list")]
    attachments: Vec<AttachmentRequest>,
    /// Answers to choose from, below the text.
    #[serde(default, deserialize_with = "list")]
    quick_replies: Vec<QuickReplyRequest>,
    /// Buttons below the text.
    #[serde(default, deserialize_with = "list")]
    buttons: Vec<ButtonRequest>,
    /// Cards side by side.
    template: Option<TemplateRequest>,
    /// A post of the account's own to share, by the platform's id; nothing else goes with it.
    shared_media_id: Option<String>,
    /// A sticker, by its name; nothing else goes with it.
    sticker: Option<String>,
    /// `RESPONSE`, `UPDATE`, or `MESSAGE_TAG` together with `messageTag`.
    messaging_type: Option<String>,
    /// `HUMAN_AGENT`: a person typed this, within 7 days of the customer's last message.
    message_tag: Option<String>,
    /// `human` when a person typed this, else `api`.
    #[serde(default)]
    pub(super) sent_via: SentVia,
    /// What goes first of all that waits for the account; without it `human` when a person typed this,
    /// else `automation`. Within a conversation the order stays.
    pub(super) priority: Option<Priority>,
    /// Whether a text that is too long becomes several messages, instead of being refused.
    #[serde(default, deserialize_with = "flag")]
    split: bool,
    /// Whether the message waits while the account is disconnected, until it is connected again or
    /// the reply window closes, instead of being refused.
    #[serde(default, deserialize_with = "flag")]
    pub(super) hold: bool,
    /// When it is to be sent, instead of now: at most 30 days ahead. The reply window must be open then.
    pub(super) send_at: Option<Timestamp>,
    /// What is passed over.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The same as a form, with the file in it. Lists and objects are JSON in text.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes a form that is read field by field")]
pub(crate) struct SendForm {
    /// The account that writes.
    account_id: AccountId,
    /// The text.
    message: Option<String>,
    /// The file, of 25 MB at most.
    #[schema(format = Binary, value_type = String)]
    attachment: Vec<u8>,
    /// The list, as JSON.
    quick_replies: Option<String>,
    /// The list, as JSON.
    buttons: Option<String>,
    /// The object, as JSON.
    template: Option<String>,
    /// `RESPONSE`, `UPDATE`, or `MESSAGE_TAG` together with `messageTag`.
    messaging_type: Option<String>,
    /// `HUMAN_AGENT`.
    message_tag: Option<String>,
    /// When it is to be sent.
    send_at: Option<Timestamp>,
    /// `human`, `automation` or `bulk`.
    priority: Option<Priority>,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SentVia {
    /// A program.
    #[default]
    Api,
    /// A person.
    Human,
}

impl SentVia {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Human => "human",
        }
    }
}

/// What would make another message of it on platforms that have such a thing.
const ELSEWHERE: [&str; 4] = ["interactive", "replyMarkup", "location", "contacts"];

/// Reads the body of a send, whichever form it has.
pub(super) async fn read(
    app: &App,
    caller: &Caller,
    request: Request,
) -> Result<Body<SendRequest>> {
    if !Form::is_in(&request) {
        return Body::from_request(request, app).await;
    }
    let mut form = Form::read(request).await?;
    let mut fields = Map::new();
    while let Some(part) = form.next("attachment").await? {
        match part {
            Part::Text(name, text) => {
                let value = match name.as_str() {
                    "quickReplies" | "buttons" | "template" | "replyMarkup" | "attachments" => {
                        serde_json::from_str(&text).map_err(|error| {
                            ApiError::bad_value(&name, format!("is not valid JSON: {error}"))
                        })?
                    }
                    "split" | "hold" | "voiceNote" => match text.as_str() {
                        "true" => Value::Bool(true),
                        "false" => Value::Bool(false),
                        _ => return Err(ApiError::bad_value(&name, "must be true or false")),
                    },
                    _ => Value::String(text),
                };
                fields.insert(name, value);
            }
            Part::File(file) => {
                let file = file.take_in(app, caller).await?.finish(app, None).await?;
                fields.insert("attachmentUrl".to_owned(), media::url(app, &file).into());
            }
        }
    }
    // The same file has the same URL, so a repeat of the request has the same hash.
    let text = serde_json::to_vec(&fields).map_err(ApiError::internal)?;
    let hash = hex::encode(Sha256::digest(text));
    Ok(Body { value: from_value(Value::Object(fields))?, hash })
}

impl SendRequest {
    /// Lists what is passed over.
    ///
    /// # Errors
    /// When something is asked for that would make another message of it.
    pub(super) fn warnings(&self) -> Result<Vec<Warning>> {
        let is_given = |value: &Value| match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            _ => true,
        };
        let mut ignored = Vec::new();
        for (name, _) in self.rest.iter().filter(|(_, value)| is_given(value)) {
            if ELSEWHERE.contains(&name.as_str()) {
                let code = posta_core::failure::Code::PlatformNotSupported;
                let message = format!("the account's platform knows no {name}");
                return Err(ApiError::new(code, message).param(name.as_str()));
            }
            // Official clients send these defaults along with every message.
            let is_default = match name.as_str() {
                "linkPreview" => self.rest[name] == Value::Bool(true),
                "voiceNote" => self.rest[name] == Value::Bool(false),
                _ => false,
            };
            if !is_default {
                ignored.push(name.clone());
            }
        }
        for (index, reply) in self.quick_replies.iter().enumerate() {
            if reply.image_url.is_some() {
                ignored.push(format!("quickReplies[{index}].imageUrl"));
            }
        }
        if self.template.as_ref().is_some_and(|one| one.image_aspect_ratio.is_some()) {
            ignored.push("template.imageAspectRatio".to_owned());
        }
        let warning = |param: String| {
            let message = format!("{param} has no effect here");
            Warning { code: "ignored_field", param, message }
        };
        Ok(ignored.into_iter().map(warning).collect())
    }

    pub(super) fn tag(&self) -> Result<Option<Tag>> {
        let kind = self.messaging_type.as_deref();
        if kind.is_some_and(|kind| !["RESPONSE", "UPDATE", "MESSAGE_TAG"].contains(&kind)) {
            let problem = "must be RESPONSE, UPDATE or MESSAGE_TAG";
            return Err(ApiError::bad_value("messagingType", problem));
        }
        match (self.message_tag.as_deref(), kind) {
            (None, Some("MESSAGE_TAG")) => Err(ApiError::missing("messageTag")),
            (None, _) => Ok(None),
            (Some("HUMAN_AGENT"), _) => Ok(Some(Tag::HumanAgent)),
            (Some(_), _) => Err(ApiError::bad_value(
                "messageTag",
                "must be HUMAN_AGENT; Meta has retired the others",
            )),
        }
    }

    /// Turns the request into what it says.
    pub(super) fn draft(&self) -> Result<Draft> {
        Ok(Draft {
            text: self.message.clone(),
            attachments: self.attached()?,
            quick_replies: self.quick_replies.iter().map(quick_reply).collect(),
            buttons: buttons("buttons", &self.buttons)?,
            cards: self.cards()?,
            share: self.shared_media_id.clone(),
            sticker: self.sticker.clone(),
            is_split: self.split,
        })
    }

    fn attached(&self) -> Result<Vec<Attached>> {
        let single = (self.attachment_url.is_some() || self.attachment_id.is_some()).then(|| {
            let (url, id) = (self.attachment_url.as_deref(), self.attachment_id.as_deref());
            attached(url, id, self.attachment_type, "attachmentUrl", "attachmentType")
        });
        let list = self.attachments.iter().enumerate().map(|(index, one)| {
            let param = |name: &str| format!("attachments[{index}].{name}");
            let (url, id) = (one.url.as_deref(), one.attachment_id.as_deref());
            attached(url, id, one.kind, &param("url"), &param("type"))
        });
        single.into_iter().chain(list).collect()
    }

    fn cards(&self) -> Result<Vec<Card>> {
        let Some(template) = &self.template else {
            return Ok(Vec::new());
        };
        if template.kind.as_deref().is_some_and(|kind| kind != "generic") {
            return Err(ApiError::bad_value("template.type", "must be generic"));
        }
        if template.elements.is_empty() {
            return Err(ApiError::bad_value("template.elements", "must not be empty"));
        }
        let card = |(index, element): (usize, &ElementRequest)| {
            let param = format!("template.elements[{index}]");
            let image = element.image_url.as_deref();
            Ok(Card {
                title: element.title.clone(),
                subtitle: element.subtitle.clone(),
                image_url: image
                    .map(|url| http_url(&format!("{param}.imageUrl"), url))
                    .transpose()?,
                buttons: buttons(&format!("{param}.buttons"), &element.buttons)?,
            })
        };
        template.elements.iter().enumerate().map(card).collect()
    }
}
