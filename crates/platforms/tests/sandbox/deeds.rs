//! What people and owners do, and that each deed makes the webhook that is held for it.

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    ACCOUNT, BASIC, CLIENT_ID, COMMENTS, MESSAGES, MIRA, NOW, Reply, SECRET, Stage,
};

const POST: &str = "17999000000003401";
const COMMENT: &str = "18099000000003411";

/// Returns a held body, as text.
fn fixture(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/instagram/fixtures");
    std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap()
}

/// Replaces every value by the name of its kind, so that two bodies can be compared by form.
fn form(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            Value::Object(object.iter().map(|(name, value)| (name.clone(), form(value))).collect())
        }
        Value::Array(items) => items.iter().map(form).collect(),
        Value::String(_) => json!("text"),
        // Milliseconds and seconds are different things.
        Value::Number(number) => {
            json!(if number.as_i64() > Some(100_000_000_000) { "big" } else { "small" })
        }
        other => other.clone(),
    }
}

/// Returns the keys of a body in the order in which they travel.
fn keys(body: &str) -> Vec<String> {
    let parts: Vec<&str> = body.split('"').collect();
    let is_key =
        |place: &usize| parts.get(place + 1).is_some_and(|next| next.trim_start().starts_with(':'));
    (1..parts.len()).step_by(2).filter(is_key).map(|place| parts[place].to_owned()).collect()
}

/// Asserts that the last webhook has the form of a held one, and its keys in the same order.
#[track_caller]
fn assert_like(stage: &Stage, name: &str) {
    let received = stage.receiver.received();
    let last = received.last().expect("a webhook came");
    let held = fixture(name);
    let held_json: Value = serde_json::from_str(&held).unwrap();
    assert_eq!(form(&last.json()), form(&held_json), "{}", last.json());
    assert_eq!(keys(std::str::from_utf8(&last.body).unwrap()), keys(&held));
}

async fn person(stage: &Stage, deed: &str, body: &Value) -> Value {
    let done = stage.control(&format!("instagram/people/mira.demo/{deed}"), body).await;
    stage.sandbox.settle().await;
    done
}

async fn owner(stage: &Stage, deed: &str, body: &Value) -> Value {
    let done = stage.control(&format!("instagram/accounts/{ACCOUNT}/owner/{deed}"), body).await;
    stage.sandbox.settle().await;
    done
}

async fn refused(stage: &Stage, path: &str, body: &Value) -> Reply {
    let request = stage.request(Method::POST, &format!("/_sandbox/instagram/{path}")).json(body);
    stage.send(request).await
}

fn last(stage: &Stage) -> Value {
    stage.receiver.received().last().unwrap().json()["entry"][0].clone()
}

fn last_event(stage: &Stage) -> Value {
    last(stage)["messaging"][0].clone()
}

fn attached(kind: &str) -> Value {
    json!({"attachments": [{"type": kind}]})
}

#[rstest]
#[case("message-text", json!({"text": "Hi! Are you open on Sunday?"}))]
#[case("message-image", attached("image"))]
#[case("message-media-mixed", json!({"attachments": [{"type": "image"}, {"type": "image"}, {"type": "video"}]}))]
#[case("message-audio", attached("audio"))]
#[case("message-file", attached("file"))]
#[case("message-share-legacy", attached("share"))]
#[case("message-ig-post", json!({"attachments": [{"type": "ig_post", "payload": {"title": "Autumn"}}]}))]
#[case("message-ig-reel", json!({"attachments": [{"type": "ig_reel", "payload": {"title": "Beans"}}]}))]
#[case("message-story-mention", attached("story_mention"))]
#[case("message-sticker", attached("sticker"))]
#[case("message-ephemeral", attached("ephemeral"))]
#[case("message-unsupported", json!({"is_unsupported": true}))]
#[case("message-inline-reply", json!({"text": "Yes, that one", "reply_to": {"mid": "m"}}))]
#[case("message-quick-reply", json!({"text": "Delivery", "payload": "ORDER_TYPE_DELIVERY"}))]
#[case("message-ad-referral", json!({"text": "I saw your ad", "referral": {
    "ref": "spring-campaign", "ad_id": "120299000000000018",
    "ads_context_data": {"ad_title": "Coffee", "photo_url": "https://a.example", "video_url": "https://b.example"},
}}))]
#[tokio::test]
async fn each_kind_of_message_is_told_like_the_held_one(#[case] name: &str, #[case] body: Value) {
    let (stage, _) = Stage::connected().await;
    let done = person(&stage, "write", &body).await;
    assert_eq!(done["told"], 1);
    let received = stage.receiver.received();
    let held: Value = serde_json::from_str(&fixture(name)).unwrap();
    assert_eq!(form(&received[0].json()), form(&held));
    if name != "message-ad-referral" {
        assert_like(&stage, name);
    }
    let message = &last_event(&stage)["message"];
    assert_eq!(message["mid"], done["message_id"]);
    for (key, value) in body.as_object().unwrap().iter().filter(|(key, _)| *key == "text") {
        assert_eq!(&message[key], value);
    }
    stage.end().await;
}

