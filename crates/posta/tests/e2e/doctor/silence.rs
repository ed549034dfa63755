//! Whatever stops everything without an error, one story each: docs/doctor.md lists them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{LUMEN, MIRA, says};
use crate::support::{CLIENT_ID, Fault, Stage, VERIFY_TOKEN, story};

impl Stage {
    /// Somebody writes and comments, and the platform tells of neither, or of one.
    async fn happens(&self, told: [u64; 2]) {
        self.pass(Duration::from_mins(10)).await;
        for (deed, told) in ["write", "comment"].into_iter().zip(told) {
            let path = format!("instagram/people/mira.demo/{deed}");
            let done = self.control(&path, &json!({"text": "Hello?"})).await;
            assert_eq!(done["told"], told, "{deed}");
        }
        self.pass(Duration::from_mins(6)).await;
    }

    async fn change_app(&self, mut change: Value) {
        change["client_id"] = CLIENT_ID.into();
        self.control("instagram/apps", &change).await;
    }
}

/// What is found is told with the call that shows it, why it is so, and what helps.
fn is_whole(found: &Value, url: &str) {
    assert_eq!((&found["call"]["method"], &found["call"]["status"]), (&json!("GET"), &json!(200)));
    says(&found["call"], "url", url);
    assert!(found["cause"].is_string() && found["remedy"].is_string(), "{found:#}");
}

story! {
    /// An app that is not live hears only people with a role on it.
    async fn an_app_that_is_not_live_is_found(stage: Stage) {
        stage.connect().await;
        stage.change_app(json!({"live": false})).await;
        stage.happens([0, 0]).await;
        let report = stage.diagnosis().await;
        let found = Stage::found(&report, "silence", "error");
        is_whole(&found, "/me/conversations");
        says(&found, "cause", "not live");
        says(&found, "remedy", "Publish the app");
        is_whole(&Stage::found(&report, "comments", "warning"), "/comments");
    }
}

story! {
    /// Standard Access for messages ends with people who have a role.
    async fn standard_access_to_messages_is_found(stage: Stage) {
        stage.connect().await;
        stage.change_app(json!({"standard_access": ["instagram_business_manage_messages"]})).await;
        stage.happens([0, 1]).await;
        let report = stage.diagnosis().await;
        let found = Stage::found(&report, "silence", "warning");
        is_whole(&found, "/me/conversations");
        says(&found, "seen", "of any conversation");
        says(&found, "cause", "Advanced Access");
        Stage::found(&report, "comments", "fine");
    }
}

story! {
    /// Without Advanced Access for comments, messages come and comments do not.
    async fn standard_access_to_comments_is_found(stage: Stage) {
        stage.connect().await;
        stage.change_app(json!({"standard_access": ["instagram_business_manage_comments"]})).await;
        stage.happens([1, 0]).await;
        let report = stage.diagnosis().await;
        let found = Stage::found(&report, "comments", "warning");
        is_whole(&found, "/comments");
        says(&found, "seen", "2026-01-01T12:10:00");
        says(&found, "cause", "Advanced Access");
        says(&found, "remedy", "App Review");
        let other = report["findings"].as_array().unwrap().iter().filter(|one| one["severity"] != "fine");
        assert_eq!(other.count(), 1, "and nothing else: {report:#}");
    }
}

story! {
    /// What stood there before the account was connected, what the account wrote itself, and what
    /// came this minute is nothing that ought to have been told.
    async fn comments_that_need_not_have_come_are_not_missed(stage: Stage) {
        stage.connect().await;
        stage.change_app(json!({"standard_access": ["instagram_business_manage_comments"]})).await;
        stage.pass(Duration::from_mins(10)).await;
        let own = json!({"text": "New today"});
        stage.control("instagram/accounts/lumen.cafe.demo/owner/comment", &own).await;
        stage.pass(Duration::from_mins(10)).await;
        let fresh = json!({"text": "Price?"});
        stage.control("instagram/people/mira.demo/comment", &fresh).await;
        assert_eq!(stage.diagnosis().await["severity"], "fine");
        stage.pass(Duration::from_mins(6)).await;
        Stage::found(&stage.diagnosis().await, "comments", "warning");
    }
}

