//! The queue of an account: what waits in it and why, and what is called off.

use std::time::Duration;

use posta::flows::send::{self, Draft, Request};
use posta_core::id::MessageId;
use posta_store::{accounts, conversations, workspaces};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Fault, Stage, story};

const MIRA: &str = "1099900000000101";

async fn opened(stage: &mut Stage) {
    stage.connect().await;
    stage.writes("mira.demo", "Are you open?").await;
    stage.settle().await;
    stage.hook.forget();
}

impl Stage {
    /// Queues texts by the flow that the API uses, and wakes nobody.
    async fn queues(&self, texts: &[&str], may_wait: bool) -> Vec<MessageId> {
        let mut tx = self.db().write().await.unwrap();
        let owner = workspaces::find_by_name(&mut tx, "story").await.unwrap().unwrap().id;
        let account = self.account.parse().unwrap();
        let account = accounts::find(&mut tx, &owner, &account).await.unwrap().unwrap();
        let conversation = conversations::find(&mut tx, &owner, &account.id, MIRA).await;
        let conversation = conversation.unwrap().unwrap();
        let mut ids = Vec::new();
        for text in texts {
            let request = Request {
                account: &account,
                conversation: &conversation,
                draft: Draft { text: Some((*text).to_owned()), ..Draft::default() },
                tag: None,
                sent_via: "api",
                priority: None,
                may_wait,
                send_at: None,
                idempotency: None,
            };
            ids.push(send::enqueue(&self.app, &mut tx, &request).await.unwrap());
        }
        tx.commit().await.unwrap();
        ids
    }

    async fn queue(&self) -> Value {
        self.get(&format!("accounts/{}/queue", self.account)).await.expect(200)
    }

    async fn cancels(&self, id: &str) -> Answer {
        let path = format!("accounts/{}/queue/{id}", self.account);
        self.call(Method::DELETE, &path, None, &[]).await
    }

    async fn goes_on(&self) {
        self.app.wake.send.notify_one();
        self.settle().await;
    }

    async fn said(&self) -> Vec<String> {
        let thread = self.thread("mira.demo").await;
        thread[1..].iter().map(|one| one["text"].as_str().unwrap().to_owned()).collect()
    }
}

story! {
    /// Each message says why it waits, and the list goes on by cursor.
    async fn a_queue_shows_what_waits_and_why(stage: Stage) {
        opened(stage).await;
        assert_eq!(stage.queue().await["data"], json!([]));
        let ids = stage.queues(&["One", "Two", "Three"], false).await;
        let queue = stage.queue().await;
        assert_eq!(queue["lane"], json!({"isConnected": true, "rateLimitedUntil": null}));
        let data = queue["data"].as_array().unwrap();
        let first = &data[0];
        assert_eq!((data.len(), &first["messageId"]), (3, &json!(ids[0])));
        assert_eq!((&first["state"], &first["class"]), (&json!("queued"), &json!("text")));
        assert_eq!((&first["priority"], &first["tries"]), (&json!("automation"), &json!(0)));
        assert_eq!(first["dueAt"], "2026-01-01T12:00:00.000Z");
        assert_eq!(first["waits"], json!({"reason": "turn", "until": null, "behind": null}));
        assert_eq!(data[2]["waits"], json!({"reason": "behind", "until": null, "behind": ids[0]}));

        let page = stage.get(&format!("accounts/{}/queue?limit=2", stage.account)).await.expect(200);
        assert_eq!(page["data"].as_array().unwrap().len(), 2);
        let cursor = page["pagination"]["nextCursor"].as_str().unwrap();
        let path = format!("accounts/{}/queue?limit=2&cursor={cursor}", stage.account);
        let page = stage.get(&path).await.expect(200);
        assert_eq!(page["data"].as_array().unwrap().len(), 1);
        assert_eq!(page["pagination"], json!({"hasMore": false, "nextCursor": null}));

        // The platform says that it is too much, and the account's lane waits.
        let slow = r#"{"error":{"message":"slow","type":"OAuthException","code":4}}"#;
        stage.proxy.will(&[Fault::Answer(400, slow)]);
        stage.goes_on().await;
        let queue = stage.queue().await;
        let until = &queue["lane"]["rateLimitedUntil"];
        assert!(until.is_string(), "{queue}");
        for one in queue["data"].as_array().unwrap() {
            assert_eq!(one["waits"], json!({"reason": "rate_limit", "until": until, "behind": null}));
        }
        stage.pass(Duration::from_hours(1)).await;
        assert_eq!(stage.said().await, ["One", "Two", "Three"]);
        assert_eq!(stage.queue().await["data"], json!([]));
    }
}

