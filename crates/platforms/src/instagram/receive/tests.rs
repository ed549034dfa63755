//! Every held payload has its events, and no payload spoils another.

use std::path::PathBuf;

use rstest::rstest;
use serde_json::json;

use super::*;

const RAW: &[u8] = include_bytes!("../fixtures/message-text-raw-escaped.json");
const SECRET: &str = "posta-fixture-instagram-app-secret";
const SIGNATURE: &str = "f6751bf0eb9ce66c414260b27dd89f330c7cce1d7cc267641b516b55244edbcd";

fn parse(body: &Value) -> Vec<Event> {
    Instagram.parse(body.to_string().as_bytes()).unwrap()
}

/// Parses one item of one entry of account 1784.
fn one(key: &str, item: &Value) -> Event {
    let mut events = parse(&json!({"object": "instagram", "entry": [
        {"id": "1784", "time": 1_767_182_410_430_i64, key: [item]}
    ]}));
    assert_eq!(events.len(), 1);
    events.remove(0)
}

/// Parses what the person 1099 did, as one messaging item.
fn did(key: &str, what: &Value) -> What {
    let item = json!({
        "sender": {"id": "1099"}, "recipient": {"id": "1784"},
        "timestamp": 1_767_182_410_000_i64, key: what,
    });
    one("messaging", &item).what
}

#[rstest]
fn every_fixture_has_its_events(#[files("src/instagram/fixtures/*.json")] path: PathBuf) {
    let mut events = Instagram.parse(&std::fs::read(&path).unwrap()).unwrap();
    for event in &mut events {
        assert!(!matches!(event.what, What::Unknown), "{:?}", event.raw);
        assert!(event.raw.is_object());
        // The fixture itself shows it.
        event.raw = Value::Null;
    }
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    insta::with_settings!({ snapshot_suffix => name, sort_maps => true, omit_expression => true }, {
        insta::assert_json_snapshot!("events", events);
    });
}

#[test]
fn a_signature_is_over_the_bytes_that_arrived() {
    let verify = |name: &'static str, value: &str, body: &[u8]| {
        let name = http::HeaderName::from_static(name);
        let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        let secrets = ["other", SECRET, "", SECRET].map(Secret::new);
        Instagram.verify(&headers, body, &secrets)
    };
    let sha256 = format!("sha256={SIGNATURE}");
    assert_eq!(RAW.len(), 486);
    assert_eq!(verify("x-hub-signature-256", &sha256, RAW), [1, 3]);

    let mut tampered = RAW.to_vec();
    tampered[100] ^= 1;
    assert!(verify("x-hub-signature-256", &sha256, &tampered).is_empty());

    let value: Value = serde_json::from_slice(RAW).unwrap();
    let again = serde_json::to_vec(&value).unwrap();
    assert_ne!(again, RAW);
    assert!(verify("x-hub-signature-256", &sha256, &again).is_empty());
    let of_decoded = "sha256=62dbbba18c8486538360f41939af58e29c86a92e807bb490ee1bdebacf7544f7";
    assert!(verify("x-hub-signature-256", of_decoded, RAW).is_empty());

    let sha1 = "sha1=d27bf9ac230f75bdc9399a05a1f7cb1300dc5cad";
    assert!(verify("x-hub-signature", sha1, RAW).is_empty());
    assert!(verify("x-hub-signature-256", sha1, RAW).is_empty());
}

