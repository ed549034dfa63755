//! What happens around an account's life: warnings, losses and recoveries, subscriptions that are
//! mended, owners who take the app away, and calls that are spared.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use crate::support::{Answer, CLIENT_SECRET, Fault, Stage, query, story};

const DAY: Duration = Duration::from_hours(24);
const MIRA: &str = "1099900000000101";

async fn health(stage: &Stage) -> Value {
    stage.get(&format!("accounts/{}/health", stage.account)).await.expect(200)
}

/// Presses the owner's way through a reconnect link, from a browser without a key.
async fn reconnect(stage: &mut Stage, link: &str) {
    let link: Url = link.parse().unwrap();
    let away = stage.plain(reqwest::Client::get, link.path()).await;
    assert_eq!(away.status, 303, "{}", away.text);
    let auth_url: Url = away.headers["location"].parse().unwrap();
    let back = stage.press_at(&auth_url, "allow", &[]).await;
    stage.keep_secret(&query(&back, "code").unwrap());
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    let end = stage.plain(reqwest::Client::get, &path).await;
    assert_eq!(end.status, 200, "{}", end.text);
    assert!(end.text.contains("is connected"), "{}", end.text);
    stage.settle().await;
}

story! {
    /// Renewing fails to the end: the customer hears it three times, and that it went well at last.
    async fn an_owner_is_warned_at_seven_three_and_one_days(stage: Stage) {
        stage.connect().await;
        stage.proxy.refuse(Some("refresh_access_token"));
        stage.pass(DAY * 52).await;
        assert!(stage.hook.events("account.token_expiring").is_empty());
        for _ in 0..(8 * 3 - 4) {
            stage.pass(Duration::from_hours(8)).await;
        }
        let told = stage.hook.events("account.token_expiring");
        let days: Vec<_> = told.iter().map(|event| event["daysLeft"].as_i64().unwrap()).collect();
        assert_eq!(days, [7, 3], "once each");
        assert!(told[0]["reconnectUrl"].as_str().unwrap().contains("/connect/instagram/reconnect/"));
        stage.pass(DAY).await;
        assert_eq!(stage.hook.events("account.token_expiring")[2]["daysLeft"], 1);
        assert!(health(stage).await["issues"][0].as_str().unwrap().contains("7 days"));
        stage.proxy.refuse(None);
        stage.pass(Duration::from_hours(2)).await;
        let event = stage.hook.events("account.recovered").remove(0);
        assert_eq!(event["recoveredFrom"], "token_expiring");
        assert!(stage.hook.events("account.disconnected").is_empty());
    }
}

story! {
    /// Each way a token dies has its word; the link leads back, and only this account.
    async fn a_lost_account_is_connected_again_by_its_link(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        for (way, word) in [("password_changed", "password_changed"), ("checkpoint", "checkpoint")] {
            let revoke = json!({"account": "lumen.cafe.demo", "reason": way});
            stage.control("instagram/tokens/revoke", &revoke).await;
            stage.send(MIRA, "Yes?", &[]).await.expect_error(401, "reconnect_required");
            stage.settle().await;
            let event = stage.hook.events("account.disconnected").pop().unwrap();
            assert_eq!((&event["reasonCode"], &event["disconnectionType"]), (&json!(word), &json!("unintentional")));
            let seen = health(stage).await;
            assert_eq!((&seen["status"], &seen["disconnectReasonCode"]), (&json!("error"), &json!(word)));
            assert_eq!(seen["needsReconnect"], true);

            let refused = stage.send(MIRA, "Still here?", &[]).await;
            let refused = refused.expect_error(403, "ACCOUNT_DISCONNECTED");
            assert_eq!(refused["details"]["reasonCode"], word);
            let link = refused["details"]["reconnectUrl"].as_str().unwrap().to_owned();
            reconnect(stage, &link).await;
            let event = stage.hook.events("account.recovered").pop().unwrap();
            assert_eq!(event["recoveredFrom"], word);
            assert_eq!(event["account"]["accountId"], stage.account.as_str());
            assert_eq!(health(stage).await["status"], "healthy");
        }
        stage.send(MIRA, "Here I am", &[]).await.expect(200);

        let link = stage.hook.events("account.disconnected")[0]["reconnectUrl"].clone();
        let link: Url = link.as_str().unwrap().parse().unwrap();
        let altered = link.path().replace(".1767", ".1867");
        for (path, days) in [(altered.as_str(), 0), (link.path(), 8)] {
            stage.pass(DAY * days).await;
            let refused = stage.plain(reqwest::Client::get, path).await;
            assert_eq!(refused.status, 400, "{}", refused.text);
        }
    }
}

