//! Requests to delete everything that is known of an account, and the deleting, bit by bit.

use posta_core::id::{AccountId, OauthAppId, RemoteAccount};
use posta_core::time::Timestamp;
use sqlx::types::Json;

use crate::sql::{claim, sql};
use crate::text::{json, text};
use crate::{Result, Tx};

/// A request to delete an account's data.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Erasure {
    /// Its id, which is also the code by which its state is asked for: not guessable.
    pub id: String,
    /// The platform that asked.
    pub platform: String,
    /// The id by which it knows the account towards the app.
    pub app_scoped_id: String,
    /// When the platform signed the request.
    pub issued_at: Timestamp,
    /// The apps whose secret signed it; `None` is the configured one.
    pub verified_by: Json<Vec<Option<OauthAppId>>>,
    /// How far it is.
    pub state: State,
    /// The raw webhook up to which has been looked.
    pub place: Option<String>,
    /// How many things were deleted.
    pub erased: i64,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When everything was gone.
    pub finished_at: Option<Timestamp>,
}

/// How far the deleting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum State {
    /// Some is left.
    Pending,
    /// Everything is gone.
    Done,
}

macro_rules! row {
    () => {
        "id, platform, app_scoped_id, issued_at, verified_by, state, place, erased, requested_at,
         finished_at"
    };
}

/// Takes a request down and returns its id: the first one's, when the platform repeats itself.
pub async fn insert_or_find(tx: &mut Tx, erasure: &Erasure) -> Result<String> {
    sql!(tx, |c| sqlx::query_scalar(
        "INSERT INTO erasures (id, platform, app_scoped_id, issued_at, verified_by, state, erased,
             due_at, requested_at)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $7)
         ON CONFLICT (platform, app_scoped_id, issued_at) DO UPDATE SET platform = excluded.platform
         RETURNING id"
    )
    .bind(&erasure.id)
    .bind(&erasure.platform)
    .bind(text(&erasure.app_scoped_id))
    .bind(erasure.issued_at)
    .bind(json(&erasure.verified_by)?)
    .bind(erasure.state)
    .bind(erasure.requested_at)
    .fetch_one(c)
    .await)
}

/// Finds a request.
pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<Erasure>> {
    sql!(tx, |c| sqlx::query_as(concat!("SELECT ", row!(), " FROM erasures WHERE id = $1"))
        .bind(text(id))
        .fetch_optional(c)
        .await)
}

/// Takes a request that is to be worked on, until `until`.
pub async fn claim(tx: &mut Tx, now: Timestamp, until: Timestamp) -> Result<Option<Erasure>> {
    claim!(
        tx,
        "WITH due AS MATERIALIZED (
             SELECT id FROM erasures WHERE state = 'pending' AND due_at <= $1
             ORDER BY due_at, id LIMIT 1",
        concat!(
            ") UPDATE erasures SET due_at = $2 WHERE id IN (SELECT id FROM due) RETURNING ",
            row!()
        ),
        |text, c| sqlx::query_as(text).bind(now).bind(until).fetch_optional(c).await
    )
}

/// Finds when the next request is to be worked on.
pub async fn find_next_due(tx: &mut Tx) -> Result<Option<Timestamp>> {
    sql!(tx, |c| sqlx::query_scalar("SELECT MIN(due_at) FROM erasures WHERE state = 'pending'")
        .fetch_one(c)
        .await)
}

/// Notes how far the deleting is and when to go on.
pub async fn update_progress(
    tx: &mut Tx,
    id: &str,
    place: Option<&str>,
    erased: i64,
    due_at: Timestamp,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE erasures SET place = $2, erased = erased + $3, due_at = $4 WHERE id = $1"
    )
    .bind(id)
    .bind(place)
    .bind(erased)
    .bind(due_at)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Notes that everything is gone. What the request said of the account goes with it.
pub async fn update_done(tx: &mut Tx, id: &str, now: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE erasures SET state = 'done', finished_at = $2, place = NULL WHERE id = $1"
    )
    .bind(id)
    .bind(now)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// The statements that delete what belongs to an account, in an order that breaks no reference. Each
