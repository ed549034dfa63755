//! The control API: seeding, looking, and being told no.

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, CLIENT_ID, MIRA, REDIRECT, Stage};

#[tokio::test]
async fn seeding_twice_changes_nothing() {
    let stage = Stage::empty().await;
    let seed = json!({"redirect_uris": [REDIRECT]});
    let first = stage.control("seed", &seed).await;
    assert_eq!(first["app"]["client_id"], CLIENT_ID);
    assert_eq!(first["app"]["client_secret"], "posta-sandbox-instagram-app-secret");
    assert_eq!(first["accounts"][0]["id"], ACCOUNT);
    assert_eq!(first["accounts"][0]["own_scoped_id"], "1099900000000900");
    assert_eq!(first["accounts"][0]["app_scoped_ids"][CLIENT_ID], "27999000000000001");
    assert_eq!(first["people"][0]["scoped_ids"][ACCOUNT], MIRA);
    assert!(first["urls"]["graph"].as_str().unwrap().ends_with("/instagram/graph"));
    stage.write("mira.demo", "Hello?").await;
    assert_eq!(stage.control("seed", &seed).await, first);
    assert_eq!(stage.control("seed", &json!({})).await, first);
    stage.control("reset", &json!({})).await;
    let people = stage.get("/_sandbox/instagram/people").await.ok();
    assert_eq!(people, json!({"people": []}));
    stage.end().await;
}

#[tokio::test]
async fn a_thread_shows_what_both_sides_see() {
    let (stage, token) = Stage::connected().await;
    let mid = stage.write("mira.demo", "Hello?").await;
    let path = format!("/_sandbox/instagram/accounts/{ACCOUNT}/threads/mira.demo");
    for action in [
        json!({"sender_action": "mark_seen"}),
        json!({"sender_action": "typing_on"}),
        json!({"sender_action": "react", "payload": {"message_id": mid, "reaction": "love"}}),
    ] {
        let mut body = action;
        body["recipient"] = json!({"id": MIRA});
        let answer = stage.post_json("/instagram/graph/me/messages", &token, &body).await.ok();
        assert_eq!(answer, json!({"recipient_id": MIRA}));
    }
    let thread = stage.get(&path).await.ok();
    assert_eq!(thread["account_is_typing"], true);
    let message = &thread["messages"][0];
    assert_eq!((&message["seen"], &message["direction"]), (&json!(true), &json!("incoming")));
    assert_eq!(message["account_reaction"], "\u{2764}\u{fe0f}");

    let body = json!({"recipient": {"id": MIRA}, "message": {"text": "Hi"}});
    stage.post_json("/instagram/graph/me/messages", &token, &body).await.ok();
    let thread = stage.get(&path).await.ok();
    assert_eq!(thread["account_is_typing"], false);
    let message = &thread["messages"][1];
    assert_eq!((&message["by"], &message["text"]), (&json!("api"), &json!("Hi")));
    assert_eq!((&message["seen"], &message["direction"]), (&json!(false), &json!("outgoing")));
    stage.control("instagram/people/mira.demo/read", &json!({})).await;
    assert_eq!(stage.get(&path).await.ok()["messages"][1]["seen"], true);
    stage.end().await;
}

#[tokio::test]
async fn the_clock_moves_by_a_duration_or_to_a_time() {
    let stage = Stage::empty().await;
    let now = stage.get("/_sandbox/clock").await.ok();
    assert_eq!(now, json!({"now": "2025-12-31T12:00:10.000Z"}));
    for (change, then) in [
        (json!({"advance": "1d 30m"}), "2026-01-01T12:30:10.000Z"),
        (json!({"advance": 50}), "2026-01-01T12:31:00.000Z"),
        (json!({"set": "2026-02-01T08:00:00+01:00"}), "2026-02-01T07:00:00.000Z"),
    ] {
        assert_eq!(stage.control("clock", &change).await, json!({"now": then}));
    }
    stage.end().await;
}