story! {
    /// The platform drops the subscription, as it does after failures; Posta mends it within hours.
    async fn a_lost_subscription_is_mended_and_told(stage: Stage) {
        stage.connect().await;
        let path = format!("accounts/{}/webhook-subscription", stage.account);
        let seen = stage.get(&path).await.expect(200);
        assert_eq!((&seen["appSubscribed"], &seen["warning"]), (&json!(true), &json!(null)));
        assert_eq!((&seen["pageId"], &seen["leadgen"]), (&json!("17841499900000001"), &json!(false)));
        stage.pass(Duration::from_hours(3)).await;
        assert!(stage.hook.events("subscription.repaired").is_empty());

        let loss = json!({"account": "lumen.cafe.demo"});
        stage.control("instagram/subscriptions/lose", &loss).await;
        stage.writes("mira.demo", "Nobody hears this").await;
        stage.proxy.refuse(Some("subscribed_apps"));
        stage.pass(Duration::from_hours(2)).await;
        stage.proxy.refuse(None);
        stage.pass(Duration::from_hours(2)).await;
        let event = stage.hook.events("subscription.repaired").remove(0);
        assert!(event["missingFields"].as_array().unwrap().contains(&json!("messages")));
        stage.writes("mira.demo", "Somebody does").await;
        stage.settle().await;
        assert_eq!(stage.messages(MIRA).await.len(), 1);

        stage.control("instagram/subscriptions/lose", &loss).await;
        let seen = stage.get(&path).await.expect(200);
        assert_eq!(seen["appSubscribed"], false);
        assert!(seen["warning"].as_str().unwrap().contains("messages"));
        assert!(health(stage).await["issues"][0].as_str().unwrap().contains("not subscribed"));
        let mended = stage.post(&path, &json!({})).await.expect(200);
        assert_eq!((&mended["resubscribed"], &mended["warning"]), (&json!(true), &json!(null)));
        let again = stage.post(&path, &json!({})).await.expect(200);
        assert_eq!(again["resubscribed"], false);
        let strange = "accounts/0123456789abcdef01234567/webhook-subscription";
        stage.get(strange).await.expect_error(404, "account_not_found");
    }
}

