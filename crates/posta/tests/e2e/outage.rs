//! A database that fails: whoever asks hears so and when to try again, and nothing is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::inbound::{LUMEN, deliver, message, signature};
use crate::support::{Stage, story};

const MIRA: &str = "1099900000000101";

story! {
    /// Nothing is taken that cannot be kept; the platform and the clients come again, and it is as if
    /// nothing had been.
    async fn a_database_that_fails_is_told_of_and_nothing_is_lost(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        stage.hook.forget();

        stage.break_database().await;
        let key = [("idempotency-key", "once")];
        let refused = stage.send(MIRA, "Hello", &key).await;
        assert_eq!(refused.headers["retry-after"], "5");
        let refused = refused.expect_error(503, "database_unavailable");
        assert_eq!(refused["type"], "api_error");
        assert!(refused["error"].as_str().unwrap().contains("Try again after"), "{refused}");
        let body = message(LUMEN, "m1", "Anybody?");
        let refused = deliver(stage, &body, &signature(body.as_bytes())).await;
        assert_eq!(refused.headers["retry-after"], "5");
        refused.expect_error(503, "database_unavailable");
        stage.writes("mira.demo", "Still there?").await;
        stage.sandbox.settle().await;

        stage.mend_database().await;
        // Who looks at a database that was away looks again after half a second.
        while stage.get("profiles").await.status == 503 {}
        stage.send(MIRA, "Hello", &key).await.expect(200);
        stage.settle().await;
        stage.pass(Duration::from_mins(2)).await;
        assert_eq!(stage.hook.names(), ["message.received", "message.sent"]);
        let kept = stage.messages(MIRA).await;
        let texts: BTreeSet<_> = kept.iter().filter_map(|one| one["message"].as_str()).collect();
        assert_eq!(texts, BTreeSet::from(["Hello?", "Still there?", "Hello"]));
        assert_eq!(kept.len(), 3);
        assert_eq!(stage.proxy.sends(), 1);
    }
}
