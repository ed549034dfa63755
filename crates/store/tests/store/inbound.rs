//! Raw webhooks and their queue.

use std::collections::BTreeSet;

use posta_core::id::InboundId;
use posta_core::time::Timestamp;
use posta_store::inbound::{self, Inbound, State};
use posta_store::{Db, Json};
use tokio::task::JoinSet;

use crate::support::{Store, at, both};

both! {
    a_body_is_kept_byte_for_byte,
    thousands_come_in_at_once,
    no_webhook_is_taken_twice,
    a_limit_is_kept_whatever_the_plan,
    a_lease_that_ran_out_is_taken_again,
    only_what_is_due_and_pending_is_taken_oldest_first,
    states_are_counted_per_platform,
    unrouted_webhooks_of_a_platform_come_back,
    webhooks_that_wait_for_a_reason_are_waked,
    what_was_not_understood_is_shown_and_tried_again,
    the_newest_of_a_platform_is_found,
    old_webhooks_go_once_they_are_taken_in,
}

fn new(store: &Store, body: &[u8], received_at: Timestamp) -> Inbound {
    Inbound {
        id: store.id(),
        platform: "instagram".into(),
        verified_by: Json(vec![None]),
        body: body.to_vec(),
        attempts: 0,
        traceparent: Some("00-1".into()),
        received_at,
    }
}

async fn insert(store: &Store, rows: &[Inbound]) {
    let mut tx = store.write().await;
    inbound::insert_all(&mut tx, rows).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(db: &Db, now: i64, limit: i64) -> Vec<Inbound> {
    let mut tx = db.write().await.unwrap();
    let taken = inbound::claim(&mut tx, at(now), at(now + 60), limit).await;
    tx.commit().await.unwrap();
    taken.unwrap()
}

fn ids(rows: &[Inbound]) -> Vec<&InboundId> {
    rows.iter().map(|row| &row.id).collect()
}

async fn a_body_is_kept_byte_for_byte(store: &Store) {
    let every_byte: Vec<u8> = (0..=255).chain([0, 0]).collect();
    let row = Inbound {
        verified_by: Json(vec![None, Some(store.id())]),
        ..new(store, &every_byte, at(0))
    };
    insert(store, &[row.clone(), new(store, b"", at(0))]).await;
    let taken = claim(&store.db, 0, 10).await;
    let expected = Inbound { attempts: 1, ..row };
    assert_eq!(format!("{:?}", taken[0]), format!("{expected:?}"));
    assert_eq!(taken[1].body, b"");
}

async fn thousands_come_in_at_once(store: &Store) {
    let rows: Vec<_> = (0..2500).map(|_| new(store, b"{}", at(0))).collect();
    insert(store, &rows).await;
    insert(store, &[]).await;
    assert_eq!(ids(&claim(&store.db, 0, 9_999).await), ids(&rows));
}

async fn no_webhook_is_taken_twice(store: &Store) {
    let rows: Vec<_> = (0..120).map(|_| new(store, b"{}", at(0))).collect();
    insert(store, &rows).await;
    let mut workers = JoinSet::new();
    for _ in 0..6 {
        let db = store.db.clone();
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let taken = claim(&db, 0, 7).await;
                assert!(taken.len() <= 7);
                if taken.is_empty() {
                    return mine;
                }
                mine.extend(taken.into_iter().map(|row| row.id));
            }
        });
    }
    let taken: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 120);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 120);
}

async fn a_limit_is_kept_whatever_the_plan(store: &Store) {
    let rows: Vec<_> = (0..20).map(|_| new(store, b"{}", at(0))).collect();
    insert(store, &rows).await;
    let db = store.planning_badly().await;
    assert_eq!(claim(&db, 0, 3).await.len(), 3);
}

async fn a_lease_that_ran_out_is_taken_again(store: &Store) {
    let row = new(store, b"{}", at(0));
    insert(store, std::slice::from_ref(&row)).await;
    assert_eq!(claim(&store.db, 0, 10).await[0].attempts, 1);
    assert!(claim(&store.db, 59, 10).await.is_empty());
    assert_eq!(claim(&store.db, 60, 10).await[0].attempts, 2);

    let mut tx = store.write().await;
    inbound::update_due(&mut tx, &row.id, at(500), Some("busy")).await.unwrap();
    assert_eq!(inbound::find_next_due(&mut tx).await.unwrap(), Some(at(500)));
    tx.commit().await.unwrap();
    assert!(claim(&store.db, 499, 10).await.is_empty());
    assert_eq!(claim(&store.db, 500, 10).await[0].attempts, 3);
}

async fn only_what_is_due_and_pending_is_taken_oldest_first(store: &Store) {
    let mut tx = store.write().await;
    assert_eq!(inbound::find_next_due(&mut tx).await.unwrap(), None);
    drop(tx);
    let rows = [30, 10, 20, 20, 40, 5].map(|time| new(store, b"{}", at(time)));
    insert(store, &rows).await;
    let mut tx = store.write().await;
    inbound::update_state(&mut tx, &rows[5].id, State::Done, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ids(&claim(&store.db, 30, 2).await), [&rows[1].id, &rows[2].id]);
    assert_eq!(ids(&claim(&store.db, 30, 9).await), [&rows[0].id, &rows[3].id]);
    let mut tx = store.read().await;
    assert_eq!(inbound::find_next_due(&mut tx).await.unwrap(), Some(at(40)));
}

