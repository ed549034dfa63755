//! What an app can read and tidy up: conversations, messages, profiles, posts, comments, menus.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{ACCOUNT, BASIC, CLIENT_ID, COMMENTS, MESSAGES, MIRA, Reply, SECRET, Stage};

const POST: &str = "17999000000003401";
const COMMENT: &str = "18099000000003411";
const OLD_COMMENT: &str = "18099000000003600";

#[track_caller]
fn assert_error(reply: &Reply, code: i64, subcode: Option<i64>) {
    let error = &reply.json()["error"];
    assert_eq!(error["code"], code, "{}", reply.text);
    assert_eq!(error["error_subcode"].as_i64(), subcode, "{}", reply.text);
}

async fn read(stage: &Stage, token: &str, path: &str) -> Reply {
    let request = stage.request(Method::GET, &format!("/instagram/graph/v25.0/{path}"));
    stage.send(request.bearer_auth(token)).await
}

async fn call(stage: &Stage, token: &str, method: Method, path: &str, body: &Value) -> Reply {
    let request = stage.request(method, &format!("/instagram/graph/v25.0/{path}"));
    stage.send(request.bearer_auth(token).json(body)).await
}

/// A stage where reading again at the same moment is no offence.
async fn connected() -> (Stage, String) {
    let (stage, token) = Stage::connected().await;
    stage.control("instagram/limits", &json!({"enabled": false})).await;
    (stage, token)
}

async fn moderator() -> (Stage, String) {
    let (stage, _) = connected().await;
    let token = stage.token(ACCOUNT, &[BASIC, MESSAGES, COMMENTS]).await;
    (stage, token)
}

/// Follows a link that an answer gives, as it stands there.
async fn follow(stage: &Stage, token: &str, link: &Value) -> Value {
    let link = link.as_str().unwrap();
    let path = &link[link.find("/instagram/graph").unwrap()..];
    stage.send(stage.request(Method::GET, path).bearer_auth(token)).await.ok()
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn conversations_are_listed_newest_first_in_pages() {
    let (stage, token) = connected().await;
    for person in ["mira.demo", "theo.demo", "noor.demo"] {
        stage.write(person, "Hello?").await;
        stage.advance(Duration::from_secs(60)).await;
    }
    let path = "me/conversations?platform=instagram";
    let all = read(&stage, &token, path).await.ok();
    assert_eq!(all["data"][0]["updated_time"], "2025-12-31T12:02:10+0000");
    assert_eq!(ids(&all).len(), 3);
    assert!(all["paging"]["cursors"]["after"].is_string() && all["paging"].get("next").is_none());

    let first = read(&stage, &token, &format!("{path}&limit=2&fields=participants")).await.ok();
    let people = &first["data"][0]["participants"]["data"];
    assert_eq!(people[0], json!({"id": ACCOUNT, "username": "lumen.cafe.demo"}));
    assert_eq!(people[1], json!({"id": "1099900000000103", "username": "noor.demo"}));
    let second = follow(&stage, &token, &first["paging"]["next"]).await;
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&all));
    assert!(second["paging"].get("next").is_none());
    assert!(second["data"][0]["participants"].is_object());
    let back = follow(&stage, &token, &second["paging"]["previous"]).await;
    assert_eq!(ids(&back), ids(&first));

    let one = format!("{ACCOUNT}/conversations?user_id={MIRA}");
    assert_eq!(ids(&read(&stage, &token, &one).await.ok()), [ids(&all)[2]]);
    let none = read(&stage, &token, "me/conversations?user_id=1").await.ok();
    assert_eq!(none, json!({"data": []}));
    let reply = read(&stage, &token, "me/conversations?platform=messenger").await;
    assert_error(&reply, 100, None);
    for wrong in ["limit=none", "after=%C3%A4", "fields=a%7Bb", "fields=shoe_size"] {
        let reply = read(&stage, &token, &format!("me/conversations?{wrong}")).await;
        assert_error(&reply, 100, None);
    }
    stage.end().await;
}

