//! What was written before the account was connected, and what no webhook told of.

use std::time::Duration;

use serde_json::{Value, json};

use crate::order::did;
use crate::support::{Stage, story};

/// Lets a walk go on until it is done: its calls are spread over time.
pub(crate) async fn walked(stage: &Stage) {
    for _ in 0..40 {
        stage.pass(Duration::from_secs(1)).await;
    }
}

async fn import(stage: &Stage) -> Value {
    stage.get(&format!("accounts/{}/import", stage.account)).await.expect(200)
}

story! {
    /// Where the settings say so nothing is taken in, until somebody asks for it.
    async fn an_import_can_be_asked_for(stage: Stage) {
        stage.connect().await;
        assert_eq!(import(stage).await["state"], "off");
        stage.proxy.refuse(Some("conversations"));
        let path = format!("accounts/{}/import", stage.account);
        let error = stage.post(&path, &json!({"threads": 0})).await;
        assert_eq!(error.expect_error(400, "invalid_field_value")["param"], "threads");
        let begun = stage.post(&path, &json!({"threads": 3})).await.expect(202);
        assert_eq!((&begun["state"], &begun["threads"]["wanted"]), (&json!("queued"), &json!(3)));
        stage.settle().await;
        let waits = import(stage).await;
        assert_eq!(waits["state"], "running");
        assert_eq!(waits["lastError"]["code"], "platform_unavailable");
        let next = waits["nextTryAt"].as_str().unwrap().to_owned();
        assert!(next > stage.clock.now().to_string(), "{waits}");
        stage.post(&path, &json!({})).await.expect_error(409, "invalid_resource_state");
        let nobody = "accounts/0123456789abcdef01234567/import";
        stage.get(nobody).await.expect_error(404, "account_not_found");
    }
}

story! {
    /// An account that is lost in the middle of it goes on once it is connected again.
    async fn an_import_pauses_while_the_account_is_lost(stage: Stage) {
        stage.connect().await;
        stage.proxy.refuse(Some("conversations"));
        let path = format!("accounts/{}/import", stage.account);
        stage.post(&path, &json!({})).await.expect(202);
        stage.settle().await;
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        stage.proxy.refuse(None);
        walked(stage).await;
        assert_eq!(import(stage).await["state"], "paused");
        assert_eq!(stage.hook.events("account.disconnected").len(), 1);
        stage.press("allow", &[]).await;
        walked(stage).await;
        assert_eq!(import(stage).await["state"], "done");
    }
}

story! {
    /// What was written before is there afterwards: read, and nobody was told.
    async fn the_past_is_taken_in_silently(stage: Stage) {
        stage.restart_with_number("inbox.import_threads", 500).await;
        let first = stage.writes("mira.demo", "Are you open?").await;
        stage.writes("theo.demo", "Do you have oat milk?").await;
        stage.pass(Duration::from_mins(10)).await;
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        walked(stage).await;
        let done = import(stage).await;
        assert_eq!((&done["state"], &done["messages"]), (&json!("done"), &json!(2)), "{done}");
        assert_eq!(done["threads"], json!({"done": 2, "known": 2, "wanted": 500}));
        let told = stage.hook.events("message.received");
        assert_eq!(told.len(), 1, "only what was written since");
        assert_eq!(told[0]["message"]["text"], "Hello?");
        let kept = stage.messages("1099900000000101").await;
        let texts: Vec<_> = kept.iter().map(|one| one["message"].as_str().unwrap()).collect();
        assert_eq!(texts, ["Are you open?", "Hello?"]);
        assert_eq!(kept[0]["id"], first);
        let list = stage.get("inbox/conversations").await.expect(200);
        let unread: Vec<_> = list["data"].as_array().unwrap().iter().collect();
        assert_eq!(unread.iter().map(|one| one["unreadCount"].as_i64().unwrap()).sum::<i64>(), 1);
        // The reply window is open: it was opened ten minutes ago.
        stage.send("1099900000000102", "Yes, we do", &[]).await.expect(200);

        let path = format!("accounts/{}/import", stage.account);
        stage.post(&path, &json!({})).await.expect(202);
        walked(stage).await;
        let again = import(stage).await;
        assert_eq!((&again["state"], &again["messages"]), (&json!("done"), &json!(0)));
        assert_eq!(stage.messages("1099900000000101").await.len(), 2);
    }
}