#[tokio::test]
async fn a_reply_to_a_story_carries_the_story() {
    let (stage, _) = Stage::connected().await;
    person(&stage, "write", &json!({"text": "Vegan?", "reply_to": {"story": {}}})).await;
    let held: Value = serde_json::from_str(&fixture("message-story-reply")).unwrap();
    let received = stage.receiver.received();
    assert_eq!(form(&received[0].json()), form(&held));
    stage.end().await;
}

#[tokio::test]
async fn what_is_done_besides_writing_is_told_like_the_held_ones() {
    let (stage, token) = Stage::connected().await;
    let mine = person(&stage, "write", &json!({"text": "Hello?"})).await["message_id"].clone();
    let sent = json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}});
    let sent = stage.post_json("/instagram/graph/me/messages", &token, &sent).await.ok();
    stage.sandbox.settle().await;
    assert_like(&stage, "echo-text");
    person(&stage, "react", &json!({"message_id": sent["message_id"]})).await;
    assert_like(&stage, "reaction-react");
    person(&stage, "unreact", &json!({"message_id": sent["message_id"]})).await;
    assert_like(&stage, "reaction-unreact");
    person(&stage, "read", &json!({})).await;
    assert_like(&stage, "seen");
    assert_eq!(last_event(&stage)["read"]["mid"], sent["message_id"]);
    person(&stage, "postback", &json!({"title": "Ask us", "payload": "ASK"})).await;
    assert_like(&stage, "postback-button");
    person(&stage, "postback", &json!({"title": "Ask us", "payload": "ASK", "mid": false})).await;
    assert_eq!(last_event(&stage)["postback"], json!({"title": "Ask us", "payload": "ASK"}));
    // By a link into a conversation that is new, its ref comes with the first tap.
    let led = json!({"title": "Ask us", "payload": "ASK", "ref": "table-7"});
    person(&stage, "postback", &led).await;
    assert_eq!(last_event(&stage)["postback"]["referral"]["ref"], "table-7");
    person(&stage, "refer", &json!({"ref": "table-7"})).await;
    assert_like(&stage, "referral-igme");
    for (count, text) in [(1, "Hello!"), (2, "Hello, you")] {
        person(&stage, "edit", &json!({"message_id": mine, "text": text})).await;
        assert_like(&stage, "message-edit");
        let expected = json!({"mid": mine, "text": text, "num_edit": count});
        assert_eq!(last_event(&stage)["message_edit"], expected);
    }
    person(&stage, "unsend", &json!({"message_id": mine})).await;
    assert_like(&stage, "message-deleted");
    assert_eq!(last_event(&stage)["message"]["mid"], mine);
    stage.end().await;
}

#[rstest]
#[case::twice("people/mira.demo/unsend", "mine", "message_id")]
#[case::of_the_other_side("people/mira.demo/unsend", "theirs", "message_id")]
#[case::editing_what_is_gone("people/mira.demo/edit", "mine", "message_id")]
#[case::editing_what_is_not_hers("people/mira.demo/edit", "theirs", "message_id")]
#[case::unsending_for_her("accounts/17841499900000001/owner/unsend", "mine", "message_id")]
#[tokio::test]
async fn what_cannot_be_changed_any_more(
    #[case] path: &str,
    #[case] which: &str,
    #[case] field: &str,
) {
    let (stage, _) = Stage::connected().await;
    let mine = person(&stage, "write", &json!({"text": "Hello?"})).await["message_id"].clone();
    let typed = json!({"person": "mira.demo", "text": "Hi"});
    let theirs = owner(&stage, "write", &typed).await["message_id"].clone();
    person(&stage, "unsend", &json!({"message_id": mine})).await;
    let mut body = json!({"message_id": if which == "mine" { mine } else { theirs }});
    if path.ends_with("edit") {
        body["text"] = "Else".into();
    }
    if path.starts_with("accounts") {
        body["person"] = "mira.demo".into();
    }
    let reply = refused(&stage, path, &body).await;
    assert_eq!((reply.status, &reply.json()["error"]["field"]), (400, &json!(field)));
    stage.end().await;
}

