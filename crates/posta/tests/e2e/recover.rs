//! Accounts that come back by themselves, and what waited for them.

use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_store::accounts;
use serde_json::{Value, json};

use crate::support::{Stage, story};

const HOUR: Duration = Duration::from_hours(1);
const MIRA: &str = "1099900000000101";

async fn end_token(stage: &Stage, reason: &str) {
    let body = json!({"account": "lumen.cafe.demo", "reason": reason});
    stage.control("instagram/tokens/revoke", &body).await;
}

async fn pass_check(stage: &Stage) -> Value {
    stage.control("instagram/tokens/restore", &json!({"account": "lumen.cafe.demo"})).await
}

async fn texts(stage: &Stage) -> Vec<String> {
    let thread = stage.thread("mira.demo").await;
    thread.iter().map(|one| one["text"].as_str().unwrap().to_owned()).collect()
}

async fn opened(stage: &mut Stage) {
    stage.connect().await;
    stage.writes("mira.demo", "Hello?").await;
    stage.settle().await;
}

story! {
    /// The platform stops the owner in the middle of a queue; once they have passed its check, what
    /// was held goes out, each message once and in order, though nobody connected anything again.
    async fn what_was_held_goes_out_after_the_check_is_passed(stage: Stage) {
        opened(stage).await;
        end_token(stage, "checkpoint").await;
        for text in ["One", "Two"] {
            let held = stage.send_form(MIRA, json!({"message": text, "hold": true})).await;
            assert_eq!(held.expect(202)["data"]["status"], "queued");
        }
        let lost = stage.hook.events("account.disconnected").remove(0);
        assert_eq!(lost["reasonCode"], "checkpoint");
        stage.pass(HOUR).await;
        assert!(stage.hook.events("account.recovered").is_empty());
        assert_eq!(texts(stage).await, ["Hello?"]);

        stage.writes("mira.demo", "Still there?").await;
        assert!(pass_check(stage).await["restored"].as_i64() > Some(0));
        stage.pass(HOUR).await;
        let back = stage.hook.events("account.recovered");
        assert_eq!(back.len(), 1);
        assert_eq!(back[0]["recoveredFrom"], "checkpoint");
        assert_eq!(texts(stage).await, ["Hello?", "Still there?", "One", "Two"]);
        assert_eq!(stage.hook.events("message.sent").len(), 2);
        let health = stage.get(&format!("accounts/{}/health", stage.account)).await.expect(200);
        assert_eq!((&health["status"], &health["disconnectReasonCode"]), (&json!("healthy"), &Value::Null));

        // It is renewed as before, and goes on beyond its first token.
        stage.pass(HOUR * 24 * 59).await;
        stage.pass(HOUR * 24 * 2).await;
        assert!(stage.hook.events("account.token_expiring").is_empty());
        assert_eq!(stage.hook.events("account.disconnected").len(), 1);
    }
}

story! {
    /// The check is passed too late for what was held: it is given up, with the reason.
    async fn what_was_held_is_given_up_when_its_window_has_closed(stage: Stage) {
        opened(stage).await;
        end_token(stage, "checkpoint").await;
        stage.send_form(MIRA, json!({"message": "One", "hold": true})).await.expect(202);
        stage.clock.advance(HOUR * 25);
        pass_check(stage).await;
        stage.pass(HOUR * 7).await;
        assert_eq!(stage.hook.events("account.recovered").len(), 1);
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept[1]["status"], "failed", "{kept:?}");
        assert_eq!(kept[1]["deliveryError"]["title"], "human_agent_only", "{kept:?}");
        assert_eq!(texts(stage).await, ["Hello?"]);
    }
}

story! {
    /// A token that may work again is tried less and less often; one that cannot, never.
    async fn a_token_is_tried_as_long_as_that_has_sense(stage: Stage) {
        opened(stage).await;
        let before = stage.proxy.calls("/me");
        end_token(stage, "checkpoint").await;
        stage.send(MIRA, "One", &[]).await.expect_error(401, "reconnect_required");
        stage.settle().await;
        let mut tried = Vec::new();
        for (steps, each) in [(24 * 4, HOUR / 4), (24, HOUR), (24, HOUR)] {
            for _ in 0..steps {
                stage.pass(each).await;
            }
            tried.push(stage.proxy.calls("/me") - before);
        }
        assert!((5..=14).contains(&tried[0]), "{tried:?}");
        assert!((1..=5).contains(&(tried[2] - tried[1])), "{tried:?}");

        // Meanwhile the password was changed, which ends the token for good.
        end_token(stage, "password_changed").await;
        stage.pass(HOUR * 8).await;
        let last = stage.proxy.calls("/me");
        stage.pass(HOUR * 24 * 7).await;
        assert_eq!(stage.proxy.calls("/me"), last);
        let health = stage.get(&format!("accounts/{}/health", stage.account)).await.expect(200);
        assert_eq!(health["disconnectReasonCode"], "password_changed");
        assert_eq!(stage.hook.events("account.disconnected").len(), 1, "told once");
        stage.press("allow", &[]).await;
        stage.settle().await;
        assert_eq!(stage.hook.events("account.recovered")[0]["recoveredFrom"], "password_changed");
    }
}

story! {
    /// A call that was made with the token before this one says nothing of this one.
    async fn an_old_tokens_failure_does_not_end_a_new_connection(stage: Stage) {
        opened(stage).await;
        let db = stage.db().clone();
        let find = async || {
            let mut tx = db.read().await.unwrap();
            let all = accounts::list_everywhere(&mut tx, None).await.unwrap();
            all.into_iter().next().unwrap()
        };
        let old = find().await;
        stage.press("allow", &[]).await;
        stage.settle().await;
        let error = ConnectorError::new(Code::ReconnectRequired, Retry::Auth, "it ended");
        for (account, is_lost) in [(&old, false), (&find().await, true)] {
            let mut tx = db.write().await.unwrap();
            let done = posta::flows::disconnect::lose(&stage.app, &mut tx, account, &error).await;
            assert_eq!(done.unwrap(), is_lost);
            tx.commit().await.unwrap();
            stage.app.wake.deliver.notify_one();
            let is_connected = find().await.state == accounts::State::Connected;
            assert_eq!(is_connected, !is_lost);
        }
    }
}
