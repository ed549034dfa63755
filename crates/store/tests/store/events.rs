//! The event log.

use posta_core::id::{AccountId, EventId, ProfileId, WorkspaceId};
use posta_store::deliveries::{self, Class, NewDelivery, Outcome, State};
use posta_store::events::{self, Cause, Event, Filter};
use posta_store::{Db, Tx, workspaces};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::{Store, at, both};

both! {
    places_are_counted_per_workspace,
    every_field_is_kept,
    an_event_is_found_by_its_workspace_with_what_caused_it,
    an_undone_event_leaves_no_hole,
    places_become_visible_in_order_and_without_holes,
    the_log_is_read_from_place_to_place,
    the_log_is_entered_by_time,
    old_events_go_and_what_is_not_delivered_stays,
}

fn new(store: &Store, owner: &WorkspaceId) -> Event {
    Event {
        id: store.ids.next_event(),
        workspace_id: owner.clone(),
        kind: "message.received".into(),
        profile_id: Some(store.id()),
        account_id: Some(store.id()),
        message_id: None,
        body: "{\"text\":\"a\\u0000b\"}".into(),
        created_at: at(3),
    }
}

async fn places_are_counted_per_workspace(store: &Store) {
    let first = store.workspace("acme").await;
    let second = store.workspace("other").await;
    let mut tx = store.write().await;
    let all = [&first, &first, &second, &first].map(|owner| new(store, owner).into());
    assert_eq!(events::insert(&mut tx, &all).await.unwrap(), [1, 2, 1, 3]);
    let more = [&second, &first].map(|owner| new(store, owner).into());
    assert_eq!(events::insert(&mut tx, &more).await.unwrap(), [2, 4]);
    let nowhere = [new(store, &first).into(), new(store, &store.id()).into()];
    assert!(events::insert(&mut tx, &nowhere).await.is_err());
}

