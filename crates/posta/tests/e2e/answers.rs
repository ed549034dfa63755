//! Reactions, private replies to comments, and what people can tap before they write.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Fault, Stage, story};

const MIRA: &str = "1099900000000101";

async fn opened(stage: &mut Stage) -> String {
    stage.connect().await;
    let message = stage.writes("mira.demo", "Are you open?").await;
    stage.settle().await;
    stage.hook.forget();
    message
}

async fn delete(stage: &Stage, path: &str) -> Answer {
    stage.call(Method::DELETE, &format!("{path}?accountId={}", stage.account), None, &[]).await
}

story! {
    /// A reaction is seen there and here, and taken back in both places.
    async fn the_account_reacts_and_takes_it_back(stage: Stage) {
        let message = opened(stage).await;
        let path = format!("inbox/conversations/{MIRA}/messages/{message}/reactions");
        let react = async |emoji: &str| {
            stage.post(&path, &json!({"accountId": stage.account, "emoji": emoji})).await
        };
        let done = react("👍").await.expect(200);
        assert_eq!((&done["success"], &done["platformMessageId"]), (&json!(true), &json!(message)));
        react("❤️").await.expect(200);
        let thread = stage.thread("mira.demo").await;
        assert!(thread[0].to_string().contains("❤️"), "{thread:?}");
        let kept = stage.messages(MIRA).await;
        let reactions = kept[0]["reactions"].as_array().unwrap();
        assert_eq!(reactions.len(), 1, "one in place of the other");
        assert_eq!((&reactions[0]["emoji"], &reactions[0]["fromMe"]), (&json!("❤️"), &json!(true)));
        // Our id does as well.
        let ours = done["messageId"].as_str().unwrap();
        delete(stage, &format!("inbox/conversations/{MIRA}/messages/{ours}/reactions")).await.expect(200);
        assert!(!stage.thread("mira.demo").await[0].to_string().contains("❤️"));
        assert_eq!(stage.messages(MIRA).await[0]["reactions"], json!([]));

        let error = react("thumbs").await.expect_error(400, "invalid_field_value");
        assert_eq!(error["param"], "emoji");
        let path = format!("inbox/conversations/{MIRA}/messages/nothing/reactions");
        let body = json!({"accountId": stage.account, "emoji": "👍"});
        stage.post(&path, &body).await.expect_error(404, "message_not_found");
    }
}

story! {
    /// What was sent cannot be changed or taken back by an app.
    async fn messages_cannot_be_changed_or_taken_back(stage: Stage) {
        let message = opened(stage).await;
        let path = format!("inbox/conversations/{MIRA}/messages/{message}");
        let body = json!({"accountId": stage.account, "text": "Other words"});
        let error = stage.call(Method::PATCH, &path, Some(&body), &[]).await;
        let error = error.expect_error(400, "platform_not_supported");
        assert_eq!(error["platform"], "instagram");
        delete(stage, &path).await.expect_error(400, "platform_not_supported");
        assert_eq!(stage.messages(MIRA).await.len(), 1);
    }
}

async fn comments(stage: &Stage) -> (String, String) {
    stage.control("instagram/accounts/lumen.cafe.demo/posts", &json!({"caption": "Lamps"})).await;
    let done =
        stage.control("instagram/people/mira.demo/comment", &json!({"text": "Price?"})).await;
    stage.settle().await;
    let text = |name: &str| done[name].as_str().unwrap().to_owned();
    (text("media_id"), text("comment_id"))
}

async fn reply(stage: &Stage, (post, comment): &(String, String), text: &str) -> Answer {
    let path = format!("inbox/comments/{post}/{comment}/private-reply");
    stage.post(&path, &json!({"accountId": stage.account, "message": text})).await
}

story! {
    /// A comment gets one private reply, which opens a conversation and no window.
    async fn a_comment_gets_one_private_reply(stage: Stage) {
        stage.connect().await;
        let comment = comments(stage).await;
        stage.hook.forget();
        let path = format!("inbox/comments/{}/{}/private-reply", comment.0, comment.1);
        let body = json!({"accountId": stage.account, "message": "40 €"});
        let asked = [("x-request-id", "story-2")];
        let done = stage.call(Method::POST, &path, Some(&body), &asked).await.expect(200);
        assert_eq!((&done["status"], &done["commentId"]), (&json!("success"), &json!(comment.1)));
        assert_eq!(done["platform"], "instagram");
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["message.sent"]);
        let calls = stage.get("logs?requestId=story-2").await.expect(200);
        assert_eq!(calls["logs"][0]["action"], "reply_privately", "{calls}");
        let kept = stage.messages(MIRA).await;
        assert_eq!((kept.len(), &kept[0]["id"]), (1, &done["messageId"]));
        let path = format!("inbox/conversations/{MIRA}?accountId={}", stage.account);
        let conversation = stage.get(&path).await.expect(200);
        assert_ne!(conversation["data"]["window"]["state"], "open", "{conversation}");
        assert_eq!(stage.thread("mira.demo").await.len(), 1);

        let error = reply(stage, &comment, "Anything else?").await;
        let error = error.expect_error(400, "private_reply_consumed");
        assert_eq!(error["details"]["privateReplyConsumed"], true);
        assert_eq!(stage.proxy.sends(), 1, "the platform was not asked again");
    }
}

