//! The fault dial: each fault as an integration meets it, and rules that cannot be.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use posta_core::time::Timestamp;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{ACCOUNT, MIRA, NOW, OTHER_ACCOUNT, SECRET, Stage};

const MESSAGES: &str = "/instagram/graph/v25.0/me/messages";

fn hello() -> Value {
    json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}})
}

impl Stage {
    async fn fault(&self, rule: Value) -> Value {
        self.control("faults", &rule).await
    }

    async fn hits(&self, rule: &Value) -> u64 {
        let rules = self.get("/_sandbox/faults").await.ok();
        let mut rules = rules["faults"].as_array().unwrap().iter();
        rules.find(|known| known["id"] == rule["id"]).unwrap()["hits"].as_u64().unwrap()
    }

    /// What Mira sees of the account's side.
    async fn seen_by_mira(&self) -> usize {
        let path = format!("/_sandbox/instagram/accounts/{ACCOUNT}/threads/mira.demo");
        let thread = self.get(&path).await.ok();
        let mine = |message: &&Value| message["direction"] == "outgoing";
        thread["messages"].as_array().unwrap().iter().filter(mine).count()
    }
}

/// A stage where the account may write to Mira.
async fn talking() -> (Stage, String) {
    let (stage, token) = Stage::connected().await;
    stage.write("mira.demo", "Hello?").await;
    stage.sandbox.settle().await;
    (stage, token)
}

#[rstest]
#[case::cut_after(json!({"kind": "cut"}), 1)]
#[case::cut_before(json!({"kind": "cut", "effect": "before"}), 0)]
#[tokio::test]
async fn a_cut_connection_leaves_no_answer(#[case] fault: Value, #[case] effect: usize) {
    let (stage, token) = talking().await;
    stage.fault(json!({"route": "messages", "count": 1, "fault": fault})).await;
    let request = stage.request(Method::POST, MESSAGES).bearer_auth(&token).json(&hello());
    let error = request.send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert_eq!(stage.seen_by_mira().await, effect);
    stage.post_json(MESSAGES, &token, &hello()).await.ok();
    assert_eq!(stage.seen_by_mira().await, effect + 1);
    stage.end().await;
}

#[rstest]
#[case::before(json!("timeout"), 0)]
#[case::after(json!({"kind": "timeout", "effect": "after"}), 1)]
#[tokio::test]
async fn a_time_out_is_up_to_whoever_asks(#[case] fault: Value, #[case] effect: usize) {
    let (stage, token) = talking().await;
    let rule = stage.fault(json!({"route": "messages", "fault": fault})).await;
    let request = stage.request(Method::POST, MESSAGES).bearer_auth(&token).json(&hello());
    let request = request.timeout(Duration::from_millis(300));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!((stage.hits(&rule).await, stage.seen_by_mira().await), (1, effect));
    // Whoever still waits is let go when the sandbox stops.
    stage.end().await;
}

#[tokio::test]
async fn an_answer_takes_as_long_as_the_clock_says() {
    let (stage, token) = talking().await;
    stage.fault(json!({"fault": {"kind": "latency", "by": "30s"}})).await;
    let request = stage.request(Method::GET, "/instagram/graph/me").bearer_auth(&token);
    let asked = async { stage.send(request).await.status };
    let moved = async {
        while stage.get("/_sandbox/faults").await.ok()["faults"][0]["hits"] != 1 {}
        stage.advance(Duration::from_secs(30)).await;
    };
    assert_eq!(tokio::join!(asked, moved).0, 200);
    stage.end().await;
}

#[rstest]
#[case::before(json!({"kind": "status", "status": 502}), 502, 0)]
#[case::after(json!({"kind": "status", "status": 500, "effect": "after"}), 500, 1)]
#[tokio::test]
async fn a_proxy_in_trouble_writes_no_envelope(
    #[case] fault: Value,
    #[case] status: u16,
    #[case] effect: usize,
) {
    let (stage, token) = talking().await;
    stage.fault(json!({"route": "POST /*/messages", "fault": fault})).await;
    let reply = stage.post_json(MESSAGES, &token, &hello()).await;
    assert_eq!((reply.status, reply.json()), (status, Value::Null));
    assert_eq!(stage.seen_by_mira().await, effect);
    stage.end().await;
}

