//! Posta as a platform sees it: asked whether the URL is ours, and told what happened.

use hmac::{Hmac, KeyInit, Mac};
use posta::telemetry::Stopwatch;
use posta_store::inbound::{self, State};
use serde_json::json;
use sha2::Sha256;

use crate::support::{Answer, CLIENT_SECRET, Stage, VERIFY_TOKEN, story};

pub(crate) const LUMEN: &str = "17841499900000001";

/// Signs a body as the platform does.
pub(crate) fn signature(body: &[u8]) -> String {
    signature_by(CLIENT_SECRET, body)
}

fn signature_by(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

pub(crate) async fn deliver(stage: &Stage, body: &str, signature: &str) -> Answer {
    let (body, signature) = (body.to_owned(), signature.to_owned());
    let request = |http: &reqwest::Client, url| {
        http.post(url).header("x-hub-signature-256", signature).body(body)
    };
    stage.plain(request, "webhooks/instagram").await
}

pub(crate) async fn count(stage: &Stage, state: State) -> i64 {
    let mut tx = stage.db().read().await.unwrap();
    inbound::count(&mut tx, "instagram", state).await.unwrap()
}

pub(crate) fn message(account: &str, mid: &str, text: &str) -> String {
    json!({"object": "instagram", "entry": [{"time": 1_767_268_800_000_i64, "id": account,
        "messaging": [{"sender": {"id": "1099900000000101"}, "recipient": {"id": account},
            "timestamp": 1_767_268_800_000_i64, "message": {"mid": mid, "text": text}}]}]})
    .to_string()
}

story! {
    /// The verification answers the challenge as plain text, to our token only.
    async fn the_url_is_verified_by_its_token(stage: Stage) {
        let ask = async |query: &str| {
            stage.plain(reqwest::Client::get, &format!("webhooks/instagram?{query}")).await
        };
        let token = VERIFY_TOKEN;
        let good = ask(&format!("hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444")).await;
        assert_eq!((good.status, good.text.as_str()), (200, "1158201444"));
        assert!(good.headers["content-type"].starts_with("text/plain"));
        for query in [
            "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1".to_owned(),
            format!("hub.mode=other&hub.verify_token={token}&hub.challenge=1"),
            format!("hub.mode=subscribe&hub.verify_token={token}&hub.challenge=%3Cscript%3E"),
            format!("hub.mode=subscribe&hub.verify_token={token}"),
            String::new(),
        ] {
            ask(&query).await.expect_error(403, "verification_refused");
        }
        let unknown = stage.plain(reqwest::Client::get, "webhooks/myspace").await;
        unknown.expect_error(404, "route_not_found");
    }
}

story! {
    /// Only bodies that our secret signed are taken, byte for byte.
    async fn a_webhook_without_our_signature_is_refused(stage: Stage) {
        stage.connect().await;
        let body = message(LUMEN, "m1", "hi");
        let wrong = signature_by("another secret", body.as_bytes());
        for signature in ["", "sha256=", "sha256=zz", "sha1=abc", &wrong] {
            deliver(stage, &body, signature).await.expect_error(401, "invalid_signature");
        }
        let tampered = body.replace("hi", "ho");
        let answer = deliver(stage, &tampered, &signature(body.as_bytes())).await;
        answer.expect_error(401, "invalid_signature");
        let huge = "x".repeat((1 << 20) + 1);
        deliver(stage, &huge, &signature(huge.as_bytes())).await.expect_error(413, "body_too_large");
        assert_eq!(count(stage, State::Done).await, 0);
        assert_eq!(deliver(stage, &body, &signature(body.as_bytes())).await.status, 200);
        stage.settle().await;
        assert_eq!(count(stage, State::Done).await, 1);
    }
}

story! {
    /// Whatever is signed is kept, understood or not, and is never a 500.
    async fn what_is_not_understood_is_kept(stage: Stage) {
        stage.connect().await;
        for body in ["not json", "[]", "{}", "{\"entry\": 5}", "\u{0}", ""] {
            let answer = deliver(stage, body, &signature(body.as_bytes())).await;
            assert_eq!(answer.status, 200, "{body}");
        }
        let odd = json!({"object": "instagram", "entry": [
            {"id": LUMEN, "messaging": [{"hologram": {"of": "a cat"}}, null, 7]},
            {"id": LUMEN, "messaging": [{"sender": {"id": "1099900000000101"},
                "recipient": {"id": LUMEN}, "timestamp": 1_767_268_800_000_i64,
                "message": {"mid": "m-nul", "text": "before\u{0}after"}}]},
        ]})
        .to_string();
        assert_eq!(deliver(stage, &odd, &signature(odd.as_bytes())).await.status, 200);
        stage.settle().await;
        assert_eq!(count(stage, State::Unparsed).await, 6);
        let counted = stage.plain(reqwest::Client::get, "metrics").await;
        let line = "posta_inbound_rows{platform=\"instagram\",state=\"unparsed\"} 6";
        assert!(counted.text.contains(line), "{}", counted.text);
        assert_eq!(count(stage, State::Done).await, 1, "odd events do not spoil their batch");
        let kept = stage.messages("1099900000000101").await;
        assert_eq!(kept[0]["message"], "before\u{fffd}after");
    }
}

story! {
    /// One delivery with two accounts, events out of order, and one message twice.
    async fn a_mixed_batch_is_taken_in_once(stage: Stage) {
        stage.connect().await;
        let end = stage.press("allow", &[("account", "lumen.shop.demo")]).await;
        let shop = crate::support::query(&end, "accountId").unwrap();
        stage.settle().await;
        stage.hook.forget();
        let body = include_str!("../../../platforms/src/instagram/fixtures/batch-mixed.json");
        assert_eq!(deliver(stage, body, &signature(body.as_bytes())).await.status, 200);
        stage.settle().await;
        let mut texts: Vec<_> = stage
            .hook
            .events("message.received")
            .iter()
            .map(|event| event["message"]["text"].as_str().unwrap().to_owned())
            .collect();
        texts.sort();
        assert_eq!(texts, ["first", "hello shop two", "second"]);
        let list = stage.get(&format!("inbox/conversations?accountId={shop}")).await.expect(200);
        assert_eq!(list["data"][0]["lastMessage"], "hello shop two");
    }
}

story! {
    /// A message for an account that is not there is kept, and read once the account is connected.
    async fn a_message_that_comes_before_its_account_is_not_lost(stage: Stage) {
        let body = message(LUMEN, "m-early", "I was early");
        assert_eq!(deliver(stage, &body, &signature(body.as_bytes())).await.status, 200);
        stage.settle().await;
        assert_eq!(count(stage, State::Unrouted).await, 1);
        stage.connect().await;
        assert_eq!(count(stage, State::Unrouted).await, 0);
        assert_eq!(stage.messages("1099900000000101").await[0]["message"], "I was early");
    }
}

story! {
    /// A customer's own app signs for its own accounts only: nobody can forge another's messages.
    async fn an_apps_secret_speaks_only_for_its_own_accounts(stage: Stage) {
        stage.connect().await;
        let (mallory, _) = crate::support::key_of(&stage.app, "mallory").await;
        let app = json!({
            "platform": "instagram", "label": "evil", "clientId": "666",
            "clientSecret": "mallorys-secret",
        });
        let auth = format!("Bearer {mallory}");
        let made = stage
            .call(reqwest::Method::POST, "connect/oauth-apps", Some(&app), &[("authorization", &auth)])
            .await
            .expect(201);
        assert!(made["app"].get("clientSecret").is_none(), "secrets never come back");
        let body = message(LUMEN, "m-forged", "transfer everything");
        let forged = signature_by("mallorys-secret", body.as_bytes());
        assert_eq!(deliver(stage, &body, &forged).await.status, 200, "it is a secret of ours");
        stage.settle().await;
        assert_eq!(count(stage, State::Unrouted).await, 1);
        assert!(stage.messages_of_nobody().await);
        // The app's own verify token verifies the URL.
        let token = made["app"]["webhook"]["verifyToken"].as_str().unwrap();
        let query = format!("hub.mode=subscribe&hub.verify_token={token}&hub.challenge=5");
        let answer = stage.plain(reqwest::Client::get, &format!("webhooks/instagram?{query}")).await;
        assert_eq!(answer.text, "5");
    }
}

story! {
    /// How fast Posta is as the platform and the customer see it: told, not asserted, because a
    /// shared machine may be slow. Run it with `--release -- --nocapture meta`.
    #[expect(clippy::print_stdout, reason = "the figures are its result")]
    async fn meta_is_answered_fast(stage: Stage) {
        stage.connect().await;
        let (mut verified, mut answered, mut delivered) = (Vec::new(), Vec::new(), Vec::new());
        let query = format!("hub.mode=subscribe&hub.verify_token={VERIFY_TOKEN}&hub.challenge=7");
        for number in 0..200 {
            let watch = Stopwatch::start();
            let path = format!("webhooks/instagram?{query}");
            assert_eq!(stage.plain(reqwest::Client::get, &path).await.status, 200);
            verified.push(watch.elapsed());

            let body = message(LUMEN, &format!("m-{number}"), "How fast is this?");
            let signature = signature(body.as_bytes());
            let watch = Stopwatch::start();
            let arrival = stage.hook.next_arrival(watch);
            let post = async {
                assert_eq!(deliver(stage, &body, &signature).await.status, 200);
                watch.elapsed()
            };
            let (arrived, acknowledged) = tokio::join!(arrival, post);
            answered.push(acknowledged);
            delivered.push(arrived);
            stage.settle().await;
        }
        for (what, times) in [
            ("GET verification answered", &mut verified),
            ("signed POST answered, on disk", &mut answered),
            ("platform's POST to the receiver's first byte", &mut delivered),
        ] {
            times.sort();
            let millis = |index: usize| times[index].as_secs_f64() * 1000.0;
            println!("{what}: median {:.2} ms, p99 {:.2} ms of 200", millis(100), millis(197));
        }
    }
}

impl Stage {
    async fn messages_of_nobody(&self) -> bool {
        let list = self.get("inbox/conversations").await.expect(200);
        list["data"].as_array().unwrap().is_empty()
    }
}
