//! The two migrated schemas are the same but for the names of types.

use std::collections::{BTreeMap, BTreeSet};

use posta_store::Tx;

use crate::support::Store;

/// What a schema consists of: a line for each part, under a name that says which part it is.
type Schema = BTreeMap<String, String>;

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let Some(postgres) = Store::on_postgres().await else {
        return;
    };
    let sqlite = schema(&Store::on_sqlite().await).await;
    assert!(sqlite.len() > 200, "{}", sqlite.len());
    let differences = differences(&sqlite, &schema(&postgres).await);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn every_kind_of_difference_is_seen() {
    let Some(postgres) = Store::on_postgres().await else {
        return;
    };
    let sqlite = schema(&Store::on_sqlite().await).await;
    for (count, change) in [
        (1, "ALTER TABLE jobs ADD COLUMN more TEXT"),
        (2, "ALTER TABLE jobs ALTER COLUMN attempts TYPE INTEGER"),
        (3, "ALTER TABLE jobs ALTER COLUMN lane DROP NOT NULL"),
        (4, "ALTER TABLE workspaces ALTER COLUMN event_seq SET DEFAULT 1"),
        (
            5,
            "DROP INDEX jobs_by_account; CREATE UNIQUE INDEX jobs_by_account ON jobs (account_id, subject)",
        ),
        (6, "DROP INDEX jobs_by_lane; CREATE INDEX jobs_by_lane ON jobs (id, lane)"),
        (7, "DROP INDEX inbound_pending; CREATE INDEX inbound_pending ON inbound (due_at, id)"),
        (8, "DROP INDEX connects_by_expiry"),
        (9, "ALTER TABLE events DROP CONSTRAINT events_workspace_id_fkey"),
        (11, "CREATE TABLE more (id TEXT PRIMARY KEY)"),
    ] {
        postgres.run(change).await;
        let differences = differences(&sqlite, &schema(&postgres).await);
        assert_eq!(differences.len(), count, "{change}\n{}", differences.join("\n"));
    }
}

#[tokio::test]
async fn text_that_is_ordered_or_compared_is_so_by_bytes() {
    let Some(store) = Store::on_postgres().await else {
        return;
    };
    let others = rows(
        &store,
        "SELECT t.relname || '.' || a.attname, i.relname::text
         FROM pg_index x
             JOIN pg_class i ON i.oid = x.indexrelid
             JOIN pg_class t ON t.oid = x.indrelid
             JOIN pg_namespace n ON n.oid = t.relnamespace
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (x.indkey)
             JOIN pg_collation c ON c.oid = a.attcollation
         WHERE n.nspname = 'public' AND t.relname <> '_sqlx_migrations' AND c.collname <> 'C'",
    )
    .await;
    assert!(others.is_empty(), "these want COLLATE \"C\": {others:?}");
}

fn differences(sqlite: &Schema, postgres: &Schema) -> Vec<String> {
    let names: BTreeSet<_> = sqlite.keys().chain(postgres.keys()).collect();
    let differ = names.into_iter().filter(|name| sqlite.get(*name) != postgres.get(*name));
    differ
        .map(|name| {
            let (left, right) = (sqlite.get(name), postgres.get(name));
            format!("{name}: {left:?} on SQLite, {right:?} on Postgres")
        })
        .collect()
}

/// Runs a query that answers pairs.
async fn rows(store: &Store, text: &'static str) -> Vec<(String, String)> {
    match store.read().await {
        Tx::Sqlite(mut tx) => sqlx::query_as(text).fetch_all(&mut *tx).await,
        Tx::Postgres(mut tx) => sqlx::query_as(text).fetch_all(&mut *tx).await,
    }
    .unwrap()
}

async fn schema(store: &Store) -> Schema {
    let queries = match store.read().await {
        Tx::Sqlite(_) => SQLITE,
        Tx::Postgres(_) => POSTGRES,
    };
    let mut schema = Schema::new();
    for (kind, text) in ["column", "index", "foreign key"].into_iter().zip(queries) {
        for (name, is) in rows(store, text).await {
            let is = plain(&is);
            let before = schema.insert(format!("{kind} {name}"), is);
            assert_eq!(before, None, "{kind} {name} is told once");
        }
    }
    schema
}

