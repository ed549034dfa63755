//! Why a message was not sent, as events tell it.

use posta_core::failure::Code;
use serde::Serialize;
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

/// Why a message was not sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureBlock {
    /// The platform's code, when it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// The stable code.
    pub title: String,
    /// What failed and why, for people.
    pub message: String,
    /// The platform's words, when it said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// What the stable code means.
    pub href: String,
    /// What to do about it.
    pub explanation: Option<String>,
}

impl FailureBlock {
    /// Shows an error as it is kept with its message.
    #[must_use]
    pub fn of(public_url: &Url, stored: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let title = text(&stored["code"]).unwrap_or_default();
        let code = Code::ALL.iter().find(|code| code.as_str() == title);
        Self {
            code: stored["platformError"]["code"].as_i64(),
            message: text(&stored["message"]).unwrap_or_default(),
            details: text(&stored["platformError"]["message"]),
            href: format!("{public_url}docs/errors#{title}"),
            explanation: text(&stored["remedy"])
                .or_else(|| code.map(|code| code.remedy().to_owned())),
            title,
        }
    }
}
