//! Comments.

use posta_core::id::{RemoteComment, RemotePerson, RemotePost};
use posta_store::Json;
use posta_store::comments::{self, Comment, Mentions};
use posta_store::conversations::Place;
use serde_json::json;

use crate::support::{Store, at, both};

both! {
    every_field_is_kept_and_a_comment_comes_in_once,
    comments_that_name_the_account_are_listed,
}

async fn every_field_is_kept_and_a_comment_comes_in_once(store: &Store) {
    let account = store.account().await;
    let full = Comment {
        id: store.id(),
        workspace_id: account.workspace_id.clone(),
        account_id: account.id.clone(),
        remote_id: RemoteComment::new("c1"),
        post_id: Some(RemotePost::new("p1")),
        post_kind: Some("FEED".into()),
        parent_id: Some(RemoteComment::new("c0")),
        author_id: Some(RemotePerson::new("7")),
        author_username: Some("mira".into()),
        text: Some("Grüße 👋".into()),
        is_own: true,
        is_live: true,
        ad_id: Some("9".into()),
        is_hidden: true,
        deleted_at: Some(at(4)),
        commented_at: at(1),
        created_at: at(2),
        raw: Some(Json(json!({"big": 17_841_400_000_000_001_i64}))),
    };
    let bare = Comment {
        id: store.id(),
        remote_id: RemoteComment::new("c2"),
        post_id: None,
        post_kind: None,
        parent_id: None,
        author_id: None,
        author_username: None,
        text: None,
        is_own: false,
        is_live: false,
        ad_id: None,
        is_hidden: false,
        deleted_at: None,
        raw: None,
        ..full.clone()
    };
    let mut tx = store.write().await;
    for comment in [&full, &bare] {
        assert!(comments::insert(&mut tx, comment).await.unwrap());
        let again = Comment { id: store.id(), text: None, ..comment.clone() };
        assert!(!comments::insert(&mut tx, &again).await.unwrap());
        let found = comments::find_remote(&mut tx, &account.id, &comment.remote_id).await.unwrap();
        assert_eq!(format!("{:?}", found.unwrap()), format!("{comment:?}"));
    }
    let foreign = comments::find_remote(&mut tx, &store.id(), &full.remote_id).await.unwrap();
    assert!(foreign.is_none());
    let odd = Comment {
        id: store.id(),
        remote_id: RemoteComment::new("c3"),
        text: Some("a\0b".into()),
        raw: Some(Json(json!("a\0b"))),
        ..bare
    };
    assert!(comments::insert(&mut tx, &odd).await.unwrap());
    let found = comments::find_remote(&mut tx, &account.id, &odd.remote_id).await.unwrap().unwrap();
    assert_eq!(found.text.as_deref(), Some("a\u{FFFD}b"));
}

async fn comments_that_name_the_account_are_listed(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let texts = ["Hello @ANA", "Nice", "@ana and @ana again", "@bo"];
    for (number, text) in (0_i64..).zip(texts) {
        let comment = Comment {
            id: store.id(),
            workspace_id: account.workspace_id.clone(),
            account_id: account.id.clone(),
            remote_id: RemoteComment::new(format!("c{number}")),
            post_id: None,
            post_kind: None,
            parent_id: None,
            author_id: None,
            author_username: None,
            text: Some(
                text.replace("ana", &account.username)
                    .replace("ANA", &account.username.to_uppercase()),
            ),
            is_own: false,
            is_live: false,
            ad_id: None,
            is_hidden: false,
            deleted_at: None,
            commented_at: at(number),
            created_at: at(9),
            raw: None,
        };
        assert!(comments::insert(&mut tx, &comment).await.unwrap());
        let own = Comment {
            id: store.id(),
            remote_id: RemoteComment::new(format!("own{number}")),
            is_own: true,
            ..comment
        };
        assert!(comments::insert(&mut tx, &own).await.unwrap());
    }
    let owner = &account.workspace_id;
    let profiles = [account.profile_id.clone()];
    let wanted =
        Mentions { profiles: Some(&profiles), account: Some(&account.id), ..Mentions::default() };
    assert_eq!(comments::count_mentions(&mut tx, owner, &wanted).await.unwrap(), 2);
    let first = comments::list_mentions(&mut tx, owner, &wanted, 1).await.unwrap().remove(0);
    assert_eq!(first.remote_id, RemoteComment::new("c2"));
    let place = Place { at: first.commented_at, id: first.id.to_string() };
    let rest = Mentions { after: Some(&place), ..wanted.clone() };
    let rest = comments::list_mentions(&mut tx, owner, &rest, 5).await.unwrap();
    assert_eq!(rest.iter().map(|one| one.remote_id.as_str()).collect::<Vec<_>>(), ["c0"]);
    let ascending = Mentions { is_ascending: true, ..Mentions::default() };
    let all = comments::list_mentions(&mut tx, owner, &ascending, 5).await.unwrap();
    assert_eq!(all.iter().map(|one| one.remote_id.as_str()).collect::<Vec<_>>(), ["c0", "c2"]);
    let nobody = Mentions { profiles: Some(&[]), ..Mentions::default() };
    assert_eq!(comments::count_mentions(&mut tx, owner, &nobody).await.unwrap(), 0);
}
