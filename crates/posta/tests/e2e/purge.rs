//! What was taken back is gone everywhere, under the setting that asks for it; and texts that a
//! platform changes without telling them.

use std::time::Duration;

use posta_store::Tx;
use serde_json::{Value, json};

use crate::inbound::{LUMEN, deliver, signature};
use crate::support::{NOON, Stage, story};

const MIRA: &str = "1099900000000101";

const WORDS: [&str; 3] = ["Zebra words", "Quagga words", "Okapi payload"];

impl Stage {
    /// The columns that keep words, all rows in one text.
    async fn all_that_is_kept(&self) -> String {
        let queries = [
            "SELECT body FROM events ORDER BY id",
            "SELECT COALESCE(text, '') FROM messages ORDER BY id",
            "SELECT COALESCE(last_message, '') FROM conversations ORDER BY id",
            "SELECT CAST(what AS TEXT) FROM early ORDER BY key",
            "SELECT CAST(edit_history AS TEXT) FROM messages ORDER BY id",
            "SELECT COALESCE(CAST(content AS TEXT), '') FROM messages ORDER BY id",
        ];
        let raw = "SELECT body FROM inbound ORDER BY id";
        let mut all = Vec::new();
        let mut tx = self.db().read().await.unwrap();
        for query in queries {
            let rows: Vec<String> = match &mut tx {
                Tx::Sqlite(tx) => sqlx::query_scalar(query).fetch_all(&mut **tx).await,
                Tx::Postgres(tx) => sqlx::query_scalar(query).fetch_all(&mut **tx).await,
            }
            .unwrap();
            all.extend(rows);
        }
        let rows: Vec<Vec<u8>> = match &mut tx {
            Tx::Sqlite(tx) => sqlx::query_scalar(raw).fetch_all(&mut **tx).await,
            Tx::Postgres(tx) => sqlx::query_scalar(raw).fetch_all(&mut **tx).await,
        }
        .unwrap();
        all.extend(rows.iter().map(|row| String::from_utf8_lossy(row).into_owned()));
        all.join("\n")
    }

    #[track_caller]
    fn assert_gone(kept: &str) {
        for words in WORDS {
            assert!(!kept.contains(words), "{words} is still there: {kept}");
        }
    }
}

/// What the platform says of a message of Mira's.
fn said(mid: &str, what: &Value) -> String {
    let mut item = json!({"sender": {"id": MIRA}, "recipient": {"id": LUMEN},
        "timestamp": NOON.as_millis()});
    for (key, value) in what.as_object().unwrap() {
        item[key] = value.clone();
        item[key]["mid"] = mid.into();
    }
    json!({"object": "instagram", "entry": [{"time": NOON.as_millis(), "id": LUMEN,
        "messaging": [item]}]})
    .to_string()
}

story! {
    /// Nothing that was said is left: in the message, in events, in raw webhooks and their repeats.
    async fn what_was_taken_back_is_gone_everywhere(stage: Stage) {
        stage.restart_with("media.policy", "purge-on-unsend").await;
        stage.connect().await;
        stage.hook.forget();
        let tell = async |body: &str| {
            deliver(stage, body, &signature(body.as_bytes())).await.expect(200);
            stage.settle().await;
        };
        let quick = json!({"payload": "Okapi payload"});
        let message = said("m-1", &json!({"message": {"text": "Zebra words", "quick_reply": quick}}));
        let other = said("m-2", &json!({"message": {"text": "Stays", "reply_to": {"mid": "m-1"}}}));
        let edit = said("m-1", &json!({"message_edit": {"text": "Quagga words", "num_edit": 1}}));
        // Nobody takes the first delivery, so it is still to be made when the message is gone.
        stage.hook.answer(&[500, 500]);
        tell(&message).await;
        tell(&other).await;
        tell(&edit).await;
        tell(&message).await;
        let first = stage.hook.events("message.received").remove(0);
        assert_eq!(first["message"]["text"], "Zebra words");
        let before = stage.all_that_is_kept().await;
        assert!(WORDS.iter().all(|words| before.contains(words)), "{before}");
        let path = format!("events/{}/raw", first["id"].as_str().unwrap());
        let raw = stage.get(&path).await.expect(200);
        assert_eq!(raw["part"]["message"]["text"], "Zebra words");

        stage.hook.forget();
        tell(&said("m-1", &json!({"message": {"is_deleted": true}}))).await;
        Stage::assert_gone(&stage.all_that_is_kept().await);
        assert!(stage.all_that_is_kept().await.contains("Stays"));
        let raw = stage.get(&path).await.expect(200);
        let part = &raw["part"]["message"];
        assert_eq!((&part["mid"], part.get("text")), (&json!("m-1"), None));
        assert!(part["redacted"].as_str().unwrap().contains("taken back"), "{part}");
        let kept = stage.messages(MIRA).await;
        assert_eq!((&kept[0]["message"], &kept[0]["isDeleted"]), (&json!(""), &json!(true)));
        assert_eq!(kept[1]["message"], "Stays");

        // The delivery that is still to be made is made, signed anew, and says nothing any more.
        stage.pass(Duration::from_secs(3600)).await;
        let late = stage.hook.events("message.received");
        let late = late.iter().find(|event| event["id"] == first["id"]).expect("it is delivered");
        assert_eq!((&late["message"]["text"], late.get("metadata")), (&json!(null), None));
        assert_eq!(late["message"]["platformMessageId"], "m-1");

        // Whatever the platform repeats, a day later.
        stage.pass(Duration::from_secs(24 * 3600)).await;
        for body in [&message, &edit] {
            tell(body).await;
        }
        Stage::assert_gone(&stage.all_that_is_kept().await);
    }
}