story! {
    /// A crash in the middle repeats a page and nothing else.
    async fn an_import_survives_a_crash(stage: Stage) {
        for text in ["One", "Two", "Three"] {
            stage.writes("mira.demo", text).await;
        }
        stage.writes("theo.demo", "Four").await;
        stage.pass(Duration::from_mins(1)).await;
        stage.restart_with_number("inbox.import_threads", 500).await;
        stage.connect().await;
        stage.crash().await;
        stage.restart().await;
        walked(stage).await;
        walked(stage).await;
        let done = import(stage).await;
        assert_eq!((&done["state"], &done["messages"]), (&json!("done"), &json!(4)), "{done}");
        assert_eq!(stage.messages("1099900000000101").await.len(), 3);
    }
}

story! {
    /// Only the 20 newest messages of a conversation can be read. The older ones look deleted and
    /// are not.
    async fn old_history_is_not_expected(stage: Stage) {
        for number in 0..22 {
            stage.writes("mira.demo", &format!("Message {number}")).await;
            stage.pass(Duration::from_secs(1)).await;
        }
        stage.restart_with_number("inbox.import_threads", 500).await;
        stage.connect().await;
        walked(stage).await;
        let kept = stage.messages("1099900000000101").await;
        assert_eq!(kept.len(), 20);
        assert_eq!(kept[0]["message"], "Message 2");
        for number in 22..25 {
            stage.writes("mira.demo", &format!("Message {number}")).await;
        }
        walked(stage).await;
        let path = format!("accounts/{}/import", stage.account);
        stage.post(&path, &json!({})).await.expect(202);
        walked(stage).await;
        let kept = stage.messages("1099900000000101").await;
        assert_eq!(kept.len(), 23, "what was kept stays, although it can no longer be read");
        assert!(kept.iter().all(|one| one["isDeleted"] == false));
    }
}

async fn reconcile(stage: &Stage) -> Value {
    stage.get(&format!("accounts/{}/reconcile", stage.account)).await.expect(200)
}

async fn compared(stage: &mut Stage) {
    stage.connect().await;
    stage.restart_with_number("inbox.reconcile_minutes", 15).await;
    // The comparison that was made while it was switched off looks again after an hour.
    stage.pass(Duration::from_mins(61)).await;
    walked(stage).await;
    stage.hook.forget();
}

story! {
    /// A message that no webhook told of is found, stored and told, once.
    async fn what_no_webhook_told_is_found(stage: Stage) {
        compared(stage).await;
        stage.writes("mira.demo", "First").await;
        stage.settle().await;
        let drop = json!({"event": "message", "count": 1, "fault": "drop"});
        stage.control("faults", &drop).await;
        let lost = stage.writes("mira.demo", "Did you get this?").await;
        stage.settle().await;
        assert_eq!(stage.hook.events("message.received").len(), 1);
        stage.pass(Duration::from_mins(80)).await;
        walked(stage).await;
        let told = stage.hook.events("message.received");
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].get("source"), None);
        assert_eq!(told[1]["source"], "reconcile");
        assert_eq!(told[1]["message"]["platformMessageId"], lost);
        assert_eq!(told[1]["message"]["text"], "Did you get this?");
        let state = reconcile(stage).await;
        let last = &state["last"];
        assert_eq!((&last["received"], &last["platform"], &last["gap"]), (&json!(1), &json!(2), &json!(1)), "{state}");
        assert_eq!(state["totalRecovered"], 1);
        let summary = state["summary"].as_str().unwrap();
        assert!(summary.starts_with("received 1, platform 2, gap 1, checked at 2026-"), "{summary}");
        let health = stage.get(&format!("accounts/{}/health", stage.account)).await.expect(200);
        let all = stage.get("accounts/health").await.expect(200);
        assert_eq!((&health["reconcile"], &all["accounts"][0]["reconcile"]), (&state["summary"], &state["summary"]));

        // The webhook comes after all, and the next comparison finds nothing.
        stage.pass(Duration::from_mins(80)).await;
        walked(stage).await;
        assert_eq!(stage.hook.events("message.received").len(), 2);
        let state = reconcile(stage).await;
        assert_eq!(state["last"]["gap"], 0, "{state}");
        assert_eq!(stage.messages("1099900000000101").await.len(), 2);
    }
}

