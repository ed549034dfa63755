//! Webhooks: their bytes, their signatures, when they come, and when they do not.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;

use crate::support::{
    ACCOUNT, BASIC, CLIENT_ID, MESSAGES, MIRA, NOW, OTHER_ACCOUNT, Received, SECRET, Stage,
};

fn text(received: &Received) -> &str {
    std::str::from_utf8(&received.body).unwrap()
}

/// Returns what the header of a body that this secret signs says.
pub(crate) fn sha256(secret: &str, body: &[u8]) -> String {
    let mut sha256 = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    sha256.update(body);
    format!("sha256={}", hex::encode(sha256.finalize().into_bytes()))
}

#[track_caller]
fn assert_signed(received: &Received) {
    let header = |name: &str| received.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-hub-signature-256"), sha256(SECRET, &received.body));
    let mut sha1 = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
    sha1.update(&received.body);
    let sha1 = hex::encode(sha1.finalize().into_bytes());
    assert_eq!(header("x-hub-signature"), format!("sha1={sha1}"));
}

#[tokio::test]
async fn a_message_travels_escaped_in_order_and_signed() {
    let (stage, _) = Stage::connected().await;
    let mid = stage.write("mira.demo", "Schöne Grüße 👋 https://example.com/a?b=1 \"\n").await;
    stage.sandbox.settle().await;
    let received = stage.receiver.received();
    assert_eq!(received.len(), 1);
    let expected = [
        format!(r#"{{"object":"instagram","entry":[{{"time":{NOW},"id":"{ACCOUNT}","messaging":["#),
        format!(r#"{{"sender":{{"id":"{MIRA}"}},"recipient":{{"id":"{ACCOUNT}"}},"#),
        format!(r#""timestamp":{NOW},"message":{{"mid":"{mid}","#),
        r#""text":"Sch\u00f6ne Gr\u00fc\u00dfe \ud83d\udc4b "#.to_owned(),
        r#"https:\/\/example.com\/a?b=1 \"\n"}}]}]}"#.to_owned(),
    ];
    assert_eq!(text(&received[0]), expected.concat());
    assert_eq!(received[0].headers["content-type"], "application/json");
    assert_signed(&received[0]);
    stage.end().await;
}

#[tokio::test]
async fn the_account_hears_its_own_words_once_whoever_wrote_them() {
    let (stage, token) = Stage::connected().await;
    stage.write("mira.demo", "Hello?").await;
    let body = json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}});
    let sent = stage.post_json("/instagram/graph/me/messages", &token, &body).await.ok();
    let typed = json!({"person": "mira.demo", "text": "It is me"});
    let path = "instagram/accounts/lumen.cafe.demo/owner/write";
    let typed = stage.control(path, &typed).await;
    stage.sandbox.settle().await;
    let received = stage.receiver.received();
    assert_eq!(received.len(), 3);
    for (received, (mid, words)) in
        received[1..].iter().zip([(&sent["message_id"], "Hi"), (&typed["message_id"], "It is me")])
    {
        let mid = mid.as_str().unwrap();
        let expected = [
            format!(r#"{{"sender":{{"id":"{ACCOUNT}"}},"recipient":{{"id":"{MIRA}"}},"#),
            format!(r#""timestamp":{NOW},"message":{{"mid":"{mid}","#),
            format!(r#""text":"{words}","is_echo":true}}}}"#),
        ];
        assert!(text(received).contains(&expected.concat()), "{}", text(received));
        assert_signed(received);
    }
    stage.end().await;
}

#[tokio::test]
async fn the_field_of_echoes_can_be_strict() {
    let (stage, _) = Stage::connected().await;
    let mut webhook = stage.receiver.webhook();
    webhook["fields"] = json!(["messages"]);
    stage.control("instagram/apps", &json!({"client_id": CLIENT_ID, "webhook": webhook})).await;
    let path = format!("instagram/accounts/{ACCOUNT}/owner/write");
    let words = json!({"person": MIRA, "text": "Hi"});
    assert_eq!(stage.control(&path, &words).await["told"], 1);
    stage.control("instagram/options", &json!({"echo_field": "message_echoes"})).await;
    assert_eq!(stage.control(&path, &words).await["told"], 0);
    stage.end().await;
}

fn event(received: &Received) -> Value {
    received.json()["entry"][0]["messaging"][0].clone()
}

#[tokio::test]
async fn what_people_do_besides_writing() {
    let (stage, token) = Stage::connected().await;
    stage.write("mira.demo", "Hello?").await;
    let body = json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}});
    let sent = stage.post_json("/instagram/graph/me/messages", &token, &body).await.ok();
    let mid = &sent["message_id"];
    let deeds = [
        ("react", json!({"message_id": mid})),
        ("react", json!({"message_id": mid, "emoji": "🎉"})),
        ("unreact", json!({"message_id": mid})),
        ("read", json!({})),
        ("postback", json!({"title": "Ask us", "payload": "ASK"})),
        (
            "write",
            json!({"text": "Vegan?", "reply_to": {"story": {"id": "1", "url": "https://x.example/"}}}),
        ),
        (
            "write",
            json!({"attachments": [{"type": "story_mention", "payload": {"url": "https://x.example/"}}]}),
        ),
    ];
    for (deed, body) in deeds {
        stage.control(&format!("instagram/people/mira.demo/{deed}"), &body).await;
    }
    stage.sandbox.settle().await;
    let events: Vec<Value> = stage.receiver.received()[2..].iter().map(event).collect();
    assert!(events.iter().all(|event| event["sender"]["id"] == MIRA));
    let love =
        json!({"mid": mid, "action": "react", "reaction": "love", "emoji": "\u{2764}\u{fe0f}"});
    assert_eq!(events[0]["reaction"], love);
    let other = json!({"mid": mid, "action": "react", "reaction": "other", "emoji": "🎉"});
    assert_eq!(events[1]["reaction"], other);
    assert_eq!(events[2]["reaction"], json!({"mid": mid, "action": "unreact"}));
    assert_eq!(events[3]["read"], json!({"mid": mid}));
    assert_eq!(events[4]["postback"]["payload"], "ASK");
    assert!(events[4]["postback"]["mid"].is_string());
    assert_eq!(events[5]["message"]["reply_to"]["story"]["id"], "1");
    assert_eq!(events[6]["message"]["attachments"][0]["type"], "story_mention");
    stage.end().await;
}

