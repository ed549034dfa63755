//! Every refusal, by table: status, type, code, subcode.

use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    ACCOUNT, BASIC, CLIENT_ID, MESSAGES, MIRA, OTHER_ACCOUNT, REDIRECT, Reply, SECRET, Stage,
};

const SEND: &str = "/instagram/graph/v25.0/me/messages";

/// Asserts the envelope: status, type, code, subcode.
#[track_caller]
fn assert_error(reply: &Reply, expected: (u16, &str, i64, Option<i64>)) {
    let error = reply.json()["error"].clone();
    let found = (
        reply.status,
        error["type"].as_str().unwrap_or_default(),
        error["code"].as_i64().unwrap_or_default(),
        error["error_subcode"].as_i64(),
    );
    assert_eq!(found, expected, "{}", reply.text);
    assert!(error["fbtrace_id"].is_string() && error["is_transient"] == false, "{}", reply.text);
    assert!(!error["message"].as_str().unwrap().is_empty());
    let is_about_token = reply.headers.get("www-authenticate").is_some_and(|header| {
        header.as_bytes().starts_with(b"OAuth \"Facebook Platform\" \"invalid_token\"")
    });
    assert_eq!(is_about_token, expected.2 == 190, "{}", reply.text);
}

const OAUTH: &str = "OAuthException";

