//! Messages whose words are to go, and the raw webhooks and events that have them.

use posta_core::id::RemoteMessage;
use posta_store::events::{self, Event};
use posta_store::inbound::{self, Inbound, State};
use posta_store::purges::{self, Purge};
use posta_store::{Json, Tx};

use crate::support::{Store, at, both};

both! {
    a_purge_is_asked_for_and_taken_by_one,
    what_is_asked_for_again_begins_anew,
    raw_webhooks_are_looked_at_in_their_order,
    events_are_found_by_the_message_that_they_show,
}

async fn new(store: &Store) -> Purge {
    Purge {
        account_id: store.account().await.id,
        message_id: RemoteMessage::new("m1"),
        platform: "instagram".into(),
        place: "05".into(),
        until: at(50),
        due_at: at(1),
    }
}

async fn a_purge_is_asked_for_and_taken_by_one(store: &Store) {
    let purge = new(store).await;
    let mut tx = store.write().await;
    assert_eq!(purges::find_next_due(&mut tx).await.unwrap(), None);
    purges::upsert(&mut tx, &purge).await.unwrap();
    assert_eq!(purges::find_next_due(&mut tx).await.unwrap(), Some(at(1)));
    assert_eq!(purges::claim(&mut tx, at(0), at(9)).await.unwrap(), None);
    let taken = purges::claim(&mut tx, at(1), at(9)).await.unwrap().unwrap();
    assert_eq!(taken, Purge { due_at: at(9), ..purge.clone() });
    assert_eq!(purges::claim(&mut tx, at(8), at(20)).await.unwrap(), None);
    purges::update_place(&mut tx, &taken, "07", at(10)).await.unwrap();
    let again = purges::claim(&mut tx, at(10), at(30)).await.unwrap().unwrap();
    assert_eq!((again.place.as_str(), again.due_at), ("07", at(30)));
    // Whoever has lost it changes nothing.
    purges::update_place(&mut tx, &taken, "09", at(10)).await.unwrap();
    purges::delete(&mut tx, &taken).await.unwrap();
    assert_eq!(purges::find_next_due(&mut tx).await.unwrap(), Some(at(30)));
    purges::delete(&mut tx, &again).await.unwrap();
    assert_eq!(purges::find_next_due(&mut tx).await.unwrap(), None);
}

async fn what_is_asked_for_again_begins_anew(store: &Store) {
    let purge = new(store).await;
    let mut tx = store.write().await;
    purges::upsert(&mut tx, &purge).await.unwrap();
    let taken = purges::claim(&mut tx, at(1), at(9)).await.unwrap().unwrap();
    for (place, until, due_at) in [("06", at(60), at(2)), ("04", at(40), at(3))] {
        let wider = Purge { place: place.into(), until, due_at, ..purge.clone() };
        purges::upsert(&mut tx, &wider).await.unwrap();
    }
    purges::delete(&mut tx, &taken).await.unwrap();
    let taken = purges::claim(&mut tx, at(3), at(9)).await.unwrap().unwrap();
    assert_eq!((taken.place.as_str(), taken.until), ("04", at(60)));
}

async fn raw(store: &Store, tx: &mut Tx, platform: &str, received: i64) -> Inbound {
    let row = Inbound {
        id: store.id(),
        platform: platform.into(),
        verified_by: Json(vec![None]),
        body: b"{\"words\": 1}".to_vec(),
        attempts: 0,
        received_at: at(received),
        traceparent: None,
    };
    inbound::insert_all(tx, std::slice::from_ref(&row)).await.unwrap();
    row
}

async fn raw_webhooks_are_looked_at_in_their_order(store: &Store) {
    let mut tx = store.write().await;
    let mut rows = Vec::new();
    for (platform, received) in [("instagram", 1), ("other", 2), ("instagram", 3), ("instagram", 9)]
    {
        rows.push(raw(store, &mut tx, platform, received).await);
    }
    inbound::update_state(&mut tx, &rows[0].id, State::Done, None).await.unwrap();
    let list = purges::list_inbound(&mut tx, "instagram", "", at(8), 9).await.unwrap();
    let seen: Vec<_> = list.iter().map(|one| (one.inbound.id.clone(), one.state)).collect();
    assert_eq!(seen, [(rows[0].id.clone(), State::Done), (rows[2].id.clone(), State::Pending)]);
    let after = rows[0].id.as_str();
    let list = purges::list_inbound(&mut tx, "instagram", after, at(99), 1).await.unwrap();
    assert_eq!((list.len(), &list[0].inbound.id), (1, &rows[2].id));
    purges::update_body(&mut tx, &rows[0].id, b"{}").await.unwrap();
    let found = inbound::find(&mut tx, &rows[0].id).await.unwrap().unwrap();
    assert_eq!(found.body, b"{}");
}

async fn events_are_found_by_the_message_that_they_show(store: &Store) {
    let owner = store.workspace("acme").await;
    let (message, other) = (store.id(), store.id());
    let mut tx = store.write().await;
    for id in [Some(&message), None, Some(&other), Some(&message)] {
        let event = Event {
            id: store.ids.next_event(),
            workspace_id: owner.clone(),
            kind: "message.received".into(),
            profile_id: None,
            account_id: None,
            message_id: id.cloned(),
            body: "{\"words\": 1}".into(),
            created_at: at(3),
        };
        events::insert(&mut tx, &[event.clone().into()]).await.unwrap();
    }
    let found = events::list_of_message(&mut tx, &message).await.unwrap();
    assert_eq!(found.len(), 2);
    events::update_body(&mut tx, &found[0].id, "{}").await.unwrap();
    let found = events::list_of_message(&mut tx, &message).await.unwrap();
    let bodies: Vec<_> = found.iter().map(|event| event.body.as_str()).collect();
    assert_eq!(bodies, ["{}", "{\"words\": 1}"]);
}
