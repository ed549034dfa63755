//! Query plans: what runs often, and what grows, is found by an index on both databases.
//!
//! The statements are those that the store really runs: they are caught from sqlx's own log.

use std::fmt::Debug;
use std::sync::{Mutex, Once};

use posta_core::capability::CallClass;
use posta_core::id::RemoteMessage;
use posta_store::conversations::{self, Filter, Place};
use posta_store::{
    Open, Tx, budgets, calls, deliveries, early, events, failures, inbound, jobs, keeps, media,
    message_changes, messages, people, purges, queue, turns, windows,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{Store, at, both, sql};

both! {
    the_claims_use_an_index,
    what_a_batch_of_messages_asks_uses_an_index,
    lists_of_conversations_use_an_index,
    lists_of_messages_use_an_index,
    unsettled_messages_are_found_by_an_index,
    the_queue_of_an_account_is_found_by_an_index,
    failed_messages_are_found_by_an_index,
    what_falls_due_in_conversations_is_found_by_an_index,
    the_event_log_is_entered_by_an_index,
    files_and_what_is_to_be_kept_are_found_by_an_index,
    the_log_of_calls_is_entered_by_an_index,
}

static CAUGHT: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Catcher;

impl Subscriber for Catcher {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Statement);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Statement;

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "db.statement" {
            let words: Vec<_> = value.split_whitespace().collect();
            let mut text = words.join(" ");
            // What a query builder binds has no number on SQLite.
            for number in 1..=text.matches('?').count() {
                text = text.replacen('?', &format!("${number}"), 1);
            }
            CAUGHT.lock().unwrap().push(text);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Begins to catch statements, before the first one is run, as sqlx asks only once who listens.
pub(crate) fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Catcher).unwrap());
}

/// Finds the caught statement in which these words occur.
fn caught(store: &Store, words: &str) -> String {
    let is_postgres = matches!(store.which, Open::Postgres(_));
    let is_it = |text: &&String| {
        // Claims are the statements that differ between the databases.
        let is_claim = text.starts_with("WITH") && text.contains(" UPDATE ");
        let is_ours = !is_claim || is_postgres == text.contains("SKIP LOCKED");
        let is_plain = text.starts_with("SELECT")
            || text.starts_with("WITH")
            || text.starts_with("DELETE FROM early")
            || text.starts_with("UPDATE jobs SET attempts = attempts + 1");
        text.contains(words) && is_ours && is_plain
    };
    let caught = CAUGHT.lock().unwrap().clone();
    let found = caught.iter().find(is_it).cloned();
    found.unwrap_or_else(|| panic!("{words} was not run"))
}

async fn plan(store: &Store, statement: &str) -> String {
    let steps: Vec<String> = match &mut store.write().await {
        Tx::Sqlite(tx) => {
            let explain = format!("EXPLAIN QUERY PLAN {statement}");
            let steps = sqlx::query_as(sql(&explain)).fetch_all(&mut **tx).await;
            let steps: Vec<(i64, i64, i64, String)> = steps.unwrap();
            steps.into_iter().map(|step| step.3).collect()
        }
        Tx::Postgres(tx) => {
            // Without rows every index looks dear; this asks only whether one can be used.
            let prepare = format!(
                "SET LOCAL enable_seqscan = off;
                 SET LOCAL plan_cache_mode = force_generic_plan;
                 PREPARE caught AS {statement}"
            );
            let prepared = sqlx::raw_sql(sql(&prepare)).execute(&mut **tx).await;
            prepared.unwrap();
            let is_used = |number: &usize| statement.contains(&format!("${number}"));
            let values = vec!["NULL"; (1..9).filter(is_used).count()].join(", ");
            let values = if values.is_empty() { values } else { format!("({values})") };
            let explain = format!("EXPLAIN EXECUTE caught{values}");
            let steps = sqlx::query_scalar(sql(&explain)).fetch_all(&mut **tx).await;
            let done = sqlx::raw_sql("DEALLOCATE caught").execute(&mut **tx).await;
            done.unwrap();
            steps.unwrap()
        }
    };
    steps.join("\n")
}

async fn assert_uses(store: &Store, words: &str, index: &str) {
    let plan = plan(store, &caught(store, words)).await;
    assert!(plan.contains(index), "{words}: {index} is not in\n{plan}");
}

async fn what_a_batch_of_messages_asks_uses_an_index(store: &Store) {
    let (account, conversation) = (store.id(), store.id());
    let message = RemoteMessage::new("m1");
    let mut tx = store.write().await;
    messages::list_remote(&mut tx, &[(&account, &message)]).await.unwrap();
    early::take(&mut tx, &[(&account, &message)]).await.unwrap();
    turns::list_last(&mut tx, &[&conversation]).await.unwrap();
    drop(tx);
    let last = match store.which {
        Open::Sqlite(_) => "SELECT (SELECT m.id FROM messages m",
        Open::Postgres(_) => "CROSS JOIN LATERAL",
    };
    for (words, table) in [
        ("FROM messages WHERE (account_id, remote_id) IN", "messages"),
        ("DELETE FROM early", "early"),
        (last, "messages"),
    ] {
        let plan = plan(store, &caught(store, words)).await;
        let scans = [format!("SCAN {table}"), "SCAN m".into(), format!("Seq Scan on {table}")];
        assert!(!scans.iter().any(|scan| plan.contains(scan)), "{words}:\n{plan}");
    }
}