story! {
    /// What the owner wrote in the platform's app, unheard of, is told as sent.
    async fn what_the_owner_wrote_is_found_too(stage: Stage) {
        compared(stage).await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        stage.control("faults", &json!({"event": "echo", "count": 1, "fault": "drop"})).await;
        let path = "instagram/accounts/lumen.cafe.demo/owner/write";
        stage.control(path, &json!({"person": "mira.demo", "text": "Hi Mira"})).await;
        stage.pass(Duration::from_mins(80)).await;
        walked(stage).await;
        let sent = stage.hook.events("message.sent");
        assert_eq!(sent.len(), 1);
        assert_eq!((&sent[0]["source"], &sent[0]["message"]["text"]), (&json!("reconcile"), &json!("Hi Mira")));
    }
}

story! {
    /// Nobody knows whether a message was sent, and its echo is lost: the comparison finds it.
    async fn a_send_of_unknown_outcome_is_settled_by_comparison(stage: Stage) {
        compared(stage).await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        stage.control("faults", &json!({"event": "echo", "count": 1, "fault": "drop"})).await;
        stage.proxy.will(&[crate::support::Fault::CutAfter]);
        stage.send("1099900000000101", "Yes", &[]).await.expect_error(502, "outcome_unknown");
        assert_eq!(stage.messages("1099900000000101").await[1]["status"], "unknown");
        stage.pass(Duration::from_secs(125)).await;
        walked(stage).await;
        let kept = stage.messages("1099900000000101").await;
        assert_eq!((kept.len(), &kept[1]["status"]), (2, &json!("sent")), "{kept:?}");
        assert_eq!(stage.hook.events("message.sent").len(), 1);
        assert_eq!(stage.proxy.sends(), 1, "never sent again");
    }
}

story! {
    /// Nobody knows whether a message was sent, and it is nowhere to be found: a person sees both.
    async fn a_send_that_is_not_found_is_left_to_a_person(stage: Stage) {
        compared(stage).await;
        stage.writes("mira.demo", "Are you open?").await;
        stage.settle().await;
        let asked_at = stage.clock.now();
        let nothing = r#"{"error":{"message":"unknown","type":"OAuthException","code":1}}"#;
        stage.proxy.will(&[crate::support::Fault::Answer(500, nothing)]);
        stage.send("1099900000000101", "Yes", &[]).await.expect_error(502, "outcome_unknown");
        let error = |kept: Vec<serde_json::Value>| kept[1]["deliveryError"].clone();
        let before = error(stage.messages("1099900000000101").await);
        assert_eq!((&before["askedAt"], &before["lookup"]), (&json!(asked_at), &json!(null)));
        stage.pass(Duration::from_secs(125)).await;
        walked(stage).await;
        let kept = stage.messages("1099900000000101").await;
        assert_eq!(kept[1]["status"], "unknown");
        let lookup = error(kept)["lookup"].clone();
        assert!(lookup["at"].as_str() > before["askedAt"].as_str(), "{lookup}");
        assert!(lookup["until"].as_str() > before["askedAt"].as_str(), "{lookup}");
        assert_eq!(lookup["messages"], 1, "what Mira wrote was seen");
        stage.pass(Duration::from_mins(80)).await;
        walked(stage).await;
        assert_eq!(error(stage.messages("1099900000000101").await)["lookup"], lookup);
        assert_eq!(stage.proxy.sends(), 1, "never sent again");
    }
}