fn signed(secret: &str, payload: &Value) -> String {
    let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(payload.as_bytes());
    format!("{}.{payload}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

pub(crate) async fn call(stage: &Stage, what: &str, secret: &str, issued_at: i64) -> Answer {
    let payload = json!({
        "algorithm": "HMAC-SHA256", "issued_at": issued_at, "user_id": "27999000000000001",
    });
    let form = [("signed_request", signed(secret, &payload))];
    stage.plain(|http, url| http.post(url).form(&form), &format!("webhooks/instagram/{what}")).await
}

story! {
    /// The owner removes the app in Instagram's settings.
    async fn an_owner_takes_the_app_away(stage: Stage) {
        stage.connect().await;
        let now = stage.clock.now().as_seconds();
        call(stage, "deauthorize", "not-the-secret", now).await.expect_error(401, "invalid_signature");
        let bare = stage.plain(reqwest::Client::post, "webhooks/instagram/deauthorize").await;
        assert_eq!(bare.expect_error(400, "invalid_field_value")["param"], "signed_request");
        let nowhere = stage.plain(reqwest::Client::post, "webhooks/nowhere/deauthorize").await;
        nowhere.expect_error(404, "route_not_found");
        assert_eq!(health(stage).await["status"], "healthy");

        assert_eq!(call(stage, "deauthorize", CLIENT_SECRET, now).await.status, 200);
        stage.settle().await;
        let event = stage.hook.events("account.disconnected").remove(0);
        assert_eq!(event["reasonCode"], "app_removed");
        let link = event["reconnectUrl"].as_str().unwrap().to_owned();
        stage.pass(Duration::from_mins(5)).await;
        reconnect(stage, &link).await;
        call(stage, "deauthorize", CLIENT_SECRET, now).await;
        assert_eq!(health(stage).await["status"], "healthy", "an old call is about an old connection");
    }
}

story! {
    /// The owner wants their data deleted: it is, all of it, and a page says so.
    async fn an_owner_has_their_data_deleted(stage: Stage) {
        stage.connect().await;
        for text in ["One", "Two", "Three"] {
            stage.writes("mira.demo", text).await;
            stage.settle().await;
        }
        stage.send(MIRA, "Four", &[]).await.expect(200);
        stage.settle().await;
        let now = stage.clock.now().as_seconds();
        call(stage, "data-deletion", "not-the-secret", now).await.expect_error(401, "invalid_signature");
        let receipt = call(stage, "data-deletion", CLIENT_SECRET, now).await.expect(200);
        let code = receipt["confirmation_code"].as_str().unwrap().to_owned();
        stage.pass(Duration::from_mins(2)).await;

        let again = call(stage, "data-deletion", CLIENT_SECRET, now).await.expect(200);
        assert_eq!(again["confirmation_code"], code.as_str(), "the platform repeats itself");
        let url: Url = receipt["url"].as_str().unwrap().parse().unwrap();
        let page = stage.plain(reqwest::Client::get, url.path()).await;
        assert!(page.text.contains("<h1>Your data is deleted</h1>"), "{}", page.text);
        let json = stage
            .plain(|http, url| http.get(url).header("accept", "application/json"), url.path())
            .await
            .expect(200);
        assert_eq!((&json["status"], &json["confirmationCode"]), (&json!("done"), &json!(code)));
        let unknown = stage.plain(reqwest::Client::get, "data-deletion/nothing").await;
        assert_eq!(unknown.status, 404);

        let event = stage.hook.events("account.disconnected").remove(0);
        assert_eq!((&event["reasonCode"], event.get("reconnectUrl")), (&json!("data_deleted"), None));
        assert_eq!(stage.get("accounts").await.expect(200)["accounts"], json!([]));
        let conversations = stage.get("inbox/conversations").await.expect(200);
        assert_eq!(conversations["data"], json!([]));
        let mut tx = stage.db().read().await.unwrap();
        for state in [
            posta_store::inbound::State::Pending,
            posta_store::inbound::State::Done,
            posta_store::inbound::State::Unrouted,
        ] {
            let left = posta_store::inbound::count(&mut tx, "instagram", state).await.unwrap();
            assert_eq!(left, 0, "{state:?} webhooks that speak of it");
        }
    }
}

story! {
    /// The platform restricts sending: said in the account's health until a message goes out again.
    async fn a_restriction_is_seen_in_the_accounts_health(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let words = r#"{"error":{"message":"(#368) blocked","type":"OAuthException","code":368,"fbtrace_id":"A1"}}"#;
        stage.proxy.will(&[Fault::Answer(400, words)]);
        let text = json!({"accountId": stage.account, "message": "Yes?"});
        let path = format!("inbox/conversations/{MIRA}/messages");
        let sending = stage.call(Method::POST, &path, Some(&text), &[]);
        let waited = async {
            while health(stage).await["messagingRestriction"].is_null() {
                tokio::task::yield_now().await;
            }
            let restriction = health(stage).await["messagingRestriction"].clone();
            assert_eq!((&restriction["code"], &restriction["subcode"]), (&json!(368), &json!(null)));
            assert_eq!(restriction["message"], "(#368) blocked");
            assert_eq!(restriction["firstSeenAt"], restriction["lastSeenAt"]);
            assert!(restriction["pausedUntil"].is_string());
            assert_eq!(health(stage).await["status"], "warning");
            let account = stage.get("accounts").await.expect(200)["accounts"][0].clone();
            assert_eq!(account["rateLimitedUntil"], restriction["pausedUntil"]);
            stage.clock.advance(Duration::from_hours(5));
        };
        let (sent, ()) = tokio::join!(sending, waited);
        stage.keep_secret("Yes?");
        assert!([200, 202].contains(&sent.status), "{}", sent.text);
        stage.settle().await;
        assert_eq!(health(stage).await["messagingRestriction"], json!(null));
        assert_eq!(stage.get("accounts").await.expect(200)["accounts"][0]["rateLimitedUntil"], json!(null));
    }
}

story! {
    /// Nearly everything that the platform allows is used up: what can wait waits, messages go.
    async fn calls_are_spared_before_the_platform_refuses(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let fault = json!({"route": "messages", "count": 1, "fault": {"kind": "usage", "percent": 95, "wait": "20m"}});
        stage.control("faults", &fault).await;
        stage.send(MIRA, "One", &[]).await.expect(200);
        stage.settle().await;
        let until = stage.get("accounts").await.expect(200)["accounts"][0]["rateLimitedUntil"].clone();
        let expected = stage.clock.now().plus(Duration::from_mins(20)).to_string();
        assert_eq!(until, expected.as_str());
        stage.send(MIRA, "Two", &[]).await.expect(200);
        stage.pass(Duration::from_mins(21)).await;
        assert_eq!(stage.get("accounts").await.expect(200)["accounts"][0]["rateLimitedUntil"], json!(null));
    }
}

story! {
    /// An account is called what the customer likes, also after it is connected again.
    async fn an_account_is_called_what_the_customer_likes(stage: Stage) {
        stage.connect().await;
        let path = format!("accounts/{}", stage.account);
        let body = json!({"displayName": "Head office", "xCapabilities": {"inbox": true}});
        let named = stage.call(Method::PUT, &path, Some(&body), &[]).await.expect(200);
        assert_eq!((&named["username"], &named["displayName"]), (&json!("lumen.cafe.demo"), &json!("Head office")));
        stage.press("allow", &[]).await;
        let account = stage.get("accounts?search=head").await.expect(200)["accounts"][0].clone();
        assert_eq!((&account["_id"], &account["displayName"]), (&json!(stage.account), &json!("Head office")));
        for (body, param) in [(json!({}), "username"), (json!({"displayName": " "}), "displayName")] {
            let refused = stage.call(Method::PUT, &path, Some(&body), &[]).await;
            assert_eq!(refused.status, 400, "{}", refused.text);
            assert_eq!(refused.body["param"], param);
        }
    }
}

async fn ids(stage: &Stage, query: &str) -> Vec<Value> {
    let list = stage.get(&format!("accounts?{query}")).await.expect(200);
    list["accounts"].as_array().unwrap().iter().map(|one| one["_id"].clone()).collect()
}

story! {
    /// Lists are sorted, and few of each profile are shown with how many there are.
    async fn accounts_are_sorted_and_counted_by_profile(stage: Stage) {
        stage.connect().await;
        let second = stage.press("allow", &[("account", "lumen.shop.demo")]).await;
        let second = query(&second, "accountId").unwrap();
        let (first, second) = (json!(stage.account), json!(second));
        assert_eq!(ids(stage, "sort=account").await, [first.clone(), second.clone()]);
        assert_eq!(ids(stage, "sort=account&order=desc").await, [second.clone(), first.clone()]);
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        let revoke = json!({"account": "lumen.cafe.demo"});
        stage.control("instagram/tokens/revoke", &revoke).await;
        stage.send(MIRA, "Yes?", &[]).await.expect_error(401, "reconnect_required");
        assert_eq!(ids(stage, "sort=status").await, [second.clone(), first]);
        let few = stage.get("accounts?perProfile=1&includeStatusCounts=true").await.expect(200);
        assert_eq!(few["accounts"].as_array().unwrap().len(), 1);
        assert_eq!(few["profileTotals"][stage.profile.as_str()], 2);
        assert_eq!(few["statusCounts"], json!({"all": 2, "disconnected": 1}));
        stage.get("accounts?perProfile=25").await.expect_error(400, "invalid_field_value");
        stage.get("accounts?sort=colour").await.expect_error(400, "invalid_field_value");
    }
}

story! {
    /// An app of the customer's is tried out; its callback URLs are shown.
    async fn an_app_is_tried_out(stage: Stage) {
        let new = |client_id: &str, secret: &str| json!({
            "platform": "instagram", "label": "Ours", "clientId": client_id, "clientSecret": secret,
        });
        let made = stage.post("connect/oauth-apps", &new("990000000000001", CLIENT_SECRET)).await;
        let app = made.expect(201)["app"].clone();
        assert_eq!(app["status"], "unchecked");
        let webhook = &app["webhook"];
        assert!(webhook["deauthorizeUrl"].as_str().unwrap().ends_with("/webhooks/instagram/deauthorize"));
        assert!(webhook["dataDeletionUrl"].as_str().unwrap().ends_with("/webhooks/instagram/data-deletion"));
        stage.keep_secret(webhook["verifyToken"].as_str().unwrap());
        let path = format!("connect/oauth-apps/{}", app["id"].as_str().unwrap());
        let tried = stage.post(&format!("{path}/test"), &json!({})).await.expect(200);
        assert_eq!((&tried["app"]["status"], &tried["app"]["lastError"]), (&json!("ok"), &json!(null)));
        assert!(tried["app"]["lastCheckedAt"].is_string());

        let change = json!({"clientSecret": "another"});
        let changed = stage.call(Method::PATCH, &path, Some(&change), &[]).await.expect(200);
        assert_eq!(changed["app"]["status"], "unchecked", "what was said was about the old secret");
        let tried = stage.post(&format!("{path}/test"), &json!({})).await.expect(200);
        assert_eq!(tried["app"]["status"], "invalid");
        assert!(tried["app"]["lastError"].as_str().unwrap().contains("client secret"));
    }
}

story! {
    /// An account that the customer removes is no longer subscribed.
    async fn a_removed_account_is_unsubscribed(stage: Stage) {
        stage.connect().await;
        let path = format!("accounts/{}", stage.account);
        stage.call(Method::DELETE, &path, None, &[]).await.expect(200);
        stage.settle().await;
        let lost = stage.control("instagram/subscriptions/lose", &json!({"account": "lumen.cafe.demo"})).await;
        assert_eq!(lost["lost"], 0, "nothing was left");
    }
}
