//! The log of calls to platforms: found by what one knows, and nothing private in it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{CLIENT_SECRET, Fault, Stage, VERIFY_TOKEN, key_of, story};

const MIRA: &str = "1099900000000101";

/// The platform quotes what it refuses.
const REFUSED: &str = r#"{"error":{"message":"No matching Instagram user for: Come at noon","type":
    "OAuthException","code":100,"error_subcode":2534014,"fbtrace_id":"AbcTrace9"}}"#;

async fn logs(stage: &Stage, query: &str) -> Vec<Value> {
    let found = stage.get(&format!("logs?{query}")).await.expect(200);
    found["logs"].as_array().unwrap().clone()
}

async fn insist_on_bad_input(stage: &Stage) {
    for (query, param) in [
        ("days=0", "days"),
        ("from=yesterday", "from"),
        ("to=never", "to"),
        ("skip=10001", "skip"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
        ("accountId=1", "accountId"),
        ("status=odd", "status"),
    ] {
        let refused =
            stage.get(&format!("logs?{query}")).await.expect_error(400, "invalid_field_value");
        assert_eq!(refused["param"], param, "{refused}");
    }
}

/// A key for one profile.
async fn key_for(stage: &mut Stage, profile: &str) -> String {
    let wanted = json!({"name": "one", "scope": "profiles", "profileIds": [profile]});
    let made = stage.post("api-keys", &wanted).await.expect(201);
    let key = made["apiKey"]["key"].as_str().unwrap().to_owned();
    stage.keep_secret(&key);
    key
}

async fn seen_by(stage: &Stage, key: &str) -> usize {
    let bearer = format!("Bearer {key}");
    let found = stage.call(Method::GET, "logs", None, &[("authorization", &bearer)]).await;
    found.expect(200)["logs"].as_array().unwrap().len()
}

story! {
    /// Why was it refused? The log knows, without the token and without the text.
    async fn a_refused_send_is_found_with_the_platforms_words(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        stage.proxy.will(&[Fault::Answer(400, REFUSED)]);
        let headers = [("x-request-id", "story-1")];
        let answer = stage.send(MIRA, "Come at noon", &headers).await;
        assert_eq!(answer.headers["x-request-id"], "story-1");
        answer.expect_error(400, "person_unreachable");
        stage.settle().await;

        let failed = logs(stage, "status=failed").await;
        assert_eq!(failed.len(), 1, "{failed:?}");
        let log = &failed[0];
        let message = stage.messages(MIRA).await[1]["id"].clone();
        assert_eq!(log["type"], "messaging");
        assert_eq!(log["action"], "send_message");
        assert_eq!((&log["method"], &log["status_code"]), (&json!("POST"), &json!(400)));
        assert_eq!(log["error_message"], "No matching Instagram user for: [hidden]");
        assert_eq!((&log["error_code"], &log["error_subcode"]), (&json!("100"), &json!("2534014")));
        assert_eq!((&log["trace_id"], &log["request_id"]), (&json!("AbcTrace9"), &json!("story-1")));
        assert_eq!((&log["account_id"], &log["message_id"]), (&json!(stage.account), &message));
        let sent: Value = serde_json::from_str(log["request_body"].as_str().unwrap()).unwrap();
        assert_eq!(sent["recipient"]["id"], MIRA);
        assert_eq!(sent["message"]["text"], "[12 characters]");
        let metadata: Value = serde_json::from_str(log["metadata"].as_str().unwrap()).unwrap();
        assert_eq!(metadata["callClass"], "text");
        for query in [
            "requestId=story-1",
            &format!("messageId={}", message.as_str().unwrap()),
            "code=100",
            "search=abctrace",
            "statusCode=400&action=send_message&platform=instagram&type=messaging&days=1",
            &format!("accountId={}&status=failed&profileId={}", stage.account, stage.profile),
        ] {
            assert_eq!(logs(stage, query).await, failed, "{query}");
        }
        for query in ["to=2026-01-01T11:59:59Z", "type=webhooks", "status=pending", "event=x"] {
            assert!(logs(stage, query).await.is_empty(), "{query}");
        }

        let connecting = logs(stage, "type=connections").await;
        let actions: Vec<_> = connecting.iter().map(|log| log["action"].as_str().unwrap()).collect();
        for action in ["exchange_code", "prolong_token", "read_account", "subscribe"] {
            assert!(actions.contains(&action), "{action} in {actions:?}");
        }
        let all = stage.get("logs?limit=100").await;
        let tokens = stage.look("instagram/tokens").await["tokens"].clone();
        let tokens = tokens.as_array().unwrap().iter().map(|one| one["token"].as_str().unwrap());
        let others = ["Come at noon", "Are you open?", CLIENT_SECRET, VERIFY_TOKEN];
        for secret in tokens.chain(others) {
            assert!(!all.text.contains(secret), "{secret} in {}", all.text);
        }
        let all = all.expect(200);
        let count = all["logs"].as_array().unwrap().len();
        assert_eq!(all["pagination"]["total"], count);
        let first = stage.get("logs?limit=2").await.expect(200);
        let cursor = first["pagination"]["nextCursor"].as_str().unwrap();
        let rest = logs(stage, &format!("limit=100&cursor={cursor}")).await;
        assert_eq!(rest, all["logs"].as_array().unwrap()[2..]);
        insist_on_bad_input(stage).await;
    }
}

story! {
    /// Nobody sees another's calls, and those that had their time go.
    async fn the_log_is_the_workspaces_own_and_ends(stage: Stage) {
        stage.connect().await;
        let (stranger, _) = key_of(&stage.app, "stranger").await;
        stage.keep_secret(&stranger);
        let other = stage.post("profiles", &json!({"name": "other"})).await.expect(201);
        let other = other["profile"]["_id"].as_str().unwrap().to_owned();
        let (profile, key) = (stage.profile.clone(), stage.key.clone());
        let (of_ours, of_other) =
            (key_for(stage, &profile).await, key_for(stage, &other).await);
        let all = seen_by(stage, &key).await;
        assert!(all > 3, "{all}");
        assert_eq!(seen_by(stage, &of_ours).await, all);
        assert_eq!(seen_by(stage, &of_other).await, 0);
        assert_eq!(seen_by(stage, &stranger).await, 0);

        stage.restart_with_number("logs.keep_days", 0).await;
        stage.pass(Duration::from_hours(2)).await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        stage.send(MIRA, "Yes", &[]).await.expect(200);
        stage.settle().await;
        // Old rows go in a round of their own, once an hour, which nobody waits for.
        for _ in 0..24 {
            if seen_by(stage, &key).await == 0 {
                return;
            }
            stage.pass(Duration::from_hours(1)).await;
        }
        panic!("they are still there");
    }
}
