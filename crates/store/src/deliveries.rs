//! Events on their way to webhook endpoints, a lane for each endpoint.

use posta_core::id::{DeliveryId, EndpointId, EventId, ReplayId, WorkspaceId};
use posta_core::secret::Sealed;
use posta_core::time::Timestamp;

use crate::sql::{claim, sql};
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
    /// The place of that in the log.
    pub seq: i64,
    /// What goes first.
    pub class: Class,
    /// What it must not overtake others in, if the endpoint wants that: a conversation.
    pub thread: Option<String>,
    /// The replay that it is a part of.
    pub replay_id: Option<ReplayId>,
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
    /// What signed them before, while it still does.
    pub previous_secret: Option<Sealed>,
    /// Until when.
    pub previous_secret_until: Option<Timestamp>,
    /// The customer's own headers, sealed as JSON.
    pub custom_headers: Option<Sealed>,
    /// How often it was tried, this time included.
    pub attempts: i64,
    /// What goes first.
    pub class: Class,
    /// The place in a trace at which the event happened.
    pub traceparent: Option<String>,
}

/// What goes first in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[repr(i64)]
pub enum Class {
    /// What has just happened.
    Live = 0,
    /// What was tried before.
    Retry = 1,
    /// What was asked for again.
    Replay = 2,
}

/// An endpoint that something is due for.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Lane {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// How many tries have failed since the last success.
    pub failure_count: i64,
    /// How many deliveries it wants in a second at most.
    pub max_per_second: Option<i64>,
}

/// What became of a delivery after its `attempts`-th try.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The delivery.
    pub id: DeliveryId,
    /// The number of the try. When a later one has taken over meanwhile, that one's word counts.
    pub attempts: i64,
    /// What became of it.
    pub state: State,
    /// When it is tried again, if it is.
    pub due_at: Timestamp,
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

/// Adds deliveries.
pub async fn insert_all(tx: &mut Tx, deliveries: &[NewDelivery]) -> Result<()> {
    if deliveries.is_empty() {
        return Ok(());
    }
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "INSERT INTO deliveries (id, workspace_id, endpoint_id, event_id, state, attempts,
                 due_at, created_at, seq, class, thread, replay_id) ",
        );
        query.push_values(deliveries, |mut row, delivery| {
            row.push_bind(&delivery.id)
                .push_bind(&delivery.workspace_id)
                .push_bind(&delivery.endpoint_id)
                .push_bind(&delivery.event_id)
                .push_bind(State::Pending)
                .push_bind(0_i64)
                .push_bind(delivery.due_at)
                .push_bind(delivery.due_at)
                .push_bind(delivery.seq)
                .push_bind(delivery.class)
                .push_bind(delivery.thread.as_deref().map(text))
                .push_bind(&delivery.replay_id);
        });
        query.build().execute(c).await?.rows_affected()
    });
    Ok(())
}

/// Where deliveries of a class wait in the lane of an endpoint: a thread is let in by its oldest.
macro_rules! waiting {
    ($class:literal, $endpoint:literal) => {
        concat!(
            "FROM deliveries d WHERE d.endpoint_id = ",
            $endpoint,
            " AND d.class = ",
            $class,
            " AND d.state = 'pending' AND (d.thread IS NULL OR NOT EXISTS (
                 SELECT 1 FROM deliveries e WHERE e.endpoint_id = d.endpoint_id
                     AND e.thread = d.thread AND e.state = 'pending' AND e.seq < d.seq))"
        )
    };
}

/// Lists the endpoints that something is due for and that are not held.
pub async fn list_lanes(tx: &mut Tx, now: Timestamp) -> Result<Vec<Lane>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT p.id AS endpoint_id, p.failure_count, p.max_per_second FROM endpoints p
         WHERE p.is_active AND (p.held_until IS NULL OR p.held_until <= $1) AND (
             EXISTS (SELECT 1 ",
        waiting!("0", "p.id"),
        " AND d.due_at <= $1) OR EXISTS (SELECT 1 ",
        waiting!("1", "p.id"),
        " AND d.due_at <= $1) OR EXISTS (SELECT 1 ",
        waiting!("2", "p.id"),
        " AND d.due_at <= $1)) ORDER BY p.id"
    ))
    .bind(now)
    .fetch_all(c)
    .await)
}

