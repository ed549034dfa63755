//! API keys.

use posta_core::id::{ProfileId, WorkspaceId};
use posta_store::Json;
use posta_store::keys::{self, Key};

use crate::support::{Store, at, both};

async fn insert(
    store: &Store,
    owner: &WorkspaceId,
    hash: &str,
    profiles: Option<Vec<ProfileId>>,
) -> Key {
    let key = Key {
        id: store.id(),
        workspace_id: owner.clone(),
        name: "ci".into(),
        hash: hash.into(),
        preview: "sk_…1234".into(),
        profile_ids: profiles.map(Json),
        is_read_only: true,
        disabled_groups: Json(vec!["webhooks".into()]),
        expires_at: Some(at(5)),
        created_at: at(0),
    };
    let mut tx = store.write().await;
    keys::insert(&mut tx, &key).await.unwrap();
    tx.commit().await.unwrap();
    key
}

both! {
    a_key_is_found_by_its_hash_in_any_workspace,
    a_workspace_lists_and_revokes_only_its_own,
}

async fn a_key_is_found_by_its_hash_in_any_workspace(store: &Store) {
    let owner = store.workspace("acme").await;
    let profile = store.profile(&owner, "A").await;
    for (hash, profiles) in
        [("all", None), ("none", Some(Vec::new())), ("one", Some(vec![profile]))]
    {
        let key = insert(store, &owner, hash, profiles).await;
        let found = keys::find_by_hash(&mut store.read().await, hash).await.unwrap().unwrap();
        assert_eq!(format!("{found:?}"), format!("{key:?}"));
    }
    assert!(keys::find_by_hash(&mut store.read().await, "ALL").await.unwrap().is_none());
}

async fn a_workspace_lists_and_revokes_only_its_own(store: &Store) {
    let owner = store.workspace("acme").await;
    let other = store.workspace("other").await;
    let first = insert(store, &owner, "1", None).await;
    let foreign = insert(store, &other, "2", None).await;
    let second = insert(store, &owner, "3", None).await;
    let mut tx = store.write().await;
    let ids: Vec<_> = keys::list(&mut tx, &owner).await.unwrap();
    let ids: Vec<_> = ids.into_iter().map(|key| key.id).collect();
    assert_eq!(ids, [first.id.clone(), second.id]);
    assert!(!keys::delete(&mut tx, &owner, &foreign.id).await.unwrap());
    assert!(keys::delete(&mut tx, &owner, &first.id).await.unwrap());
    assert!(!keys::delete(&mut tx, &owner, &first.id).await.unwrap());
    assert!(keys::find_by_hash(&mut tx, "1").await.unwrap().is_none());
}
