//! Budgets and turns: how much an account sends at a time, and what of it first.

use std::time::Duration;

use posta::flows::send::{self, Attached, Draft, Priority, Request};
use posta_core::message::{MediaKind, MediaSource};
use posta_core::time::Timestamp;
use posta_store::{accounts, budgets, conversations, workspaces};
use serde_json::json;

use crate::support::{Stage, story};

const MIRA: (&str, &str) = ("mira.demo", "1099900000000101");
const THEO: (&str, &str) = ("theo.demo", "1099900000000102");
const NOOR: (&str, &str) = ("noor.demo", "1099900000000103");

async fn opened(stage: &mut Stage) {
    stage.connect().await;
    for (person, _) in [MIRA, THEO, NOOR] {
        stage.writes(person, "Are you open?").await;
    }
    stage.settle().await;
    stage.hook.forget();
}

fn text(text: &str) -> Draft {
    Draft { text: Some(text.to_owned()), ..Draft::default() }
}

fn video(name: &str) -> Draft {
    let attached = Attached {
        kind: MediaKind::Video,
        source: MediaSource::Url(format!("https://shop.example/{name}.mp4")),
        kind_param: "attachmentType".to_owned(),
        source_param: "attachmentUrl".to_owned(),
    };
    Draft { attachments: vec![attached], ..Draft::default() }
}

