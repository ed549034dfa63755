//! Every form that a message can have, and requests that become several messages.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Fault, Stage, story};

const MIRA: &str = "1099900000000101";

const REFUSED: &str = r#"{"error":{"message":"No","type":"OAuthException","code":100,
    "error_subcode":2534015,"fbtrace_id":"Abc"}}"#;

async fn opened(stage: &mut Stage) {
    stage.connect().await;
    stage.writes("mira.demo", "Are you open?").await;
    stage.settle().await;
    stage.hook.forget();
}

fn types(messages: &[Value]) -> Vec<String> {
    let kind = |one: &Value| match one["attachments"][0]["type"].as_str() {
        Some(kind) => kind.to_owned(),
        None => "text".to_owned(),
    };
    messages.iter().map(kind).collect()
}

story! {
    /// Each form arrives, is matched with its echo and announced once.
    async fn every_form_arrives(stage: Stage) {
        opened(stage).await;
        let button = json!({"type": "postback", "title": "Order", "payload": "ORDER"});
        let link = json!({"type": "url", "title": "Shop", "url": "https://shop.example/"});
        let element = json!({"title": "Lamp", "subtitle": "Brass", "buttons": [button]});
        let forms = [
            json!({"message": "Shall we?", "quickReplies": [{"title": "Yes", "payload": "Y"}]}),
            json!({"attachmentUrl": "https://shop.example/a.jpg"}),
            json!({"attachmentUrl": "https://shop.example/a", "attachmentType": "audio"}),
            json!({"attachmentUrl": "https://shop.example/a.mp4", "attachmentType": "video"}),
            json!({"attachmentUrl": "https://shop.example/a.pdf"}),
            json!({"attachments": [{"url": "https://shop.example/a.jpg"},
                {"url": "https://shop.example/b.png", "type": "image"}]}),
            json!({"message": "What next?", "buttons": [button, link]}),
            json!({"template": {"type": "generic", "elements": [element, element]}}),
            json!({"sticker": "like_heart"}),
        ];
        let count = forms.len();
        for form in forms {
            let answer = stage.send_form(MIRA, form.clone()).await.expect(200);
            assert!(answer["data"]["messageIds"].is_null(), "{form}: one message");
        }
        stage.settle().await;
        let thread = stage.thread("mira.demo").await;
        let kinds = ["text", "text", "image", "audio", "video", "file", "image", "template",
            "template", "like_heart"];
        assert_eq!(types(&thread), kinds);
        assert_eq!(thread[6]["attachments"].as_array().unwrap().len(), 2);
        assert_eq!(stage.hook.names(), vec!["message.sent"; count]);
        let kept = stage.messages(MIRA).await;
        let kinds = ["text", "text", "image", "audio", "video", "file", "image", "template",
            "template", "sticker"];
        assert_eq!(types(&kept), kinds);
        assert!(kept[1..].iter().all(|one| one["status"] == "sent" && one["sentVia"] == "api"));
    }
}

story! {
    /// A text beside an attachment is a message of its own, after it.
    async fn text_and_attachment_are_two_messages(stage: Stage) {
        opened(stage).await;
        let form = json!({"message": "Our menu", "attachmentUrl": "https://shop.example/a.jpg",
            "sentVia": "human"});
        let data = stage.send_form(MIRA, form).await.expect(200)["data"].clone();
        let ids = data["messageIds"].as_array().unwrap();
        assert_eq!((ids.len(), &ids[0]), (2, &data["messageId"]));
        assert_eq!(data["attachments"][0]["url"], "https://shop.example/a.jpg");
        assert_eq!(data["attachments"][0]["type"], "image");
        stage.settle().await;
        assert_eq!(types(&stage.thread("mira.demo").await), ["text", "image", "text"]);
        assert_eq!(stage.hook.names(), ["message.sent", "message.sent"]);
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept[1]["id"], ids[0]);
        assert_eq!((&kept[2]["id"], &kept[2]["sentVia"]), (&ids[1], &json!("human")));
    }
}

