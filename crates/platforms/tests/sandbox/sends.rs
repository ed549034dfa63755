//! What an app may send: forms, files, limits, private replies, and what the account hears of it.

use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    ACCOUNT, BASIC, CLIENT_ID, COMMENTS, MESSAGES, MIRA, OTHER_ACCOUNT, Reply, Stage,
};

const SEND: &str = "/instagram/graph/v25.0/me/messages";
const UPLOAD: &str = "/instagram/graph/v25.0/me/message_attachments";
const COMMENT: &str = "18099000000003411";

#[track_caller]
fn assert_error(reply: &Reply, code: i64, subcode: Option<i64>) {
    let error = &reply.json()["error"];
    assert_eq!(error["code"], code, "{}", reply.text);
    assert_eq!(error["error_subcode"].as_i64(), subcode, "{}", reply.text);
}

fn to_mira(message: &Value) -> Value {
    json!({"recipient": {"id": MIRA}, "message": message})
}

fn template(payload: &Value) -> Value {
    to_mira(&json!({"attachment": {"type": "template", "payload": payload}}))
}

async fn in_conversation() -> (Stage, String) {
    let (stage, token) = Stage::connected().await;
    stage.write("mira.demo", "Hello?").await;
    stage.sandbox.settle().await;
    (stage, token)
}

/// Sends, and returns the message of the echo.
async fn echo(stage: &Stage, token: &str, body: &Value) -> Value {
    let sent = stage.post_json(SEND, token, body).await.ok();
    stage.sandbox.settle().await;
    let received = stage.receiver.received();
    let message = received.last().unwrap().json()["entry"][0]["messaging"][0]["message"].clone();
    assert_eq!((&message["mid"], &message["is_echo"]), (&sent["message_id"], &json!(true)));
    message
}

#[tokio::test]
async fn templates_come_back_below_their_kind() {
    let (stage, token) = in_conversation().await;
    let elements = json!([{
        "title": "Breakfast set",
        "subtitle": "Until 11:00",
        "image_url": "https://cdn.example.com/breakfast.jpg",
        "default_action": {"type": "web_url", "url": "https://example.com/"},
        "buttons": [
            {"type": "web_url", "title": "Order", "url": "https://example.com/order"},
            {"type": "postback", "title": "Ask us", "payload": "ASK_BREAKFAST"},
        ],
    }]);
    let generic = template(&json!({"template_type": "generic", "elements": elements}));
    let message = echo(&stage, &token, &generic).await;
    let expected = json!([{"type": "template", "payload": {"generic": {"elements": elements}}}]);
    assert_eq!(message["attachments"], expected);

    let buttons = json!([{"type": "postback", "title": "Call me", "payload": "CALL"}]);
    let button = json!({"template_type": "button", "text": "What now?", "buttons": buttons});
    let message = echo(&stage, &token, &template(&button)).await;
    let payload = json!({"button": {"text": "What now?", "buttons": buttons}});
    assert_eq!(message["attachments"], json!([{"type": "template", "payload": payload}]));

    // What was offered can be tapped.
    for (title, payload) in [("Ask us", "ASK_BREAKFAST"), ("Call me", "CALL")] {
        let done = stage.control("instagram/people/mira.demo/tap", &json!({"title": title})).await;
        stage.sandbox.settle().await;
        let event = stage.receiver.received().last().unwrap().json();
        let postback = &event["entry"][0]["messaging"][0]["postback"];
        let expected = json!({"mid": done["message_id"], "title": title, "payload": payload});
        assert_eq!(*postback, expected);
    }
    stage.end().await;
}

