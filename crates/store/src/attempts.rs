//! The log of deliveries: every try, what was answered and how long it took.

use posta_core::id::{AttemptId, EndpointId, EventId, WorkspaceId};
use posta_core::time::Timestamp;

use sqlx::{Postgres, QueryBuilder, Sqlite, Transaction};

use crate::rows::chunks;
use crate::sql::{push_among, sql};
use crate::text::text;
use crate::{Result, Tx};

/// One try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// The event.
    pub event_id: EventId,
    /// Whether a person asked for it as a test.
    pub is_test: bool,
    /// Where it went.
    pub url: String,
    /// Whether the endpoint took it.
    pub is_success: bool,
    /// What the endpoint answered.
    pub status_code: Option<i64>,
    /// The beginning of its answer.
    pub response_body: Option<String>,
    /// Why there is no answer.
    pub error: Option<String>,
    /// The number of the try, from 1.
    pub number: i64,
    /// How long the answer took, in milliseconds.
    pub response_ms: i64,
    /// When it was tried.
    pub created_at: Timestamp,
}

/// A row of the log as it is shown.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// The endpoint's name.
    pub endpoint_name: String,
    /// The event.
    pub event_id: EventId,
    /// What happened.
    pub event_kind: String,
    /// The body that was sent.
    pub body: String,
    /// Whether a person asked for it as a test.
    pub is_test: bool,
    /// Where it went.
    pub url: String,
    /// Whether the endpoint took it.
    pub is_success: bool,
    /// What the endpoint answered.
    pub status_code: Option<i64>,
    /// The beginning of its answer.
    pub response_body: Option<String>,
    /// Why there is no answer.
    pub error: Option<String>,
    /// The number of the try, from 1.
    pub number: i64,
    /// How long the answer took, in milliseconds.
    pub response_ms: i64,
    /// When it was tried.
    pub created_at: Timestamp,
}

/// Which rows of the log to list.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Only these endpoints.
    pub among: &'a [EndpointId],
    /// Only successes, or only failures.
    pub is_success: Option<bool>,
    /// Only this kind of event.
    pub event_kind: Option<&'a str>,
    /// Only this event.
    pub event: Option<&'a str>,
}

/// The columns, the rows of which stand before this as `tried`, or follow.
macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "(id, workspace_id, endpoint_id, event_id, is_test, url, is_success, status_code,
                 response_body, error, number, response_ms, created_at)",
            $after
        )
    };
}

/// Adds what was tried, each once, and nothing of what was deleted meanwhile.
macro_rules! insert {
    () => {
        columns!(
            ") INSERT INTO attempts ",
            " SELECT t.* FROM tried t
              WHERE EXISTS (SELECT 1 FROM endpoints p WHERE p.id = t.endpoint_id)
                  AND EXISTS (SELECT 1 FROM events e WHERE e.id = t.event_id)
              ON CONFLICT (id) DO NOTHING"
        )
    };
}

/// Adds tries to the log, each once however often it is added, and none of what was deleted meanwhile.
pub async fn insert_all(tx: &mut Tx, attempts: &[Attempt]) -> Result<()> {
    match tx {
        Tx::Sqlite(tx) => {
            for chunk in chunks(attempts) {
                insert_chunk(tx, chunk).await?;
            }
            Ok(())
        }
        Tx::Postgres(tx) => insert_arrays(tx, attempts).await,
    }
}

async fn insert_chunk(tx: &mut Transaction<'_, Sqlite>, chunk: &[Attempt]) -> Result<()> {
    let mut query = QueryBuilder::new(columns!("WITH tried ", " AS ("));
    query.push_values(chunk, |mut row, attempt| {
        row.push_bind(&attempt.id)
            .push_bind(&attempt.workspace_id)
            .push_bind(&attempt.endpoint_id)
            .push_bind(&attempt.event_id)
            .push_bind(attempt.is_test)
            .push_bind(text(&attempt.url))
            .push_bind(attempt.is_success)
            .push_bind(attempt.status_code)
            .push_bind(attempt.response_body.as_deref().map(text))
            .push_bind(attempt.error.as_deref().map(text))
            .push_bind(attempt.number)
            .push_bind(attempt.response_ms)
            .push_bind(attempt.created_at);
    });
    query.push(insert!());
    query.build().execute(&mut **tx).await?;
    Ok(())
}

/// One statement whatever the number of rows, prepared once.
async fn insert_arrays(tx: &mut Transaction<'_, Postgres>, rows: &[Attempt]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    macro_rules! all {
        (|$row:ident| $field:expr) => {
            rows.iter().map(|$row| $field).collect::<Vec<_>>()
        };
    }
    sqlx::query(concat!(
        columns!("WITH tried ", " AS ("),
        "SELECT * FROM UNNEST($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BOOLEAN[],
             $6::TEXT[], $7::BOOLEAN[], $8::BIGINT[], $9::TEXT[], $10::TEXT[], $11::BIGINT[],
             $12::BIGINT[], $13::BIGINT[])",
        insert!()
    ))
    .bind(all!(|row| row.id.as_str()))
    .bind(all!(|row| row.workspace_id.as_str()))
    .bind(all!(|row| row.endpoint_id.as_str()))
    .bind(all!(|row| row.event_id.as_str()))
    .bind(all!(|row| row.is_test))
    .bind(all!(|row| text(&row.url)))
    .bind(all!(|row| row.is_success))
    .bind(all!(|row| row.status_code))
    .bind(all!(|row| row.response_body.as_deref().map(text)))
    .bind(all!(|row| row.error.as_deref().map(text)))
    .bind(all!(|row| row.number))
    .bind(all!(|row| row.response_ms))
    .bind(all!(|row| row.created_at.as_millis()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

macro_rules! narrow {
    ($query:ident, $filter:ident) => {
        if let Some(is_success) = $filter.is_success {
            $query.push(" AND a.is_success = ").push_bind(is_success);
        }
        if let Some(kind) = $filter.event_kind {
            $query.push(" AND e.kind = ").push_bind(text(kind));
        }
        push_among!($query, "a.endpoint_id", $filter.among);
        if let Some(event) = $filter.event {
            $query.push(" AND a.event_id = ").push_bind(text(event));
        }
    };
}

/// Lists the tries that match, newest first, from `skip` on.
pub async fn list(
    tx: &mut Tx,
    owner: &WorkspaceId,
    filter: &Filter<'_>,
    limit: i64,
    skip: i64,
) -> Result<Vec<Row>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT a.endpoint_id, p.name AS endpoint_name, a.event_id, e.kind AS event_kind,
                 e.body, a.is_test, a.url, a.is_success, a.status_code, a.response_body, a.error,
                 a.number, a.response_ms, a.created_at
             FROM attempts a JOIN endpoints p ON p.id = a.endpoint_id
                 JOIN events e ON e.id = a.event_id
             WHERE a.workspace_id = ",
        );
        query.push_bind(owner);
        narrow!(query, filter);
        query.push(" ORDER BY a.id DESC LIMIT ").push_bind(limit);
        query.push(" OFFSET ").push_bind(skip);
        query.build_query_as().fetch_all(c).await
    })
}

/// Counts the tries that match.
pub async fn count(tx: &mut Tx, owner: &WorkspaceId, filter: &Filter<'_>) -> Result<i64> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT COUNT(*) FROM attempts a JOIN events e ON e.id = a.event_id
             WHERE a.workspace_id = ",
        );
        query.push_bind(owner);
        narrow!(query, filter);
        query.build_query_scalar().fetch_one(c).await
    })
}
