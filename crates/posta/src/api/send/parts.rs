//! The parts that a message is put together from, as requests write them.

use posta_core::message::{Button, ButtonAction, MediaKind, MediaSource, QuickReply};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::error::{ApiError, Result};
use crate::api::extract::http_url;
use crate::flows::media;
use crate::flows::send::Attached;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttachmentRequest {
    /// A public URL.
    pub(super) url: Option<String>,
    /// In place of the URL: what the platform calls it.
    pub(super) attachment_id: Option<String>,
    /// What it is; without it the ending of the URL tells.
    #[serde(rename = "type")]
    pub(super) kind: Option<MediaKind>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuickReplyRequest {
    /// What it says.
    pub(super) title: String,
    /// What comes back with the tap.
    pub(super) payload: String,
    /// A picture beside it, where the platform shows one.
    pub(super) image_url: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ButtonRequest {
    /// What it does.
    #[serde(rename = "type")]
    pub(super) kind: ButtonType,
    /// What it says.
    pub(super) title: String,
    /// For `url`: the page.
    pub(super) url: Option<String>,
    /// For `postback`: what comes back with the tap.
    pub(super) payload: Option<String>,
    /// For `phone`: the number.
    pub(super) phone: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ButtonType {
    /// Opens a page.
    Url,
    /// Sends its payload back.
    Postback,
    /// Calls a number.
    Phone,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TemplateRequest {
    /// `generic`.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// The cards.
    pub(super) elements: Vec<ElementRequest>,
    /// Has no effect here.
    pub(super) image_aspect_ratio: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ElementRequest {
    /// Its heading.
    pub(super) title: String,
    /// The line below it.
    pub(super) subtitle: Option<String>,
    /// Its picture.
    pub(super) image_url: Option<String>,
    /// Its buttons.
    #[serde(default, deserialize_with = "list")]
    pub(super) buttons: Vec<ButtonRequest>,
}

/// Reads a list that may be null.
pub(crate) fn list<'de, D, T>(deserializer: D) -> std::result::Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a truth that may be null.
pub(super) fn flag<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<bool, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

pub(super) fn attached(
    url: Option<&str>,
    id: Option<&str>,
    kind: Option<MediaKind>,
    url_param: &str,
    kind_param: &str,
) -> Result<Attached> {
    let (guess, source) = match (url, id) {
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_value(url_param, "and attachmentId exclude each other"));
        }
        (None, None) => return Err(ApiError::missing(url_param)),
        (Some(url), None) => {
            (media::kind_of_name(url), MediaSource::Url(http_url(url_param, url)?))
        }
        (None, Some(id)) => (MediaKind::File, MediaSource::Uploaded(id.to_owned())),
    };
    // The platform's ids do not tell what they are.
    if id.is_some() && kind.is_none() {
        return Err(ApiError::missing(kind_param));
    }
    let (kind_param, source_param) = (kind_param.to_owned(), url_param.to_owned());
    Ok(Attached { kind: kind.unwrap_or(guess), source, kind_param, source_param })
}

pub(crate) fn quick_reply(reply: &QuickReplyRequest) -> QuickReply {
    QuickReply {
        title: reply.title.clone(),
        payload: reply.payload.clone(),
        image_url: reply.image_url.clone(),
    }
}

/// Turns buttons into what they do.
pub(crate) fn buttons(param: &str, buttons: &[ButtonRequest]) -> Result<Vec<Button>> {
    let button = |(index, button): (usize, &ButtonRequest)| {
        let name = |field: &str| format!("{param}[{index}].{field}");
        let need = |value: &Option<String>, field: &str| {
            value.clone().ok_or_else(|| ApiError::missing(&name(field)))
        };
        let action = match button.kind {
            ButtonType::Url => {
                ButtonAction::Url(http_url(&name("url"), &need(&button.url, "url")?)?)
            }
            ButtonType::Postback => ButtonAction::Postback(need(&button.payload, "payload")?),
            ButtonType::Phone => ButtonAction::Phone(need(&button.phone, "phone")?),
        };
        Ok(Button { title: button.title.clone(), action })
    };
    buttons.iter().enumerate().map(button).collect()
}