/// Brings both databases' spellings of types and conditions to one.
fn plain(text: &str) -> String {
    let mut plain = text.to_lowercase();
    for cast in ["::text[]", "::text", "::jsonb"] {
        plain = plain.replace(cast, "");
    }
    for (postgres, sqlite) in [("jsonb", "text"), ("bytea", "blob"), ("= any (array", "in (")] {
        plain = plain.replace(postgres, sqlite);
    }
    plain.retain(|letter| !matches!(letter, ' ' | '(' | ')' | '[' | ']'));
    plain
}

/// Columns, then indexes, then foreign keys. An index that a table's own declaration makes has no
/// name that counts, so it goes by its columns.
const SQLITE: [&str; 3] = [
    "SELECT t.name || '.' || c.name,
         c.type || CASE WHEN c.\"notnull\" OR c.pk THEN ' not null' ELSE '' END
             || COALESCE(' default ' || c.dflt_value, '')
     FROM sqlite_master t JOIN pragma_table_info(t.name) c
     WHERE t.type = 'table' AND t.name <> '_sqlx_migrations'",
    "SELECT t.name || ' '
             || CASE WHEN i.origin = 'c' THEN i.name ELSE GROUP_CONCAT(c.name, ',' ORDER BY c.seqno) END,
         GROUP_CONCAT(c.name, ',' ORDER BY c.seqno) || CASE WHEN i.\"unique\" THEN ' unique' ELSE '' END
             || CASE WHEN i.origin = 'pk' THEN ' primary' ELSE '' END
             || COALESCE(SUBSTR(s.sql, NULLIF(INSTR(s.sql, 'WHERE'), 0)), '')
     FROM sqlite_master t JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c
         LEFT JOIN sqlite_master s ON s.type = 'index' AND s.name = i.name
     WHERE t.type = 'table' AND t.name <> '_sqlx_migrations'
     GROUP BY t.name, i.name",
    "SELECT t.name || '.' || GROUP_CONCAT(k.\"from\", ',' ORDER BY k.seq),
         k.\"table\" || '.' || GROUP_CONCAT(k.\"to\", ',' ORDER BY k.seq) || ' ' || k.on_delete || ' ' || k.on_update
     FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) k
     WHERE t.type = 'table' GROUP BY t.name, k.id",
];

const POSTGRES: [&str; 3] = [
    "SELECT table_name || '.' || column_name,
         data_type || CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END
             || COALESCE(' default ' || column_default, '')
     FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'",
    "SELECT t.relname || ' ' || CASE WHEN k.oid IS NULL THEN i.relname ELSE p.columns END,
         p.columns || CASE WHEN x.indisunique THEN ' unique' ELSE '' END
             || CASE WHEN x.indisprimary THEN ' primary' ELSE '' END
             || COALESCE(' where ' || pg_get_expr(x.indpred, x.indrelid), '')
     FROM pg_index x
         JOIN pg_class i ON i.oid = x.indexrelid
         JOIN pg_class t ON t.oid = x.indrelid
         JOIN pg_namespace n ON n.oid = t.relnamespace
         LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.contype IN ('p', 'u')
         CROSS JOIN LATERAL (
             SELECT STRING_AGG(a.attname, ',' ORDER BY o.n) AS columns
             FROM UNNEST(x.indkey) WITH ORDINALITY o (attnum, n)
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = o.attnum
         ) p
     WHERE n.nspname = 'public' AND t.relname <> '_sqlx_migrations'",
    "SELECT t.relname || '.' || p.own,
         f.relname || '.' || p.others
             || CASE k.confdeltype WHEN 'a' THEN ' no action' WHEN 'c' THEN ' cascade'
                 WHEN 'n' THEN ' set null' ELSE ' ' || k.confdeltype::text END
             || CASE k.confupdtype WHEN 'a' THEN ' no action' ELSE ' ' || k.confupdtype::text END
     FROM pg_constraint k
         JOIN pg_class t ON t.oid = k.conrelid
         JOIN pg_class f ON f.oid = k.confrelid
         CROSS JOIN LATERAL (
             SELECT STRING_AGG(a.attname, ',' ORDER BY o.n) AS own,
                 STRING_AGG(b.attname, ',' ORDER BY o.n) AS others
             FROM UNNEST(k.conkey, k.confkey) WITH ORDINALITY o (own, other, n)
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = o.own
                 JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = o.other
         ) p
     WHERE k.contype = 'f'",
];
