//! Webhooks: whose they are, and what happened. Pure functions over bytes; nothing here waits.

mod attachments;
mod messaging;
mod redact;

use http::HeaderMap;
use posta_core::event::{Comment, Event, What};
use posta_core::id::{RemoteAccount, RemoteMessage, RemotePerson};
use posta_core::secret::Secret;
use posta_core::time::Timestamp;
use serde_json::Value;

use self::messaging::{Parties, party};
use super::Instagram;
use crate::contract::{Inbound, Subscription, Unparsed};
use crate::meta::graph::{integer, text};
use crate::meta::sign;

/// The fields of the official table (developers.facebook.com/docs/instagram-platform/webhooks, read
/// 2026-11-23). One unknown name refuses the whole call, so `message_edit`, which only an example
/// page mentions, is left out: an account that is subscribed to anything gets every field the app
/// is subscribed to. Which of `messages` and `message_echoes` brings the echoes is not said.
const FIELDS: &[&str] = &[
    "messages",
    "message_echoes",
    "message_reactions",
    "messaging_postbacks",
    "messaging_seen",
    "messaging_referral",
    "messaging_handover",
    "standby",
    "comments",
    "live_comments",
];

impl Inbound for Instagram {
    fn subscription(&self) -> Subscription {
        Subscription { object: "instagram", fields: FIELDS }
    }

    fn challenge(&self, query: &[(String, String)], tokens: &[Secret]) -> Option<String> {
        sign::challenge(query, tokens)
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], secrets: &[Secret]) -> Vec<usize> {
        sign::signers(headers, body, secrets)
    }

    fn parse(&self, body: &[u8]) -> Result<Vec<Event>, Unparsed> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| Unparsed(format!("the body is not JSON: {error}")))?;
        let entries = body.get("entry").and_then(Value::as_array);
        let entries = entries.ok_or_else(|| Unparsed("the body has no list `entry`".to_owned()))?;
        Ok(entries.iter().flat_map(events).collect())
    }

    fn redact(&self, body: &[u8], message: &RemoteMessage) -> Option<Vec<u8>> {
        redact::redact(body, message)
    }
}

/// Reads an entry, which carries its events in one of four forms, or in several.
fn events(entry: &Value) -> Vec<Event> {
    let list = |key: &str| match entry.get(key) {
        Some(Value::Array(list)) => list.as_slice(),
        // Not a form we know, and yet it must not be lost.
        Some(other) => std::slice::from_ref(other),
        None => &[],
    };
    let account = RemoteAccount::new(text(entry, "id").unwrap_or_default());
    let source = Source { account: &account, sent: time(entry, "time") };
    let mut events = Vec::new();
    for (key, standby) in [("messaging", false), ("standby", true)] {
        events.extend(list(key).iter().map(|item| source.event(item, item, standby)));
    }
    events.extend(list("changes").iter().map(|change| source.change(change)));
    if entry.get("field").is_some() {
        events.push(source.change(entry));
    }
    if events.is_empty() {
        events.push(source.wrap(entry, None, false, What::Unknown));
    }
    events
}

/// What all events of an entry have in common.
struct Source<'a> {
    account: &'a RemoteAccount,
    sent: Option<Timestamp>,
}

impl Source<'_> {
    /// Reads `{field, value}`. The dashboard sends messaging fields in this form too.
    fn change(&self, change: &Value) -> Event {
        let field = change.get("field").and_then(Value::as_str);
        let value = change.get("value").unwrap_or(&Value::Null);
        match field {
            Some(field @ ("comments" | "live_comments")) if !self.is_test(value) => {
                let comment = comment(value, self.account, field == "live_comments");
                self.wrap(change, time(value, "timestamp"), false, comment)
            }
            Some("mentions") if !self.is_test(value) => {
                self.wrap(change, time(value, "timestamp"), false, mention(value))
            }
            _ => self.event(change, value, field == Some("standby")),
        }
    }

    /// Reads a messaging item that stands in `raw`.
    fn event(&self, raw: &Value, item: &Value, standby: bool) -> Event {
        let what = if self.is_test(item) {
            What::TestSend
        } else {
            let parties = Parties::of(item, self.account);
            parties.read(item).unwrap_or(What::Unknown)
        };
        self.wrap(raw, time(item, "timestamp"), standby, what)
    }

    fn wrap(&self, raw: &Value, at: Option<Timestamp>, standby: bool, what: What) -> Event {
        Event {
            account: self.account.clone(),
            at: at.or(self.sent),
            standby,
            what,
            raw: raw.clone(),
        }
    }

    /// The dashboard's samples come for account "0", and their people are always the same two.
    fn is_test(&self, item: &Value) -> bool {
        self.account.as_str() == "0"
            || (party(item, "sender").as_deref() == Some("12334")
                && party(item, "recipient").as_deref() == Some("23245"))
    }
}

/// Reads seconds or milliseconds, as a number or as text.
fn time(value: &Value, key: &str) -> Option<Timestamp> {
    integer(value, key).and_then(Timestamp::from_seconds_or_millis)
}

/// Reads a comment, whose id has another name for apps of the Page path.
fn comment(value: &Value, account: &RemoteAccount, is_live: bool) -> What {
    let Some(id) = text(value, "id").or_else(|| text(value, "comment_id")) else {
        return What::Unknown;
    };
    let from = value.get("from").unwrap_or(&Value::Null);
    let media = value.get("media").unwrap_or(&Value::Null);
    let author = text(from, "id");
    let is_own = from.get("self_ig_scoped_id").is_some_and(|id| !id.is_null())
        || author.as_deref() == Some(account.as_str());
    What::Comment(Box::new(Comment {
        id,
        parent: text(value, "parent_id"),
        post: text(media, "id"),
        post_kind: text(media, "media_product_type"),
        author: author.map(RemotePerson::new),
        author_username: text(from, "username"),
        text: text(value, "text"),
        is_own,
        is_live,
        ad_id: text(media, "ad_id"),
    }))
}

/// Reads a mention in a comment on somebody else's post, of which apps of the Page path are told by
/// its ids alone. One in a caption has no comment that could be stored.
fn mention(value: &Value) -> What {
    let Some(id) = text(value, "comment_id") else {
        return What::Unknown;
    };
    What::Comment(Box::new(Comment {
        id,
        parent: None,
        post: text(value, "media_id"),
        post_kind: None,
        author: None,
        author_username: None,
        text: None,
        is_own: false,
        is_live: false,
        ad_id: None,
    }))
}

#[cfg(test)]
mod tests;
