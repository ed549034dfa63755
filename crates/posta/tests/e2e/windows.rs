//! The reply window: what opens it, what it allows, and what is said when the platform disagrees.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Fault, Stage, query, story};

const MIRA: &str = "1099900000000101";
const HOUR: Duration = Duration::from_hours(1);

async fn connect_and_wait_for_closing(stage: &mut Stage) {
    stage.listen_to(&["window.closing"]).await;
    let end = stage.press("allow", &[]).await;
    stage.account = query(&end, "accountId").unwrap();
    stage.settle().await;
}

async fn window(stage: &Stage) -> Value {
    let path = format!("inbox/conversations/{MIRA}?accountId={}", stage.account);
    stage.get(&path).await.expect(200)["data"]["window"].clone()
}

story! {
    /// The window is told with the conversation: who opened it, until when, and for what.
    async fn a_window_opens_changes_and_closes(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let event = stage.hook.events("message.received").remove(0);
        let open = window(stage).await;
        assert_eq!(open["state"], "open");
        assert_eq!(open["opensBy"], json!({"id": event["id"], "type": "message"}));
        assert_eq!(open["openedAt"], "2026-01-01T12:00:00.000Z");
        assert_eq!(open["closesAt"], "2026-01-02T12:00:00.000Z");
        assert_eq!(open["humanAgentUntil"], "2026-01-08T12:00:00.000Z");
        assert!(open["allowed"].as_array().unwrap().contains(&json!("text")), "{open}");
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["window"], open);

        stage.pass(24 * HOUR).await;
        let human = window(stage).await;
        assert_eq!(human["state"], "human_agent");
        assert_eq!(human["allowed"], json!(["HUMAN_AGENT"]));
        let error = stage.send(MIRA, "By itself", &[]).await.expect_error(403, "human_agent_only");
        assert_eq!(error["details"]["humanAgentUntil"], "2026-01-08T12:00:00.000Z");
        assert_eq!(stage.proxy.sends(), 0, "the platform was not asked");

        stage.pass(6 * 24 * HOUR).await;
        let closed = window(stage).await;
        assert_eq!((&closed["state"], &closed["allowed"]), (&json!("closed"), &json!([])));
        stage.send(MIRA, "Late", &[]).await.expect_error(403, "outside_messaging_window");

        stage.writes("mira.demo", "Still there?").await;
        stage.settle().await;
        assert_eq!(window(stage).await["state"], "open");
        stage.send(MIRA, "Always", &[]).await.expect(200);
    }
}

story! {
    /// What the account writes and what the person merely sees or likes opens nothing.
    async fn only_what_the_person_writes_opens_the_window(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let opened = window(stage).await;
        stage.pass(HOUR).await;
        stage.send(MIRA, "We are", &[]).await.expect(200);
        let seen = stage.thread("mira.demo").await.remove(1);
        let react = json!({"message_id": seen["id"]});
        stage.control("instagram/people/mira.demo/react", &react).await;
        stage.control("instagram/people/mira.demo/read", &json!({})).await;
        let words = json!({"person": "mira.demo", "text": "Until six"});
        stage.control("instagram/accounts/lumen.cafe.demo/owner/write", &words).await;
        stage.settle().await;
        assert_eq!(window(stage).await, opened);
    }
}

story! {
    /// The platform says that the window is closed, and we know better: the error says what may be
    /// behind it, and keeps the platform's words.
    async fn a_disputed_window_is_explained(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let outside = r#"{"error":{"message":"This message is sent outside of allowed window.",
            "type":"OAuthException","code":10,"error_subcode":2534022}}"#;
        stage.proxy.will(&[Fault::Answer(400, outside)]);
        let error = stage.send(MIRA, "We are", &[]).await.expect_error(403, "window_disputed");
        assert_eq!(error["platformError"]["subcode"], 2_534_022);
        assert_eq!(error["details"]["likelyCauses"], json!(["access_level", "wrong_id", "clock"]));
        let text = error["error"].as_str().unwrap();
        assert!(text.contains("advanced access") && !text.contains("outside of"), "{text}");
    }
}

story! {
    /// An hour before the window closes it is told, once for each opening, also after a restart.
    async fn a_window_about_to_close_is_told_once(stage: Stage) {
        connect_and_wait_for_closing(stage).await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.pass(23 * HOUR - Duration::from_secs(1)).await;
        assert!(stage.hook.events("window.closing").is_empty(), "not yet");
        stage.crash().await;
        stage.restart().await;
        stage.pass(Duration::from_secs(1)).await;
        let told = stage.hook.events("window.closing");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["conversation"]["participantId"], MIRA);
        assert_eq!(told[0]["account"]["id"], stage.account.as_str());
        assert_eq!(told[0]["window"], window(stage).await);
        assert_eq!(told[0]["window"]["closesAt"], "2026-01-02T12:00:00.000Z");
        assert_eq!(told[0]["isAnswered"], false);
        stage.pass(HOUR).await;

        stage.writes("mira.demo", "Still there?").await;
        stage.pass(HOUR).await;
        stage.send(MIRA, "Always", &[]).await.expect(200);
        stage.pass(22 * HOUR).await;
        let told = stage.hook.events("window.closing");
        assert_eq!(told.len(), 2);
        assert_eq!(told[1]["isAnswered"], true);
    }
}

story! {
    /// Nobody is told of a conversation that was put away, or of a window that closed while nobody
    /// looked.
    async fn a_window_is_not_told_of_in_vain(stage: Stage) {
        connect_and_wait_for_closing(stage).await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let away = json!({"accountId": stage.account, "status": "archived"});
        let path = format!("inbox/conversations/{MIRA}");
        stage.call(reqwest::Method::PUT, &path, Some(&away), &[]).await.expect(200);
        stage.pass(23 * HOUR).await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        stage.crash().await;
        stage.clock.advance(24 * HOUR);
        stage.restart().await;
        stage.settle().await;
        assert!(stage.hook.events("window.closing").is_empty());
    }
}
