//! The lanes of deliveries: which endpoints something waits for, and since when.

use posta_core::id::EndpointId;
use posta_core::time::Timestamp;

use crate::sql::sql;
use crate::{Result, Tx};

/// The endpoints that something waits for.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    /// Those that something is due for.
    pub due: Vec<Lane>,
    /// When something is due for the first of the others.
    pub next_due: Option<Timestamp>,
}

/// An endpoint that something waits for.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Lane {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// How many tries have failed since the last success.
    pub failure_count: i64,
    /// How many deliveries it wants in a second at most.
    pub max_per_second: Option<i64>,
    /// When the first of them may go.
    pub due_at: Timestamp,
}

/// A lane whose oldest work should have been done by now.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Behind {
    /// The lane.
    pub lane: String,
    /// Since when that work has been due.
    pub due_at: Timestamp,
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
pub(super) use waiting;

/// The lanes of active endpoints in which something waits, as `open`: since when its first delivery
/// is due, and when that may go. Walked from one to the next, for most endpoints have nothing waiting.
macro_rules! lanes {
    ($select:literal) => {
        concat!(
            "WITH RECURSIVE lanes (endpoint_id, is_active, failure_count, max_per_second, held_until)
             AS (
                 SELECT p.id, p.is_active, p.failure_count, p.max_per_second, p.held_until
                 FROM endpoints p WHERE p.id = (SELECT d.endpoint_id FROM deliveries d
                     WHERE d.state = 'pending'
                     ORDER BY d.endpoint_id, d.class, d.due_at, d.id LIMIT 1)
                 UNION ALL
                 SELECT p.id, p.is_active, p.failure_count, p.max_per_second, p.held_until
                 FROM lanes l CROSS JOIN endpoints p WHERE p.id = (SELECT d.endpoint_id
                     FROM deliveries d WHERE d.state = 'pending' AND d.endpoint_id > l.endpoint_id
                     ORDER BY d.endpoint_id, d.class, d.due_at, d.id LIMIT 1)
             ), firsts AS MATERIALIZED (
                 SELECT l.endpoint_id, l.failure_count, l.max_per_second, l.held_until,
                     (SELECT MIN(f.due_at) FROM (SELECT (SELECT d.due_at ",
            waiting!("0", "l.endpoint_id"),
            " ORDER BY d.due_at LIMIT 1) AS due_at UNION ALL SELECT (SELECT d.due_at ",
            waiting!("1", "l.endpoint_id"),
            " ORDER BY d.due_at LIMIT 1) UNION ALL SELECT (SELECT d.due_at ",
            waiting!("2", "l.endpoint_id"),
            " ORDER BY d.due_at LIMIT 1)) f) AS first_at
                 FROM lanes l WHERE l.is_active
             ), open AS (
                 SELECT endpoint_id, failure_count, max_per_second, first_at,
                     CASE WHEN held_until > first_at THEN held_until ELSE first_at END AS due_at
                 FROM firsts WHERE first_at IS NOT NULL
             ) ",
            $select
        )
    };
}

/// Lists the endpoints that something is due for and that are not held.
pub async fn list_lanes(tx: &mut Tx, now: Timestamp) -> Result<Lanes> {
    let lanes: Vec<Lane> = sql!(tx, |c| sqlx::query_as(lanes!(
        "SELECT endpoint_id, failure_count, max_per_second, due_at FROM open
         WHERE due_at <= COALESCE((SELECT MIN(due_at) FROM open WHERE due_at > $1), $1)
         ORDER BY endpoint_id"
    ))
    .bind(now)
    .fetch_all(c)
    .await)?;
    let (due, later): (Vec<_>, Vec<_>) = lanes.into_iter().partition(|lane| lane.due_at <= now);
    Ok(Lanes { due, next_due: later.first().map(|lane| lane.due_at) })
}

/// Finds when the next pending delivery to an active endpoint is due.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar(lanes!("SELECT MIN(due_at) FROM open")).fetch_one(c).await)
}

/// Lists the active endpoints whose oldest delivery has been due for longest, whatever holds it up.
pub async fn list_behind(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Behind>> {
    sql!(tx, |c| sqlx::query_as(lanes!(
        "SELECT endpoint_id AS lane, first_at AS due_at FROM open WHERE first_at <= $1
         ORDER BY first_at, endpoint_id LIMIT $2"
    ))
    .bind(now)
    .bind(limit)
    .fetch_all(c)
    .await)
}
