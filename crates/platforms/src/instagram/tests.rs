//! Connecting, subscribing and sending against a platform that gives fixed answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, State};
use posta_core::chance::Chance;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{Ids, RemoteAccount, RemoteComment, RemoteMessage, RemotePerson};
use posta_core::message::{
    Button, ButtonAction, Card, Content, Media, MediaKind, MediaSource, Outgoing, QuickReply,
    Recipient, Tag,
};
use posta_core::secret::Secret;
use posta_core::time::{Clock, Timestamp};
use rstest::rstest;
use serde_json::json;
use tokio_util::task::TaskTracker;
use url::Url;

use super::Instagram;
use crate::contract::{
    Ask, Auth, Grant, Handover, IceBreakers, Menu, Menus, Messages, Platform, Question, Reactions,
    Receipts, Subscriptions, Uploads, capabilities,
};
use crate::cx::{AccountCredentials, AppCredentials, Cx, Site};
use crate::http::{Http, Recorder};

const EXCHANGE: &str = "/token/oauth/access_token";
const LONG: &str = "/graph/access_token";
const ME: &str = "/graph/v25.0/me";
const MESSAGES: &str = "/graph/v25.0/17841499900000001/messages";
const SUBSCRIBED: &str = "/graph/v25.0/17841499900000001/subscribed_apps";

const SHORT_LIVE: &str = r#"{"access_token":"IGAAshort","user_id":27999000000000001,
    "permissions":["instagram_business_basic","instagram_business_manage_messages"]}"#;
const SHORT_PAGE: &str = r#"{"data":[{"access_token":"IGAAshort","user_id":"27999000000000001",
    "permissions":"instagram_business_basic, instagram_business_manage_messages"}]}"#;
const LONG_TOKEN: &str =
    r#"{"access_token":"IGAAlong","token_type":"bearer","expires_in":5183944}"#;
const ACCOUNT: &str = r#"{"user_id":"17841499900000001","id":"27999000000000001",
    "username":"lumen.cafe.demo","name":"Lumen Café","account_type":"BUSINESS",
    "profile_picture_url":"https://cdn.example.com/p.jpg","followers_count":812}"#;
const USED: &str = r#"{"error_type":"OAuthException","code":400,
    "error_message":"Matching code was not found or was already used"}"#;
const SENT: &str = r#"{"recipient_id":"1099900000000101","message_id":"mid-1"}"#;

/// A platform that gives fixed answers by path, and one that remembers what it was asked.
pub(super) struct Stage {
    http: Http,
    recorder: Recorder,
    clock: Clock,
    site: Site,
    app: AppCredentials,
    account: AccountCredentials,
}

type Answers = Arc<BTreeMap<&'static str, (u16, String)>>;

async fn answer(State(answers): State<Answers>, uri: OriginalUri) -> (http::StatusCode, String) {
    let (status, body) = answers.get(uri.path()).cloned().unwrap_or((404, String::new()));
    (http::StatusCode::from_u16(status).unwrap(), body)
}

