//! What integrators get wrong about webhooks: signatures, repeats, order, forms.

use posta_store::inbound::State;
use serde_json::{Value, json};

use super::{LUMEN, MIRA, NOON, item, message, webhook};
use crate::inbound::signature;
use crate::support::{Fault, Stage, story};

story! {
    /// Accents, emoji and slashes are escaped on the wire: the signature is over those bytes only.
    async fn pitfall_05_signature_over_reserialised_json(stage: Stage) {
        stage.connect().await;
        let text = "Grüße 👋 https://example.com/a";
        stage.writes("mira.demo", text).await;
        stage.settle().await;
        assert_eq!(stage.texts_told("message.received"), [text]);

        let deliveries = stage.look("deliveries").await;
        let sent = deliveries["deliveries"].as_array().unwrap().last().unwrap().clone();
        let bytes = sent["body"].as_str().unwrap().to_owned();
        let again = serde_json::from_str::<Value>(&bytes).unwrap().to_string();
        assert_ne!(bytes, again, "the platform escapes what we would not");
        let sign = signature(bytes.as_bytes());
        for (body, status) in [(again, 401), (bytes, 200)] {
            let sign = sign.clone();
            let post = |http: &reqwest::Client, url| {
                http.post(url).header("x-hub-signature-256", sign).body(body)
            };
            assert_eq!(stage.plain(post, "webhooks/instagram").await.status, status);
        }
    }
}

story! {
    /// The secret of the whole Meta app may sign instead of the Instagram app's: either is taken.
    async fn pitfall_06_wrong_secret_for_the_signature(stage: Stage) {
        let new = json!({
            "platform": "instagram", "label": "our app", "clientId": "555000000000001",
            "clientSecret": "the-instagram-app-secret", "metaAppId": "777", "metaAppSecret": "the-meta-app-secret",
        });
        let own = stage.post("connect/oauth-apps", &new).await.expect(201);
        let token = own["app"]["webhook"]["verifyToken"].as_str().unwrap().to_owned();
        let app = json!({
            "client_id": "555000000000001", "client_secret": "the-instagram-app-secret",
            "redirect_uris": [own["app"]["redirectUri"]],
            "webhook": {"callback_url": stage.posta.join("webhooks/instagram").unwrap(), "verify_token": token},
        });
        stage.control("instagram/apps", &app).await;
        stage.listen_to(&["message.received"]).await;
        let id = own["app"]["id"].as_str().unwrap();
        let path = format!("connect/instagram?profileId={}&oauthAppId={id}", stage.profile);
        let started = stage.get(&path).await.expect(200);
        let url = started["authUrl"].as_str().unwrap().parse().unwrap();
        let back = stage.press_at(&url, "allow", &[]).await;
        let answer = stage.plain(reqwest::Client::get, &back.as_str()[stage.posta.as_str().len()..]).await;
        assert!(answer.status < 400, "{}", answer.text);
        for (secret, text) in [("the-instagram-app-secret", "By one"), ("the-meta-app-secret", "By the other")] {
            let change = json!({"client_id": "555000000000001", "webhook_secret": secret});
            stage.control("instagram/apps", &change).await;
            stage.writes("mira.demo", text).await;
            stage.settle().await;
        }
        assert_eq!(stage.texts_told("message.received"), ["By one", "By the other"]);
        // Anybody else's is not, and the doctor knows.
        let change = json!({"client_id": "555000000000001", "webhook_secret": "somebody else's"});
        stage.control("instagram/apps", &change).await;
        stage.writes("mira.demo", "By a stranger").await;
        stage.settle().await;
        assert_eq!(stage.texts_told("message.received").len(), 2);
        stage.keep_secret("the-meta-app-secret");
    }
}

story! {
    /// Our own message comes back as an echo, even before its send is answered: it is one message.
    async fn pitfall_07_echo_loops(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        stage.hook.forget();
        stage.make_wrong(&json!({"route": "messages", "count": 1, "fault": "echo_first"})).await;
        stage.send(MIRA, "The echo overtakes me", &[]).await.expect(200);
        stage.send(MIRA, "The echo follows me", &[]).await.expect(200);
        stage.settle().await;
        let kept = stage.messages(MIRA).await;
        let mut texts: Vec<_> = kept.iter().map(|one| one["message"].as_str().unwrap()).collect();
        texts.sort_unstable();
        assert_eq!(texts, ["Hello", "The echo follows me", "The echo overtakes me"]);
        assert_eq!(stage.texts_told("message.received"), [""; 0], "an echo is nobody's question");
        assert_eq!(stage.hook.events("message.sent").len(), 2, "each is told once");
    }
}

story! {
    /// What the owner types in the platform's app comes only as an echo, and is told.
    async fn pitfall_08_owner_replying_in_the_app(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Is a person there?").await;
        stage.settle().await;
        let body = json!({"person": "mira.demo", "text": "Yes, it is me"});
        stage.control(&format!("instagram/accounts/{LUMEN}/owner/write"), &body).await;
        stage.settle().await;
        assert_eq!(stage.texts_told("message.sent"), ["Yes, it is me"]);
        assert_eq!(stage.texts_told("message.received"), ["Is a person there?"]);
        let kept = stage.messages(MIRA).await;
        assert_eq!((&kept[1]["message"], &kept[1]["direction"]), (&json!("Yes, it is me"), &json!("outgoing")));
    }
}

