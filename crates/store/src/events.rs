//! The event log: everything Posta announces, in one order per workspace.

use std::collections::BTreeMap;

use posta_core::id::{AccountId, EventId, InboundId, MessageId, ProfileId, WorkspaceId};
use posta_core::time::Timestamp;

use crate::rows::chunks;
use crate::sql::{push_among, sql};
use crate::text::text;
use crate::{Result, Tx};

/// An event.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Event {
    /// Its id, the same in every delivery.
    pub id: EventId,
    /// The workspace it happened in.
    pub workspace_id: WorkspaceId,
    /// What happened, such as `message.received`.
    pub kind: String,
    /// The profile it concerns.
    pub profile_id: Option<ProfileId>,
    /// The account it concerns.
    pub account_id: Option<AccountId>,
    /// The message that it shows.
    pub message_id: Option<MessageId>,
    /// The JSON that is signed and delivered, byte for byte.
    pub body: String,
    /// When it was announced.
    pub created_at: Timestamp,
}

/// An event and its place in its workspace's order.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Placed {
    /// Its place, counted from 1.
    pub seq: i64,
    /// The event.
    #[sqlx(flatten)]
    pub event: Event,
}

/// Which events to read.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these kinds; empty for all.
    pub kinds: Vec<String>,
    /// Only those of these profiles.
    pub profiles: Option<Vec<ProfileId>>,
    /// Only those of this account.
    pub account: Option<AccountId>,
}

/// Where an event came from: one of the events in a raw webhook.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Cause {
    /// The raw webhook.
    pub inbound_id: InboundId,
    /// Which of the events in it, counted from zero.
    #[sqlx(rename = "inbound_position")]
    pub position: i64,
}

/// An event to be added.
#[derive(Clone, Debug)]
pub struct New<'a> {
    /// The event.
    pub event: Event,
    /// Where it came from, if a platform's webhook told of it.
    pub cause: Option<&'a Cause>,
    /// The place in a trace at which it happened.
    pub traceparent: Option<String>,
}

impl From<Event> for New<'_> {
    fn from(event: Event) -> Self {
        Self { event, cause: None, traceparent: None }
    }
}

/// Adds events and returns their places in the order of their workspaces.
///
/// The places are taken by writing the workspace's row, which holds other writers of the workspace
/// back until this transaction ends. So places become visible in order and without holes.
pub async fn insert(tx: &mut Tx, all: &[New<'_>]) -> Result<Vec<i64>> {
    let mut next = take_places(tx, all).await?;
    let mut places = Vec::with_capacity(all.len());
    for one in all {
        let place = next.get_mut(&one.event.workspace_id).ok_or(sqlx::Error::RowNotFound)?;
        places.push(*place);
        *place += 1;
    }
    let rows: Vec<_> = all.iter().zip(&places).collect();
    for chunk in chunks(&rows) {
        sql!(tx, |c| {
            let mut query = sqlx::QueryBuilder::new(
                "INSERT INTO events (workspace_id, seq, id, kind, profile_id, account_id, body,
                     created_at, inbound_id, inbound_position, message_id,
                     traceparent) ",
            );
            query.push_values(chunk, |mut row, (New { event, cause, traceparent }, seq)| {
                row.push_bind(&event.workspace_id)
                    .push_bind(**seq)
                    .push_bind(&event.id)
                    .push_bind(&event.kind)
                    .push_bind(&event.profile_id)
                    .push_bind(&event.account_id)
                    .push_bind(&event.body)
                    .push_bind(event.created_at)
                    .push_bind(cause.map(|cause| &cause.inbound_id))
                    .push_bind(cause.map(|cause| cause.position))
                    .push_bind(&event.message_id)
                    .push_bind(traceparent);
            });
            query.build().execute(c).await?.rows_affected()
        });
    }
    Ok(places)
}

/// Takes the next places in the order of each workspace. Returns the first of each.
async fn take_places(tx: &mut Tx, all: &[New<'_>]) -> Result<BTreeMap<WorkspaceId, i64>> {
    let mut counts = BTreeMap::<&WorkspaceId, i64>::new();
    for one in all {
        *counts.entry(&one.event.workspace_id).or_default() += 1;
    }
    let wanted: Vec<_> = counts.iter().collect();
    let mut first = BTreeMap::new();
    for chunk in chunks(&wanted) {
        let ends: Vec<(WorkspaceId, i64)> = sql!(tx, |c| {
            let mut query = sqlx::QueryBuilder::new("WITH wanted (workspace, count) AS (");
            query.push_values(chunk, |mut row, (workspace, count)| {
                row.push_bind(**workspace).push_bind(**count);
            });
            query.push(
                ") UPDATE workspaces SET event_seq = event_seq + wanted.count FROM wanted
                 WHERE id = wanted.workspace RETURNING id, event_seq",
            );
            query.build_query_as().fetch_all(c).await?
        });
        first.extend(ends.into_iter().map(|(workspace, end)| {
            let count = counts.get(&workspace).copied().unwrap_or_default();
            (workspace, end - count + 1)
        }));
    }
    Ok(first)
}

/// Finds an event.
pub async fn find(tx: &mut Tx, owner: &WorkspaceId, id: &str) -> Result<Option<Event>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, kind, profile_id, account_id, message_id, body, created_at
         FROM events WHERE workspace_id = $1 AND id = $2"
    )
    .bind(owner)
    .bind(text(id))
    .fetch_optional(c)
    .await)
}