#[rstest]
#[case::no_token(None, (400, "IGApiException", 190, None))]
#[case::not_a_token(Some("EAAB-no"), (400, OAUTH, 190, None))]
#[case::unknown(Some("IGAAunknown"), (400, OAUTH, 190, None))]
#[tokio::test]
async fn bad_tokens(
    #[case] token: Option<&str>,
    #[case] expected: (u16, &str, i64, Option<i64>),
    #[values("/instagram/graph/me", "/instagram/graph/v25.0/me/subscribed_apps")] path: &str,
) {
    let stage = Stage::seeded().await;
    let mut request = stage.request(Method::GET, path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    assert_error(&stage.send(request).await, expected);
    stage.end().await;
}

#[tokio::test]
async fn an_expired_token_says_when_it_expired() {
    let (stage, token) = Stage::connected().await;
    stage.control("instagram/tokens/expire", &json!({"token": token})).await;
    stage.advance(Duration::from_mins(1)).await;
    let me = format!("/instagram/graph/me?access_token={token}");
    let reply = stage.get(&me).await;
    assert_error(&reply, (400, OAUTH, 190, Some(463)));
    assert_eq!(
        reply.json()["error"]["message"],
        "Error validating access token: Session has expired on Wednesday, 31-Dec-25 04:00:10 \
         PST. The current time is Wednesday, 31-Dec-25 04:01:10 PST."
    );
    let refresh = "/instagram/graph/refresh_access_token?grant_type=ig_refresh_token";
    let reply = stage.get(&format!("{refresh}&access_token={token}")).await;
    assert_error(&reply, (400, OAUTH, 190, Some(463)));
    stage.end().await;
}

#[rstest]
#[case("app_removed", 458)]
#[case("checkpoint", 459)]
#[case("password_changed", 460)]
#[case("ended", 467)]
#[tokio::test]
async fn revoked_tokens(#[case] reason: &str, #[case] subcode: i64) {
    let (stage, token) = Stage::connected().await;
    let body = json!({"account": ACCOUNT, "reason": reason});
    stage.control("instagram/tokens/revoke", &body).await;
    let reply = stage.get(&format!("/instagram/graph/me?access_token={token}")).await;
    assert_error(&reply, (400, OAUTH, 190, Some(subcode)));
    stage.end().await;
}

#[tokio::test]
async fn a_token_lives_as_long_as_it_says() {
    let (stage, token) = Stage::connected().await;
    let me = format!("/instagram/graph/me?access_token={token}");
    stage.advance(Duration::from_secs(5_183_943)).await;
    stage.get(&me).await.ok();
    stage.advance(Duration::from_secs(1)).await;
    assert_error(&stage.get(&me).await, (400, OAUTH, 190, Some(463)));
    stage.end().await;
}

fn text(text: &str) -> Value {
    json!({"recipient": {"id": MIRA}, "message": {"text": text}})
}

fn attachment(attachment: &Value) -> Value {
    json!({"recipient": {"id": MIRA}, "message": {"attachment": attachment}})
}

#[rstest]
#[case::no_recipient(json!({"message": {"text": "Hi"}}), None)]
#[case::recipient_not_an_object(json!({"recipient": MIRA, "message": {"text": "Hi"}}), None)]
#[case::recipient_without_id(json!({"recipient": {}, "message": {"text": "Hi"}}), None)]
#[case::nobody(json!({"recipient": {"id": "1"}, "message": {"text": "Hi"}}), Some(2_534_014))]
#[case::a_username(json!({"recipient": {"id": "mira.demo"}, "message": {"text": "Hi"}}), Some(2_534_014))]
#[case::of_another_account(json!({"recipient": {"id": "1099900000000201"}, "message": {"text": "Hi"}}), Some(2_534_014))]
#[case::a_letter_for_an_emoji(json!({"recipient": {"id": MIRA}, "sender_action": "react", "payload": {"message_id": "x", "reaction": "yes"}}), None)]
#[case::neither(json!({"recipient": {"id": MIRA}}), None)]
#[case::both(json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}, "sender_action": "typing_on"}), Some(2_018_014))]
#[case::message_not_an_object(json!({"recipient": {"id": MIRA}, "message": "Hi"}), None)]
#[case::empty(json!({"recipient": {"id": MIRA}, "message": {}}), Some(2_534_015))]
#[case::empty_text(text(""), Some(2_534_015))]
#[case::text_not_text(json!({"recipient": {"id": MIRA}, "message": {"text": 5}}), None)]
#[case::too_long(text(&"x".repeat(1001)), None)]
#[case::too_many_bytes(text(&"👋".repeat(251)), None)]
#[case::unknown_action(json!({"recipient": {"id": MIRA}, "sender_action": "dance"}), None)]
#[case::react_without_message(json!({"recipient": {"id": MIRA}, "sender_action": "react", "payload": {"reaction": "love"}}), None)]
#[case::react_to_nothing(json!({"recipient": {"id": MIRA}, "sender_action": "unreact", "payload": {"message_id": "x"}}), None)]
#[case::unknown_attachment(attachment(&json!({"type": "hologram"})), None)]
#[case::no_url(attachment(&json!({"type": "image", "payload": {"url": "cat.jpg"}})), None)]
#[case::not_uploaded(attachment(&json!({"type": "image", "payload": {"attachment_id": "1"}})), Some(2_018_074))]
#[case::empty_template(attachment(&json!({"type": "template", "payload": {"template_type": "generic", "elements": []}})), Some(2_534_015))]
#[case::quick_replies_alone(json!({"recipient": {"id": MIRA}, "message": {"quick_replies": []}}), Some(2_534_015))]
#[case::unknown_tag(json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}, "tag": "ACCOUNT_UPDATE"}), None)]
#[case::tag_missing(json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}, "messaging_type": "MESSAGE_TAG"}), None)]
#[tokio::test]
async fn messages_that_are_not_sent(#[case] body: Value, #[case] subcode: Option<i64>) {
    let (stage, token) = Stage::connected().await;
    stage.write("mira.demo", "Hello?").await;
    let reply = stage.post_json(SEND, &token, &body).await;
    assert_error(&reply, (400, OAUTH, 100, subcode));
    stage.end().await;
}

#[rstest]
#[case::as_long_as_may_be(text(&"x".repeat(1000)))]
#[case::as_many_bytes_as_may_be(text(&"👋".repeat(250)))]
#[case::an_image(attachment(&json!({"type": "image", "payload": {"url": "https://cdn.example.com/a.jpg"}})))]
#[case::an_object_named_as_a_list(json!({"recipient": {"id": MIRA}, "message": {"attachments": {"type": "audio", "payload": {"url": "https://cdn.example.com/a.m4a"}}}}))]
#[case::a_heart(attachment(&json!({"type": "like_heart"})))]
#[case::typing(json!({"recipient": {"id": MIRA}, "sender_action": "typing_on"}))]
#[case::with_type(json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}, "messaging_type": "RESPONSE"}))]
#[tokio::test]
async fn messages_that_are_sent(#[case] body: Value) {
    let (stage, token) = Stage::connected().await;
    stage.write("mira.demo", "Hello?").await;
    assert_eq!(stage.post_json(SEND, &token, &body).await.ok()["recipient_id"], MIRA);
    stage.end().await;
}

#[tokio::test]
async fn form_fields_that_hold_json_are_as_good_as_json() {
    let (stage, token) = Stage::connected().await;
    stage.write("mira.demo", "Hello?").await;
    let recipient = json!({"id": MIRA}).to_string();
    let form = [
        ("recipient", recipient.as_str()),
        ("message", "{\"text\":\"Hi\"}"),
        ("access_token", &token),
    ];
    assert!(stage.post_form(SEND, &form).await.ok()["message_id"].is_string());
    stage.end().await;
}

#[tokio::test]
async fn the_window_closes_after_a_day_and_for_human_agents_after_a_week() {
    let (stage, token) = Stage::connected().await;
    let closed = (400, OAUTH, 10, Some(2_534_022));
    let mut tagged = text("Hi");
    tagged["tag"] = "HUMAN_AGENT".into();

    // She has not written yet.
    assert_error(&stage.post_json(SEND, &token, &text("Hi")).await, closed);
    stage.write("mira.demo", "Hello?").await;
    stage.advance(Duration::from_hours(24)).await;
    stage.post_json(SEND, &token, &text("Hi")).await.ok();
    stage.advance(Duration::from_secs(1)).await;
    let reply = stage.post_json(SEND, &token, &text("Hi")).await;
    assert_error(&reply, closed);
    let error = &reply.json()["error"];
    assert_eq!(error["message"], "This message is sent outside of allowed window.");
    assert!(error["error_user_title"].is_string() && error["error_user_msg"].is_string());

    // The tag helps only an app that has the feature.
    assert_error(&stage.post_json(SEND, &token, &tagged).await, (403, OAUTH, 10, None));
    let app = json!({"client_id": CLIENT_ID, "features": ["human_agent"]});
    stage.control("instagram/apps", &app).await;
    stage.post_json(SEND, &token, &tagged).await.ok();
    stage.advance(Duration::from_hours(6 * 24)).await;
    assert_error(&stage.post_json(SEND, &token, &tagged).await, closed);
    stage.end().await;
}

#[tokio::test]
async fn errors_come_in_other_languages_with_the_same_numbers() {
    let (stage, token) = Stage::connected().await;
    let closed = (400, OAUTH, 10, Some(2_534_022));
    let english = stage.post_json(SEND, &token, &text("Hi")).await;
    assert_error(&english, closed);
    stage.control("instagram/options", &json!({"error_language": "ja"})).await;
    let other = stage.post_json(SEND, &token, &text("Hi")).await;
    assert_error(&other, closed);
    for part in ["message", "error_user_title", "error_user_msg"] {
        let [english, other] = [&english, &other].map(|reply| reply.json()["error"][part].clone());
        assert!(english.as_str().unwrap().is_ascii() && !other.as_str().unwrap().is_ascii());
    }
    assert_error(&stage.get("/instagram/graph/me").await, (400, "IGApiException", 190, None));
    stage.end().await;
}

#[rstest]
#[case::send(Method::POST, SEND)]
#[case::subscribe(Method::POST, "/instagram/graph/me/subscribed_apps?subscribed_fields=messages")]
#[tokio::test]
async fn a_missing_permission_is_403(#[case] method: Method, #[case] path: &str) {
    let stage = Stage::seeded().await;
    let token = stage.token(ACCOUNT, &[BASIC]).await;
    stage.write("mira.demo", "Hello?").await;
    let request = stage.request(method, path).bearer_auth(token).json(&text("Hi"));
    assert_error(&stage.send(request).await, (403, OAUTH, 10, None));
    stage.end().await;
}

#[rstest]
#[case::sending(Method::POST, &format!("/instagram/graph/{OTHER_ACCOUNT}/messages"))]
#[case::by_the_app_scoped_id(Method::POST, "/instagram/graph/27999000000000001/messages")]
#[case::subscribing(Method::POST, &format!("/instagram/graph/{OTHER_ACCOUNT}/subscribed_apps"))]
#[case::reading(Method::GET, &format!("/instagram/graph/{OTHER_ACCOUNT}"))]
#[case::wrong_method(Method::DELETE, "/instagram/graph/me/messages")]
#[tokio::test]
async fn an_object_that_is_not_there(#[case] method: Method, #[case] path: &str) {
    let (stage, token) = Stage::connected().await;
    let reply = stage.send(stage.request(method, path).bearer_auth(token)).await;
    assert_error(&reply, (400, "GraphMethodException", 100, Some(33)));
    stage.end().await;
}

#[tokio::test]
async fn an_unknown_path_or_field() {
    let (stage, token) = Stage::connected().await;
    for path in ["me/nothing/more", "me?fields=user_id,shoe_size"] {
        let request = stage.request(Method::GET, &format!("/instagram/graph/{path}"));
        let reply = stage.send(request.bearer_auth(&token)).await;
        assert_error(&reply, (400, OAUTH, 100, None));
    }
    stage.end().await;
}

#[tokio::test]
async fn a_profile_needs_consent() {
    let (stage, token) = Stage::connected().await;
    let path = format!("/instagram/graph/{MIRA}?fields=name,username&access_token={token}");
    assert_error(&stage.get(&path).await, (400, OAUTH, 230, None));
    stage.write("mira.demo", "Hello?").await;
    let profile = stage.get(&path).await.ok();
    assert_eq!(profile, json!({"id": MIRA, "name": "Mira", "username": "mira.demo"}));
    stage.end().await;
}

#[tokio::test]
async fn an_owner_who_shut_the_messages_off_and_a_recipient_without_a_role() {
    let (stage, token) = Stage::connected().await;
    stage.write("mira.demo", "Hello?").await;
    let app = json!({"client_id": CLIENT_ID, "live": false});
    stage.control("instagram/apps", &app).await;
    let reply = stage.post_json(SEND, &token, &text("Hi")).await;
    assert_error(&reply, (403, OAUTH, 200, Some(2_018_028)));
    let account = json!({"username": "lumen.cafe.demo", "message_access": false});
    stage.control("instagram/accounts", &account).await;
    let reply = stage.post_json(SEND, &token, &text("Hi")).await;
    assert_error(&reply, (403, OAUTH, 200, Some(2_534_041)));
    stage.end().await;
}

#[tokio::test]
async fn fields_are_accepted_in_every_form_and_a_wrong_one_is_named() {
    let (stage, token) = Stage::connected().await;
    let path = "/instagram/graph/v25.0/me/subscribed_apps";
    let request = stage.request(Method::GET, path);
    let list = stage.send(request.bearer_auth(&token)).await.ok();
    assert_eq!(list["data"][0]["subscribed_fields"], json!(["message_echoes", "messages"]));
    assert_eq!(list["data"][0]["id"], CLIENT_ID);
    for query in [
        "subscribed_fields=messages,messaging_seen",
        "subscribed_fields[]=messages&subscribed_fields[]=messaging_seen",
        "subscribed_fields=[\"messages\",\"messaging_seen\"]",
    ] {
        stage.post_json(&format!("{path}?{query}"), &token, &json!({})).await.ok();
        let list = stage.send(stage.request(Method::GET, path).bearer_auth(&token)).await.ok();
        let fields = &list["data"][0]["subscribed_fields"];
        assert_eq!(*fields, json!(["messages", "messaging_seen"]), "{query}");
    }
    let body = json!({"subscribed_fields": ["messages", "messaging_seen", "feed"]});
    let reply = stage.post_json(path, &token, &body).await;
    assert_error(&reply, (400, OAUTH, 100, None));
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("(#100) Param subscribed_fields[2] must be one of {messages, "));
    assert_error(&stage.post_json(path, &token, &json!({})).await, (400, OAUTH, 100, None));
    stage.end().await;
}

