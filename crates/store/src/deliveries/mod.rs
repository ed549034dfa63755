//! Events on their way to webhook endpoints, a lane for each endpoint.

use posta_core::id::{DeliveryId, EndpointId, EventId, ReplayId, WorkspaceId};
use posta_core::secret::Sealed;
use posta_core::time::Timestamp;
use sqlx::types::Json;

use crate::rows::chunks;
use crate::sql::sql;
use crate::text::text;
use crate::{Result, Tx};

mod lanes;

use lanes::waiting;
pub use lanes::{Behind, Lane, Lanes, find_next_due, list_behind, list_lanes};

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

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
        }
    }
}

/// Adds deliveries.
pub async fn insert_all(tx: &mut Tx, deliveries: &[NewDelivery]) -> Result<()> {
    for chunk in chunks(deliveries) {
        sql!(tx, |c| {
            let mut query = sqlx::QueryBuilder::new(
                "INSERT INTO deliveries (id, workspace_id, endpoint_id, event_id, state, attempts,
                     due_at, created_at, seq, class, thread, replay_id) ",
            );
            query.push_values(chunk, |mut row, delivery| {
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
    }
    Ok(())
}

/// Selects what one endpoint is to get next, of which another node may have taken some meanwhile.
macro_rules! due {
    ($among:literal, $end:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (
                 SELECT l.id FROM deliveries l
                 WHERE l.state = 'pending' AND l.due_at <= $1 AND l.id ",
            $among,
            "SELECT f.id FROM (
                     SELECT a.id, a.class FROM (SELECT d.id, d.class ",
            waiting!("0", "$4"),
            " AND d.due_at <= $1 ORDER BY d.due_at, d.id LIMIT $3) a
                     UNION ALL SELECT a.id, a.class FROM (SELECT d.id, d.class ",
            waiting!("1", "$4"),
            " AND d.due_at <= $1 ORDER BY d.due_at, d.id LIMIT $3) a
                     UNION ALL SELECT a.id, a.class FROM (SELECT d.id, d.class ",
            waiting!("2", "$4"),
            " AND d.due_at <= $1 ORDER BY d.due_at, d.id LIMIT $3) a
                 ) f ORDER BY f.class LIMIT $3",
            $end
        )
    };
}

/// All that a try needs, of a delivery `d`, its event `e` and its endpoint `p`.
macro_rules! claimed {
    ($from:literal) => {
        concat!(
            "SELECT d.id, d.workspace_id, d.endpoint_id, d.event_id, e.kind AS event_kind, e.body,
                 p.url, p.secret, p.previous_secret, p.previous_secret_until, p.custom_headers,
                 d.attempts, d.class, e.traceparent ",
            $from,
            " ORDER BY d.class, d.seq, d.id"
        )
    };
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
    match tx {
        Tx::Sqlite(tx) => {
            let ids: Vec<DeliveryId> = sqlx::query_scalar(concat!(
                due!("IN (", "))"),
                " UPDATE deliveries SET attempts = attempts + 1, due_at = $2
                  WHERE id IN (SELECT id FROM due) RETURNING id"
            ))
            .bind(now)
            .bind(until)
            .bind(limit)
            .bind(endpoint)
            .fetch_all(&mut **tx)
            .await?;
            if ids.is_empty() {
                return Ok(Vec::new());
            }
            sqlx::query_as(claimed!(
                "FROM deliveries d JOIN events e ON e.id = d.event_id
                     JOIN endpoints p ON p.id = d.endpoint_id
                 WHERE d.id IN (SELECT value FROM json_each($1))"
            ))
            .bind(Json(ids))
            .fetch_all(&mut **tx)
            .await
        }
        // However many rows it expects, it is to look each one up: hence the arrays and the offset.
        Tx::Postgres(tx) => {
            sqlx::query_as(concat!(
                due!("= ANY (ARRAY (", ")) FOR UPDATE SKIP LOCKED)"),
                ", d AS (UPDATE deliveries SET attempts = attempts + 1, due_at = $2
                      WHERE id = ANY (ARRAY (SELECT id FROM due)) RETURNING *) ",
                claimed!(
                    "FROM d CROSS JOIN LATERAL (
                         SELECT * FROM events WHERE id = d.event_id OFFSET 0) e
                         JOIN endpoints p ON p.id = d.endpoint_id"
                )
            ))
            .bind(now)
            .bind(until)
            .bind(limit)
            .bind(endpoint)
            .fetch_all(&mut **tx)
            .await
        }
    }
}

/// Notes what became of deliveries, taken from `$rows` as `r`. Only what was not delivered changes
/// more than its state.
macro_rules! noted {
    ($rows:literal) => {
        concat!(
            "UPDATE deliveries SET state = r.state,
                 due_at = CASE WHEN r.state = 'delivered' THEN deliveries.due_at ELSE r.due_at END,
                 class = CASE WHEN r.state <> 'delivered' AND class = 0 THEN 1 ELSE class END
             FROM ",
            $rows,
            " WHERE deliveries.id = r.id AND deliveries.attempts = r.attempts"
        )
    };
}

/// Notes what became of deliveries. Returns of how many of them it was the last word.
pub async fn update_outcomes(tx: &mut Tx, outcomes: &[Outcome]) -> Result<u64> {
    if outcomes.is_empty() {
        return Ok(0);
    }
    let done = match tx {
        Tx::Sqlite(tx) => {
            let row = |one: &Outcome| {
                (one.id.clone(), one.attempts, one.state.as_str(), one.due_at.as_millis())
            };
            sqlx::query(noted!(
                "(SELECT value->>0 AS id, value->>1 AS attempts, value->>2 AS state,
                      value->>3 AS due_at FROM json_each($1)) r"
            ))
            .bind(Json(outcomes.iter().map(row).collect::<Vec<_>>()))
            .execute(&mut **tx)
            .await?
            .rows_affected()
        }
        Tx::Postgres(tx) => {
            let of = |of: fn(&Outcome) -> i64| outcomes.iter().map(of).collect::<Vec<_>>();
            let ids: Vec<_> = outcomes.iter().map(|one| one.id.as_str()).collect();
            let states: Vec<_> = outcomes.iter().map(|one| one.state.as_str()).collect();
            sqlx::query(noted!(
                "UNNEST($1::TEXT[], $2::BIGINT[], $3::TEXT[], $4::BIGINT[])
                     AS r (id, attempts, state, due_at)"
            ))
            .bind(ids)
            .bind(of(|one| one.attempts))
            .bind(states)
            .bind(of(|one| one.due_at.as_millis()))
            .execute(&mut **tx)
            .await?
            .rows_affected()
        }
    };
    Ok(done)
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
