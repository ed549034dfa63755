//! Everything that people do besides writing a text, from their tap to the customer's endpoint.

use std::time::Duration;

use posta_store::inbound::State;
use serde_json::{Value, json};

use crate::inbound::count;
use crate::support::{CLIENT_ID, Stage, story};

const MIRA: &str = "1099900000000101";

impl Stage {
    /// Mira does something. Returns what the sandbox says of it.
    async fn mira(&self, deed: &str, body: &Value) -> Value {
        self.control(&format!("instagram/people/mira.demo/{deed}"), body).await
    }

    /// The one event of this kind that came.
    #[track_caller]
    pub(crate) fn only(&self, kind: &str) -> Value {
        let mut events = self.hook.events(kind);
        assert_eq!(events.len(), 1, "{kind}: {:?}", self.hook.names());
        events.remove(0)
    }
}

story! {
    async fn every_kind_of_attachment_comes_with_its_word(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        for (word, kind, original) in [
            ("image", "image", None),
            ("video", "video", None),
            ("audio", "audio", None),
            ("file", "file", None),
            ("sticker", "image", None),
            ("share", "share", None),
            ("ig_post", "share", Some("ig_post")),
            ("ig_reel", "share", Some("ig_reel")),
            ("story_mention", "share", Some("story_mention")),
            ("ephemeral", "unsupported_type", Some("ephemeral")),
            ("hologram", "unsupported_type", Some("hologram")),
        ] {
            let body = json!({"attachments": [{"type": word}]});
            let id = stage.mira("write", &body).await["message_id"].clone();
            stage.settle().await;
            let event = stage.only("message.received");
            let seen = &event["message"]["attachments"][0];
            assert_eq!((&seen["type"], &seen["originalType"]), (&json!(kind), &json!(original)), "{word}");
            assert!(seen["url"].is_string(), "{word}");
            let kept = stage.messages(MIRA).await.pop().unwrap();
            assert_eq!((&kept["id"], &kept["attachments"][0]["url"]), (&id, &seen["url"]), "{word}");
            assert_eq!(kept["isStoryMention"], word == "story_mention", "{word}");
            let refresh = kept["attachments"][0]["refreshUrl"].as_str();
            assert_eq!(refresh.is_some(), seen["url"] != "", "{word}");
            assert_eq!(event["metadata"]["isStoryMention"] == true, word == "story_mention");
            if let Some(refresh) = refresh {
                let url: url::Url = refresh.parse().unwrap();
                assert!(refresh.starts_with(stage.posta.as_str()), "{refresh}");
                assert!(url.path().ends_with("/attachments/0"), "{refresh}");
                assert_eq!(url.query().unwrap(), format!("accountId={}", stage.account));
            }
            stage.hook.forget();
        }
        let body = json!({"text": null, "is_unsupported": true});
        stage.mira("write", &body).await;
        stage.settle().await;
        assert_eq!(stage.only("message.received")["metadata"]["noRenderableContent"], true);
        assert_eq!(stage.messages(MIRA).await.pop().unwrap()["noRenderableContent"], true);
    }
}

