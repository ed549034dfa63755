//! Events on their way to webhook endpoints, and the log of every try.

use posta_core::id::{AttemptId, DeliveryId, EndpointId, EventId, WorkspaceId};
use posta_core::secret::Sealed;
use posta_core::time::Timestamp;

use crate::sql::{claim, push_among, sql};
use crate::text::text;
use crate::{Result, Tx};

/// A new delivery: one event for one endpoint.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// What it carries.
    pub event_id: EventId,
    /// When it may first be tried.
    pub due_at: Timestamp,
}

/// A delivery that somebody has taken on, with all it needs. The endpoint is as it is now, not as
/// it was when the event happened.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Claimed {
    /// Its id.
    pub id: DeliveryId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// The event.
    pub event_id: EventId,
    /// What happened.
    pub event_kind: String,
    /// The bytes to sign and send.
    pub body: String,
    /// Where to send them.
    pub url: String,
    /// What signs them.
    pub secret: Sealed,
    /// The customer's own headers, sealed as JSON.
    pub custom_headers: Option<Sealed>,
    /// How often it was tried, this time included.
    pub attempts: i64,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum State {
    /// It will be tried, for the first time or again.
    Pending,
    /// The endpoint took it.
    Delivered,
    /// The schedule of tries has ended; the event is still in the log.
    Parked,
}

/// One try, for the log.
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
pub struct LogRow {
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
pub struct LogFilter<'a> {
    /// Only these endpoints.
    pub among: &'a [EndpointId],
    /// Only successes, or only failures.
    pub is_success: Option<bool>,
    /// Only this kind of event.
    pub event_kind: Option<&'a str>,
    /// Only this event.
    pub event: Option<&'a str>,
}

/// Adds deliveries.
pub async fn insert_all(tx: &mut Tx, deliveries: &[NewDelivery]) -> Result<()> {
    if deliveries.is_empty() {
        return Ok(());
    }
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "INSERT INTO deliveries (id, workspace_id, endpoint_id, event_id, state, attempts,
                 due_at, created_at) ",
        );
        query.push_values(deliveries, |mut row, delivery| {
            row.push_bind(&delivery.id)
                .push_bind(&delivery.workspace_id)
                .push_bind(&delivery.endpoint_id)
                .push_bind(&delivery.event_id)
                .push_bind(State::Pending)
                .push_bind(0_i64)
                .push_bind(delivery.due_at)
                .push_bind(delivery.due_at);
        });
        query.build().execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Takes up to `limit` due deliveries to active endpoints, until `until`.
pub async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Claimed>> {
    let ids: Vec<DeliveryId> = claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT d.id FROM deliveries d WHERE d.state = 'pending' AND d.due_at <= $1
                 AND EXISTS (SELECT 1 FROM endpoints p WHERE p.id = d.endpoint_id AND p.is_active)
             ORDER BY d.due_at, d.id LIMIT $3",
        ") UPDATE deliveries SET attempts = attempts + 1, due_at = $2
         WHERE id IN (SELECT id FROM due) RETURNING id",
        |text, c| sqlx::query_scalar(text).bind(now).bind(until).bind(limit).fetch_all(c).await
    )?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT d.id, d.workspace_id, d.endpoint_id, d.event_id, e.kind AS event_kind, e.body,
                 p.url, p.secret, p.custom_headers, d.attempts
             FROM deliveries d JOIN events e ON e.id = d.event_id
                 JOIN endpoints p ON p.id = d.endpoint_id
             WHERE d.id IN (",
        );
        let mut list = query.separated(", ");
        for id in &ids {
            list.push_bind(id);
        }
        query.push(") ORDER BY d.id");
        query.build_query_as().fetch_all(c).await
    })
}

/// Notes what became of a delivery after its `attempts`-th try; `false` when a later try has taken
/// over meanwhile, whose word then counts.
pub async fn update_state(
    tx: &mut Tx,
    delivery: &Claimed,
    state: State,
    due_at: Timestamp,
) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE deliveries SET state = $3, due_at = $4 WHERE id = $1 AND attempts = $2"
    )
    .bind(&delivery.id)
    .bind(delivery.attempts)
    .bind(state)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Finds when the next pending delivery to an active endpoint is due.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT d.due_at FROM deliveries d JOIN endpoints p ON p.id = d.endpoint_id
         WHERE d.state = 'pending' AND p.is_active ORDER BY d.due_at LIMIT 1"
    )
    .fetch_optional(c)
    .await)
}

/// Counts the deliveries in a state.
pub async fn count(tx: &mut Tx, owner: &WorkspaceId, state: State) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT COUNT(*) FROM deliveries WHERE workspace_id = $1 AND state = $2"
    )
    .bind(owner)
    .bind(state)
    .fetch_one(c)
    .await)
}

/// Adds a try to the log.
pub async fn insert_attempt(tx: &mut Tx, attempt: &Attempt) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "INSERT INTO attempts (id, workspace_id, endpoint_id, event_id, is_test, url, is_success,
             status_code, response_body, error, number, response_ms, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    )
    .bind(&attempt.id)
    .bind(&attempt.workspace_id)
    .bind(&attempt.endpoint_id)
    .bind(&attempt.event_id)
    .bind(attempt.is_test)
    .bind(text(&attempt.url))
    .bind(attempt.is_success)
    .bind(attempt.status_code)
    .bind(attempt.response_body.as_deref().map(text))
    .bind(attempt.error.as_deref().map(text))
    .bind(attempt.number)
    .bind(attempt.response_ms)
    .bind(attempt.created_at)
    .execute(c)
    .await?
    .rows_affected());
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
pub async fn list_log(
    tx: &mut Tx,
    owner: &WorkspaceId,
    filter: &LogFilter<'_>,
    limit: i64,
    skip: i64,
) -> Result<Vec<LogRow>> {
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
pub async fn count_log(tx: &mut Tx, owner: &WorkspaceId, filter: &LogFilter<'_>) -> Result<i64> {
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