story! {
    /// The platform sends again what it sent before; one message stays one.
    async fn pitfall_09_no_dedupe_on_mid(stage: Stage) {
        stage.connect().await;
        let twice = json!({"event": "message", "count": 1, "fault": {"kind": "duplicate", "times": 3}});
        let rule = stage.make_wrong(&twice).await;
        let mid = stage.writes("mira.demo", "Once").await;
        stage.settle().await;
        assert_eq!(stage.times_struck(rule).await, 1);
        assert_eq!(stage.texts_told("message.received"), ["Once"]);
        // In a batch with another one, too.
        let batch = webhook(&[message(0, &mid, "Once"), message(1, "m-other", "Another")]);
        assert_eq!(stage.posted(&batch).await.status, 200);
        stage.settle().await;
        assert_eq!(stage.texts_told("message.received"), ["Once", "Another"]);
        assert_eq!(stage.messages(MIRA).await.len(), 2);
        // Taking it back has the same id, and is no repetition.
        let unsend = json!({"message_id": mid});
        stage.control("instagram/people/mira.demo/unsend", &unsend).await;
        stage.settle().await;
        let kept = stage.messages(MIRA).await;
        let deleted: Vec<_> = kept.iter().filter(|one| one["isDeleted"] == true).collect();
        assert_eq!((kept.len(), deleted.len()), (2, 1), "{kept:#?}");
        assert_eq!(deleted[0]["id"], mid.as_str());
    }
}

story! {
    /// A retry delivers an older message after a newer one; the time it was written decides.
    async fn pitfall_10_order_assumed(stage: Stage) {
        stage.connect().await;
        for (millis, mid, text) in [(9_000, "m-2", "written last"), (1_000, "m-1", "written first")] {
            assert_eq!(stage.posted(&webhook(&[message(millis, mid, text)])).await.status, 200);
            stage.settle().await;
        }
        let texts: Vec<_> = stage.messages(MIRA).await.iter().map(|one| one["message"].clone()).collect();
        assert_eq!(texts, ["written first", "written last"]);
        let list = stage.get(&format!("inbox/conversations?accountId={}", stage.account)).await.expect(200);
        assert_eq!(list["data"][0]["lastMessage"], "written last");
    }
}

story! {
    /// The platform hears yes once the webhook is on the disk, whatever stands behind it.
    async fn pitfall_11_slow_acknowledgement(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        // The conversation is busy: an echo of it could not be worked off before this answer.
        stage.proxy.will(&[Fault::HoldAnswer]);
        let body = json!({"accountId": stage.account, "message": "I am under way"});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let send = stage.post(&path, &body);
        let acknowledged = async {
            stage.proxy.arrived().await;
            let echo = item(5, &json!({"message": {"mid": "m-early", "text": "x", "is_echo": true},
                "sender": {"id": LUMEN}, "recipient": {"id": MIRA}}));
            let answer = stage.posted(&webhook(&[echo])).await;
            stage.proxy.release();
            answer.status
        };
        let (sent, status) = tokio::join!(send, acknowledged);
        assert_eq!(status, 200, "before anything was made of it");
        sent.expect(200);
        // Customers' endpoints that fail do not matter either.
        stage.hook.answer(&[500, 500, 500]);
        assert_eq!(stage.posted(&webhook(&[message(0, "m-next", "Next")])).await.status, 200);
        stage.settle().await;
    }
}

story! {
    /// One bad event in a batch: the platform hears 200, and the others are taken in.
    async fn pitfall_12_returning_500_for_one_bad_event(stage: Stage) {
        stage.connect().await;
        let batch = webhook(&[
            message(0, "m-1", "before"),
            json!(null),
            json!({"sender": 5, "message": {"mid": {"not": "a text"}}}),
            item(1, &json!({"message": {}})),
            message(2, "m-2", "after"),
        ]);
        assert_eq!(stage.posted(&batch).await.status, 200);
        stage.settle().await;
        let mut texts = stage.texts_told("message.received");
        texts.sort();
        assert_eq!(texts, ["after", "before"]);
    }
}

story! {
    /// New kinds of attachments, a missing sender, times as text: nothing breaks a delivery.
    async fn pitfall_13_parsing_strictly(stage: Stage) {
        stage.connect().await;
        let hologram = json!({"message": {"mid": "m-1", "attachments": [
            {"type": "hologram", "payload": {"of": "a cat"}}]}});
        let mut late = message(7, "m-2", "told in seconds");
        late["timestamp"] = json!("1767268807");
        let edit = json!({"timestamp": NOON, "message_edit": {"mid": "m-3", "num_edit": 0}});
        for body in [
            webhook(&[item(0, &hologram)]),
            webhook(&[late]),
            webhook(&[edit]),
            include_str!("../../../../platforms/src/instagram/fixtures/test-send-messaging.json").to_owned(),
            include_str!("../../../../platforms/src/instagram/fixtures/test-send-changes.json").to_owned(),
        ] {
            assert_eq!(stage.posted(&body).await.status, 200, "{body}");
            stage.settle().await;
        }
        assert_eq!(stage.count_inbound(State::Unparsed).await, 0);
        assert_eq!(stage.count_inbound(State::Unrouted).await, 0);
        let kept = stage.messages(MIRA).await;
        assert!(kept.iter().any(|one| one["attachments"].to_string().contains("hologram")), "{kept:#?}");
        let late = kept.iter().find(|one| one["message"] == "told in seconds").unwrap();
        assert_eq!(late["createdAt"], "2026-01-01T12:00:07.000Z");
    }
}
