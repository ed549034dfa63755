//! Migrations: each is applied over data held for the one before it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use posta_store::{Open, Schema, Tx};
use tokio::task::JoinSet;

use crate::support::{Store, both};

/// The files of a folder under this crate, by name.
pub(crate) fn files(folder: &str, store: &Store) -> Vec<PathBuf> {
    let database = match store.which {
        Open::Sqlite(_) => "sqlite",
        Open::Postgres(_) => "postgres",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(database);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn names(files: &[PathBuf]) -> Vec<&str> {
    let names = files.iter().map(|file| file.file_name().unwrap());
    names.map(|name| name.to_str().unwrap()).collect()
}

async fn tables(store: &Store) -> BTreeSet<String> {
    let found: Vec<String> = match store.read().await {
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
    found.into_iter().collect()
}

/// Finds the statements that add a column which the rows that are there cannot fill.
fn unfillable(migration: &str) -> Vec<&str> {
    let is_unfillable = |statement: &&str| {
        let words = statement.to_uppercase();
        let words: Vec<_> = words.split_whitespace().collect();
        let words = words.join(" ");
        words.contains("ADD COLUMN") && words.contains("NOT NULL") && !words.contains("DEFAULT")
    };
    migration.split(';').filter(is_unfillable).collect()
}

async fn each_migration_runs_over_data(store: &Store) {
    let migrations = files("migrations", store);
    let data = files("tests/data/migrations", store);
    assert_eq!(names(&data), names(&migrations), "each migration has data inserted after it");
    for (index, (migration, data)) in migrations.iter().zip(&data).enumerate() {
        let migration = std::fs::read_to_string(migration).unwrap();
        if index > 0 {
            assert_eq!(unfillable(&migration), Vec::<&str>::new());
        }
        store.run(&migration).await;
        store.run(&std::fs::read_to_string(data).unwrap()).await;
        for table in tables(store).await {
            let rows = store.number(&format!("SELECT COUNT(*) FROM {table}")).await;
            assert!(rows > 0, "{table} has a row for later migrations to cope with");
        }
    }
    let known = "SELECT COUNT(*) FROM events WHERE message_id = '019b76daa80000000000000d'";
    assert_eq!(store.number(known).await, 1, "0009 finds the message in what was announced before");
    let all = "SELECT COUNT(*) FROM events WHERE message_id IS NOT NULL";
    assert_eq!(store.number(all).await, 1);
}

#[tokio::test]
async fn data_survives_on_sqlite() {
    each_migration_runs_over_data(&Store::empty_sqlite().await).await;
}

#[tokio::test]
async fn data_survives_on_postgres() {
    if let Some(store) = Store::empty_postgres().await {
        each_migration_runs_over_data(&store).await;
    }
}

#[test]
fn a_column_without_default_is_found() {
    for (statement, is_refused) in [
        ("ALTER TABLE a ADD COLUMN b TEXT", false),
        ("ALTER TABLE a ADD COLUMN b TEXT NOT NULL DEFAULT ''", false),
        ("ALTER TABLE a ADD COLUMN b TEXT NOT NULL", true),
        ("alter table a\n add column b TEXT not\n null", true),
        ("CREATE TABLE a (b TEXT NOT NULL)", false),
    ] {
        assert_eq!(unfillable(statement).len(), usize::from(is_refused), "{statement}");
    }
}

async fn what_is_missing_is_told_and_applied_once(store: &Store) {
    let all: Vec<String> = names(&files("migrations", store))
        .into_iter()
        .map(|name| name[5..].trim_end_matches(".sql").replace('_', " "))
        .collect();
    assert_eq!(store.db.schema().await.unwrap().missing, all.len());
    assert!(tables(store).await.is_empty(), "asking changes nothing");

    let mut nodes = JoinSet::new();
    for _ in 0..4 {
        let db = store.db.clone();
        nodes.spawn(async move { db.migrate().await.unwrap() });
    }
    let applied = nodes.join_all().await.concat();
    assert_eq!(applied, all);
    assert_eq!(store.db.schema().await.unwrap(), Schema::default());
    assert_eq!(store.db.migrate().await.unwrap(), Vec::<String>::new());

    store.run("DELETE FROM _sqlx_migrations").await;
    assert_eq!(store.db.schema().await.unwrap().missing, all.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_take_turns_on_sqlite() {
    what_is_missing_is_told_and_applied_once(&Store::empty_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_take_turns_on_postgres() {
    if let Some(store) = Store::empty_postgres().await {
        what_is_missing_is_told_and_applied_once(&store).await;
    }
}

both! {
    an_altered_migration_is_refused_and_locks_nobody_out,
    a_migration_of_a_newer_version_is_told,
}

async fn a_migration_of_a_newer_version_is_told(store: &Store) {
    store.note_a_newer_version().await;
    let schema = store.db.schema().await.unwrap();
    assert_eq!(schema, Schema { missing: 0, unknown: vec![9999] });
}

/// What came before is older than the rule, and than the first release.
const RULE_SINCE: &str = "0016";

/// What takes something away, with the release whose servers no longer used it.
const CONTRACTS: [(&str, &str); 0] = [];

/// Finds the statements on which servers of the release before could fail while they still run: all
/// that does not only add what nobody has to know.
fn breaking(migration: &str) -> Vec<String> {
    let lines = migration.lines().filter(|line| !line.trim_start().starts_with("--"));
    let text = lines.collect::<Vec<_>>().join(" ").to_uppercase();
    let statements: Vec<_> = text
        .split(';')
        .map(|one| one.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|one| !one.is_empty())
        .collect();
    let is_new = |table: &str| {
        let made = format!("CREATE TABLE {table} ");
        statements.iter().any(|one| one.starts_with(&made))
    };
    let table = |statement: &str, before: &str| {
        let rest = statement.split_once(before).map_or("", |(_, rest)| rest);
        rest.split([' ', '(']).next().unwrap_or_default().to_owned()
    };
    let is_additive = |one: &&String| {
        let adds_column = one.starts_with("ALTER TABLE ")
            && one.split(',').all(|part| part.contains("ADD COLUMN ") || part.contains("COLLATE"))
            && (!one.contains("NOT NULL") || one.contains("DEFAULT"))
            && !one.contains("UNIQUE");
        let is_unique = one.starts_with("CREATE UNIQUE INDEX ");
        adds_column
            || one.starts_with("CREATE TABLE ")
            || one.starts_with("CREATE INDEX ")
            || (is_unique && is_new(&table(one, " ON ")))
            || one.starts_with("DROP INDEX ")
            || one.starts_with("INSERT INTO ")
            || one.starts_with("UPDATE ")
    };
    statements.iter().filter(|one| !is_additive(one)).cloned().collect()
}

fn servers_of_the_release_before_can_go_on(store: &Store) {
    for file in files("migrations", store) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let is_contract = CONTRACTS.iter().any(|(contract, _)| *contract == name);
        if name >= RULE_SINCE && !is_contract {
            let breaking = breaking(&std::fs::read_to_string(&file).unwrap());
            assert!(breaking.is_empty(), "{name}: {breaking:?}; see CONTRIBUTING.md");
        }
    }
}

#[tokio::test]
async fn every_migration_since_the_rule_only_adds() {
    servers_of_the_release_before_can_go_on(&Store::empty_sqlite().await);
    if let Some(store) = Store::empty_postgres().await {
        servers_of_the_release_before_can_go_on(&store);
    }
}

#[test]
fn what_an_older_server_would_miss_is_found() {
    for (migration, is_refused) in [
        ("CREATE TABLE a (b TEXT NOT NULL UNIQUE); CREATE UNIQUE INDEX c ON a (b);", false),
        ("ALTER TABLE a ADD COLUMN b TEXT;\n-- DROP TABLE a;\nUPDATE a SET b = c;", false),
        ("ALTER TABLE a ADD COLUMN b TEXT COLLATE \"C\" NOT NULL DEFAULT ''", false),
        ("DROP INDEX a; CREATE INDEX a ON b (c, d); INSERT INTO e (f) SELECT g FROM h;", false),
        ("ALTER TABLE a ADD COLUMN b TEXT NOT NULL", true),
        ("ALTER TABLE a ADD COLUMN b TEXT UNIQUE", true),
        ("alter table a drop column b", true),
        ("ALTER TABLE a RENAME COLUMN b TO c", true),
        ("ALTER TABLE a ALTER COLUMN b TYPE BIGINT", true),
        ("ALTER TABLE a ALTER COLUMN b SET NOT NULL", true),
        ("ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0)", true),
        ("CREATE UNIQUE INDEX a ON b (c)", true),
        ("DROP TABLE a", true),
        ("DELETE FROM a", true),
    ] {
        assert_eq!(!breaking(migration).is_empty(), is_refused, "{migration}");
    }
}

async fn an_altered_migration_is_refused_and_locks_nobody_out(store: &Store) {
    store.run("UPDATE _sqlx_migrations SET checksum = substr(checksum, 2)").await;
    let schema = store.db.schema().await.unwrap();
    assert_eq!((schema.missing, schema.unknown.first()), (0, Some(&1)));
    let mut nodes = JoinSet::new();
    for _ in 0..3 {
        let db = store.db.clone();
        nodes.spawn(async move { db.migrate().await.is_err() });
    }
    assert_eq!(nodes.join_all().await, [true; 3]);
}