#[tokio::test]
async fn the_zeroth_edit_comes_with_or_without_a_sender_and_with_or_without_the_message() {
    let (stage, _) = Stage::connected().await;
    for (kind, message, expected) in [
        ("with_sender", "also", vec!["message_edit", "message"]),
        ("without_sender", "instead", vec!["message_edit"]),
        ("off", "also", vec!["message"]),
    ] {
        let before = stage.receiver.received().len();
        let options = json!({"edit_anomaly": kind, "edit_anomaly_message": message});
        stage.control("instagram/options", &options).await;
        let done = person(&stage, "write", &json!({"text": "Hello?"})).await;
        let received = stage.receiver.received();
        let events: Vec<Value> = received[before..]
            .iter()
            .map(|received| received.json()["entry"][0]["messaging"][0].clone())
            .collect();
        let found: Vec<&str> = events
            .iter()
            .map(|event| if event["message"].is_null() { "message_edit" } else { "message" })
            .collect();
        assert_eq!(found, expected);
        if kind != "off" {
            let edit = json!({"mid": done["message_id"], "num_edit": 0});
            assert_eq!(events[0]["message_edit"], edit);
            assert_eq!(events[0]["sender"].is_null(), kind == "without_sender");
        }
        if kind == "without_sender" {
            assert_like(&stage, "message-edit-zero-no-sender");
        }
    }
    stage.end().await;
}

#[tokio::test]
async fn stickers_can_be_silent() {
    let (stage, _) = Stage::connected().await;
    stage.control("instagram/options", &json!({"stickers": "silent"})).await;
    assert_eq!(person(&stage, "write", &attached("gif")).await["told"], 0);
    assert_eq!(person(&stage, "write", &attached("image")).await["told"], 1);
    stage.end().await;
}

#[tokio::test]
async fn the_account_talks_to_itself() {
    let (stage, _) = Stage::connected().await;
    owner(&stage, "write", &json!({"text": "preview test"})).await;
    assert_like(&stage, "self-message");
    let tap = json!({"title": "Start chatting", "payload": "START"});
    owner(&stage, "postback", &tap).await;
    let held: Value = serde_json::from_str(&fixture("self-postback")).unwrap();
    assert_eq!(form(&stage.receiver.received().last().unwrap().json()), form(&held));
    let path = format!("/_sandbox/instagram/accounts/{ACCOUNT}/threads/lumen.cafe.demo");
    assert_eq!(stage.get(&path).await.ok()["scoped_id"], "1099900000000900");
    stage.end().await;
}

/// Adds an app of somebody else's for the same account, with its own receiver.
async fn another_app(stage: &Stage) -> crate::support::Receiver {
    let receiver = stage.another_receiver().await;
    let app = json!({"client_id": "999000000000311", "webhook": receiver.webhook()});
    stage.control("instagram/apps", &app).await;
    let body =
        json!({"client_id": "999000000000311", "account": ACCOUNT, "scopes": [BASIC, MESSAGES]});
    let token = stage.control("instagram/tokens", &body).await["token"].clone();
    let fields = json!({"subscribed_fields": "messages"});
    let path = "/instagram/graph/me/subscribed_apps";
    stage.post_json(path, token.as_str().unwrap(), &fields).await.ok();
    receiver
}

