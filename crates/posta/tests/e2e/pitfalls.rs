//! What integrators of Instagram get wrong, one story each; docs/instagram-pitfalls.md lists them.

use std::collections::BTreeSet;
use std::time::Duration;

use posta::flows::line::Line;
use posta_core::id::RemotePerson;
use posta_store::accounts;
use posta_store::inbound::{self, State};
use serde_json::{Value, json};

use crate::inbound::signature;
use crate::support::{Answer, CLIENT_ID, Fault, Stage, query, story};

const MIRA: &str = "1099900000000101";
const LUMEN: &str = "17841499900000001";
const NOON: i64 = 1_767_268_800_000;
const DAY: Duration = Duration::from_hours(24);

impl Stage {
    /// Delivers a webhook as the platform would.
    async fn posted(&self, body: &str) -> Answer {
        let (signature, body) = (signature(body.as_bytes()), body.to_owned());
        let post = |http: &reqwest::Client, url| {
            http.post(url).header("x-hub-signature-256", signature).body(body)
        };
        self.plain(post, "webhooks/instagram").await
    }

    /// The account as it is stored.
    async fn account_row(&self) -> accounts::Account {
        let mut tx = self.db().read().await.unwrap();
        accounts::list_everywhere(&mut tx, Some(&self.account)).await.unwrap().remove(0)
    }

    async fn count_inbound(&self, state: State) -> i64 {
        let mut tx = self.db().read().await.unwrap();
        inbound::count(&mut tx, "instagram", state).await.unwrap()
    }

