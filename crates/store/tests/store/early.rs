//! What came before the message it speaks of.

use posta_core::id::RemoteMessage;
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::early::{self, Early};
use posta_store::{Json, Tx};
use serde_json::json;

use crate::support::{Store, at, both};

both! {
    it_is_taken_out_once_in_the_order_it_happened,
    the_later_of_two_with_the_same_key_is_kept,
    what_is_old_is_forgotten,
}

fn new(store: &Store, account: &Account, key: &str, happened_at: Timestamp) -> Early {
    Early {
        account_id: account.id.clone(),
        message_id: RemoteMessage::new("m1"),
        key: key.into(),
        what: Json(json!({ key: happened_at })),
        happened_at,
        inbound_id: Some(store.id()),
        inbound_position: Some(3),
        created_at: at(9),
    }
}

async fn keep(tx: &mut Tx, early: &Early) -> bool {
    early::insert(tx, early).await.unwrap()
}

async fn take(tx: &mut Tx, account: &Account, message: &str) -> Vec<Early> {
    early::take(tx, &[(&account.id, &RemoteMessage::new(message))]).await.unwrap()
}

async fn it_is_taken_out_once_in_the_order_it_happened(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let (second, first) = (new(store, &account, "a", at(2)), new(store, &account, "b", at(1)));
    assert!(keep(&mut tx, &second).await);
    assert!(keep(&mut tx, &first).await);
    assert_eq!(early::count(&mut tx).await.unwrap(), 2);
    assert!(take(&mut tx, &account, "m2").await.is_empty());
    let taken = take(&mut tx, &account, "m1").await;
    assert_eq!(format!("{taken:?}"), format!("{:?}", [first, second]));
    assert!(take(&mut tx, &account, "m1").await.is_empty());
}

async fn the_later_of_two_with_the_same_key_is_kept(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    for (millis, is_news) in [(2, true), (2, false), (1, false), (3, true)] {
        let early = new(store, &account, "a", at(millis));
        assert_eq!(keep(&mut tx, &early).await, is_news, "{millis}");
    }
    let taken = take(&mut tx, &account, "m1").await;
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].happened_at, &taken[0].what.0), (at(3), &json!({"a": at(3)})));
}

async fn what_is_old_is_forgotten(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    keep(&mut tx, &new(store, &account, "a", at(0))).await;
    assert_eq!(early::delete_old(&mut tx, at(9)).await.unwrap(), 0);
    assert_eq!(early::delete_old(&mut tx, at(10)).await.unwrap(), 1);
    assert!(take(&mut tx, &account, "m1").await.is_empty());
}
