//! Connect attempts.

use posta_core::id::ConnectId;
use posta_core::time::Timestamp;
use posta_store::connects::{self, Connect};
use tokio::task::JoinSet;

use crate::support::{Store, at, both};

async fn insert(store: &Store, expires_at: Timestamp) -> Connect {
    let id: ConnectId = store.id();
    let owner = store.workspace(id.as_str()).await;
    let connect = Connect {
        id,
        profile_id: store.profile(&owner, "A").await,
        workspace_id: owner,
        platform: "instagram".into(),
        oauth_app_id: Some(store.id()),
        redirect_url: Some("https://app.example/done".into()),
        reconnect_account_id: Some(store.id()),
        expected_remote_id: Some("1784".into()),
        expected_username: Some("ana".into()),
        expires_at,
        used_at: None,
    };
    let mut tx = store.write().await;
    connects::insert(&mut tx, &connect).await.unwrap();
    tx.commit().await.unwrap();
    connect
}

both! {
    an_attempt_is_used_up_once_however_many_try,
    old_attempts_are_deleted,
}

async fn an_attempt_is_used_up_once_however_many_try(store: &Store) {
    let connect = insert(store, at(10)).await;
    let mut tries = JoinSet::new();
    for _ in 0..8 {
        let (db, id) = (store.db.clone(), connect.id.clone());
        tries.spawn(async move {
            let mut tx = db.write().await.unwrap();
            let is_mine = connects::claim(&mut tx, &id, at(3)).await.unwrap();
            tx.commit().await.unwrap();
            is_mine
        });
    }
    let wins = tries.join_all().await.into_iter().filter(|is_mine| *is_mine).count();
    assert_eq!(wins, 1);
    let found = connects::find(&mut store.read().await, &connect.id).await.unwrap().unwrap();
    let expected = Connect { used_at: Some(at(3)), ..connect };
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
}

async fn old_attempts_are_deleted(store: &Store) {
    let old = insert(store, at(10)).await;
    let new = insert(store, at(11)).await;
    let mut tx = store.write().await;
    assert_eq!(connects::delete_expired(&mut tx, at(11)).await.unwrap(), 1);
    assert!(connects::find(&mut tx, &old.id).await.unwrap().is_none());
    assert!(connects::find(&mut tx, &new.id).await.unwrap().is_some());
}
