//! The server dies between any two of its commits, while it receives and while it sends. Which commits
//! there are is not written down anywhere: the first run ends at the first one, the next at the second,
//! until one comes through.

use std::collections::BTreeSet;
use std::time::Duration;

use posta_store::crash::Side;
use serde_json::{Value, json};

use crate::support::{Stage, plain_client, story};

const MIRA: &str = "1099900000000101";

/// Fewer would mean that commits are no longer seen: a webhook is stored, worked off, its deliveries
/// taken and noted; a send is asked for, taken, put on record, noted, its event taken and noted.
const FEWEST: i64 = 10;

/// A server that never gets through would count for ever.
const MOST: i64 = 200;

impl Stage {
    /// Answers as a customer's program does: with a key, and again if there was no answer. Returns the
    /// status, if there was one.
    async fn answers(&self, text: &str) -> Option<u16> {
        let url = format!("v1/inbox/conversations/{MIRA}/messages");
        let request = plain_client()
            .post(self.posta.join(&url).unwrap())
            .bearer_auth(&self.key)
            .header("idempotency-key", text)
            .json(&json!({"accountId": self.account, "message": text}));
        let reply = request.send().await.ok()?;
        let status = reply.status().as_u16();
        reply.bytes().await.ok()?;
        Some(status)
    }

    /// What Posta has of the messages with this text.
    async fn kept(&self, text: &str) -> Vec<Value> {
        let path = format!(
            "inbox/conversations/{MIRA}/messages?accountId={}&sortOrder=desc&limit=20",
            self.account
        );
        let list = self.get(&path).await.expect(200)["messages"].clone();
        list.as_array().unwrap().iter().filter(|one| one["message"] == text).cloned().collect()
    }

    /// The ids of the events of this kind that tell of this text.
    fn events_of(&self, kind: &str, text: &str) -> BTreeSet<String> {
        let events = self.hook.events(kind).into_iter();
        let events = events.filter(|event| event["message"]["text"] == text);
        events.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Somebody writes and is answered, and the server dies at one of its commits. Returns whether it
    /// did, and whether it is now unknown what became of the answer.
    async fn lives_until(&mut self, side: Side, last: i64) -> (bool, bool) {
        let (question, answer) = (format!("q {side:?} {last}"), format!("a {side:?} {last}"));
        self.doomed().arm(last);
        let over = self.doomed().over();
        let story = async {
            self.writes("mira.demo", &question).await;
            self.settle().await;
            self.answers(&answer).await;
            self.settle().await;
        };
        tokio::select! {
            () = over => {}
            () = story => {}
        }
        let is_over = self.doomed().is_over();
        self.die().await;
        self.rise(side).await;
        // The platform tells again what was not taken, and leases end.
        for _ in 0..4 {
            self.pass(Duration::from_secs(40)).await;
        }
        let status = self.answers(&answer).await;
        assert!(status.is_some_and(|status| status != 503), "{status:?} at {side:?} {last}");
        for _ in 0..2 {
            self.pass(Duration::from_secs(60)).await;
        }
        let is_unknown = self.check(&question, &answer).await;
        self.hook.forget();
        (is_over, is_unknown)
    }

    async fn check(&mut self, question: &str, answer: &str) -> bool {
        let asked = self.kept(question).await;
        assert_eq!(asked.len(), 1, "{question} is stored once: {asked:?}");
        let told = self.events_of("message.received", question);
        assert_eq!(told.len(), 1, "{question} is one event: {told:?}");
        let kept = self.kept(answer).await;
        assert_eq!(kept.len(), 1, "{answer} is one message: {kept:?}");
        let thread = self.thread("mira.demo").await;
        let seen = thread.iter().filter(|one| one["text"] == answer).count();
        match kept[0]["status"].as_str().unwrap() {
            "unknown" => {
                assert!(seen <= 1, "{answer} was sent {seen} times");
                true
            }
            "sent" | "delivered" | "read" => {
                assert_eq!(seen, 1, "{answer} was sent once");
                let told = self.events_of("message.sent", answer);
                assert_eq!(told.len(), 1, "{answer} is one event: {told:?}");
                false
            }
            other => panic!("{answer} is {other}: {kept:?}"),
        }
    }
}

async fn every_point(stage: &mut Stage, side: Side) {
    stage.connect().await;
    stage.control("instagram/limits", &json!({"enabled": false})).await;
    stage.writes("mira.demo", "Hello?").await;
    stage.settle().await;
    stage.hook.forget();
    stage.crash().await;
    stage.rise(side).await;
    stage.settle().await;
    let (mut last, mut unknown) = (1, 0);
    loop {
        let (is_over, is_unknown) = stage.lives_until(side, last).await;
        unknown += i64::from(is_unknown);
        if !is_over {
            break;
        }
        last += 1;
        assert!(last < MOST, "it does not come through");
    }
    assert!(last > FEWEST, "only {last} commits were seen");
    assert!(unknown <= 2, "the outcome of {unknown} sends is unknown");
}

story! {
    /// Whatever was about to be committed is lost.
    async fn a_death_before_any_commit_loses_and_doubles_nothing(stage: Stage) {
        every_point(stage, Side::Before).await;
    }
}

story! {
    /// Whatever was just committed is known to nobody.
    async fn a_death_after_any_commit_loses_and_doubles_nothing(stage: Stage) {
        every_point(stage, Side::After).await;
    }
}