/// deletes at most `$2` rows. Files that only it has sent end now; copies of what it received end with
/// their messages.
const STEPS: &[&str] = &[
    "DELETE FROM calls WHERE account_id = $1
         AND id IN (SELECT id FROM calls WHERE account_id = $1 LIMIT $2)",
    "DELETE FROM attempts WHERE id IN (SELECT a.id FROM attempts a
         JOIN events e ON e.id = a.event_id
         WHERE e.account_id = $1 AND e.kind <> 'account.disconnected' LIMIT $2)",
    "DELETE FROM deliveries WHERE id IN (SELECT d.id FROM deliveries d
         JOIN events e ON e.id = d.event_id
         WHERE e.account_id = $1 AND e.kind <> 'account.disconnected' LIMIT $2)",
    "DELETE FROM events WHERE id IN (SELECT id FROM events
         WHERE account_id = $1 AND kind <> 'account.disconnected' LIMIT $2)",
    "DELETE FROM jobs WHERE id IN (SELECT j.id FROM jobs j
         JOIN messages m ON m.id = j.subject WHERE m.account_id = $1 LIMIT $2)",
    "DELETE FROM budgets
     WHERE account_id IN (SELECT account_id FROM budgets WHERE account_id = $1 LIMIT $2)",
    "UPDATE media SET content_type = NULL, sha256 = NULL, expires_at = 0
     WHERE id IN (SELECT u.media_id FROM media_uses u JOIN media f ON f.id = u.media_id
         WHERE u.account_id = $1 AND f.expires_at > 0 AND f.place IS NULL
             AND NOT EXISTS (SELECT 1 FROM media_uses o
                 WHERE o.media_id = u.media_id AND o.account_id <> $1) LIMIT $2)",
    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE account_id = $1 LIMIT $2)",
    "DELETE FROM conversations
     WHERE id IN (SELECT id FROM conversations WHERE account_id = $1 LIMIT $2)",
    "DELETE FROM accounts WHERE id IN (SELECT id FROM accounts WHERE id = $1 LIMIT $2)",
];

/// Deletes up to `most` things that belong to an account, and the account itself when nothing else
/// is left. Returns how many; none when it is gone.
pub async fn delete_some(tx: &mut Tx, account: &AccountId, most: i64) -> Result<i64> {
    for step in STEPS {
        let done = sql!(tx, |c| sqlx::query(*step)
            .bind(account)
            .bind(most)
            .execute(c)
            .await?
            .rows_affected());
        if done > 0 {
            return Ok(i64::try_from(done).unwrap_or(i64::MAX));
        }
    }
    Ok(0)
}

/// A raw webhook, as far as it matters here.
#[derive(Debug, sqlx::FromRow)]
struct Raw {
    id: String,
    body: Vec<u8>,
    state: String,
}

/// What came of looking at some raw webhooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The last one that was looked at; `None` when there were no more.
    pub place: Option<String>,
    /// How many were deleted.
    pub deleted: i64,
    /// How many speak of the account and still wait to be worked off, perhaps for others too.
    pub waiting: i64,
}

/// Looks at up to `most` raw webhooks of a platform and deletes those that speak of an account.
pub async fn sweep_inbound(
    tx: &mut Tx,
    platform: &str,
    remote: &RemoteAccount,
    after: Option<&str>,
    most: i64,
) -> Result<Swept> {
    let rows: Vec<Raw> = sql!(tx, |c| {
        sqlx::query_as(
        "SELECT id, body, state FROM inbound WHERE platform = $1 AND id > $2 ORDER BY id LIMIT $3"
    )
    .bind(text(platform))
    .bind(after.unwrap_or_default())
    .bind(most)
    .fetch_all(c)
    .await?
    });
    let needle = remote.as_str().as_bytes();
    let mut swept = Swept { place: rows.last().map(|row| row.id.clone()), ..Swept::default() };
    for row in rows {
        if !row.body.windows(needle.len().max(1)).any(|part| part == needle) {
            continue;
        }
        if row.state == "pending" {
            swept.waiting += 1;
            continue;
        }
        sql!(tx, |c| sqlx::query("DELETE FROM inbound WHERE id = $1")
            .bind(&row.id)
            .execute(c)
            .await?
            .rows_affected());
        swept.deleted += 1;
    }
    Ok(swept)
}
