//! Endpoints that are slow, full, gone or dead: what Posta does about them, and what it says.

use std::time::Duration;

use posta_store::deliveries::{self, State};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stage, story};

const HOUR: Duration = Duration::from_hours(1);

async fn pending(stage: &Stage) -> i64 {
    let mut tx = stage.db().read().await.unwrap();
    let owner = posta_store::workspaces::find_by_name(&mut tx, "story").await.unwrap().unwrap();
    deliveries::count(&mut tx, &owner.id, State::Pending).await.unwrap()
}

async fn endpoint(stage: &Stage, id: &str) -> Value {
    let settings = stage.get("webhooks/settings").await.expect(200);
    let all = settings["webhooks"].as_array().unwrap();
    all.iter().find(|one| one["_id"] == id).unwrap().clone()
}

async fn change(stage: &Stage, id: &str, mut change: Value) -> Value {
    change["webhookId"] = id.into();
    stage.call(Method::PUT, "webhooks/settings", Some(&change), &[]).await.expect(200)
}

story! {
    /// An endpoint that takes nothing is warned of, switched off after five days and not before, and
    /// gets what waited for it when it is switched on again.
    async fn an_endpoint_that_takes_nothing_is_switched_off_by_time(stage: Stage) {
        let id = stage.connect_hearing(&["message.received"]).await;
        let wanted = json!({"events": ["endpoint.failing", "endpoint.disabled", "endpoint.recovered"]});
        let (watcher, _) = stage.another_hook(&wanted).await;
        stage.hook.fail(503);
        let start = stage.clock.now();
        stage.writes("mira.demo", "Anybody there?").await;
        stage.settle().await;
        let mut told = Vec::new();
        while endpoint(stage, &id).await["isActive"] == true {
            stage.pass(HOUR * 4).await;
            // So that something is due each time, whatever the schedule.
            stage.writes("mira.demo", "Still nobody?").await;
            stage.settle().await;
            for heard in watcher.came().split_off(told.len()) {
                let percent = heard.event["webhook"]["warnedPercent"].clone();
                told.push((heard.event["event"].clone(), percent, stage.clock.now().since(start)));
            }
            assert!(stage.clock.now().since(start) < HOUR * 24 * 6, "it is switched off in time");
        }
        let expected = [("endpoint.failing", 50, 60), ("endpoint.failing", 75, 90), ("endpoint.failing", 90, 108), ("endpoint.disabled", 90, 120)];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for ((event, percent, after), (kind, reached, hours)) in told.iter().zip(expected) {
            assert_eq!((event.as_str().unwrap(), percent.as_i64().unwrap()), (kind, reached));
            assert!((HOUR * hours..HOUR * (hours + 5)).contains(after), "{kind} {reached}: {after:?}");
        }
        let off = endpoint(stage, &id).await;
        assert_eq!(off["disabledReason"], "no_success");
        let missed = pending(stage).await;
        assert!(missed > 25);
        stage.hook.forget();
        stage.writes("mira.demo", "Nobody hears this").await;
        stage.pass(HOUR * 30).await;
        assert!(stage.hook.came().is_empty());

        stage.hook.recover();
        let on = change(stage, &id, json!({"isActive": true})).await;
        assert!(on["webhook"].get("disabledReason").is_none() && on["webhook"].get("failingSince").is_none());
        stage.pass(HOUR * 30).await;
        assert_eq!(pending(stage).await, 0);
        let came = i64::try_from(stage.hook.came().len()).unwrap();
        assert_eq!(came, missed, "all that waited, and nothing of the time when it was off");
    }
}

story! {
    /// An endpoint that comes back after it was warned of is told of as well.
    async fn an_endpoint_that_comes_back_is_told_of(stage: Stage) {
        let id = stage.connect_hearing(&["message.received"]).await;
        let mut wanted = json!({"events": ["endpoint.failing", "endpoint.recovered"]});
        let (watcher, _) = stage.another_hook(&wanted).await;
        wanted["disabledResourceGroups"] = json!(["webhooks"]);
        let (deaf, _) = stage.another_hook(&wanted).await;
        stage.hook.fail(500);
        stage.writes("mira.demo", "Hello?").await;
        for _ in 0..6 {
            stage.pass(HOUR * 12).await;
        }
        assert_eq!(watcher.names(), ["endpoint.failing"]);
        let heard = &watcher.events("endpoint.failing")[0];
        assert_eq!((&heard["webhook"]["id"], &heard["webhook"]["isActive"]), (&json!(id), &json!(true)));
        assert!(heard["disablesAt"].is_string());
        stage.hook.recover();
        stage.pass(HOUR * 30).await;
        assert_eq!(watcher.names(), ["endpoint.failing", "endpoint.recovered"]);
        assert!(deaf.names().is_empty(), "{:?}", deaf.names());
        let well = endpoint(stage, &id).await;
        assert_eq!((&well["failureCount"], well.get("failingSince")), (&json!(0), None));
    }
}