async fn every_field_is_kept(store: &Store) {
    let owner = store.workspace("acme").await;
    let event = new(store, &owner);
    let mut tx = store.write().await;
    events::insert(&mut tx, &[event.clone().into()]).await.unwrap();
    let text = "SELECT id, workspace_id, kind, profile_id, account_id, message_id, body, created_at FROM events";
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
    events::insert(&mut tx, &[events::New { cause: Some(&cause), ..caused.clone().into() }])
        .await
        .unwrap();
    events::insert(&mut tx, &[plain.clone().into()]).await.unwrap();
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
    assert_eq!(events::insert(&mut tx, &[new(store, &owner).into()]).await.unwrap(), [1]);
    drop(tx);
    let mut tx = store.write().await;
    assert_eq!(events::insert(&mut tx, &[new(store, &owner).into()]).await.unwrap(), [1]);
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
                    events::insert(&mut tx, &[event.clone().into()]).await.unwrap();
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

async fn insert(store: &Store, event: &Event) {
    let mut tx = store.write().await;
    events::insert(&mut tx, &[event.clone().into()]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn the_log_is_read_from_place_to_place(store: &Store) {
    let owner = store.workspace("acme").await;
    let foreign = store.workspace("other").await;
    let (profile, account): (ProfileId, AccountId) = (store.id(), store.id());
    insert(store, &new(store, &foreign)).await;
    for kind in ["message.received", "message.read", "message.received", "account.connected"] {
        let event = Event { kind: kind.into(), ..new(store, &owner) };
        insert(store, &Event { profile_id: Some(profile.clone()), ..event }).await;
    }
    insert(store, &Event { account_id: Some(account.clone()), ..new(store, &owner) }).await;
    let mut tx = store.read().await;
    assert_eq!(events::get_newest(&mut tx, &owner).await.unwrap(), 5);
    let received = vec!["message.received".to_owned()];
    for (after, up_to, limit, filter, expected) in [
        (0, 5, 9, Filter::default(), vec![1, 2, 3, 4, 5]),
        (1, 4, 9, Filter::default(), vec![2, 3, 4]),
        (1, 5, 2, Filter::default(), vec![2, 3]),
        (0, 5, 9, Filter { kinds: received, ..Filter::default() }, vec![1, 3, 5]),
        (0, 5, 9, Filter { profiles: Some(vec![profile]), ..Filter::default() }, vec![1, 2, 3, 4]),
        (0, 5, 9, Filter { profiles: Some(Vec::new()), ..Filter::default() }, vec![]),
        (0, 5, 9, Filter { account: Some(account), ..Filter::default() }, vec![5]),
        (5, 5, 9, Filter::default(), vec![]),
    ] {
        let read = events::list(&mut tx, &owner, after, up_to, &filter, limit).await.unwrap();
        let places: Vec<_> = read.iter().map(|one| one.seq).collect();
        assert_eq!(places, expected, "{filter:?}");
    }
}

async fn the_log_is_entered_by_time(store: &Store) {
    let owner = store.workspace("acme").await;
    for seconds in [10, 20, 20, 30] {
        insert(store, &Event { created_at: at(seconds), ..new(store, &owner) }).await;
    }
    let mut tx = store.read().await;
    for (since, place) in [(0, Some(1)), (10, Some(1)), (11, Some(2)), (30, Some(4)), (31, None)] {
        assert_eq!(events::find_since(&mut tx, &owner, at(since)).await.unwrap(), place);
    }
    assert_eq!(events::find_since(&mut tx, &store.id(), at(0)).await.unwrap(), None);
}

async fn old_events_go_and_what_is_not_delivered_stays(store: &Store) {
    let owner = store.workspace("acme").await;
    let endpoint = store.endpoint(&owner).await;
    let mut old = Vec::new();
    for kind in ["message.read", "message.received", "message.read", "message.read"] {
        let event = Event { kind: kind.into(), created_at: at(10), ..new(store, &owner) };
        insert(store, &event).await;
        old.push(event.id);
    }
    insert(store, &Event { kind: "message.read".into(), created_at: at(20), ..new(store, &owner) })
        .await;
    let mut tx = store.write().await;
    let delivery = |event: &EventId| NewDelivery {
        id: store.id(),
        workspace_id: owner.clone(),
        endpoint_id: endpoint.id.clone(),
        event_id: event.clone(),
        seq: 1,
        class: Class::Live,
        thread: None,
        replay_id: None,
        due_at: at(10),
    };
    deliveries::insert_all(&mut tx, &[delivery(&old[0]), delivery(&old[2])]).await.unwrap();
    let taken = deliveries::claim(&mut tx, &endpoint.id, at(10), at(60), 9).await.unwrap();
    let done = taken.iter().find(|one| one.event_id == old[0]).unwrap();
    let outcome =
        Outcome { id: done.id.clone(), attempts: 1, state: State::Delivered, due_at: at(11) };
    deliveries::update_outcomes(&mut tx, &[outcome]).await.unwrap();
    tx.commit().await.unwrap();

    let none: Vec<String> = Vec::new();
    let mut tx = store.write().await;
    let mut delete =
        async |kind, limit| events::delete_old(&mut tx, &owner, kind, at(20), limit).await.unwrap();
    assert_eq!(delete("message.read", 1).await, 1);
    assert_eq!(delete("message.read", 9).await, 1, "one is on its way still, one is not old");
    assert_eq!(delete("message.read", 9).await, 0);
    assert_eq!(delete("comment.received", 9).await, 0);
    let left = events::list(&mut tx, &owner, 0, 9, &Filter::default(), 9).await.unwrap();
    assert_eq!(left.iter().map(|one| one.seq).collect::<Vec<_>>(), [2, 3, 5]);
    assert_eq!(events::find_horizon(&mut tx, &owner, &none).await.unwrap(), Some(4));
    let horizon = async |tx: &mut Tx, kind: &str| {
        events::find_horizon(tx, &owner, &[kind.to_owned()]).await.unwrap()
    };
    assert_eq!(horizon(&mut tx, "message.read").await, Some(4));
    assert_eq!(horizon(&mut tx, "message.received").await, None);
    assert!(workspaces::list_ids(&mut tx).await.unwrap().contains(&owner));
}
