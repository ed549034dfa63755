//! Replays and their deliveries.

use posta_core::id::EventId;
use posta_store::Json;
use posta_store::deliveries::State as DeliveryState;
use posta_store::deliveries::{self, Class, NewDelivery, Outcome};
use posta_store::endpoints::Endpoint;
use posta_store::events::{self, Event};
use posta_store::replays::{self, Progress, Replay, State};

use crate::support::{Store, at, both};

both! {
    a_replay_is_kept_and_taken_one_at_a_time,
    what_was_parked_is_taken_and_taken_back,
    the_deliveries_of_a_replay_are_counted_and_go,
}

fn new(store: &Store, endpoint: &Endpoint, is_of_parked: bool) -> Replay {
    Replay {
        id: store.id(),
        workspace_id: endpoint.workspace_id.clone(),
        endpoint_id: endpoint.id.clone(),
        is_of_parked,
        kinds: Json(vec!["message.received".into()]),
        account_id: Some(store.id()),
        after_seq: 0,
        up_to_seq: 9,
        state: State::Running,
        queued: 0,
        created_at: at(5),
        finished_at: None,
    }
}

async fn insert(store: &Store, replay: &Replay) {
    let mut tx = store.write().await;
    replays::insert(&mut tx, replay).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_replay_is_kept_and_taken_one_at_a_time(store: &Store) {
    let owner = store.workspace("acme").await;
    let endpoint = store.endpoint(&owner).await;
    let mut first = new(store, &endpoint, false);
    let second = new(store, &endpoint, true);
    insert(store, &first).await;
    insert(store, &second).await;
    let mut tx = store.write().await;
    let found = replays::find(&mut tx, &owner, first.id.as_str()).await.unwrap().unwrap();
    assert_eq!(format!("{found:?}"), format!("{first:?}"));
    assert!(replays::find(&mut tx, &store.id(), first.id.as_str()).await.unwrap().is_none());
    let list = replays::list(&mut tx, &owner, 9).await.unwrap();
    assert_eq!(list.iter().map(|one| &one.id).collect::<Vec<_>>(), [&second.id, &first.id]);

    assert_eq!(replays::find_next_due(&mut tx).await.unwrap(), Some(at(5)));
    assert!(replays::claim(&mut tx, at(4), at(60)).await.unwrap().is_none());
    let taken = replays::claim(&mut tx, at(5), at(60)).await.unwrap().unwrap();
    assert_eq!(taken.id, first.id);
    let taken = replays::claim(&mut tx, at(5), at(60)).await.unwrap().unwrap();
    assert_eq!(taken.id, second.id);
    assert!(replays::claim(&mut tx, at(59), at(99)).await.unwrap().is_none());

    (first.after_seq, first.queued, first.state) = (7, 3, State::Done);
    first.finished_at = Some(at(8));
    assert!(replays::update(&mut tx, &first, at(8)).await.unwrap());
    assert!(!replays::update(&mut tx, &first, at(9)).await.unwrap(), "it has ended");
    let found = replays::find(&mut tx, &owner, first.id.as_str()).await.unwrap().unwrap();
    assert_eq!(format!("{found:?}"), format!("{first:?}"));
    assert_eq!(replays::find_next_due(&mut tx).await.unwrap(), Some(at(60)));
}

/// Makes a delivery at a place, in a state.
async fn put(
    store: &Store,
    endpoint: &Endpoint,
    seq: i64,
    state: DeliveryState,
    replay: Option<&Replay>,
) -> EventId {
    let event = Event {
        id: store.ids.next_event(),
        workspace_id: endpoint.workspace_id.clone(),
        kind: "message.received".into(),
        profile_id: None,
        account_id: None,
        message_id: None,
        body: "{}".into(),
        created_at: at(0),
    };
    let mut tx = store.write().await;
    events::insert(&mut tx, &[event.clone().into()]).await.unwrap();
    let delivery = NewDelivery {
        id: store.id(),
        workspace_id: endpoint.workspace_id.clone(),
        endpoint_id: endpoint.id.clone(),
        event_id: event.id.clone(),
        seq,
        class: Class::Live,
        thread: None,
        replay_id: replay.map(|one| one.id.clone()),
        due_at: at(0),
    };
    deliveries::insert_all(&mut tx, std::slice::from_ref(&delivery)).await.unwrap();
    let outcome = Outcome { id: delivery.id, attempts: 0, state, due_at: at(0) };
    deliveries::update_outcomes(&mut tx, &[outcome]).await.unwrap();
    tx.commit().await.unwrap();
    event.id
}

async fn what_was_parked_is_taken_and_taken_back(store: &Store) {
    let owner = store.workspace("acme").await;
    let endpoint = store.endpoint(&owner).await;
    for seq in [1, 2, 3, 10] {
        put(store, &endpoint, seq, DeliveryState::Parked, None).await;
    }
    put(store, &endpoint, 4, DeliveryState::Pending, None).await;
    let replay = new(store, &endpoint, true);
    let mut tx = store.write().await;
    assert_eq!(replays::take_parked(&mut tx, &replay, at(9), 2).await.unwrap(), 2);
    assert_eq!(replays::take_parked(&mut tx, &replay, at(9), 2).await.unwrap(), 1);
    let taken = deliveries::claim(&mut tx, &endpoint.id, at(9), at(60), 9).await.unwrap();
    assert_eq!(taken.iter().filter(|one| one.class == Class::Replay).count(), 3);
    assert_eq!(replays::progress(&mut tx, &replay.id).await.unwrap().pending, 3);
    assert_eq!(replays::take_back(&mut tx, &replay).await.unwrap(), 3);
    let parked = deliveries::count(&mut tx, &owner, DeliveryState::Parked).await.unwrap();
    assert_eq!(parked, 4);
}

async fn the_deliveries_of_a_replay_are_counted_and_go(store: &Store) {
    let owner = store.workspace("acme").await;
    let endpoint = store.endpoint(&owner).await;
    let replay = new(store, &endpoint, false);
    let states = [
        DeliveryState::Delivered,
        DeliveryState::Pending,
        DeliveryState::Pending,
        DeliveryState::Parked,
    ];
    let mut events = Vec::new();
    for state in states {
        events.push(put(store, &endpoint, 1, state, Some(&replay)).await);
    }
    let mut tx = store.write().await;
    let progress = replays::progress(&mut tx, &replay.id).await.unwrap();
    assert_eq!(progress, Progress { delivered: 1, pending: 2, parked: 1 });
    deliveries::update_brought(&mut tx, &endpoint.id, &events[1]).await.unwrap();
    deliveries::update_brought(&mut tx, &store.id(), &events[2]).await.unwrap();
    assert_eq!(replays::take_back(&mut tx, &replay).await.unwrap(), 1);
    let progress = replays::progress(&mut tx, &replay.id).await.unwrap();
    assert_eq!(progress, Progress { delivered: 2, pending: 0, parked: 1 });
}
