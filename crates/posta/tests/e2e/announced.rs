//! Messages that were only announced, and the platform's own words for what was told.

use std::time::Duration;

use serde_json::json;

use crate::inbound::{LUMEN, deliver, signature};
use crate::order::{NOON, did};
use crate::support::{Stage, story};

story! {
    /// A new message may be announced as an edit that counts zero, without text and sender. Its own
    /// event may come; when it does not, the message is fetched.
    async fn an_announced_message_comes_or_is_fetched(stage: Stage) {
        stage.connect().await;
        let announced = |mid: &str| {
            json!({"timestamp": NOON, "message_edit": {"mid": mid, "num_edit": 0}})
        };
        stage.hook.forget();
        stage.told(&[announced("m1"), did(0, "message", &json!({"mid": "m1", "text": "Here"}))]).await;
        stage.pass(Duration::from_secs(60)).await;
        assert_eq!(stage.hook.names(), ["conversation.started", "message.received"]);

        // This one is at the platform, and its webhook never came.
        stage.control("instagram/hold", &json!({"client_id": crate::support::CLIENT_ID})).await;
        let id = stage.writes("mira.demo", "Fetch me").await;
        stage.hook.forget();
        stage.told(&[announced(&id), announced(&id)]).await;
        assert!(stage.hook.names().is_empty());
        stage.pass(Duration::from_secs(60)).await;
        let event = stage.only("message.received");
        assert_eq!(event["message"]["text"], "Fetch me");
        assert_eq!(event["message"]["platformMessageId"], id.as_str());
        // Its own webhook comes after all.
        stage.control("instagram/flush", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["message.received"]);
        let mut tx = stage.db().read().await.unwrap();
        assert_eq!(posta_store::fetches::count(&mut tx).await.unwrap(), (0, 0));
    }
}

story! {
    /// One that the platform does not hand out is given up after a while, and stays on record.
    async fn an_announced_message_that_is_not_to_be_had_stays_on_record(stage: Stage) {
        stage.connect().await;
        stage.told(&[json!({"timestamp": NOON, "message_edit": {"mid": "gone", "num_edit": 0}})]).await;
        let fetches = async || {
            let mut tx = stage.db().read().await.unwrap();
            posta_store::fetches::count(&mut tx).await.unwrap()
        };
        assert_eq!(fetches().await, (1, 0));
        for _ in 0..12 {
            stage.pass(Duration::from_secs(3600)).await;
        }
        assert_eq!(fetches().await, (0, 1));
        let counted = stage.plain(reqwest::Client::get, "metrics").await;
        assert!(counted.text.contains("posta_fetches{state=\"given_up\"} 1"), "{}", counted.text);
    }
}

story! {
    /// The platform's own words for an event, and nothing of anybody else's.
    async fn the_raw_form_of_an_event_is_shown_to_whom_it_belongs(stage: Stage) {
        stage.connect().await;
        let end = stage.press("allow", &[("account", "lumen.shop.demo")]).await;
        let shop = crate::support::query(&end, "accountId").unwrap();
        stage.settle().await;
        stage.hook.forget();
        let item = did(0, "message", &json!({"mid": "m1", "text": "Ümlaut", "big": 17_841_499_900_000_001_i64}));
        let body = json!({"object": "instagram", "entry": [
            {"time": NOON, "id": LUMEN, "messaging": [null, item]}
        ]})
        .to_string()
        .replace('Ü', "\\u00dc");
        assert_eq!(deliver(stage, &body, &signature(body.as_bytes())).await.status, 200);
        stage.settle().await;
        let event = stage.only("message.received");
        let path = format!("events/{}/raw", event["id"].as_str().unwrap());
        let answer = stage.get(&path).await;
        assert!(answer.text.contains(&body), "digit for digit: {}", answer.text);
        let raw = answer.expect(200);
        assert_eq!((&raw["eventId"], &raw["platform"]), (&event["id"], &json!("instagram")));
        assert_eq!(raw["receivedAt"], "2026-01-01T12:00:00.000Z");
        assert_eq!(raw["verifiedBy"], json!({"configured": true, "oauthAppIds": []}));
        assert_eq!(raw["part"], item);

        // A webhook about two accounts shows each its own part.
        stage.hook.forget();
        let body = include_str!("../../../platforms/src/instagram/fixtures/batch-mixed.json");
        assert_eq!(deliver(stage, body, &signature(body.as_bytes())).await.status, 200);
        stage.settle().await;
        let events = stage.hook.events("message.received");
        let of_shop = events.iter().find(|event| event["account"]["id"] == shop.as_str()).unwrap();
        let raw = stage.get(&format!("events/{}/raw", of_shop["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(raw["body"], json!(null));
        assert_eq!(raw["part"]["message"]["text"], "hello shop two");

        let (foreign, _) = crate::support::key_of(&stage.app, "mallory").await;
        let auth = format!("Bearer {foreign}");
        let headers = [("authorization", auth.as_str())];
        let seen = stage.call(reqwest::Method::GET, &path, None, &headers).await;
        assert_eq!(seen.expect_error(404, "resource_not_found")["param"], "eventId");
        stage.get("events/nonsense/raw").await.expect_error(404, "resource_not_found");
    }
}
