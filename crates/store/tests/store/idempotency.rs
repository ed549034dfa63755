//! Requests that must not happen twice.

use posta_core::id::MessageId;
use posta_store::idempotency::{self, Which};
use tokio::task::JoinSet;

use crate::support::{Store, at, both};

const WHICH: Which<'static> =
    Which { credential: "019b7447a117000000000000", path: "/v1/inbox/messages", key: "k1" };

both! {
    one_of_many_equal_requests_begins,
    a_request_that_was_undone_may_run,
    credential_path_and_key_tell_requests_apart,
    the_answer_and_the_message_are_remembered,
    old_requests_are_forgotten,
}

async fn one_of_many_equal_requests_begins(store: &Store) {
    let mut tries = JoinSet::new();
    for number in 0..8 {
        let db = store.db.clone();
        tries.spawn(async move {
            let mut tx = db.write().await.unwrap();
            let hash = format!("h{number}");
            let is_mine = idempotency::insert(&mut tx, WHICH, &hash, at(0)).await.unwrap();
            // Whoever lost must see at once what the winner wrote.
            let known = idempotency::find(&mut tx, WHICH).await.unwrap().unwrap();
            tx.commit().await.unwrap();
            (is_mine, hash, known.body_hash)
        });
    }
    let tries = tries.join_all().await;
    let winners: Vec<_> = tries.iter().filter(|(is_mine, ..)| *is_mine).collect();
    assert_eq!(winners.len(), 1);
    assert!(tries.iter().all(|(_, _, known)| *known == winners[0].1));
}

async fn a_request_that_was_undone_may_run(store: &Store) {
    let (mut first, second) = (store.write().await, store.db.clone());
    assert!(idempotency::insert(&mut first, WHICH, "h", at(0)).await.unwrap());
    let second = async move {
        let mut tx = second.write().await.unwrap();
        idempotency::insert(&mut tx, WHICH, "h", at(0)).await.unwrap()
    };
    let ((), is_second_new) = tokio::join!(async { drop(first) }, second);
    assert!(is_second_new);
}

async fn credential_path_and_key_tell_requests_apart(store: &Store) {
    let mut tx = store.write().await;
    for which in [
        WHICH,
        Which { credential: "other", ..WHICH },
        Which { path: "/v1/other", ..WHICH },
        Which { key: "K1", ..WHICH },
    ] {
        assert!(idempotency::find(&mut tx, which).await.unwrap().is_none());
        assert!(idempotency::insert(&mut tx, which, "h", at(0)).await.unwrap());
        assert!(!idempotency::insert(&mut tx, which, "h", at(0)).await.unwrap());
    }
    idempotency::delete(&mut tx, WHICH).await.unwrap();
    assert!(idempotency::insert(&mut tx, WHICH, "h", at(0)).await.unwrap());
}

async fn the_answer_and_the_message_are_remembered(store: &Store) {
    let message: MessageId = store.id();
    let mut tx = store.write().await;
    assert!(idempotency::insert(&mut tx, WHICH, "h", at(2)).await.unwrap());
    idempotency::update_message(&mut tx, WHICH, &message).await.unwrap();
    let begun = idempotency::find(&mut tx, WHICH).await.unwrap().unwrap();
    assert_eq!((begun.status, begun.answer), (None, None));
    idempotency::update_answer(&mut tx, WHICH, 202, "{}").await.unwrap();
    let known = idempotency::find(&mut tx, WHICH).await.unwrap().unwrap();
    assert_eq!((known.message_id, known.created_at), (Some(message), at(2)));
    assert_eq!((known.status, known.answer.as_deref()), (Some(202), Some("{}")));
}

async fn old_requests_are_forgotten(store: &Store) {
    let mut tx = store.write().await;
    for (key, time) in [("a", 1), ("b", 2), ("c", 3)] {
        let which = Which { key, ..WHICH };
        assert!(idempotency::insert(&mut tx, which, "h", at(time)).await.unwrap());
    }
    assert_eq!(idempotency::delete_old(&mut tx, at(3)).await.unwrap(), 2);
    let kept = Which { key: "c", ..WHICH };
    assert!(idempotency::find(&mut tx, kept).await.unwrap().is_some());
}