story! {
    /// A repeat under the same key gets the first answer, whether or not its client stayed to hear it;
    /// what was not sent leaves the key free.
    async fn a_private_reply_is_repeated_once_per_key(stage: Stage) {
        stage.connect().await;
        let (post, comment) = comments(stage).await;
        let path = format!("inbox/comments/{post}/{comment}/private-reply");
        let ask = async |text: &str, key: &str| {
            let body = json!({"accountId": stage.account, "message": text});
            stage.call(Method::POST, &path, Some(&body), &[("idempotency-key", key)]).await
        };
        let wrong = r#"{"error":{"message":"No","type":"OAuthException","code":100,
            "error_subcode":2534015}}"#;
        stage.proxy.will(&[Fault::Answer(400, wrong), Fault::HoldAnswer]);
        ask("40 €", "first").await.expect_error(400, "platform_api_error");
        let hang_up = async {
            stage.proxy.arrived().await;
            ask("40 €", "first").await.expect_error(409, "idempotency_conflict");
            ask("40 €", "second").await.expect_error(409, "idempotency_conflict");
        };
        tokio::select! {
            _ = ask("40 €", "first") => panic!("the platform has not answered"),
            () = hang_up => {}
        }
        stage.proxy.release();
        stage.settle().await;
        let again = ask("40 €", "first").await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        let again = again.expect(200);
        assert_eq!(again["messageId"], stage.messages(MIRA).await[0]["id"]);
        assert_eq!(again["commentId"], comment);
        ask("41 €", "first").await.expect_error(422, "idempotency_key_reused");
        ask("40 €", "second").await.expect_error(400, "private_reply_consumed");
        assert_eq!(stage.proxy.sends(), 2);
    }
}

story! {
    /// Nobody knows whether the reply went out, and its echo tells: then so does a repeat.
    async fn a_repeated_private_reply_learns_from_the_echo(stage: Stage) {
        stage.connect().await;
        let (post, comment) = comments(stage).await;
        let path = format!("inbox/comments/{post}/{comment}/private-reply");
        let body = json!({"accountId": stage.account, "message": "40 €"});
        let key = [("idempotency-key", "once")];
        let ask = async || stage.call(Method::POST, &path, Some(&body), &key).await;
        stage.control("instagram/hold", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.proxy.will(&[Fault::CutAfter]);
        ask().await.expect_error(502, "outcome_unknown");
        ask().await.expect_error(409, "idempotency_conflict");
        stage.control("instagram/flush", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.settle().await;
        let told = ask().await.expect(200);
        assert_eq!(told["messageId"], stage.messages(MIRA).await[0]["id"]);
        assert_eq!(stage.proxy.sends(), 1);
    }
}

story! {
    /// The platform knows of a reply that we do not: the comment is spent for good.
    async fn a_reply_from_elsewhere_spends_the_comment(stage: Stage) {
        stage.connect().await;
        let comment = comments(stage).await;
        let spent = r#"{"error":{"message":"No","type":"OAuthException","code":100,
            "error_subcode":2534025}}"#;
        stage.proxy.will(&[Fault::Answer(400, spent)]);
        for _ in 0..2 {
            let error = reply(stage, &comment, "40 €").await;
            let error = error.expect_error(400, "private_reply_consumed");
            assert_eq!(error["details"]["privateReplyConsumed"], true);
        }
        assert_eq!(stage.proxy.sends(), 1);
    }
}

