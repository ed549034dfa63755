//! Tokens are renewed long before they end, and an account is lost only when the platform says so.

use std::time::Duration;

use posta_core::time::Timestamp;
use serde_json::json;

use crate::support::{Stage, story};

const DAY: Duration = Duration::from_hours(24);

async fn expiry(stage: &Stage) -> Timestamp {
    let health = stage.get(&format!("accounts/{}/health", stage.account)).await.expect(200);
    health["tokenExpiresAt"].as_str().unwrap().parse().unwrap()
}

story! {
    /// Nobody writes for four months, and the account still works.
    async fn a_token_is_renewed_long_before_it_ends(stage: Stage) {
        stage.connect().await;
        let first = expiry(stage).await;
        stage.pass(DAY * 50).await;
        assert_eq!(expiry(stage).await, first, "not yet");
        stage.pass(DAY * 4).await;
        let second = expiry(stage).await;
        assert!(second.since(first) > DAY * 50, "renewed a week before its end");
        stage.pass(DAY * 55).await;
        assert!(expiry(stage).await.since(second) > DAY * 50, "and again");
        stage.writes("mira.demo", "Still open?").await;
        stage.settle().await;
        stage.send("1099900000000101", "We are", &[]).await.expect(200);
    }
}

story! {
    /// The platform is out of order when the time has come: it is asked again until it answers.
    async fn a_renewal_is_tried_until_it_succeeds(stage: Stage) {
        stage.connect().await;
        let first = expiry(stage).await;
        stage.proxy.refuse(Some("refresh_access_token"));
        stage.pass(DAY * 54).await;
        assert_eq!(stage.proxy.refusals(), 1);
        for _ in 0..8 {
            stage.pass(Duration::from_hours(8)).await;
        }
        assert_eq!(stage.proxy.refusals(), 9, "again, and not too often");
        assert_eq!(expiry(stage).await, first);
        stage.proxy.refuse(None);
        stage.pass(Duration::from_hours(8)).await;
        assert!(expiry(stage).await > first);
        assert_eq!(stage.hook.events("account.disconnected").len(), 0);
    }
}

story! {
    /// The owner has removed the app: the renewal finds out, and the customer hears of it.
    async fn a_grant_that_is_gone_is_noticed_at_renewal(stage: Stage) {
        stage.connect().await;
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        stage.pass(DAY * 54).await;
        let event = stage.hook.events("account.disconnected").remove(0);
        assert_eq!(event["disconnectionType"], "unintentional");
        stage.pass(DAY * 54).await;
        assert_eq!(stage.hook.events("account.disconnected").len(), 1, "told once");
    }
}