#[test]
fn a_body_without_entries_is_no_webhook() {
    for body in ["", "[]", "7", "{}", r#"{"entry":{}}"#, r#"[{"entry":[]}]"#, "{\"entry\":["] {
        assert!(Instagram.parse(body.as_bytes()).is_err(), "{body}");
    }
    assert_eq!(Instagram.parse(br#"{"entry":[]}"#), Ok(Vec::new()));
}

#[test]
fn one_bad_event_is_unknown_alone() {
    let good = json!({
        "sender": {"id": "1099"}, "recipient": {"id": "1784"}, "timestamp": 1_767_182_410_000_i64,
        "message": {"mid": "m", "text": "hi"},
    });
    let bad = [
        json!(null),
        json!("text"),
        json!({}),
        json!({"optin": {}}),
        json!({"message": {"mid": "no-sender"}}),
        json!({"sender": {"id": "1099"}, "message": {"text": "no mid"}}),
        json!({"sender": 5, "message": []}),
        json!({"sender": {"id": "1099"}, "reaction": {"mid": "m", "action": "dance"}}),
        json!({"sender": {"id": "1099"}, "request_thread_control": {"requested_owner_app_id": "1"}}),
    ];
    for bad in bad {
        let events = parse(&json!({"entry": [{"id": "1784", "messaging": [&bad, &good]}]}));
        assert_eq!(events.len(), 2, "{bad}");
        assert_eq!((&events[0].what, &events[0].raw), (&What::Unknown, &bad));
        assert_eq!(events[1].what.name(), "message");
    }
    for entry in [json!(3), json!({"id": "1784", "changed_fields": ["comments"]})] {
        let events = parse(&json!({"entry": [&entry]}));
        assert_eq!((&events[0].what, &events[0].raw), (&What::Unknown, &entry));
    }
    let odd = parse(&json!({"entry": [{"id": "1784", "messaging": "lost?", "standby": [&good]}]}));
    assert_eq!(odd[0].raw, "lost?");
    assert!(odd[1].standby);
}

#[test]
fn an_entry_may_carry_several_forms_at_once() {
    let item = json!({"sender": {"id": "1099"}, "recipient": {"id": "1784"}, "read": {"mid": "m"}});
    let comment = json!({"id": "c", "from": {"username": "no.id"}, "media": {"id": "p"}});
    let events = parse(&json!({"entry": [{
        "id": "1784", "time": 1_767_182_410, "messaging": [&item], "standby": [&item],
        "changes": [{"field": "live_comments", "value": &comment}, {"field": "new", "value": 1}],
        "field": "comments", "value": &comment,
    }]}));
    let names: Vec<_> = events.iter().map(|event| event.what.name()).collect();
    assert_eq!(names, ["message_read", "message_read", "comment", "unknown", "comment"]);
    let live = |event: &Event| matches!(&event.what, What::Comment(comment) if comment.is_live);
    assert!(live(&events[2]) && !live(&events[4]));
    let at = Some(Timestamp::from_millis(1_767_182_410_000));
    assert!(events.iter().all(|event| event.at == at));
}

#[test]
fn an_account_comments_by_its_id_too() {
    let from = |from: Value| {
        let change = json!({"field": "comments", "value": {"id": "c", "from": from}});
        match one("changes", &change).what {
            What::Comment(comment) => comment.is_own,
            other => panic!("{other:?}"),
        }
    };
    assert!(from(json!({"id": "1784"})));
    assert!(from(json!({"self_ig_scoped_id": "1099"})));
    assert!(!from(json!({"id": "1099", "self_ig_scoped_id": null})));
}

#[test]
fn samples_of_the_dashboard_belong_to_no_account() {
    let comment =
        json!({"field": "comments", "value": {"id": "123456789", "text": "This is an example."}});
    let old = json!({"field": "messages", "value": {"event_type": "TEXT", "event_data": {}}});
    for change in [comment, old] {
        let events = parse(&json!({"entry": [{"id": "0", "changes": [change]}]}));
        assert_eq!(events[0].what, What::TestSend);
    }
    let people = json!({"sender": {"id": "12334"}, "recipient": {"id": "23245"}, "message": {}});
    assert_eq!(one("messaging", &people).what, What::TestSend);
}

#[test]
fn a_tap_without_id_gets_the_same_one_every_time() {
    let id = |payload: &str, at: Value| {
        let item = json!({
            "sender": {"id": "1099"}, "recipient": {"id": "1784"}, "timestamp": at,
            "postback": {"title": "Hours?", "payload": payload},
        });
        match one("messaging", &item).what {
            What::Message(message) => String::from(message.id),
            other => panic!("{other:?}"),
        }
    };
    let first = id("FAQ", json!(1_767_182_410_000_i64));
    assert!(first.starts_with("postback-") && first.len() == 41, "{first}");
    assert_eq!(first, id("FAQ", json!("1767182410000")));
    assert_ne!(first, id("FAQ", json!(1_767_182_410_001_i64)));
    assert_ne!(first, id("OTHER", json!(1_767_182_410_000_i64)));
}

#[test]
fn attachments_keep_the_platforms_word_where_it_says_more() {
    use posta_core::event::AttachmentKind::{Audio, Share, Sticker, UnsupportedType, Video};
    let cases = [
        ("video", Video, false),
        ("audio", Audio, false),
        ("share", Share, false),
        ("reel", Share, true),
        ("story", Share, true),
        ("ig_story", Share, true),
        ("sticker", Sticker, false),
        ("like_heart", Sticker, true),
        ("media", UnsupportedType, true),
        ("hologram", UnsupportedType, true),
    ];
    for (word, kind, kept) in cases {
        let message = json!({"mid": "m", "attachments": [{"type": word, "payload": {"x": 1}}, 4]});
        let What::Message(message) = did("message", &message) else {
            panic!("{word}");
        };
        let [first, second] = message.attachments.as_slice() else {
            panic!("{word}");
        };
        assert_eq!((first.kind, first.original.as_deref()), (kind, kept.then_some(word)));
        assert_eq!((&first.payload, &first.url), (&json!({"x": 1}), &None));
        assert_eq!(second.kind, UnsupportedType);
    }
}

#[test]
fn a_product_page_is_a_referral() {
    let message = json!({"mid": "m", "text": "?", "referral": {"product": {"id": "77"}}});
    let What::Message(message) = did("message", &message) else {
        panic!();
    };
    assert_eq!(message.referral.unwrap().details, json!({"product": {"id": "77"}}));
}

#[test]
fn control_of_a_thread_may_be_taken_and_asked_for() {
    for key in ["take_thread_control", "request_thread_control"] {
        let what = did(key, &json!({"new_owner_app_id": 310}));
        let What::ControlChanged { thread, owner, previous, .. } = what else {
            panic!("{key}");
        };
        assert_eq!((thread.as_str(), owner.as_deref(), previous), ("1099", Some("310"), None));
    }
}

#[test]
fn a_new_message_may_be_announced_as_an_edit() {
    let announced = What::MessageAnnounced(posta_core::id::RemoteMessage::new("m"));
    assert_eq!(did("message_edit", &json!({"mid": "m", "num_edit": 0})), announced);
    assert_eq!(did("message_edit", &json!({"mid": "m", "num_edit": "0"})), announced);
    assert_eq!(did("message_edit", &json!({"mid": "m", "text": "x"})), What::Unknown);
}

/// Whatever a message says in any form, nothing of it is left, all other events are as they were, and
/// its own stand where they stood.
#[rstest]
fn what_was_taken_back_is_taken_out(#[files("src/instagram/fixtures/*.json")] path: PathBuf) {
    let body = std::fs::read(&path).unwrap();
    let before = Instagram.parse(&body).unwrap();
    let mids = before.iter().filter_map(|event| match &event.what {
        What::Message(one) => Some(one.id.clone()),
        What::MessageEdited(edit) => Some(edit.message.clone()),
        _ => None,
    });
    assert_eq!(Instagram.redact(&body, &RemoteMessage::new("other")), None);
    for mid in mids {
        // A tap without an id of its own cannot be taken back.
        let Some(redacted) = Instagram.redact(&body, &mid) else {
            assert!(mid.as_str().starts_with("postback-"), "{mid}");
            continue;
        };
        assert_eq!(Instagram.redact(&redacted, &mid), None, "twice is once");
        let after = Instagram.parse(&redacted).unwrap();
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            match (&before.what, &after.what) {
                (What::Message(before), What::Message(after)) if before.id == mid => {
                    assert_eq!((&after.id, after.direction), (&mid, before.direction));
                    assert_eq!((&after.text, after.attachments.len()), (&None, 0));
                    assert!(after.postback.as_ref().is_none_or(|tap| tap.title.is_none()));
                    assert!(after.story_reply.is_none() && after.quick_reply.is_none());
                }
                (What::MessageEdited(before), What::MessageEdited(after))
                    if before.message == mid =>
                {
                    assert_eq!((&after.text, after.count), (&None, before.count));
                }
                _ => assert_eq!(before, after),
            }
        }
    }
}

#[test]
fn no_form_of_an_id_or_of_what_is_said_escapes_being_taken_out() {
    let odd = json!({"mid": "m\0", "text": "secret", "redacted": "no"});
    let posing = json!({"mid": "m\0", "text": "secret", "redacted": crate::contract::REDACTED});
    for message in [odd, posing] {
        let body = json!({"entry": [{"id": "1784", "messaging": [
            {"sender": {"id": "1099"}, "recipient": {"id": "1784"}, "message": message},
        ]}]});
        let id = RemoteMessage::new("m\0");
        let redacted = Instagram.redact(body.to_string().as_bytes(), &id).unwrap();
        assert!(!String::from_utf8_lossy(&redacted).contains("secret"));
        assert_eq!(Instagram.redact(&redacted, &id), None, "twice is once");
    }
}

#[test]
fn a_time_that_nobody_could_write_is_none() {
    for (timestamp, at) in [(json!(i64::MAX), Some(1_767_182_410_430)), (json!("1"), Some(1000))] {
        let item = json!({"sender": {"id": "1099"}, "timestamp": timestamp, "read": {"mid": "m"}});
        assert_eq!(one("messaging", &item).at.map(Timestamp::as_millis), at);
    }
}

#[test]
fn a_mention_in_a_caption_stays_raw() {
    let change = json!({"field": "mentions", "value": {"media_id": "17"}});
    assert_eq!(one("changes", &change).what, What::Unknown);
}