#[tokio::test]
async fn quick_replies_are_cut_and_can_be_tapped_while_they_are_last() {
    let (stage, token) = in_conversation().await;
    let offer = |title: &str| json!({"content_type": "text", "title": title, "payload": "P"});
    let title = "Delivery to my home address";
    let replies = json!([offer(title), {"content_type": "user_email"}]);
    let body = to_mira(&json!({"text": "How?", "quick_replies": replies}));
    let message = echo(&stage, &token, &body).await;
    assert_eq!(message["text"], "How?");
    let cut = json!({"title": "Delivery to my home "});
    stage.control("instagram/people/mira.demo/tap", &cut).await;
    stage.sandbox.settle().await;
    let event = stage.receiver.received().last().unwrap().json();
    let message = &event["entry"][0]["messaging"][0]["message"];
    assert_eq!(message["text"], "Delivery to my home ");
    assert_eq!(message["quick_reply"], json!({"payload": "P"}));

    stage.post_json(SEND, &token, &to_mira(&json!({"text": "Fine"}))).await.ok();
    let path = "/_sandbox/instagram/people/mira.demo/tap";
    let late = stage.send(stage.request(Method::POST, path).json(&cut)).await;
    assert_eq!((late.status, &late.json()["error"]["field"]), (400, &json!("title")));

    let many: Vec<Value> = (0..14).map(|number| offer(&number.to_string())).collect();
    let body = to_mira(&json!({"text": "How?", "quick_replies": many}));
    assert_error(&stage.post_json(SEND, &token, &body).await, 100, Some(2_534_015));
    stage.end().await;
}

fn element(element: &Value) -> Value {
    template(&json!({"template_type": "generic", "elements": [element]}))
}

fn button(button: &Value) -> Value {
    template(&json!({"template_type": "button", "text": "What?", "buttons": [button]}))
}

#[rstest]
#[case::title_alone(element(&json!({"title": "A"})))]
#[case::no_title(element(&json!({"subtitle": "A"})))]
#[case::long_title(element(&json!({"title": "x".repeat(81), "subtitle": "A"})))]
#[case::long_subtitle(element(&json!({"title": "A", "subtitle": "x".repeat(81)})))]
#[case::image_is_no_url(element(&json!({"title": "A", "image_url": "cat.jpg"})))]
#[case::action_is_a_postback(element(&json!({"title": "A", "default_action": {"type": "postback"}})))]
#[case::four_buttons(element(&json!({"title": "A", "buttons": vec![json!({"type": "postback", "title": "B", "payload": "C"}); 4]})))]
#[case::eleven(template(&json!({"template_type": "generic", "elements": vec![json!({"title": "A", "subtitle": "B"}); 11]})))]
#[case::long_text(template(&json!({"template_type": "button", "text": "x".repeat(641), "buttons": [{"type": "postback", "title": "B", "payload": "C"}]})))]
#[case::no_buttons(template(&json!({"template_type": "button", "text": "A", "buttons": []})))]
#[case::call_button(button(&json!({"type": "phone_number", "title": "B", "payload": "+49"})))]
#[case::button_without_title(button(&json!({"type": "postback", "payload": "C"})))]
#[case::button_without_url(button(&json!({"type": "web_url", "title": "C"})))]
#[case::product(template(&json!({"template_type": "product", "elements": [{"id": "1"}]})))]
#[case::two_films(to_mira(&json!({"attachments": vec![json!({"type": "video", "payload": {"url": "https://example.com/a.mp4"}}); 2]})))]
#[case::eleven_images(to_mira(&json!({"attachments": vec![json!({"type": "image", "payload": {"url": "https://example.com/a.png"}}); 11]})))]
#[case::text_with_image(to_mira(&json!({"text": "A", "attachment": {"type": "image", "payload": {"url": "https://example.com/a.png"}}})))]
#[case::post_of_somebody_else(to_mira(&json!({"attachment": {"type": "MEDIA_SHARE", "payload": {"id": "17999000000003701"}}})))]
#[tokio::test]
async fn messages_of_the_wrong_form(#[case] body: Value) {
    let (stage, token) = in_conversation().await;
    assert_error(&stage.post_json(SEND, &token, &body).await, 100, Some(2_534_015));
    stage.end().await;
}

#[tokio::test]
async fn files_are_fetched_and_shown_at_links_of_the_platform() {
    let (stage, token) = in_conversation().await;
    let files = stage.files().await;
    for (kind, name) in
        [("image", "cat.png"), ("video", "film.mp4"), ("audio", "song.aac"), ("file", "menu.pdf")]
    {
        let url = format!("{files}/{name}");
        let attachment = json!({"type": kind, "payload": {"url": url}});
        let message = echo(&stage, &token, &to_mira(&json!({"attachment": attachment}))).await;
        let shown = &message["attachments"][0];
        assert_eq!(shown["type"], kind);
        assert!(shown["payload"]["url"].as_str().unwrap().contains("/ig_messaging_cdn/?asset_id="));
    }
    let image = json!({"type": "image", "payload": {"url": format!("{files}/cat.png")}});
    let body = to_mira(&json!({"attachments": [image, image, image]}));
    let message = echo(&stage, &token, &body).await;
    assert_eq!(message["attachments"].as_array().unwrap().len(), 3);
    stage.end().await;
}

