//! Workspaces.

use std::sync::Mutex;

use posta_store::workspaces::{self, Workspace};

use crate::support::{Store, at, both};

both! {
    a_name_is_taken_once,
    a_lock_holds_others_back_until_the_transaction_ends,
}

async fn a_name_is_taken_once(store: &Store) {
    let id = store.workspace("acme").await;
    let again = Workspace { id: store.id(), name: "acme".into(), created_at: at(1) };
    let mut tx = store.write().await;
    assert!(!workspaces::insert(&mut tx, &again).await.unwrap());
    tx.commit().await.unwrap();

    let mut tx = store.read().await;
    let found = workspaces::find_by_name(&mut tx, "acme").await.unwrap().unwrap();
    assert_eq!((found.id, found.created_at), (id.clone(), at(0)));
    assert_eq!(workspaces::get(&mut tx, &id).await.unwrap().name, "acme");
    assert!(workspaces::find_by_name(&mut tx, "Acme").await.unwrap().is_none());
    assert!(workspaces::get(&mut tx, &again.id).await.is_err());
}

async fn a_lock_holds_others_back_until_the_transaction_ends(store: &Store) {
    let id = store.workspace("acme").await;
    let mut first = store.write().await;
    workspaces::lock(&mut first, &id).await.unwrap();
    let order = Mutex::new(Vec::new());
    let second = async {
        let mut tx = store.write().await;
        workspaces::lock(&mut tx, &id).await.unwrap();
        order.lock().unwrap().push("second");
    };
    tokio::join!(second, async {
        store.until_somebody_waits().await;
        order.lock().unwrap().push("first");
        first.commit().await.unwrap();
    });
    assert_eq!(*order.lock().unwrap(), ["first", "second"]);
    assert_eq!(store.number("SELECT event_seq FROM workspaces").await, 0);
}
