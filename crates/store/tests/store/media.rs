//! Files, what platforms call them, and private replies.

use posta_core::id::{RemoteComment, RemoteMessage};
use posta_core::message::Content;
use posta_store::Json;
use posta_store::media::{self, Media};
use posta_store::private_replies::{self, PrivateReply, State};
use serde_json::json;

use crate::support::{Store, at, both};

both! {
    a_file_is_kept_until_its_time_is_over,
    the_same_content_is_found_again,
    what_a_platform_calls_a_file_goes_with_it,
    a_comment_gets_one_private_reply,
    a_settled_private_reply_stays_settled,
}

const NAME: &str = "00000000000000000000000000000000000000aa";

async fn file(store: &Store) -> Media {
    let new = Media {
        id: NAME.into(),
        workspace_id: store.workspace("files").await,
        filename: String::new(),
        content_type: None,
        size: 0,
        sha256: None,
        created_at: at(0),
        expires_at: at(10),
        message_id: None,
        place: None,
    };
    let mut tx = store.write().await;
    media::insert(&mut tx, &new).await.unwrap();
    assert_eq!(media::find(&mut tx, NAME).await.unwrap(), Some(new.clone()));
    let whole = Media {
        filename: "menu\0.png".into(),
        content_type: Some("image/png".into()),
        size: 3,
        sha256: Some("ab".into()),
        expires_at: at(100),
        ..new
    };
    media::update_whole(&mut tx, &whole).await.unwrap();
    tx.commit().await.unwrap();
    Media { filename: "menu\u{fffd}.png".into(), ..whole }
}

async fn a_file_is_kept_until_its_time_is_over(store: &Store) {
    let whole = file(store).await;
    let mut tx = store.write().await;
    assert_eq!(media::find(&mut tx, NAME).await.unwrap(), Some(whole));
    assert_eq!(media::find(&mut tx, "other").await.unwrap(), None);
    assert!(media::list_expired(&mut tx, at(99), 9).await.unwrap().is_empty());
    media::update_expiry(&mut tx, NAME, at(200)).await.unwrap();
    assert!(media::list_expired(&mut tx, at(199), 9).await.unwrap().is_empty());
    assert_eq!(media::list_expired(&mut tx, at(200), 9).await.unwrap(), [NAME]);
    assert!(media::list_expired(&mut tx, at(200), 0).await.unwrap().is_empty());
    media::delete(&mut tx, NAME).await.unwrap();
    assert_eq!(media::find(&mut tx, NAME).await.unwrap(), None);
}

async fn the_same_content_is_found_again(store: &Store) {
    let whole = file(store).await;
    let other = store.workspace("others").await;
    let mut tx = store.read().await;
    let owner = &whole.workspace_id;
    let found = media::find_by_content(&mut tx, owner, "ab", at(99)).await.unwrap();
    assert_eq!(found.as_ref(), Some(&whole));
    assert_eq!(media::find_by_content(&mut tx, owner, "ab", at(100)).await.unwrap(), None);
    assert_eq!(media::find_by_content(&mut tx, owner, "cd", at(99)).await.unwrap(), None);
    assert_eq!(media::find_by_content(&mut tx, &other, "ab", at(99)).await.unwrap(), None);
}

async fn what_a_platform_calls_a_file_goes_with_it(store: &Store) {
    file(store).await;
    let account = store.account().await.id;
    let mut tx = store.write().await;
    for remote in ["76", "77"] {
        media::insert_upload(&mut tx, &account, NAME, "image", remote, at(1)).await.unwrap();
    }
    let find = async |tx: &mut _, kind| media::find_upload(tx, &account, NAME, kind).await.unwrap();
    assert_eq!(find(&mut tx, "image").await.as_deref(), Some("77"));
    assert_eq!(find(&mut tx, "file").await, None);
    assert_eq!(media::delete_upload(&mut tx, &store.id(), "77").await.unwrap(), 0);
    assert_eq!(media::delete_upload(&mut tx, &account, "77").await.unwrap(), 1);
    assert_eq!(find(&mut tx, "image").await, None);
    media::insert_upload(&mut tx, &account, NAME, "image", "78", at(1)).await.unwrap();
    media::delete(&mut tx, NAME).await.unwrap();
    assert_eq!(find(&mut tx, "image").await, None);
}

async fn reply(store: &Store) -> PrivateReply {
    let account = store.account().await;
    let reply = PrivateReply {
        id: store.id(),
        workspace_id: account.workspace_id,
        account_id: account.id,
        comment_id: RemoteComment::new("c1"),
        content: Json(Content::text("Grüße 👋")),
        state: State::Sending,
        remote_id: None,
        error: None,
        created_at: at(0),
    };
    let mut tx = store.write().await;
    assert!(private_replies::insert(&mut tx, &reply).await.unwrap());
    tx.commit().await.unwrap();
    reply
}

async fn a_comment_gets_one_private_reply(store: &Store) {
    let reply = reply(store).await;
    let mut tx = store.write().await;
    let second = PrivateReply { id: store.id(), ..reply.clone() };
    assert!(!private_replies::insert(&mut tx, &second).await.unwrap());
    let found = private_replies::find(&mut tx, &reply.account_id, &reply.comment_id).await.unwrap();
    assert_eq!(format!("{:?}", found.unwrap()), format!("{reply:?}"));
    let other = RemoteComment::new("c2");
    assert!(private_replies::find(&mut tx, &reply.account_id, &other).await.unwrap().is_none());
    let unsettled = private_replies::list_unsettled(&mut tx, &reply.account_id).await.unwrap();
    assert_eq!(unsettled.len(), 1);
    // What certainly was not sent leaves room for another.
    private_replies::delete(&mut tx, &reply.id).await.unwrap();
    assert!(private_replies::insert(&mut tx, &second).await.unwrap());
}

async fn a_settled_private_reply_stays_settled(store: &Store) {
    let reply = reply(store).await;
    let mut tx = store.write().await;
    let (remote, error) = (RemoteMessage::new("m1"), json!({"code": "x"}));
    let update = async |tx: &mut _, state, remote, error| {
        private_replies::update(tx, &reply.id, state, remote, error).await.unwrap()
    };
    assert!(update(&mut tx, State::Unknown, None, Some(&error)).await);
    private_replies::delete(&mut tx, &reply.id).await.unwrap();
    assert!(update(&mut tx, State::Sent, Some(&remote), None).await);
    assert!(!update(&mut tx, State::Unknown, None, Some(&error)).await);
    let found = private_replies::find(&mut tx, &reply.account_id, &reply.comment_id).await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.state, found.remote_id), (State::Sent, Some(remote)));
    let unsettled = private_replies::list_unsettled(&mut tx, &reply.account_id).await.unwrap();
    assert!(unsettled.is_empty());
}