#[tokio::test]
async fn a_conversation_changes_hands() {
    let (stage, token) = Stage::connected().await;
    let other = another_app(&stage).await;
    person(&stage, "write", &json!({"text": "Hello?"})).await;
    assert_eq!((stage.receiver.received().len(), other.received().len()), (1, 1));

    let to_other = json!({"person": "mira.demo", "app": "999000000000311", "metadata": "please"});
    assert_eq!(owner(&stage, "pass-thread", &to_other).await["told"], 1);
    let passed = other.received().last().unwrap().json();
    let held: Value = serde_json::from_str(&fixture("handover-pass-thread-control")).unwrap();
    assert_eq!(form(&passed), form(&held));

    // Who has it hears as before, everybody else stands by.
    person(&stage, "write", &json!({"text": "Any update?"})).await;
    assert_like(&stage, "standby-message");
    assert!(other.received().last().unwrap().json()["entry"][0]["messaging"].is_array());
    person(&stage, "postback", &json!({"title": "Ask us", "payload": "ASK"})).await;
    assert!(last(&stage)["standby"][0]["postback"]["payload"].is_null());
    let sent = json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}});
    let reply = stage.post_json("/instagram/graph/me/messages", &token, &sent).await;
    let error = &reply.json()["error"];
    assert_eq!((reply.status, &error["code"]), (400, &json!(100)));
    assert_eq!(error["error_subcode"], 2_534_037);

    // The one that loses it is told; the other gets it back when nobody has it.
    let taken = json!({"person": "mira.demo", "app": CLIENT_ID});
    assert_eq!(owner(&stage, "take-thread", &taken).await["told"], 1);
    let event = other.received().last().unwrap().json()["entry"][0]["messaging"][0].clone();
    assert_eq!(event["take_thread_control"]["new_owner_app_id"], CLIENT_ID);
    let asked = json!({"person": "mira.demo", "app": "999000000000311"});
    assert_eq!(owner(&stage, "request-thread", &asked).await["told"], 1);
    let event = &last_event(&stage)["request_thread_control"];
    assert_eq!(event["requested_owner_app_id"], "999000000000311");
    stage.post_json("/instagram/graph/me/messages", &token, &sent).await.ok();
    owner(&stage, "release-thread", &json!({"person": "mira.demo"})).await;
    assert_eq!(person(&stage, "write", &json!({"text": "Thanks"})).await["told"], 2);
    assert!(last(&stage)["messaging"].is_array());
    stage.end().await;
}

async fn with_comments() -> Stage {
    let (stage, _) = Stage::connected().await;
    stage.token(ACCOUNT, &[BASIC, MESSAGES, COMMENTS]).await;
    stage
}

#[tokio::test]
async fn comments_are_told_like_the_held_ones() {
    let stage = with_comments().await;
    let held = |name: &str| form(&serde_json::from_str::<Value>(&fixture(name)).unwrap());
    let comment = person(&stage, "comment", &json!({"text": "Price please?"})).await;
    assert_eq!(comment["media_id"], POST);
    assert_like(&stage, "comment-changes");
    let value = &last(&stage)["changes"][0]["value"];
    assert_eq!((&value["id"], &value["from"]["id"]), (&comment["comment_id"], &json!(MIRA)));

    person(&stage, "comment", &json!({"text": "Same here", "parent_id": COMMENT})).await;
    assert_like(&stage, "comment-reply");
    // Answers are one level deep.
    let answer = person(&stage, "comment", &json!({"text": "And me", "parent_id": COMMENT})).await;
    person(&stage, "comment", &json!({"text": "Me too", "parent_id": answer["comment_id"]})).await;
    assert_eq!(last(&stage)["changes"][0]["value"]["parent_id"], COMMENT);

    owner(&stage, "comment", &json!({"text": "We sent it", "parent_id": COMMENT})).await;
    let own = stage.receiver.received().last().unwrap().json();
    assert_eq!(form(&own), held("comment-self"));

    stage.control("instagram/options", &json!({"comment_envelope": "flat"})).await;
    person(&stage, "comment", &json!({"text": "Price please?"})).await;
    assert_eq!(form(&stage.receiver.received().last().unwrap().json()), held("comment-flat"));
    stage
        .control(
            "instagram/options",
            &json!({"comment_envelope": "changed_fields", "comment_time": "milliseconds"}),
        )
        .await;
    person(&stage, "comment", &json!({"text": "Price please?"})).await;
    let expected = json!({"id": ACCOUNT, "time": NOW, "changed_fields": ["comments"]});
    assert_eq!(last(&stage), expected);
    stage.end().await;
}