#[rstest]
#[case::client_id(("client_id", "1"), "Invalid platform app")]
#[case::secret(("client_secret", "no"), "Error validating client secret.")]
#[case::redirect(("redirect_uri", "https://posta.example/connect/instagram/callback/"), "redirect_uri is identical")]
#[case::unknown_code(("code", "AQnothing"), "Invalid authorization code")]
#[case::grant_type(("grant_type", "password"), "Invalid grant_type")]
#[case::missing(("code", ""), "Missing required field code")]
#[tokio::test]
async fn codes_that_are_not_taken(#[case] wrong: (&str, &str), #[case] message: &str) {
    let stage = Stage::seeded().await;
    let code = code(&stage).await;
    assert_refused(&redeem(&stage, &code, Some(wrong)).await, message);
    // What was refused has not used the code up.
    redeem(&stage, &code, None).await.ok();
    assert_refused(&redeem(&stage, &code, None).await, "Matching code was not found");
    stage.end().await;
}

#[tokio::test]
async fn a_code_is_good_for_an_hour() {
    let stage = Stage::seeded().await;
    let code = code(&stage).await;
    stage.advance(Duration::from_hours(1)).await;
    assert_refused(&redeem(&stage, &code, None).await, "has expired");
    stage.end().await;
}

async fn code(stage: &Stage) -> String {
    let form = [
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", BASIC),
        ("decision", "allow"),
    ];
    let reply = stage.post_form("/instagram/www/oauth/authorize", &form).await;
    let location = url::Url::parse(reply.header("location")).unwrap();
    location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
}

