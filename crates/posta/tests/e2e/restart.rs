//! What a process leaves behind is taken up by the next one.

use std::time::Duration;

use posta::flows::send::Draft;
use posta_core::capability::CallClass;
use posta_core::time::pause;
use posta_store::{jobs, messages};
use serde_json::json;

use crate::support::{Fault, Stage, story};

const MIRA: &str = "1099900000000101";

async fn run(db: &posta_store::Db, text: &'static str) {
    let mut tx = db.write().await.unwrap();
    match &mut tx {
        posta_store::Tx::Sqlite(tx) => drop(sqlx::query(text).execute(&mut **tx).await.unwrap()),
        posta_store::Tx::Postgres(tx) => drop(sqlx::query(text).execute(&mut **tx).await.unwrap()),
    }
    tx.commit().await.unwrap();
}

/// Asks for a message as the API does, without waiting for it.
async fn enqueue(stage: &Stage, text: &str) -> posta_core::id::MessageId {
    let mut tx = stage.db().write().await.unwrap();
    let owner = posta_store::workspaces::find_by_name(&mut tx, "story").await.unwrap().unwrap();
    let account = stage.account.parse().unwrap();
    let account = posta_store::accounts::find(&mut tx, &owner.id, &account).await.unwrap().unwrap();
    let conversation = posta_store::conversations::find(&mut tx, &owner.id, &account.id, MIRA);
    let conversation = conversation.await.unwrap().unwrap();
    let request = posta::flows::send::Request {
        account: &account,
        conversation: &conversation,
        draft: Draft { text: Some(text.to_owned()), ..Draft::default() },
        tag: None,
        sent_via: "api",
        priority: None,
        may_wait: false,
        send_at: None,
        idempotency: None,
    };
    let id = posta::flows::send::enqueue(&stage.app, &mut tx, &request).await.unwrap();
    tx.commit().await.unwrap();
    id
}

story! {
    /// Asked for, and the process dies before the call: the next one sends it, once.
    async fn a_message_that_was_asked_for_is_sent_after_a_crash(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        stage.hook.forget();
        enqueue(stage, "After the crash").await;
        stage.crash().await;
        assert_eq!(stage.proxy.sends(), 0);
        stage.restart().await;
        stage.settle().await;
        assert_eq!(stage.proxy.sends(), 1);
        assert_eq!(stage.hook.names(), ["message.sent"]);
        assert_eq!(stage.thread("mira.demo").await.len(), 2);
    }
}

story! {
    /// Between the attempt and the outcome: nobody knows what the platform did, so nobody sends again.
    async fn a_crash_between_attempt_and_outcome_never_sends_twice(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        stage.hook.forget();
        let id = enqueue(stage, "Exactly once").await;
        stage.crash().await;
        // What the dying process had done: taken the job, put the attempt on record, and called.
        let db = posta_store::Db::open(&stage.app.config.database.url).await.unwrap();
        let mut tx = db.write().await.unwrap();
        let now = stage.clock.now();
        let lease = now.plus(Duration::from_secs(60));
        let account = stage.account.parse().unwrap();
        let which = (&account, CallClass::Text);
        assert_eq!(jobs::claim(&mut tx, which, now, lease, 10).await.unwrap().len(), 1);
        assert!(messages::update_sending(&mut tx, &id).await.unwrap());
        tx.commit().await.unwrap();
        db.close().await;
        stage.restart().await;
        stage.settle().await;
        assert_eq!(stage.messages(MIRA).await[1]["status"], "sending", "the lease still runs");
        stage.pass(Duration::from_secs(61)).await;
        assert_eq!(stage.messages(MIRA).await[1]["status"], "unknown");
        stage.pass(Duration::from_secs(3600)).await;
        assert_eq!(stage.proxy.sends(), 0, "never sent again");
        // The lane goes on with the next message.
        stage.send(MIRA, "The next one", &[]).await.expect(200);
        assert_eq!(stage.proxy.sends(), 1);
        assert_eq!(stage.thread("mira.demo").await.len(), 2);
    }
}