story! {
    /// An account that is no longer a public one is not told of.
    async fn an_account_that_went_private_is_found(stage: Stage) {
        stage.connect().await;
        let private = json!({"username": "lumen.cafe.demo", "kind": "personal"});
        stage.control("instagram/accounts", &private).await;
        stage.happens([1, 0]).await;
        let report = stage.diagnosis().await;
        let found = Stage::found(&report, "identity", "error");
        says(&found, "seen", "PERSONAL");
        says(&found, "remedy", "professional");
        says(&Stage::found(&report, "comments", "warning"), "remedy", "public");
    }
}

story! {
    /// The app itself is subscribed in the dashboard, to each field; that the account is does not help.
    async fn an_app_that_is_not_subscribed_in_the_dashboard_is_found(stage: Stage) {
        stage.connect().await;
        let fields = |fields: &[&str]| json!({"webhook": {
            "callback_url": stage.posta.join("webhooks/instagram").unwrap(),
            "verify_token": VERIFY_TOKEN, "fields": fields,
        }});
        stage.change_app(fields(&["comments"])).await;
        stage.happens([0, 1]).await;
        let report = stage.diagnosis().await;
        let found = Stage::found(&report, "silence", "warning");
        says(&found, "cause", "not subscribed in the dashboard");
        says(&found, "remedy", "messaging_postbacks");
        Stage::found(&report, "subscription", "fine");
        stage.change_app(fields(&["messages"])).await;
        stage.happens([1, 0]).await;
        says(&Stage::found(&stage.diagnosis().await, "comments", "warning"), "cause", "dashboard");
    }
}

story! {
    /// Another app holds the conversation: standby says so before anybody tries to write.
    async fn another_app_that_holds_conversations_is_found(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let other = json!({"client_id": "555000000000009", "client_secret": "x"});
        stage.control("instagram/apps", &other).await;
        stage.change_app(json!({"features": ["conversation_routing"]})).await;
        stage.pass(Duration::from_secs(5)).await;
        let take = json!({"person": "mira.demo", "app": "555000000000009"});
        stage.control(&format!("instagram/accounts/{LUMEN}/owner/take-thread"), &take).await;
        stage.settle().await;
        let found = Stage::found(&stage.diagnosis().await, "thread_control", "warning");
        says(&found, "seen", "1 of the last 1 conversation(s)");
        says(&found, "seen", "555000000000009");
        says(&found, "cause", "standby");
        says(&found, "remedy", "routed");

        // The same without the event of the change: only standby tells.
        stage.change_app(json!({"webhook": {
            "callback_url": stage.posta.join("webhooks/instagram").unwrap(),
            "verify_token": VERIFY_TOKEN, "fields": ["messages", "standby"],
        }})).await;
        let pass = json!({"person": "theo.demo", "app": "555000000000009"});
        stage.writes("theo.demo", "Hello").await;
        stage.pass(Duration::from_secs(5)).await;
        stage.control(&format!("instagram/accounts/{LUMEN}/owner/pass-thread"), &pass).await;
        stage.pass(Duration::from_secs(5)).await;
        stage.writes("theo.demo", "Who is there?").await;
        stage.settle().await;
        let found = Stage::found(&stage.diagnosis().await, "thread_control", "warning");
        says(&found, "seen", "2 of the last 2 conversation(s)");
        assert_eq!(stage.proxy.sends(), 0);
    }
}

story! {
    /// Whoever looks again at once meets the platform's limit, and is told that it is nothing else.
    async fn a_doctor_who_looks_too_often_says_so(stage: Stage) {
        stage.connect().await;
        for _ in 0..2 {
            Stage::found(&stage.diagnosis().await, "message_access", "fine");
        }
        let report = stage.diagnosis().await;
        let found = Stage::found(&report, "message_access", "skipped");
        assert_eq!(found["call"]["code"], 613);
        says(&found, "cause", "no more of these calls");
        says(&found, "remedy", "in a few seconds");
        assert_eq!(report["severity"], "fine");
        stage.pass(Duration::from_secs(2)).await;
        Stage::found(&stage.diagnosis().await, "message_access", "fine");
    }
}