story! {
    /// 410 switches an endpoint off at once, and nothing of what waits is lost.
    async fn an_endpoint_that_is_gone_is_switched_off_at_once(stage: Stage) {
        let id = stage.connect_hearing(&["message.received"]).await;
        let (watcher, _) = stage.another_hook(&json!({"events": ["endpoint.disabled"]})).await;
        stage.hook.answer(&[410]);
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        assert_eq!(watcher.events("endpoint.disabled")[0]["webhook"]["disabledReason"], "gone");
        assert_eq!(endpoint(stage, &id).await["isActive"], false);
        change(stage, &id, json!({"isActive": true})).await;
        stage.pass(HOUR).await;
        assert_eq!(stage.hook.names().len(), 2);
        assert_eq!(pending(stage).await, 0);
    }
}

story! {
    /// An endpoint that asks to be left alone is left alone, all of it.
    async fn retry_after_is_obeyed(stage: Stage) {
        stage.connect_hearing(&["message.received"]).await;
        stage.hook.retry_after(600);
        stage.hook.answer(&[429]);
        stage.writes("mira.demo", "One").await;
        stage.settle().await;
        stage.writes("mira.demo", "Two").await;
        stage.pass(Duration::from_secs(599)).await;
        assert_eq!(stage.hook.names().len(), 1, "neither the one nor the other");
        stage.pass(Duration::from_secs(2)).await;
        assert_eq!(stage.hook.names().len(), 3);
    }
}

story! {
    /// After ten failures in a row one delivery in a while tries how it is; the others wait for it
    /// and use none of their tries.
    async fn a_dead_endpoint_is_tried_by_one_at_a_time(stage: Stage) {
        stage.connect_hearing(&["message.received"]).await;
        stage.hook.fail(500);
        for number in 0..10 {
            stage.writes("mira.demo", &format!("Number {number}")).await;
            stage.settle().await;
        }
        assert_eq!(stage.hook.names().len(), 10);
        for number in 10..20 {
            stage.writes("mira.demo", &format!("Number {number}")).await;
        }
        stage.settle().await;
        assert_eq!(stage.hook.names().len(), 10, "it is left alone");
        // Five seconds, then as long again as it has been failing: each up to a fifth later.
        for (probes, seconds) in [(1, 7), (2, 9), (3, 20), (4, 44)] {
            stage.pass(Duration::from_secs(seconds)).await;
            assert_eq!(stage.hook.names().len(), 10 + probes);
        }
        stage.hook.recover();
        stage.pass(Duration::from_mins(13)).await;
        stage.pass(HOUR).await;
        assert_eq!(pending(stage).await, 0);
        let texts: std::collections::BTreeSet<_> =
            stage.hook.came().iter().map(|one| one.event["message"]["text"].to_string()).collect();
        assert_eq!(texts.len(), 20);
    }
}

story! {
    /// With `keepOrder` a conversation's events come one after the other, and others do not wait.
    async fn a_conversation_keeps_its_order_if_that_is_wanted(stage: Stage) {
        let id = stage.connect_hearing(&["message.received"]).await;
        change(stage, &id, json!({"keepOrder": true})).await;
        stage.hook.answer(&[500, 500]);
        stage.writes("mira.demo", "First").await;
        stage.settle().await;
        stage.writes("mira.demo", "Second").await;
        stage.pass(Duration::from_secs(7)).await;
        stage.writes("theo.demo", "Me too").await;
        stage.settle().await;
        let texts = |stage: &Stage| -> Vec<_> {
            stage.hook.came().iter().map(|one| one.event["message"]["text"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(texts(stage), ["First", "First", "Me too"], "the second waits, another does not");
        stage.pass(Duration::from_secs(37)).await;
        assert_eq!(texts(stage)[3..], ["First", "Second"]);
    }
}

story! {
    /// An endpoint gets no more in a second than it wants.
    async fn an_endpoint_gets_no_more_than_it_wants(stage: Stage) {
        let id = stage.connect_hearing(&["message.received"]).await;
        let bad = json!({"webhookId": id, "maxPerSecond": -1});
        let error = stage.call(Method::PUT, "webhooks/settings", Some(&bad), &[]).await;
        assert_eq!(error.expect_error(400, "invalid_field_value")["param"], "maxPerSecond");
        change(stage, &id, json!({"maxPerSecond": 3})).await;
        for number in 0..9 {
            stage.writes("mira.demo", &format!("Number {number}")).await;
        }
        stage.settle().await;
        let mut came = stage.hook.names().len();
        assert!((1..=3).contains(&came), "{came}");
        while came < 9 {
            stage.pass(Duration::from_secs(1)).await;
            let more = stage.hook.names().len() - came;
            assert!((1..=3).contains(&more), "{more}");
            came += more;
        }
    }
}