#[rstest]
#[case(4, None, true)]
#[case(613, None, true)]
#[case(613, Some(2_534_040), true)]
#[case(80_006, None, true)]
#[case(10, Some(1_893_063), false)]
#[tokio::test]
async fn limits_say_how_much_is_used(
    #[case] code: i64,
    #[case] subcode: Option<i64>,
    #[case] is_told: bool,
) {
    let (stage, token) = talking().await;
    let fault = json!({"kind": "error", "code": code, "subcode": subcode, "wait": "90s"});
    stage.fault(json!({"route": "messages", "account": "lumen.cafe.demo", "fault": fault})).await;
    let reply = stage.post_json(MESSAGES, &token, &hello()).await;
    let error = &reply.json()["error"];
    assert_eq!((reply.status, &error["code"]), (400, &json!(code)), "{}", reply.text);
    assert_eq!(error["error_subcode"].as_i64(), subcode);
    let app = reply.header("x-app-usage");
    assert_eq!(app.contains(r#""call_count":100"#), is_told, "{app}");
    let mine = reply.header("x-business-use-case-usage");
    let mine: Value = serde_json::from_str(mine).unwrap_or_default();
    let minutes = &mine[ACCOUNT][0]["estimated_time_to_regain_access"];
    assert_eq!(minutes.as_u64(), is_told.then_some(2), "{mine}");
    stage.end().await;
}

#[tokio::test]
async fn every_error_of_the_table_can_be_had() {
    let (stage, token) = Stage::connected().await;
    let errors = stage.get("/_sandbox/instagram/errors").await.ok();
    let errors = errors["errors"].as_array().unwrap();
    assert!(errors.len() > 80);
    for error in errors {
        let fault = json!({"kind": "error", "code": error["code"], "subcode": error["subcode"]});
        stage.fault(json!({"route": "me", "count": 1, "fault": fault})).await;
        let path = format!("/instagram/graph/me?access_token={token}");
        let said = stage.get(&path).await.json()["error"].clone();
        assert_eq!(said["code"], error["code"]);
        assert_eq!(said.get("error_subcode").unwrap_or(&Value::Null), &error["subcode"]);
        assert!(!said["message"].as_str().unwrap().is_empty());
        assert!(said["fbtrace_id"].as_str().unwrap().starts_with('A'));
    }
    stage.end().await;
}

#[rstest]
#[case(json!("expire_token"), 463)]
#[case(json!("revoke_token"), 458)]
#[case(json!({"kind": "revoke_token", "reason": "checkpoint"}), 459)]
#[case(json!({"kind": "revoke_token", "reason": "password_changed"}), 460)]
#[tokio::test]
async fn a_token_can_die_with_any_call(#[case] fault: Value, #[case] subcode: u64) {
    let (stage, token) = talking().await;
    stage.fault(json!({"route": "messages", "skip": 1, "count": 1, "fault": fault})).await;
    stage.post_json(MESSAGES, &token, &hello()).await.ok();
    for _ in 0..2 {
        let reply = stage.post_json(MESSAGES, &token, &hello()).await;
        let error = &reply.json()["error"];
        assert_eq!((&error["code"], &error["error_subcode"]), (&json!(190), &json!(subcode)));
        assert!(reply.header("www-authenticate").contains("invalid_token"));
    }
    stage.end().await;
}

#[tokio::test]
async fn a_lost_subscription_is_silence() {
    let (stage, token) = talking().await;
    let told = |done: Value| done["told"].as_u64().unwrap();
    let words = json!({"text": "Hello?"});
    stage.fault(json!({"route": "me", "count": 1, "fault": "lose_subscription"})).await;
    assert_eq!(told(stage.control("instagram/people/mira.demo/write", &words).await), 1);
    stage.get(&format!("/instagram/graph/me?access_token={token}")).await.ok();
    assert_eq!(told(stage.control("instagram/people/mira.demo/write", &words).await), 0);
    let path = format!("/instagram/graph/me/subscribed_apps?access_token={token}");
    assert_eq!(stage.get(&path).await.ok(), json!({"data": []}));
    stage.post_form(&path, &[("subscribed_fields", "messages")]).await.ok();
    assert_eq!(told(stage.control("instagram/people/mira.demo/write", &words).await), 1);
    let lost = json!({"account": "lumen.cafe.demo"});
    assert_eq!(stage.control("instagram/subscriptions/lose", &lost).await, json!({"lost": 1}));
    assert_eq!(told(stage.control("instagram/people/mira.demo/write", &words).await), 0);
    stage.end().await;
}

#[tokio::test]
async fn the_echo_can_come_before_the_answer() {
    let (stage, token) = talking().await;
    stage.fault(json!({"route": "messages", "fault": "echo_first"})).await;
    let sent = stage.post_json(MESSAGES, &token, &hello()).await.ok();
    // No settling: it was there before the answer was.
    let received = stage.receiver.received();
    let echo = &received.last().unwrap().json()["entry"][0]["messaging"][0]["message"];
    assert_eq!((&echo["mid"], &echo["is_echo"]), (&sent["message_id"], &json!(true)));
    stage.end().await;
}

#[tokio::test]
async fn a_profile_can_be_refused() {
    let (stage, token) = talking().await;
    let path = format!("/instagram/graph/{MIRA}?fields=name&access_token={token}");
    for code in [230, 9010, 100] {
        let fault = json!({"kind": "error", "code": code});
        stage.fault(json!({"route": "profile", "count": 1, "fault": fault})).await;
        assert_eq!(stage.get(&path).await.json()["error"]["code"], code);
    }
    assert_eq!(stage.get(&path).await.ok()["name"], "Mira");
    stage.end().await;
}

#[tokio::test]
async fn a_link_to_a_file_can_end_at_any_time() {
    let (stage, _) = talking().await;
    let picture = json!({"attachments": [{"type": "image"}]});
    stage.control("instagram/people/mira.demo/write", &picture).await;
    stage.sandbox.settle().await;
    let told = stage.receiver.received().last().unwrap().json();
    let attachment = &told["entry"][0]["messaging"][0]["message"]["attachments"][0];
    let url: url::Url = attachment["payload"]["url"].as_str().unwrap().parse().unwrap();
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    assert_eq!(stage.get(&path).await.status, 200);
    let rule = stage.fault(json!({"route": "cdn", "count": 1, "fault": "expired_media"})).await;
    let gone = stage.get(&path).await;
    assert_eq!((gone.status, gone.text.as_str()), (403, "URL signature expired"));
    assert_eq!((stage.hits(&rule).await, stage.get(&path).await.status), (1, 200));
    stage.end().await;
}

#[tokio::test]
async fn the_same_seed_strikes_the_same_calls() {
    let (stage, token) = Stage::connected().await;
    let path = format!("/instagram/graph/me?access_token={token}");
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let error = json!({"kind": "error", "code": 2});
        let rule = json!({"route": "me", "probability": 0.4, "seed": seed, "fault": error});
        let rule = stage.fault(rule).await;
        let mut struck = Vec::new();
        for _ in 0..40 {
            struck.push(stage.get(&path).await.status != 200);
        }
        let hits = stage.hits(&rule).await;
        assert!((4..36).contains(&hits), "{hits} of 40");
        runs.push(struck);
        let delete = stage.request(Method::DELETE, "/_sandbox/faults");
        stage.send(delete).await.ok();
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    stage.end().await;
}

/// The texts that arrived after the first, which `talking` waits for.
fn texts(stage: &Stage) -> Vec<String> {
    let received = stage.receiver.received();
    let text = |event: Value| event["entry"][0]["messaging"][0]["message"]["text"].clone();
    received[1..].iter().map(|one| text(one.json()).as_str().unwrap().to_owned()).collect()
}

#[rstest]
#[case::drop(json!("drop"), 0, &["two", "three"])]
#[case::duplicate(json!({"kind": "duplicate", "times": 2}), 0, &["one", "one", "one", "two", "three"])]
#[case::reorder(json!("reorder"), 0, &["two", "one", "three"])]
#[case::delay(json!({"kind": "delay", "by": "10m"}), 0, &["two", "three"])]
#[case::delay_over(json!({"kind": "delay", "by": "10m"}), 600, &["two", "three", "one"])]
#[tokio::test]
async fn webhooks_get_lost_repeated_and_mixed_up(
    #[case] fault: Value,
    #[case] seconds: u64,
    #[case] expected: &[&str],
) {
    let (stage, _) = talking().await;
    stage.fault(json!({"event": "message", "count": 1, "fault": fault})).await;
    for text in ["one", "two", "three"] {
        stage.write("mira.demo", text).await;
        stage.sandbox.settle().await;
    }
    stage.advance(Duration::from_secs(seconds)).await;
    stage.sandbox.settle().await;
    assert_eq!(texts(&stage), expected);
    stage.end().await;
}

#[tokio::test]
async fn what_is_to_come_behind_the_next_waits_a_minute_for_it() {
    let (stage, _) = talking().await;
    stage.fault(json!({"fault": "reorder"})).await;
    stage.write("mira.demo", "alone").await;
    stage.sandbox.settle().await;
    assert!(texts(&stage).is_empty());
    stage.advance(Duration::from_secs(60)).await;
    stage.sandbox.settle().await;
    assert_eq!(texts(&stage), ["alone"]);
    stage.end().await;
}

#[tokio::test]
async fn a_wrong_signature_stays_wrong_for_every_try() {
    let (stage, _) = talking().await;
    stage.fault(json!({"count": 1, "fault": "wrong_signature"})).await;
    stage.receiver.answer(&[401, 200]);
    stage.write("mira.demo", "one").await;
    stage.write("mira.demo", "two").await;
    stage.sandbox.settle().await;
    let received = stage.receiver.received();
    let is_signed = |place: usize| {
        let mut right = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        right.update(&received[place].body);
        let right = format!("sha256={}", hex::encode(right.finalize().into_bytes()));
        received[place].headers["x-hub-signature-256"] == right
    };
    let forged: Vec<usize> = (1..received.len()).filter(|place| !is_signed(*place)).collect();
    assert_eq!(received.len(), 4);
    assert_eq!(forged.len(), 2, "{forged:?}");
    stage.end().await;
}

#[tokio::test]
async fn rules_are_listed_counted_and_taken_back() {
    let (stage, token) = Stage::connected().await;
    let rule = json!({
        "platform": "instagram", "route": "me", "account": "lumen.shop.demo",
        "fault": {"kind": "error", "code": 2},
    });
    let made = stage.fault(rule).await;
    assert_eq!((&made["account"], &made["hits"]), (&json!(OTHER_ACCOUNT), &json!(0)));
    let path = format!("/instagram/graph/me?access_token={token}");
    stage.get(&path).await.ok();
    assert_eq!(stage.hits(&made).await, 0, "it is about another account");
    let delete = |path: &str| stage.request(Method::DELETE, &format!("/_sandbox/{path}"));
    let one = format!("faults/{}", made["id"]);
    assert_eq!(stage.send(delete(&one)).await.ok(), json!({"removed": 1}));
    assert_eq!(stage.send(delete(&one)).await.status, 404);
    stage.fault(json!({"fault": "cut"})).await;
    assert_eq!(stage.send(delete("faults")).await.ok(), json!({"removed": 1}));
    stage.get(&path).await.ok();
    assert_eq!(stage.sandbox.clock().now(), Timestamp::from_millis(NOW));
    stage.end().await;
}

#[rstest]
#[case::no_fault(json!({}), 400, "fault")]
#[case::no_such_fault(json!({"fault": "explode"}), 400, "fault")]
#[case::incomplete(json!({"fault": "latency"}), 400, "fault")]
#[case::no_duration(json!({"fault": {"kind": "delay", "by": "soon"}}), 400, "fault")]
#[case::no_failure(json!({"fault": {"kind": "status", "status": 200}}), 400, "fault.status")]
#[case::too_often(json!({"fault": {"kind": "duplicate", "times": 5000}}), 400, "fault.times")]
#[case::no_route(json!({"route": "message_sends", "fault": "cut"}), 400, "route")]
#[case::route_of_webhook(json!({"route": "me", "fault": "drop"}), 400, "route")]
#[case::event_of_call(json!({"event": "message", "fault": "cut"}), 400, "event")]
#[case::no_event(json!({"event": "mail", "fault": "drop"}), 400, "event")]
#[case::no_platform(json!({"platform": "myspace", "fault": "cut"}), 404, "platform")]
#[case::no_account(json!({"account": "nobody", "fault": "cut"}), 404, "account")]
#[case::improbable(json!({"probability": 1.5, "fault": "cut"}), 400, "probability")]
#[case::unknown_field(json!({"rout": "me", "fault": "cut"}), 400, "rout")]
#[tokio::test]
async fn a_rule_that_cannot_be_is_refused(
    #[case] rule: Value,
    #[case] status: u16,
    #[case] field: &str,
) {
    let stage = Stage::seeded().await;
    let request = stage.request(Method::POST, "/_sandbox/faults").json(&rule);
    let reply = stage.send(request).await;
    assert_eq!((reply.status, &reply.json()["error"]["field"]), (status, &json!(field)));
    assert_eq!(stage.get("/_sandbox/faults").await.ok(), json!({"faults": []}));
    stage.end().await;
}
