//! Receiving webhooks.

use http::HeaderMap;
use posta_core::event::Event;
use posta_core::id::RemoteMessage;
use posta_core::secret::Secret;

/// Receiving webhooks. `verify`, `parse` and `redact` are pure; neither waits for anything.
pub trait Inbound: Sync {
    /// Returns what the platform calls the thing to subscribe to, and its fields, as its dashboard
    /// names them.
    fn subscription(&self) -> Subscription;

    /// Answers the platform's question whether this URL is ours: the text to return, if the verify
    /// token is one of `tokens`.
    fn challenge(&self, query: &[(String, String)], tokens: &[Secret]) -> Option<String>;

    /// Finds which of the secrets signed these raw bytes, by index.
    fn verify(&self, headers: &HeaderMap, body: &[u8], secrets: &[Secret]) -> Vec<usize>;

    /// Reads the events out of a verified body. One bad event becomes `Unknown`, alone.
    fn parse(&self, body: &[u8]) -> Result<Vec<Event>, Unparsed>;

    /// Takes the words and attachments of a message out of a body and says so in their place; `None`
    /// when there are none. What is left has the same events in the same places.
    fn redact(&self, body: &[u8], message: &RemoteMessage) -> Option<Vec<u8>>;
}

/// What stands in the place of what was taken out of a body.
pub const REDACTED: &str = "the message was taken back, and what it said was deleted";

/// What to subscribe to in a platform's dashboard.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// The kind of object.
    pub object: &'static str,
    /// The fields.
    pub fields: &'static [&'static str],
}

/// A webhook body that is not of the platform's form at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unparsed(pub String);
