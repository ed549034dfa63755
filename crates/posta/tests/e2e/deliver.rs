//! Events reach the customer's endpoint, signed, again and again until it takes them.

use std::time::Duration;

use posta_store::deliveries::{self, State};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stage, story};

async fn tries(stage: &Stage, query: &str) -> Vec<Value> {
    let log = stage.get(&format!("webhooks/logs?{query}")).await.expect(200);
    log["logs"].as_array().unwrap().clone()
}

async fn count(stage: &Stage, state: State) -> i64 {
    let mut tx = stage.db().read().await.unwrap();
    let owner = posta_store::workspaces::find_by_name(&mut tx, "story").await.unwrap().unwrap();
    deliveries::count(&mut tx, &owner.id, state).await.unwrap()
}

story! {
    /// An endpoint that fails gets the same bytes again, later and later, until the schedule ends.
    async fn a_failing_endpoint_is_tried_again_until_the_schedule_ends(stage: Stage) {
        stage.restart_with_number("webhooks.disable_after_days", 30).await;
        stage.connect_hearing(&["message.received"]).await;
        stage.hook.answer(&[500, 404, 302, 503, 429]);
        stage.hook.fail(500);
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        assert_eq!(stage.hook.names().len(), 1);
        let waits = [5, 30, 120, 600, 3600, 10_800, 21_600, 43_200, 86_400, 86_400, 86_400, 86_400];
        for (index, wait) in waits.into_iter().enumerate() {
            stage.pass(Duration::from_secs(wait - 1)).await;
            assert_eq!(stage.hook.names().len(), index + 1, "not before {wait} s");
            // Jitter adds up to a fifth.
            stage.pass(Duration::from_secs(wait / 5 + 2)).await;
            assert_eq!(stage.hook.names().len(), index + 2, "after {wait} s");
        }
        stage.pass(Duration::from_secs(10 * 86_400)).await;
        assert_eq!(stage.hook.names().len(), 13);
        assert_eq!(count(stage, State::Parked).await, 1);
        assert_eq!(count(stage, State::Pending).await, 0);

        let came = stage.hook.came();
        assert!(came.iter().all(|one| one.body == came[0].body), "the same bytes");
        let log = tries(stage, "event=message.received").await;
        let numbers: Vec<_> = log.iter().map(|one| one["attemptNumber"].as_i64().unwrap()).collect();
        assert_eq!(numbers, (1..=13).rev().collect::<Vec<_>>());
        assert!(log.iter().all(|one| one["status"] == "failed" && one["responseBody"] == "heard"));
        assert_eq!(log[0]["requestPayload"]["event"], "message.received");
        let settings = stage.get("webhooks/settings").await.expect(200);
        assert_eq!(settings["webhooks"][0]["failureCount"], 13);
    }
}

story! {
    /// An endpoint that recovers gets what it missed.
    async fn an_endpoint_that_recovers_gets_what_it_missed(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        stage.hook.answer(&[500, 500]);
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        stage.pass(Duration::from_secs(13)).await;
        assert_eq!(stage.hook.names().len(), 4);
        assert_eq!(count(stage, State::Pending).await, 0);
        let settings = stage.get("webhooks/settings").await.expect(200);
        assert_eq!(settings["webhooks"][0]["failureCount"], 0);
    }
}

story! {
    /// An endpoint gets what it asked for and nothing else.
    async fn an_endpoint_gets_only_what_it_wants(stage: Stage) {
        stage.listen_to(&["message.sent", "post.published"]).await;
        let end = stage.press("allow", &[]).await;
        stage.account = crate::support::query(&end, "accountId").unwrap();
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        assert!(stage.hook.names().is_empty());
        stage.send("1099900000000101", "Hello", &[]).await.expect(200);
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["message.sent"]);

        let id = stage.get("webhooks/settings").await.expect(200)["webhooks"][0]["_id"].clone();
        let change = json!({"webhookId": id, "isActive": false});
        stage.call(Method::PUT, "webhooks/settings", Some(&change), &[]).await.expect(200);
        stage.send("1099900000000101", "Silence", &[]).await.expect(200);
        stage.settle().await;
        assert_eq!(stage.hook.names().len(), 1);
    }
}

story! {
    /// A test event is sent once, whatever the endpoint is subscribed to.
    async fn a_test_event_is_tried_once(stage: Stage) {
        let id = stage.listen_to(&["account.connected"]).await;
        let body = json!({"webhookId": id});
        let answer = stage.post("webhooks/test", &body).await.expect(200);
        assert_eq!(answer["success"], true);
        assert_eq!(stage.hook.names(), ["webhook.test"]);
        stage.hook.answer(&[500]);
        let answer = stage.post("webhooks/test", &body).await.expect(500);
        assert_eq!(answer["success"], false);
        stage.pass(Duration::from_secs(3600)).await;
        assert_eq!(stage.hook.names().len(), 2);
        let log = tries(stage, &format!("webhookId={id}")).await;
        assert_eq!((&log[0]["test"], &log[0]["status"]), (&json!(true), &json!("failed")));
        assert_eq!((&log[1]["test"], &log[1]["status"]), (&json!(true), &json!("success")));
    }
}

