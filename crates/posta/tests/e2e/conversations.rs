//! What is done with conversations besides reading and writing: found, passed on, refused.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{CLIENT_ID, Stage, story};

const MIRA: &str = "1099900000000101";

async fn found(stage: &Stage, query: &str) -> Vec<Value> {
    let answer = stage.get(&format!("inbox/conversations/search?query={query}")).await.expect(200);
    answer["data"].as_array().cloned().unwrap()
}

story! {
    /// Words are found in whatever was said, in any case, with the newest matches beside them.
    async fn conversations_are_found_by_what_was_said(stage: Stage) {
        stage.connect().await;
        for text in ["Where is my ORDER?", "Äpfel und Birnen", "order 4711"] {
            stage.writes("mira.demo", text).await;
            stage.pass(Duration::from_secs(1)).await;
        }
        stage.send(MIRA, "Your order is on its way", &[]).await.expect(200);
        stage.settle().await;
        let hits = found(stage, "order").await;
        assert_eq!(hits.len(), 1);
        assert_eq!(hits[0]["conversation"]["id"], MIRA);
        assert_eq!(hits[0]["conversation"]["accountId"], stage.account.as_str());
        assert_eq!(hits[0]["conversation"]["participantName"], "Mira");
        assert_eq!(hits[0]["matchCount"], 3);
        let newest = &hits[0]["matches"][0];
        assert_eq!(newest["text"], "Your order is on its way");
        assert_eq!(newest["direction"], "outgoing");
        assert!(newest["timestamp"].is_string() && newest["id"].is_string());
        assert_eq!(found(stage, "order&direction=incoming").await[0]["matchCount"], 2);
        assert_eq!(found(stage, "%C3%84PFEL").await[0]["matchCount"], 1);
        assert!(found(stage, "pears").await.is_empty());
        assert!(found(stage, "order&platform=elsewhere").await.is_empty());
        let error = stage.get("inbox/conversations/search?query=%20").await;
        assert_eq!(error.expect_error(400, "missing_required_field")["param"], "query");
        let error = stage.get("inbox/conversations/search").await;
        assert_eq!(error.expect_error(400, "missing_required_field")["param"], "query");
        let error = stage.get("inbox/conversations/search?query=a&direction=up").await;
        assert_eq!(error.expect_error(400, "invalid_field_value")["param"], "direction");
    }
}

story! {
    /// Typing is shown where it can be, and never fails.
    async fn typing_is_shown_and_never_fails(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let body = json!({"accountId": stage.account});
        let path = format!("inbox/conversations/{MIRA}/typing");
        assert_eq!(stage.post(&path, &body).await.expect(200), json!({"success": true}));
        let thread = stage.look("instagram/accounts/lumen.cafe.demo/threads/mira.demo").await;
        assert_eq!(thread["account_is_typing"], true);
        stage.pass(Duration::from_hours(25)).await;
        let late = stage.post(&path, &body).await.expect(200);
        assert!(late["success"].is_boolean(), "{late}");
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        assert_eq!(stage.post(&path, &body).await.expect(200), json!({"success": false}));
        stage.post(&path, &json!({})).await.expect_error(400, "missing_required_field");
        let unknown = stage.post("inbox/conversations/4711/typing", &body).await;
        unknown.expect_error(404, "conversation_not_found");
    }
}

