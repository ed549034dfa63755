//! What integrators get wrong about messages: media, lengths, outcomes, windows, the past.

use std::time::Duration;

use posta_store::accounts;
use serde_json::{Value, json};

use super::{DAY, LUMEN, MIRA};
use crate::support::{CLIENT_ID, Fault, Stage, story};

const THEO: &str = "1099900000000102";

impl Stage {
    /// What the platform says when an app reads a message.
    async fn look_at_message(&self, id: &str) -> Value {
        let tokens = self.look("instagram/tokens").await;
        let token = tokens["tokens"].as_array().unwrap().last().unwrap()["token"].clone();
        let token = token.as_str().unwrap().to_owned();
        let graph = self.sandbox_url.join("instagram/graph/").unwrap();
        let url = graph.join(id).unwrap();
        self.plain(|http, _| http.get(url).bearer_auth(token), "").await.body
    }
}

story! {
    /// Links to media end, those of stories within a day; what lasts is Posta's own link, which leads
    /// to one that works, and says so when there is nothing any more.
    async fn pitfall_14_keeping_media_urls(stage: Stage) {
        stage.connect().await;
        let mut kept = Vec::new();
        for kind in ["image", "story_mention"] {
            let body = json!({"attachments": [{"type": kind}]});
            let done = stage.control("instagram/people/mira.demo/write", &body).await;
            stage.settle().await;
            let told = stage.hook.events("message.received").pop().unwrap();
            let url = told["message"]["attachments"][0]["url"].as_str().unwrap().to_owned();
            let (id, account) = (done["message_id"].as_str().unwrap(), &stage.account);
            let path = format!(
                "inbox/conversations/{MIRA}/messages/{id}/attachments/0?accountId={account}&format=json"
            );
            kept.push((url, path));
        }
        let [(picture, picture_path), (story, story_path)] = kept.try_into().unwrap();
        let fetched = async |url: &str| stage.plain(|http, _| http.get(url), "").await.status;
        assert_eq!((fetched(&picture).await, fetched(&story).await), (200, 200));

        // Nobody says how long a link lasts: it can end within the hour.
        stage.make_wrong(&json!({"route": "cdn", "count": 1, "fault": "expired_media"})).await;
        assert_eq!(fetched(&picture).await, 403);
        stage.pass(Duration::from_hours(20)).await;
        let minted = stage.get(&story_path).await.expect(200);
        assert_eq!(minted["refreshed"], true, "{minted}");
        assert_eq!(fetched(minted["url"].as_str().unwrap()).await, 200);

        stage.pass(Duration::from_hours(5)).await;
        assert_eq!(fetched(&story).await, 403, "a story is gone after a day");
        assert_eq!(fetched(&picture).await, 200);
        stage.pass(7 * DAY).await;
        assert_eq!(fetched(&picture).await, 403, "whoever kept the link has nothing");
        let minted = stage.get(&picture_path).await.expect(200);
        assert_eq!(minted["refreshed"], true, "{minted}");
        let minted = minted["url"].as_str().unwrap();
        assert_ne!(minted, picture);
        assert_eq!(fetched(minted).await, 200);
        stage.get(&story_path).await.expect_error(410, "attachment_gone");
        let kept = stage.messages(MIRA).await;
        let stays = kept.iter().any(|one| one["isStoryMention"] == true);
        assert!(stays && kept.len() == 2, "the message stays: {kept:#?}");
    }
}

story! {
    /// The limit is 1000 bytes: 250 emoji fit, 251 do not, and the platform is not even asked. In
    /// parts, each fits, and what people see as one character is never torn.
    async fn pitfall_17_bytes_counted_as_characters(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        stage.send(MIRA, &"🎉".repeat(250), &[]).await.expect(200);
        let asked = stage.proxy.sends();
        let refused = stage.send(MIRA, &"🎉".repeat(251), &[]).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert_eq!(refused.body["param"], "message", "{}", refused.text);
        assert_eq!(stage.proxy.sends(), asked);

        // A family is seven code points and 25 bytes; 90 of them are 630 and 2250.
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
        // With a word before them, no limit falls between two of them by chance.
        let text = format!("We-are-{}", family.repeat(90));
        let done = stage.send_form(MIRA, json!({"message": text, "split": true})).await.expect(200);
        let thread = stage.thread("mira.demo").await;
        let parts: Vec<&str> = thread[2..].iter().map(|one| one["text"].as_str().unwrap()).collect();
        assert!(parts.len() >= 3, "{parts:#?}");
        let ids = done["data"]["messageIds"].as_array().unwrap();
        assert_eq!(ids.len(), parts.len(), "{done}");
        for part in &parts {
            assert!(part.len() <= 1000, "{} bytes", part.len());
            let rest = part.trim_start_matches("We-are-").replace(family, "");
            assert_eq!(rest, "", "a family was torn");
        }
        assert_eq!(parts.concat(), text);
    }
}

