//! The arithmetic of windows, in tables.

mod properties;

use posta_core::event::{Attachment, AttachmentKind, Direction, Postback, Referral, Story};
use posta_core::failure::{PlatformSaid, Retry};
use posta_core::id::{RemoteMessage, RemotePerson, RemoteThread};
use posta_store::conversations::Status;

use super::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const OPENED: i64 = 1_767_268_800_000;

pub(super) fn instagram() -> &'static dyn Platform {
    posta_platforms::get("instagram").unwrap()
}

pub(super) fn conversation(opened: Option<Opener>) -> Conversation {
    let at = Timestamp::from_millis(OPENED);
    let opening = |kind| json!({"id": "019b76da-a800-7000-8000-000000000001", "type": kind});
    Conversation {
        id: "0123456789abcdef01234567".parse().unwrap(),
        workspace_id: "0123456789abcdef01234567".parse().unwrap(),
        account_id: "0123456789abcdef01234567".parse().unwrap(),
        remote_id: RemoteThread::new("1"),
        participant_id: RemotePerson::new("1"),
        participant_name: None,
        participant_username: None,
        participant_picture: None,
        status: Status::Active,
        last_message: None,
        last_message_at: None,
        window_opened_at: opened.map(|_| at),
        unread_count: 0,
        metadata: None,
        created_at: at,
        updated_at: at,
        profile: None,
        profile_due_at: None,
        window_opened_by: opened.map(|kind| Json(opening(kind))),
        window_due_at: None,
        control: None,
    }
}

fn after(millis: i64) -> Timestamp {
    Timestamp::from_millis(OPENED + millis)
}

/// What a sender may do at a time: the tag and the end of the permit, or the code of the refusal.
fn verdict(age: i64, sender: Sender, tag: Option<Tag>) -> String {
    let conversation = conversation(Some(Opener::Message));
    match permits(instagram(), &conversation, sender, tag, after(age)) {
        Ok(permit) => {
            let hours = permit.until.map(|until| (until.as_millis() - OPENED) / HOUR);
            format!("{} {}", if permit.tag.is_some() { "tagged" } else { "plain" }, hours.unwrap())
        }
        Err(error) => error.code.to_string(),
    }
}

#[test]
fn a_window_is_open_then_for_people_then_closed() {
    let ages = [
        (-1, State::Open),
        (0, State::Open),
        (DAY - 1, State::Open),
        (DAY, State::HumanAgent),
        (7 * DAY - 1, State::HumanAgent),
        (7 * DAY, State::Closed),
        (i64::MAX - OPENED, State::Closed),
    ];
    for (age, state) in ages {
        let window = of(instagram(), &conversation(Some(Opener::Postback)), after(age)).unwrap();
        assert_eq!(window.state, state, "{age}");
        assert_eq!(window.closes_at, Some(after(DAY)));
        assert_eq!(window.human_agent_until, Some(after(7 * DAY)));
        assert_eq!(window.opens_by.unwrap().kind, Opener::Postback);
        let allowed = window.allowed.join(" ");
        let expected = match state {
            State::Open => "text image audio video file quick_replies buttons template sticker",
            State::HumanAgent => "HUMAN_AGENT",
            State::Closed => "",
        };
        assert_eq!(allowed, expected, "{age}");
    }
}

#[test]
fn without_an_opening_the_window_is_closed_and_the_platform_decides() {
    let conversation = conversation(None);
    let window = of(instagram(), &conversation, after(0)).unwrap();
    assert_eq!((window.state, window.opens_by), (State::Closed, None));
    assert_eq!((window.opened_at, window.closes_at), (None, None));
    let permit = permits(instagram(), &conversation, Sender::Person, None, after(0)).unwrap();
    assert_eq!(permit, Permit { tag: None, until: None });
}

#[test]
fn who_may_send_when_and_under_which_tag() {
    let typed = Some(Tag::HumanAgent);
    let table = [
        (Sender::Person, None, ["plain 24", "tagged 168", "outside_messaging_window"]),
        (Sender::Person, typed, ["plain 24", "tagged 168", "outside_messaging_window"]),
        (Sender::Program, None, ["plain 24", "human_agent_only", "outside_messaging_window"]),
        (Sender::Program, typed, ["plain 24", "tagged 168", "outside_messaging_window"]),
        (Sender::Automation, None, ["plain 24", "human_agent_only", "outside_messaging_window"]),
        (Sender::Automation, typed, ["invalid_content"; 3]),
    ];
    for (sender, tag, expected) in table {
        let ages = [[0, DAY - 1], [DAY, 7 * DAY - 1], [7 * DAY, 400 * DAY]];
        for (ages, expected) in ages.into_iter().zip(expected) {
            for age in ages {
                assert_eq!(verdict(age, sender, tag), expected, "{sender:?} {tag:?} {age}");
            }
        }
    }
}

