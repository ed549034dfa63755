//! Profiles that are to be read, and what is known of people.

use posta_store::people::{self, Known};
use posta_store::{accounts, conversations};
use serde_json::json;

use crate::support::{Store, at, both};

both! {
    a_profile_is_read_by_one,
    what_is_known_takes_the_place_of_what_was,
    the_others_of_an_account_wait_along,
}

async fn due(store: &Store, account: &accounts::Account, remote: &str, when: i64) {
    let mut conversation = store.conversation(account, remote).await;
    conversation.profile_due_at = Some(at(when));
    let mut tx = store.write().await;
    conversations::update_activity(&mut tx, &[&conversation]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_profile_is_read_by_one(store: &Store) {
    let account = store.account().await;
    due(store, &account, "t1", 10).await;
    due(store, &account, "t2", 12).await;
    store.conversation(&account, "t3").await;
    let mut tx = store.write().await;
    assert_eq!(people::find_next_due(&mut tx).await.unwrap(), Some(at(10)));
    assert!(people::claim(&mut tx, at(9), at(50), 5).await.unwrap().is_empty());
    let first = people::claim(&mut tx, at(12), at(50), 1).await.unwrap();
    let second = people::claim(&mut tx, at(12), at(50), 5).await.unwrap();
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    assert!(people::claim(&mut tx, at(49), at(90), 5).await.unwrap().is_empty());
    assert_eq!(people::claim(&mut tx, at(50), at(90), 5).await.unwrap().len(), 2, "a dead node's");
}

async fn what_is_known_takes_the_place_of_what_was(store: &Store) {
    let account = store.account().await;
    due(store, &account, "t1", 10).await;
    let mut tx = store.write().await;
    let (owner, id) = people::claim(&mut tx, at(10), at(50), 1).await.unwrap().remove(0);
    let known = Known {
        profile: &json!({"isFollower": true}),
        name: Some("Bo"),
        username: Some("bo\0"),
        picture: Some("https://example.com/bo"),
        due_at: None,
    };
    people::update_profile(&mut tx, &owner, &id, &known).await.unwrap();
    let found = conversations::find_by_id(&mut tx, &owner, &id).await.unwrap().unwrap();
    assert_eq!(found.profile.unwrap().0, json!({"isFollower": true}));
    assert_eq!(found.participant_name.as_deref(), Some("Bo"));
    assert_eq!(found.participant_username.as_deref(), Some("bo\u{FFFD}"));
    assert_eq!(found.participant_picture.as_deref(), Some("https://example.com/bo"));
    assert_eq!(found.profile_due_at, None);
    let nobody = Known { name: None, username: None, picture: None, due_at: Some(at(70)), ..known };
    people::update_profile(&mut tx, &owner, &id, &nobody).await.unwrap();
    let found = conversations::find_by_id(&mut tx, &owner, &id).await.unwrap().unwrap();
    assert_eq!((found.participant_name, found.profile_due_at), (None, Some(at(70))));
    conversations::delete(&mut tx, &owner, &id).await.unwrap();
    assert!(conversations::find_by_id(&mut tx, &owner, &id).await.unwrap().is_none());
}

async fn the_others_of_an_account_wait_along(store: &Store) {
    let account = store.account().await;
    let other = store.new_account(&account.workspace_id, &account.profile_id, "2");
    store.upsert(&other).await;
    due(store, &account, "t1", 10).await;
    due(store, &account, "t2", 90).await;
    due(store, &other, "t1", 11).await;
    let mut tx = store.write().await;
    people::update_due_of_account(&mut tx, &account.id, at(50)).await.unwrap();
    assert_eq!(people::claim(&mut tx, at(11), at(99), 5).await.unwrap().len(), 1, "the other's");
    assert_eq!(people::claim(&mut tx, at(50), at(99), 5).await.unwrap().len(), 1);
    assert_eq!(people::find_next_due(&mut tx).await.unwrap(), Some(at(90)), "never earlier");
}
