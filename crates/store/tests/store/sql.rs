//! Connections and transactions.

use posta_core::id::WorkspaceId;
use posta_store::workspaces::{self, Workspace};
use posta_store::{Db, Open, Tx, is_outage};

use crate::support::{Store, at, both};

both! {
    a_transaction_that_is_dropped_never_happened,
    a_reader_sees_one_moment,
    a_reader_cannot_write,
    a_closed_database_answers_nobody,
    an_outage_is_told_from_a_query_that_is_wrong,
}

fn new(store: &Store, name: &str) -> Workspace {
    Workspace { id: store.id::<WorkspaceId>(), name: name.into(), created_at: at(0) }
}

async fn a_transaction_that_is_dropped_never_happened(store: &Store) {
    let mut tx = store.write().await;
    assert!(workspaces::insert(&mut tx, &new(store, "a")).await.unwrap());
    drop(tx);
    let mut tx = store.write().await;
    assert!(workspaces::insert(&mut tx, &new(store, "b")).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = store.read().await;
    assert!(workspaces::find_by_name(&mut tx, "a").await.unwrap().is_none());
    assert!(workspaces::find_by_name(&mut tx, "b").await.unwrap().is_some());
}

async fn a_reader_sees_one_moment(store: &Store) {
    let mut reader = store.read().await;
    assert!(workspaces::find_by_name(&mut reader, "acme").await.unwrap().is_none());
    store.workspace("acme").await;
    assert!(workspaces::find_by_name(&mut reader, "acme").await.unwrap().is_none());
    let mut later = store.read().await;
    assert!(workspaces::find_by_name(&mut later, "acme").await.unwrap().is_some());
}

async fn a_reader_cannot_write(store: &Store) {
    let mut tx = store.read().await;
    assert!(workspaces::insert(&mut tx, &new(store, "a")).await.is_err());
}

async fn a_closed_database_answers_nobody(store: &Store) {
    store.db.ping().await.unwrap();
    store.db.close().await;
    assert!(store.db.ping().await.is_err());
    assert!(store.db.read().await.is_err());
    assert!(store.db.write().await.is_err());
    let again = Db::open(&store.which).await.unwrap();
    let mut tx = again.read().await.unwrap();
    assert!(workspaces::find_by_name(&mut tx, "a").await.unwrap().is_none());
}

async fn an_outage_is_told_from_a_query_that_is_wrong(store: &Store) {
    let mut tx = store.read().await;
    let wrong = match &mut tx {
        Tx::Sqlite(tx) => sqlx::query("SELECT 1 FROM nowhere").execute(&mut **tx).await.map(drop),
        Tx::Postgres(tx) => sqlx::query("SELECT 1 FROM nowhere").execute(&mut **tx).await.map(drop),
    };
    assert!(!is_outage(&wrong.unwrap_err()));
    drop(tx);

    let mut tx = store.write().await;
    store.shut(&mut tx).await;
    let error = workspaces::insert(&mut tx, &new(store, &"x".repeat(100_000))).await.unwrap_err();
    assert!(is_outage(&error), "{error:?}");
    drop(tx);
    if matches!(store.which, Open::Postgres(_)) {
        for _ in 0..3 {
            let error = store.db.write().await.unwrap_err();
            assert!(is_outage(&error), "{error:?}");
        }
    }
    store.open_again().await;
    let mut tx = store.write().await;
    assert!(workspaces::insert(&mut tx, &new(store, "b")).await.unwrap());
    tx.commit().await.unwrap();
}

#[test]
fn a_url_says_which_database() {
    let sqlite = |path: &str| Ok(Open::Sqlite(path.into()));
    let postgres = |url: &str| Ok(Open::Postgres(url.into()));
    for (url, expected) in [
        ("sqlite:posta.db", sqlite("posta.db")),
        ("sqlite://data/posta.db", sqlite("data/posta.db")),
        ("sqlite:///var/lib/posta.db", sqlite("/var/lib/posta.db")),
        ("postgres://a@b/c", postgres("postgres://a@b/c")),
        ("postgresql://a@b/c", postgres("postgresql://a@b/c")),
    ] {
        assert_eq!(url.parse(), expected);
    }
    for url in ["", "posta.db", "mysql://a@b/c", "/var/lib/posta.db"] {
        assert!(url.parse::<Open>().is_err(), "{url}");
    }
}