story! {
    /// The first part went out, so the request did; what was refused is told beside it, and a repeat
    /// of the request sends neither.
    async fn a_refused_second_part_is_a_partial_failure(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::Pass, Fault::Answer(400, REFUSED)]);
        let form = json!({"accountId": stage.account, "message": "Our menu",
            "attachmentUrl": "https://shop.example/a.jpg"});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let key = [("idempotency-key", "menu-1")];
        let send = async || stage.call(reqwest::Method::POST, &path, Some(&form), &key).await;
        let data = send().await.expect(200)["data"].clone();
        let failure = &data["partialFailure"];
        assert_eq!((&failure["part"], &failure["index"]), (&json!("text"), &json!(1)));
        assert_eq!(failure["platformError"]["subcode"], 2_534_015);
        assert!(failure["error"].as_str().unwrap().contains("No"));
        stage.settle().await;
        let again = send().await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.expect(200)["data"], data);
        assert_eq!(stage.proxy.sends(), 2);
        assert_eq!(types(&stage.thread("mira.demo").await), ["text", "image"]);
        let kept = stage.messages(MIRA).await;
        assert_eq!((&kept[1]["status"], &kept[2]["status"]), (&json!("sent"), &json!("failed")));
    }
}

story! {
    /// If the first part was refused, nothing follows it, and the key is free.
    async fn a_refused_first_part_ends_the_request(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::Answer(400, REFUSED)]);
        let form = json!({"accountId": stage.account, "message": "Our menu",
            "attachmentUrl": "https://shop.example/a.jpg"});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let key = [("idempotency-key", "menu-2")];
        let send = async || stage.call(reqwest::Method::POST, &path, Some(&form), &key).await;
        send().await.expect_error(400, "platform_api_error");
        stage.settle().await;
        assert_eq!(stage.proxy.sends(), 1);
        let kept = stage.messages(MIRA).await;
        let error = kept[2]["deliveryError"]["message"].as_str().unwrap();
        assert!(error.contains("the part before it"), "{error}");
        let again = send().await;
        assert!(!again.headers.contains_key("idempotent-replayed"));
        again.expect(200);
        assert_eq!(types(&stage.thread("mira.demo").await), ["text", "image", "text"]);
    }
}

story! {
    /// Nobody knows whether the second part arrived: it is not sent again, and its echo tells.
    async fn an_unknown_second_part_is_never_sent_again(stage: Stage) {
        opened(stage).await;
        stage.control("instagram/hold", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.proxy.will(&[Fault::Pass, Fault::CutAfter]);
        let form = json!({"message": "Our menu", "attachmentUrl": "https://shop.example/a.jpg"});
        let data = stage.send_form(MIRA, form).await.expect(200)["data"].clone();
        assert_eq!(data["partialFailure"]["code"], "outcome_unknown");
        stage.pass(Duration::from_secs(600)).await;
        assert_eq!(stage.proxy.sends(), 2);
        stage.control("instagram/flush", &json!({"client_id": crate::support::CLIENT_ID})).await;
        stage.settle().await;
        assert_eq!(stage.hook.names(), ["message.sent", "message.sent"]);
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept.len(), 3);
        assert!(kept[1..].iter().all(|one| one["status"] == "sent"), "{kept:?}");
    }
}

story! {
    /// The server dies while the first of three parts is asked for: that one is unknown, and the
    /// others are not sent after it.
    async fn a_crash_between_parts_sends_nothing_twice(stage: Stage) {
        opened(stage).await;
        stage.proxy.will(&[Fault::Pass, Fault::HoldAnswer]);
        let form = json!({"message": "one two ".repeat(300), "split": true});
        let (_, ()) = tokio::join!(
            async {
                let body = json!({"accountId": stage.account, "message": form["message"],
                    "split": true});
                let url = stage.posta.join(
                    &format!("v1/inbox/conversations/{MIRA}/messages")).unwrap();
                let request = crate::support::plain_client().post(url).bearer_auth(&stage.key);
                request.json(&body).send().await.map(drop)
            },
            async {
                stage.proxy.arrived().await;
                stage.app.stop.cancel();
                stage.proxy.release();
            }
        );
        stage.crash().await;
        stage.restart().await;
        stage.pass(Duration::from_secs(120)).await;
        let seen = stage.thread("mira.demo").await.len();
        let kept = stage.messages(MIRA).await;
        let sent = kept.iter().filter(|one| one["status"] == "sent").count();
        assert_eq!((kept.len(), seen - 1), (4, sent), "{kept:?}");
        assert!(stage.proxy.sends() <= 3, "each part is asked for at most once");
    }
}