/// Takes up to `limit` due deliveries of one endpoint until a time, the first class first. Of a
/// thread only the oldest is taken.
pub async fn claim(
    tx: &mut Tx,
    endpoint: &EndpointId,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Claimed>> {
    let ids: Vec<DeliveryId> = claim!(
        tx,
        concat!(
            "WITH due AS MATERIALIZED (
                 SELECT l.id FROM deliveries l
                 WHERE l.state = 'pending' AND l.due_at <= $1 AND l.id IN (SELECT f.id FROM (
                     SELECT a.id, a.class FROM (SELECT d.id, d.class ",
            waiting!("0", "$4"),
            " AND d.due_at <= $1 ORDER BY d.due_at, d.id LIMIT $3) a
                     UNION ALL SELECT a.id, a.class FROM (SELECT d.id, d.class ",
            waiting!("1", "$4"),
            " AND d.due_at <= $1 ORDER BY d.due_at, d.id LIMIT $3) a
                     UNION ALL SELECT a.id, a.class FROM (SELECT d.id, d.class ",
            waiting!("2", "$4"),
            " AND d.due_at <= $1 ORDER BY d.due_at, d.id LIMIT $3) a
                 ) f ORDER BY f.class LIMIT $3)"
        ),
        ") UPDATE deliveries SET attempts = attempts + 1, due_at = $2
         WHERE id IN (SELECT id FROM due) RETURNING id",
        |text, c| sqlx::query_scalar(text)
            .bind(now)
            .bind(until)
            .bind(limit)
            .bind(endpoint)
            .fetch_all(c)
            .await
    )?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT d.id, d.workspace_id, d.endpoint_id, d.event_id, e.kind AS event_kind, e.body,
                 p.url, p.secret, p.previous_secret, p.previous_secret_until, p.custom_headers,
                 d.attempts, d.class, e.traceparent
             FROM deliveries d JOIN events e ON e.id = d.event_id
                 JOIN endpoints p ON p.id = d.endpoint_id
             WHERE d.id IN (",
        );
        let mut list = query.separated(", ");
        for id in &ids {
            list.push_bind(id);
        }
        query.push(") ORDER BY d.class, d.seq, d.id");
        query.build_query_as().fetch_all(c).await
    })
}

/// Notes what became of deliveries. Returns of how many of them it was the last word.
pub async fn update_outcomes(tx: &mut Tx, outcomes: &[Outcome]) -> Result<u64> {
    let mut noted = 0;
    let (delivered, others): (Vec<_>, Vec<_>) =
        outcomes.iter().partition(|outcome| outcome.state == State::Delivered);
    if !delivered.is_empty() {
        noted += sql!(tx, |c| {
            let mut query = sqlx::QueryBuilder::new(
                "UPDATE deliveries SET state = 'delivered' WHERE (id, attempts) IN (",
            );
            query.push_values(delivered, |mut row, outcome| {
                row.push_bind(&outcome.id).push_bind(outcome.attempts);
            });
            query.push(")");
            query.build().execute(c).await?.rows_affected()
        });
    }
    for outcome in others {
        noted += sql!(tx, |c| sqlx::query(
            "UPDATE deliveries SET state = $3, due_at = $4,
                 class = CASE WHEN class = 0 THEN 1 ELSE class END
             WHERE id = $1 AND attempts = $2"
        )
        .bind(&outcome.id)
        .bind(outcome.attempts)
        .bind(outcome.state)
        .bind(outcome.due_at)
        .execute(c)
        .await?
        .rows_affected());
    }
    Ok(noted)
}

/// Finds when the next pending delivery to an active endpoint is due.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(concat!(
        "SELECT MIN(CASE WHEN u.held_until > u.due_at THEN u.held_until ELSE u.due_at END) FROM (
             SELECT p.held_until, (SELECT d.due_at ",
        waiting!("0", "p.id"),
        " ORDER BY d.due_at LIMIT 1) AS due_at FROM endpoints p WHERE p.is_active
             UNION ALL SELECT p.held_until, (SELECT d.due_at ",
        waiting!("1", "p.id"),
        " ORDER BY d.due_at LIMIT 1) FROM endpoints p WHERE p.is_active
             UNION ALL SELECT p.held_until, (SELECT d.due_at ",
        waiting!("2", "p.id"),
        " ORDER BY d.due_at LIMIT 1) FROM endpoints p WHERE p.is_active
         ) u WHERE u.due_at IS NOT NULL"
    ))
    .fetch_one(c)
    .await)
}

/// A lane whose oldest work should have been done by now.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Behind {
    /// The lane.
    pub lane: String,
    /// Since when that work has been due.
    pub due_at: Timestamp,
}

/// Lists the active endpoints whose oldest delivery has been due for longest, whatever holds it up.
pub async fn list_behind(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Behind>> {
    sql!(tx, |c| sqlx::query_as(concat!(
        "SELECT u.lane, MIN(u.due_at) AS due_at FROM (
             SELECT p.id AS lane, (SELECT d.due_at ",
        waiting!("0", "p.id"),
        " ORDER BY d.due_at LIMIT 1) AS due_at FROM endpoints p WHERE p.is_active
             UNION ALL SELECT p.id, (SELECT d.due_at ",
        waiting!("1", "p.id"),
        " ORDER BY d.due_at LIMIT 1) FROM endpoints p WHERE p.is_active
             UNION ALL SELECT p.id, (SELECT d.due_at ",
        waiting!("2", "p.id"),
        " ORDER BY d.due_at LIMIT 1) FROM endpoints p WHERE p.is_active
         ) u WHERE u.due_at <= $1 GROUP BY u.lane ORDER BY 2, 1 LIMIT $2"
    ))
    .bind(now)
    .bind(limit)
    .fetch_all(c)
    .await)
}

/// Lists the endpoints and events of all deliveries that were tried, or are being tried, and are not done.
pub async fn list_tried(tx: &mut Tx) -> Result<Vec<(EndpointId, EventId)>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT endpoint_id, event_id FROM deliveries WHERE state = 'pending' AND attempts > 0"
    )
    .fetch_all(c)
    .await)
}

/// Counts the deliveries of all workspaces that will be tried, for the first time or again.
pub async fn count_pending(tx: &mut Tx) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar("SELECT COUNT(*) FROM deliveries WHERE state = 'pending'")
        .fetch_one(c)
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

/// Notes that somebody brought an event to an endpoint by hand: what waited for that is done.
pub async fn update_brought(tx: &mut Tx, endpoint: &EndpointId, event: &EventId) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE deliveries SET state = 'delivered'
         WHERE event_id = $1 AND endpoint_id = $2 AND state <> 'delivered'"
    )
    .bind(event)
    .bind(endpoint)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}