#[rstest]
#[case::nobody_there("image", "http://127.0.0.1:1/cat.png", 2_018_008)]
#[case::nothing_there("image", "/cat.gone", 2_018_008)]
#[case::too_large("image", "/8388609.png", 2_018_109)]
#[case::a_film_too_large("video", "/26214401.mp4", 2_018_109)]
#[case::another_type("video", "/cat.png", 2_018_047)]
#[case::a_text("file", "/menu.txt", 2_018_047)]
#[case::by_its_name("image", "https://cdn.example.com/menu.pdf", 2_018_047)]
#[tokio::test]
async fn files_that_are_not_taken(
    #[case] kind: &str,
    #[case] url: &str,
    #[case] subcode: i64,
    #[values(SEND, UPLOAD)] path: &str,
) {
    let (stage, token) = in_conversation().await;
    let files = stage.files().await;
    let url = if url.starts_with('/') { format!("{files}{url}") } else { url.to_owned() };
    let attachment = json!({"type": kind, "payload": {"url": url}});
    let body = to_mira(&json!({"attachment": attachment}));
    assert_error(&stage.post_json(path, &token, &body).await, 100, Some(subcode));
    stage.control("instagram/options", &json!({"media_fetch": "trust"})).await;
    stage.post_json(path, &token, &body).await.ok();
    stage.end().await;
}

#[tokio::test]
async fn what_was_uploaded_is_sent_by_its_id_by_its_owner() {
    let (stage, token) = in_conversation().await;
    let files = stage.files().await;
    let payload = json!({"url": format!("{files}/8388608.png"), "is_reusable": "true"});
    let body = json!({"message": {"attachment": {"type": "image", "payload": payload}}});
    let uploaded = stage.post_json(UPLOAD, &token, &body).await.ok();
    let reuse = |kind: &str, recipient: &str| {
        let attachment =
            json!({"type": kind, "payload": {"attachment_id": uploaded["attachment_id"]}});
        json!({"recipient": {"id": recipient}, "message": {"attachment": attachment}})
    };
    for _ in 0..2 {
        let message = echo(&stage, &token, &reuse("image", MIRA)).await;
        assert!(message["attachments"][0]["payload"]["url"].is_string());
    }
    let reply = stage.post_json(SEND, &token, &reuse("video", MIRA)).await;
    assert_error(&reply, 100, Some(2_018_047));
    let other = stage.token(OTHER_ACCOUNT, &[BASIC, MESSAGES]).await;
    let hello = json!({"account": OTHER_ACCOUNT, "text": "Hello?"});
    stage.control("instagram/people/mira.demo/write", &hello).await;
    let reply = stage.post_json(SEND, &other, &reuse("image", "1099900000000201")).await;
    assert_error(&reply, 100, Some(2_018_074));
    for body in [json!({}), json!({"message": {"attachment": {"type": "like_heart"}}})] {
        assert_eq!(stage.post_json(UPLOAD, &token, &body).await.json()["error"]["code"], 100);
    }
    stage.end().await;
}

#[tokio::test]
async fn a_post_of_its_own_and_a_heart() {
    let (stage, token) = in_conversation().await;
    let share = json!({"type": "MEDIA_SHARE", "payload": {"id": "17999000000003401"}});
    let message = echo(&stage, &token, &to_mira(&json!({"attachment": share}))).await;
    let shown = &message["attachments"][0];
    assert_eq!(shown["type"], "ig_post");
    assert_eq!(shown["payload"]["ig_post_media_id"], "17999000000003401");
    let heart = to_mira(&json!({"attachment": {"type": "like_heart"}}));
    let message = echo(&stage, &token, &heart).await;
    assert_eq!(message["attachments"], json!([{"type": "like_heart"}]));
    stage.end().await;
}