story! {
    /// Nobody knows whether the reply went out: it is not repeated, and its echo tells.
    async fn an_unknown_private_reply_is_never_repeated(stage: Stage) {
        stage.connect().await;
        let comment = comments(stage).await;
        stage.hook.forget();
        stage.control("instagram/hold", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.proxy.will(&[Fault::CutAfter]);
        for _ in 0..2 {
            let error = reply(stage, &comment, "40 €").await.expect_error(502, "outcome_unknown");
            assert_eq!(error["details"]["privateReplyOutcome"], "unknown");
        }
        assert_eq!(stage.proxy.sends(), 1);
        stage.control("instagram/flush", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["message.sent"]);
        assert_eq!(stage.messages(MIRA).await[0]["sentVia"], "api", "it is ours");
        let error = reply(stage, &comment, "40 €").await;
        error.expect_error(400, "private_reply_consumed");
    }
}

story! {
    /// The echo comes before the answer: one message, told once.
    async fn the_echo_of_a_private_reply_may_come_first(stage: Stage) {
        stage.connect().await;
        let comment = comments(stage).await;
        stage.hook.forget();
        stage.proxy.will(&[Fault::HoldAnswer]);
        let wait = async {
            stage.proxy.arrived().await;
            stage.sandbox.settle().await;
            stage.proxy.release();
        };
        let (answer, ()) = tokio::join!(reply(stage, &comment, "40 €"), wait);
        answer.expect(200);
        stage.pass(Duration::from_secs(1)).await;
        assert_eq!(stage.hook.names(), ["message.sent"]);
        let kept = stage.messages(MIRA).await;
        assert_eq!((kept.len(), &kept[0]["sentVia"]), (1, &json!("api")));
    }
}

story! {
    /// What certainly was not sent leaves room for another try; a comment of last week has none.
    async fn a_private_reply_has_its_limits(stage: Stage) {
        stage.connect().await;
        let comment = comments(stage).await;
        let long = "x".repeat(1001);
        let error = reply(stage, &comment, &long).await.expect_error(400, "text_too_long");
        assert_eq!(error["param"], "message");
        let wrong = r#"{"error":{"message":"No","type":"OAuthException","code":100,
            "error_subcode":2534015}}"#;
        stage.proxy.will(&[Fault::Answer(400, wrong)]);
        reply(stage, &comment, "40 €").await.expect_error(400, "platform_api_error");
        reply(stage, &comment, "40 €").await.expect(200);
        let late = comments(stage).await;
        stage.pass(Duration::from_secs(7 * 24 * 3600 + 1)).await;
        reply(stage, &late, "40 €").await.expect_error(400, "comment_too_old");
        assert_eq!(stage.proxy.sends(), 2);
    }
}

story! {
    /// Ice breakers and the menu are set, read and taken away; other platforms' settings are refused.
    async fn ice_breakers_and_the_menu_are_kept_at_the_platform(stage: Stage) {
        stage.connect().await;
        let path = |name: &str| format!("accounts/{}/{name}", stage.account);
        let put = async |name: &str, body: Value| {
            stage.call(Method::PUT, &path(name), Some(&body), &[]).await
        };
        let questions = json!([{"question": "Open today?", "payload": "OPEN"}]);
        assert_eq!(stage.get(&path("instagram-ice-breakers")).await.expect(200)["data"], json!([]));
        for name in ["ice_breakers", "iceBreakers"] {
            put("instagram-ice-breakers", json!({name: questions})).await.expect(200);
        }
        let read = stage.get(&path("instagram-ice-breakers")).await.expect(200);
        assert_eq!(read["data"][0]["ice_breakers"][0]["call_to_actions"], questions);
        // What was read can be set again.
        put("instagram-ice-breakers", read["data"][0].clone()).await.expect(200);
        let items = json!([{"type": "postback", "title": "Help", "payload": "HELP"},
            {"type": "web_url", "title": "Shop", "url": "https://shop.example/"}]);
        let menu = json!([{"locale": "default", "call_to_actions": items}]);
        for name in ["persistent_menu", "persistentMenu"] {
            put("messenger-menu", json!({name: menu})).await.expect(200);
        }
        let read = stage.get(&path("messenger-menu")).await.expect(200);
        assert_eq!(read["data"][0]["persistent_menu"][0]["call_to_actions"], items);
        for name in ["instagram-ice-breakers", "messenger-menu"] {
            stage.call(Method::DELETE, &path(name), None, &[]).await.expect(200);
            assert_eq!(stage.get(&path(name)).await.expect(200)["data"], json!([]));
        }

        let five: Vec<_> = (0..5).map(|_| questions[0].clone()).collect();
        for (name, body, param) in [
            ("instagram-ice-breakers", json!({}), "ice_breakers"),
            ("instagram-ice-breakers", json!({"ice_breakers": five}), "ice_breakers"),
            ("instagram-ice-breakers",
                json!({"ice_breakers": [{"question": "x".repeat(81), "payload": "P"}]}),
                "ice_breakers[0].question"),
            ("messenger-menu", json!({"persistent_menu": [{"call_to_actions": [
                {"type": "web_url", "title": "Shop", "url": "nowhere"}]}]}),
                "persistent_menu[0].call_to_actions[0].url"),
        ] {
            let error = put(name, body).await;
            assert_eq!((error.status, &error.body["param"]), (400, &json!(param)), "{}", error.text);
        }
        for name in ["messenger-get-started", "messenger-greeting", "telegram-commands"] {
            stage.get(&path(name)).await.expect_error(400, "platform_not_supported");
            put(name, json!({})).await.expect_error(400, "platform_not_supported");
        }
        stage.get(&path("colour")).await.expect_error(404, "route_not_found");
    }
}