story! {
    /// A customer's own headers come along, and cannot replace ours.
    async fn custom_headers_come_along_and_replace_nothing(stage: Stage) {
        let id = stage.listen_to(&["account.connected"]).await;
        stage.keep_secret("Bearer custom-header-value");
        let good = json!({"webhookId": id, "customHeaders": {"Authorization": "Bearer custom-header-value"}});
        let changed = stage.call(Method::PUT, "webhooks/settings", Some(&good), &[]).await.expect(200);
        assert_eq!(changed["webhook"]["customHeaders"]["Authorization"], "Bearer custom-header-value");
        let bad = json!({"webhookId": id, "customHeaders": {"x-late-signature": "forged"}});
        let error = stage.call(Method::PUT, "webhooks/settings", Some(&bad), &[]).await;
        assert_eq!(error.expect_error(400, "invalid_field_value")["param"], "customHeaders");
        stage.post("webhooks/test", &json!({"webhookId": id})).await.expect(200);
        let came = stage.hook.came().remove(0);
        assert_eq!(came.headers["authorization"], "Bearer custom-header-value");
    }
}

story! {
    /// Settings are read, changed and deleted as the SDKs do it.
    async fn endpoints_are_managed(stage: Stage) {
        let wanted = json!({
            "name": "crm", "url": "https://crm.example/hook", "events": ["message.received", "lead.received"],
            "secret": "my own secret", "isActive": true,
        });
        let made = stage.post("webhooks/settings", &wanted).await.expect(200);
        assert_eq!(made["success"], true);
        assert_eq!(made["warnings"][0]["param"], "events", "lead.received is not announced");
        let id = made["webhook"]["_id"].as_str().unwrap().to_owned();
        let list = stage.get("webhooks/settings").await.expect(200);
        assert!(list["webhooks"][0].get("secret").is_none(), "secrets are shown once");
        for (change, param) in [
            (json!({"url": "ftp://crm.example"}), "url"),
            (json!({"url": "https://user:pass@crm.example"}), "url"),
            (json!({"name": ""}), "name"),
            (json!({"events": []}), "events"),
            (json!({"events": ["everything"]}), "events"),
            (json!({"secret": ""}), "secret"),
        ] {
            let mut body = json!({"_id": id});
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let error = stage.call(Method::PUT, "webhooks/settings", Some(&body), &[]).await;
            assert_eq!(error.expect_error(400, "invalid_field_value")["param"], param);
        }
        let other = json!({"webhookId": id, "profileIds": ["0123456789abcdef01234567"]});
        let error = stage.call(Method::PUT, "webhooks/settings", Some(&other), &[]).await;
        error.expect_error(404, "profile_not_found");
        let delete = |query: String| {
            let stage = &*stage;
            async move {
                stage.call(Method::DELETE, &format!("webhooks/settings?{query}"), None, &[]).await
            }
        };
        delete(format!("webhookId={id}&color=red")).await.expect_error(400, "invalid_field_value");
        delete(format!("id={id}")).await.expect(200);
        delete(format!("webhookId={id}")).await.expect_error(404, "resource_not_found");
    }
}

story! {
    /// Where an endpoint may be is looked at when it is set, and again when it is called.
    async fn an_endpoint_inside_is_neither_taken_nor_called(stage: Stage) {
        for url in ["http://169.254.169.254/latest", "http://[::ffff:7f00:1]/", "http://10.1/", "https://crm.example:22/"] {
            let wanted = json!({"name": "inside", "url": url, "events": ["message.received"]});
            let error = stage.post("webhooks/settings", &wanted).await;
            assert_eq!(error.expect_error(400, "invalid_field_value")["param"], "url", "{url}");
        }
        stage.connect().await;
        stage.hook.forget();
        // What was open when the endpoint was set is closed now.
        stage.restart_with("outbound.allow", "").await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        assert!(stage.hook.names().is_empty());
        let log = tries(stage, "event=message.received").await;
        let problem = log[0]["errorMessage"].as_str().unwrap();
        assert!(problem.contains("127.0.0.1, a loopback address"), "{problem}");
        assert!(problem.contains("outbound.allow"), "{problem}");
        // Nothing is lost by it.
        stage.restart_with("outbound.allow", "127.0.0.1").await;
        stage.pass(Duration::from_secs(13)).await;
        assert!(stage.hook.names().contains(&"message.received".to_owned()));
    }
}
