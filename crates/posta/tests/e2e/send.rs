//! What may be sent, and what every send ends in: sent, failed, or unknown and then resolved.

use std::time::Duration;

use posta::flows::send::Draft;
use reqwest::Method;
use serde_json::json;

use crate::support::{Fault, Stage, story};

const MIRA: &str = "1099900000000101";

async fn opened(stage: &mut Stage) {
    stage.connect().await;
    stage.writes("mira.demo", "Are you open?").await;
    stage.settle().await;
    stage.hook.forget();
}

story! {
    /// The limit is 1000 bytes, not characters.
    async fn a_text_is_measured_in_bytes(stage: Stage) {
        opened(stage).await;
        stage.send(MIRA, &"é".repeat(500), &[]).await.expect(200);
        let refused = stage.send(MIRA, &"é".repeat(501), &[]).await;
        let error = refused.expect_error(400, "text_too_long");
        assert_eq!(error["param"], "message");
        assert!(error["error"].as_str().unwrap().contains("1002 bytes"), "{error}");
        assert_eq!(stage.proxy.sends(), 1, "the platform was not asked");
    }
}

story! {
    /// 24 hours after the customer's last message the window is closed, until they write again.
    async fn outside_the_reply_window_nothing_is_sent(stage: Stage) {
        opened(stage).await;
        stage.pass(Duration::from_secs(24 * 3600 - 1)).await;
        stage.send(MIRA, "Just in time", &[]).await.expect(200);
        stage.pass(Duration::from_secs(2)).await;
        let error = stage.send(MIRA, "Too late", &[]).await;
        let error = error.expect_error(403, "human_agent_only");
        assert_eq!(error["type"], "platform_error");
        assert_eq!(error["details"]["windowClosedAt"], "2026-01-02T12:00:00.000Z");
        assert_eq!(stage.proxy.sends(), 1);

        // A person may answer for seven days, if the app has the feature.
        let app = json!({"client_id": crate::support::CLIENT_ID, "features": ["human_agent"]});
        stage.control("instagram/apps", &app).await;
        let body = json!({
            "accountId": stage.account, "message": "A person writes", "messagingType": "MESSAGE_TAG",
            "messageTag": "HUMAN_AGENT",
        });
        let path = format!("inbox/conversations/{MIRA}/messages");
        stage.post(&path, &body).await.expect(200);

        stage.writes("mira.demo", "Still there?").await;
        stage.settle().await;
        stage.send(MIRA, "Yes", &[]).await.expect(200);
    }
}

story! {
    /// The platform's refusal reaches the sender in the platform's own words.
    async fn the_platforms_refusal_is_passed_on(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::Answer(
            400,
            r#"{"error":{"message":"No matching Instagram user","type":"OAuthException","code":100,
                "error_subcode":2534014,"fbtrace_id":"Abc"}}"#,
        )]);
        let error = stage.send(MIRA, "Hello?", &[]).await;
        assert_eq!(error.status, 400, "{}", error.text);
        assert_eq!(error.body["type"], "platform_error");
        assert_eq!(error.body["platform"], "instagram");
        let said = &error.body["platformError"];
        assert_eq!((&said["code"], &said["subcode"]), (&json!(100), &json!(2_534_014)));
        assert_eq!(said["fbtraceId"], "Abc");
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept[1]["status"], "failed");
        assert_eq!(kept[1]["deliveryStatus"], "failed");
        stage.send(MIRA, "Hello again", &[]).await.expect(200);
    }
}

story! {
    /// The same key and body give the same answer and one message.
    async fn an_idempotency_key_makes_a_send_happen_once(stage: Stage) {
        opened(stage).await;
        let key = [("idempotency-key", "order-17")];
        let first = stage.send(MIRA, "Your order is ready", &key).await;
        assert!(!first.headers.contains_key("idempotent-replayed"));
        let again = stage.send(MIRA, "Your order is ready", &key).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(first.expect(200)["data"], again.expect(200)["data"]);
        stage.send(MIRA, "Another text", &key).await.expect_error(422, "idempotency_key_reused");
        let long = "k".repeat(256);
        let refused = stage.send(MIRA, "x", &[("idempotency-key", &long)]).await;
        refused.expect_error(400, "invalid_field_value");
        assert_eq!(stage.proxy.sends(), 1);
        assert_eq!(stage.thread("mira.demo").await.len(), 2);

        // After a day the key is forgotten.
        stage.writes("mira.demo", "Hm?").await;
        stage.pass(Duration::from_secs(25 * 3600)).await;
        stage.writes("mira.demo", "Hm!").await;
        stage.settle().await;
        let later = stage.send(MIRA, "Your order is ready", &key).await;
        assert!(!later.headers.contains_key("idempotent-replayed"));
        later.expect(200);
    }
}

