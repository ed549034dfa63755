//! Posts and comments against a platform of fixed answers.

use posta_core::failure::{Code, Retry};
use posta_core::id::{RemoteComment, RemotePost};
use rstest::rstest;
use serde_json::json;

use super::super::Instagram;
use super::super::tests::Stage;
use crate::contract::{Comments, Moderation, Under};

const MEDIA: &str = "/graph/v25.0/17841499900000001/media";
const COMMENTS: &str = "/graph/v25.0/18000000000000001/comments";
const COMMENT: &str = "/graph/v25.0/17900000000000001";
const REPLIES: &str = "/graph/v25.0/17900000000000001/replies";

fn post() -> RemotePost {
    RemotePost::new("18000000000000001")
}

fn comment() -> RemoteComment {
    RemoteComment::new("17900000000000001")
}

#[tokio::test]
async fn posts_come_in_pages_and_reels_are_called_so() {
    let list = json!({
        "data": [
            {"id": "18000000000000001", "caption": "New beans", "media_type": "IMAGE",
             "media_product_type": "FEED", "permalink": "https://www.instagram.com/p/x/",
             "media_url": "https://cdn.example/x.jpg", "timestamp": "2025-12-31T12:00:10+0000",
             "like_count": 7, "comments_count": 2},
            {"id": "18000000000000002", "media_type": "VIDEO", "media_product_type": "REELS",
             "media_url": "https://cdn.example/y.mp4", "thumbnail_url": "https://cdn.example/y.jpg"},
            {"caption": "without an id"},
        ],
        "paging": {"cursors": {"before": "QVFA", "after": "QVFB"}, "next": "https://x.example/"},
    });
    let stage = Stage::with(&[(MEDIA, 200, &list.to_string())]).await;
    let page = Instagram.posts(&stage.cx(), None).await.unwrap();
    insta::assert_debug_snapshot!("posts", page);
    Instagram.posts(&stage.cx(), page.next.as_deref()).await.unwrap();
    insta::assert_snapshot!("posts_requests", stage.requests());
}

#[tokio::test]
async fn comments_come_with_their_replies() {
    let own = json!({"id": "17900000000000002", "text": "Thanks!", "parent_id": "17900000000000001",
        "timestamp": "2025-12-31T12:00:11+0000", "from": {"id": "17841499900000001",
        "username": "lumen.cafe.demo"}});
    let first = json!({
        "id": "17900000000000001", "text": "Lovely", "timestamp": "2025-12-31T12:00:10+0000",
        "from": {"id": "1099900000000101", "username": "mira.demo"}, "like_count": 3, "hidden": false,
        "replies": {"data": [own], "paging": {"cursors": {"after": "x"}, "next": "https://x.example/"}},
    });
    let nameless = json!({"id": "17900000000000003", "text": "Hm", "username": "jo.demo"});
    let list = json!({"data": [first.clone(), nameless]}).to_string();
    let stage = Stage::with(&[(COMMENTS, 200, &list), (COMMENT, 200, &first.to_string())]).await;
    let page = Instagram.comments(&stage.cx(), &post(), 60, Some("QVFB")).await.unwrap();
    insta::assert_debug_snapshot!("comments", page);
    let one = Instagram.comment(&stage.cx(), &comment()).await.unwrap();
    assert_eq!(one, page.items[0]);
    insta::assert_snapshot!("comments_requests", stage.requests());
}

#[tokio::test]
async fn a_comment_is_written_hidden_and_deleted() {
    let answers = [
        (COMMENTS, 200, r#"{"id":"17900000000000008"}"#),
        (REPLIES, 200, r#"{"id":"17900000000000009"}"#),
        (COMMENT, 200, r#"{"success":true}"#),
    ];
    let stage = Stage::with(&answers).await;
    let cx = stage.cx();
    let under_post = Instagram.reply(&cx, &Under::Post(post()), "Grüße & mehr").await.unwrap();
    assert_eq!(under_post.as_str(), "17900000000000008");
    let reply = Instagram.reply(&cx, &Under::Comment(comment()), "Moin").await.unwrap();
    assert_eq!(reply.as_str(), "17900000000000009");
    Instagram.hide(&cx, &comment(), true).await.unwrap();
    Instagram.hide(&cx, &comment(), false).await.unwrap();
    Instagram.delete(&cx, &comment()).await.unwrap();
    insta::assert_snapshot!("writes", stage.requests());
}

#[rstest]
#[case::no_id(200, "{}", Code::OutcomeUnknown, Retry::Unknown)]
#[case::down(502, "", Code::OutcomeUnknown, Retry::Unknown)]
#[case::gone(
    400,
    r#"{"error":{"code":100,"error_subcode":33}}"#,
    Code::PlatformRefused,
    Retry::Permanent
)]
#[case::closed(400, r#"{"error":{"code":10900}}"#, Code::PlatformRefused, Retry::Permanent)]
#[tokio::test]
async fn a_comment_that_may_stand_there_is_not_written_again(
    #[case] status: u16,
    #[case] body: &str,
    #[case] code: Code,
    #[case] retry: Retry,
) {
    let stage = Stage::with(&[(REPLIES, status, body)]).await;
    let under = Under::Comment(comment());
    let error = Instagram.reply(&stage.cx(), &under, "Moin").await.unwrap_err();
    assert_eq!((error.code, error.retry), (code, retry));
}