    /// The texts of the events of one kind that the customer got, in order.
    fn texts_told(&self, event: &str) -> Vec<String> {
        let events = self.hook.events(event);
        events
            .iter()
            .map(|one| one["message"]["text"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// A rule of what goes wrong.
    async fn make_wrong(&self, rule: &Value) -> u64 {
        self.control("faults", rule).await["id"].as_u64().unwrap()
    }

    /// How many times a rule struck.
    async fn times_struck(&self, rule: u64) -> u64 {
        let list = self.look("faults").await;
        let rules = list.as_array().or(list["faults"].as_array()).unwrap().clone();
        let found = rules.iter().find(|one| one["id"] == rule).unwrap();
        found["hits"].as_u64().unwrap()
    }
}

fn item(millis: i64, more: &Value) -> Value {
    let mut item = json!({
        "sender": {"id": MIRA}, "recipient": {"id": LUMEN}, "timestamp": NOON + millis,
    });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    item
}

fn webhook(items: &[Value]) -> String {
    json!({"object": "instagram", "entry": [{"time": NOON, "id": LUMEN, "messaging": items}]})
        .to_string()
}

fn message(millis: i64, mid: &str, text: &str) -> Value {
    item(millis, &json!({"message": {"mid": mid, "text": text}}))
}

story! {
    /// `/me` has two ids. The one that webhooks carry is stored, the app's own beside it.
    async fn pitfall_01_wrong_id_stored(stage: Stage) {
        stage.connect().await;
        let account = stage.account_row().await;
        assert_eq!(account.remote_id.as_str(), LUMEN);
        assert_eq!(account.app_scoped_id.as_deref(), Some("27999000000000001"));
        stage.writes("mira.demo", "Do you know me?").await;
        stage.settle().await;
        assert_eq!(stage.texts_told("message.received"), ["Do you know me?"]);
        assert_eq!(stage.count_inbound(State::Unrouted).await, 0);
    }
}

story! {
    /// The page prints the granted permissions as a text, the live answer has a list.
    async fn pitfall_03_permissions_are_a_list_or_a_text(stage: Stage) {
        for shape in ["live", "documented"] {
            stage.control("instagram/options", &json!({"exchange_shape": shape})).await;
            let ticks = [("grant", "instagram_business_basic"), ("grant", "instagram_business_manage_messages")];
            let end = stage.press("allow", &ticks).await;
            stage.account = query(&end, "accountId").unwrap_or_else(|| panic!("{shape}: {end}"));
            let scopes = stage.account_row().await.scopes.unwrap().0;
            let scopes: BTreeSet<_> = scopes.iter().map(String::as_str).collect();
            let expected = ["instagram_business_basic", "instagram_business_manage_messages"];
            assert_eq!(scopes, BTreeSet::from(expected), "{shape}");
        }
    }
}

story! {
    /// The exchange answers flat or inside `data[]`, and so does `/me`.
    async fn pitfall_04_both_shapes_of_the_exchange(stage: Stage) {
        for exchange in ["live", "documented"] {
            for me in ["flat", "data"] {
                let shapes = json!({"exchange_shape": exchange, "me_shape": me});
                stage.control("instagram/options", &shapes).await;
                let end = stage.press("allow", &[]).await;
                stage.account =
                    query(&end, "accountId").unwrap_or_else(|| panic!("{exchange} {me}: {end}"));
                assert_eq!(stage.account_row().await.remote_id.as_str(), LUMEN, "{exchange} {me}");
            }
        }
    }
}

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
            include_str!("../../../platforms/src/instagram/fixtures/test-send-messaging.json").to_owned(),
            include_str!("../../../platforms/src/instagram/fixtures/test-send-changes.json").to_owned(),
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

story! {
    /// Links to media end; what lasts is Posta's own link, which leads to one that works.
    async fn pitfall_14_keeping_media_urls(stage: Stage) {
        stage.connect().await;
        let picture = json!({"attachments": [{"type": "image"}]});
        stage.control("instagram/people/mira.demo/write", &picture).await;
        stage.settle().await;
        let told = stage.hook.events("message.received").remove(0);
        let kept = told["message"]["attachments"][0]["url"].as_str().unwrap().to_owned();
        let message = stage.messages(MIRA).await.remove(0);
        let (id, account) = (message["id"].as_str().unwrap(), &stage.account);
        let path = format!(
            "inbox/conversations/{MIRA}/messages/{id}/attachments/0?accountId={account}&format=json"
        );
        let fetched = async |url: &str| stage.plain(|http, _| http.get(url), "").await.status;
        assert_eq!(fetched(&kept).await, 200);

        stage.pass(8 * DAY).await;
        assert_eq!(fetched(&kept).await, 403, "whoever kept the link has nothing");
        let minted = stage.get(&path).await.expect(200);
        assert_eq!(minted["refreshed"], true, "{minted}");
        let minted = minted["url"].as_str().unwrap();
        assert_ne!(minted, kept);
        assert_eq!(fetched(minted).await, 200);
    }
}

story! {
    /// Not in the token's first day, when it is refused, and before its last, when it is too late.
    async fn pitfall_15_refreshing_too_early_or_too_late(stage: Stage) {
        stage.connect().await;
        let tokens = async || {
            let list = stage.look("instagram/tokens").await;
            let all = list["tokens"].as_array().unwrap().clone();
            all.iter().filter(|one| one["long_lived"] == true).count()
        };
        let first = tokens().await;
        stage.pass(DAY - Duration::from_secs(1)).await;
        assert_eq!(tokens().await, first, "too young to be renewed");
        for _ in 0..130 {
            stage.pass(DAY).await;
        }
        let renewed = tokens().await - first;
        assert!((2..=3).contains(&renewed), "renewed {renewed} times in 131 days");
        stage.writes("mira.demo", "Four months later").await;
        stage.settle().await;
        stage.send(MIRA, "Still here", &[]).await.expect(200);
    }
}

story! {
    /// `#_` is no part of the code, and the redirect URI is the same to the character both times.
    async fn pitfall_16_code_with_a_tail_and_the_redirect_uri(stage: Stage) {
        for tail in ["", "#_", "%23_"] {
            let back = stage.consent("allow", &[]).await;
            let mut bare = back.clone();
            bare.set_fragment(None);
            let pairs: Vec<_> = bare.query_pairs().into_owned().collect();
            let mut url = bare.clone();
            url.set_query(None);
            let query: Vec<_> = pairs.iter().map(|(key, value)| {
                let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
                if key == "code" { format!("code={value}{}", tail.replace('#', "%23")) } else { format!("{key}={value}") }
            }).collect();
            url.set_query(Some(&query.join("&")));
            let end = stage.follow(url).await;
            assert!(query_of(&end, "accountId"), "{tail}: {end}");
        }
        // A slash more makes another URI: nobody gets as far as a code.
        let slash = stage.posta.join("connect/instagram/callback/").unwrap();
        let uris = json!({"client_id": CLIENT_ID, "redirect_uris": [slash]});
        stage.control("instagram/apps", &uris).await;
        let path = format!("connect/instagram?profileId={}", stage.profile);
        let started = stage.get(&path).await.expect(200);
        let page = stage.plain(|http, _| http.get(started["authUrl"].as_str().unwrap()), "").await;
        assert_eq!(page.status, 400, "{}", page.text);
    }
}

fn query_of(url: &url::Url, name: &str) -> bool {
    query(url, name).is_some()
}

story! {
    /// The limit is 1000 bytes: 250 emoji fit, 251 do not, and the platform is not even asked.
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
    /// Nearly every error says `OAuthException`; only 190, 102 and 25 end a grant.
    async fn pitfall_19_oauth_exception_read_as_a_dead_token(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello").await;
        stage.settle().await;
        for answer in [
            r#"{"error":{"message":"outside","type":"OAuthException","code":10,"error_subcode":2534022}}"#,
            r#"{"error":{"message":"no consent","type":"OAuthException","code":230}}"#,
            r#"{"error":{"message":"nobody","type":"OAuthException","code":100,"error_subcode":2534014}}"#,
        ] {
            stage.proxy.will(&[Fault::Answer(401, answer)]);
            assert!(stage.send(MIRA, "Hello?", &[]).await.status >= 400);
            assert_eq!(stage.account_row().await.state, accounts::State::Connected, "{answer}");
        }
        stage.send(MIRA, "Still connected", &[]).await.expect(200);
        let dead = r#"{"error":{"message":"x","type":"IGApiException","code":190}}"#;
        stage.proxy.will(&[Fault::Answer(400, dead)]);
        stage.send(MIRA, "Not any more", &[]).await.expect_error(401, "reconnect_required");
        assert_eq!(stage.account_row().await.state, accounts::State::Dead);
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
    /// The account is subscribed when it is connected; that its owner shuts it is found by the doctor.
    async fn pitfall_21_subscribing_the_app_but_not_the_account(stage: Stage) {
        stage.connect().await;
        let list = stage.look("instagram/tokens").await;
        let fields = list["grants"][0]["subscribed_fields"].as_array().unwrap();
        for field in ["messages", "messaging_postbacks", "message_reactions", "comments"] {
            assert!(fields.contains(&json!(field)), "{field} is not in {fields:?}");
        }
        let off = json!({"username": "lumen.cafe.demo", "message_access": false});
        stage.control("instagram/accounts", &off).await;
        let path = "instagram/people/mira.demo/write";
        let done = stage.control(path, &json!({"text": "Silence"})).await;
        assert_eq!(done["told"], 0);
        let report = stage.get(&format!("accounts/{}/doctor", stage.account)).await.expect(200);
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().find(|one| one["check"] == "message_access").unwrap();
        assert_eq!(found["severity"], "error", "{report:#}");
        assert!(found["cause"].as_str().unwrap().contains("Allow access to messages"));
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
    /// Only the 20 newest messages can be read; that older ones answer as deleted deletes nothing.
    async fn pitfall_25_old_history_expected(stage: Stage) {
        stage.connect().await;
        for number in 0..25 {
            stage.writes("mira.demo", &format!("Message {number:02}")).await;
            stage.pass(Duration::from_secs(2)).await;
        }
        let account = stage.account_row().await;
        let line = Line::open(&stage.app, &account).await.unwrap();
        let (history, cx) = (line.platform.history().unwrap(), line.cx(&stage.app));
        let person = RemotePerson::new(MIRA);
        let thread = history.thread_with(&cx, &person).await.unwrap().unwrap();
        let (mut listed, mut next) = (Vec::new(), None);
        loop {
            // The platform lets conversations be read twice a second.
            stage.pass(Duration::from_secs(2)).await;
            let page = history.messages(&cx, &thread, next.as_deref()).await.unwrap();
            listed.extend(page.items);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(listed.len(), 25, "all are listed");
        let readable = listed.iter().filter(|past| past.message.is_some()).count();
        assert_eq!(readable, 20, "and the rest is not shown, which is no error");
        stage.pass(DAY).await;
        let kept = stage.messages(MIRA).await;
        assert_eq!(kept.len(), 25);
        for (number, one) in kept.iter().enumerate() {
            assert_eq!(one["message"], format!("Message {number:02}"), "{one:#}");
        }
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