story! {
    /// A failed first try releases its key; the repeat is a new try.
    async fn a_failed_send_releases_its_key(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::Answer(
            400,
            r#"{"error":{"message":"x","type":"OAuthException","code":100,"error_subcode":2534015}}"#,
        )]);
        let key = [("idempotency-key", "order-18")];
        assert_eq!(stage.send(MIRA, "Ready", &key).await.status, 400);
        let again = stage.send(MIRA, "Ready", &key).await;
        assert!(!again.headers.contains_key("idempotent-replayed"));
        again.expect(200);
        assert_eq!(stage.proxy.sends(), 2);
        assert_eq!(stage.thread("mira.demo").await.len(), 2);
    }
}

story! {
    /// While the first request runs, a second one with its key neither sends nor waits.
    async fn a_second_request_with_a_running_key_is_refused(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::HoldAnswer]);
        let key = [("idempotency-key", "order-19")];
        let body = json!({"accountId": stage.account, "message": "Ready"});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let second = async {
            stage.proxy.arrived().await;
            let answer = stage.call(Method::POST, &path, Some(&body), &key).await;
            stage.proxy.release();
            answer
        };
        let first = stage.call(Method::POST, &path, Some(&body), &key);
        let (first, second) = tokio::join!(first, second);
        assert_eq!(second.headers["retry-after"], "5");
        second.expect_error(409, "idempotency_conflict");
        first.expect(200);
        assert_eq!(stage.proxy.sends(), 1);
    }
}

story! {
    /// The wire is cut after the platform took the message: nobody knows, and nobody sends again;
    /// the echo tells.
    async fn an_unknown_outcome_is_never_sent_again_and_resolved_by_the_echo(stage: Stage) {
        opened(stage).await;
        stage.control("instagram/hold", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.proxy.will(&[Fault::CutAfter]);
        let key = [("idempotency-key", "order-20")];
        let error = stage.send(MIRA, "Ready", &key).await.expect_error(502, "outcome_unknown");
        assert!(error["details"]["messageId"].is_string());
        stage.settle().await;
        assert_eq!(stage.messages(MIRA).await[1]["status"], "unknown");
        stage.pass(Duration::from_secs(3600)).await;
        stage.send(MIRA, "Ready", &key).await.expect_error(409, "idempotency_conflict");
        assert_eq!(stage.proxy.sends(), 1, "not sent again");
        assert!(stage.hook.names().is_empty());

        stage.control("instagram/flush", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["message.sent"]);
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept.len(), 2, "the echo is the same message");
        assert_eq!(kept[1]["status"], "sent");
        let replay = stage.send(MIRA, "Ready", &key).await;
        assert_eq!(replay.headers["idempotent-replayed"], "true");
        assert_eq!(replay.expect(200)["data"]["messageId"], kept[1]["id"]);
        assert_eq!(stage.thread("mira.demo").await.len(), 2);
    }
}

story! {
    /// Too fast: the message waits as long as the platform says, and then goes out.
    async fn a_rate_limited_send_waits_and_goes_out(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::Answer(
            400,
            r#"{"error":{"message":"slow","type":"OAuthException","code":4}}"#,
        )]);
        let body = json!({"accountId": stage.account, "message": "Patience"});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let answer = stage.post(&path, &body);
        let clock = stage.clock.clone();
        let proxy = stage.proxy.clone();
        let app = stage.app.clone();
        let time = async {
            while proxy.sends() == 0 || !posta::workers::is_idle(&app).await.unwrap() {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_secs(21));
        };
        let (answer, ()) = tokio::join!(answer, time);
        let queued = answer.expect(202);
        assert_eq!(queued["data"]["status"], "queued");
        let accounts = stage.get("accounts").await.expect(200);
        assert!(accounts["accounts"][0]["rateLimitedUntil"].is_string(), "{accounts}");
        assert_eq!(stage.thread("mira.demo").await.len(), 1);
        stage.pass(Duration::from_secs(3600)).await;
        assert_eq!(stage.thread("mira.demo").await.len(), 2);
        assert_eq!(stage.hook.names(), ["message.sent"]);
    }
}