story! {
    /// A conversation is passed on where routing is set up; whatever else is asked is refused clearly.
    async fn control_is_passed_and_not_taken(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let path = format!("inbox/conversations/{MIRA}/thread-control");
        let act = async |action: &str, more: Value| {
            let mut body = json!({"accountId": stage.account, "action": action});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            stage.post(&path, &body).await
        };
        for action in ["take", "release", "request"] {
            let error = act(action, json!({})).await.expect_error(400, "platform_not_supported");
            assert_eq!(error["platform"], "instagram");
        }
        act("pass", json!({"target": "ai_agent"})).await.expect_error(400, "platform_not_supported");
        for (more, param) in [
            (json!({"target": "me"}), "target"),
            (json!({"targetAppId": "x"}), "targetAppId"),
            (json!({"metadata": "x".repeat(2001)}), "metadata"),
        ] {
            let error = act("pass", more).await.expect_error(400, "invalid_field_value");
            assert_eq!(error["param"], param);
        }
        act("steal", json!({})).await.expect_error(400, "invalid_field_value");
        let other = json!({"client_id": "990000000000777", "name": "Other", "redirect_uris": [],
            "features": ["conversation_routing"]});
        stage.control("instagram/apps", &other).await;
        let target = json!({"targetAppId": "990000000000777"});
        let error = act("pass", target.clone()).await;
        assert!((400..500).contains(&error.status), "without routing: {}", error.text);
        let routed = json!({"client_id": CLIENT_ID, "features": ["conversation_routing"]});
        stage.control("instagram/apps", &routed).await;
        let passed = act("pass", target).await.expect(200);
        let control = json!({"owner": "other", "ownerAppId": "990000000000777"});
        assert_eq!(passed, json!({"success": true, "control": control}));
        stage.settle().await;
        let error = stage.send(MIRA, "Still me", &[]).await;
        error.expect_error(409, "not_thread_owner");
    }
}

story! {
    /// A request is accepted by a reply, which is sent once, however often it is asked for.
    async fn a_request_is_accepted_by_replying_once(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let path = format!("inbox/conversations/{MIRA}/accept");
        let missing = stage.post(&path, &json!({"accountId": stage.account})).await;
        assert_eq!(missing.expect_error(400, "missing_required_field")["param"], "message");
        let empty = stage.post(&path, &json!({"accountId": stage.account, "message": ""})).await;
        assert_eq!(empty.expect_error(400, "missing_required_field")["param"], "message");
        assert_eq!(stage.proxy.sends(), 0);
        let body = json!({"accountId": stage.account, "message": "Until six", "split": true});
        let key = [("idempotency-key", "accept-1")];
        let accept = async || stage.call(Method::POST, &path, Some(&body), &key).await;
        let first = accept().await.expect(200);
        assert_eq!(first["success"], true);
        assert_eq!(first["warnings"][0]["param"], "split");
        let again = accept().await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(200)["data"], first["data"]);
        stage.settle().await;
        assert_eq!(stage.proxy.sends(), 1);
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[1]["id"], first["data"]["messageId"]);
        assert_eq!(kept[1]["message"], "Until six");
        let unknown = stage.post("inbox/conversations/4711/accept", &body).await;
        unknown.expect_error(404, "conversation_not_found");
    }
}

story! {
    /// What no platform of this version has is refused as the unified API does.
    async fn what_the_platform_lacks_is_refused_in_the_unified_words(stage: Stage) {
        stage.connect().await;
        let body = json!({"accountId": stage.account, "participantId": MIRA, "message": "Hi"});
        let error = stage.post("inbox/conversations", &body).await;
        let error = error.expect_error(400, "PLATFORM_NOT_SUPPORTED");
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["platform"], "instagram");
        let missing = stage.post("inbox/conversations", &json!({"message": "Hi"})).await;
        assert_eq!(missing.expect_error(400, "missing_required_field")["param"], "accountId");
        let account = format!("accountId={}", stage.account);
        let of = format!("inbox/conversations/{MIRA}/labels");
        for (method, path) in [
            (Method::GET, format!("inbox/labels?{account}")),
            (Method::POST, "inbox/labels".to_owned()),
            (Method::DELETE, format!("inbox/labels/7?{account}")),
            (Method::GET, format!("{of}?{account}")),
            (Method::POST, of.clone()),
            (Method::DELETE, format!("{of}/7?{account}")),
        ] {
            let body = (method == Method::POST).then_some(&body);
            let error = stage.call(method, &path, body, &[]).await;
            error.expect_error(400, "platform_not_supported");
        }
        let tagged = stage.get("inbox/conversations?tags=vip").await.expect(200);
        assert_eq!(tagged["data"], json!([]));
    }
}
