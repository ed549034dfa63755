//! What must not be told twice.

use posta_store::told;

use crate::support::{Store, at, both};

both! {
    a_thing_is_told_once,
    what_was_told_is_found_by_time,
    what_is_old_is_forgotten,
}

async fn a_thing_is_told_once(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    for (key, millis, is_new) in
        [("a\0b", 1, true), ("a\0b", 1, false), ("a\0b", 2, true), ("ab", 1, true)]
    {
        let told = told::insert(&mut tx, &account.id, key, at(millis), at(5)).await.unwrap();
        assert_eq!(told, is_new, "{key} {millis}");
    }
}

async fn what_was_told_is_found_by_time(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    told::insert(&mut tx, &account.id, "a", at(10), at(50)).await.unwrap();
    for (key, from, to, is_there) in [
        ("a", 10, 10, true),
        ("a", 5, 15, true),
        ("a", 11, 15, false),
        ("a", 5, 9, false),
        ("b", 5, 15, false),
    ] {
        let found = told::is_any_between(&mut tx, &account.id, key, at(from), at(to)).await;
        assert_eq!(found.unwrap(), is_there, "{key} {from} {to}");
    }
    let foreign = told::is_any_between(&mut tx, &store.id(), "a", at(5), at(15)).await;
    assert!(!foreign.unwrap());
}

async fn what_is_old_is_forgotten(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    told::insert(&mut tx, &account.id, "a", at(0), at(9)).await.unwrap();
    assert_eq!(told::delete_old(&mut tx, at(9)).await.unwrap(), 0);
    assert_eq!(told::delete_old(&mut tx, at(10)).await.unwrap(), 1);
    assert!(told::insert(&mut tx, &account.id, "a", at(0), at(9)).await.unwrap());
}