#[tokio::test]
async fn a_failed_webhook_comes_again_with_the_same_bytes() {
    let (stage, _) = Stage::connected().await;
    stage.receiver.answer(&[500, 503, 301]);
    stage.write("mira.demo", "Hello?").await;
    stage.sandbox.settle().await;
    // The first try and the one at once have failed.
    assert_eq!(stage.receiver.received().len(), 2);
    stage.advance(Duration::from_secs(4)).await;
    stage.sandbox.settle().await;
    assert_eq!(stage.receiver.received().len(), 2);
    stage.advance(Duration::from_secs(1)).await;
    stage.sandbox.settle().await;
    assert_eq!(stage.receiver.received().len(), 3);
    stage.advance(Duration::from_secs(30)).await;
    stage.sandbox.settle().await;
    let received = stage.receiver.received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|other| other.body == received[0].body));
    assert!(received.iter().all(|other| {
        other.headers["x-hub-signature-256"] == received[0].headers["x-hub-signature-256"]
    }));
    stage.advance(Duration::from_hours(40)).await;
    stage.sandbox.settle().await;
    assert_eq!(stage.receiver.received().len(), 4);

    let list = stage.get("/_sandbox/deliveries").await.ok();
    let delivery = &list["deliveries"][0];
    assert_eq!(delivery["status"], "delivered");
    let answers: Vec<&Value> =
        delivery["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["answer"]).collect();
    assert_eq!(answers, [500, 503, 301, 200]);
    assert_eq!(delivery["body"], text(&received[0]));
    stage.end().await;
}

#[tokio::test]
async fn a_webhook_is_given_up_after_36_hours() {
    let (stage, _) = Stage::connected().await;
    stage.receiver.answer(&[500; 100]);
    stage.write("mira.demo", "Hello?").await;
    for _ in 0..40 {
        stage.sandbox.settle().await;
        stage.advance(Duration::from_hours(1)).await;
    }
    stage.sandbox.settle().await;
    let list = stage.get("/_sandbox/deliveries").await.ok();
    let delivery = &list["deliveries"][0];
    assert_eq!(
        (&delivery["status"], &delivery["next_attempt_at"]),
        (&json!("dropped"), &Value::Null)
    );
    assert_eq!(stage.receiver.received().len(), delivery["attempts"].as_array().unwrap().len());
    stage.end().await;
}