#[tokio::test]
async fn comments_under_ads_and_broadcasts_and_mentions_elsewhere() {
    let stage = with_comments().await;
    let path = format!("instagram/accounts/{ACCOUNT}/posts");
    let live = stage.control(&path, &json!({"is_live": true})).await;
    let body = json!({"text": "Hi all", "media_id": live["id"]});
    assert_eq!(person(&stage, "comment", &body).await["told"], 1);
    assert_eq!(last(&stage)["changes"][0]["field"], "live_comments");

    person(&stage, "mention", &json!({})).await;
    let change = last(&stage)["changes"][0].clone();
    assert_eq!(
        (&change["field"], &change["value"]["text"]),
        (&json!("comments"), &json!("@lumen.cafe.demo"))
    );
    assert_eq!(person(&stage, "mention", &json!({"is_public": false})).await["told"], 0);

    let ad = json!({"place": "AD", "ad": {"ad_id": "1", "ad_title": "Coffee", "original_media_id": POST}});
    let ad = stage.control(&path, &ad).await;
    let options = json!({"comment_shape": "facebook_login", "comment_from": "with_id"});
    stage.control("instagram/options", &options).await;
    person(&stage, "comment", &json!({"text": "Do you ship?", "media_id": ad["id"]})).await;
    let held: Value = serde_json::from_str(&fixture("comment-ad-facebook-login")).unwrap();
    assert_eq!(form(&stage.receiver.received().last().unwrap().json()), form(&held));
    person(&stage, "mention", &json!({"text": "See @lumen.cafe.demo"})).await;
    assert_eq!(last(&stage)["changes"][0]["field"], "mentions");
    stage.end().await;
}

#[tokio::test]
async fn comments_need_their_permission_and_come_in_entries_of_their_own() {
    let (stage, _) = Stage::connected().await;
    assert_eq!(person(&stage, "comment", &json!({"text": "Price?"})).await["told"], 0);
    stage.token(ACCOUNT, &[BASIC, MESSAGES, COMMENTS]).await;
    let hold = json!({"client_id": CLIENT_ID, "entries": "per_account"});
    stage.control("instagram/hold", &hold).await;
    person(&stage, "comment", &json!({"text": "Price?"})).await;
    person(&stage, "write", &json!({"text": "Hello?"})).await;
    person(&stage, "comment", &json!({"text": "Price??"})).await;
    assert_eq!(stage.control("instagram/flush", &hold).await["sent"], 3);
    stage.sandbox.settle().await;
    let body = stage.receiver.received()[0].json();
    assert_eq!(body["entry"][0]["changes"].as_array().unwrap().len(), 2);
    assert_eq!(body["entry"][1]["messaging"].as_array().unwrap().len(), 1);
    stage.end().await;
}

#[rstest]
#[case(json!({"field": "messages"}), "test-send-messaging")]
#[case(json!({"field": "messages", "envelope": "changes"}), "test-send-changes")]
#[tokio::test]
async fn the_test_button_sends_the_held_sample(#[case] body: Value, #[case] name: &str) {
    let (stage, _) = Stage::connected().await;
    let path = format!("instagram/apps/{CLIENT_ID}/test-send");
    assert_eq!(stage.control(&path, &body).await["told"], 1);
    stage.sandbox.settle().await;
    assert_like(&stage, name);
    let mut received = stage.receiver.received()[0].json();
    let mut held: Value = serde_json::from_str(&fixture(name)).unwrap();
    (received["entry"][0]["time"], held["entry"][0]["time"]) = (Value::Null, Value::Null);
    assert_eq!(received, held);
    stage.end().await;
}

#[tokio::test]
async fn what_is_attached_can_be_fetched_until_it_is_taken_back() {
    let (stage, _) = Stage::connected().await;
    let done = person(&stage, "write", &attached("image")).await;
    let payload = last_event(&stage)["message"]["attachments"][0]["payload"].clone();
    let url = payload["url"].as_str().unwrap();
    let path = &url[url.find("/instagram/cdn").unwrap()..];
    let file = stage.get(path).await;
    assert_eq!((file.status, file.header("content-type")), (200, "image/png"));
    person(&stage, "unsend", &json!({"message_id": done["message_id"]})).await;
    assert_eq!(stage.get(path).await.status, 403);

    person(&stage, "write", &attached("video")).await;
    let payload = last_event(&stage)["message"]["attachments"][0]["payload"].clone();
    let url = payload["url"].as_str().unwrap().to_owned();
    let path = &url[url.find("/instagram/cdn").unwrap()..];
    assert_eq!(stage.get(path).await.header("content-type"), "video/mp4");
    assert_eq!(stage.get(&format!("{path}x")).await.status, 403);
    stage.advance(std::time::Duration::from_hours(8 * 24)).await;
    assert_eq!(stage.get(path).await.status, 403);
    stage.end().await;
}

