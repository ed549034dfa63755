//! Messages that will not be sent are told of, each once, with the reason.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Fault, Stage, story};

const MIRA: &str = "1099900000000101";

const REFUSED: &str = r#"{"error":{"message":"No matching Instagram user","type":"OAuthException",
    "code":100,"error_subcode":2534014,"fbtrace_id":"Abc"}}"#;

async fn opened(stage: &mut Stage) {
    stage.connect().await;
    stage.writes("mira.demo", "Are you open?").await;
    stage.settle().await;
    stage.hook.forget();
}

/// The text, the title and the message of every failure that was told, by their texts.
fn told(stage: &Stage) -> Vec<(Value, Value, Value)> {
    let show = |event: Value| {
        let error = &event["error"];
        (event["message"]["text"].clone(), error["title"].clone(), error["message"].clone())
    };
    let mut told: Vec<_> = stage.hook.events("message.failed").into_iter().map(show).collect();
    told.sort_by_key(|one| one.0.to_string());
    told
}

story! {
    /// What the platform refuses is told in its words and in ours.
    async fn a_refusal_is_told_with_its_reason(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::Answer(400, REFUSED)]);
        stage.send(MIRA, "Hello?", &[]).await.expect_error(400, "person_unreachable");
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["message.failed"]);
        let event = stage.hook.events("message.failed").remove(0);
        let kept = &stage.messages(MIRA).await[1];
        assert_eq!(event["message"]["id"], kept["id"], "the platform has no id of it");
        assert_eq!(event["message"]["platformMessageId"], Value::Null);
        assert_eq!(event["message"]["text"], "Hello?");
        assert_eq!(event["statusAt"], "2026-01-01T12:00:00.000Z");
        assert_eq!(event["conversation"]["platformConversationId"], MIRA);
        assert_eq!(event["account"]["id"], stage.account.as_str());
        let error = &event["error"];
        assert_eq!((&error["code"], &error["title"]), (&json!(100), &json!("person_unreachable")));
        assert_eq!(error["details"], "No matching Instagram user");
        let href = error["href"].as_str().unwrap();
        assert!(href.ends_with("/docs/errors#person_unreachable"), "{href}");
        assert!(error["explanation"].is_string() && error["message"].is_string(), "{error}");
    }
}

story! {
    /// Five tries that certainly did nothing are one failure; an outcome that nobody knows is none.
    async fn the_last_try_is_told_and_an_unknown_outcome_is_not(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::CutAfter]);
        stage.send(MIRA, "Ready", &[]).await.expect_error(502, "outcome_unknown");
        stage.settle().await;
        assert!(told(stage).is_empty(), "{:?}", told(stage));
        stage.hook.forget();

        let busy = Fault::Answer(
            400,
            r#"{"error":{"message":"later","type":"OAuthException","code":2,"error_subcode":1545133}}"#,
        );
        stage.proxy.will(&vec![busy; 5]);
        let path = format!("inbox/conversations/{MIRA}/messages");
        let body = json!({"accountId": stage.account, "message": "Patience"});
        let (clock, proxy, app) = (stage.clock.clone(), stage.proxy.clone(), stage.app.clone());
        let before = proxy.sends();
        let time = async {
            while proxy.sends() == before || !posta::workers::is_idle(&app).await.unwrap() {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_secs(21));
        };
        let (answer, ()) = tokio::join!(stage.post(&path, &body), time);
        answer.expect(202);
        for _ in 0..6 {
            assert!(told(stage).len() < 2);
            stage.pass(Duration::from_mins(10)).await;
        }
        let told = told(stage);
        assert_eq!((told.len(), &told[0].0), (1, &json!("Patience")), "{told:?}");
    }
}

story! {
    /// What is given up with the part before it is told as well.
    async fn every_part_that_is_given_up_is_told(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::Pass, Fault::Answer(400, REFUSED)]);
        let text = ["one ".repeat(240), "two ".repeat(240), "six ".repeat(240)].concat();
        let data = stage.send_form(MIRA, json!({"message": text, "split": true})).await.expect(200);
        assert_eq!(data["data"]["partialFailure"]["index"], 1);
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["message.failed", "message.failed", "message.sent"]);
        let told = told(stage);
        assert!(told[0].0.as_str().unwrap().contains("six"), "{told:?}");
        assert!(told[0].2.as_str().unwrap().starts_with("not tried"), "{told:?}");
        assert!(told[1].0.as_str().unwrap().contains("two"), "{told:?}");
        assert!(!told[1].2.as_str().unwrap().contains("not tried"), "{told:?}");
        assert_eq!(told[0].1, told[1].1);
    }
}

story! {
    /// Nobody waits any longer for the call of a message that is held, so its end has to be told.
    async fn a_held_message_whose_window_closes_is_told(stage: Stage) {
        opened(stage).await;
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        stage.send_form(MIRA, json!({"message": "Held", "hold": true})).await.expect(202);
        stage.settle().await;
        assert!(told(stage).is_empty());
        stage.pass(Duration::from_hours(25)).await;
        let told = told(stage);
        assert_eq!(told.len(), 1, "{:?} {:?}", stage.hook.names(), stage.messages(MIRA).await);
        assert_eq!((&told[0].0, &told[0].1), (&json!("Held"), &json!("human_agent_only")));
    }
}