story! {
    /// Calls that are put off are named with the time.
    async fn a_pause_that_the_platform_wants_is_found(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let usage = json!({"kind": "usage", "percent": 100, "wait": "5m"});
        stage.control("faults", &json!({"route": "messages", "count": 1, "fault": usage})).await;
        stage.send(MIRA, "The last for now", &[]).await.expect(200);
        stage.settle().await;
        let found = Stage::found(&stage.diagnosis().await, "limits", "warning");
        says(&found, "seen", "put off until 2026-01-01T12:05");
        stage.pass(Duration::from_mins(6)).await;
        let report = stage.diagnosis().await;
        assert!(report["findings"].as_array().unwrap().iter().all(|one| one["check"] != "limits"));
    }
}

story! {
    /// An app in development mode deals with its testers only: sends to others say so.
    async fn development_mode_is_named_from_its_symptoms(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        stage.control("instagram/apps", &json!({"client_id": CLIENT_ID, "live": false})).await;
        let refused = stage.send(MIRA, "Hello Mira", &[]).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
        let found = Stage::found(&stage.diagnosis().await, "access_level", "error");
        says(&found, "cause", "development mode");
        says(&found, "remedy", "role on the app");
        says(&found, "seen", "POST");
    }
}

story! {
    /// The owner's switch "Allow access to messages" is found by the refusal that it makes.
    async fn switched_off_message_access_is_named(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let off = json!({"username": "lumen.cafe.demo", "message_access": false});
        stage.control("instagram/accounts", &off).await;
        stage.send(MIRA, "Hello Mira", &[]).await.expect_error(403, "platform_permission_missing");
        let found = Stage::found(&stage.diagnosis().await, "message_access", "error");
        assert_eq!(found["call"]["subcode"], 2_534_041);
        says(&found, "cause", "Allow access to messages");
    }
}

story! {
    /// Refusals that say one thing and mean another are told with what they mean.
    async fn refused_sends_are_explained(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let cases = [
            (r#"{"error":{"message":"x","code":100,"error_subcode":2534037}}"#, "thread_control", "warning", "another app"),
            (r#"{"error":{"message":"x","code":10,"error_subcode":2534022}}"#, "window", "error", "Advanced Access"),
            (r#"{"error":{"message":"x","code":10,"error_subcode":2534048}}"#, "access_level", "error", "development mode"),
            (r#"{"error":{"message":"x","code":200}}"#, "restriction", "error", "restricted"),
            (r#"{"error":{"message":"x","code":100,"error_subcode":2534014}}"#, "recipient", "warning", "another account"),
        ];
        for (answer, check, severity, words) in cases {
            stage.proxy.will(&[Fault::Answer(400, answer)]);
            stage.send(MIRA, "What comes of this one?", &[]).await;
            let found = Stage::found(&stage.diagnosis().await, check, severity);
            assert!(found["cause"].as_str().unwrap().to_lowercase().contains(&words.to_lowercase()), "{found:#}");
            assert_eq!(found["call"]["method"], "POST");
        }
        // Once connected again, what was refused before is history.
        stage.pass(Duration::from_secs(5)).await;
        stage.press("allow", &[]).await;
        let report = stage.diagnosis().await;
        assert_eq!(report["severity"], "fine", "{report:#}");
    }
}

story! {
    /// A subscription that the platform ended makes no error, and is found.
    async fn a_lost_subscription_is_found(stage: Stage) {
        stage.connect().await;
        let lost = json!({"account": LUMEN});
        stage.control("instagram/subscriptions/lose", &lost).await;
        let found = Stage::found(&stage.diagnosis().await, "subscription", "error");
        says(&found, "seen", "no field at all");
        says(&found["call"], "url", "/subscribed_apps");
    }
}

story! {
    /// Requests that nobody answered for a month are no longer listed by the platform, and are told of.
    async fn forgotten_requests_are_told_of(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Will you answer me?").await;
        stage.writes("theo.demo", "And me?").await;
        stage.settle().await;
        stage.send(MIRA, "Of course", &[]).await.expect(200);
        stage.settle().await;
        let checks = |report: &Value| -> Vec<String> {
            let findings = report["findings"].as_array().unwrap();
            findings.iter().map(|one| one["check"].as_str().unwrap().to_owned()).collect()
        };
        assert!(!checks(&stage.diagnosis().await).contains(&"requests".to_owned()));
        stage.pass(Duration::from_hours(31 * 24)).await;
        let found = Stage::found(&stage.diagnosis().await, "requests", "fine");
        says(&found, "seen", "1 conversation(s), silent for 30 days");
        says(&found, "cause", "folder of requests");
    }
}
