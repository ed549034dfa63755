//! What comes in another order than it happened, again, in thousands, or not at all.

use std::collections::BTreeSet;
use std::time::Duration;

use posta::telemetry::Stopwatch;
use posta_store::Tx;
use posta_store::inbound::State;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::inbound::{LUMEN, count, deliver, signature};
use crate::support::{Stage, story};

pub(crate) const MIRA: &str = "1099900000000101";
pub(crate) const NOON: i64 = 1_767_268_800_000;

/// Something that Mira does, `seconds` after noon.
pub(crate) fn did(seconds: i64, key: &str, what: &Value) -> Value {
    json!({"sender": {"id": MIRA}, "recipient": {"id": LUMEN}, "timestamp": NOON + seconds * 1000,
        key: what})
}

impl Stage {
    /// The platform tells of these things, each in a webhook of its own.
    pub(crate) async fn told(&self, items: &[Value]) {
        for item in items {
            self.told_at_once(std::slice::from_ref(item)).await;
        }
    }

    /// The platform tells of these things in one webhook.
    pub(crate) async fn told_at_once(&self, items: &[Value]) {
        let body = json!({"object": "instagram", "entry": [
            {"time": NOON, "id": LUMEN, "messaging": items}
        ]})
        .to_string();
        let answer = deliver(self, &body, &signature(body.as_bytes())).await;
        assert_eq!(answer.status, 200);
        self.settle().await;
    }

    /// From now on the database refuses messages that say this.
    async fn refuse_messages_that_say(&self, text: &str) {
        let mut tx = self.db().write().await.unwrap();
        match &mut tx {
            Tx::Sqlite(tx) => {
                let trigger = format!(
                    "CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN NEW.text = '{text}'
                     BEGIN SELECT RAISE(ABORT, 'refused'); END"
                );
                sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut **tx).await.map(drop)
            }
            Tx::Postgres(tx) => {
                let check = format!(
                    "ALTER TABLE messages ADD CONSTRAINT refuse
                     CHECK (text IS DISTINCT FROM '{text}')"
                );
                sqlx::raw_sql(AssertSqlSafe(check)).execute(&mut **tx).await.map(drop)
            }
        }
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// From now on it refuses nothing.
    async fn refuse_nothing(&self) {
        let mut tx = self.db().write().await.unwrap();
        match &mut tx {
            Tx::Sqlite(tx) => {
                sqlx::raw_sql("DROP TRIGGER refuse").execute(&mut **tx).await.map(drop)
            }
            Tx::Postgres(tx) => {
                let drop_check = "ALTER TABLE messages DROP CONSTRAINT refuse";
                sqlx::raw_sql(drop_check).execute(&mut **tx).await.map(drop)
            }
        }
        .unwrap();
        tx.commit().await.unwrap();
    }
}