story! {
    async fn replies_taps_and_clicks_say_what_they_belong_to(stage: Stage) {
        stage.connect().await;
        let first = stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        stage.hook.forget();
        let received = async |body: Value| {
            stage.mira("write", &body).await;
            stage.settle().await;
            let event = stage.only("message.received");
            stage.hook.forget();
            event
        };
        let event = received(json!({"text": "Vegan?", "reply_to": {"story": {}}})).await;
        assert!(event["metadata"]["storyReply"]["storyUrl"].is_string(), "{event}");
        let kept = stage.messages(MIRA).await.pop().unwrap();
        assert_eq!(kept["storyReply"], event["metadata"]["storyReply"]);
        let event = received(json!({"text": "That one", "reply_to": {"mid": first}})).await;
        assert_eq!(event["metadata"]["quotedMessageId"], first.as_str());
        let kept = stage.messages(MIRA).await.pop().unwrap();
        assert_eq!(kept["metadata"]["quotedMessageId"], first.as_str());
        let event = received(json!({"text": "Yes", "payload": "YES_1"})).await;
        assert_eq!(event["metadata"]["quickReplyPayload"], "YES_1");

        stage.mira("postback", &json!({"title": "Hours?", "payload": "FAQ", "mid": false})).await;
        stage.settle().await;
        let event = stage.only("message.received");
        assert_eq!(event["message"]["text"], "Hours?");
        assert_eq!(event["metadata"]["postbackPayload"], "FAQ");
        assert_eq!(event["metadata"]["postbackTitle"], "Hours?");
        stage.hook.forget();

        let ad = json!({"ad_id": "120", "ref": "summer", "ads_context_data": {"ad_title": "Cups"}});
        let event = received(json!({"text": "From the ad", "referral": ad})).await;
        assert_eq!(event["metadata"]["referral"]["ad_id"], "120");
        assert_eq!(event["metadata"]["referral"]["ads_context_data"]["ad_title"], "Cups");
        let list = stage.get("inbox/conversations").await.expect(200);
        let click = &list["data"][0]["metadata"];
        assert_eq!((&click["meta_ad_id"], &click["meta_ad_title"]), (&json!("120"), &json!("Cups")));
        assert!(stage.hook.events("referral.received").is_empty());

        stage.pass(Duration::from_secs(3600)).await;
        stage.mira("refer", &json!({"ref": "window-sticker"})).await;
        stage.settle().await;
        let event = stage.only("referral.received");
        assert_eq!(event["referral"]["ref"], "window-sticker");
        assert_eq!(event["sender"]["id"], MIRA);
        assert_eq!(event["conversation"]["platformConversationId"], MIRA);
        assert_eq!(event["account"]["id"], stage.account.as_str());
        assert_eq!(stage.hook.names(), ["referral.received"]);
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["metadata"]["meta_ad_ref"], "window-sticker");
    }
}

story! {
    async fn edits_are_told_with_what_was_there_before(stage: Stage) {
        stage.connect().await;
        let id = stage.writes("mira.demo", "Two cakes").await;
        stage.settle().await;
        stage.hook.forget();
        for (number, text) in [(1, "Three cakes"), (2, "Four cakes")] {
            stage.pass(Duration::from_secs(60)).await;
            stage.mira("edit", &json!({"message_id": id, "text": text})).await;
            stage.settle().await;
            let event = stage.only("message.edited");
            assert_eq!(event["message"]["text"], text);
            assert_eq!(event["message"]["platformMessageId"], id.as_str());
            assert_eq!(event["editCount"], number);
            assert_eq!(event["editHistory"].as_array().unwrap().len(), number);
            assert_eq!(event["editHistory"][0]["text"], "Two cakes");
            stage.hook.forget();
        }
        let kept = stage.messages(MIRA).await.remove(0);
        assert_eq!((&kept["message"], &kept["isEdited"]), (&json!("Four cakes"), &json!(true)));
        assert_eq!(kept["editCount"], 2);
        assert_eq!(kept["editedAt"], "2026-01-01T12:02:00.000Z");
        assert_eq!(kept["editHistory"][1]["text"], "Three cakes");
        assert_eq!(kept["editHistory"][0]["editedAt"], "2026-01-01T12:01:00.000Z");
        let list = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(list["data"][0]["lastMessage"], "Four cakes");
    }
}