#[test]
fn a_refusal_says_until_when_a_person_may() {
    let conversation = conversation(Some(Opener::Message));
    let error = permits(instagram(), &conversation, Sender::Program, None, after(DAY)).unwrap_err();
    let details = error.details.unwrap();
    assert_eq!(details["humanAgentUntil"], after(7 * DAY).to_string());
    assert_eq!(details["windowClosedAt"], after(DAY).to_string());
}

#[test]
fn sent_via_says_who_sends() {
    assert_eq!(Sender::of(Some("human")), Sender::Person);
    assert_eq!(Sender::of(Some("api")), Sender::Program);
    assert_eq!(Sender::of(None), Sender::Program);
    for automation in ["broadcast", "sequence", "workflow", "comment_automation", "bulk-api"] {
        assert_eq!(Sender::of(Some(automation)), Sender::Automation, "{automation}");
    }
}

fn message() -> Message {
    Message {
        id: RemoteMessage::new("m"),
        thread: RemoteThread::new("1"),
        person: RemotePerson::new("1"),
        direction: Direction::Incoming,
        text: None,
        attachments: Vec::new(),
        reply_to: None,
        story_reply: None,
        quick_reply: None,
        postback: None,
        referral: None,
        is_self: false,
        is_unsupported: false,
    }
}

#[test]
fn an_opening_is_named_by_what_the_person_did() {
    let mention = Attachment {
        kind: AttachmentKind::Share,
        original: Some("story_mention".to_owned()),
        url: None,
        payload: Value::Null,
    };
    let referral =
        Referral { reference: None, source: None, kind: None, ad_id: None, details: Value::Null };
    let tap = Postback { payload: None, title: None };
    let referral = Some(referral);
    let plain = message();
    assert_eq!(Opener::of(&plain), Opener::Message);
    let quick = Message { quick_reply: Some("Y".to_owned()), ..message() };
    assert_eq!(Opener::of(&quick), Opener::QuickReply);
    let story = Message { story_reply: Some(Story { id: None, url: None }), ..message() };
    assert_eq!(Opener::of(&story), Opener::StoryReply);
    let mention = Message { attachments: vec![mention], ..message() };
    assert_eq!(Opener::of(&mention), Opener::StoryMention);
    let advert = Message { referral: referral.clone(), ..message() };
    assert_eq!(Opener::of(&advert), Opener::Referral);
    let tapped = Message { postback: Some(tap), referral, ..message() };
    assert_eq!(Opener::of(&tapped), Opener::Postback);
}

fn outside() -> ConnectorError {
    let said = PlatformSaid { code: Some(10), subcode: Some(2_534_022), ..PlatformSaid::default() };
    ConnectorError {
        said: Some(Box::new(said)),
        ..ConnectorError::new(Code::OutsideMessagingWindow, Retry::Permanent, "outside")
    }
}

#[test]
fn a_disputed_window_names_the_likeliest_cause_first() {
    let cases = [
        (Some(Opener::Message), HOUR, None, "access_level wrong_id clock"),
        (Some(Opener::Message), DAY - 60_000, None, "clock access_level wrong_id"),
        (Some(Opener::Referral), HOUR, None, "opener_not_counted access_level wrong_id clock"),
        (Some(Opener::Message), 2 * DAY, Some(Tag::HumanAgent), "access_level wrong_id clock"),
        (None, HOUR, None, "never_opened wrong_id"),
        (Some(Opener::Message), DAY, None, ""),
        (Some(Opener::Message), 8 * DAY, Some(Tag::HumanAgent), ""),
    ];
    for (opener, age, tag, causes) in cases {
        let error = doubt(outside(), instagram(), &conversation(opener), tag, after(age));
        let named = error.details.as_ref().unwrap()["likelyCauses"].as_array().cloned();
        let named = named.unwrap_or_default();
        let named: Vec<_> = named.iter().filter_map(Value::as_str).collect();
        assert_eq!(named.join(" "), causes, "{opener:?} {age}");
        let is_disputed = opener.is_some() && !causes.is_empty();
        let code = if is_disputed { Code::WindowDisputed } else { Code::OutsideMessagingWindow };
        assert_eq!(error.code, code, "{opener:?} {age}");
        assert_eq!(error.said.unwrap().subcode, Some(2_534_022), "the platform's words are kept");
        assert_eq!(error.retry, Retry::Permanent);
        // What the doctor reads from the row of the message is the same.
        let kept = json!({"code": error.code, "details": error.details});
        assert_eq!(disputed(&kept).map(|one| one.remedy), error.remedy.filter(|_| is_disputed));
    }
}

#[test]
fn other_failures_are_left_as_they_are() {
    let ours = ConnectorError { said: None, ..outside() };
    let other = ConnectorError { code: Code::PersonUnreachable, ..outside() };
    for error in [ours, other] {
        let conversation = conversation(Some(Opener::Message));
        assert_eq!(doubt(error.clone(), instagram(), &conversation, None, after(0)), error);
    }
}