#[tokio::test]
async fn without_a_subscription_there_is_silence() {
    let (stage, token) = Stage::connected().await;
    let path = "/instagram/graph/v25.0/me/subscribed_apps";
    let request = stage.request(Method::DELETE, path).bearer_auth(&token);
    assert_eq!(stage.send(request).await.ok(), json!({"success": true}));
    stage.write("mira.demo", "Hello?").await;
    stage.sandbox.settle().await;
    assert!(stage.receiver.received().is_empty());
    assert_eq!(stage.get("/_sandbox/deliveries").await.ok()["deliveries"], json!([]));
    stage.end().await;
}

#[tokio::test]
async fn an_unpublished_app_hears_only_its_testers() {
    let (stage, _) = Stage::connected().await;
    let app = json!({"client_id": CLIENT_ID, "live": false, "testers": ["theo.demo"]});
    stage.control("instagram/apps", &app).await;
    stage.write("mira.demo", "Hello?").await;
    stage.write("theo.demo", "Is this on?").await;
    stage.sandbox.settle().await;
    let received = stage.receiver.received();
    assert_eq!(received.len(), 1);
    assert!(text(&received[0]).contains("Is this on?"));
    stage.end().await;
}

#[tokio::test]
async fn held_events_come_in_one_body() {
    let (stage, _) = Stage::connected().await;
    let token = stage.token(OTHER_ACCOUNT, &[BASIC, MESSAGES]).await;
    let path = format!("/instagram/graph/{OTHER_ACCOUNT}/subscribed_apps");
    let fields = json!({"subscribed_fields": ["messages"]});
    stage.post_json(&path, &token, &fields).await.ok();
    for (grouping, sizes) in [("per_notice", vec![1, 1, 1]), ("per_account", vec![2, 1])] {
        let before = stage.receiver.received().len();
        let hold = json!({"client_id": CLIENT_ID, "entries": grouping});
        stage.control("instagram/hold", &hold).await;
        stage.write("mira.demo", "one").await;
        let other = json!({"account": OTHER_ACCOUNT, "text": "two"});
        stage.control("instagram/people/mira.demo/write", &other).await;
        stage.write("theo.demo", "three").await;
        stage.sandbox.settle().await;
        assert_eq!(stage.receiver.received().len(), before);
        assert_eq!(stage.control("instagram/flush", &hold).await["sent"], 3);
        stage.sandbox.settle().await;
        let received = stage.receiver.received();
        assert_eq!(received.len(), before + 1);
        assert_signed(&received[before]);
        let body = received[before].json();
        let entries = body["entry"].as_array().unwrap();
        let found: Vec<usize> =
            entries.iter().map(|entry| entry["messaging"].as_array().unwrap().len()).collect();
        assert_eq!(found, sizes);
    }
    stage.end().await;
}

#[tokio::test]
async fn a_callback_that_does_not_know_its_token_stays_inactive() {
    let (stage, _) = Stage::connected().await;
    let mut webhook = stage.receiver.webhook();
    webhook["verify_token"] = "the wrong token".into();
    let body = json!({"client_id": CLIENT_ID, "webhook": webhook});
    let request = stage.request(Method::POST, "/_sandbox/instagram/apps").json(&body);
    let reply = stage.send(request).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["error"]["code"], "verification_failed");
    stage.write("mira.demo", "Hello?").await;
    stage.sandbox.settle().await;
    assert!(stage.receiver.received().is_empty());
    stage.end().await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_delays_nobody_else() {
    let (stage, _) = Stage::connected().await;
    let quick = stage.another_receiver().await;
    let app = json!({"client_id": "2", "webhook": quick.webhook()});
    stage.control("instagram/apps", &app).await;
    let body = json!({"client_id": "2", "account": ACCOUNT, "scopes": [BASIC, MESSAGES]});
    let token = stage.control("instagram/tokens", &body).await["token"].clone();
    let fields = json!({"subscribed_fields": "messages"});
    let path = "/instagram/graph/me/subscribed_apps";
    stage.post_json(path, token.as_str().unwrap(), &fields).await.ok();
    stage.receiver.hang();
    for count in 1..=3 {
        stage.write("mira.demo", "Hello?").await;
        quick.wait_for(count).await;
    }
    // It is still at its first, and the other two wait for it.
    stage.receiver.wait_for(1).await;
    assert_eq!(stage.receiver.received().len(), 1);
    assert!(stage.sandbox.pending_deliveries() >= 3);
    stage.end().await;
}