async fn the_claims_use_an_index(store: &Store) {
    let mut tx = store.write().await;
    inbound::claim(&mut tx, at(0), at(1), 1).await.unwrap();
    deliveries::list_lanes(&mut tx, at(0)).await.unwrap();
    deliveries::claim(&mut tx, &store.id(), at(0), at(1), 1).await.unwrap();
    deliveries::find_next_due(&mut tx).await.unwrap();
    deliveries::list_behind(&mut tx, at(0), 1).await.unwrap();
    budgets::claim(&mut tx, at(0), 1).await.unwrap();
    budgets::find_next_due(&mut tx).await.unwrap();
    budgets::list_behind(&mut tx, at(0), 1).await.unwrap();
    let account = store.id();
    jobs::claim(&mut tx, (&account, CallClass::Text), at(0), at(1), 1).await.unwrap();
    jobs::find_due(&mut tx, &account, CallClass::Text).await.unwrap();
    jobs::list_timed(&mut tx, &account, at(0), 1).await.unwrap();
    jobs::find_timed(&mut tx, &account).await.unwrap();
    drop(tx);
    for (table, index) in [
        ("inbound", "inbound_pending"),
        ("deliveries", "deliveries_by_lane"),
        ("deliveries", "deliveries_by_thread"),
    ] {
        assert_uses(store, &format!("UPDATE {table} SET attempts"), index).await;
    }
    for (words, index) in [
        ("UPDATE budgets SET due_at", "budgets_due"),
        ("SELECT MIN(due_at) FROM budgets", "budgets_due"),
        ("UPDATE jobs SET attempts", "jobs_by_turn"),
        ("SELECT MIN(due_at) FROM (", "jobs_by_turn"),
        ("SELECT u.account_id AS lane", "jobs_by_turn"),
        ("SELECT j.lane, m.conversation_id", "jobs_by_time"),
        ("SELECT MIN(send_at) FROM jobs", "jobs_by_time"),
    ] {
        assert_uses(store, words, index).await;
        let plan = plan(store, &caught(store, words)).await;
        // Never all that waits, and never in another order.
        assert!(!plan.contains("SCAN jobs") && !plan.contains("Seq Scan on jobs"), "{plan}");
    }
    for words in [
        "SELECT endpoint_id, failure_count, max_per_second, due_at FROM open",
        "SELECT MIN(due_at) FROM open",
        "SELECT endpoint_id AS lane",
    ] {
        let plan = plan(store, &caught(store, words)).await;
        // Neither all that waits, nor all that is done, nor all endpoints.
        assert_eq!(plan.matches("deliveries_by_lane").count(), 5, "{plan}");
        for scan in ["deliveries_by_endpoint", "Seq Scan", "SCAN e ", "SCAN p "] {
            assert!(!plan.contains(scan), "{scan} in {plan}");
        }
    }
}

async fn lists_of_conversations_use_an_index(store: &Store) {
    let account = store.account().await;
    let place = Place { at: at(0), id: String::new() };
    let mut tx = store.read().await;
    for (account, after) in [
        (None, None),
        (None, Some(&place)),
        (Some(&account.id), None),
        (Some(&account.id), Some(&place)),
    ] {
        let filter = Filter { account, after, ..Filter::default() };
        conversations::list(&mut tx, &store.id(), &filter, 1).await.unwrap();
    }
    drop(tx);
    for (words, index) in [
        ("c.workspace_id = $1 ORDER BY c.updated_at DESC", "conversations_by_update"),
        ("c.workspace_id = $1 AND (c.updated_at, c.id) <", "conversations_by_update"),
        ("c.account_id = $2 ORDER BY c.updated_at DESC", "conversations_by_account"),
        ("c.account_id = $2 AND (c.updated_at, c.id) <", "conversations_by_account"),
    ] {
        assert_uses(store, words, index).await;
    }
}

async fn lists_of_messages_use_an_index(store: &Store) {
    let place = Place { at: at(0), id: String::new() };
    let mut tx = store.read().await;
    for after in [None, Some(&place)] {
        messages::list(&mut tx, &store.id(), true, after, 1).await.unwrap();
    }
    drop(tx);
    for words in
        ["conversation_id = $1 ORDER BY sent_at ASC", "conversation_id = $1 AND (sent_at, id) >"]
    {
        assert_uses(store, words, "messages_by_conversation").await;
    }
}