story! {
    /// Too fast in the middle of a request: its parts wait and go out in order, each once.
    async fn a_rate_limited_part_waits_with_those_after_it(stage: Stage) {
        opened(stage).await;
        let slow = r#"{"error":{"message":"slow","type":"OAuthException","code":613}}"#;
        stage.proxy.will(&[Fault::Pass, Fault::Answer(400, slow)]);
        let text = format!("{} {} {}", "a".repeat(990), "b".repeat(990), "c".repeat(990));
        let form = json!({"message": text, "split": true});
        let clock = stage.clock.clone();
        let proxy = stage.proxy.clone();
        let app = stage.app.clone();
        let answer = stage.send_form(MIRA, form);
        let time = async {
            while proxy.sends() < 2 || !posta::workers::is_idle(&app).await.unwrap() {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_secs(2));
        };
        let (answer, ()) = tokio::join!(answer, time);
        let data = answer.expect(200)["data"].clone();
        assert_eq!(data["messageIds"].as_array().unwrap().len(), 3);
        assert_eq!(stage.proxy.sends(), 4);
        let thread = stage.thread("mira.demo").await;
        let firsts: Vec<_> = thread[1..].iter().map(|one| &one["text"].as_str().unwrap()[..1]).collect();
        assert_eq!(firsts, ["a", "b", "c"]);
    }
}

story! {
    /// What the platform would refuse is refused before it is asked, with the field.
    async fn limits_are_held_before_the_call(stage: Stage) {
        opened(stage).await;
        let reply = json!({"title": "A title of more than 20", "payload": "P"});
        let good = json!({"title": "Yes", "payload": "P"});
        let element = json!({"title": "x".repeat(81), "subtitle": "y"});
        let phone = json!({"type": "phone", "title": "Call", "phone": "+4930"});
        let url = "https://shop.example/a.jpg";
        let file = ("file", "a.pdf", &b"%PDF-1.7 no picture"[..]);
        let kept = stage.upload("media/upload-direct", &[], file, &[]).await.expect(200);
        let pdf = kept["url"].as_str().unwrap();
        let (name, end) = pdf.rsplit_once('.').unwrap();
        let other = if name.ends_with('0') { "1" } else { "0" };
        let gone = format!("{}{other}.{end}", &name[..name.len() - 1]);
        for (form, code, param) in [
            (json!({"message": "Hi", "quickReplies": [good, good, good, reply]}),
                "invalid_field_value", "quickReplies[3].title"),
            (json!({"attachmentUrl": url, "quickReplies": [good]}),
                "missing_required_field", "message"),
            (json!({"message": "Hi", "buttons": [phone]}),
                "platform_not_supported", "buttons[0].type"),
            (json!({"message": "Hi", "buttons": [{"type": "url", "title": "Go"}]}),
                "missing_required_field", "buttons[0].url"),
            (json!({"message": "Hi", "buttons": [{"type": "url", "title": "Go", "url": "x"}]}),
                "invalid_field_value", "buttons[0].url"),
            (json!({"template": {"elements": [element]}}),
                "invalid_field_value", "template.elements[0].title"),
            (json!({"template": {"elements": []}}), "invalid_field_value", "template.elements"),
            (json!({"attachmentUrl": "ftp://x/a.jpg"}), "invalid_field_value", "attachmentUrl"),
            (json!({"attachmentUrl": url, "attachmentType": "smell"}),
                "invalid_field_value", "attachmentType"),
            (json!({"attachmentId": "17"}), "missing_required_field", "attachmentType"),
            (json!({"attachments": [{"type": "image"}]}),
                "missing_required_field", "attachments[0].url"),
            (json!({"attachments": [{"url": url}, {"url": "ftp://x/a.jpg"}]}),
                "invalid_field_value", "attachments[1].url"),
            (json!({"attachments": [{"url": url}, {"url": url, "type": "smell"}]}),
                "invalid_field_value", "attachments[1].type"),
            (json!({"attachmentUrl": gone}), "invalid_field_value", "attachmentUrl"),
            (json!({"attachments": [{"url": url}, {"url": gone, "type": "image"}]}),
                "invalid_field_value", "attachments[1].url"),
            (json!({"attachments": [{"url": pdf, "type": "image"}]}),
                "invalid_field_value", "attachments[0].url"),
            (json!({"sharedMediaId": "17", "message": "Hi"}), "invalid_field_value", "sharedMediaId"),
            (json!({"sticker": "star"}), "invalid_field_value", "sticker"),
            (json!({"message": "Hi", "sentVia": "ghost"}), "invalid_field_value", "sentVia"),
            (json!({"quickReplies": [{"payload": "P"}], "message": "Hi"}),
                "missing_required_field", "quickReplies[0].title"),
        ] {
            let error = stage.send_form(MIRA, form.clone()).await.expect_error(400, code);
            assert_eq!(error["param"], param, "{form}");
        }
        assert_eq!(stage.proxy.sends(), 0);
    }
}