async fn redeem(stage: &Stage, code: &str, wrong: Option<(&str, &str)>) -> Reply {
    let mut form = [
        ("client_id", CLIENT_ID),
        ("client_secret", SECRET),
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT),
        ("code", code),
    ];
    if let Some(wrong) = wrong {
        form.iter_mut().find(|field| field.0 == wrong.0).unwrap().1 = wrong.1;
    }
    stage.post_form("/instagram/api/oauth/access_token", &form).await
}

#[track_caller]
fn assert_refused(reply: &Reply, message: &str) {
    assert_eq!(reply.status, 400, "{}", reply.text);
    let body = reply.json();
    assert_eq!((&body["error_type"], &body["code"]), (&json!(OAUTH), &json!(400)));
    assert!(body["error_message"].as_str().unwrap().contains(message), "{}", reply.text);
    assert!(body.get("error").is_none());
}

#[rstest]
#[case::client_id("client_id", "1")]
#[case::unregistered("redirect_uri", "https://evil.example/")]
#[case::slash("redirect_uri", "https://posta.example/connect/instagram/callback/")]
#[case::response_type("response_type", "token")]
#[case::old_scope("scope", "business_basic")]
#[case::no_scope("scope", "")]
#[tokio::test]
async fn questions_that_are_not_shown(
    #[case] name: &str,
    #[case] wrong: &str,
    #[values(Method::GET, Method::POST)] method: Method,
) {
    let stage = Stage::seeded().await;
    let mut query = vec![
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", BASIC),
        ("decision", "allow"),
    ];
    query.iter_mut().find(|pair| pair.0 == name).unwrap().1 = wrong;
    let request = stage.request(method, "/instagram/www/oauth/authorize").query(&query);
    let reply = stage.send(request).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert_eq!(reply.header("location"), "");
    assert!(reply.text.contains("Posta sandbox"));
    stage.end().await;
}

