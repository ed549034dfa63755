//! Webhook endpoints.

use posta_store::Json;
use posta_store::Tx;
use posta_store::endpoints::{self, Endpoint, Standing, Tried};

use crate::support::{Store, at, both};

async fn find(store: &Store, endpoint: &Endpoint) -> Option<Endpoint> {
    let mut tx = store.read().await;
    endpoints::find(&mut tx, &endpoint.workspace_id, &endpoint.id).await.unwrap()
}

/// Notes that one endpoint took something, or not, and that so many tries failed since.
async fn note(
    tx: &mut Tx,
    endpoint: &Endpoint,
    at_millis: i64,
    is_success: bool,
    failures: i64,
) -> Option<Standing> {
    let tried = Tried { id: endpoint.id.clone(), is_success, failures };
    endpoints::update_tried(tx, &[tried], at(at_millis)).await.unwrap().pop()
}

both! {
    every_field_is_kept_and_can_change,
    what_a_customer_changes_undoes_nothing_of_deliveries,
    failures_count_until_a_success,
    many_endpoints_are_noted_at_once_each_as_it_stands,
    a_workspace_lists_and_deletes_only_its_own,
}

async fn every_field_is_kept_and_can_change(store: &Store) {
    let account = store.account().await;
    let mut endpoint = store.endpoint(&account.workspace_id).await;
    assert_eq!(format!("{:?}", find(store, &endpoint).await.unwrap()), format!("{endpoint:?}"));
    endpoint.name = "New".into();
    endpoint.url = "https://crm.example/new".into();
    endpoint.secret = store.seal("new");
    endpoint.events = Json(vec!["message.sent".into(), "account.connected".into()]);
    endpoint.is_active = false;
    endpoint.custom_headers = Some(store.seal("{}"));
    endpoint.disabled_groups = Json(vec!["posts".into()]);
    endpoint.profile_ids = Json(vec![account.profile_id.clone()]);
    endpoint.account_ids = Json(vec![account.id.clone()]);
    endpoint.failure_count = 4;
    endpoint.keeps_order = true;
    endpoint.max_per_second = Some(7);
    endpoint.failing_since = Some(at(1));
    endpoint.held_until = Some(at(2));
    endpoint.warned_percent = 50;
    endpoint.disabled_reason = Some("gone".into());
    endpoint.previous_secret = Some(store.seal("old"));
    endpoint.previous_secret_until = Some(at(3));
    endpoint.last_fired_at = Some(at(1));
    let mut tx = store.write().await;
    endpoints::update(&mut tx, &endpoint).await.unwrap();
    note(&mut tx, &endpoint, 1, false, 4).await;
    endpoints::update_held(&mut tx, &endpoint.id, at(2)).await.unwrap();
    endpoints::update_fate(&mut tx, &endpoint).await.unwrap();
    tx.commit().await.unwrap();
    let found = find(store, &endpoint).await.unwrap();
    assert_eq!(
        (&found.secret, &found.custom_headers),
        (&endpoint.secret, &endpoint.custom_headers)
    );
    assert_eq!(format!("{found:?}"), format!("{endpoint:?}"));
}

async fn what_a_customer_changes_undoes_nothing_of_deliveries(store: &Store) {
    let owner = store.workspace("acme").await;
    let stale = store.endpoint(&owner).await;
    let mut tx = store.write().await;
    note(&mut tx, &stale, 1, false, 4).await;
    endpoints::update_held(&mut tx, &stale.id, at(2)).await.unwrap();
    endpoints::update(&mut tx, &Endpoint { name: "New".into(), ..stale.clone() }).await.unwrap();
    let fate = Endpoint { warned_percent: 50, is_active: false, ..stale.clone() };
    endpoints::update_fate(&mut tx, &fate).await.unwrap();
    tx.commit().await.unwrap();
    let found = find(store, &stale).await.unwrap();
    assert_eq!((found.name.as_str(), found.failure_count), ("New", 4));
    assert_eq!((found.failing_since, found.held_until), (Some(at(1)), Some(at(2))));
    assert_eq!((found.warned_percent, found.is_active), (50, false));

    let mut tx = store.write().await;
    endpoints::update_forgiven(&mut tx, &stale.id).await.unwrap();
    tx.commit().await.unwrap();
    let found = find(store, &stale).await.unwrap();
    assert_eq!((found.failure_count, found.failing_since, found.held_until), (0, None, None));
    assert_eq!((found.warned_percent, found.disabled_reason), (0, None));
}