story! {
    /// The token dies while messages wait: they fail, the account is told to be lost, once.
    async fn a_token_revoked_in_the_middle_disconnects_the_account(stage: Stage) {
        opened(stage).await;
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        let error = stage.send(MIRA, "Anyone?", &[]).await.expect_error(401, "reconnect_required");
        assert_eq!(error["platformError"]["code"], 190);
        let text = error["error"].as_str().unwrap();
        assert_eq!(text.matches("onnect the account again").count(), 1, "one remedy: {text}");
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["account.disconnected", "message.failed"]);
        let event = stage.hook.events("account.disconnected").remove(0);
        assert_eq!(event["disconnectionType"], "unintentional");
        assert_eq!(event["account"]["accountId"], stage.account.as_str());
        stage.send(MIRA, "Anyone?", &[]).await.expect_error(403, "ACCOUNT_DISCONNECTED");
        assert_eq!(stage.proxy.sends(), 1);
        let account = stage.get("accounts?status=disconnected").await.expect(200);
        assert_eq!(account["accounts"][0]["needsReconnection"], true);

        let before = stage.account.clone();
        let end = stage.press("allow", &[]).await;
        assert_eq!(crate::support::query(&end, "accountId"), Some(before), "the same account");
        stage.send(MIRA, "Here I am", &[]).await.expect(200);
    }
}

story! {
    /// Within a conversation messages go out one after the other, in the order they were asked for.
    async fn a_conversation_keeps_its_order(stage: Stage) {
        opened(stage).await;
        let texts: Vec<String> = (0..20).map(|number| format!("number {number}")).collect();
        let path = format!("inbox/conversations/{MIRA}/messages");
        stage.proxy.will(&[Fault::HoldAnswer]);
        let first = json!({"accountId": stage.account, "message": texts[0]});
        let rest = async {
            stage.proxy.arrived().await;
            let mut tx = stage.db().write().await.unwrap();
            // Asked for while the first is under way, by the flow that the API uses.
            let owner = posta_store::workspaces::find_by_name(&mut tx, "story").await.unwrap().unwrap();
            let account = stage.account.parse().unwrap();
            let account =
                posta_store::accounts::find(&mut tx, &owner.id, &account).await.unwrap().unwrap();
            let conversation =
                posta_store::conversations::find(&mut tx, &owner.id, &account.id, MIRA).await;
            let conversation = conversation.unwrap().unwrap();
            for text in &texts[1..] {
                let request = posta::flows::send::Request {
                    account: &account,
                    conversation: &conversation,
                    draft: Draft { text: Some(text.clone()), ..Draft::default() },
                    tag: None,
                    sent_via: "api",
                    priority: None,
                    may_wait: false,
                    send_at: None,
                    idempotency: None,
                };
                posta::flows::send::enqueue(&stage.app, &mut tx, &request).await.unwrap();
            }
            tx.commit().await.unwrap();
            stage.app.wake.send.notify_one();
            stage.proxy.release();
        };
        let (answer, ()) = tokio::join!(stage.post(&path, &first), rest);
        answer.expect(200);
        stage.settle().await;
        let seen = stage.thread("mira.demo").await;
        let seen: Vec<_> = seen[1..].iter().map(|one| one["text"].as_str().unwrap()).collect();
        assert_eq!(seen, texts);
    }
}

story! {
    /// What the platform has not is refused by name, and what has no effect is told.
    async fn fields_are_refused_or_warned_of(stage: Stage) {
        opened(stage).await;
        let path = format!("inbox/conversations/{MIRA}/messages");
        let send = async |more: serde_json::Value| {
            let mut body = json!({"accountId": stage.account, "message": "Hi"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            stage.post(&path, &body).await
        };
        let answer = send(json!({"replyTo": "mid.1", "linkPreview": true, "quickReplies": []})).await;
        let warnings = answer.expect(200)["warnings"].clone();
        assert_eq!(warnings[0]["code"], "ignored_field");
        assert_eq!(warnings[0]["param"], "replyTo");
        assert_eq!(warnings.as_array().unwrap().len(), 1);
        for field in ["location", "contacts", "interactive", "replyMarkup"] {
            let error = send(json!({field: {"latitude": 1}})).await;
            let error = error.expect_error(400, "platform_not_supported");
            assert_eq!(error["param"], field);
        }
        let replies = json!([{"title": "Yes", "payload": "Y", "imageUrl": "https://x.example/a.jpg"}]);
        let warnings = send(json!({"quickReplies": replies})).await.expect(200)["warnings"].clone();
        assert_eq!(warnings[0]["param"], "quickReplies[0].imageUrl");
        let error = send(json!({"message": "  "})).await.expect_error(400, "missing_required_field");
        assert_eq!(error["param"], "message");
        send(json!({"messageTag": "ACCOUNT_UPDATE"})).await.expect_error(400, "invalid_field_value");
    }
}
