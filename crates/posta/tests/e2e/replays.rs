//! Events brought to an endpoint once more, one or many, and secrets that give way to others.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stage, story};

async fn replay(stage: &Stage, wanted: Value) -> Value {
    stage.post("webhooks/replays", &wanted).await.expect(201)["replay"].clone()
}

async fn look(stage: &Stage, replay: &Value) -> Value {
    let path = format!("webhooks/replays/{}", replay["id"].as_str().unwrap());
    stage.get(&path).await.expect(200)["replay"].clone()
}

fn texts(stage: &Stage) -> Vec<String> {
    let mut texts: Vec<_> = stage
        .hook
        .events("message.received")
        .iter()
        .map(|event| event["message"]["text"].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

story! {
    /// A part of the log goes to an endpoint once more, with the ids and bytes of the first time.
    async fn a_part_of_the_log_is_brought_once_more(stage: Stage) {
        stage.connect().await;
        let id = stage.get("webhooks/settings").await.expect(200)["webhooks"][0]["_id"].clone();
        stage.writes("mira.demo", "One").await;
        stage.settle().await;
        stage.pass(Duration::from_secs(60)).await;
        let since = stage.clock.now();
        stage.writes("mira.demo", "Two").await;
        stage.settle().await;
        stage.pass(Duration::from_secs(60)).await;
        let until = stage.clock.now();
        stage.writes("mira.demo", "Three").await;
        stage.settle().await;
        let first: Vec<_> = stage.hook.came();
        stage.hook.forget();

        let made = replay(stage, json!({"webhookId": id})).await;
        assert_eq!(made["state"], "running");
        stage.settle().await;
        assert_eq!(stage.hook.came().len(), first.len());
        for came in stage.hook.came() {
            let before = first.iter().find(|one| one.event["id"] == came.event["id"]).unwrap();
            assert_eq!(before.body, came.body);
        }
        let done = look(stage, &made).await;
        let all = json!(first.len());
        assert_eq!((&done["state"], &done["queued"], &done["delivered"]), (&json!("done"), &all, &all));

        stage.hook.forget();
        let narrow = json!({"webhookId": id, "since": since, "until": until, "types": ["message.received"]});
        replay(stage, narrow).await;
        stage.settle().await;
        assert_eq!(texts(stage), ["Two"]);
        stage.hook.forget();
        replay(stage, json!({"webhookId": id, "after": 3, "upTo": 4, "accountId": stage.account})).await;
        stage.settle().await;
        assert_eq!(texts(stage), ["Two"]);
        let list = stage.get("webhooks/replays").await.expect(200);
        assert_eq!(list["replays"].as_array().unwrap().len(), 3);
    }
}

story! {
    /// What cannot be brought is refused by its name.
    async fn a_replay_that_makes_no_sense_is_refused(stage: Stage) {
        let id = stage.connect_hearing(&["message.received"]).await;
        for (more, status, param) in [
            (json!({"webhookId": "0123456789abcdef01234567"}), 404, "webhookId"),
            (json!({"after": -1}), 400, "after"),
            (json!({"after": 1, "since": "2026-01-01T00:00:00Z"}), 400, "since"),
            (json!({"upTo": 1, "until": "2026-01-01T00:00:00Z"}), 400, "until"),
            (json!({"after": 1, "upTo": 0}), 400, "upTo"),
            (json!({"types": ["comment.received"]}), 400, "types"),
            (json!({"types": ["Nonsense"]}), 400, "types"),
            (json!({"parked": true, "types": ["message.received"]}), 400, "types"),
            (json!({"accountId": "0123456789abcdef01234567"}), 404, "accountId"),
        ] {
            let mut wanted = json!({"webhookId": id});
            wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let answer = stage.post("webhooks/replays", &wanted).await;
            assert_eq!((answer.status, answer.body["param"].as_str()), (status, Some(param)), "{more}");
        }
        stage.get("webhooks/replays/nothing").await.expect_error(404, "resource_not_found");
    }
}

story! {
    /// All that was parked goes on its way again, and a cancelled replay leaves it parked.
    async fn what_was_parked_is_brought_or_stays_parked(stage: Stage) {
        let id = stage.connect_hearing(&["message.received"]).await;
        stage.restart_with("webhooks.retry_schedule", "1s").await;
        stage.hook.fail(500);
        for text in ["One", "Two", "Three"] {
            stage.writes("mira.demo", text).await;
            stage.settle().await;
        }
        stage.pass(Duration::from_secs(5)).await;
        stage.hook.forget();

        // It fails again, and is cancelled while it waits.
        let made = replay(stage, json!({"webhookId": id, "parked": true})).await;
        stage.settle().await;
        assert_eq!(texts(stage), ["One", "Three", "Two"]);
        let path = format!("webhooks/replays/{}", made["id"].as_str().unwrap());
        let answer = stage.call(Method::DELETE, &path, None, &[]).await.expect(200);
        assert_eq!((&answer["replay"]["pending"], &answer["replay"]["givenUp"]), (&json!(0), &json!(3)));
        stage.hook.forget();
        stage.pass(Duration::from_secs(3600)).await;
        assert!(stage.hook.came().is_empty());

        stage.hook.recover();
        let made = replay(stage, json!({"webhookId": id, "parked": true})).await;
        stage.pass(Duration::from_secs(3600)).await;
        assert_eq!(texts(stage), ["One", "Three", "Two"]);
        assert_eq!(look(stage, &made).await["delivered"], 3);
    }
}

story! {
    /// One event is brought by hand, and what waited for it is done.
    async fn one_event_is_brought_by_hand(stage: Stage) {
        let id = stage.connect_hearing(&["message.received"]).await;
        stage.hook.answer(&[500, 500]);
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let event = stage.hook.came()[0].event["id"].clone();
        let body = json!({"webhookId": id, "eventId": event});
        let refused = stage.post("webhooks/logs/redeliver", &body).await.expect_error(502, "endpoint_failed");
        assert!(refused["error"].as_str().unwrap().contains("it answered 500"), "{refused}");
        let brought = stage.post("webhooks/logs/redeliver", &body).await.expect(200);
        assert_eq!(brought["success"], true);
        assert_eq!(stage.hook.came().len(), 3);
        let log = stage.get("webhooks/logs").await.expect(200);
        assert_eq!(log["logs"][0]["attemptNumber"], 3);
        stage.pass(Duration::from_secs(3600)).await;
        assert_eq!(stage.hook.came().len(), 3, "it is not tried again");
        let gone = json!({"webhookId": id, "eventId": "01a20940-8f23-7a3a-97ae-887f0fec8890"});
        stage.post("webhooks/logs/redeliver", &gone).await.expect_error(422, "payload_gone");
    }
}

story! {
    /// While a secret gives way to another, both sign.
    async fn two_secrets_sign_while_one_gives_way(stage: Stage) {
        let id = stage.connect_hearing(&["message.received"]).await;
        let wanted = json!({"webhookId": id, "overlapHours": 2});
        let answer = stage.post("webhooks/settings/rotate-secret", &wanted).await.expect(200);
        let new = answer["secret"].as_str().unwrap().to_owned();
        stage.keep_secret(&new);
        stage.writes("mira.demo", "Signed by both").await;
        stage.settle().await;
        let headers = stage.hook.came().remove(0).headers;
        assert_eq!(headers["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
        assert_ne!(headers["x-zernio-signature-previous"], headers["x-zernio-signature"]);
        assert_eq!(headers["x-zernio-signature-previous"], headers["x-late-signature-previous"]);

        stage.pass(Duration::from_hours(2)).await;
        stage.hook.forget();
        stage.hook.learn(&new);
        stage.writes("mira.demo", "Signed by the new one").await;
        stage.settle().await;
        assert!(!stage.hook.came()[0].headers.contains_key("x-zernio-signature-previous"));
        for bad in [json!({"webhookId": id, "overlapHours": 169}), json!({"webhookId": id, "overlapHours": -1})] {
            let error = stage.post("webhooks/settings/rotate-secret", &bad).await;
            assert_eq!(error.expect_error(400, "invalid_field_value")["param"], "overlapHours");
        }
    }
}