story! {
    /// A message that was taken back before it came leaves nothing either.
    async fn what_comes_after_it_was_taken_back_is_gone_too(stage: Stage) {
        stage.restart_with("media.policy", "purge-on-unsend").await;
        stage.connect().await;
        for what in [
            json!({"message_edit": {"text": "Quagga words", "num_edit": 1}}),
            json!({"message": {"is_deleted": true}}),
            json!({"message": {"text": "Zebra words"}}),
        ] {
            let body = said("m-9", &what);
            deliver(stage, &body, &signature(body.as_bytes())).await.expect(200);
            stage.settle().await;
        }
        Stage::assert_gone(&stage.all_that_is_kept().await);
        let kept = stage.messages(MIRA).await.remove(0);
        assert_eq!((&kept["message"], &kept["isDeleted"]), (&json!(""), &json!(true)));
    }
}

story! {
    /// What the account has sent, and its owner takes back in the platform's app, goes as well.
    async fn what_the_account_takes_back_is_gone_too(stage: Stage) {
        stage.restart_with("media.policy", "purge-on-unsend").await;
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        stage.send(MIRA, "Zebra words", &[]).await.expect(200);
        stage.settle().await;
        let sent = stage.messages(MIRA).await.pop().unwrap();
        assert_eq!(sent["message"], "Zebra words");
        assert!(stage.all_that_is_kept().await.contains("Zebra words"));
        let gone = json!({"object": "instagram", "entry": [{"time": NOON.as_millis(), "id": LUMEN,
            "messaging": [{"sender": {"id": LUMEN}, "recipient": {"id": MIRA},
                "timestamp": NOON.as_millis(),
                "message": {"mid": sent["id"], "is_deleted": true, "is_echo": true}}]}]})
        .to_string();
        deliver(stage, &gone, &signature(gone.as_bytes())).await.expect(200);
        stage.settle().await;
        Stage::assert_gone(&stage.all_that_is_kept().await);
        let kept = stage.messages(MIRA).await.pop().unwrap();
        assert_eq!((&kept["message"], &kept["deliveryStatus"]), (&json!(""), &json!("deleted")));
    }
}

story! {
    /// With any other setting all of it stays, word for word.
    async fn without_the_setting_everything_stays(stage: Stage) {
        stage.connect().await;
        for what in [json!({"message": {"text": "Zebra words"}}), json!({"message": {"is_deleted": true}})] {
            let body = said("m-1", &what);
            deliver(stage, &body, &signature(body.as_bytes())).await.expect(200);
            stage.settle().await;
        }
        assert!(stage.all_that_is_kept().await.matches("Zebra words").count() >= 3);
    }
}

story! {
    /// The platform tells of a change and not of the new text: it is read.
    async fn a_change_without_its_text_is_read(stage: Stage) {
        stage.connect().await;
        let id = stage.writes("mira.demo", "Two cakes").await;
        stage.settle().await;
        stage.hook.forget();
        stage.control("faults", &json!({"event": "edit", "count": 1, "fault": "drop"})).await;
        let body = json!({"message_id": id, "text": "Three cakes"});
        stage.control("instagram/people/mira.demo/edit", &body).await;
        let change = said(&id, &json!({"message_edit": {"num_edit": 1}}));
        for _ in 0..2 {
            deliver(stage, &change, &signature(change.as_bytes())).await.expect(200);
        }
        stage.settle().await;
        assert!(stage.hook.events("message.edited").is_empty(), "its text may come by itself");
        stage.pass(Duration::from_secs(11)).await;
        let event = stage.only("message.edited");
        assert_eq!((&event["message"]["text"], &event["editCount"]), (&json!("Three cakes"), &json!(1)));
        assert_eq!(event["editHistory"][0]["text"], "Two cakes");
        let kept = stage.messages(MIRA).await.remove(0);
        assert_eq!((&kept["message"], &kept["editCount"]), (&json!("Three cakes"), &json!(1)));

        // A text that is not to be had costs nothing: the change counts without it.
        stage.hook.forget();
        let gone = json!({"route": "message", "fault": {"kind": "error", "code": 100}});
        stage.control("faults", &gone).await;
        let change = said(&id, &json!({"message_edit": {"num_edit": 2}}));
        deliver(stage, &change, &signature(change.as_bytes())).await.expect(200);
        stage.settle().await;
        for _ in 0..9 {
            stage.pass(Duration::from_secs(3600)).await;
        }
        let event = stage.only("message.edited");
        assert_eq!((&event["message"]["text"], &event["editCount"]), (&json!("Three cakes"), &json!(2)));
    }
}