story! {
    /// While an account is disconnected, what may wait shows until when it does.
    async fn a_queue_shows_what_is_held(stage: Stage) {
        opened(stage).await;
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        let held = stage.send_form(MIRA, json!({"message": "Held", "hold": true})).await.expect(202);
        let queue = stage.queue().await;
        assert_eq!(queue["lane"]["isConnected"], false);
        let waits = &queue["data"][0]["waits"];
        assert_eq!(waits["reason"], "account_disconnected");
        assert_eq!(waits["until"], "2026-01-02T12:00:00.000Z", "when the window closes");
        let id = held["data"]["messageId"].as_str().unwrap();
        stage.cancels(id).await.expect(200);
        stage.press("allow", &[]).await;
        stage.settle().await;
        assert_eq!(stage.thread("mira.demo").await.len(), 1);
        assert_eq!(stage.messages(MIRA).await[1]["status"], "cancelled");
    }
}

story! {
    /// What is called off is never sent, not even by somebody who has claimed it already.
    async fn what_is_called_off_is_never_sent(stage: Stage) {
        opened(stage).await;
        let ids = stage.queues(&["One", "Two"], false).await;
        let claimed = send::claim(&stage.app, 9, |_| 0).await.unwrap().jobs;
        assert_eq!((claimed.len(), &claimed[0].subject), (1, &ids[0].to_string()));

        stage.cancels(ids[1].as_str()).await.expect(200);
        let done = stage.cancels(ids[0].as_str()).await.expect(200);
        assert_eq!(done["data"], json!({
            "messageId": ids[0], "messageIds": [ids[0]], "status": "cancelled"
        }));
        send::attempt(&stage.app, &claimed[0]).await.unwrap();
        assert_eq!(stage.proxy.sends(), 0);
        stage.cancels(ids[0].as_str()).await.expect(200);
        let sent = stage.queues(&["Three"], false).await.remove(0);
        stage.goes_on().await;
        assert_eq!(stage.said().await, ["Three"]);
        let kept = stage.messages(MIRA).await;
        let kept: Vec<_> = kept[1..].iter().map(|one| one["status"].clone()).collect();
        assert_eq!(kept, ["cancelled", "cancelled", "sent"]);
        assert_eq!(stage.hook.names(), ["message.sent"], "nothing has failed");

        let error = stage.cancels(sent.as_str()).await.expect_error(409, "invalid_resource_state");
        assert_eq!(error["details"]["status"], "sent");
        stage.cancels("0123456789abcdef01234567").await.expect_error(404, "message_not_found");
        let error = stage.cancels("nonsense").await.expect_error(400, "invalid_field_value");
        assert_eq!(error["param"], "messageId");
    }
}

story! {
    /// Once the platform is being asked it is too late; the later parts can still be called off.
    async fn what_is_being_sent_cannot_be_called_off(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::HoldAnswer]);
        let form = json!({"accountId": stage.account, "message": "Our menu",
            "attachmentUrl": "https://shop.example/a.jpg"});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let key = [("idempotency-key", "menu-1")];
        let meanwhile = async {
            stage.proxy.arrived().await;
            let queue = stage.queue().await;
            let data = queue["data"].as_array().unwrap().clone();
            assert_eq!((&data[0]["state"], &data[0]["waits"]), (&json!("sending"), &Value::Null));
            let id = |index: usize| data[index]["messageId"].as_str().unwrap().to_owned();
            let error = stage.cancels(&id(0)).await.expect_error(409, "invalid_resource_state");
            assert_eq!(error["details"]["status"], "sending");
            stage.cancels(&id(1)).await.expect(200);
            stage.proxy.release();
        };
        let sent = stage.call(Method::POST, &path, Some(&form), &key);
        let (sent, ()) = tokio::join!(sent, meanwhile);
        let data = sent.expect(200)["data"].clone();
        assert_eq!(data["partialFailure"]["code"], "message_cancelled");
        assert_eq!(data["partialFailure"]["index"], 1);
        let again = stage.call(Method::POST, &path, Some(&form), &key).await;
        assert_eq!(again.expect(200)["data"], data);
        assert_eq!(stage.proxy.sends(), 1);
    }
}

story! {
    /// A repeat of a request whose message was called off is told so, and sends nothing.
    async fn a_repeat_of_what_was_called_off_sends_nothing(stage: Stage) {
        opened(stage).await;
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        let body = json!({"accountId": stage.account, "message": "Held", "hold": true});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let key = [("idempotency-key", "held-1")];
        let held = stage.call(Method::POST, &path, Some(&body), &key).await.expect(202);
        let id = held["data"]["messageId"].as_str().unwrap();
        stage.cancels(id).await.expect(200);
        let again = stage.call(Method::POST, &path, Some(&body), &key).await;
        let error = again.expect_error(409, "message_cancelled");
        assert_eq!(error["details"]["messageId"], id);
        assert_eq!(stage.messages(MIRA).await.len(), 2);
        assert_eq!(stage.proxy.sends(), 1, "the one that found the token dead");
    }
}
