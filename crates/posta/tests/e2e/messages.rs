//! A message comes in and a reply goes out; echoes, repeats and read marks do no harm.

use std::time::Duration;

use serde_json::json;

use crate::support::{Fault, Stage, story};

const MIRA: &str = "1099900000000101";

story! {
    /// The main job, whole.
    async fn a_message_comes_in_and_a_reply_goes_out(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        let question = stage.writes("mira.demo", "Schöne Grüße 👋 see https://example.com/a").await;
        stage.settle().await;

        assert_eq!(stage.hook.names(), ["conversation.started", "message.received"]);
        let event = stage.hook.events("message.received").remove(0);
        assert_eq!(event["message"]["text"], "Schöne Grüße 👋 see https://example.com/a");
        assert_eq!(event["message"]["platformMessageId"], question.as_str());
        assert_eq!(event["message"]["direction"], "incoming");
        assert_eq!(event["message"]["sender"]["id"], MIRA);
        assert_eq!(event["message"]["sentAt"], "2026-01-01T12:00:00.000Z");
        assert_eq!(event["message"]["isRead"], false);
        assert_eq!(event["conversation"]["platformConversationId"], MIRA);
        assert_eq!(event["conversation"]["status"], "active");
        assert_eq!(event["account"]["id"], stage.account.as_str());
        assert_eq!(event["account"]["accountId"], stage.account.as_str());
        assert_eq!(event["account"]["username"], "lumen.cafe.demo");
        assert_eq!(event["profiles"], json!([{"id": stage.profile, "externalId": null}]));
        assert!(event.get("data").is_none(), "blocks stand at the top");
        let started = stage.hook.events("conversation.started").remove(0);
        assert_eq!(started["conversation"]["id"], MIRA, "here the id is the platform's");

        stage.hook.forget();
        let sent = stage.send(MIRA, "Gern! Bis Sonntag.", &[]).await.expect(200);
        stage.settle().await;
        assert_eq!(sent["success"], true);
        assert_eq!(sent["data"]["conversationId"], event["conversation"]["id"]);
        let reply = sent["data"]["messageId"].as_str().unwrap();
        let seen = stage.thread("mira.demo").await;
        assert_eq!(seen.len(), 2);
        assert_eq!((&seen[1]["id"], &seen[1]["text"]), (&json!(reply), &json!("Gern! Bis Sonntag.")));

        assert_eq!(stage.hook.names(), ["message.sent"], "the echo is the same message");
        let event = stage.hook.events("message.sent").remove(0);
        assert_eq!(event["message"]["platformMessageId"], reply);
        assert_eq!(event["message"]["sender"]["id"], stage.account.as_str());
        assert_eq!(event["message"]["sentVia"], "api");
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0]["id"], question.as_str());
        assert_eq!(kept[1]["id"], reply);
        assert_eq!(kept[1]["deliveryStatus"], "sent");
    }
}

story! {
    /// Instagram's echo of a send can be here before the answer to the send.
    async fn an_echo_before_the_answer_is_the_same_message(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        stage.hook.forget();
        stage.proxy.will(&[Fault::HoldAnswer]);

        let proxy = stage.proxy.clone();
        let (app, sandbox) = (stage.app.clone(), stage.sandbox.clone());
        let release = async {
            proxy.arrived().await;
            // The echo is delivered and worked off while the answer is still out.
            sandbox.settle().await;
            let mut tx = app.db.read().await.unwrap();
            while !posta_store::inbound::is_any_waiting(&mut tx, "an echo waits for the answer of its send")
                .await
                .unwrap()
            {
                drop(tx);
                tokio::task::yield_now().await;
                tx = app.db.read().await.unwrap();
            }
            drop(tx);
            proxy.release();
        };
        let (sent, ()) = tokio::join!(stage.send(MIRA, "Yes, until six", &[]), release);
        let sent = sent.expect(200);
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["message.sent"]);
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[1]["id"], sent["data"]["messageId"]);
        assert_eq!(kept[1]["sentVia"], "api");
    }
}

