//! Who may do what: access levels, roles, the owner's switch, owners who leave, and strict retries.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{ACCOUNT, BASIC, CLIENT_ID, COMMENTS, MESSAGES, MIRA, NOW, SECRET, Stage};

async fn configure(stage: &Stage, app: Value) {
    let mut app = app;
    app["client_id"] = CLIENT_ID.into();
    stage.control("instagram/apps", &app).await;
}

async fn told(stage: &Stage, person: &str, deed: &str) -> Value {
    let path = format!("instagram/people/{person}/{deed}");
    stage.control(&path, &json!({"text": "Hello?"})).await["told"].clone()
}

#[tokio::test]
async fn standard_access_ends_with_people_who_have_a_role() {
    let (stage, _) = Stage::connected().await;
    stage.token(ACCOUNT, &[BASIC, MESSAGES, COMMENTS]).await;
    configure(&stage, json!({"testers": ["theo.demo"]})).await;
    assert_eq!(told(&stage, "mira.demo", "write").await, 1);
    assert_eq!(told(&stage, "mira.demo", "comment").await, 1);
    configure(&stage, json!({"standard_access": [MESSAGES, COMMENTS]})).await;
    assert_eq!(told(&stage, "mira.demo", "write").await, 0);
    assert_eq!(told(&stage, "theo.demo", "write").await, 1);
    // Comments need Advanced Access, whoever writes them.
    assert_eq!(told(&stage, "theo.demo", "comment").await, 0);
    stage.end().await;
}

#[tokio::test]
async fn the_owners_switch_silences_messages_and_nothing_else() {
    let (stage, token) = Stage::connected().await;
    stage.token(ACCOUNT, &[BASIC, MESSAGES, COMMENTS]).await;
    let account = json!({"username": "lumen.cafe.demo", "message_access": false});
    stage.control("instagram/accounts", &account).await;
    assert_eq!(told(&stage, "mira.demo", "write").await, 0);
    assert_eq!(told(&stage, "mira.demo", "comment").await, 1);
    let body = json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}});
    let reply = stage.post_json("/instagram/graph/me/messages", &token, &body).await;
    assert_eq!(reply.json()["error"]["error_subcode"], 2_534_041);
    stage.end().await;
}

#[tokio::test]
async fn nobody_is_told_of_comments_under_a_private_account() {
    let (stage, _) = Stage::connected().await;
    stage.token(ACCOUNT, &[BASIC, MESSAGES, COMMENTS]).await;
    let account = json!({"username": "lumen.cafe.demo", "kind": "personal"});
    stage.control("instagram/accounts", &account).await;
    assert_eq!(told(&stage, "mira.demo", "comment").await, 0);
    let account = json!({"username": "lumen.cafe.demo", "kind": "creator"});
    stage.control("instagram/accounts", &account).await;
    assert_eq!(told(&stage, "mira.demo", "comment").await, 1);
    // A mention in somebody else's comments is told if their account is public.
    for (is_public, heard) in [(false, 0), (true, 1)] {
        let mention = json!({"is_public": is_public});
        let done = stage.control("instagram/people/mira.demo/mention", &mention).await;
        assert_eq!(done["told"], heard, "{is_public}");
    }
    stage.end().await;
}

#[rstest]
#[case("refer", json!({"ref": "table-7"}), "referral_opens_window")]
#[case("react", json!({}), "reaction_opens_window")]
#[tokio::test]
async fn what_opens_the_window_can_be_chosen(
    #[case] deed: &str,
    #[case] body: Value,
    #[case] option: &str,
) {
    let (stage, token) = Stage::connected().await;
    let mid = stage.write("mira.demo", "Hello?").await;
    stage.advance(Duration::from_hours(25)).await;
    let mut body = body;
    if deed == "react" {
        body["message_id"] = mid.into();
    }
    let text = json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}});
    let send = async || stage.post_json("/instagram/graph/me/messages", &token, &text).await;
    stage.control(&format!("instagram/people/mira.demo/{deed}"), &body).await;
    assert_eq!(send().await.json()["error"]["error_subcode"], 2_534_022);
    stage.control("instagram/options", &json!({option: "yes"})).await;
    stage.control(&format!("instagram/people/mira.demo/{deed}"), &body).await;
    send().await.ok();
    stage.end().await;
}