impl Stage {
    pub(super) async fn with(answers: &[(&'static str, u16, &str)]) -> Self {
        let answers = answers.iter().map(|&(path, status, body)| (path, (status, body.to_owned())));
        let router = Router::new().fallback(answer).with_state(Arc::new(answers.collect()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        Self::at(&root)
    }

    fn at(root: &str) -> Self {
        let roles = ["authorize", "token", "graph"];
        let url = |role| format!("{root}/{role}").parse().unwrap();
        let urls = roles.map(|role| (role.to_owned(), url(role)));
        let (http, recorder) = Http::recording();
        Self {
            http,
            recorder,
            clock: Clock::fixed(Timestamp::from_millis(1_767_182_410_000)),
            site: Site::new(&Instagram, &BTreeMap::from(urls), None).unwrap(),
            app: AppCredentials {
                client_id: "990602627938098".to_owned(),
                client_secret: Secret::new("app-secret"),
            },
            account: AccountCredentials {
                id: RemoteAccount::new("17841499900000001"),
                token: Secret::new("IGAAaccount"),
            },
        }
    }

    pub(super) fn cx(&self) -> Cx<'_> {
        Cx {
            http: &self.http,
            clock: &self.clock,
            site: &self.site,
            app: &self.app,
            account: Some(&self.account),
            gauge: None,
        }
    }

    async fn connect(&self, code: &str) -> Result<Grant, ConnectorError> {
        let cx = Cx { account: None, ..self.cx() };
        Instagram.finish(&cx, code, &redirect()).await
    }

    pub(super) fn requests(&self) -> String {
        self.recorder.requests().join("\n\n")
    }
}

fn redirect() -> Url {
    "https://posta.example/connect/instagram/callback".parse().unwrap()
}

fn outgoing(text: &str, tag: Option<Tag>) -> Outgoing {
    Outgoing { tag, ..saying(Content::text(text)) }
}

fn saying(content: Content) -> Outgoing {
    let clock = Clock::fixed(Timestamp::from_millis(0));
    Outgoing {
        id: Ids::new(clock, Chance::seeded(1)).next(),
        to: Recipient::Person(RemotePerson::new("1099900000000101")),
        content,
        tag: None,
    }
}

fn button(title: &str, action: ButtonAction) -> Button {
    Button { title: title.to_owned(), action }
}

fn media(kind: MediaKind, source: MediaSource) -> Media {
    Media { kind, source }
}

/// One message of each form.
fn every_form() -> Vec<Content> {
    let url = |name: &str| MediaSource::Url(format!("https://shop.example/{name}"));
    let media_of = |items| Content::Media { items, quick_replies: Vec::new() };
    let yes = QuickReply { title: "Yes".into(), payload: "Y".into(), image_url: None };
    let buttons = vec![
        button("See it", ButtonAction::Url("https://shop.example/17".into())),
        button("Order", ButtonAction::Postback("ORDER_17".into())),
    ];
    let card = Card {
        title: "Lamp".into(),
        subtitle: Some("Brass".into()),
        image_url: Some("https://shop.example/lamp.jpg".into()),
        buttons: buttons.clone(),
    };
    let bare = Card { title: "Shade".into(), subtitle: None, image_url: None, buttons: vec![] };
    vec![
        Content::Text { text: "Shall we?".into(), quick_replies: vec![yes] },
        media_of(vec![media(MediaKind::Image, url("a.jpg"))]),
        media_of(vec![
            media(MediaKind::Image, url("a.jpg")),
            media(MediaKind::Image, MediaSource::Uploaded("77".into())),
        ]),
        media_of(vec![media(MediaKind::Video, url("a.mp4"))]),
        media_of(vec![media(MediaKind::Audio, MediaSource::Uploaded("78".into()))]),
        media_of(vec![media(MediaKind::File, url("a.pdf"))]),
        Content::Buttons { text: "What next?".into(), buttons },
        Content::Cards { cards: vec![card, bare] },
        Content::Share { post: "17900000000000001".into() },
        Content::Sticker { name: "like_heart".into() },
    ]
}

#[test]
fn every_family_is_there() {
    assert_eq!(capabilities(&Instagram).len(), 15);
}

#[test]
fn the_authorize_url_asks_for_what_it_is_told() {
    let stage = Stage::at("https://www.instagram.example");
    let areas = Instagram.auth().unwrap().scopes();
    let scopes: Vec<_> = areas.iter().flat_map(|area| area.scopes.to_vec()).collect();
    let url = |force_login| {
        let redirect = redirect();
        let ask = Ask { scopes: &scopes, redirect: &redirect, state: "st&te", force_login };
        Instagram.start(&stage.cx(), &ask).to_string()
    };
    insta::assert_snapshot!("authorize", url(false));
    assert_eq!(url(true), format!("{}&force_reauth=true", url(false)));
}

#[rstest]
#[case::live(SHORT_LIVE, ACCOUNT.to_owned())]
#[case::printed(SHORT_PAGE, format!("{{\"data\":[{ACCOUNT}]}}"))]
#[tokio::test]
async fn a_code_becomes_a_lasting_grant(#[case] short: &str, #[case] me: String) {
    let stage =
        Stage::with(&[(EXCHANGE, 200, short), (LONG, 200, LONG_TOKEN), (ME, 200, &me)]).await;
    let grant = stage.connect("AQD-code#_").await.unwrap();
    insta::assert_snapshot!("connect", stage.requests());
    insta::assert_debug_snapshot!("grant", grant);
    assert_eq!(grant.token.secret.expose(), "IGAAlong");
}

#[tokio::test]
async fn an_answer_may_lack_what_is_not_needed() {
    let short = r#"{"access_token":"s","user_id":18446744073709551615}"#;
    let me = r#"{"user_id":17841499900000001,"username":"x","account_type":"Media_Creator"}"#;
    let answers = [(EXCHANGE, 200, short), (LONG, 200, r#"{"access_token":"l"}"#), (ME, 200, me)];
    let stage = Stage::with(&answers).await;
    let grant = stage.connect("c").await.unwrap();
    assert_eq!(grant.scopes, None);
    assert_eq!(grant.identity.account.as_str(), "17841499900000001");
    assert_eq!(grant.identity.app_scoped.as_deref(), Some("18446744073709551615"));
    let days = grant.token.expires_at.unwrap().since(stage.clock.now()).as_secs() / 86400;
    assert_eq!(days, 60);
}

#[rstest]
#[case::used((400, USED), (200, ""), (200, ""), Code::CodeAlreadyRedeemed, false)]
#[case::no_token((200, "{}"), (200, ""), (200, ""), Code::TokenExchangeFailed, true)]
#[case::long_refused((200, SHORT_LIVE), (400, r#"{"error":{"code":190}}"#), (200, ""), Code::TokenExchangeFailed, true)]
#[case::long_down((200, SHORT_LIVE), (503, ""), (200, ""), Code::TokenExchangeFailed, true)]
#[case::me_refused((200, SHORT_LIVE), (200, LONG_TOKEN), (400, r#"{"error":{"code":10}}"#), Code::ConnectionFailed, true)]
#[case::no_id((200, SHORT_LIVE), (200, LONG_TOKEN), (200, r#"{"id":"27"}"#), Code::ConnectionFailed, true)]
#[case::personal((200, SHORT_LIVE), (200, LONG_TOKEN), (200, r#"{"user_id":"1","account_type":"PERSONAL"}"#), Code::PersonalAccountNotSupported, false)]
#[tokio::test]
async fn a_failed_connection_says_how_far_it_came(
    #[case] exchange: (u16, &str),
    #[case] long: (u16, &str),
    #[case] me: (u16, &str),
    #[case] code: Code,
    #[case] is_spent: bool,
) {
    let answers = [(EXCHANGE, exchange.0, exchange.1), (LONG, long.0, long.1), (ME, me.0, me.1)];
    let error = Stage::with(&answers).await.connect("c").await.unwrap_err();
    assert_eq!((error.code, error.retry), (code, Retry::Permanent));
    assert_eq!(error.message.contains("The code is spent"), is_spent, "{error}");
    let details = is_spent.then(|| json!({"codeSpent": true}));
    assert!(details.is_none() || error.details == details);
}

#[tokio::test]
async fn a_connection_can_be_tried_again_if_instagram_was_never_reached() {
    // Port 9 of the loopback address, where nothing listens.
    let error = Stage::at("http://127.0.0.1:9").connect("c").await.unwrap_err();
    assert_eq!((error.code, error.retry), (Code::TokenExchangeFailed, Retry::Transient));
}

#[tokio::test]
async fn a_token_is_refreshed_at_its_own_endpoint() {
    let stage = Stage::with(&[("/graph/refresh_access_token", 200, LONG_TOKEN)]).await;
    let token = Instagram.refresh(&stage.cx()).await.unwrap();
    assert_eq!(token.secret.expose(), "IGAAlong");
    insta::assert_snapshot!("refresh", stage.requests());
    let expired = r#"{"error":{"code":190,"error_subcode":463,"type":"OAuthException"}}"#;
    let stage = Stage::with(&[("/graph/refresh_access_token", 400, expired)]).await;
    let error = Instagram.refresh(&stage.cx()).await.unwrap_err();
    assert_eq!(error.retry, Retry::Auth);
    assert_eq!(error.details, Some(json!({"reason": "token_expired"})));
}

#[tokio::test]
async fn an_account_is_subscribed_to_its_events() {
    let stage = Stage::with(&[(SUBSCRIBED, 200, r#"{"success":true}"#)]).await;
    let fields = Instagram.wanted(None);
    Instagram.subscribe(&stage.cx(), &fields).await.unwrap();
    insta::assert_snapshot!("subscribe", stage.requests());
    let words = "(#100) Param subscribed_fields[2] must be one of {messages}";
    let refusal = json!({"error": {"code": 100, "message": words}}).to_string();
    let stage = Stage::with(&[(SUBSCRIBED, 400, &refusal)]).await;
    let error = Instagram.subscribe(&stage.cx(), &fields).await.unwrap_err();
    assert_eq!((error.code, error.retry), (Code::PlatformRefused, Retry::Permanent));
    assert!(error.message.ends_with(words), "{error}");
    assert!(error.remedy.unwrap().contains("webhook field"));
}

#[tokio::test]
async fn messages_and_receipts_are_requests_to_one_path() {
    let stage = Stage::with(&[(MESSAGES, 200, SENT)]).await;
    let cx = stage.cx();
    let sent = Instagram.send(&cx, &outgoing("Grüße 👋", None)).await.unwrap();
    assert_eq!(sent.message.as_str(), "mid-1");
    assert_eq!(sent.recipient, Some(RemotePerson::new("1099900000000101")));
    let tagged = outgoing("By hand", Some(Tag::HumanAgent));
    Instagram.send(&cx, &tagged).await.unwrap();
    let person = RemotePerson::new("1099900000000101");
    Instagram.mark_read(&cx, &person).await.unwrap();
    Instagram.typing(&cx, &person).await.unwrap();
    insta::assert_snapshot!("messages", stage.requests());
}

#[rstest]
#[case::window(
    400,
    r#"{"error":{"code":10,"error_subcode":2534022}}"#,
    Code::OutsideMessagingWindow,
    Retry::Permanent
)]
#[case::went_out(
    400,
    r#"{"error":{"code":1,"error_subcode":1357046}}"#,
    Code::OutcomeUnknown,
    Retry::Unknown
)]
#[case::no_id(200, r#"{"recipient_id":"1"}"#, Code::OutcomeUnknown, Retry::Unknown)]
#[case::empty(200, "", Code::OutcomeUnknown, Retry::Unknown)]
#[case::gateway(502, "<html>", Code::OutcomeUnknown, Retry::Unknown)]
#[case::error_in_200(200, r#"{"error":{"code":190}}"#, Code::ReconnectRequired, Retry::Auth)]
#[tokio::test]
async fn a_failed_send_has_its_class(
    #[case] status: u16,
    #[case] body: &str,
    #[case] code: Code,
    #[case] retry: Retry,
) {
    let stage = Stage::with(&[(MESSAGES, status, body)]).await;
    let error = Instagram.send(&stage.cx(), &outgoing("hi", None)).await.unwrap_err();
    assert_eq!((error.code, error.retry), (code, retry));
}

#[tokio::test]
async fn a_call_without_an_account_is_our_own_mistake() {
    let stage = Stage::at("http://127.0.0.1:9");
    let cx = Cx { account: None, ..stage.cx() };
    let error = Instagram.send(&cx, &outgoing("hi", None)).await.unwrap_err();
    assert_eq!((error.code, error.retry), (Code::ApiError, Retry::Permanent));
    assert!(stage.recorder.requests().is_empty());
}

#[tokio::test]
async fn every_form_of_a_message_has_its_body() {
    let stage = Stage::with(&[(MESSAGES, 200, SENT)]).await;
    for content in every_form() {
        Instagram.send(&stage.cx(), &saying(content)).await.unwrap();
    }
    let bodies = stage.recorder.requests();
    let bodies = bodies.iter().filter_map(|request| request.split("\n\n").nth(1));
    insta::assert_snapshot!("forms", bodies.collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn what_instagram_has_not_never_leaves() {
    let stage = Stage::with(&[(MESSAGES, 200, SENT)]).await;
    let picture = || media(MediaKind::Image, MediaSource::Uploaded("1".into()));
    let film = || media(MediaKind::Video, MediaSource::Uploaded("2".into()));
    let reply = QuickReply { title: "Yes".into(), payload: "Y".into(), image_url: None };
    for content in [
        Content::Media { items: vec![], quick_replies: vec![] },
        Content::Media { items: vec![picture(), film()], quick_replies: vec![] },
        Content::Media { items: vec![picture()], quick_replies: vec![reply] },
        Content::Buttons {
            text: "Call".into(),
            buttons: vec![button("Call", ButtonAction::Phone("+4930".into()))],
        },
    ] {
        let error = Instagram.send(&stage.cx(), &saying(content)).await.unwrap_err();
        assert_eq!((error.code, error.retry), (Code::InvalidContent, Retry::Permanent));
    }
    assert!(stage.recorder.requests().is_empty());
}

#[tokio::test]
async fn private_replies_reactions_and_uploads_are_asked_for_by_name() {
    const UPLOADS: &str = "/graph/v25.0/17841499900000001/message_attachments";
    let stage =
        Stage::with(&[(MESSAGES, 200, SENT), (UPLOADS, 200, r#"{"attachment_id":77}"#)]).await;
    let cx = stage.cx();
    let to = Recipient::Comment(RemoteComment::new("17900000000000009"));
    let reply = Outgoing { to, ..outgoing("Thank you", None) };
    let sent = Instagram.send(&cx, &reply).await.unwrap();
    assert_eq!(sent.recipient, Some(RemotePerson::new("1099900000000101")));
    let (person, message) = (RemotePerson::new("1099900000000101"), RemoteMessage::new("mid-1"));
    for emoji in [Some("\u{2764}\u{fe0f}"), Some("\u{2764}"), Some("👍"), None] {
        Instagram.react(&cx, &person, &message, emoji).await.unwrap();
    }
    let url = "https://shop.example/a.jpg";
    assert_eq!(Instagram.upload(&cx, MediaKind::Image, url).await.unwrap(), "77");
    insta::assert_snapshot!("around_messages", stage.requests());
}

#[tokio::test]
async fn menus_are_read_set_and_deleted() {
    const PROFILE: &str = "/graph/v25.0/17841499900000001/messenger_profile";
    let printed = r#"{"data":[{"ice_breakers":[{"call_to_actions":[{"question":"Open?","payload":"OPEN"}],
        "locale":"de_DE"}]},{"persistent_menu":[{"locale":"default","call_to_actions":[
        {"type":"web_url","title":"Shop","url":"https://shop.example/"},
        {"type":"postback","title":"Help","payload":"HELP"}]}]}]}"#;
    let stage = Stage::with(&[(PROFILE, 200, printed)]).await;
    let cx = stage.cx();
    let questions = vec![Question { question: "Open?".into(), payload: "OPEN".into() }];
    let breakers = vec![IceBreakers { locale: "de_DE".into(), questions }];
    assert_eq!(Instagram.ice_breakers(&cx).await.unwrap(), breakers);
    let items = vec![
        button("Shop", ButtonAction::Url("https://shop.example/".into())),
        button("Help", ButtonAction::Postback("HELP".into())),
    ];
    let menu = vec![Menu { locale: "default".into(), items }];
    assert_eq!(Instagram.menu(&cx).await.unwrap(), menu);
    Instagram.set_ice_breakers(&cx, &breakers).await.unwrap();
    Instagram.set_ice_breakers(&cx, &[]).await.unwrap();
    Instagram.set_menu(&cx, &menu).await.unwrap();
    Instagram.set_menu(&cx, &[]).await.unwrap();
    insta::assert_snapshot!("menus", stage.requests());

    let flat = r#"{"ice_breakers":[{"question":"Open?","payload":"OPEN"}]}"#;
    let stage = Stage::with(&[(PROFILE, 200, flat)]).await;
    let read = Instagram.ice_breakers(&stage.cx()).await.unwrap();
    assert_eq!((read[0].locale.as_str(), read[0].questions.len()), ("default", 1));
    assert!(Instagram.menu(&stage.cx()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_conversation_is_passed_to_an_app_or_to_the_default_one() {
    let stage = Stage::with(&[(MESSAGES, 200, r#"{"success":true}"#)]).await;
    let (cx, person) = (stage.cx(), RemotePerson::new("1099900000000101"));
    Instagram.pass(&cx, &person, Some("990000000000777")).await.unwrap();
    Instagram.pass(&cx, &person, None).await.unwrap();
    insta::assert_snapshot!("handover", stage.requests());
}

/// The exchange sends the id as a number above 2^53, which a float would change in its last digit.
#[tokio::test]
async fn pitfall_02_user_id_through_a_float() {
    let me = r#"{"user_id":17841499900000001,"username":"lumen.cafe.demo"}"#;
    let stage =
        Stage::with(&[(EXCHANGE, 200, SHORT_LIVE), (LONG, 200, LONG_TOKEN), (ME, 200, me)]).await;
    let identity = stage.connect("code").await.unwrap().identity;
    assert_eq!(identity.app_scoped.as_deref(), Some("27999000000000001"));
    assert_eq!(identity.account.as_str(), "17841499900000001");
}
