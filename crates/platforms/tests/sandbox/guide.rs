//! The steps of the public integration guide, as one story.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{ACCOUNT, BASIC, CLIENT_ID, MESSAGES, MIRA, REDIRECT, SECRET, Stage};

const AUTHORIZE: &str = "/instagram/www/oauth/authorize";

fn question(state: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("client_id", CLIENT_ID)
        .append_pair("redirect_uri", REDIRECT)
        .append_pair("response_type", "code")
        .append_pair("scope", &format!("{BASIC},{MESSAGES}"))
        .append_pair("auth_type", "rerequest")
        .append_pair("force_reauth", "true")
        .append_pair("state", state);
    query.finish()
}

async fn press(stage: &Stage, decision: &[(&str, &str)]) -> String {
    let mut form = vec![
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "instagram_business_basic instagram_business_manage_messages"),
        ("state", "a b&c"),
    ];
    form.extend(decision);
    let reply = stage.post_form(AUTHORIZE, &form).await;
    assert_eq!(reply.status, 302, "{}", reply.text);
    reply.header("location").to_owned()
}

fn code_of(location: &str) -> &str {
    let rest = location.strip_prefix(REDIRECT).unwrap().strip_prefix("?code=").unwrap();
    rest.strip_suffix("&state=a+b%26c#_").unwrap()
}

async fn redeem(stage: &Stage, code: &str) -> crate::support::Reply {
    let form = [
        ("client_id", CLIENT_ID),
        ("client_secret", SECRET),
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT),
        ("code", code),
    ];
    stage.post_form("/instagram/api/oauth/access_token", &form).await
}

#[tokio::test]
async fn the_seven_steps() {
    let stage = Stage::seeded().await;
    let code = the_owner_refuses_and_then_allows(&stage).await;
    let short = the_code_becomes_a_short_token_once(&stage, &code).await;
    let long = the_short_token_becomes_a_long_one(&stage, &short).await;
    let newer = the_long_token_becomes_a_newer_one_after_a_day(&stage, &long).await;

    // The callback was asked whether it is the app's.
    let questions = stage.receiver.questions();
    assert_eq!(questions.len(), 1);
    assert!(questions[0].starts_with("hub.mode=subscribe&hub.challenge="), "{questions:?}");

    a_customer_writes_and_is_answered(&stage, &newer).await;
    a_failure_says_why(&stage, &newer).await;
    stage.end().await;
}

async fn the_owner_refuses_and_then_allows(stage: &Stage) -> String {
    let page = stage.get(&format!("{AUTHORIZE}?{}", question("a b&c"))).await;
    assert_eq!(page.status, 200);
    for text in ["Posta sandbox", "lumen.cafe.demo", "kai.demo", MESSAGES, "Allow", "Deny"] {
        assert!(page.text.contains(text), "{text} is not in {}", page.text);
    }
    assert_eq!(
        press(stage, &[("decision", "deny")]).await,
        format!(
            "{REDIRECT}?error=access_denied&error_reason=user_denied\
             &error_description=The+user+denied+your+request&state=a+b%26c"
        )
    );
    let location = press(stage, &[("decision", "allow"), ("account", ACCOUNT)]).await;
    code_of(&location).to_owned()
}

async fn the_code_becomes_a_short_token_once(stage: &Stage, code: &str) -> String {
    let short = redeem(stage, code).await;
    // A number above 2^53, which a JSON reader may round.
    assert!(short.text.contains("\"user_id\":27999000000000001"), "{}", short.text);
    let short = short.ok();
    assert_eq!(short["permissions"], json!([BASIC, MESSAGES]));
    let short = short["access_token"].as_str().unwrap();
    assert!(short.starts_with("IGAA"));
    let again = redeem(stage, code).await;
    assert_eq!(again.status, 400);
    assert_eq!(
        again.json(),
        json!({
            "error_type": "OAuthException",
            "code": 400,
            "error_message": "Matching code was not found or was already used",
        })
    );
    short.to_owned()
}

async fn the_short_token_becomes_a_long_one(stage: &Stage, short: &str) -> String {
    let path = format!(
        "/instagram/graph/access_token?grant_type=ig_exchange_token&client_secret={SECRET}\
         &access_token={short}"
    );
    let long = stage.get(&path).await.ok();
    assert_eq!((&long["token_type"], &long["expires_in"]), (&json!("bearer"), &json!(5_183_944)));
    long["access_token"].as_str().unwrap().to_owned()
}

async fn the_long_token_becomes_a_newer_one_after_a_day(stage: &Stage, long: &str) -> String {
    let path = format!(
        "/instagram/graph/refresh_access_token?grant_type=ig_refresh_token&access_token={long}"
    );
    let young = stage.get(&path).await;
    assert_eq!((young.status, &young.json()["error"]["code"]), (400, &json!(100)));
    stage.advance(Duration::from_hours(24)).await;
    let newer = stage.get(&path).await.ok();
    assert_ne!(newer["access_token"], long);
    newer["access_token"].as_str().unwrap().to_owned()
}