story! {
    /// A dry run says what would happen, and nothing does.
    async fn a_dry_run_changes_nothing(stage: Stage) {
        opened(stage).await;
        let path = format!("inbox/conversations/{MIRA}/messages?dryRun=true");
        let dry = async |more: Value| {
            let mut body = more;
            body["accountId"] = stage.account.as_str().into();
            let key = [("idempotency-key", "dry")];
            let answer = stage.call(reqwest::Method::POST, &path, Some(&body), &key).await.expect(200);
            assert_eq!((&answer["success"], &answer["dryRun"]), (&json!(true), &json!(true)));
            answer["data"].clone()
        };
        let data = dry(json!({"message": "x ".repeat(800), "split": true})).await;
        assert_eq!((&data["allowed"], &data["code"]), (&json!(true), &Value::Null));
        assert_eq!(data["until"], "2026-01-02T12:00:00.000Z");
        assert_eq!(data["window"]["state"], "open");
        assert_eq!(data["wouldSend"].as_array().unwrap().len(), 2);
        let data = dry(json!({"message": "x".repeat(1001)})).await;
        assert_eq!((&data["allowed"], &data["code"]), (&json!(false), &json!("text_too_long")));
        assert_eq!(data["param"], "message");
        stage.pass(Duration::from_secs(25 * 3600)).await;
        let data = dry(json!({"message": "Hi"})).await;
        assert_eq!((&data["allowed"], &data["code"]), (&json!(false), &json!("human_agent_only")));
        let data = dry(json!({"message": "Hi", "sentVia": "human"})).await;
        assert_eq!(data["allowed"], true);
        assert_eq!(stage.proxy.sends(), 0);
        assert_eq!(stage.messages(MIRA).await.len(), 1);
    }
}

story! {
    /// A message that may wait is kept while the account is disconnected, and sent once it is back.
    async fn a_held_message_goes_out_when_the_account_is_back(stage: Stage) {
        opened(stage).await;
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        // It is this send that finds the token dead.
        let form = json!({"message": "One", "hold": true});
        let answer = stage.send_form(MIRA, form).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let held = stage.send_form(MIRA, json!({"message": "Two", "hold": true})).await.expect(202);
        assert_eq!(held["data"]["status"], "queued");
        let refused = stage.send_form(MIRA, json!({"message": "Three"})).await;
        let error = refused.expect_error(403, "ACCOUNT_DISCONNECTED");
        let url = error["details"]["reconnectUrl"].as_str().unwrap();
        assert!(url.contains("/connect/instagram/reconnect/"), "{url}");
        stage.pass(Duration::from_secs(3600)).await;
        assert_eq!(stage.proxy.sends(), 1);
        stage.press("allow", &[]).await;
        stage.settle().await;
        let thread = stage.thread("mira.demo").await;
        let texts: Vec<_> = thread[1..].iter().map(|one| one["text"].clone()).collect();
        assert_eq!(texts, ["One", "Two"]);
    }
}

story! {
    /// A held message whose window closes first is given up, and never sent late.
    async fn a_held_message_does_not_outlive_its_window(stage: Stage) {
        opened(stage).await;
        stage.control("instagram/tokens/revoke", &json!({"account": "lumen.cafe.demo"})).await;
        stage.send_form(MIRA, json!({"message": "One", "hold": true})).await.expect(202);
        stage.pass(Duration::from_secs(25 * 3600)).await;
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept[1]["status"], "failed", "{kept:?}");
        assert_eq!(kept[1]["deliveryError"]["title"], "human_agent_only", "{kept:?}");
        stage.press("allow", &[]).await;
        stage.settle().await;
        assert_eq!(stage.thread("mira.demo").await.len(), 1);
    }
}
