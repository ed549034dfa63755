//! What a platform can do and how far, as plain data that validation, API and docs all read.

use std::time::Duration;

/// One ability that a platform has whole or not at all. Each is a trait in the connector contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Capability {
    /// Connect, refresh and revoke by OAuth.
    Auth,
    /// Receive webhooks.
    Inbound,
    /// Send messages.
    Messages,
    /// Mark as read and show typing.
    Receipts,
}

/// The numbers a platform sets, the same for validation, the API and the docs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest text of one message.
    pub text: TextLimit,
    /// How long after a person's last message a reply may be sent; `None` when always.
    pub reply_window: Option<ReplyWindow>,
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
}