/// Lists the events that show a message.
pub async fn list_of_message(tx: &mut Tx, message: &MessageId) -> Result<Vec<Event>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT id, workspace_id, kind, profile_id, account_id, message_id, body, created_at
         FROM events WHERE message_id = $1 ORDER BY id"
    )
    .bind(message)
    .fetch_all(c)
    .await)
}

/// Puts another body in the place of an event's. What is not delivered yet is delivered with it.
pub async fn update_body(tx: &mut Tx, id: &EventId, body: &str) -> Result<()> {
    sql!(tx, |c| sqlx::query("UPDATE events SET body = $2 WHERE id = $1")
        .bind(id)
        .bind(body)
        .execute(c)
        .await?
        .rows_affected());
    Ok(())
}

/// Finds where an event came from; `None` when no webhook of a platform told of it.
pub async fn find_cause(tx: &mut Tx, id: &EventId) -> Result<Option<Cause>> {
    sql!(tx, |c| sqlx::query_as(
        "SELECT inbound_id, inbound_position FROM events
         WHERE id = $1 AND inbound_id IS NOT NULL AND inbound_position IS NOT NULL"
    )
    .bind(id)
    .fetch_optional(c)
    .await)
}

/// Lists the events after one place up to another, in their order.
pub async fn list(
    tx: &mut Tx,
    owner: &WorkspaceId,
    after: i64,
    up_to: i64,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Placed>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT seq, id, workspace_id, kind, profile_id, account_id, message_id, body,
                 created_at
             FROM events WHERE workspace_id = ",
        );
        query.push_bind(owner).push(" AND seq > ").push_bind(after);
        query.push(" AND seq <= ").push_bind(up_to);
        if !filter.kinds.is_empty() {
            push_among!(query, "kind", filter.kinds.iter().map(|kind| text(kind)));
        }
        if let Some(profiles) = &filter.profiles {
            push_among!(query, "profile_id", profiles);
        }
        if let Some(account) = &filter.account {
            query.push(" AND account_id = ").push_bind(account);
        }
        query.push(" ORDER BY seq LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Gets the place of the newest event, 0 when there was none.
pub async fn get_newest(tx: &mut Tx, owner: &WorkspaceId) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar("SELECT event_seq FROM workspaces WHERE id = $1")
        .bind(owner)
        .fetch_one(c)
        .await)
}

/// Finds the place of the first event that was announced at a time or later.
pub async fn find_since(tx: &mut Tx, owner: &WorkspaceId, since: Timestamp) -> Result<Option<i64>> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT seq FROM events WHERE workspace_id = $1 AND created_at >= $2
         ORDER BY created_at, seq LIMIT 1"
    )
    .bind(owner)
    .bind(since)
    .fetch_optional(c)
    .await)
}

/// Finds the place up to which events of these kinds, or of any, are no longer all there.
pub async fn find_horizon(
    tx: &mut Tx,
    owner: &WorkspaceId,
    kinds: &[String],
) -> Result<Option<i64>> {
    sql!(tx, |c| {
        let mut query =
            sqlx::QueryBuilder::new("SELECT MAX(seq) FROM event_horizons WHERE workspace_id = ");
        query.push_bind(owner);
        if !kinds.is_empty() {
            push_among!(query, "kind", kinds.iter().map(|kind| text(kind)));
        }
        query.build_query_scalar().fetch_one(c).await
    })
}

/// Deletes up to `limit` events of a kind from before a time, with the log of their deliveries, and
/// notes that they were there. Those that an endpoint has not got yet stay. Returns how many went.
pub async fn delete_old(
    tx: &mut Tx,
    owner: &WorkspaceId,
    kind: &str,
    before: Timestamp,
    limit: i64,
) -> Result<u64> {
    let old: Vec<(String, i64)> = sql!(tx, |c| sqlx::query_as(
        "SELECT id, seq FROM events e WHERE workspace_id = $1 AND kind = $2 AND created_at < $3
             AND NOT EXISTS (SELECT 1 FROM deliveries d
                             WHERE d.event_id = e.id AND d.state <> 'delivered')
         ORDER BY created_at, seq LIMIT $4"
    )
    .bind(owner)
    .bind(text(kind))
    .bind(before)
    .bind(limit)
    .fetch_all(c)
    .await?);
    let Some(last) = old.iter().map(|(_, seq)| *seq).max() else {
        return Ok(0);
    };
    for start in [
        "DELETE FROM attempts WHERE event_id IN (",
        "DELETE FROM deliveries WHERE event_id IN (",
        "DELETE FROM events WHERE id IN (",
    ] {
        sql!(tx, |c| {
            let mut query = sqlx::QueryBuilder::new(start);
            let mut list = query.separated(", ");
            for (id, _) in &old {
                list.push_bind(id);
            }
            query.push(")");
            query.build().execute(c).await?.rows_affected()
        });
    }
    sql!(tx, |c| sqlx::query(
        "INSERT INTO event_horizons (workspace_id, kind, seq) VALUES ($1, $2, $3)
         ON CONFLICT (workspace_id, kind) DO UPDATE SET seq = EXCLUDED.seq
         WHERE event_horizons.seq < EXCLUDED.seq"
    )
    .bind(owner)
    .bind(text(kind))
    .bind(last)
    .execute(c)
    .await?
    .rows_affected());
    Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
}
