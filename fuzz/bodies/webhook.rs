//! A verified webhook with anything in it: read, written, and rid of what was taken back.

use posta_core::event::{Event, What};
use posta_core::id::RemoteMessage;
use posta_core::time::Timestamp;
use posta_platforms::ALL;
use posta_platforms::contract::Inbound;
use serde_json::Value;

pub(crate) fn run(data: &[u8]) {
    for inbound in ALL.iter().filter_map(|platform| platform.inbound()) {
        let Ok(events) = inbound.parse(data) else {
            assert_eq!(inbound.redact(data, &RemoteMessage::new("m")), None, "nothing to redact");
            continue;
        };
        let value: Value = serde_json::from_slice(data).expect("what is no JSON has no events");
        if has_fraction(&value) {
            continue;
        }
        let again = inbound.parse(value.to_string().as_bytes());
        assert_eq!(again.as_ref(), Ok(&events), "however its JSON is written, it says the same");
        for event in &events {
            written(event);
        }
        for message in messages(&events) {
            taken_back(inbound, data, &events, message);
        }
    }
}

/// Whether there is a number that may change in its last digit when it is written and read again.
/// No platform's event depends on one.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// What is announced and kept for later is JSON, whose times are read again.
fn written(event: &Event) {
    let json = serde_json::to_string(event).expect("events are JSON");
    let value: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(value["raw"], event.raw);
    if let Some(at) = event.at {
        let read: Timestamp = serde_json::from_value(value["at"].clone()).expect("a time");
        assert_eq!(read, at);
    }
}

fn messages(events: &[Event]) -> impl Iterator<Item = &RemoteMessage> {
    events.iter().filter_map(|event| match &event.what {
        What::Message(message) => Some(&message.id),
        What::MessageEdited(edit) => Some(&edit.message),
        _ => None,
    })
}

/// Nothing that a message said is left, and all other events stay as and where they were.
fn taken_back(inbound: &dyn Inbound, data: &[u8], before: &[Event], message: &RemoteMessage) {
    let Some(redacted) = inbound.redact(data, message) else {
        assert!(before.iter().all(|event| says_nothing(event, message)), "{message} is left");
        return;
    };
    assert_eq!(inbound.redact(&redacted, message), None, "twice is once");
    let after = inbound.parse(&redacted).expect("it is still a webhook");
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert!(says_nothing(after, message), "{message} is left");
        // Of what is not understood the words are taken out where they stand, in `raw`.
        if before.what == What::Unknown || subject(before) == Some(message) {
            continue;
        }
        // One item can name two messages, of which one is read: the other's words go out of `raw`.
        let raw = if before.raw.to_string().contains(message.as_str()) {
            &after.raw
        } else {
            &before.raw
        };
        assert_eq!(&Event { raw: raw.clone(), ..before.clone() }, after);
    }
}

fn subject(event: &Event) -> Option<&RemoteMessage> {
    match &event.what {
        What::Message(message) => Some(&message.id),
        What::MessageEdited(edit) => Some(&edit.message),
        _ => None,
    }
}

/// Whether an event carries no words and no attachments of this message. A tap without an id of its
/// own cannot be taken back.
fn says_nothing(event: &Event, message: &RemoteMessage) -> bool {
    match &event.what {
        What::Message(one) if one.id == *message && !one.id.is_stand_in() => {
            one.text.is_none()
                && one.attachments.is_empty()
                && one.quick_reply.is_none()
                && one.story_reply.is_none()
                && one
                    .postback
                    .as_ref()
                    .is_none_or(|tap| tap.title.is_none() && tap.payload.is_none())
        }
        What::MessageEdited(edit) if edit.message == *message => edit.text.is_none(),
        _ => true,
    }
}
