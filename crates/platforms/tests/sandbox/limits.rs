//! The platform's limits, as numbers of its pages, and what answers tell of them.

use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, BASIC, MESSAGES, MIRA, OTHER_ACCOUNT, Reply, Stage};

const PATH: &str = "/instagram/graph/me/messages";

fn text() -> Value {
    json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}})
}

fn video() -> Value {
    let attachment = json!({"type": "video", "payload": {"url": "https://cdn.example.com/a.mp4"}});
    json!({"recipient": {"id": MIRA}, "message": {"attachment": attachment}})
}

fn private_reply() -> Value {
    json!({"recipient": {"comment_id": "17990000000000001"}, "message": {"text": "Hi"}})
}

#[track_caller]
fn assert_limited(reply: &Reply) {
    let error = &reply.json()["error"];
    let numbers = (&error["code"], &error["error_subcode"]);
    assert_eq!(numbers, (&json!(613), &json!(2_534_040)), "{}", reply.text);
    assert_eq!(error["message"], "Calls to this api have exceeded the rate limit.");
}

#[rstest]
#[case::text(text(), 100, 1)]
#[case::video(video(), 10, 1)]
#[case::private_replies(private_reply(), 750, 3600)]
#[tokio::test]
async fn sends_are_limited_for_each_account(
    #[case] body: Value,
    #[case] calls: usize,
    #[case] seconds: u64,
) {
    let (stage, token) = Stage::connected().await;
    stage.write("mira.demo", "Hello?").await;
    let is_limited = |reply: &Reply| reply.json()["error"]["code"] == 613;
    for place in 0..calls {
        let reply = stage.post_json(PATH, &token, &body).await;
        assert!(!is_limited(&reply), "call {place}: {}", reply.text);
    }
    assert_limited(&stage.post_json(PATH, &token, &body).await);
    let other = stage.token(OTHER_ACCOUNT, &[BASIC, MESSAGES]).await;
    assert!(!is_limited(&stage.post_json(PATH, &other, &body).await));
    stage.advance(Duration::from_secs(seconds)).await;
    assert!(!is_limited(&stage.post_json(PATH, &token, &body).await));
    stage.end().await;
}

#[tokio::test]
async fn conversations_are_read_twice_a_second() {
    let (stage, token) = Stage::connected().await;
    let path = format!("/instagram/graph/me/conversations?access_token={token}");
    for _ in 0..2 {
        assert_ne!(stage.get(&path).await.json()["error"]["code"], 613);
    }
    for _ in 0..2 {
        assert_limited(&stage.get(&path).await);
    }
    stage.end().await;
}

#[tokio::test]
async fn the_rest_is_free_until_somebody_sets_a_number() {
    let (stage, token) = Stage::connected().await;
    let path = format!("/instagram/graph/me?access_token={token}");
    let first = stage.get(&path).await;
    assert_eq!((first.status, first.header("x-app-usage")), (200, ""));
    let shown = stage.control("instagram/limits", &json!({"calls": {"unclassified": 4}})).await;
    let unclassified = json!({"calls": 4, "per_seconds": 3600});
    assert_eq!(shown["limits"]["unclassified"], unclassified);
    stage.get(&path).await.ok();
    let half = stage.get(&path).await;
    assert_eq!(
        half.header("x-app-usage"),
        r#"{"call_count":50,"total_cputime":12,"total_time":12}"#
    );
    let mine: Value = serde_json::from_str(half.header("x-business-use-case-usage")).unwrap();
    let usage = &mine[ACCOUNT][0];
    assert_eq!((&usage["type"], &usage["call_count"]), (&json!("instagram"), &json!(50)));
    assert_eq!(usage["estimated_time_to_regain_access"], 0);
    for _ in 0..2 {
        stage.get(&path).await.ok();
    }
    let over = stage.get(&path).await;
    assert_eq!(over.json()["error"]["code"], 4);
    assert!(over.header("x-app-usage").contains(r#""call_count":100"#));
    let mine: Value = serde_json::from_str(over.header("x-business-use-case-usage")).unwrap();
    assert_eq!(mine[ACCOUNT][0]["estimated_time_to_regain_access"], 60);
    stage.control("instagram/limits", &json!({"enabled": false})).await;
    assert_eq!(stage.get(&path).await.ok()["id"], "27999000000000001");
    stage.end().await;
}

#[tokio::test]
async fn answers_can_be_made_to_tell_any_use() {
    let (stage, token) = Stage::connected().await;
    let fault = json!({"kind": "usage", "percent": 95, "wait": "5m"});
    stage.control("faults", &json!({"route": "me", "fault": fault})).await;
    let reply = stage.get(&format!("/instagram/graph/me?access_token={token}")).await;
    assert_eq!(reply.status, 200);
    let mine: Value = serde_json::from_str(reply.header("x-business-use-case-usage")).unwrap();
    let usage = &mine[ACCOUNT][0];
    assert_eq!(usage["call_count"], 95);
    assert_eq!(usage["estimated_time_to_regain_access"], 5);
    stage.end().await;
}

#[rstest]
#[case(json!({"calls": {"photos": 5}}), "calls")]
#[case(json!({"calls": {"text": 0}}), "calls")]
#[case(json!({"on": false}), "on")]
#[tokio::test]
async fn numbers_that_cannot_be_are_refused(#[case] body: Value, #[case] field: &str) {
    let stage = Stage::seeded().await;
    let request = stage.request(Method::POST, "/_sandbox/instagram/limits").json(&body);
    let reply = stage.send(request).await;
    assert_eq!((reply.status, &reply.json()["error"]["field"]), (400, &json!(field)));
    stage.end().await;
}
