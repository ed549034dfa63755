//! Walks.

use posta_store::Json;
use posta_store::accounts::{self, Reason, State as AccountState};
use posta_store::walks::{self, Kind, State, Step, Walk};

use crate::support::{Store, at, both};

both! {
    a_walk_is_made_once_and_claimed_by_one,
    a_walk_of_a_lost_account_waits,
    a_step_counts_only_for_whoever_holds_it,
    a_walk_can_begin_anew,
    a_waiting_walk_is_hurried_and_never_delayed,
}

async fn a_walk_is_made_once_and_claimed_by_one(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let walk = Walk {
        wanted: Some(500),
        span_to: Some(at(9)),
        ..Walk::new(&account.id, &account.workspace_id, Kind::Import, at(10))
    };
    assert!(walks::insert(&mut tx, &walk).await.unwrap());
    assert!(!walks::insert(&mut tx, &walk).await.unwrap(), "one of a kind");
    let other = Walk { kind: Kind::Reconcile, due_at: Some(at(50)), ..walk.clone() };
    assert!(walks::insert(&mut tx, &other).await.unwrap());
    assert_eq!(walks::find_next_due(&mut tx).await.unwrap(), Some(at(10)));
    assert!(walks::claim(&mut tx, at(9), at(20), 5).await.unwrap().is_empty());
    let taken = walks::claim(&mut tx, at(10), at(20), 5).await.unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].kind, taken[0].state), (Kind::Import, State::Running));
    assert_eq!((taken[0].wanted, taken[0].span_to), (Some(500), Some(at(9))));
    assert!(walks::claim(&mut tx, at(19), at(30), 5).await.unwrap().is_empty(), "it is taken");
    assert_eq!(walks::claim(&mut tx, at(20), at(30), 5).await.unwrap().len(), 1, "the lease ended");
    let owner = &account.workspace_id;
    let found = walks::find(&mut tx, owner, &account.id, Kind::Reconcile).await.unwrap().unwrap();
    assert_eq!((found.state, found.due_at), (State::Queued, Some(at(50))));
    let all = walks::list(&mut tx, owner, Kind::Reconcile).await.unwrap();
    assert_eq!(
        all.iter().map(|one| (&one.account_id, one.kind)).collect::<Vec<_>>(),
        [(&account.id, Kind::Reconcile)]
    );
    assert!(walks::list(&mut tx, &store.id(), Kind::Reconcile).await.unwrap().is_empty());
}

async fn a_walk_of_a_lost_account_waits(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let walk = Walk::new(&account.id, &account.workspace_id, Kind::Import, at(10));
    walks::insert(&mut tx, &walk).await.unwrap();
    let owner = &account.workspace_id;
    let reason = Reason { text: "gone", code: "app_removed" };
    accounts::update_unusable(&mut tx, owner, &account.id, AccountState::Dead, reason, at(11))
        .await
        .unwrap();
    assert_eq!(walks::find_next_due(&mut tx).await.unwrap(), None);
    assert!(walks::claim(&mut tx, at(12), at(20), 5).await.unwrap().is_empty());
}

async fn a_step_counts_only_for_whoever_holds_it(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let walk = Walk::new(&account.id, &account.workspace_id, Kind::Import, at(10));
    walks::insert(&mut tx, &walk).await.unwrap();
    let mut walk = walks::claim(&mut tx, at(10), at(20), 1).await.unwrap().remove(0);
    walk.cursor = Some("QVFI".to_owned());
    walk.todo = Json(vec![Step { handle: "aWdf".to_owned(), after: Some("QVFJ".to_owned()) }]);
    walk.is_last = true;
    (walk.threads_known, walk.threads_done, walk.received, walk.found) = (5, 4, 3, 2);
    (walk.total_received, walk.total_found, walk.calm, walk.attempts) = (30, 20, 2, 1);
    walk.started_at = Some(at(10));
    walk.finished_at = Some(at(11));
    walk.last_error = Some(Json(serde_json::json!({"code": "platform_unavailable"})));
    walk.due_at = Some(at(12));
    assert!(!walks::update(&mut tx, &walk, at(19)).await.unwrap(), "not its lease");
    assert!(walks::update(&mut tx, &walk, at(20)).await.unwrap());
    assert!(!walks::update(&mut tx, &walk, at(20)).await.unwrap(), "it was given back");
    let owner = &account.workspace_id;
    let found = walks::find(&mut tx, owner, &account.id, Kind::Import).await.unwrap().unwrap();
    assert_eq!(format!("{found:?}"), format!("{walk:?}"));
}

async fn a_walk_can_begin_anew(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let mut walk = Walk::new(&account.id, &account.workspace_id, Kind::Import, at(10));
    walks::upsert(&mut tx, &walk).await.unwrap();
    let mut taken = walks::claim(&mut tx, at(10), at(20), 1).await.unwrap().remove(0);
    (taken.state, taken.due_at, taken.found, taken.total_found) = (State::Failed, None, 7, 7);
    assert!(walks::update(&mut tx, &taken, at(20)).await.unwrap());
    assert_eq!(walks::find_next_due(&mut tx).await.unwrap(), None);
    (walk.wanted, walk.due_at) = (Some(20), Some(at(30)));
    walks::upsert(&mut tx, &walk).await.unwrap();
    let owner = &account.workspace_id;
    let found = walks::find(&mut tx, owner, &account.id, Kind::Import).await.unwrap().unwrap();
    assert_eq!((found.state, found.wanted, found.found), (State::Queued, Some(20), 0));
    assert_eq!((found.total_found, found.due_at), (7, Some(at(30))));
}

async fn a_waiting_walk_is_hurried_and_never_delayed(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let walk = Walk::new(&account.id, &account.workspace_id, Kind::Reconcile, at(10));
    walks::insert(&mut tx, &walk).await.unwrap();
    walks::update_due(&mut tx, &account.id, Kind::Reconcile, at(15)).await.unwrap();
    assert_eq!(walks::find_next_due(&mut tx).await.unwrap(), Some(at(10)));
    walks::update_due(&mut tx, &account.id, Kind::Reconcile, at(5)).await.unwrap();
    assert_eq!(walks::find_next_due(&mut tx).await.unwrap(), Some(at(5)));
    walks::claim(&mut tx, at(10), at(20), 1).await.unwrap();
    walks::update_due(&mut tx, &account.id, Kind::Reconcile, at(12)).await.unwrap();
    assert_eq!(walks::find_next_due(&mut tx).await.unwrap(), Some(at(20)), "it is under way");
}
