//! Taking out of a webhook what a message said, once it was taken back.

use posta_core::id::RemoteMessage;
use serde_json::{Map, Value};

use crate::contract::REDACTED;
use crate::meta::graph::text;

/// What of a message does not say anything, and tells what kind of event it is.
const KEPT: &[&str] = &["mid", "is_echo", "is_self", "is_deleted", "num_edit"];

pub(super) fn redact(body: &[u8], message: &RemoteMessage) -> Option<Vec<u8>> {
    let mut body: Value = serde_json::from_slice(body).ok()?;
    let mut is_any = false;
    for entry in body.get_mut("entry")?.as_array_mut()? {
        for key in ["messaging", "standby"] {
            for item in each(entry.get_mut(key)) {
                is_any |= redact_item(item, message);
            }
        }
        for change in each(entry.get_mut("changes")) {
            is_any |= change.get_mut("value").is_some_and(|value| redact_item(value, message));
        }
        is_any |= entry.get_mut("value").is_some_and(|value| redact_item(value, message));
    }
    is_any.then(|| body.to_string().into_bytes())
}

/// The items of a list, or the one item that stands in its place.
fn each(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    let (many, one) = match list {
        Some(Value::Array(list)) => (Some(list.iter_mut()), None),
        other => (None, other),
    };
    many.into_iter().flatten().chain(one)
}

fn redact_item(item: &mut Value, message: &RemoteMessage) -> bool {
    let mut is_any = false;
    for key in ["message", "message_edit", "postback"] {
        let Some(part) = item.get_mut(key) else { continue };
        // As the event has it, so that what cannot be stored in an id is no way around this.
        if text(part, "mid").map(RemoteMessage::new).as_ref() != Some(message) {
            continue;
        }
        let Some(said) = part.as_object_mut() else { continue };
        let left: Map<_, _> =
            said.iter().filter(|(key, _)| KEPT.contains(&key.as_str())).map(owned).collect();
        // One that says nothing, such as that it was taken back, stays as it came.
        let is_done = said.get("redacted").is_some_and(|word| word == REDACTED)
            && said.len() == left.len() + 1;
        if left.len() < said.len() && !is_done {
            *said = left;
            said.insert("redacted".to_owned(), REDACTED.into());
            is_any = true;
        }
    }
    is_any
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}