async fn states_are_counted_per_platform(store: &Store) {
    let rows = [0, 1, 2, 3].map(|time| new(store, b"{}", at(time)));
    let other = Inbound { platform: "telegram".into(), ..new(store, b"{}", at(0)) };
    insert(store, &rows).await;
    insert(store, &[other]).await;
    let mut tx = store.write().await;
    let states = [State::Done, State::Unparsed, State::Unrouted, State::Pending];
    for (row, state) in rows.iter().zip(states) {
        inbound::update_state(&mut tx, &row.id, state, Some("why")).await.unwrap();
    }
    for state in states {
        assert_eq!(inbound::count(&mut tx, "instagram", state).await.unwrap(), 1);
    }
    assert_eq!(inbound::count(&mut tx, "telegram", State::Done).await.unwrap(), 0);
}

async fn unrouted_webhooks_of_a_platform_come_back(store: &Store) {
    let rows = [10, 20, 20, 20].map(|time| new(store, b"{}", at(time)));
    let other = Inbound { platform: "telegram".into(), ..new(store, b"{}", at(20)) };
    insert(store, &rows).await;
    insert(store, std::slice::from_ref(&other)).await;
    let mut tx = store.write().await;
    for row in rows.iter().chain([&other]) {
        let state = if row.id == rows[3].id { State::Done } else { State::Unrouted };
        inbound::update_state(&mut tx, &row.id, state, None).await.unwrap();
    }
    let back = inbound::update_unrouted(&mut tx, "instagram", at(20), at(100)).await;
    assert_eq!(back.unwrap(), 2);
    tx.commit().await.unwrap();
    assert!(claim(&store.db, 99, 9).await.is_empty());
    assert_eq!(ids(&claim(&store.db, 100, 9).await), [&rows[1].id, &rows[2].id]);
}

async fn webhooks_that_wait_for_a_reason_are_waked(store: &Store) {
    let rows = [0, 1, 2, 3].map(|time| new(store, b"{}", at(time)));
    insert(store, &rows).await;
    let mut tx = store.write().await;
    assert!(!inbound::is_any_waiting(&mut tx, "early").await.unwrap());
    for (row, reason) in rows.iter().zip(["early", "busy", "early", "early"]) {
        inbound::update_due(&mut tx, &row.id, at(500), Some(reason)).await.unwrap();
    }
    inbound::update_state(&mut tx, &rows[3].id, State::Done, Some("early")).await.unwrap();
    assert!(inbound::is_any_waiting(&mut tx, "early").await.unwrap());
    assert_eq!(inbound::update_due_now(&mut tx, "early", at(9)).await.unwrap(), 2);
    assert_eq!(inbound::update_due_now(&mut tx, "early", at(9)).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(ids(&claim(&store.db, 9, 9).await), [&rows[0].id, &rows[2].id]);
}

async fn what_was_not_understood_is_shown_and_tried_again(store: &Store) {
    let rows = [1, 2, 3].map(|time| new(store, b"not json", at(time)));
    insert(store, &rows).await;
    let mut tx = store.write().await;
    for row in &rows[..2] {
        inbound::update_state(&mut tx, &row.id, State::Unparsed, Some("not JSON")).await.unwrap();
    }
    let shown = inbound::list(&mut tx, State::Unparsed, 10).await.unwrap();
    assert_eq!(shown.iter().map(|row| &row.id).collect::<Vec<_>>(), [&rows[1].id, &rows[0].id]);
    assert_eq!(shown[0].error.as_deref(), Some("not JSON"));
    assert_eq!(inbound::list(&mut tx, State::Unparsed, 1).await.unwrap().len(), 1);
    let found = inbound::find(&mut tx, &rows[0].id).await.unwrap().unwrap();
    assert_eq!(found.body, b"not json");
    assert!(inbound::find(&mut tx, &store.id()).await.unwrap().is_none());
    assert_eq!(inbound::update_pending(&mut tx, State::Unparsed, at(50)).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(ids(&claim(&store.db, 50, 10).await).len(), 3);
}

async fn the_newest_of_a_platform_is_found(store: &Store) {
    let mut tx = store.read().await;
    assert!(inbound::find_newest(&mut tx, "instagram").await.unwrap().is_none());
    drop(tx);
    let rows = [new(store, b"1", at(0)), new(store, b"2", at(1))];
    insert(store, &rows).await;
    let mut tx = store.read().await;
    let newest = inbound::find_newest(&mut tx, "instagram").await.unwrap().unwrap();
    assert_eq!((&newest.id, newest.body.as_slice()), (&rows[1].id, b"2".as_slice()));
    assert!(inbound::find_newest(&mut tx, "other").await.unwrap().is_none());
}

async fn old_webhooks_go_once_they_are_taken_in(store: &Store) {
    let rows: Vec<_> = [10, 11, 12, 20].map(|time| new(store, b"{}", at(time))).into();
    insert(store, &rows).await;
    let mut tx = store.write().await;
    for index in [0, 2, 3] {
        inbound::update_state(&mut tx, &rows[index].id, State::Done, None).await.unwrap();
    }
    assert_eq!(inbound::delete_old(&mut tx, at(15), 1).await.unwrap(), 1);
    assert_eq!(inbound::delete_old(&mut tx, at(15), 9).await.unwrap(), 1);
    assert_eq!(inbound::delete_old(&mut tx, at(15), 9).await.unwrap(), 0);
    assert!(inbound::find(&mut tx, &rows[1].id).await.unwrap().is_some(), "it is not taken in");
    assert!(inbound::find(&mut tx, &rows[3].id).await.unwrap().is_some(), "it is not old");
}