story! {
    /// A webhook that was accepted is worked off by the next process.
    async fn an_accepted_webhook_survives_a_crash(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        stage.crash().await;
        let db = posta_store::Db::open(&stage.app.config.database.url).await.unwrap();
        let mut tx = db.write().await.unwrap();
        let body = include_str!("../../../platforms/src/instagram/fixtures/message-text-raw-escaped.json");
        let row = posta_store::inbound::Inbound {
            id: stage.app.ids.next(),
            platform: "instagram".to_owned(),
            verified_by: posta_store::Json(vec![None]),
            body: body.as_bytes().to_vec(),
            attempts: 0,
            traceparent: None,
            received_at: stage.clock.now(),
        };
        posta_store::inbound::insert_all(&mut tx, &[row]).await.unwrap();
        tx.commit().await.unwrap();
        db.close().await;
        stage.restart().await;
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["conversation.started", "message.received"]);
        let text = stage.hook.events("message.received")[0]["message"]["text"].clone();
        assert_eq!(text, "Schöne Grüße äöå 👋 see https://example.com/menu?a=1");
    }
}

story! {
    /// A delivery that was under way or waits for its next try survives too.
    async fn deliveries_go_on_after_a_crash(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        stage.hook.answer(&[500, 500]);
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        assert_eq!(stage.hook.names().len(), 2);
        stage.crash().await;
        stage.restart().await;
        stage.settle().await;
        assert_eq!(stage.hook.names().len(), 2, "not before its time");
        stage.pass(Duration::from_secs(13)).await;
        assert_eq!(stage.hook.names().len(), 4);
        let ids: std::collections::BTreeSet<_> =
            stage.hook.came().iter().map(|one| one.event["id"].to_string()).collect();
        assert_eq!(ids.len(), 2, "the same events");
    }
}

story! {
    /// While Posta is down the platform keeps the webhooks; afterwards they come.
    async fn what_happens_while_posta_is_down_comes_later(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        stage.crash().await;
        stage.writes("mira.demo", "Anybody there?").await;
        stage.sandbox.settle().await;
        stage.restart().await;
        stage.pass(Duration::from_secs(35)).await;
        assert_eq!(stage.hook.events("message.received")[0]["message"]["text"], "Anybody there?");
        stage.send(MIRA, "Yes", &[]).await.expect(200);
    }
}

story! {
    /// Whoever takes over what another began, and is failed by the database meanwhile, does not begin
    /// anew: the message may be with the platform.
    async fn a_failure_while_taking_over_never_sends_twice(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let id = enqueue(stage, "Exactly once").await;
        stage.crash().await;
        let db = posta_store::Db::open(&stage.app.config.database.url).await.unwrap();
        let lease = stage.clock.now().plus(Duration::from_secs(60));
        let account = stage.account.parse().unwrap();
        let mut tx = db.write().await.unwrap();
        let which = (&account, CallClass::Text);
        let taken = jobs::claim(&mut tx, which, stage.clock.now(), lease, 10).await.unwrap();
        assert_eq!(taken.len(), 1);
        assert!(messages::update_sending(&mut tx, &id).await.unwrap());
        tx.commit().await.unwrap();
        stage.restart().await;
        stage.settle().await;
        run(&db, "ALTER TABLE conversations RENAME TO conversations_away").await;
        stage.clock.advance(Duration::from_secs(61));
        // Taken over, and put back when it could not be looked at.
        let is_back = async || {
            let mut tx = db.read().await.unwrap();
            let lane = jobs::list_lane(&mut tx, &taken[0].lane).await.unwrap();
            lane[0].due_at > lease && lane[0].due_at < stage.clock.now().plus(Duration::from_secs(9))
        };
        while !is_back().await {
            pause(Duration::from_millis(1)).await;
        }
        run(&db, "ALTER TABLE conversations_away RENAME TO conversations").await;
        db.close().await;
        stage.pass(Duration::from_secs(5)).await;
        assert_eq!(stage.messages(MIRA).await[1]["status"], "unknown");
        assert_eq!(stage.proxy.sends(), 0, "never begun anew");
    }
}

story! {
    /// A stop lets the send under way end and notes its outcome.
    async fn a_stop_waits_for_the_send_under_way(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        stage.proxy.will(&[Fault::HoldAnswer]);
        let body = json!({"accountId": stage.account, "message": "Going out"});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let stop = async {
            stage.proxy.arrived().await;
            stage.app.stop.cancel();
            stage.proxy.release();
        };
        let (answer, ()) = tokio::join!(stage.post(&path, &body), stop);
        assert!(matches!(answer.status, 200 | 202), "{}", answer.text);
        stage.crash().await;
        stage.restart().await;
        stage.settle().await;
        assert_eq!(stage.messages(MIRA).await[1]["status"], "sent");
        assert_eq!(stage.proxy.sends(), 1);
    }
}