impl Stage {
    /// Queues what is to be sent by the flow that the API uses, and wakes nobody.
    async fn asks(&self, all: Vec<(&str, Draft, Priority, Option<Timestamp>)>) {
        let mut tx = self.db().write().await.unwrap();
        let owner = workspaces::find_by_name(&mut tx, "story").await.unwrap().unwrap().id;
        let account = self.account.parse().unwrap();
        let account = accounts::find(&mut tx, &owner, &account).await.unwrap().unwrap();
        for (person, draft, priority, send_at) in all {
            let conversation = conversations::find(&mut tx, &owner, &account.id, person).await;
            let request = Request {
                account: &account,
                conversation: &conversation.unwrap().unwrap(),
                draft,
                tag: None,
                sent_via: "api",
                priority: Some(priority),
                may_wait: false,
                send_at,
                idempotency: None,
            };
            send::enqueue(&self.app, &mut tx, &request).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    async fn next_look(&self) -> Option<Timestamp> {
        budgets::find_next_due(&mut self.db().read().await.unwrap()).await.unwrap()
    }

    /// How many messages each of the three has got.
    async fn got(&self) -> [usize; 3] {
        let mut all = [0; 3];
        for (count, (person, _)) in all.iter_mut().zip([MIRA, THEO, NOOR]) {
            *count = self.thread(person).await.len() - 1;
        }
        all
    }
}

story! {
    /// Far more than the platform takes at once, sent by two nodes: it refuses nothing, and at least 98 %
    /// of what it would take is used.
    async fn two_nodes_share_a_budget_and_use_it_up(stage: Stage) {
        const EACH: usize = 20;
        const A_SECOND: u32 = 10;
        opened(stage).await;
        let other = stage.another_node().await;
        let names: Vec<_> = (0..EACH).map(|number| number.to_string()).collect();
        let people = [MIRA, THEO, NOOR];
        let all = names.iter().flat_map(|name| people.map(|(_, id)| (id, video(name), Priority::Bulk, None)));
        stage.asks(all.collect()).await;
        let begun = stage.clock.now();
        stage.app.wake.send.notify_one();
        other.wake.send.notify_one();
        stage.settle().await;
        assert_eq!(stage.proxy.sends(), A_SECOND as usize, "all that may go at once, and no more");
        let queue = stage.get(&format!("accounts/{}/queue", stage.account)).await.expect(200);
        let until = begun.plus(Duration::from_millis(1_020));
        assert_eq!(queue["data"][0]["waits"], json!({
            "reason": "rate_limit", "until": until, "behind": null
        }));
        while stage.proxy.sends() < EACH * 3 {
            let next = stage.next_look().await.unwrap();
            stage.pass(next.since(stage.clock.now())).await;
        }
        // A refused call would have been made again.
        assert_eq!((stage.proxy.sends(), stage.got().await), (EACH * 3, [EACH; 3]));
        let account = stage.get(&format!("accounts/{}/queue", stage.account)).await.expect(200);
        assert_eq!(account["lane"]["rateLimitedUntil"], json!(null));
        let calls = u32::try_from(EACH * 3).unwrap() - A_SECOND;
        let possible = stage.clock.now().since(begun) * A_SECOND;
        assert!(Duration::from_secs(u64::from(calls)) * 100 >= possible * 98, "{possible:?}");
    }
}

story! {
    /// What matters more goes first; in a conversation, and at one chosen time, the order stays.
    async fn what_matters_more_goes_first(stage: Stage) {
        stage.restart_with("platforms.instagram.rates.text", "1/s").await;
        opened(stage).await;
        stage.asks(vec![
            (MIRA.1, text("One of many"), Priority::Bulk, None),
            (THEO.1, text("An answer"), Priority::Automation, None),
            (NOOR.1, text("Yours, Ada"), Priority::Human, None),
        ]).await;
        stage.app.wake.send.notify_one();
        stage.settle().await;
        for expected in [[0, 0, 1], [0, 1, 1], [1, 1, 1]] {
            assert_eq!(stage.got().await, expected);
            stage.pass(Duration::from_millis(1_020)).await;
        }
        let at = Some(stage.clock.now().plus(Duration::from_secs(60)));
        stage.asks(vec![
            (MIRA.1, text("First"), Priority::Bulk, at),
            (MIRA.1, text("Second"), Priority::Human, at),
            (MIRA.1, text("Third"), Priority::Automation, at),
            (THEO.1, text("Later"), Priority::Automation, at),
        ]).await;
        stage.pass(Duration::from_secs(60)).await;
        for _ in 0..4 {
            stage.pass(Duration::from_millis(1_020)).await;
        }
        let thread = stage.thread(MIRA.0).await;
        let said: Vec<_> = thread.iter().skip(2).map(|one| one["text"].clone()).collect();
        assert_eq!((said, stage.got().await), (vec![json!("First"), json!("Second"), json!("Third")], [4, 2, 1]));

        let error = stage.send_form(MIRA.1, json!({"message": "x", "priority": "urgent"})).await;
        assert_eq!(error.expect_error(400, "invalid_field_value")["param"], "priority");
    }
}

story! {
    /// An account of which many calls are under way, as when its platform is slow, takes no more places.
    async fn a_busy_account_leaves_room_for_others(stage: Stage) {
        opened(stage).await;
        let hello = |(_, id)| (id, text("Hello"), Priority::Automation, None);
        stage.asks([MIRA, THEO, NOOR].map(hello).into()).await;
        let mut taken = send::claim(&stage.app, 9, |_| send::EACH - 1).await.unwrap().jobs;
        assert_eq!(taken.len(), 1);
        assert!(send::claim(&stage.app, 9, |_| 0).await.unwrap().jobs.is_empty(), "not so soon");
        stage.clock.advance(Duration::from_millis(50));
        taken.extend(send::claim(&stage.app, 9, |_| 0).await.unwrap().jobs);
        assert_eq!(taken.len(), 3);
        for job in &taken {
            send::attempt(&stage.app, job).await.unwrap();
        }
        assert_eq!(stage.got().await, [1, 1, 1]);
    }
}

story! {
    /// Programs that answer each other within seconds are stopped, and a person lets them go on.
    async fn machines_that_talk_to_each_other_are_stopped(stage: Stage) {
        stage.restart_with_number("inbox.automated_turns", 3).await;
        stage.connect_hearing(&["automation.stopped"]).await;
        let (person, id) = MIRA;
        stage.writes(person, "Beep").await;
        stage.settle().await;
        for turn in 0..3 {
            stage.send(id, &format!("Boop {turn}"), &[]).await.expect(200);
            stage.writes(person, &format!("Beep {turn}")).await;
            stage.settle().await;
        }
        let told = stage.hook.events("automation.stopped");
        assert_eq!((told.len(), &told[0]["turns"]), (1, &json!(3)));
        assert_eq!(told[0]["conversation"]["participantId"], id);
        let over = stage.send(id, "Boop", &[]).await.expect_error(409, "automation_stopped");
        assert_eq!(over["details"]["automatedTurns"], 3);
        // Time alone does not let them go on.
        stage.pass(Duration::from_secs(600)).await;
        stage.writes(person, "Beep?").await;
        stage.settle().await;
        stage.send(id, "Boop", &[]).await.expect_error(409, "automation_stopped");
        let human = json!({"message": "This is Ada", "sentVia": "human"});
        stage.send_form(id, human).await.expect(200);
        for turn in 0..5 {
            stage.send(id, &format!("Welcome {turn}"), &[]).await.expect(200);
            // Somebody who reads what was written.
            stage.pass(Duration::from_secs(if turn == 2 { 6 } else { 2 })).await;
            stage.writes(person, &format!("Hm {turn}")).await;
            stage.settle().await;
        }
        assert_eq!(stage.hook.events("automation.stopped").len(), 1);
        stage.send(id, "Boop", &[]).await.expect(200);
        stage.writes(person, "Beep").await;
        stage.settle().await;
        stage.send(id, "Boop", &[]).await.expect_error(409, "automation_stopped");
        assert_eq!(stage.hook.events("automation.stopped").len(), 2);
        let path = format!("inbox/conversations/{id}/resume-automation");
        stage.post(&path, &json!({"accountId": stage.account})).await.expect(200);
        stage.send(id, "Boop", &[]).await.expect(200);
    }
}