async fn unsettled_messages_are_found_by_an_index(store: &Store) {
    let mut tx = store.read().await;
    messages::is_any_sending(&mut tx, &store.id()).await.unwrap();
    message_changes::list_unknown(&mut tx, &store.id()).await.unwrap();
    drop(tx);
    for words in ["AND status = 'sending'", "AND status = 'unknown'"] {
        assert_uses(store, words, "messages_unsettled").await;
    }
}

async fn the_queue_of_an_account_is_found_by_an_index(store: &Store) {
    let mut tx = store.read().await;
    queue::list(&mut tx, &store.id(), &store.id(), None, 1).await.unwrap();
    drop(tx);
    for index in ["jobs_by_account", "jobs_by_lane"] {
        assert_uses(store, "WHERE j.account_id = $1 AND j.subject > $2", index).await;
    }
}

async fn failed_messages_are_found_by_an_index(store: &Store) {
    let mut tx = store.read().await;
    failures::list(&mut tx, &store.id(), at(0), 1).await.unwrap();
    drop(tx);
    assert_uses(store, "AND status = 'failed'", "messages_failed").await;
}

async fn what_falls_due_in_conversations_is_found_by_an_index(store: &Store) {
    let mut tx = store.write().await;
    people::claim(&mut tx, at(0), at(1), 1).await.unwrap();
    windows::list_due(&mut tx, at(0), 1).await.unwrap();
    drop(tx);
    for (words, index) in [
        ("UPDATE conversations SET profile_due_at", "conversations_unknown"),
        ("WHERE window_due_at <= $1", "conversations_closing"),
    ] {
        assert_uses(store, words, index).await;
    }
}

async fn the_event_log_is_entered_by_an_index(store: &Store) {
    let mut tx = store.write().await;
    events::list(&mut tx, &store.id(), 0, 9, &events::Filter::default(), 1).await.unwrap();
    events::find_since(&mut tx, &store.id(), at(0)).await.unwrap();
    events::delete_old(&mut tx, &store.id(), "message.read", at(0), 1).await.unwrap();
    drop(tx);
    let by_place = match store.which {
        Open::Sqlite(_) => "(workspace_id=? AND seq>? AND seq<?)",
        Open::Postgres(_) => "events_pkey",
    };
    assert_uses(store, "AND seq > $2 AND seq <= $3 ORDER BY seq", by_place).await;
    assert_uses(store, "AND created_at >= $2 ORDER BY created_at, seq", "events_by_time").await;
    assert_uses(store, "AND kind = $2 AND created_at < $3", "events_by_time").await;
}

async fn files_and_what_is_to_be_kept_are_found_by_an_index(store: &Store) {
    let mut tx = store.write().await;
    keeps::claim(&mut tx, at(0), at(1), 1).await.unwrap();
    purges::claim(&mut tx, at(0), at(1)).await.unwrap();
    media::sum(&mut tx, &store.id()).await.unwrap();
    events::list_of_message(&mut tx, &store.id()).await.unwrap();
    drop(tx);
    for (words, index) in [
        ("UPDATE keeps SET attempts", "keeps_due"),
        ("UPDATE purges SET due_at", "purges_due"),
        ("SUM(size)", "media_by_size"),
        ("FROM events WHERE message_id = $1", "events_by_message"),
    ] {
        assert_uses(store, words, index).await;
    }
}

async fn the_log_of_calls_is_entered_by_an_index(store: &Store) {
    let (account, message) = (store.id(), store.id());
    let mut tx = store.write().await;
    let all = calls::Filter::default();
    for filter in [
        all.clone(),
        calls::Filter { before: Some("0"), ..all.clone() },
        calls::Filter { account: Some(&account), ..all.clone() },
        calls::Filter { message: Some(&message), ..all.clone() },
        calls::Filter { request: Some("r"), ..all.clone() },
        calls::Filter { is_success: Some(false), ..all },
    ] {
        calls::list(&mut tx, &store.id(), &filter, 1, 0).await.unwrap();
    }
    drop(tx);
    let by_workspace = match store.which {
        Open::Sqlite(_) => "(workspace_id=?",
        Open::Postgres(_) => "calls_pkey",
    };
    for (words, index) in [
        ("FROM calls WHERE workspace_id = $1 ORDER BY id", by_workspace),
        ("FROM calls WHERE workspace_id = $1 AND id < $2 ORDER BY", by_workspace),
        ("FROM calls WHERE workspace_id = $1 AND account_id = $2 ORDER", "calls_by_account"),
        ("FROM calls WHERE workspace_id = $1 AND message_id = $2 ORDER", "calls_by_message"),
        ("FROM calls WHERE workspace_id = $1 AND request_id = $2 ORDER", "calls_by_request"),
        ("FROM calls WHERE workspace_id = $1 AND NOT is_success ORDER", "calls_failed"),
    ] {
        assert_uses(store, words, index).await;
    }
}
