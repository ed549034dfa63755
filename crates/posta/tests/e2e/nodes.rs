//! Several servers on one database, of one version or of two.

use std::time::Duration;

use posta::app::App;
use posta::boot;
use posta::flows::outcome::settled;
use posta::flows::send::{self, Draft, Request};
use posta::workers::bells;
use posta_core::chance::Chance;
use posta_core::id::MessageId;
use posta_store::accounts::Account;
use posta_store::messages::Status;
use posta_store::{Tx, accounts, conversations, workspaces};
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
        stage.another_hook(&serde_json::json!({"events": ["message.sent"]})).await;
        stage.pass(Duration::from_hours(2)).await;
        let names = stage.hook.names();
        assert!(names.contains(&"message.received".to_owned()), "{names:?}");
        assert!(names.contains(&"message.sent".to_owned()), "{names:?}");

        let again = boot::build(stage.app.config.clone(), stage.clock.clone(), Chance::system());
        let error = again.await.map(drop).unwrap_err().to_string();
        assert!(error.contains("does not know: 9999"), "{error}");
        assert!(error.contains("start that one, or go back to a backup"), "{error}");
    }
}

/// Asks for a message at a node, as its API does.
async fn ask(node: &App, account: &Account, text: &str) -> MessageId {
    let mut tx = node.db.write().await.unwrap();
    let conversation = conversations::find(&mut tx, &account.workspace_id, &account.id, MIRA).await;
    let request = Request {
        account,
        conversation: &conversation.unwrap().unwrap(),
        draft: Draft { text: Some(text.to_owned()), ..Draft::default() },
        tag: None,
        sent_via: "api",
        may_wait: false,
        priority: None,
        send_at: None,
        idempotency: None,
    };
    let id = send::enqueue(node, &mut tx, &request).await.unwrap();
    tx.commit().await.unwrap();
    id
}

impl Stage {
    /// A second node, whose workers are too busy for anything: it hears and rings bells, and that is
    /// all. Comes back once it hears.
    async fn busy_node(&self) -> App {
        let config = self.app.config.clone();
        let node = boot::build(config, self.clock.clone(), Chance::system()).await.unwrap();
        let mut ear = node.wake.listen.subscribe();
        self.beside(bells::run(node.clone()));
        ear.changed().await.unwrap();
        node
    }
}

/// The clock stands still, so nobody looks by himself: what one node does about work that another
/// announced, it does because it was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_announced_at_one_node_is_done_by_another_at_once() {
    let Some(mut stage) = Stage::postgres().await else { return };
    stage.connect().await;
    let node = stage.busy_node().await;

    let mut ear = node.wake.listen.subscribe();
    stage.writes("mira.demo", "Hello?").await;
    ear.changed().await.unwrap();
    stage.settle().await;

    let mut tx = node.db.read().await.unwrap();
    let owner = workspaces::find_by_name(&mut tx, "story").await.unwrap().unwrap();
    let account = accounts::find(&mut tx, &owner.id, &stage.account.parse().unwrap()).await;
    let account = account.unwrap().unwrap();
    drop(tx);
    let id = ask(&node, &account, "One").await;
    node.wake.send.notify_one();
    let deadline = stage.clock.now().plus(Duration::from_secs(20));
    let outcome = settled(&node, &account, &id, deadline).await.unwrap();
    assert_eq!(outcome[0].status, Status::Sent, "the node that waits for it is told");

    // Who was cut off looks at everything once it hears again.
    ask(&node, &account, "Two").await;
    stage
        .sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        )
        .await;
    stage.settle().await;
    assert_eq!(stage.proxy.sends(), 2);
    stage.settle().await;
    assert_eq!(stage.thread("mira.demo").await.len(), 3);
    node.stop.cancel();
    node.db.close().await;
    stage.finish().await;
}
