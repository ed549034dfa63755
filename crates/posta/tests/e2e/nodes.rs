//! Several servers on one database, of one version or of two.

use posta::boot;
use posta_core::chance::Chance;
use posta_store::Tx;
use sqlx::AssertSqlSafe;

use crate::support::{Stage, story};

const MIRA: &str = "1099900000000101";

impl Stage {
    /// Runs statements beside the server.
    async fn sql(&self, text: &str) {
        let text = AssertSqlSafe(text.to_owned());
        let mut tx = self.db().write().await.unwrap();
        match &mut tx {
            Tx::Sqlite(tx) => sqlx::raw_sql(text).execute(&mut **tx).await.map(drop),
            Tx::Postgres(tx) => sqlx::raw_sql(text).execute(&mut **tx).await.map(drop),
        }
        .unwrap();
        tx.commit().await.unwrap();
    }

    async fn tables(&self) -> Vec<String> {
        let tables: Vec<String> = match self.db().read().await.unwrap() {
            Tx::Sqlite(mut tx) => {
                let text = "SELECT name FROM sqlite_master WHERE type = 'table'";
                sqlx::query_scalar(text).fetch_all(&mut *tx).await
            }
            Tx::Postgres(mut tx) => {
                let text = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
                sqlx::query_scalar(text).fetch_all(&mut *tx).await
            }
        }
        .unwrap();
        tables.into_iter().filter(|name| !name.starts_with('_')).collect()
    }

    /// Brings the schema to a version that is to come: more columns everywhere, and a table.
    async fn migrate_further(&self) {
        for table in self.tables().await {
            let more = format!(
                "ALTER TABLE {table} ADD COLUMN later TEXT;
                 ALTER TABLE {table} ADD COLUMN later_count BIGINT NOT NULL DEFAULT 7"
            );
            self.sql(&more).await;
        }
        self.sql("CREATE TABLE later (id TEXT PRIMARY KEY)").await;
        self.sql(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 9999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
    }
}

story! {
    /// A newer version migrates while this one runs: it goes on with all it does, and is not started
    /// again on what it does not know.
    async fn a_server_goes_on_while_a_newer_version_migrates(stage: Stage) {
        stage.connect().await;
        stage.writes("mira.demo", "Hello?").await;
        stage.settle().await;
        stage.hook.forget();
        stage.migrate_further().await;

        stage.writes("mira.demo", "Are you still open?").await;
        stage.settle().await;
        stage.send(MIRA, "We are", &[]).await.expect(200);
        let end = stage.press("allow", &[]).await;
        assert!(end.query().unwrap().contains("accountId"), "{end}");
        stage.listen_to(&["message.sent"]).await;
        stage.pass(std::time::Duration::from_hours(2)).await;
        let names = stage.hook.names();
        assert!(names.contains(&"message.received".to_owned()), "{names:?}");
        assert!(names.contains(&"message.sent".to_owned()), "{names:?}");

        let again = boot::build(stage.app.config.clone(), stage.clock.clone(), Chance::system());
        let error = again.await.map(drop).unwrap_err().to_string();
        assert!(error.contains("does not know: 9999"), "{error}");
        assert!(error.contains("start that one, or go back to a backup"), "{error}");
    }
}