#[tokio::test]
async fn only_the_twenty_newest_messages_can_be_read() {
    let (stage, token) = connected().await;
    let mut sent = Vec::new();
    for number in 0..23 {
        sent.push(stage.write("mira.demo", &format!("Message {number}")).await);
        stage.advance(Duration::from_secs(1)).await;
    }
    sent.reverse();
    let list = read(&stage, &token, "me/conversations?fields=messages{message,from}").await.ok();
    let messages = &list["data"][0]["messages"];
    assert_eq!(ids(messages), sent);
    assert_eq!(messages["data"][19]["message"], "Message 3");
    assert_eq!(messages["data"][19]["from"], json!({"id": MIRA, "username": "mira.demo"}));
    let old = &messages["data"][20];
    assert!(old.get("message").is_none() && old["created_time"].is_string());

    let readable = read(&stage, &token, &format!("{}?fields=message", sent[19])).await.ok();
    assert_eq!(readable, json!({"id": sent[19], "message": "Message 3"}));
    assert_error(&read(&stage, &token, &sent[20]).await, 9_000_001, None);
    // What was taken back is gone, and one more of the older can be read.
    let unsend = json!({"message_id": sent[0]});
    stage.control("instagram/people/mira.demo/unsend", &unsend).await;
    assert_error(&read(&stage, &token, &sent[0]).await, 9_000_001, None);
    read(&stage, &token, &sent[20]).await.ok();

    let conversation = ids(&list)[0];
    let path = format!("{conversation}?fields=messages.limit(2){{message}}");
    let first = read(&stage, &token, &path).await.ok();
    assert_eq!((&first["id"], ids(&first["messages"]).len()), (&json!(conversation), 2));
    let next = follow(&stage, &token, &first["messages"]["paging"]["next"]).await;
    assert_eq!(ids(&next), [&sent[3], &sent[4]]);
    assert_eq!(next["data"][0]["message"], "Message 19");
    let bare = read(&stage, &token, &format!("{conversation}?fields=messages")).await.ok();
    let keys: Vec<&String> = bare["messages"]["data"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["created_time", "id"]);
    stage.end().await;
}