async fn a_customer_writes_and_is_answered(stage: &Stage, token: &str) {
    let subscribe = stage
        .request(Method::POST, "/instagram/graph/v25.0/me/subscribed_apps")
        .query(&[("subscribed_fields", "messages"), ("access_token", token)]);
    assert_eq!(stage.send(subscribe).await.ok(), json!({"success": true}));
    stage.write("mira.demo", "Are you open?").await;
    let body = json!({"recipient": {"id": MIRA}, "message": {"text": "We are."}});
    let path = format!("/instagram/graph/v25.0/{ACCOUNT}/messages");
    let sent = stage.post_json(&path, token, &body).await.ok();
    assert_eq!(sent["recipient_id"], MIRA);
    stage.sandbox.settle().await;
    let received = stage.receiver.received();
    assert_eq!(received.len(), 2);
    let echo = received[1].json()["entry"][0]["messaging"][0]["message"].clone();
    assert_eq!((&echo["mid"], &echo["is_echo"]), (&sent["message_id"], &json!(true)));
}

async fn a_failure_says_why(stage: &Stage, token: &str) {
    let path = format!("/instagram/graph/v25.0/{ACCOUNT}/messages");
    let failed = stage.post_json(&path, token, &json!({"recipient": {"id": MIRA}})).await;
    assert_eq!(failed.status, 400);
    let error = &failed.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("OAuthException"), &json!(100)));
    assert!(error["fbtrace_id"].as_str().unwrap().starts_with('A'));
}

#[tokio::test]
async fn a_multipart_exchange_in_the_documented_shape() {
    let stage = Stage::seeded().await;
    stage.control("instagram/options", &json!({"exchange_shape": "documented"})).await;
    let location = press(&stage, &[("decision", "allow")]).await;
    let fields = [
        ("client_id", CLIENT_ID),
        ("client_secret", SECRET),
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT),
        ("code", code_of(&location)),
    ];
    let parts = fields.map(|(name, value)| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    });
    let request = stage
        .request(Method::POST, "/oauth/access_token")
        .header("host", "api.instagram.com")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(format!("{}--x--\r\n", parts.concat()));
    let answer = stage.send(request).await.ok();
    assert_eq!(answer["data"][0]["user_id"], "27999000000000001");
    assert_eq!(answer["data"][0]["permissions"], format!("{BASIC},{MESSAGES}"));
    stage.end().await;
}

#[tokio::test]
async fn the_owner_may_allow_less_and_only_for_a_professional_account() {
    let stage = Stage::seeded().await;
    let location = press(&stage, &[("decision", "allow"), ("grant", "")]).await;
    let answer = redeem(&stage, code_of(&location)).await.ok();
    assert_eq!(answer["permissions"], json!([BASIC]));

    let form = question("s") + "&decision=allow&account=kai.demo";
    let request = stage
        .request(Method::POST, AUTHORIZE)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let reply = stage.send(request).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("personal account"), "{}", reply.text);
    stage.end().await;
}

#[tokio::test]
async fn a_redirect_uri_keeps_its_own_query() {
    let stage = Stage::seeded().await;
    let uri = "https://posta.example/back?tenant=7";
    let app = json!({"client_id": CLIENT_ID, "redirect_uris": [uri]});
    stage.control("instagram/apps", &app).await;
    let form = [
        ("client_id", CLIENT_ID),
        ("redirect_uri", uri),
        ("response_type", "code"),
        ("scope", BASIC),
        ("decision", "deny"),
    ];
    let reply = stage.post_form(AUTHORIZE, &form).await;
    assert!(reply.header("location").starts_with(&format!("{uri}&error=access_denied&")));
    stage.end().await;
}

#[tokio::test]
async fn hosts_and_versions_lead_to_the_same_place() {
    let (stage, token) = Stage::connected().await;
    let me = "/me?fields=user_id,username";
    let expected =
        json!({"id": "27999000000000001", "user_id": ACCOUNT, "username": "lumen.cafe.demo"});
    for path in [
        format!("/instagram/graph{me}"),
        format!("/instagram/graph/v25.0{me}"),
        format!("/instagram/graph/{ACCOUNT}?fields=user_id&fields=username"),
    ] {
        let request = stage.request(Method::GET, &path).bearer_auth(&token);
        assert_eq!(stage.send(request).await.ok(), expected, "{path}");
    }
    let request = stage.request(Method::GET, &format!("/v24.0{me}&access_token={token}"));
    let reply = stage.send(request.header("host", "graph.instagram.com")).await;
    assert_eq!(reply.ok(), expected);
    assert_eq!(reply.header("facebook-api-version"), "v24.0");

    stage.control("instagram/options", &json!({"me_shape": "data"})).await;
    let wrapped = stage.get(&format!("/instagram/graph{me}&access_token={token}")).await.ok();
    assert_eq!(wrapped, json!({"data": [expected]}));
    stage.end().await;
}