story! {
    /// People can be faster than the answer of a send: what they do to it meanwhile is not lost.
    async fn what_happens_to_a_message_before_its_answer_is_kept(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        stage.hook.forget();
        stage.proxy.will(&[Fault::HoldAnswer]);
        let proxy = stage.proxy.clone();
        let (app, sandbox) = (stage.app.clone(), stage.sandbox.clone());
        let (http, url) = (crate::support::plain_client(), stage.sandbox_url.clone());
        let meanwhile = async {
            proxy.arrived().await;
            let thread = "_sandbox/instagram/accounts/lumen.cafe.demo/threads/mira.demo";
            let thread = http.get(url.join(thread).unwrap()).send().await.unwrap();
            let thread: serde_json::Value = thread.json().await.unwrap();
            let id = &thread["messages"].as_array().unwrap().last().unwrap()["id"];
            for (deed, body) in [("react", json!({"message_id": id, "emoji": "🎉"})), ("read", json!({}))] {
                let deed = url.join(&format!("_sandbox/instagram/people/mira.demo/{deed}")).unwrap();
                assert_eq!(http.post(deed).json(&body).send().await.unwrap().status(), 200);
            }
            sandbox.settle().await;
            let early = async || {
                let mut tx = app.db.read().await.unwrap();
                posta_store::early::count(&mut tx).await.unwrap()
            };
            while early().await < 2 {
                tokio::task::yield_now().await;
            }
            proxy.release();
        };
        let (sent, ()) = tokio::join!(stage.send(MIRA, "Yes, until six", &[]), meanwhile);
        let sent = sent.expect(200);
        stage.settle().await;
        let kept = stage.messages(MIRA).await.remove(1);
        assert_eq!(kept["id"], sent["data"]["messageId"]);
        assert_eq!(kept["reactions"][0]["emoji"], "🎉");
        assert_eq!(kept["deliveryStatus"], "read");
        let told = ["message.read", "message.sent", "reaction.received"];
        assert_eq!(stage.hook.names(), told);
    }
}

story! {
    /// What the owner types in the app comes only as an echo, and must not be missing.
    async fn what_the_owner_types_in_the_app_is_kept_and_told(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        stage.hook.forget();
        let deed = json!({"person": "mira.demo", "text": "It is me, the owner"});
        stage.control("instagram/accounts/lumen.cafe.demo/owner/write", &deed).await;
        stage.settle().await;
        let event = stage.hook.events("message.sent").remove(0);
        assert_eq!(event["message"]["text"], "It is me, the owner");
        assert_eq!(event["message"]["sentVia"], json!(null));
        assert_eq!(event["message"]["direction"], "outgoing");
        assert_eq!(stage.messages(MIRA).await.len(), 2);
    }
}

story! {
    /// Platforms repeat deliveries; a repeat is the same message.
    async fn a_repeated_webhook_changes_nothing(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Once").await;
        stage.settle().await;
        let deliveries = stage.look("deliveries").await;
        let last = deliveries.as_array().or_else(|| deliveries["deliveries"].as_array());
        let body = last.unwrap().last().unwrap()["body"].as_str().unwrap().to_owned();
        stage.hook.forget();
        for _ in 0..3 {
            let signature = crate::inbound::signature(body.as_bytes());
            let body = body.clone();
            let answer = stage
                .plain(
                    |http, url| http.post(url).header("x-hub-signature-256", signature).body(body),
                    "webhooks/instagram",
                )
                .await;
            assert_eq!(answer.status, 200);
        }
        stage.settle().await;
        assert!(stage.hook.names().is_empty());
        assert_eq!(stage.messages(MIRA).await.len(), 1);
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["unreadCount"], 1);
    }
}

story! {
    /// Reading goes both ways: the customer reads ours, we read theirs.
    async fn read_marks_go_both_ways(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let sent = stage.send(MIRA, "Hello!", &[]).await.expect(200);
        stage.settle().await;
        stage.hook.forget();
        stage.clock.advance(Duration::from_secs(60));
        stage.control("instagram/people/mira.demo/read", &json!({})).await;
        stage.settle().await;
        let read = stage.hook.events("message.read").remove(0);
        assert_eq!(read["message"]["platformMessageId"], sent["data"]["messageId"]);
        assert_eq!(read["statusAt"], "2026-01-01T12:01:00.000Z");
        assert_eq!(read["error"], json!(null));
        assert_eq!(stage.messages(MIRA).await[1]["deliveryStatus"], "read");

        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["unreadCount"], 1);
        let body = json!({"accountId": stage.account});
        let path = format!("inbox/conversations/{MIRA}/read");
        assert_eq!(stage.post(&path, &body).await.expect(200)["markedCount"], 1);
        assert_eq!(stage.post(&path, &body).await.expect(200)["markedCount"], 0);
        let seen = stage.thread("mira.demo").await;
        assert_eq!(seen[0]["seen"], true, "the customer sees that it was seen");
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["unreadCount"], 0);
    }
}

story! {
    /// Messages can arrive late; the newest stays the newest.
    async fn a_late_message_does_not_displace_a_newer_one(stage: Stage) {
        stage.connect().await;
        stage.control("instagram/hold", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.writes("mira.demo", "Is it raining?").await;
        stage.clock.advance(Duration::from_secs(5));
        stage.control("instagram/flush", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.writes("mira.demo", "Never mind").await;
        stage.settle().await;
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["lastMessage"], "Never mind");
        assert_eq!(list["data"][0]["updatedTime"], "2026-01-01T12:00:05.000Z");
        let kept = stage.messages(MIRA).await;
        let texts: Vec<_> = kept.iter().map(|one| one["message"].as_str().unwrap()).collect();
        assert_eq!(texts, ["Is it raining?", "Never mind"]);
    }
}