async fn failures_count_until_a_success(store: &Store) {
    let owner = store.workspace("acme").await;
    let endpoint = store.endpoint(&owner).await;
    let mut tx = store.write().await;
    for (time, tries, expected) in [(1, 1, 1), (2, 3, 4)] {
        let standing = note(&mut tx, &endpoint, time, false, tries).await.unwrap();
        assert_eq!((standing.failure_count, standing.failing_since), (expected, Some(at(1))));
    }
    endpoints::update_held(&mut tx, &endpoint.id, at(30)).await.unwrap();
    tx.commit().await.unwrap();
    let found = find(store, &endpoint).await.unwrap();
    assert_eq!((found.last_fired_at, found.held_until), (Some(at(2)), Some(at(30))));

    let mut tx = store.write().await;
    let standing = note(&mut tx, &endpoint, 3, true, 0).await.unwrap();
    assert_eq!((standing.warned_percent, standing.failure_count), (0, 0));
    endpoints::update_held(&mut tx, &endpoint.id, at(40)).await.unwrap();
    assert!(note(&mut tx, &endpoint, 4, true, 0).await.is_none(), "it goes on as before");
    let standing = note(&mut tx, &endpoint, 1_004, true, 0).await.unwrap();
    assert_eq!(standing.failing_since, None);
    let gone = Endpoint { id: store.id(), ..endpoint.clone() };
    assert!(note(&mut tx, &gone, 4, false, 1).await.is_none());
    tx.commit().await.unwrap();
    let found = find(store, &endpoint).await.unwrap();
    assert_eq!((found.failure_count, found.failing_since), (0, None));
    assert_eq!(found.held_until, Some(at(40)), "the first success ends a hold, others keep pace");
    assert_eq!(found.last_fired_at, Some(at(1_004)));

    let mut tx = store.write().await;
    note(&mut tx, &endpoint, 1_010, false, 9).await;
    endpoints::update_held(&mut tx, &endpoint.id, at(9_000)).await.unwrap();
    let standing = note(&mut tx, &endpoint, 1_020, true, 2).await.unwrap();
    assert_eq!((standing.failure_count, standing.failing_since), (2, Some(at(1_020))));
    let found = endpoints::find(&mut tx, &owner, &endpoint.id).await.unwrap();
    assert_eq!(found.unwrap().held_until, None, "it took something in between");
}

async fn many_endpoints_are_noted_at_once_each_as_it_stands(store: &Store) {
    let owner = store.workspace("acme").await;
    let all = [store.endpoint(&owner).await, store.endpoint(&owner).await];
    let warned = Endpoint { warned_percent: 50, ..all[1].clone() };
    let mut tx = store.write().await;
    endpoints::update_fate(&mut tx, &warned).await.unwrap();
    let tried = [(false, 3), (true, 0)];
    let tried = all.each_ref().map(|one| one.id.clone()).into_iter().zip(tried);
    let tried = tried.map(|(id, (is_success, failures))| Tried { id, is_success, failures });
    let tried: Vec<_> = tried.collect();
    for (time, expected) in [(1, [3, 0]), (2, [6, 0])] {
        let mut standing = endpoints::update_tried(&mut tx, &tried, at(time)).await.unwrap();
        standing.sort_by_key(|one| one.id != all[0].id);
        let counts: Vec<_> = standing.iter().map(|one| one.failure_count).collect();
        assert_eq!(counts, expected);
        assert_eq!(standing[1].warned_percent, 50, "it is told of until its fate is");
    }
    assert!(endpoints::update_tried(&mut tx, &[], at(3)).await.unwrap().is_empty());
}

async fn a_workspace_lists_and_deletes_only_its_own(store: &Store) {
    let owner = store.workspace("acme").await;
    let other = store.workspace("other").await;
    let first = store.endpoint(&owner).await;
    let foreign = store.endpoint(&other).await;
    let second = store.endpoint(&owner).await;
    assert!(find(store, &Endpoint { workspace_id: other, ..first.clone() }).await.is_none());
    let mut tx = store.write().await;
    let list = endpoints::list(&mut tx, &owner).await.unwrap();
    let ids: Vec<_> = list.into_iter().map(|endpoint| endpoint.id).collect();
    assert_eq!(ids, [first.id.clone(), second.id]);
    assert!(!endpoints::delete(&mut tx, &owner, &foreign.id).await.unwrap());
    assert!(endpoints::delete(&mut tx, &owner, &first.id).await.unwrap());
    assert!(!endpoints::delete(&mut tx, &owner, &first.id).await.unwrap());
}