#[rstest]
#[case::wrong_secret("access_token?grant_type=ig_exchange_token&client_secret=no", 1)]
#[case::no_secret("access_token?grant_type=ig_exchange_token", 100)]
#[case::wrong_grant("access_token?grant_type=ig_refresh_token", 100)]
#[case::already_long(&format!("access_token?grant_type=ig_exchange_token&client_secret={SECRET}"), 100)]
#[case::young("refresh_access_token?grant_type=ig_refresh_token", 100)]
#[tokio::test]
async fn exchanges_that_are_not_made(#[case] path: &str, #[case] code: i64) {
    let (stage, token) = Stage::connected().await;
    let reply = stage.get(&format!("/instagram/graph/{path}&access_token={token}")).await;
    assert_error(&reply, (400, OAUTH, code, None));
    stage.end().await;
}

#[tokio::test]
async fn a_refresh_needs_the_basic_permission() {
    let stage = Stage::seeded().await;
    let token = stage.token(ACCOUNT, &[MESSAGES]).await;
    stage.advance(Duration::from_hours(25)).await;
    let path = "/instagram/graph/refresh_access_token?grant_type=ig_refresh_token";
    let reply = stage.get(&format!("{path}&access_token={token}")).await;
    assert_error(&reply, (403, OAUTH, 10, None));
    stage.end().await;
}
