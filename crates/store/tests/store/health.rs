//! What is noted of an account's health.

use posta_store::Json;
use posta_store::accounts::{self, Account};
use posta_store::health::{self, Restriction};

use crate::support::{Store, at, both};

both! {
    names_of_ours_go_before_the_platforms_and_outlive_a_connection,
    pauses_and_restrictions_end_with_a_new_connection,
}

async fn find(store: &Store, account: &Account) -> Account {
    let mut tx = store.read().await;
    accounts::find(&mut tx, &account.workspace_id, &account.id).await.unwrap().unwrap()
}

async fn names_of_ours_go_before_the_platforms_and_outlive_a_connection(store: &Store) {
    let account = store.account().await;
    let rename = async |username, display_name| {
        let mut tx = store.write().await;
        let owner = &account.workspace_id;
        health::update_names(&mut tx, owner, &account.id, username, display_name).await.unwrap();
        tx.commit().await.unwrap();
    };
    rename(None, Some("Head office")).await;
    let found = find(store, &account).await;
    assert_eq!(found.username, account.username);
    assert_eq!(found.display_name.as_deref(), Some("Head office"));
    rename(Some("office"), None).await;
    store.upsert(&account).await;
    let found = find(store, &account).await;
    assert_eq!(
        (found.username.as_str(), found.display_name.as_deref()),
        ("office", Some("Head office"))
    );
}

async fn pauses_and_restrictions_end_with_a_new_connection(store: &Store) {
    let account = store.account().await;
    let restriction = Restriction {
        code: Some(368),
        subcode: None,
        message: Some("blocked\0".into()),
        first_seen_at: at(1),
        last_seen_at: at(2),
        paused_until: Some(at(3)),
    };
    let mut tx = store.write().await;
    health::update_paused(&mut tx, &account.id, at(5)).await.unwrap();
    health::update_restriction(&mut tx, &account.id, Some(&restriction)).await.unwrap();
    tx.commit().await.unwrap();
    let found = find(store, &account).await;
    assert_eq!(found.paused_until, Some(at(5)));
    let kept = Restriction { message: Some("blocked\u{FFFD}".into()), ..restriction };
    assert_eq!(found.restriction, Some(Json(kept)));
    store.upsert(&account).await;
    let found = find(store, &account).await;
    assert_eq!((found.paused_until, found.restriction), (None, None));
}
