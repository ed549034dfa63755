//! The event log.

use posta_core::id::WorkspaceId;
use posta_store::events::{self, Cause, Event};
use posta_store::{Db, Tx};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::{Store, at, both};

both! {
    places_are_counted_per_workspace,
    every_field_is_kept,
    an_event_is_found_by_its_workspace_with_what_caused_it,
    an_undone_event_leaves_no_hole,
    places_become_visible_in_order_and_without_holes,
}

fn new(store: &Store, owner: &WorkspaceId) -> Event {
    Event {
        id: store.ids.next_event(),
        workspace_id: owner.clone(),
        kind: "message.received".into(),
        profile_id: Some(store.id()),
        account_id: Some(store.id()),
        body: "{\"text\":\"a\\u0000b\"}".into(),
        created_at: at(3),
    }
}

async fn places_are_counted_per_workspace(store: &Store) {
    let first = store.workspace("acme").await;
    let second = store.workspace("other").await;
    let mut tx = store.write().await;
    let mut places = Vec::new();
    for owner in [&first, &first, &second, &first] {
        places.push(events::insert(&mut tx, &new(store, owner), None).await.unwrap());
    }
    assert_eq!(places, [1, 2, 1, 3]);
    let nowhere = new(store, &store.id());
    assert!(events::insert(&mut tx, &nowhere, None).await.is_err());
}

async fn every_field_is_kept(store: &Store) {
    let owner = store.workspace("acme").await;
    let event = new(store, &owner);
    let mut tx = store.write().await;
    events::insert(&mut tx, &event, None).await.unwrap();
    let text =
        "SELECT id, workspace_id, kind, profile_id, account_id, body, created_at FROM events";
    let found: Event = match &mut tx {
        Tx::Sqlite(tx) => sqlx::query_as(text).fetch_one(&mut **tx).await,
        Tx::Postgres(tx) => sqlx::query_as(text).fetch_one(&mut **tx).await,
    }
    .unwrap();
    assert_eq!(format!("{found:?}"), format!("{event:?}"));
}

async fn an_event_is_found_by_its_workspace_with_what_caused_it(store: &Store) {
    let owner = store.workspace("acme").await;
    let (caused, plain) = (new(store, &owner), new(store, &owner));
    let cause = Cause { inbound_id: store.id(), position: 7 };
    let mut tx = store.write().await;
    events::insert(&mut tx, &caused, Some(&cause)).await.unwrap();
    events::insert(&mut tx, &plain, None).await.unwrap();
    assert_eq!(events::find_cause(&mut tx, &caused.id).await.unwrap(), Some(cause));
    assert_eq!(events::find_cause(&mut tx, &plain.id).await.unwrap(), None);
    let found = events::find(&mut tx, &owner, caused.id.as_str()).await.unwrap();
    assert_eq!(format!("{:?}", found.unwrap()), format!("{caused:?}"));
    let foreign = events::find(&mut tx, &store.id(), caused.id.as_str()).await.unwrap();
    assert!(foreign.is_none());
    assert!(events::find(&mut tx, &owner, "a\0b").await.unwrap().is_none());
}

async fn an_undone_event_leaves_no_hole(store: &Store) {
    let owner = store.workspace("acme").await;
    let mut tx = store.write().await;
    assert_eq!(events::insert(&mut tx, &new(store, &owner), None).await.unwrap(), 1);
    drop(tx);
    let mut tx = store.write().await;
    assert_eq!(events::insert(&mut tx, &new(store, &owner), None).await.unwrap(), 1);
}

async fn places_become_visible_in_order_and_without_holes(store: &Store) {
    const WRITERS: usize = 6;
    const EACH: usize = 20;
    let owner = store.workspace("acme").await;
    let looks = watch::Sender::new(());
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (db, mut looks) = (store.db.clone(), looks.subscribe());
        let events: Vec<_> = (0..EACH).map(|_| new(store, &owner)).collect();
        writers.spawn(async move {
            for pair in events.chunks(2) {
                let mut tx = db.write().await.unwrap();
                for event in pair {
                    events::insert(&mut tx, event, None).await.unwrap();
                }
                tx.commit().await.unwrap();
                // So that somebody looks between the commits, however fast they are.
                looks.changed().await.unwrap();
            }
        });
    }
    loop {
        let is_last = writers.is_empty();
        let seen = places(&store.db).await;
        // What is visible is always 1..n: nobody who read up to n has missed anything.
        let expected: Vec<i64> = (1..).take(seen.len()).collect();
        assert_eq!(seen, expected);
        if is_last {
            assert_eq!(seen.len(), WRITERS * EACH);
            return;
        }
        looks.send_replace(());
        while let Some(done) = writers.try_join_next() {
            done.unwrap();
        }
    }
}

async fn places(db: &Db) -> Vec<i64> {
    let text = "SELECT seq FROM events ORDER BY seq";
    match db.read().await.unwrap() {
        Tx::Sqlite(mut tx) => sqlx::query_scalar(text).fetch_all(&mut *tx).await,
        Tx::Postgres(mut tx) => sqlx::query_scalar(text).fetch_all(&mut *tx).await,
    }
    .unwrap()
}