story! {
    /// An error can follow a delivered message. Nobody sends again, and the echo tells how it went.
    async fn pitfall_18_blind_retry_of_sends(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let error = json!({"kind": "error", "code": 1, "subcode": 1_357_046, "effect": "after"});
        stage.make_wrong(&json!({"route": "messages", "count": 1, "fault": error})).await;
        let answer = stage.send(MIRA, "I was delivered", &[]).await;
        assert!(answer.status == 200 || answer.status == 502, "{}", answer.text);
        stage.pass(Duration::from_hours(1)).await;
        let thread = stage.thread("mira.demo").await;
        assert_eq!(thread.len(), 2, "the person got it once: {thread:#?}");
        assert_eq!(stage.proxy.sends(), 1);
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[1]["status"], "sent", "by its echo");
        assert_eq!(stage.texts_told("message.sent"), ["I was delivered"]);
    }
}

story! {
    /// No consent, no access, nobody: a profile that is refused costs no message.
    async fn pitfall_20_profile_read_taken_as_essential(stage: Stage) {
        stage.connect().await;
        let mut texts = Vec::new();
        for code in [9010, 230, 100] {
            let error = json!({"kind": "error", "code": code});
            let rule = stage.make_wrong(&json!({"route": "profile", "count": 1, "fault": error})).await;
            texts.push(format!("Despite {code}"));
            stage.writes("mira.demo", texts.last().unwrap()).await;
            stage.settle().await;
            assert_eq!(stage.times_struck(rule).await, 1, "{code}");
            assert_eq!(stage.texts_told("message.received"), texts, "{code}");
            let kept = stage.messages(MIRA).await;
            let kept: Vec<_> = kept.iter().map(|one| one["message"].as_str().unwrap()).collect();
            assert_eq!(kept, texts, "{code}");
            let path = format!("inbox/conversations/{MIRA}?accountId={}", stage.account);
            let conversation = stage.get(&path).await.expect(200);
            assert_eq!(conversation["data"]["participantName"], MIRA, "{code}");
            stage.pass(DAY).await;
        }
    }
}

story! {
    /// Another app owns the thread: its events come as standby, and sends are refused with the reason.
    async fn pitfall_22_another_app_owns_the_thread(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        let other = json!({"client_id": "555000000000009", "client_secret": "x"});
        stage.control("instagram/apps", &other).await;
        let routing = json!({"client_id": CLIENT_ID, "features": ["conversation_routing"]});
        stage.control("instagram/apps", &routing).await;
        let pass = json!({"person": "mira.demo", "app": "555000000000009"});
        stage.control(&format!("instagram/accounts/{LUMEN}/owner/pass-thread"), &pass).await;
        stage.settle().await;
        stage.writes("mira.demo", "Who answers me?").await;
        stage.settle().await;
        assert_eq!(stage.texts_told("message.received"), ["Hello", "Who answers me?"]);
        let refused = stage.send(MIRA, "I do", &[]).await;
        let body = refused.expect_error(409, "not_thread_owner");
        assert!(body["error"].as_str().unwrap().contains("routing"), "{body:#}");
    }
}

story! {
    /// A private reply opens no window: the second message is refused until the person answers.
    async fn pitfall_23_private_reply_counted_as_opening(stage: Stage) {
        stage.connect().await;
        let asked = json!({"text": "Price?"});
        let made = stage.control("instagram/people/mira.demo/comment", &asked).await;
        stage.settle().await;
        let id = |name: &str| made[name].as_str().unwrap().to_owned();
        let path = format!("inbox/comments/{}/{}/private-reply", id("media_id"), id("comment_id"));
        let body = json!({"accountId": stage.account, "message": "40 €"});
        stage.post(&path, &body).await.expect(200);
        stage.settle().await;
        let refused = stage.send(MIRA, "Anything else?", &[]).await;
        assert!((400..500).contains(&refused.status), "{}", refused.text);
        assert_eq!(stage.thread("mira.demo").await.len(), 1);
        stage.writes("mira.demo", "Yes, please").await;
        stage.settle().await;
        stage.send(MIRA, "Here you are", &[]).await.expect(200);
    }
}