story! {
    async fn edits_count_by_their_number_however_they_come(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        let edit = |seconds, text: &str, count: i64| {
            did(seconds, "message_edit", &json!({"mid": "m", "text": text, "num_edit": count}))
        };
        let (first, second, third) = (edit(10, "B", 1), edit(20, "C", 2), edit(30, "D", 3));
        // Two before the message, one of them twice.
        stage.told(&[second.clone(), first.clone(), second.clone()]).await;
        assert!(stage.hook.names().is_empty());
        stage.told(&[did(0, "message", &json!({"mid": "m", "text": "A"}))]).await;
        assert_eq!(stage.hook.names(), [
            "conversation.started", "message.edited", "message.edited", "message.received",
        ]);
        let kept = stage.messages(MIRA).await.remove(0);
        assert_eq!((&kept["message"], &kept["editCount"]), (&json!("C"), &json!(2)));
        let said = |kept: &Value| {
            let history = kept["editHistory"].as_array().unwrap().clone();
            history.into_iter().map(|one| one["text"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(said(&kept), ["A", "B"]);

        // The fourth before the third: the third is only history.
        stage.hook.forget();
        stage.told(&[edit(40, "E", 4), third.clone(), third, first, second]).await;
        assert_eq!(stage.hook.names(), ["message.edited"]);
        let kept = stage.messages(MIRA).await.remove(0);
        assert_eq!((&kept["message"], &kept["editCount"]), (&json!("E"), &json!(4)));
        assert_eq!(said(&kept), ["A", "B", "C", "D"]);
        assert_eq!(kept["editedAt"], "2026-01-01T12:00:40.000Z");
    }
}

story! {
    async fn what_was_taken_back_before_it_came_is_never_offered_for_an_answer(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        let deleted = did(5, "message", &json!({"mid": "m", "is_deleted": true}));
        let message = did(0, "message", &json!({"mid": "m", "text": "Oops"}));
        stage.told(&[deleted.clone(), deleted.clone(), message.clone(), message, deleted]).await;
        assert_eq!(stage.hook.names(), ["conversation.started", "message.deleted"]);
        let event = stage.only("message.deleted");
        assert_eq!(event["message"]["text"], "Oops");
        assert_eq!(event["deletedAt"], "2026-01-01T12:00:05.000Z");
        let kept = stage.messages(MIRA).await.remove(0);
        assert_eq!((&kept["isDeleted"], &kept["message"]), (&json!(true), &json!("Oops")));
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["unreadCount"], 0);
    }
}

story! {
    async fn a_reaction_before_its_message_is_told_at_once_and_kept_for_it(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        let react = |seconds, emoji: &str| {
            did(seconds, "reaction", &json!({"mid": "m", "action": "react", "emoji": emoji}))
        };
        let unreact =
            |seconds| did(seconds, "reaction", &json!({"mid": "m", "action": "unreact"}));
        stage.told(&[react(5, "👍"), react(5, "👍"), react(6, "🎉")]).await;
        let told = stage.hook.events("reaction.received");
        assert_eq!(told.len(), 2);
        assert_eq!(told[0]["reaction"]["platformMessageId"], "m");
        assert!(told[0]["reaction"].get("messageId").is_none());
        assert_eq!(told[0]["conversation"]["platformConversationId"], MIRA);
        stage.told(&[did(0, "message", &json!({"mid": "m", "text": "Done!"}))]).await;
        let reactions = stage.messages(MIRA).await[0]["reactions"].clone();
        assert_eq!(reactions[0]["emoji"], "🎉");

        // Taken back, and the older ones come once more.
        stage.hook.forget();
        stage.told(&[unreact(8), react(5, "👍"), react(6, "🎉"), unreact(8), unreact(7)]).await;
        assert_eq!(stage.hook.names(), ["reaction.received"]);
        assert_eq!(stage.only("reaction.received")["reaction"]["emoji"], "🎉");
        assert_eq!(stage.messages(MIRA).await[0]["reactions"], json!([]));
    }
}

story! {
    /// The first that is heard of a person need not be a message; that they wrote is told all the same.
    async fn a_conversation_starts_with_its_first_message(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        stage.told(&[
            did(0, "referral", &json!({"ref": "flyer"})),
            did(5, "message", &json!({"mid": "m1", "text": "Hi"})),
            did(6, "message", &json!({"mid": "m2", "text": "Hi?"})),
        ])
        .await;
        assert_eq!(stage.hook.events("conversation.started").len(), 1);
    }
}

story! {
    /// A click is told once: with the message that came with it, or by itself.
    async fn a_click_is_told_once(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        let click = json!({"ref": "flyer", "source": "IGME-SOURCE-LINK", "type": "OPEN_THREAD"});
        let alone = did(0, "referral", &click);
        let with = |seconds, mid: &str| {
            did(seconds, "message", &json!({"mid": mid, "text": "Hi", "referral": click}))
        };
        stage.told(&[alone.clone(), alone.clone(), with(30, "m1")]).await;
        assert_eq!(stage.hook.events("referral.received").len(), 1);
        assert!(stage.only("message.received").get("metadata").is_none());

        stage.hook.forget();
        let later = did(3605, "referral", &click);
        stage.told(&[with(3600, "m2"), later, alone]).await;
        assert_eq!(stage.hook.names(), ["message.received"]);
        assert_eq!(stage.only("message.received")["metadata"]["referral"]["ref"], "flyer");
    }
}

story! {
    /// Every kind of event again, in every order: nothing is stored or told twice.
    async fn repeats_change_nothing(stage: Stage) {
        stage.connect().await;
        let pass = json!({"previous_owner_app_id": "7", "new_owner_app_id": "8"});
        let all = [
            did(0, "message", &json!({"mid": "m1", "text": "One"})),
            did(1, "postback", &json!({"title": "Hours?", "payload": "FAQ"})),
            did(2, "message_edit", &json!({"mid": "m1", "text": "Won", "num_edit": 1})),
            did(3, "reaction", &json!({"mid": "m1", "action": "react", "emoji": "👍"})),
            did(4, "reaction", &json!({"mid": "m9", "action": "react", "emoji": "👍"})),
            did(5, "referral", &json!({"ref": "flyer"})),
            did(6, "pass_thread_control", &pass),
            did(7, "message", &json!({"mid": "m1", "is_deleted": true})),
        ];
        stage.told(&all).await;
        let before = (stage.messages(MIRA).await, stage.get("inbox/conversations").await.body);
        assert_eq!(stage.hook.events("conversation.control_changed").len(), 1);
        stage.hook.forget();
        let mut again = all.to_vec();
        again.extend(all.iter().rev().cloned());
        stage.told_at_once(&again).await;
        stage.told(&again).await;
        assert!(stage.hook.names().is_empty(), "{:?}", stage.hook.names());
        let mut after = (stage.messages(MIRA).await, stage.get("inbox/conversations").await.body);
        after.1["meta"] = before.1["meta"].clone();
        assert_eq!(before, after);
    }
}

story! {
    /// The raw webhook can be worked off again, as after a crash between its work and its note.
    async fn working_off_a_raw_webhook_again_changes_nothing(stage: Stage) {
        stage.connect().await;
        stage.told_at_once(&[
            did(0, "message", &json!({"mid": "m1", "text": "One"})),
            did(3, "reaction", &json!({"mid": "m1", "action": "react", "emoji": "👍"})),
            did(5, "referral", &json!({"ref": "flyer"})),
        ])
        .await;
        let before = stage.messages(MIRA).await;
        stage.hook.forget();
        let mut tx = stage.db().write().await.unwrap();
        let now = stage.clock.now();
        let redone = posta_store::inbound::update_pending(&mut tx, State::Done, now).await.unwrap();
        assert_eq!(redone, 1);
        tx.commit().await.unwrap();
        stage.crash().await;
        stage.restart().await;
        stage.settle().await;
        assert!(stage.hook.names().is_empty());
        assert_eq!(stage.messages(MIRA).await, before);
    }
}

story! {
    /// An older message comes after a newer one; the conversation still ends with the newer.
    async fn an_older_message_later_is_sorted_in(stage: Stage) {
        stage.connect().await;
        stage.told(&[
            did(60, "message", &json!({"mid": "m2", "text": "second"})),
            did(0, "message", &json!({"mid": "m1", "text": "first"})),
        ])
        .await;
        let kept = stage.messages(MIRA).await;
        let texts: Vec<_> = kept.iter().map(|one| one["message"].clone()).collect();
        assert_eq!(texts, ["first", "second"]);
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["lastMessage"], "second");
        assert_eq!(list["data"][0]["unreadCount"], 2);
    }
}

story! {
    /// The most that one webhook may hold, with nonsense in it and both envelopes.
    #[expect(clippy::print_stdout, reason = "the figure is told, not asserted")]
    async fn a_thousand_events_come_in_one_webhook(stage: Stage) {
        stage.connect().await;
        let person = |number: i64| (1_099_900_000_001_000 + number % 50).to_string();
        let mut items: Vec<Value> = (0..996)
            .map(|number| {
                json!({"sender": {"id": person(number)}, "recipient": {"id": LUMEN},
                    "timestamp": NOON + number,
                    "message": {"mid": format!("m{number}"), "text": format!("Number {number}")}})
            })
            .collect();
        items.insert(500, json!({"sender": 5, "message": []}));
        items.insert(700, json!(null));
        let change = json!({"field": "messages", "value": did(1, "message",
            &json!({"mid": "changed", "text": "In the other envelope"}))});
        let body = json!({"object": "instagram", "entry": [
            {"time": NOON, "id": LUMEN, "messaging": items},
            {"time": NOON / 1000, "id": LUMEN, "changes": [change, 7]},
        ]})
        .to_string();
        let watch = Stopwatch::start();
        let arrival = stage.hook.next_arrival(watch);
        let post = async {
            assert_eq!(deliver(stage, &body, &signature(body.as_bytes())).await.status, 200);
            watch.elapsed()
        };
        let (arrived, answered) = tokio::join!(arrival, post);
        println!("1000 events: answered after {answered:?}, the first told after {arrived:?}");
        assert_eq!(count(stage, State::Done).await, 1);
        let mut tx = stage.db().read().await.unwrap();
        let account = stage.account.parse().unwrap();
        for mid in ["m0", "m499", "m500", "m995", "changed"] {
            let mid = posta_core::id::RemoteMessage::new(mid);
            let found = posta_store::messages::find_remote(&mut tx, &account, &mid).await.unwrap();
            assert!(found.is_some(), "{mid}");
        }
        drop(tx);
        stage.settle().await;
        // A slow machine's endpoint may not answer a thousand deliveries in time; they come again.
        stage.pass(Duration::from_secs(30)).await;
        stage.pass(Duration::from_secs(300)).await;
        let told = stage.hook.events("message.received");
        let of = |key: &str| -> BTreeSet<String> {
            told.iter().map(|event| event.pointer(key).unwrap().to_string()).collect()
        };
        assert_eq!((of("/id").len(), of("/message/platformMessageId").len()), (997, 997));
    }
}

story! {
    /// An event that the database refuses waits alone; the others of its webhook come in at once,
    /// and it comes in as soon as it can.
    async fn one_event_that_cannot_be_stored_costs_no_other(stage: Stage) {
        stage.connect().await;
        stage.refuse_messages_that_say("trouble").await;
        stage.hook.forget();
        stage.told_at_once(&[
            did(0, "message", &json!({"mid": "m1", "text": "first"})),
            did(1, "message", &json!({"mid": "m2", "text": "trouble"})),
            did(2, "message", &json!({"mid": "m3", "text": "third"})),
        ])
        .await;
        assert_eq!(stage.hook.events("message.received").len(), 2);
        assert_eq!(count(stage, State::Pending).await, 1, "it is kept");
        stage.told_at_once(&[did(3, "message", &json!({"mid": "m4", "text": "next"}))]).await;
        assert_eq!(stage.hook.events("message.received").len(), 3, "nobody waits for it");
        stage.refuse_nothing().await;
        stage.pass(Duration::from_secs(3600)).await;
        assert_eq!(count(stage, State::Pending).await, 0);
        let kept = stage.messages(MIRA).await;
        let texts: Vec<_> = kept.iter().map(|one| one["message"].clone()).collect();
        assert_eq!(texts, ["first", "trouble", "third", "next"]);
        assert_eq!(stage.hook.events("message.received").len(), 4);
    }
}
