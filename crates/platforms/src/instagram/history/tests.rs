//! Conversations and messages as the API shows them, against a platform of fixed answers.

use posta_core::event::{AttachmentKind, Direction};
use posta_core::failure::{Code, Retry};
use posta_core::id::{RemoteMessage, RemotePerson};
use posta_core::time::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use super::super::Instagram;
use super::super::tests::Stage;
use super::past;
use crate::contract::{History, PastReaction, Thread};

const THREADS: &str = "/graph/v25.0/17841499900000001/conversations";
const THREAD: &str = "/graph/v25.0/aWdfZAG06";
const OLDER: &str = "/graph/v25.0/aWdfZAG06/messages";
const MESSAGE: &str = "/graph/v25.0/aWdfZAG1faXRlbTox";
const ACCOUNT: &str = "17841499900000001";
const ANA: &str = "1099900000000101";

fn thread() -> Thread {
    Thread { handle: "aWdfZAG06".to_owned(), person: None, updated_at: None }
}

/// A message of Ana's, with whatever else is in it.
fn of_ana(more: &Value) -> Value {
    let mut item = json!({
        "id": "mid-1",
        "created_time": "2025-12-31T12:00:10+0000",
        "from": {"username": "ana.demo", "id": ANA},
        "to": {"data": [{"username": "lumen.cafe.demo", "id": ACCOUNT}]},
    });
    let more = more.as_object().unwrap().clone();
    item.as_object_mut().unwrap().extend(more);
    item
}

fn read(item: &Value) -> crate::contract::Past {
    past::read(item, &posta_core::id::RemoteAccount::new(ACCOUNT)).unwrap()
}

#[tokio::test]
async fn conversations_come_in_pages_and_by_person() {
    let list = r#"{"data":[{"id":"aWdfZAG06","updated_time":"2025-12-31T12:00:10+0000"},{"x":1},
        {"id":"aWdfZAG07","updated_time":1767182410}],
        "paging":{"cursors":{"after":"QVFI"},"next":"https://graph.example/x?after=QVFI"}}"#;
    let stage = Stage::with(&[(THREADS, 200, list)]).await;
    let cx = stage.cx();
    let page = Instagram.threads(&cx, None).await.unwrap();
    let at = Some(Timestamp::from_millis(1_767_182_410_000));
    let expected = Thread { updated_at: at, ..thread() };
    assert_eq!(page.items[0], expected);
    assert_eq!((page.items.len(), page.items[1].updated_at), (2, at));
    assert_eq!(page.next.as_deref(), Some("QVFI"));
    Instagram.threads(&cx, page.next.as_deref()).await.unwrap();
    let person = RemotePerson::new(ANA);
    let found = Instagram.thread_with(&cx, &person).await.unwrap().unwrap();
    assert_eq!(found.person, Some(person));
    insta::assert_snapshot!("threads", stage.requests());
}