story! {
    async fn what_is_taken_back_stays_readable_unless_it_shall_not(stage: Stage) {
        stage.connect().await;
        for (policy, text) in [("links", json!("Oops")), ("purge-on-unsend", json!(""))] {
            stage.restart_with("media.policy", policy).await;
            let body = json!({"text": "Oops", "attachments": [{"type": "image"}]});
            let id = stage.mira("write", &body).await["message_id"].clone();
            stage.settle().await;
            stage.hook.forget();
            stage.clock.advance(Duration::from_secs(5));
            stage.mira("unsend", &json!({"message_id": id})).await;
            stage.settle().await;
            let event = stage.only("message.deleted");
            assert_eq!(event["message"]["platformMessageId"], id);
            assert_eq!(event["message"]["text"].as_str().unwrap_or_default(), text);
            assert!(event["deletedAt"].is_string());
            let kept = stage.messages(MIRA).await.pop().unwrap();
            assert_eq!((&kept["isDeleted"], &kept["deletedAt"]), (&json!(true), &event["deletedAt"]));
            assert_eq!(kept["message"], text);
            let media = kept["attachments"].as_array().unwrap().len();
            assert_eq!(media, usize::from(policy == "links"), "{policy}");
            let list = stage.get("inbox/conversations").await.expect(200);
            assert_eq!(list["data"][0]["lastMessage"], text);
            stage.hook.forget();
        }
    }
}

story! {
    async fn reactions_come_and_go(stage: Stage) {
        stage.connect().await;
        let id = stage.writes("mira.demo", "Done!").await;
        stage.settle().await;
        stage.hook.forget();
        stage.clock.advance(Duration::from_secs(1));
        stage.mira("react", &json!({"message_id": id, "emoji": "🎉"})).await;
        stage.settle().await;
        let added = stage.only("reaction.received")["reaction"].clone();
        assert_eq!((&added["emoji"], &added["action"]), (&json!("🎉"), &json!("added")));
        assert_eq!(added["platformMessageId"], id.as_str());
        assert_eq!(added["sender"]["id"], MIRA);
        assert_eq!(added["reactedAt"], "2026-01-01T12:00:01.000Z");
        assert!(added["messageId"].is_string());
        let kept = stage.messages(MIRA).await.remove(0);
        let expected = json!([{"emoji": "🎉", "fromMe": false, "reactedAt": added["reactedAt"]}]);
        assert_eq!(kept["reactions"], expected);

        stage.hook.forget();
        stage.clock.advance(Duration::from_secs(1));
        stage.mira("unreact", &json!({"message_id": id})).await;
        stage.settle().await;
        let removed = stage.only("reaction.received")["reaction"].clone();
        assert_eq!((&removed["emoji"], &removed["action"]), (&json!("🎉"), &json!("removed")));
        assert_eq!(stage.messages(MIRA).await[0]["reactions"], json!([]));
    }
}

story! {
    async fn a_conversation_changes_hands(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        stage.hook.forget();
        let owner = "instagram/accounts/lumen.cafe.demo/owner";
        let body = json!({"person": "mira.demo", "app": CLIENT_ID, "metadata": "your turn"});
        stage.control(&format!("{owner}/pass-thread"), &body).await;
        stage.settle().await;
        let event = stage.only("conversation.control_changed");
        assert_eq!(event["control"]["owner"], "app");
        assert_eq!(event["control"]["metadata"], "your turn");
        assert_eq!(event["changedAt"], "2026-01-01T12:00:00.000Z");
        let held_by = async || {
            let list = stage.get("inbox/conversations").await.expect(200);
            list["data"][0]["threadControl"].clone()
        };
        assert_eq!(held_by().await, "app");

        stage.hook.forget();
        stage.clock.advance(Duration::from_secs(5));
        stage.control(&format!("{owner}/take-thread"), &json!({"person": "mira.demo"})).await;
        stage.settle().await;
        let event = stage.only("conversation.control_changed");
        assert_eq!(event["control"]["owner"], "other");
        assert_eq!(event["control"]["previousOwner"], "app");

        stage.hook.forget();
        stage.clock.advance(Duration::from_secs(5));
        stage.writes("mira.demo", "Who answers?").await;
        stage.settle().await;
        let event = stage.only("message.received");
        assert_eq!(event["metadata"]["standby"], true);
        assert_eq!(stage.messages(MIRA).await[1]["metadata"]["standby"], true);
    }
}

