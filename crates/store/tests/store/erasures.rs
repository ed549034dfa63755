//! Deleting everything that is known of an account.

use posta_store::deliveries::{self, Class, NewDelivery};
use posta_store::erasures::{self, Erasure, State};
use posta_store::events::{self, Event};
use posta_store::inbound::{self, Inbound};
use posta_store::{Json, accounts};

use crate::support::{Store, at, both};

both! {
    a_request_is_taken_down_once_and_worked_on_by_one,
    everything_of_an_account_is_deleted_bit_by_bit,
    raw_webhooks_that_speak_of_it_are_deleted_once_worked_off,
}

fn request(id: &str) -> Erasure {
    Erasure {
        id: id.into(),
        platform: "instagram".into(),
        app_scoped_id: "27".into(),
        issued_at: at(0),
        verified_by: Json(vec![None]),
        state: State::Pending,
        place: None,
        erased: 0,
        requested_at: at(1),
        finished_at: None,
    }
}

async fn a_request_is_taken_down_once_and_worked_on_by_one(store: &Store) {
    let mut tx = store.write().await;
    let first = erasures::insert_or_find(&mut tx, &request("a")).await.unwrap();
    let again = erasures::insert_or_find(&mut tx, &request("b")).await.unwrap();
    assert_eq!((first.as_str(), again.as_str()), ("a", "a"), "the platform repeats itself");
    let later = Erasure { issued_at: at(9), ..request("c") };
    assert_eq!(erasures::insert_or_find(&mut tx, &later).await.unwrap(), "c");

    assert_eq!(erasures::find_next_due(&mut tx).await.unwrap(), Some(at(1)));
    let taken = erasures::claim(&mut tx, at(1), at(20)).await.unwrap().unwrap();
    assert_eq!((taken.id.as_str(), taken.verified_by), ("a", Json(vec![None])));
    assert_eq!(erasures::claim(&mut tx, at(1), at(20)).await.unwrap().unwrap().id, "c");
    assert!(erasures::claim(&mut tx, at(19), at(30)).await.unwrap().is_none());

    erasures::update_progress(&mut tx, "a", Some("p"), 3, at(20)).await.unwrap();
    erasures::update_progress(&mut tx, "a", Some("q"), 4, at(20)).await.unwrap();
    let found = erasures::find(&mut tx, "a").await.unwrap().unwrap();
    assert_eq!((found.place.as_deref(), found.erased), (Some("q"), 7));
    erasures::update_done(&mut tx, "a", at(21)).await.unwrap();
    let found = erasures::find(&mut tx, "a").await.unwrap().unwrap();
    assert_eq!((found.state, found.finished_at), (State::Done, Some(at(21))));
    assert_eq!(erasures::claim(&mut tx, at(20), at(30)).await.unwrap().unwrap().id, "c");
    assert!(erasures::find(&mut tx, "z").await.unwrap().is_none());
}

async fn everything_of_an_account_is_deleted_bit_by_bit(store: &Store) {
    let account = store.account().await;
    let other = store.new_account(&account.workspace_id, &account.profile_id, "2");
    store.upsert(&other).await;
    let endpoint = store.endpoint(&account.workspace_id).await;
    for one in [&account, &other] {
        let conversation = store.conversation(one, "t").await;
        for mid in ["m1", "m2", "m3"] {
            store.insert(&store.new_incoming(&conversation, mid, at(0))).await;
        }
        let mut tx = store.write().await;
        for kind in ["message.received", "account.disconnected"] {
            let event = Event {
                id: store.ids.next_event(),
                workspace_id: one.workspace_id.clone(),
                kind: kind.into(),
                profile_id: None,
                account_id: Some(one.id.clone()),
                message_id: None,
                body: "{}".into(),
                created_at: at(0),
            };
            events::insert(&mut tx, &[event.clone().into()]).await.unwrap();
            let delivery = NewDelivery {
                id: store.id(),
                workspace_id: one.workspace_id.clone(),
                endpoint_id: endpoint.id.clone(),
                event_id: event.id.clone(),
                seq: 1,
                class: Class::Live,
                thread: None,
                replay_id: None,
                due_at: at(0),
            };
            deliveries::insert_all(&mut tx, &[delivery]).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let mut deleted = Vec::new();
    loop {
        let mut tx = store.write().await;
        let some = erasures::delete_some(&mut tx, &account.id, 2).await.unwrap();
        tx.commit().await.unwrap();
        if some == 0 {
            break;
        }
        deleted.push(some);
    }
    assert_eq!(deleted, [1, 1, 2, 1, 1, 1], "delivery, event, messages, conversation, account");
    let mut tx = store.read().await;
    let owner = &account.workspace_id;
    assert!(accounts::find(&mut tx, owner, &account.id).await.unwrap().is_none());
    assert!(accounts::find(&mut tx, owner, &other.id).await.unwrap().is_some());
    drop(tx);
    for (table, left) in [("messages", 3), ("conversations", 1), ("events", 3), ("deliveries", 3)] {
        assert_eq!(store.number(&format!("SELECT COUNT(*) FROM {table}")).await, left, "{table}");
    }
}

async fn raw_webhooks_that_speak_of_it_are_deleted_once_worked_off(store: &Store) {
    let account = store.account().await;
    let row = |text: &str| Inbound {
        id: store.id(),
        platform: "instagram".into(),
        verified_by: Json(vec![None]),
        body: text.as_bytes().to_vec(),
        attempts: 0,
        received_at: at(0),
        traceparent: None,
    };
    let ours = format!(r#"{{"id":"{}"}}"#, account.remote_id);
    let rows = [row(&ours), row("of another"), row(&ours)];
    let mut tx = store.write().await;
    inbound::insert_all(&mut tx, &rows).await.unwrap();
    for done in &rows[..2] {
        inbound::update_state(&mut tx, &done.id, inbound::State::Done, None).await.unwrap();
    }
    let remote = &account.remote_id;
    let first = erasures::sweep_inbound(&mut tx, "instagram", remote, None, 2).await.unwrap();
    assert_eq!((first.deleted, first.waiting), (1, 0));
    assert_eq!(first.place.as_deref(), Some(rows[1].id.as_str()));
    let place = first.place.as_deref();
    let second = erasures::sweep_inbound(&mut tx, "instagram", remote, place, 2).await.unwrap();
    assert_eq!((second.deleted, second.waiting), (0, 1), "it is not worked off yet");
    inbound::update_state(&mut tx, &rows[2].id, inbound::State::Unrouted, None).await.unwrap();
    let second = erasures::sweep_inbound(&mut tx, "instagram", remote, place, 2).await.unwrap();
    assert_eq!((second.deleted, second.waiting), (1, 0));
    let end = second.place.as_deref();
    let end = erasures::sweep_inbound(&mut tx, "instagram", remote, end, 2).await.unwrap();
    assert_eq!(end.place, None);
}