#[tokio::test]
async fn a_person_without_a_conversation_has_none() {
    let stage = Stage::with(&[(THREADS, 200, r#"{"data":[]}"#)]).await;
    let found = Instagram.thread_with(&stage.cx(), &RemotePerson::new("1")).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn messages_are_read_with_their_conversation_and_older_ones_by_cursor() {
    let ours = json!({
        "id": "mid-2", "created_time": "2025-12-31T12:00:11+0000", "message": "Moin",
        "from": {"username": "lumen.cafe.demo", "id": ACCOUNT},
        "to": {"data": [{"username": "ana.demo", "id": ANA}]},
    });
    let hidden = json!({"id": "mid-0", "created_time": "2022-07-12T19:11:07+0000"});
    let list = json!({
        "data": [ours, of_ana(&json!({"message": "Hallo"})), hidden],
        "paging": {"cursors": {"after": "QVFJ"}, "next": "https://graph.example/x?after=QVFJ"},
    });
    let whole = json!({"messages": list, "id": "aWdfZAG06"}).to_string();
    let rest = json!({"data": [], "paging": {"cursors": {"after": "QVFK"}}}).to_string();
    let stage = Stage::with(&[(THREAD, 200, &whole), (OLDER, 200, &rest)]).await;
    let cx = stage.cx();
    let page = Instagram.messages(&cx, &thread(), None).await.unwrap();
    insta::assert_debug_snapshot!("messages_page", page);
    let older = Instagram.messages(&cx, &thread(), page.next.as_deref()).await.unwrap();
    assert_eq!((older.items.len(), older.next), (0, None));
    insta::assert_snapshot!("messages_requests", stage.requests());
}

#[test]
fn a_listed_message_that_is_not_shown_is_not_a_deleted_one() {
    let past = read(&json!({"id": "mid-0", "created_time": "2022-07-12T19:11:07+0000"}));
    assert_eq!(past.message, None);
    assert_eq!(past.at, Some("2022-07-12T19:11:07Z".parse().unwrap()));
}

#[tokio::test]
async fn a_message_beyond_the_20_newest_is_hidden_and_not_an_error() {
    let gone = r#"{"error":{"message":"(#9000001) gone","type":"OAuthException","code":9000001}}"#;
    let stage = Stage::with(&[(MESSAGE, 400, gone)]).await;
    let id = RemoteMessage::new("aWdfZAG1faXRlbTox");
    let past = Instagram.message(&stage.cx(), &id).await.unwrap();
    assert_eq!((past.message, past.at), (None, None));
    let missing = r#"{"error":{"message":"Unsupported get request.","type":"GraphMethodException",
        "code":100,"error_subcode":33}}"#;
    let stage = Stage::with(&[(MESSAGE, 400, missing)]).await;
    let error = Instagram.message(&stage.cx(), &id).await.unwrap_err();
    assert_eq!((error.code, error.retry), (Code::PlatformRefused, Retry::Permanent));
}

#[tokio::test]
async fn one_message_is_read_by_its_id() {
    let body = of_ana(&json!({
        "id": "aWdfZAG1faXRlbTox",
        "message": "",
        "attachments": {"data": [{"id": "a1", "image_data": {"url": "https://cdn.example/1.jpg"}}]},
        "reply_to": {"mid": "mid-0"},
        "reactions": {"data": [{"reaction": "❤️", "users": [{"id": ACCOUNT}, {"id": ANA}]}]},
    }));
    let stage = Stage::with(&[(MESSAGE, 200, &body.to_string())]).await;
    let id = RemoteMessage::new("aWdfZAG1faXRlbTox");
    let past = Instagram.message(&stage.cx(), &id).await.unwrap();
    insta::assert_debug_snapshot!("message", past);
    insta::assert_snapshot!("message_request", stage.requests());
    let reaction = |from_me| PastReaction { emoji: "❤️".to_owned(), from_me };
    assert_eq!(past.reactions, [reaction(true), reaction(false)]);
}

#[rstest]
#[case::too_fast(400, r#"{"error":{"code":613,"error_subcode":2534040}}"#)]
#[case::down(503, "")]
#[tokio::test]
async fn a_read_that_fails_may_be_repeated(#[case] status: u16, #[case] body: &str) {
    let stage = Stage::with(&[(THREADS, status, body)]).await;
    let error = Instagram.threads(&stage.cx(), None).await.unwrap_err();
    assert!(matches!(error.retry, Retry::Transient | Retry::RateLimited { .. }), "{error:?}");
}

#[rstest]
#[case::picture(json!({"image_data": {"url": "u", "width": 1}}), AttachmentKind::Image)]
#[case::sticker(json!({"image_data": {"url": "u", "render_as_sticker": true}}), AttachmentKind::Sticker)]
#[case::moving(json!({"image_data": {"url": "x", "animated_gif_url": "u"}}), AttachmentKind::Image)]
#[case::film(json!({"video_data": {"url": "u"}}), AttachmentKind::Video)]
#[case::voice(json!({"file_url": "u", "name": "audioclip-1.mp4.AAC"}), AttachmentKind::Audio)]
#[case::sound(json!({"file_url": "u", "mime_type": "audio/mp4"}), AttachmentKind::Audio)]
#[case::document(json!({"file_url": "u", "name": "menu.pdf"}), AttachmentKind::File)]
fn attachments_have_a_kind_and_a_url(#[case] item: Value, #[case] kind: AttachmentKind) {
    let past = read(&of_ana(&json!({"attachments": {"data": [item]}})));
    let attachments = past.message.unwrap().attachments;
    assert_eq!((attachments[0].kind, attachments[0].url.as_deref()), (kind, Some("u")));
    assert_eq!(attachments[0].payload, item);
}

#[test]
fn what_has_no_url_is_still_there() {
    let items = json!({"attachments": {"data": [{"generic_template": {}}, {"id": "a2"}]}});
    let attachments = read(&of_ana(&items)).message.unwrap().attachments;
    let kinds: Vec<_> = attachments.iter().map(|one| (one.kind, one.url.is_none())).collect();
    assert_eq!(kinds, [(AttachmentKind::Template, true), (AttachmentKind::UnsupportedType, true)]);
}

#[rstest]
#[case::flat_reply(json!({"story": {"id": "7", "link": "u"}, "message": "Nice"}), true)]
#[case::flat_mention(json!({"story": {"id": "7", "link": "u"}}), false)]
#[case::reply(json!({"story": {"reply_to": {"id": "7", "link": "u"}}}), true)]
#[case::mention(json!({"story": {"mention": {"id": "7", "link": "u"}}, "message": "x"}), false)]
fn stories_are_answered_or_mention_the_account(#[case] more: Value, #[case] is_reply: bool) {
    let message = read(&of_ana(&more)).message.unwrap();
    assert_eq!(message.story_reply.is_some(), is_reply);
    let mention = message.attachments.first().and_then(|one| one.original.as_deref());
    assert_eq!(mention, (!is_reply).then_some("story_mention"));
}

#[test]
fn a_shared_post_is_an_attachment() {
    let message = read(&of_ana(&json!({"shares": {"data": [{"link": "u", "id": "s1"}]}})));
    let shared = &message.message.unwrap().attachments[0];
    assert_eq!((shared.kind, shared.url.as_deref()), (AttachmentKind::Share, Some("u")));
}

#[test]
fn who_wrote_is_told_by_the_ids() {
    let side = |from: &str, to: &str| {
        let item = json!({"id": "m", "from": {"id": from}, "to": {"data": [{"id": to}]}});
        read(&item).message.map(|one| (one.direction, one.person.to_string(), one.is_self))
    };
    assert_eq!(side(ANA, ACCOUNT), Some((Direction::Incoming, ANA.to_owned(), false)));
    assert_eq!(side(ACCOUNT, ANA), Some((Direction::Outgoing, ANA.to_owned(), false)));
    assert_eq!(side(ACCOUNT, ACCOUNT), Some((Direction::Outgoing, ACCOUNT.to_owned(), true)));
    // Neither side is the account: whoever guessed here would put words into a mouth.
    assert_eq!(side(ANA, "42"), None);
}
