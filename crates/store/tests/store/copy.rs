//! Moving a database: every table that there is, exactly.

use posta_store::copy::{Copied, CopyError, copy};
use posta_store::{Schema, Tx};

use crate::migrations::files;
use crate::support::Store;

impl Store {
    /// A file that has rows in every table, of every migration's time.
    pub(crate) async fn filled_sqlite() -> Self {
        let store = Self::on_sqlite().await;
        let data = files("tests/data/migrations", &store);
        let migrations = files("migrations", &store);
        assert_eq!(data.len(), migrations.len());
        let filled = Self::empty_sqlite().await;
        for (migration, data) in migrations.iter().zip(&data) {
            filled.run(&std::fs::read_to_string(migration).unwrap()).await;
            filled.run(&std::fs::read_to_string(data).unwrap()).await;
        }
        filled
    }
}

/// Copies, and keeps it if it went well.
async fn moved(from: &Store, to: &Store) -> Result<Vec<Copied>, CopyError> {
    let (Tx::Sqlite(mut source), Tx::Postgres(mut target)) = (from.read().await, to.write().await)
    else {
        unreachable!()
    };
    let copied = copy(&mut source, &mut target, |_| ()).await?;
    target.commit().await.unwrap();
    Ok(copied)
}

#[tokio::test]
async fn everything_is_moved_and_nothing_is_overwritten() {
    let Some(to) = Store::on_postgres().await else { return };
    let from = Store::filled_sqlite().await;
    let weird =
        "UPDATE messages SET text = 'Zeile' || char(10) || '\"quoted\" \\ ''single'' {a,NULL} 👋',
             metadata = '{ \"z\": [1.0, 1e2, null, \"\\u00e9,}\"], \"a\": {} }';
         UPDATE inbound SET body = X'00FF7B7D2C0A5C22'";
    from.run(weird).await;
    let copied = moved(&from, &to).await.unwrap();
    let tables =
        "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    assert_eq!(i64::try_from(copied.len()).unwrap(), from.number(tables).await);
    for Copied { name, rows, digest } in &copied {
        assert!(*rows > 0, "{name} has something to move");
        assert_eq!(digest.len(), 64);
        let there = to.number(&format!("SELECT COUNT(*) FROM {name}")).await;
        assert_eq!(i64::try_from(*rows).unwrap(), there, "{name}");
    }
    let there = "SELECT COUNT(*) FROM messages WHERE text = E'Zeile\\n\"quoted\" \\\\ ''single'' {a,NULL} 👋'
         AND metadata = '{\"a\": {}, \"z\": [1, 100, null, \"é,}\"]}'::jsonb";
    assert!(to.number(there).await > 0);
    let bytes = "SELECT COUNT(*) FROM inbound WHERE body = '\\x00ff7b7d2c0a5c22'::bytea";
    assert!(to.number(bytes).await > 0);
    assert_eq!(to.db.schema().await.unwrap(), Schema::default());

    let again = moved(&from, &to).await;
    assert!(matches!(again, Err(CopyError::NotEmpty(_))), "{again:?}");
}

#[tokio::test]
async fn many_rows_are_moved_in_many_batches() {
    let Some(to) = Store::on_postgres().await else { return };
    let from = Store::on_sqlite().await;
    let owner = from.workspace("acme").await;
    from.run(&format!(
        "INSERT INTO profiles (id, workspace_id, name, description, color, is_default, created_at)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
         SELECT printf('%024d', i), '{owner}', 'p' || i, '', '#fff', FALSE, i FROM n"
    ))
    .await;
    let copied = moved(&from, &to).await.unwrap();
    let profiles = copied.iter().find(|table| table.name == "profiles").unwrap();
    assert_eq!(profiles.rows, 2500);
    assert_eq!(to.number("SELECT CAST(SUM(created_at) AS BIGINT) FROM profiles").await, 3_126_250);
}

#[tokio::test]
async fn what_is_not_exactly_the_same_is_not_kept() {
    let Some(to) = Store::on_postgres().await else { return };
    let from = Store::filled_sqlite().await;
    to.run(
        "CREATE FUNCTION spoil() RETURNS TRIGGER LANGUAGE plpgsql AS
             $$ BEGIN NEW.name := NEW.name || '?'; RETURN NEW; END $$;
         CREATE TRIGGER spoil BEFORE INSERT ON profiles FOR EACH ROW EXECUTE FUNCTION spoil()",
    )
    .await;
    let spoilt = moved(&from, &to).await;
    assert!(
        matches!(&spoilt, Err(CopyError::Differs(table, ..)) if table == "profiles"),
        "{spoilt:?}"
    );
    assert_eq!(to.number("SELECT COUNT(*) FROM workspaces").await, 0);
    for (change, table) in [
        ("CREATE TABLE more (id TEXT PRIMARY KEY)", "more"),
        ("ALTER TABLE accounts ALTER COLUMN followers TYPE INTEGER", "accounts"),
        ("ALTER TABLE workspaces ADD COLUMN more TEXT", "workspaces"),
    ] {
        to.run(change).await;
        let other = moved(&from, &to).await;
        assert!(matches!(&other, Err(CopyError::Schema(name)) if name == table), "{other:?}");
    }
}
