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
        let named = &found(stage, "mira").await[0];
        assert_eq!((&named["conversation"]["id"], &named["matchCount"]), (&json!(MIRA), &json!(0)));
        assert_eq!(named["matches"], json!([]), "only the person fits");
        assert!(found(stage, "mira&direction=incoming").await.is_empty());
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

/// Who holds Mira's conversation, as the list says and as it says itself.
async fn held_by(stage: &Stage) -> [Value; 2] {
    let list = stage.get("inbox/conversations").await.expect(200);
    let path = format!("inbox/conversations/{MIRA}?accountId={}", stage.account);
    let one = stage.get(&path).await.expect(200);
    [list["data"][0]["threadControl"].clone(), one["data"]["threadControl"].clone()]
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
        assert_eq!(held_by(stage).await, [Value::Null, Value::Null], "nobody has said");
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
        assert_eq!(held_by(stage).await, ["other", "other"], "noted without a word of the platform");
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
        let form = async |name: &str, value: &str| {
            let (fields, file) = ([(name, value)], ("attachment", "a.jpg", &[0; 70_000][..]));
            stage.upload("inbox/conversations", &fields, file, &[]).await
        };
        let error = form("accountId", &stage.account).await;
        error.expect_error(400, "PLATFORM_NOT_SUPPORTED");
        let error = form("message", "Hi").await.expect_error(400, "missing_required_field");
        assert_eq!(error["param"], "accountId");
        let error = form("accountId", "x").await.expect_error(400, "invalid_field_value");
        assert_eq!(error["param"], "accountId");
        assert_eq!(stage.files(), 0, "what is refused is not kept");
        let tagged = stage.get("inbox/conversations?tags=vip").await.expect(200);
        assert_eq!(tagged["data"], json!([]));
    }
}

story! {
    /// The platform keeps no requests apart for apps, and says so: of one account as a refusal, of
    /// several beside whatever else there is.
    async fn requests_are_not_told_apart_and_it_says_so(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let path = format!("inbox/conversations?folder=requests&accountId={}", stage.account);
        let error = stage.get(&path).await.expect_error(400, "PLATFORM_LIMITATION");
        assert_eq!((&error["platform"], &error["param"]), (&json!("instagram"), &json!("folder")));
        let all = stage.get("inbox/conversations?folder=requests").await.expect(200);
        assert_eq!(all["data"], json!([]));
        assert_eq!(all["pagination"], json!({"hasMore": false, "nextCursor": null}));
        assert_eq!(all["meta"]["accountsFailed"], 1);
        let failed = &all["meta"]["failedAccounts"][0];
        assert_eq!(failed["accountId"], stage.account.as_str());
        assert_eq!(failed["code"], "PLATFORM_LIMITATION");
        assert!(failed["error"].as_str().unwrap().contains("Instagram"), "{failed}");
        let inbox = stage.get("inbox/conversations?folder=inbox").await.expect(200);
        assert_eq!(inbox["data"][0]["id"], MIRA);
        for query in ["folder=spam", "folder=requests&cursor=MSB4"] {
            let error = stage.get(&format!("inbox/conversations?{query}")).await;
            let param = if query.contains("cursor") { "cursor" } else { "folder" };
            assert_eq!(error.expect_error(400, "invalid_field_value")["param"], param);
        }
    }
}
