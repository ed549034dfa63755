//! What text may hold: everything but U+0000, which Postgres cannot keep.
//!
//! Platforms, people and endpoints may well send it, and nothing accepted may be lost or stuck
//! because of it. So whatever is not our own wording goes through here on its way into a query, on
//! both databases, and U+0000 becomes U+FFFD. A platform's ids are rid of it when they are made,
//! and raw webhooks are bytes and keep it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::types::Json;

use crate::Result;

/// Text from outside, fit for a column.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// JSON as it is written into a column.
pub(crate) type Written = Json<Box<RawValue>>;

/// JSON from outside, fit for a column.
pub(crate) fn json(value: &impl Serialize) -> Result<Written> {
    let written = serde_json::to_string(value).and_then(|text| RawValue::from_string(clean(text)));
    written.map(Json).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Replaces U+0000 in JSON text, where it can only stand as an escape.
fn clean(json: String) -> String {
    const NUL: &str = "\\u0000";
    if !json.contains(NUL) {
        return json;
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(NUL) {
            clean.push('\u{FFFD}');
            rest = after;
        } else {
            // Any other escape, among them a backslash that the next character does not belong to.
            clean.push_str(&rest[..2]);
            rest = &rest[2..];
        }
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nul_is_replaced() {
        for (before, after) in [
            ("", ""),
            ("Grüße 👋", "Grüße 👋"),
            ("a\0b\0", "a\u{FFFD}b\u{FFFD}"),
            ("\\u0000", "\\u0000"),
            ("\\\0\\\\u0000\"\n", "\\\u{FFFD}\\\\u0000\"\n"),
            ("\u{1}\u{7f}", "\u{1}\u{7f}"),
        ] {
            assert_eq!(text(before), after);
            let value = serde_json::json!({ before: [before, 1.5, null] });
            let written = json(&value).unwrap();
            let read: serde_json::Value = serde_json::from_str(written.get()).unwrap();
            assert_eq!(read, serde_json::json!({ after: [after, 1.5, null] }));
        }
    }
}