story! {
    async fn comments_are_told_and_own_ones_trigger_nothing(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        let made = stage.mira("comment", &json!({"text": "Price please?"})).await;
        stage.settle().await;
        let event = stage.only("comment.received");
        let comment = &event["comment"];
        assert_eq!(comment["id"], made["comment_id"]);
        assert_eq!(comment["text"], "Price please?");
        assert_eq!(comment["platformPostId"], made["media_id"]);
        assert_eq!((&comment["postId"], &comment["isReply"]), (&json!(null), &json!(false)));
        assert_eq!(comment["author"]["username"], "mira.demo");
        assert_eq!(comment["author"]["isOwnAccount"], false);
        assert_eq!(event["post"]["platformPostId"], made["media_id"]);
        assert_eq!(event["account"]["username"], "lumen.cafe.demo");

        stage.hook.forget();
        let body = json!({"text": "12 euro", "parent_id": made["comment_id"]});
        let own = stage.control("instagram/accounts/lumen.cafe.demo/owner/comment", &body).await;
        stage.settle().await;
        assert!(stage.hook.names().is_empty(), "{:?}", stage.hook.names());
        let mut tx = stage.db().read().await.unwrap();
        let account = stage.account.parse().unwrap();
        let id = posta_core::id::RemoteComment::new(own["comment_id"].as_str().unwrap());
        let kept = posta_store::comments::find_remote(&mut tx, &account, &id).await.unwrap();
        assert!(kept.unwrap().is_own);
        drop(tx);

        let body = json!({"text": "Thanks!", "parent_id": made["comment_id"]});
        stage.mira("comment", &body).await;
        stage.mira("mention", &json!({"text": "Look, @lumen.cafe.demo", "is_public": true})).await;
        stage.settle().await;
        let texts: Vec<_> = stage.hook.events("comment.received");
        let reply = texts.iter().find(|event| event["comment"]["text"] == "Thanks!").unwrap();
        assert_eq!(reply["comment"]["isReply"], true);
        assert_eq!(reply["comment"]["parentCommentId"], made["comment_id"]);
        assert_eq!(texts.len(), 2, "a mention in a comment is one: {texts:?}");
    }
}

story! {
    async fn an_account_writes_to_itself(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        let deed = json!({"text": "Does this work?"});
        stage.control("instagram/accounts/lumen.cafe.demo/owner/write", &deed).await;
        stage.settle().await;
        let event = stage.only("message.sent");
        assert_eq!(event["message"]["text"], "Does this work?");
        assert_eq!(event["metadata"]["isSelf"], true);
        assert_eq!(stage.hook.names(), ["message.sent"], "nobody answers themselves");
    }
}

story! {
    async fn a_test_of_the_dashboard_reaches_no_account(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        for body in [
            json!({"field": "messages"}),
            json!({"field": "messages", "envelope": "changes"}),
            json!({"field": "messages", "envelope": "oldest"}),
            json!({"field": "comments"}),
            json!({"field": "live_comments", "envelope": "flat"}),
        ] {
            let path = format!("instagram/apps/{CLIENT_ID}/test-send");
            stage.control(&path, &body).await;
        }
        stage.settle().await;
        assert_eq!(count(stage, State::Done).await, 5);
        assert!(stage.hook.names().is_empty());
    }
}

story! {
    /// Apps of the Page path are told of a mention by its ids alone.
    async fn a_mention_without_its_text_is_told_and_listed(stage: Stage) {
        stage.connect().await;
        stage.hook.forget();
        let options = json!({"comment_shape": "facebook_login"});
        stage.control("instagram/options", &options).await;
        let made = stage.mira("mention", &json!({"text": "See @lumen.cafe.demo", "is_public": true})).await;
        stage.settle().await;
        let event = stage.only("comment.received");
        assert_eq!(event["comment"]["id"], made["comment_id"]);
        assert_eq!(event["comment"]["author"]["isOwnAccount"], false);
        assert!(event["post"]["platformPostId"].is_string(), "{event}");
        let list = stage.get("inbox/mentions").await.expect(200);
        assert_eq!(list["data"][0]["commentId"], made["comment_id"], "{list}");
    }
}