fn private(text: &str, comment: &Value) -> Value {
    json!({"recipient": {"comment_id": comment}, "message": {"text": text}})
}

async fn moderator() -> (Stage, String) {
    let (stage, _) = Stage::connected().await;
    let token = stage.token(ACCOUNT, &[BASIC, MESSAGES, COMMENTS]).await;
    (stage, token)
}

#[tokio::test]
async fn a_comment_is_answered_in_private_once_and_opens_no_window() {
    let (stage, token) = moderator().await;
    let body = private("Here is the list", &json!(COMMENT));
    let message = echo(&stage, &token, &body).await;
    assert_eq!(message["text"], "Here is the list");
    let thread = format!("/_sandbox/instagram/accounts/{ACCOUNT}/threads/mira.demo");
    let thread = stage.get(&thread).await.ok();
    assert_eq!(thread["messages"][0]["comment_id"], COMMENT);
    assert!(thread["opened_at"].is_null());
    let again = stage.post_json(SEND, &token, &body).await;
    assert_error(&again, 100, Some(2_534_025));
    assert_eq!(again.json()["error"]["message"], "The comment is invalid for a private reply");
    // Only an answer of hers lets the account go on.
    let more = to_mira(&json!({"text": "And more"}));
    assert_error(&stage.post_json(SEND, &token, &more).await, 10, Some(2_534_022));
    stage.write("mira.demo", "Thanks").await;
    stage.post_json(SEND, &token, &more).await.ok();
    stage.end().await;
}

#[tokio::test]
async fn comments_that_cannot_be_answered_in_private() {
    let (stage, token) = moderator().await;
    let refuse = async |comment: &Value| {
        let reply = stage.post_json(SEND, &token, &private("Hi", comment)).await;
        assert_error(&reply, 100, Some(2_534_025));
    };
    refuse(&json!("1")).await;
    // Of another account; 27 days old; the account's own.
    refuse(&json!("18099000000003701")).await;
    refuse(&json!("18099000000003600")).await;
    let path = format!("instagram/accounts/{ACCOUNT}/owner/comment");
    let own = stage.control(&path, &json!({"text": "Enjoy"})).await;
    refuse(&own["comment_id"]).await;

    let path = "instagram/people/mira.demo/comment";
    let fresh = stage.control(path, &json!({"text": "Price?"})).await;
    stage.advance(Duration::from_hours(7 * 24 + 1)).await;
    refuse(&fresh["comment_id"]).await;

    // Under a broadcast, for as long as it goes on.
    let posts = format!("instagram/accounts/{ACCOUNT}/posts");
    let live = stage.control(&posts, &json!({"is_live": true})).await["id"].clone();
    let comment = json!({"text": "Hi all", "media_id": live});
    let [first, second] = [
        stage.control(path, &comment).await["comment_id"].clone(),
        stage.control(path, &comment).await["comment_id"].clone(),
    ];
    stage.post_json(SEND, &token, &private("Hi", &first)).await.ok();
    stage.control(&posts, &json!({"id": live, "is_live": false})).await;
    refuse(&second).await;

    let text = json!({"attachment": {"type": "like_heart"}});
    let body = json!({"recipient": {"comment_id": COMMENT}, "message": text});
    assert_error(&stage.post_json(SEND, &token, &body).await, 100, Some(2_534_015));
    let poor = stage.token(ACCOUNT, &[BASIC, MESSAGES]).await;
    let reply = stage.post_json(SEND, &poor, &private("Hi", &json!(COMMENT))).await;
    assert_eq!(reply.status, 403);
    assert_error(&reply, 10, None);
    stage.end().await;
}