story! {
    /// The account's own comments are notified, too: they are nobody's question.
    async fn pitfall_24_comment_replies_triggering_themselves(stage: Stage) {
        stage.connect().await;
        let asked = json!({"text": "What does it cost?"});
        let made = stage.control("instagram/people/mira.demo/comment", &asked).await;
        stage.settle().await;
        let answer = json!({"text": "Nine euros", "parent_id": made["comment_id"]});
        let told = stage.control(&format!("instagram/accounts/{LUMEN}/owner/comment"), &answer).await;
        assert_eq!(told["told"], 1, "the platform does tell of it");
        stage.settle().await;
        let events = stage.hook.events("comment.received");
        let texts: Vec<_> = events.iter().map(|one| one["comment"]["text"].clone()).collect();
        assert_eq!(texts, ["What does it cost?"]);
    }
}

story! {
    /// Only the 20 newest messages can be read: an import brings no more, and that older ones answer
    /// as deleted deletes nothing.
    async fn pitfall_25_old_history_expected(stage: Stage) {
        for number in 0..25 {
            stage.writes("theo.demo", &format!("Before {number:02}")).await;
            stage.pass(Duration::from_secs(2)).await;
        }
        stage.restart_with_number("inbox.import_threads", 500).await;
        stage.connect().await;
        for number in 0..25 {
            stage.writes("mira.demo", &format!("Message {number:02}")).await;
            stage.pass(Duration::from_secs(2)).await;
        }
        let path = format!("accounts/{}/import", stage.account);
        assert_eq!(stage.get(&path).await.expect(200)["state"], "done");
        let texts = async |person: &str| {
            let kept = stage.messages(person).await;
            let deleted = kept.iter().filter(|one| one["isDeleted"] != false).count();
            assert_eq!(deleted, 0, "{person}");
            let text = |one: &Value| one["message"].as_str().unwrap().to_owned();
            kept.iter().map(text).collect::<Vec<_>>()
        };
        let told = |word: &str, from: usize| {
            (from..25).map(|number| format!("{word} {number:02}")).collect::<Vec<_>>()
        };
        assert_eq!(texts(THEO).await, told("Before", 5), "what can be read, and no more");
        assert_eq!(texts(MIRA).await, told("Message", 0));

        // Five of hers can no longer be read; they answer like messages that were taken back.
        stage.post(&path, &json!({})).await.expect(202);
        for _ in 0..40 {
            stage.pass(Duration::from_secs(1)).await;
        }
        let done = stage.get(&path).await.expect(200);
        assert_eq!((&done["state"], &done["messages"]), (&json!("done"), &json!(0)), "{done}");
        let mira = stage.messages(MIRA).await.remove(0);
        let asked = stage.look_at_message(mira["id"].as_str().unwrap()).await;
        assert_eq!(asked["error"]["code"], 9_000_001, "{asked}");
        assert_eq!(texts(MIRA).await, told("Message", 0));
        assert_eq!(texts(THEO).await, told("Before", 5));
        assert!(stage.hook.events("message.deleted").is_empty());
    }
}

story! {
    /// Texts are in the reader's language: codes alone decide.
    async fn pitfall_26_error_text_matched(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        for (answer, code) in [
            (r#"{"error":{"message":"一致するInstagramユーザーがいません","code":100,"error_subcode":2534014}}"#, "person_unreachable"),
            (r#"{"error":{"message":"Error validating access token: Session has expired","code":10,"error_subcode":2018108}}"#, "person_unreachable"),
            (r#"{"error":{"message":"This message is sent outside of allowed window.","code":100,"error_subcode":2534037}}"#, "not_thread_owner"),
            (r#"{"error":{"message":"","code":200,"error_subcode":2534041}}"#, "platform_permission_missing"),
        ] {
            stage.proxy.will(&[Fault::Answer(400, answer)]);
            let refused = stage.send(MIRA, "Hello?", &[]).await;
            assert_eq!(refused.body["code"], code, "{}", refused.text);
        }
        assert_eq!(stage.account_row().await.state, accounts::State::Connected);
    }
}