#[tokio::test]
async fn made_people_and_accounts_get_ids_of_the_right_form() {
    let stage = Stage::seeded().await;
    let shop = json!({"username": "new.shop", "kind": "creator"});
    let account = stage.control("instagram/accounts", &shop).await;
    let id = account["id"].as_str().unwrap();
    assert!(id.starts_with("17841") && id.len() == 17, "{id}");
    let person = stage.control("instagram/people", &json!({"username": "ana"})).await;
    assert_eq!(person["scoped_ids"].as_object().unwrap().len(), 4);
    assert_ne!(person["scoped_ids"][id], person["scoped_ids"][ACCOUNT]);
    let app = stage.control("instagram/apps", &json!({"name": "Other"})).await;
    assert!(app["client_secret"].as_str().unwrap().len() >= 32);
    stage.end().await;
}

#[tokio::test]
async fn the_page_shows_everything_and_takes_messages() {
    let stage = Stage::seeded().await;
    let form = [
        ("platform", "instagram"),
        ("account", ACCOUNT),
        ("person", "mira.demo"),
        ("text", "<b>Hello?</b>"),
        ("by", "person"),
    ];
    let reply = stage.post_form("/_sandbox/", &form).await;
    assert_eq!((reply.status, reply.header("location")), (303, "/_sandbox/"));
    let page = stage.get("/_sandbox/").await;
    for text in [
        "Instagram",
        "lumen.cafe.demo",
        CLIENT_ID,
        "&lt;b&gt;Hello?&lt;/b&gt;",
        "Autumn menu is here",
        "Price please?",
    ] {
        assert!(page.text.contains(text), "{text} is not in {}", page.text);
    }
    stage.end().await;
}

#[rstest]
#[case::no_platform(Method::POST, "myspace/people", json!({"username": "a"}), 404, "platform")]
#[case::no_route(Method::GET, "instagram/weather", json!({}), 404, "route")]
#[case::no_person(Method::POST, "instagram/people/nobody/write", json!({"text": "Hi"}), 404, "person")]
#[case::no_account(Method::POST, "instagram/people/mira.demo/write", json!({"account": "1", "text": "Hi"}), 404, "account")]
#[case::no_text(Method::POST, "instagram/people/mira.demo/write", json!({}), 400, "text")]
#[case::unknown_field(Method::POST, "instagram/people/mira.demo/write", json!({"words": "Hi"}), 400, "words")]
#[case::missing_field(Method::POST, "clock", json!({}), 400, "advance")]
#[case::no_duration(Method::POST, "clock", json!({"advance": "soon"}), 400, "advance")]
#[case::negative(Method::POST, "clock", json!({"advance": -5}), 400, "advance")]
#[case::backwards(Method::POST, "clock", json!({"set": "2020-01-01T00:00:00Z"}), 400, "set")]
#[case::no_time(Method::POST, "clock", json!({"set": "tomorrow"}), 400, "set")]
#[case::two_moves(Method::POST, "clock", json!({"advance": 1, "set": "2027-01-01T00:00:00Z"}), 400, "set")]
#[case::no_message(Method::POST, "instagram/people/mira.demo/react", json!({"message_id": "x"}), 400, "message_id")]
#[case::no_token(Method::POST, "instagram/tokens/expire", json!({"token": "x"}), 404, "token")]
#[case::which_token(Method::POST, "instagram/tokens/revoke", json!({}), 400, "token")]
#[case::no_option(Method::POST, "instagram/options", json!({"me_shape": "round"}), 400, "me_shape")]
#[case::no_app(Method::POST, "instagram/hold", json!({"client_id": "1"}), 404, "client_id")]
#[case::no_webhook_field(Method::POST, "instagram/apps", json!({"webhook": {"callback_url": "http://127.0.0.1:1/", "verify_token": "x", "fields": ["weather"]}}), 400, "fields")]
#[case::no_thread(Method::GET, "instagram/accounts/lumen.cafe.demo/threads/noor.demo", json!({}), 404, "thread")]
#[tokio::test]
async fn refusals_name_the_field(
    #[case] method: Method,
    #[case] path: &str,
    #[case] body: Value,
    #[case] status: u16,
    #[case] field: &str,
) {
    let stage = Stage::seeded().await;
    let request = stage.request(method, &format!("/_sandbox/{path}")).json(&body);
    let reply = stage.send(request).await;
    let error = &reply.json()["error"];
    assert_eq!((reply.status, &error["field"]), (status, &json!(field)), "{}", reply.text);
    assert!(error["code"].is_string() && error["message"].is_string());
    stage.end().await;
}