#[tokio::test]
async fn an_account_writes_to_itself_once_it_has_begun() {
    let (stage, token) = Stage::connected().await;
    let to_itself =
        |message: Value| json!({"recipient": {"id": "1099900000000900"}, "message": message});
    let body = to_itself(json!({"text": "preview"}));
    assert_error(&stage.post_json(SEND, &token, &body).await, 10, Some(2_534_022));
    let path = format!("instagram/accounts/{ACCOUNT}/owner/write");
    stage.control(&path, &json!({"text": "Hello me"})).await;
    stage.advance(Duration::from_hours(30 * 24)).await;
    let message = echo(&stage, &token, &body).await;
    assert_eq!(message["is_self"], true);
    let replies = json!([{"content_type": "text", "title": "A", "payload": "B"}]);
    let body = to_itself(json!({"text": "preview", "quick_replies": replies}));
    assert_error(&stage.post_json(SEND, &token, &body).await, 100, Some(2_534_015));
    stage.control("instagram/options", &json!({"self_send_shape": "id"})).await;
    let sent = stage.post_json(SEND, &token, &to_itself(json!({"text": "again"}))).await.ok();
    assert!(sent["id"].is_string() && sent.get("recipient_id").is_none());
    stage.end().await;
}

#[tokio::test]
async fn people_out_of_reach() {
    let (stage, token) = in_conversation().await;
    let body = to_mira(&json!({"text": "Hi"}));
    stage.control("instagram/people/mira.demo/block", &json!({})).await;
    assert_error(&stage.post_json(SEND, &token, &body).await, 551, Some(1_545_041));
    stage.control("instagram/people/mira.demo/block", &json!({"blocked": false})).await;
    stage.post_json(SEND, &token, &body).await.ok();

    let app = json!({"client_id": CLIENT_ID, "standard_access": [MESSAGES]});
    stage.control("instagram/apps", &app).await;
    assert_error(&stage.post_json(SEND, &token, &body).await, 10, Some(2_534_048));
    let app = json!({"client_id": CLIENT_ID, "testers": ["mira.demo"]});
    stage.control("instagram/apps", &app).await;
    stage.post_json(SEND, &token, &body).await.ok();

    let taken = json!({"person": "mira.demo"});
    stage.control(&format!("instagram/accounts/{ACCOUNT}/owner/take-thread"), &taken).await;
    assert_error(&stage.post_json(SEND, &token, &body).await, 100, Some(2_534_037));
    stage.control("instagram/options", &json!({"owned_thread_error": "2018300"})).await;
    assert_error(&stage.post_json(SEND, &token, &body).await, 2_018_300, None);
    stage.end().await;
}

#[tokio::test]
async fn an_app_with_routing_passes_a_conversation_on() {
    let (stage, token) = in_conversation().await;
    let control = json!({"control_type": "pass"});
    let body = json!({"recipient": {"id": MIRA}, "thread_control": control});
    assert_error(&stage.post_json(SEND, &token, &body).await, 27, None);
    let app = json!({"client_id": CLIENT_ID, "features": ["conversation_routing"]});
    stage.control("instagram/apps", &app).await;
    assert_eq!(stage.post_json(SEND, &token, &body).await.ok(), json!({"success": true}));
    let text = to_mira(&json!({"text": "Hi"}));
    assert_error(&stage.post_json(SEND, &token, &text).await, 100, Some(2_534_037));
    let body = json!({"recipient": {"id": MIRA}, "thread_control": {"control_type": "take"}});
    assert_error(&stage.post_json(SEND, &token, &body).await, 100, None);
    stage.end().await;
}

#[tokio::test]
async fn reactions_are_set_changed_and_taken_back_without_an_echo() {
    let (stage, token) = in_conversation().await;
    let path = format!("/_sandbox/instagram/accounts/{ACCOUNT}/threads/mira.demo");
    let mid = stage.get(&path).await.ok()["messages"][0]["id"].clone();
    let before = stage.receiver.received().len();
    for (action, reaction, seen) in [
        ("react", json!("love"), json!("\u{2764}\u{fe0f}")),
        ("react", json!("🎉"), json!("🎉")),
        ("unreact", Value::Null, Value::Null),
    ] {
        let payload = json!({"message_id": mid, "reaction": reaction});
        let body = json!({"recipient": {"id": MIRA}, "sender_action": action, "payload": payload});
        assert_eq!(stage.post_json(SEND, &token, &body).await.ok(), json!({"recipient_id": MIRA}));
        assert_eq!(stage.get(&path).await.ok()["messages"][0]["account_reaction"], seen);
    }
    stage.sandbox.settle().await;
    assert_eq!(stage.receiver.received().len(), before);
    stage.end().await;
}
