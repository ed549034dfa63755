//! Messages that are to be sent at a chosen time.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{Stage, story};

const MIRA: &str = "1099900000000101";

async fn opened(stage: &mut Stage) {
    stage.connect().await;
    stage.writes("mira.demo", "Are you open?").await;
    stage.settle().await;
    stage.hook.forget();
}

impl Stage {
    async fn texts(&self) -> Vec<String> {
        let thread = self.thread("mira.demo").await;
        thread[1..].iter().map(|one| one["text"].as_str().unwrap_or("?").to_owned()).collect()
    }
}

story! {
    /// It is accepted at once, goes out at its time, and holds up nothing until then.
    async fn a_message_goes_out_at_its_time(stage: Stage) {
        opened(stage).await;
        let later = json!({"message": "Later", "sendAt": "2026-01-01T13:00:00Z"});
        let data = stage.send_form(MIRA, later).await.expect(202)["data"].clone();
        assert_eq!(data["status"], "queued");
        let queue = stage.get(&format!("accounts/{}/queue", stage.account)).await.expect(200);
        let queued = &queue["data"][0];
        assert_eq!(queued["sendAt"], "2026-01-01T13:00:00.000Z");
        assert_eq!(queued["waits"]["reason"], "send_time");
        assert_eq!(queued["waits"]["until"], "2026-01-01T13:00:00.000Z");
        stage.send(MIRA, "Now", &[]).await.expect(200);
        stage.settle().await;
        stage.pass(Duration::from_secs(3599)).await;
        assert_eq!(stage.texts().await, ["Now"]);
        stage.pass(Duration::from_secs(1)).await;
        assert_eq!(stage.texts().await, ["Now", "Later"]);
        assert_eq!(stage.hook.names(), ["message.sent", "message.sent"]);
    }
}

story! {
    /// All parts of a request go at its time and in their order, also after a restart.
    async fn a_timed_request_of_several_messages_survives_a_restart(stage: Stage) {
        opened(stage).await;
        let text = ["one ".repeat(240), "two ".repeat(240), "six ".repeat(240)].concat();
        let form = json!({"message": text, "split": true, "sendAt": "2026-01-01T13:00:00+00:00"});
        let data = stage.send_form(MIRA, form).await.expect(202)["data"].clone();
        assert_eq!(data["messageIds"].as_array().unwrap().len(), 3);
        stage.crash().await;
        stage.restart().await;
        stage.settle().await;
        assert_eq!(stage.proxy.sends(), 0);
        stage.pass(Duration::from_hours(1)).await;
        let texts = stage.texts().await;
        let words: Vec<_> = texts.iter().map(|text| &text[..3]).collect();
        assert_eq!(words, ["one", "two", "six"]);
    }
}

story! {
    /// The times that can be had: ahead, within 30 days, and while the window is open.
    async fn a_time_is_checked_when_it_is_asked_for(stage: Stage) {
        opened(stage).await;
        let send = async |at: &str| {
            stage.send_form(MIRA, json!({"message": "Later", "sendAt": at})).await
        };
        for at in ["2026-01-01T12:00:00Z", "2025-12-31T23:00:00Z", "2026-01-31T12:00:01Z", "soon", ""]
        {
            let error = send(at).await.expect_error(400, "invalid_field_value");
            assert_eq!(error["param"], "sendAt", "{at}");
        }
        let error = send("2026-01-02T12:00:00Z").await.expect_error(403, "human_agent_only");
        assert_eq!(error["details"]["sendAt"], "2026-01-02T12:00:00.000Z");
        assert_eq!(error["details"]["windowClosedAt"], "2026-01-02T12:00:00.000Z");
        let text = error["error"].as_str().unwrap();
        assert!(text.contains("could not be sent at 2026-01-02T12:00:00.000Z"), "{text}");
        let human = json!({"message": "Later", "sendAt": "2026-01-02T12:00:00Z", "sentVia": "human"});
        stage.send_form(MIRA, human).await.expect(202);
        let closed = send("2026-01-09T12:00:00Z").await;
        closed.expect_error(403, "outside_messaging_window");
        send("2026-01-02T11:59:59Z").await.expect(202);
        assert_eq!(stage.messages(MIRA).await.len(), 3, "what is refused leaves nothing");
    }
}

story! {
    /// When its time comes everything is asked again: here the account is gone, and there it is back.
    async fn a_time_is_checked_again_when_it_comes(stage: Stage) {
        opened(stage).await;
        let lost = json!({"message": "Lost", "sendAt": "2026-01-01T13:00:00Z"});
        stage.send_form(MIRA, lost).await.expect(202);
        let held = json!({"message": "Held", "sendAt": "2026-01-01T13:00:01Z", "hold": true});
        stage.send_form(MIRA, held).await.expect(202);
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        stage.pass(Duration::from_hours(1)).await;
        let failed = stage.hook.events("message.failed");
        assert_eq!((failed.len(), &failed[0]["message"]["text"]), (1, &json!("Lost")));
        stage.pass(Duration::from_secs(1)).await;
        assert!(stage.texts().await.is_empty());
        stage.press("allow", &[]).await;
        stage.settle().await;
        assert_eq!(stage.texts().await, ["Held"]);
    }
}

story! {
    /// Connecting an account again sends nothing before its time.
    async fn a_connection_lets_nothing_go_early(stage: Stage) {
        opened(stage).await;
        let form = json!({"message": "Later", "sendAt": "2026-01-01T13:00:00Z", "hold": true});
        stage.send_form(MIRA, form).await.expect(202);
        stage.press("allow", &[]).await;
        stage.settle().await;
        assert!(stage.texts().await.is_empty());
        stage.pass(Duration::from_hours(1)).await;
        assert_eq!(stage.texts().await, ["Later"]);
    }
}

story! {
    /// A repeat hears the same as the first call, before and after its time; what was called off is
    /// not sent.
    async fn a_timed_request_is_repeated_and_called_off(stage: Stage) {
        opened(stage).await;
        let path = format!("inbox/conversations/{MIRA}/messages");
        let body = json!({"accountId": stage.account, "message": "Later",
            "sendAt": "2026-01-01T13:00:00Z"});
        let account = stage.account.clone();
        let send = async |stage: &Stage, key: &str| {
            stage.call(Method::POST, &path, Some(&body), &[("idempotency-key", key)]).await
        };
        let first = send(stage, "a").await.expect(202);
        let again = send(stage, "a").await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(202), first);
        let off = send(stage, "b").await.expect(202);
        let id = off["data"]["messageId"].as_str().unwrap();
        let path = format!("accounts/{account}/queue/{id}");
        stage.call(Method::DELETE, &path, None, &[]).await.expect(200);
        stage.pass(Duration::from_hours(1)).await;
        assert_eq!(stage.texts().await, ["Later"]);
        assert_eq!(send(stage, "a").await.expect(200)["data"]["messageIds"], json!(null));
        send(stage, "b").await.expect_error(409, "message_cancelled");
        assert_eq!(stage.proxy.sends(), 1);
    }
}
