//! What the platform allows an account, and what it says is left of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Stage, story};

const MIRA: &str = "1099900000000101";

async fn limited_until(stage: &Stage) -> Value {
    stage.get("accounts").await.expect(200)["accounts"][0]["rateLimitedUntil"].clone()
}

/// Sends without waiting for the platform.
async fn sends(stage: &Stage, text: &str) {
    let body = json!({"accountId": stage.account, "message": text});
    let path = format!("inbox/conversations/{MIRA}/messages");
    let answer = stage.call(Method::POST, &path, Some(&body), &[]);
    let time = async {
        while stage.messages(MIRA).await.last().unwrap()["message"] != text
            || !posta::workers::is_idle(&stage.app).await.unwrap()
        {
            tokio::task::yield_now().await;
        }
        stage.clock.advance(Duration::from_secs(21));
    };
    let (answer, ()) = tokio::join!(answer, time);
    assert_eq!(answer.status, 202, "{}", answer.text);
}

story! {
    /// An answer to a send says that nothing is left: messages wait before the platform refuses one.
    async fn messages_wait_when_the_platform_says_that_nothing_is_left(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let fault = json!({"kind": "usage", "percent": 100, "wait": "20m"});
        let rule = json!({"route": "messages", "count": 1, "fault": fault});
        stage.control("faults", &rule).await;
        stage.send(MIRA, "One", &[]).await.expect(200);
        stage.settle().await;
        let until = stage.clock.now().plus(Duration::from_mins(20)).to_string();
        assert_eq!(limited_until(stage).await, until.as_str());
        stage.keep_secret("Two");
        sends(stage, "Two").await;
        assert_eq!(stage.proxy.sends(), 1, "the platform was not asked");
        stage.pass(Duration::from_mins(20)).await;
        assert_eq!(stage.proxy.sends(), 2);
        assert_eq!(stage.thread("mira.demo").await.len(), 3);
        assert_eq!(limited_until(stage).await, Value::Null);
    }
}

async fn replies(stage: &Stage, text: &str) -> Answer {
    let done =
        stage.control("instagram/people/mira.demo/comment", &json!({"text": "Price?"})).await;
    stage.settle().await;
    let id = |name: &str| done[name].as_str().unwrap().to_owned();
    let path = format!("inbox/comments/{}/{}/private-reply", id("media_id"), id("comment_id"));
    stage.post(&path, &json!({"accountId": stage.account, "message": text})).await
}

story! {
    /// Private replies have a limit of their own, and messages go on when it is reached.
    async fn private_replies_keep_their_own_limit(stage: Stage) {
        stage.connect().await;
        stage.restart_with("platforms.instagram.rates.private_reply", "2/h").await;
        stage.control("instagram/accounts/lumen.cafe.demo/posts", &json!({"caption": "Lamps"})).await;
        for text in ["40 €", "40 €, sold out"] {
            replies(stage, text).await.expect(200);
        }
        let refused = replies(stage, "Ask again").await;
        let refused = refused.expect_error(429, "platform_rate_limited");
        // Two hundredths more, so that nothing comes early at the platform.
        let hour = Duration::from_hours(1) * 102 / 100;
        let until = stage.clock.now().plus(hour).to_string();
        assert_eq!(refused["details"]["until"], until.as_str());
        assert_eq!(stage.proxy.sends(), 2, "the platform was not asked");
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        stage.send(MIRA, "Hello!", &[]).await.expect(200);
        stage.pass(hour).await;
        replies(stage, "50 €").await.expect(200);
    }
}
