//! Backups of a file.

use posta_store::{Db, Open, Schema, backup, is_outage, workspaces};

use crate::support::Store;

#[tokio::test]
async fn a_backup_holds_what_was_committed_and_nothing_else() {
    let store = Store::on_sqlite().await;
    store.workspace("acme").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    let mut open = store.write().await;
    let later = workspaces::Workspace {
        id: store.id(),
        name: "later".into(),
        created_at: crate::support::at(0),
    };
    assert!(workspaces::insert(&mut open, &later).await.unwrap());
    store.db.backup(&file).await.unwrap();
    open.commit().await.unwrap();

    let copy = Db::open_still(&file).await.unwrap();
    assert_eq!(copy.schema().await.unwrap(), Schema::default());
    let mut tx = copy.read().await.unwrap();
    assert_eq!(backup::damage(&mut tx).await.unwrap(), Vec::<String>::new());
    let counts = backup::counts(&mut tx).await.unwrap();
    assert!(counts.contains(&("workspaces".to_owned(), 1)), "{counts:?}");
    assert!(workspaces::find_by_name(&mut tx, "acme").await.unwrap().is_some());
    drop(tx);
    copy.close().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn damage_is_found() {
    let store = Store::filled_sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    store.db.backup(&file).await.unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let mut spoilt = 0;
    for page in 2..40 {
        let mut bytes = bytes.clone();
        bytes[page * 4096..][..64].fill(0xA5);
        std::fs::write(&file, bytes).unwrap();
        let look = async {
            let copy = Db::open_still(&file).await?;
            let mut tx = copy.read().await?;
            backup::damage(&mut tx).await
        };
        spoilt += usize::from(look.await.map_or(true, |damage| !damage.is_empty()));
    }
    assert_eq!(spoilt, 38, "wherever it is");
    std::fs::write(&file, bytes).unwrap();

    let alone = Db::open_alone(&file).await.unwrap();
    let tx = alone.write().await.unwrap();
    let posta_store::Tx::Sqlite(mut tx) = tx else { unreachable!() };
    sqlx::raw_sql("PRAGMA defer_foreign_keys = ON; DELETE FROM workspaces")
        .execute(&mut *tx)
        .await
        .unwrap();
    let damage = backup::damage(&mut posta_store::Tx::Sqlite(tx)).await.unwrap();
    assert!(damage[0].contains("that are not in workspaces"), "{damage:?}");
}

#[tokio::test]
async fn a_file_in_use_is_nobodys_alone() {
    let store = Store::on_sqlite().await;
    let Open::Sqlite(path) = &store.which else { unreachable!() };
    let error = Db::open_alone(path).await.unwrap_err();
    assert!(is_outage(&error), "{error:?}");
    store.db.close().await;
    // The thread of the last connection lets go of the file a moment after it is told to.
    let mut opened = Db::open_alone(path).await;
    for _ in 0..200 {
        if opened.is_ok() {
            break;
        }
        posta_core::time::pause(std::time::Duration::from_millis(10)).await;
        opened = Db::open_alone(path).await;
    }
    opened.unwrap().close().await;
}