#[tokio::test]
async fn a_story_is_shown_for_a_day() {
    let (stage, token) = connected().await;
    for body in [
        json!({"attachments": [{"type": "story_mention"}]}),
        json!({"text": "Vegan?", "reply_to": {"story": {}}}),
    ] {
        let done = stage.control("instagram/people/mira.demo/write", &body).await;
        let path = format!("{}?fields=story", done["message_id"].as_str().unwrap());
        let story = read(&stage, &token, &path).await.ok()["story"].clone();
        let link = story["link"].as_str().unwrap();
        let link = &link[link.find("/instagram/cdn").unwrap()..];
        assert_eq!(stage.get(link).await.status, 200);
        stage.advance(Duration::from_hours(25)).await;
        assert_eq!(stage.get(link).await.status, 403, "the link has days to go, its story has not");
        assert_eq!(read(&stage, &token, &path).await.ok()["story"], Value::Null, "{body}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_message_shows_what_it_holds_at_fresh_links() {
    let (stage, token) = connected().await;
    let write = async |body: Value| {
        let done = stage.control("instagram/people/mira.demo/write", &body).await;
        stage.sandbox.settle().await;
        done["message_id"].as_str().unwrap().to_owned()
    };
    let everything = "fields=id,created_time,from,to,message,attachments,shares{link,name},story,\
                      reactions,is_unsupported,reply_to,tags";
    let show = async |mid: &str| read(&stage, &token, &format!("{mid}?{everything}")).await.ok();

    let text = write(json!({"text": "Hello?"})).await;
    stage
        .control("instagram/people/mira.demo/react", &json!({"message_id": text, "emoji": "🎉"}))
        .await;
    let shown = show(&text).await;
    let mira = json!({"id": MIRA, "username": "mira.demo"});
    let expected = json!({
        "id": text, "created_time": "2025-12-31T12:00:10+0000", "from": mira, "message": "Hello?",
        "to": {"data": [{"id": ACCOUNT, "username": "lumen.cafe.demo"}]},
        "reactions": {"data": [{"reaction": "🎉", "users": [mira]}]},
    });
    assert_eq!(shown, expected);

    let image = write(json!({"attachments": [{"type": "image"}]})).await;
    let told = stage.receiver.received().last().unwrap().json();
    let told =
        told["entry"][0]["messaging"][0]["message"]["attachments"][0]["payload"]["url"].clone();
    let shown = show(&image).await["attachments"]["data"][0]["image_data"].clone();
    assert_ne!(shown["url"], told);
    let asset = |url: &Value| url.as_str().unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(asset(&shown["url"]), asset(&told));
    // A link ends, and reading the message again gives a new one.
    stage.advance(Duration::from_hours(10 * 24)).await;
    let fresh = show(&image).await["attachments"]["data"][0]["image_data"]["url"].clone();
    let path = |url: &Value| {
        let url = url.as_str().unwrap();
        url[url.find("/instagram/cdn").unwrap()..].to_owned()
    };
    assert_eq!(stage.get(&path(&told)).await.status, 403);
    assert_eq!(stage.get(&path(&fresh)).await.status, 200);

    for (kind, place) in [
        ("video", "/attachments/data/0/video_data/url"),
        ("audio", "/attachments/data/0/file_url"),
        ("file", "/attachments/data/0/name"),
        ("sticker", "/attachments/data/0/image_data/render_as_sticker"),
        ("gif", "/attachments/data/0/image_data/animated_gif_url"),
        ("ig_post", "/shares/data/0/link"),
        ("ig_reel", "/shares/data/0/id"),
        ("story_mention", "/story/link"),
    ] {
        let shown = show(&write(json!({"attachments": [{"type": kind}]})).await).await;
        assert!(shown.pointer(place).is_some_and(|value| !value.is_null()), "{kind}: {shown}");
    }
    let share = write(json!({"attachments": [{"type": "share"}]})).await;
    let bare = read(&stage, &token, &format!("{share}?fields=shares")).await.ok();
    assert_eq!(bare["shares"]["data"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id"]);
    let reply = write(json!({"text": "Vegan?", "reply_to": {"story": {"id": "7"}}})).await;
    assert_eq!(show(&reply).await["story"]["id"], "7");
    let reply = write(json!({"text": "That one", "reply_to": {"mid": text}})).await;
    assert_eq!(show(&reply).await["reply_to"], json!({"mid": text}));
    let odd = write(json!({"is_unsupported": true})).await;
    assert_eq!(read(&stage, &token, &odd).await.ok()["is_unsupported"], true);
    stage.end().await;
}

#[tokio::test]
async fn requests_that_nobody_answers_are_forgotten_after_thirty_days() {
    let (stage, token) = connected().await;
    stage.control("instagram/people", &json!({"username": "ana"})).await;
    stage.write("ana", "Hello?").await;
    stage.write("mira.demo", "Hello?").await;
    let count = async |token: &str| ids(&read(&stage, token, "me/conversations").await.ok()).len();
    assert_eq!(count(&token).await, 2);
    stage.advance(Duration::from_hours(31 * 24)).await;
    // She follows the account, so hers was no request.
    assert_eq!(count(&token).await, 1);
    let path = format!("instagram/accounts/{ACCOUNT}/owner/write");
    stage.control(&path, &json!({"person": "ana", "text": "Sorry"})).await;
    stage.advance(Duration::from_hours(31 * 24)).await;
    let token = stage.token(ACCOUNT, &[BASIC, MESSAGES]).await;
    assert_eq!(count(&token).await, 2);
    stage.end().await;
}

#[tokio::test]
async fn conversations_of_others_and_without_permission() {
    let (stage, token) = connected().await;
    let mid = stage.write("mira.demo", "Hello?").await;
    let list = read(&stage, &token, "me/conversations").await.ok();
    let conversation = ids(&list)[0].to_owned();
    let other = stage.token("17841499900000002", &[BASIC, MESSAGES]).await;
    for node in [&mid, &conversation, &format!("{conversation}/messages")] {
        assert_error(&read(&stage, &other, node).await, 100, Some(33));
    }
    let account = json!({"username": "lumen.cafe.demo", "message_access": false});
    stage.control("instagram/accounts", &account).await;
    for node in [&mid, &conversation, "me/conversations"] {
        assert_error(&read(&stage, &token, node).await, 200, Some(2_534_041));
    }
    let poor = stage.token(ACCOUNT, &[BASIC]).await;
    for node in [&mid, &conversation, "me/conversations"] {
        assert_error(&read(&stage, &poor, node).await, 10, None);
    }
    stage.end().await;
}

#[tokio::test]
async fn people_are_shown_as_far_as_they_consent() {
    let (stage, token) = connected().await;
    let ana = stage.control("instagram/people", &json!({"username": "ana"})).await;
    let ana = ana["scoped_ids"][ACCOUNT].as_str().unwrap().to_owned();
    // A comment is no consent.
    stage.control("instagram/people/ana/comment", &json!({"text": "Nice"})).await;
    let path = format!("{ana}?fields=name,username,profile_pic,is_user_follow_business");
    assert_error(&read(&stage, &token, &path).await, 230, None);
    let tap = json!({"title": "Open?", "payload": "OPEN"});
    stage.control("instagram/people/ana/postback", &tap).await;
    let expected = json!({
        "id": ana, "name": null, "username": "ana", "profile_pic": null,
        "is_user_follow_business": false,
    });
    assert_eq!(read(&stage, &token, &path).await.ok(), expected);
    stage.control("instagram/people/ana/follow", &json!({})).await;
    let shown = read(&stage, &token, &path).await.ok();
    assert_eq!(shown["is_user_follow_business"], true);
    stage.control("instagram/people/ana/block", &json!({})).await;
    assert_error(&read(&stage, &token, &path).await, 9010, None);
    stage.end().await;
}

#[tokio::test]
async fn posts_and_their_comments_are_read() {
    let (stage, token) = moderator().await;
    let list = read(&stage, &token, "me/media?fields=caption,comments_count,comments").await.ok();
    assert_eq!(ids(&list), [POST, "17999000000003601"]);
    assert_eq!(list["data"][0]["caption"], "Autumn menu is here");
    assert_eq!(list["data"][0]["comments_count"], 2);
    assert_eq!(ids(&list["data"][0]["comments"]), ["18099000000003412", COMMENT]);
    let fields = "media_type,media_product_type,permalink,media_url,thumbnail_url,timestamp,\
                  username,like_count,is_comment_enabled,owner";
    let film = read(&stage, &token, &format!("17999000000003601?fields={fields}")).await.ok();
    assert_eq!(
        (&film["media_type"], &film["media_product_type"]),
        (&json!("VIDEO"), &json!("REELS"))
    );
    assert!(film["thumbnail_url"].is_string() && film["is_comment_enabled"] == true);

    let reply = json!({"text": "Same here", "parent_id": COMMENT});
    stage.control("instagram/people/theo.demo/comment", &reply).await;
    let path = format!("{POST}/comments?fields=from,text,hidden,like_count,replies{{from,text}}");
    let comments = read(&stage, &token, &path).await.ok();
    let comment = &comments["data"][1];
    assert_eq!(comment["from"], json!({"id": MIRA, "username": "mira.demo"}));
    assert_eq!(comment["replies"]["data"][0]["text"], "Same here");
    assert!(comments["data"][0].get("replies").is_none());
    let replies = read(&stage, &token, &format!("{COMMENT}/replies")).await.ok();
    assert_eq!(replies["data"][0]["text"], "Same here");
    let one =
        read(&stage, &token, &format!("{COMMENT}?fields=media,username,parent_id")).await.ok();
    assert_eq!(one["media"], json!({"id": POST, "media_product_type": "FEED"}));

    for path in [format!("{POST}/comments"), COMMENT.to_owned(), format!("{COMMENT}/replies")] {
        let poor = stage.token(ACCOUNT, &[BASIC, MESSAGES]).await;
        assert_error(&read(&stage, &poor, &path).await, 10, None);
    }
    let other = stage.token("17841499900000002", &[BASIC, COMMENTS]).await;
    for path in [POST.to_owned(), COMMENT.to_owned(), format!("{POST}/comments")] {
        assert_error(&read(&stage, &other, &path).await, 100, Some(33));
    }
    stage.end().await;
}

#[tokio::test]
async fn comments_are_paged() {
    let (stage, token) = moderator().await;
    for number in 0..55 {
        let remark = json!({"text": format!("Comment {number}")});
        stage.control("instagram/people/mira.demo/comment", &remark).await;
    }
    let first = read(&stage, &token, &format!("{POST}/comments")).await.ok();
    assert_eq!((ids(&first).len(), &first["data"][0]["text"]), (50, &json!("Comment 54")));
    let second = follow(&stage, &token, &first["paging"]["next"]).await;
    assert_eq!((ids(&second).len(), &second["data"][6]["id"]), (7, &json!(COMMENT)));
    stage.end().await;
}

#[tokio::test]
async fn comments_are_answered_hidden_and_deleted() {
    let (stage, token) = moderator().await;
    let answer = json!({"message": "20 euros"});
    let path = format!("{COMMENT}/replies");
    let made = call(&stage, &token, Method::POST, &path, &answer).await.ok()["id"].clone();
    stage.sandbox.settle().await;
    let told = stage.receiver.received().last().unwrap().json();
    let value = &told["entry"][0]["changes"][0]["value"];
    assert_eq!((&value["id"], &value["parent_id"]), (&made, &json!(COMMENT)));
    assert_eq!(value["from"]["self_ig_scoped_id"], "1099900000000900");
    assert_error(&call(&stage, &token, Method::POST, &path, &json!({})).await, 100, None);

    let is_hidden = async |node: &str| {
        read(&stage, &token, &format!("{node}?fields=hidden")).await.ok()["hidden"].clone()
    };
    let success = json!({"success": true});
    let hide = format!("{COMMENT}?hide=true");
    assert_eq!(call(&stage, &token, Method::POST, &hide, &json!({})).await.ok(), success);
    assert_eq!(is_hidden(COMMENT).await, true);
    // From the query only.
    let in_body = call(&stage, &token, Method::POST, COMMENT, &json!({"hide": "false"})).await;
    assert_error(&in_body, 100, None);
    let show = format!("{COMMENT}?hide=false");
    call(&stage, &token, Method::POST, &show, &json!({})).await.ok();
    assert_eq!(is_hidden(COMMENT).await, false);
    let own = made.as_str().unwrap();
    let hide = format!("{own}?hide=true");
    assert_eq!(call(&stage, &token, Method::POST, &hide, &json!({})).await.ok(), success);
    assert_eq!(is_hidden(own).await, false);

    assert_eq!(call(&stage, &token, Method::DELETE, COMMENT, &json!({})).await.ok(), success);
    for gone in [COMMENT, own] {
        assert_error(&read(&stage, &token, gone).await, 100, Some(33));
    }
    let off = format!("{POST}?comment_enabled=false");
    assert_eq!(call(&stage, &token, Method::POST, &off, &json!({})).await.ok(), success);
    let path = "/_sandbox/instagram/people/mira.demo/comment";
    let refused = stage.send(stage.request(Method::POST, path).json(&json!({"text": "Hm"}))).await;
    assert_eq!(refused.json()["error"]["field"], "media_id");
    let poor = stage.token(ACCOUNT, &[BASIC, MESSAGES]).await;
    let reply = call(&stage, &poor, Method::DELETE, OLD_COMMENT, &json!({})).await;
    assert_error(&reply, 10, None);
    stage.end().await;
}

#[tokio::test]
async fn menus_are_set_read_tapped_and_deleted() {
    let (stage, token) = connected().await;
    let path = "me/messenger_profile";
    let questions = json!([{"call_to_actions": [{"question": "Hours?", "payload": "HOURS"}], "locale": "default"}]);
    let items = json!([{"type": "postback", "title": "Talk to us", "payload": "TALK"},
                       {"type": "web_url", "title": "Shop", "url": "https://example.com/"}]);
    let menu =
        json!([{"locale": "default", "composer_input_disabled": false, "call_to_actions": items}]);
    let body = json!({"platform": "instagram", "ice_breakers": questions, "persistent_menu": menu});
    assert_eq!(
        call(&stage, &token, Method::POST, path, &body).await.ok(),
        json!({"success": true})
    );
    let both =
        read(&stage, &token, &format!("{path}?fields=ice_breakers,persistent_menu")).await.ok();
    assert_eq!(both, json!({"data": [{"ice_breakers": questions, "persistent_menu": menu}]}));
    for (title, payload) in [("Hours?", "HOURS"), ("Talk to us", "TALK")] {
        stage.control("instagram/people/noor.demo/tap", &json!({"title": title})).await;
        stage.sandbox.settle().await;
        let told = stage.receiver.received().last().unwrap().json();
        assert_eq!(told["entry"][0]["messaging"][0]["postback"]["payload"], payload);
    }
    stage.control("instagram/options", &json!({"menu_success": "result"})).await;
    let fields = json!({"fields": ["ice_breakers"]});
    let gone = call(&stage, &token, Method::DELETE, path, &fields).await.ok();
    assert_eq!(gone, json!({"result": "success"}));
    let none = read(&stage, &token, &format!("{path}?fields=ice_breakers")).await.ok();
    assert_eq!(none, json!({"data": []}));
    stage.end().await;
}

fn questions(count: usize) -> Value {
    json!(vec![json!({"question": "Q", "payload": "P"}); count])
}

#[rstest]
#[case::nothing(json!({}))]
#[case::five(json!({"ice_breakers": questions(5)}))]
#[case::five_in_a_block(json!({"ice_breakers": [{"call_to_actions": questions(5)}]}))]
#[case::no_payload(json!({"ice_breakers": [{"question": "Q"}]}))]
#[case::one_language_twice(json!({"ice_breakers": [{"call_to_actions": questions(1)}, {"call_to_actions": questions(1), "locale": "default"}]}))]
#[case::no_composer(json!({"persistent_menu": [{"composer_input_disabled": true, "call_to_actions": [{"type": "postback", "title": "A", "payload": "B"}]}]}))]
#[case::ratio(json!({"persistent_menu": [{"call_to_actions": [{"type": "web_url", "title": "A", "url": "https://example.com/", "webview_height_ratio": "full"}]}]}))]
#[case::nested(json!({"persistent_menu": [{"call_to_actions": [{"type": "nested", "title": "A"}]}]}))]
#[case::another_platform(json!({"platform": "messenger", "ice_breakers": questions(1)}))]
#[tokio::test]
async fn menus_that_are_not_taken(#[case] body: Value) {
    let (stage, token) = connected().await;
    let reply = call(&stage, &token, Method::POST, "me/messenger_profile", &body).await;
    assert_error(&reply, 100, None);
    let flat = json!({"ice_breakers": questions(4)});
    call(&stage, &token, Method::POST, "me/messenger_profile", &flat).await.ok();
    stage.end().await;
}

#[tokio::test]
async fn flows_that_greet_whoever_comes_by_an_ad() {
    let (stage, token) = connected().await;
    let path = "me/welcome_message_flows";
    let steps = json!([{"message": {"text": "Hi!", "quick_replies": []}}]);
    let body = json!({"name": "Spring", "welcome_message_flow": steps, "eligible_platforms": ["instagram"]});
    let id = call(&stage, &token, Method::POST, path, &body).await.ok()["flow_id"].clone();
    let one = format!("{path}?flow_id={}", id.as_str().unwrap());
    let shown = read(&stage, &token, &one).await.ok();
    // JSON in a text.
    assert_eq!(shown["data"][0]["welcome_message_flow"], steps.to_string());
    let success = json!({"success": true});
    assert_eq!(call(&stage, &token, Method::POST, &one, &body).await.ok(), success);
    assert_eq!(call(&stage, &token, Method::DELETE, &one, &json!({})).await.ok(), success);
    assert_eq!(read(&stage, &token, path).await.ok(), json!({"data": []}));
    assert_error(&read(&stage, &token, &one).await, 100, Some(33));
    let empty = json!({"name": "Spring", "welcome_message_flow": []});
    assert_error(&call(&stage, &token, Method::POST, path, &empty).await, 100, None);
    stage.end().await;
}

#[tokio::test]
async fn a_token_is_examined_by_its_app() {
    let (stage, token) = connected().await;
    let path = format!("debug_token?input_token={token}&access_token={CLIENT_ID}|{SECRET}");
    let debug = async |path: &str| stage.get(&format!("/instagram/graph/{path}")).await;
    let data = debug(&path).await.ok()["data"].clone();
    assert_eq!((&data["is_valid"], &data["scopes"]), (&json!(true), &json!([BASIC, MESSAGES])));
    assert_eq!(data["expires_at"], 1_767_182_410 + 5_183_944);
    stage
        .control("instagram/tokens/revoke", &json!({"token": token, "reason": "checkpoint"}))
        .await;
    let data = debug(&path).await.ok()["data"].clone();
    assert_eq!((&data["is_valid"], &data["error"]["code"]), (&json!(false), &json!(190)));
    let unknown = path.replace(&token, "IGAAnothing");
    assert_eq!(debug(&unknown).await.ok()["data"]["is_valid"], false);
    let wrong = format!("debug_token?input_token={token}&access_token={CLIENT_ID}|no");
    assert_error(&debug(&wrong).await, 190, None);
    stage.end().await;
}

#[tokio::test]
async fn plain_answers_about_publishing_and_insights() {
    let (stage, _) = connected().await;
    let publish = "instagram_business_content_publish";
    let insights = "instagram_business_manage_insights";
    let token = stage.token(ACCOUNT, &[BASIC, publish, insights]).await;
    let limit = |total: u32| {
        let config = json!({"quota_total": total, "quota_duration": 86400});
        json!({"data": [{"config": config, "quota_usage": 0}]})
    };
    let path = "me/content_publishing_limit";
    assert_eq!(read(&stage, &token, path).await.ok(), limit(100));
    stage.control("instagram/options", &json!({"publishing_quota": "50"})).await;
    assert_eq!(read(&stage, &token, path).await.ok(), limit(50));
    for node in ["me", POST] {
        let path = format!("{node}/insights?metric=reach&period=day");
        assert_eq!(read(&stage, &token, &path).await.ok(), json!({"data": []}));
    }
    assert_error(&read(&stage, &token, "me/insights").await, 100, None);
    assert_error(&read(&stage, &token, "1/insights?metric=reach").await, 100, Some(33));
    let poor = stage.token(ACCOUNT, &[BASIC]).await;
    assert_error(&read(&stage, &poor, path).await, 10, None);
    stage.end().await;
}

#[tokio::test]
async fn a_proof_that_is_given_must_be_right_and_can_be_required() {
    let (stage, token) = connected().await;
    let mut proof = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    proof.update(token.as_bytes());
    let proof = hex::encode(proof.finalize().into_bytes());
    read(&stage, &token, "me").await.ok();
    read(&stage, &token, &format!("me?appsecret_proof={proof}")).await.ok();
    let wrong = read(&stage, &token, &format!("me?appsecret_proof={}", "0".repeat(64))).await;
    assert_error(&wrong, 100, None);
    let message = &wrong.json()["error"]["message"];
    assert_eq!(message, "Invalid appsecret_proof provided in the API argument");
    let app = json!({"client_id": CLIENT_ID, "proof_required": true});
    stage.control("instagram/apps", &app).await;
    assert_error(&read(&stage, &token, "me").await, 100, None);
    read(&stage, &token, &format!("me?appsecret_proof={proof}")).await.ok();
    stage.end().await;
}