story! {
    /// A conversation that was deleted here does not come back by itself.
    async fn what_was_deleted_here_stays_deleted(stage: Stage) {
        compared(stage).await;
        stage.writes("mira.demo", "Forget this").await;
        stage.pass(Duration::from_mins(80)).await;
        walked(stage).await;
        let path = format!("inbox/conversations/1099900000000101?accountId={}", stage.account);
        stage.call(reqwest::Method::DELETE, &path, None, &[]).await.expect(200);
        stage.pass(Duration::from_mins(80)).await;
        walked(stage).await;
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"], json!([]));
    }
}

story! {
    /// The platform's links to media end; ours does not.
    async fn expired_media_is_given_out_anew(stage: Stage) {
        stage.connect().await;
        let picture = json!({"attachments": [{"type": "image"}]});
        stage.control("instagram/people/mira.demo/write", &picture).await;
        stage.settle().await;
        let message = stage.messages("1099900000000101").await.remove(0);
        let attachment = &message["attachments"][0];
        let first = attachment["url"].as_str().unwrap().to_owned();
        let lasting: url::Url = attachment["refreshUrl"].as_str().unwrap().parse().unwrap();
        let path = format!("{}?{}", lasting.path(), lasting.query().unwrap());
        let path = path.trim_start_matches("/v1/").to_owned();
        let json_path = format!("{path}&format=json");
        let fresh = stage.get(&json_path).await.expect(200);
        assert_eq!(fresh, json!({"status": "success", "url": first, "refreshed": false}));

        stage.pass(Duration::from_hours(8 * 24)).await;
        let minted = stage.get(&json_path).await.expect(200);
        assert_eq!(minted["refreshed"], true);
        let second = minted["url"].as_str().unwrap().to_owned();
        assert_ne!(first, second);
        let redirect = stage.get(&path).await;
        assert_eq!((redirect.status, redirect.headers["location"].as_str()), (302, second.as_str()));
        let message = stage.messages("1099900000000101").await.remove(0);
        assert_eq!(message["attachments"][0]["url"], second);

        let other = json_path.replace("/0?", "/1?");
        stage.get(&other).await.expect_error(404, "resource_not_found");
        let other = json_path.replace("/0?", "/x?");
        stage.get(&other).await.expect_error(400, "invalid_field_value");
        for number in 0..20 {
            stage.writes("mira.demo", &format!("Message {number}")).await;
        }
        stage.pass(Duration::from_hours(8 * 24)).await;
        let gone = stage.get(&json_path).await;
        gone.expect_error(410, "attachment_gone");
    }
}

/// Mira taps a button, of which the platform tells without an id. Returns the one that it lists later.
async fn taps(stage: &Stage) -> Value {
    let tap = json!({"title": "Opening hours", "payload": "HOURS", "mid": false});
    stage.control("instagram/people/mira.demo/postback", &tap).await["message_id"].clone()
}

story! {
    /// A tap without an id is the same one where the platform lists it with one, and when it tells of
    /// it again; a second tap is not.
    async fn a_tap_without_an_id_is_met_again(stage: Stage) {
        compared(stage).await;
        let at = stage.clock.now().as_seconds() - crate::support::NOON.as_seconds();
        let again = did(at, "postback", &json!({"title": "Opening hours", "payload": "HOURS"}));
        let first = taps(stage).await;
        stage.settle().await;
        stage.told(std::slice::from_ref(&again)).await;
        assert_eq!(stage.hook.events("message.received").len(), 1, "it is the same");
        stage.pass(Duration::from_secs(5)).await;
        // Of this one nobody is told.
        stage.control("instagram/subscriptions/lose", &json!({"account": "lumen.cafe.demo"})).await;
        let late = did(at + 5, "postback", &json!({"title": "Opening hours", "payload": "HOURS"}));
        let second = taps(stage).await;
        stage.pass(Duration::from_mins(61)).await;
        walked(stage).await;
        assert_eq!(stage.hook.events("message.received").len(), 2, "the second, by comparison");
        stage.told(&[again, late]).await;
        assert_eq!(stage.hook.events("message.received").len(), 2, "the platform repeats both");
        let kept = stage.messages("1099900000000101").await;
        let ids: Vec<_> = kept.iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, [first, second]);
        assert!(kept.iter().all(|one| one["metadata"]["postbackPayload"] == "HOURS"), "{kept:?}");
    }
}