#[tokio::test]
async fn an_app_can_have_its_webhooks_signed_by_another_secret() {
    let (stage, _) = Stage::connected().await;
    let signature = |stage: &Stage| {
        let received = stage.receiver.received();
        received.last().unwrap().headers["x-hub-signature-256"].to_str().unwrap().to_owned()
    };
    person(&stage, "write", &json!({"text": "Hello?"})).await;
    let (body, signed) = (stage.receiver.received()[0].body.clone(), signature(&stage));
    assert_eq!(signed, crate::webhooks::sha256(SECRET, &body));
    let app = json!({"client_id": CLIENT_ID, "webhook_secret": "the meta app's"});
    stage.control("instagram/apps", &app).await;
    person(&stage, "write", &json!({"text": "Hello?"})).await;
    let body = stage.receiver.received()[1].body.clone();
    assert_eq!(signature(&stage), crate::webhooks::sha256("the meta app's", &body));
    stage.end().await;
}

#[rstest]
#[case::no_such_deed("people/mira.demo/dance", json!({}), 404, "deed")]
#[case::no_such_owner_deed("accounts/lumen.cafe.demo/owner/dance", json!({}), 404, "deed")]
#[case::of_the_wrong_kind("people/mira.demo/write", json!({"text": 5}), 400, "text")]
#[case::deep_inside("people/mira.demo/write", json!({"text": "Hi", "attachments": {"type": "image"}}), 400, "attachments")]
#[case::untyped("people/mira.demo/write", json!({"attachments": [{}]}), 400, "attachments")]
#[case::reply_to_text("people/mira.demo/write", json!({"text": "Hi", "reply_to": "m"}), 400, "reply_to")]
#[case::missing("people/mira.demo/edit", json!({"message_id": "m"}), 400, "text")]
#[case::unknown("people/mira.demo/read", json!({"all": true}), 400, "all")]
#[case::account_not_text("people/mira.demo/read", json!({"account": 5}), 400, "account")]
#[case::no_conversation_yet("people/mira.demo/refer", json!({"ref": "table-7"}), 400, "ref")]
#[case::nothing_to_tap("people/mira.demo/tap", json!({"title": "Ask us"}), 400, "title")]
#[case::no_such_post("people/mira.demo/comment", json!({"text": "Hi", "media_id": "1"}), 400, "media_id")]
#[case::no_such_parent("people/mira.demo/comment", json!({"text": "Hi", "parent_id": "1"}), 400, "parent_id")]
#[case::nobody_named("people/mira.demo/mention", json!({"text": "Hi"}), 400, "text")]
#[case::owner_without_person("accounts/lumen.cafe.demo/owner/pass-thread", json!({}), 400, "person")]
#[case::to_no_app("accounts/lumen.cafe.demo/owner/pass-thread", json!({"person": "mira.demo", "app": "1"}), 400, "app")]
#[case::nobody_has_it("accounts/lumen.cafe.demo/owner/request-thread", json!({"person": "mira.demo"}), 400, "person")]
#[case::no_kind("accounts/lumen.cafe.demo/posts", json!({"kind": "OPERA"}), 400, "kind")]
#[case::no_place("accounts/lumen.cafe.demo/posts", json!({"place": "WALL"}), 400, "place")]
#[case::of_another("accounts/lumen.cafe.demo/posts", json!({"id": "17999000000003701"}), 400, "id")]
#[case::sample_field("apps/990000000000001/test-send", json!({"field": "standby"}), 400, "field")]
#[case::sample_envelope("apps/990000000000001/test-send", json!({"field": "comments", "envelope": "oldest"}), 400, "envelope")]
#[case::sample_app("apps/1/test-send", json!({"field": "comments"}), 404, "client_id")]
#[tokio::test]
async fn deeds_that_cannot_be_done_name_the_field(
    #[case] path: &str,
    #[case] body: Value,
    #[case] status: u16,
    #[case] field: &str,
) {
    let stage = Stage::seeded().await;
    let reply = refused(&stage, path, &body).await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["field"]),
        (status, &json!(field)),
        "{}",
        reply.text
    );
    stage.end().await;
}
