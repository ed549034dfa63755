//! Profiles.

use posta_core::id::WorkspaceId;
use posta_store::profiles::{self, Filter, Profile};

use crate::support::{Store, both};

async fn names(store: &Store, owner: &WorkspaceId, filter: &Filter<'_>) -> Vec<String> {
    let mut tx = store.read().await;
    let found = profiles::list(&mut tx, owner, filter, 100, 0).await.unwrap();
    let count = profiles::count(&mut tx, owner, filter).await.unwrap();
    assert_eq!(usize::try_from(count).unwrap(), found.len());
    found.into_iter().map(|profile| profile.name).collect()
}

async fn find(store: &Store, profile: &Profile) -> Option<Profile> {
    let mut tx = store.read().await;
    profiles::find(&mut tx, &profile.workspace_id, &profile.id).await.unwrap()
}

async fn update(store: &Store, profile: &Profile) {
    let mut tx = store.write().await;
    assert!(profiles::update(&mut tx, profile).await.unwrap());
    tx.commit().await.unwrap();
}

both! {
    names_and_external_ids_are_taken_once_per_workspace,
    lists_are_narrowed_and_an_empty_restriction_shows_nothing,
    every_field_is_kept_and_can_change,
    a_taken_name_or_external_id_is_refused_however_late,
    a_workspace_sees_and_changes_only_its_own,
    a_profile_with_accounts_cannot_be_deleted,
}

async fn names_and_external_ids_are_taken_once_per_workspace(store: &Store) {
    let owner = store.workspace("acme").await;
    let other = store.workspace("other").await;
    let first = Profile { external_id: Some("7".into()), ..store.new_profile(&owner, "A") };
    let same_name = store.new_profile(&owner, "A");
    let same_external = Profile { id: store.id(), name: "B".into(), ..first.clone() };
    let elsewhere = Profile { id: store.id(), workspace_id: other.clone(), ..first.clone() };
    let no_external = store.new_profile(&owner, "C");
    let no_external_either = store.new_profile(&owner, "D");
    let mut tx = store.write().await;
    for (profile, is_free) in [
        (&first, true),
        (&same_name, false),
        (&same_external, false),
        (&elsewhere, true),
        (&no_external, true),
        (&no_external_either, true),
    ] {
        assert_eq!(profiles::insert(&mut tx, profile).await.unwrap(), is_free, "{profile:?}");
    }
    tx.commit().await.unwrap();
    assert_eq!(names(store, &owner, &Filter::default()).await, ["A", "C", "D"]);
    assert_eq!(names(store, &other, &Filter::default()).await, ["A"]);
}

/// The filter that shows everything but for one change.
fn but<'a>(change: impl FnOnce(&mut Filter<'a>)) -> Filter<'a> {
    let mut filter = Filter::default();
    change(&mut filter);
    filter
}

async fn lists_are_narrowed_and_an_empty_restriction_shows_nothing(store: &Store) {
    let owner = store.workspace("acme").await;
    let other = store.workspace("other").await;
    let a = store.profile(&owner, "A").await;
    let b = store.profile(&owner, "B").await;
    let foreign = store.profile(&other, "A").await;
    let mut c = store.new_profile(&owner, "C");
    c.external_id = Some("7".into());
    insert(store, &c).await;

    let both = [a.clone(), b.clone(), foreign];
    let cases: [(_, &[&str]); 7] = [
        (Filter::default(), &["A", "B", "C"]),
        (but(|f| f.among = Some(&both)), &["A", "B"]),
        (but(|f| f.among = Some(&[])), &[]),
        (but(|f| f.name = Some("B")), &["B"]),
        (but(|f| f.name = Some("b")), &[]),
        (but(|f| f.external_id = Some("7")), &["C"]),
        (but(|f| (f.among, f.name) = (Some(&both[..]), Some("C"))), &[]),
    ];
    for (filter, expected) in cases {
        assert_eq!(names(store, &owner, &filter).await, expected, "{filter:?}");
    }
    let mut tx = store.read().await;
    let page = profiles::list(&mut tx, &owner, &Filter::default(), 1, 1).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].id, b);
}

async fn every_field_is_kept_and_can_change(store: &Store) {
    let owner = store.workspace("acme").await;
    let mut profile = store.new_profile(&owner, "A");
    insert(store, &profile).await;
    profile.name = "Ä".into();
    profile.description = "for tests".into();
    profile.color = "red".into();
    profile.timezone = Some("Europe/Berlin".into());
    profile.external_id = Some("x".into());
    profile.is_default = true;
    update(store, &profile).await;
    assert_eq!(format!("{:?}", find(store, &profile).await.unwrap()), format!("{profile:?}"));

    let mut tx = store.write().await;
    profiles::clear_default(&mut tx, &owner).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!find(store, &profile).await.unwrap().is_default);
}

async fn a_taken_name_or_external_id_is_refused_however_late(store: &Store) {
    let owner = store.workspace("acme").await;
    let mut first = store.new_profile(&owner, "A");
    first.external_id = Some("7".into());
    insert(store, &first).await;
    let second = store.new_profile(&owner, "B");
    insert(store, &second).await;
    let (name, external_id) = (first.name.clone(), first.external_id.clone());
    let changes = [Profile { name, ..second.clone() }, Profile { external_id, ..second.clone() }];
    for changed in changes {
        let mut tx = store.write().await;
        assert!(!profiles::update(&mut tx, &changed).await.unwrap());
    }
    assert_eq!(find(store, &second).await.unwrap().name, "B");
}

async fn a_workspace_sees_and_changes_only_its_own(store: &Store) {
    let owner = store.workspace("acme").await;
    let other = store.workspace("other").await;
    let profile = store.new_profile(&owner, "A");
    insert(store, &profile).await;
    let stolen = Profile { workspace_id: other.clone(), name: "X".into(), ..profile.clone() };
    assert!(find(store, &stolen).await.is_none());
    update(store, &stolen).await;
    assert_eq!(find(store, &profile).await.unwrap().name, "A");
    let mut tx = store.write().await;
    assert!(!profiles::delete(&mut tx, &other, &profile.id).await.unwrap());
    assert!(profiles::delete(&mut tx, &owner, &profile.id).await.unwrap());
    assert!(!profiles::delete(&mut tx, &owner, &profile.id).await.unwrap());
}

async fn a_profile_with_accounts_cannot_be_deleted(store: &Store) {
    let account = store.account().await;
    let mut tx = store.write().await;
    let deleted = profiles::delete(&mut tx, &account.workspace_id, &account.profile_id).await;
    let posta_store::Error::Database(error) = deleted.unwrap_err() else { panic!() };
    assert!(error.is_foreign_key_violation());
}

async fn insert(store: &Store, profile: &Profile) {
    let mut tx = store.write().await;
    assert!(profiles::insert(&mut tx, profile).await.unwrap());
    tx.commit().await.unwrap();
}