/// Checks a form that a callback got, and returns what it says.
#[track_caller]
fn signed(form: &str) -> Value {
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let (name, value) = &pairs[0];
    assert_eq!((name.as_str(), pairs.len()), ("signed_request", 1));
    let (signature, payload) = value.split_once('.').unwrap();
    let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    hmac.update(payload.as_bytes());
    hmac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn an_owner_removes_the_app_and_it_is_told() {
    let (stage, token) = Stage::connected().await;
    let callback = stage.another_receiver().await;
    configure(&stage, json!({"deauthorize_url": callback.url()})).await;
    let path = format!("instagram/accounts/{ACCOUNT}/owner/remove-app");
    let done = stage.control(&path, &json!({})).await;
    assert_eq!((&done["ended"], &done["callback"]["status"]), (&json!(1), &json!(200)));
    let received = callback.received();
    let kind = received[0].headers["content-type"].to_str().unwrap();
    assert_eq!(kind, "application/x-www-form-urlencoded");
    let said = signed(std::str::from_utf8(&received[0].body).unwrap());
    let expected = json!({
        "algorithm": "HMAC-SHA256", "issued_at": NOW / 1000, "user_id": "27999000000000001",
    });
    assert_eq!(said, expected);

    let me = stage.get(&format!("/instagram/graph/me?access_token={token}")).await;
    assert_eq!(me.json()["error"]["error_subcode"], 458);
    assert_eq!(told(&stage, "mira.demo", "write").await, 0);
    // Nobody is left to remove.
    let request = stage.request(Method::POST, &format!("/_sandbox/{path}")).json(&json!({}));
    let reply = stage.send(request).await;
    assert_eq!((reply.status, &reply.json()["error"]["field"]), (400, &json!("client_id")));
    stage.end().await;
}

#[tokio::test]
async fn an_owner_wants_everything_deleted() {
    let (stage, token) = Stage::connected().await;
    let path = format!("instagram/accounts/{ACCOUNT}/owner/request-deletion");
    let request = || stage.request(Method::POST, &format!("/_sandbox/{path}")).json(&json!({}));
    let reply = stage.send(request()).await;
    assert_eq!((reply.status, &reply.json()["error"]["field"]), (400, &json!("client_id")));

    let callback = stage.another_receiver().await;
    configure(&stage, json!({"data_deletion_url": callback.url()})).await;
    let done = stage.control(&path, &json!({})).await["callback"].clone();
    let said = signed(std::str::from_utf8(&callback.received()[0].body).unwrap());
    assert_eq!(said["user_id"], "27999000000000001");
    // A 200 alone tells the owner nothing.
    assert_eq!((&done["status"], &done["accepted"]), (&json!(200), &json!(false)));
    let answer = json!({"url": "https://posta.example/status?id=7", "confirmation_code": "7"});
    callback.say(&answer);
    let done = stage.control(&path, &json!({"client_id": CLIENT_ID})).await["callback"].clone();
    assert_eq!((&done["answer"], &done["accepted"]), (&answer, &json!(true)));
    // It is not the same as removing the app.
    stage.get(&format!("/instagram/graph/me?access_token={token}")).await.ok();

    let gone = json!({"data_deletion_url": "http://127.0.0.1:1/"});
    configure(&stage, gone).await;
    let done = stage.control(&path, &json!({})).await["callback"].clone();
    assert_eq!((&done["status"], &done["accepted"]), (&Value::Null, &json!(false)));
    stage.end().await;
}

#[tokio::test]
async fn in_the_strict_regime_an_hour_of_failures_ends_the_subscription() {
    let (stage, token) = Stage::connected().await;
    stage.control("instagram/options", &json!({"webhook_retries": "messenger"})).await;
    stage.receiver.answer(&[500; 100]);
    stage.write("mira.demo", "Hello?").await;
    let delivery = async || {
        stage.sandbox.settle().await;
        stage.get("/_sandbox/deliveries").await.ok()["deliveries"][0].clone()
    };
    assert_eq!(delivery().await["alerted"], false);
    for _ in 0..15 {
        stage.advance(Duration::from_mins(2)).await;
        delivery().await;
    }
    let waiting = delivery().await;
    assert_eq!((&waiting["status"], &waiting["alerted"]), (&json!("waiting"), &json!(true)));
    let list = format!("/instagram/graph/me/subscribed_apps?access_token={token}");
    assert_eq!(stage.get(&list).await.ok()["data"].as_array().unwrap().len(), 1);
    for _ in 0..4 {
        stage.advance(Duration::from_mins(15)).await;
        delivery().await;
    }
    assert_eq!(delivery().await["status"], "dropped");
    assert_eq!(stage.get(&list).await.ok()["data"], json!([]));
    assert_eq!(told(&stage, "mira.demo", "write").await, 0);
    stage.end().await;
}
