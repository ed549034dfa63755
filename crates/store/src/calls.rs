//! The log of calls to platforms: what was asked, what came back, and who asked for it.

use posta_core::capability::CallClass;
use posta_core::id::{AccountId, CallId, MessageId, ProfileId, WorkspaceId, floor_of_ids};
use posta_core::time::Timestamp;

use crate::sql::{push_among, sql};
use crate::text::text;
use crate::{Result, Tx};

/// One call, without what is private.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// The workspace it was made for.
    pub workspace_id: WorkspaceId,
    /// The profile it was made for.
    pub profile_id: Option<ProfileId>,
    /// The account it was made for; `None` while it was not connected yet.
    pub account_id: Option<AccountId>,
    /// The platform.
    pub platform: String,
    /// Its family, such as `messaging`.
    pub area: String,
    /// What it did, such as `send_message`.
    pub action: String,
    /// The class that the platform counts it in, where that is known.
    pub class: Option<CallClass>,
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path and query.
    pub path: String,
    /// Whether it went well.
    pub is_success: bool,
    /// The status of the answer; `None` without one.
    pub status: Option<i64>,
    /// The platform's code.
    pub code: Option<i64>,
    /// The finer code below it.
    pub subcode: Option<i64>,
    /// The platform's name for the kind of error.
    pub kind: Option<String>,
    /// The platform's words, or why there are none.
    pub words: Option<String>,
    /// The platform's id of the call.
    pub trace_id: Option<String>,
    /// The request of our API that asked for it.
    pub request_id: Option<String>,
    /// The message that it was to send.
    pub message_id: Option<MessageId>,
    /// The body that was sent.
    pub sent: Option<String>,
    /// The body of the answer.
    pub answered: Option<String>,
    /// How much of what the platform allows is used up, as JSON.
    pub usage: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// When it ended.
    pub created_at: Timestamp,
}

/// Which calls to list.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Only calls made for these profiles.
    pub profiles: Option<&'a [ProfileId]>,
    /// Only this account.
    pub account: Option<&'a AccountId>,
    /// Only this message.
    pub message: Option<&'a MessageId>,
    /// Only what this request asked for.
    pub request: Option<&'a str>,
    /// Only this platform.
    pub platform: Option<&'a str>,
    /// Only this family.
    pub area: Option<&'a str>,
    /// Only this action.
    pub action: Option<&'a str>,
    /// Only what went well, or only what did not.
    pub is_success: Option<bool>,
    /// Only this status.
    pub status: Option<i64>,
    /// Only this code of the platform's.
    pub code: Option<i64>,
    /// Only where this stands in the words, the path, the action or the platform's id of the call.
    pub search: Option<&'a str>,
    /// Only since then.
    pub since: Option<Timestamp>,
    /// Only before then.
    pub until: Option<Timestamp>,
    /// Only what is older than this one.
    pub before: Option<&'a str>,
}

macro_rules! columns {
    () => {
        "id, workspace_id, profile_id, account_id, platform, area, action, class, method, host,
             path, is_success, status, code, subcode, kind, words, trace_id, request_id,
             message_id, sent, answered, usage, duration_ms, created_at"
    };
}

/// How many rows one statement inserts; both databases bound the number of parameters.
const CHUNK: usize = 500;

/// Adds calls to the log.
pub async fn insert_all(tx: &mut Tx, calls: &[Call]) -> Result<()> {
    for chunk in calls.chunks(CHUNK) {
        sql!(tx, |c| {
            let mut query =
                sqlx::QueryBuilder::new(concat!("INSERT INTO calls (", columns!(), ") "));
            query.push_values(chunk, |mut row, call| {
                row.push_bind(&call.id)
                    .push_bind(&call.workspace_id)
                    .push_bind(&call.profile_id)
                    .push_bind(&call.account_id)
                    .push_bind(&call.platform)
                    .push_bind(&call.area)
                    .push_bind(&call.action)
                    .push_bind(call.class)
                    .push_bind(&call.method)
                    .push_bind(text(&call.host))
                    .push_bind(text(&call.path))
                    .push_bind(call.is_success)
                    .push_bind(call.status)
                    .push_bind(call.code)
                    .push_bind(call.subcode)
                    .push_bind(call.kind.as_deref().map(text))
                    .push_bind(call.words.as_deref().map(text))
                    .push_bind(call.trace_id.as_deref().map(text))
                    .push_bind(call.request_id.as_deref().map(text))
                    .push_bind(&call.message_id)
                    .push_bind(call.sent.as_deref().map(text))
                    .push_bind(call.answered.as_deref().map(text))
                    .push_bind(call.usage.as_deref().map(text))
                    .push_bind(call.duration_ms)
                    .push_bind(call.created_at);
            });
            query.build().execute(c).await?.rows_affected()
        });
    }
    Ok(())
}

macro_rules! narrow {
    ($query:ident, $owner:ident, $filter:ident) => {
        $query.push_bind($owner);
        macro_rules! equal {
            ($column:literal, $value:expr) => {
                if let Some(value) = $value {
                    $query.push(concat!(" AND ", $column, " = ")).push_bind(value);
                }
            };
        }
        equal!("account_id", $filter.account);
        equal!("message_id", $filter.message);
        equal!("request_id", $filter.request.map(text));
        equal!("platform", $filter.platform.map(text));
        equal!("area", $filter.area.map(text));
        equal!("action", $filter.action.map(text));
        equal!("status", $filter.status);
        equal!("code", $filter.code);
        if let Some(profiles) = $filter.profiles {
            push_among!($query, "profile_id", profiles);
        }
        match $filter.is_success {
            Some(true) => drop($query.push(" AND is_success")),
            Some(false) => drop($query.push(" AND NOT is_success")),
            None => {}
        }
        if let Some(since) = $filter.since {
            $query.push(" AND id >= ").push_bind(floor_of_ids(since));
        }
        if let Some(until) = $filter.until {
            $query.push(" AND id < ").push_bind(floor_of_ids(until));
        }
        if let Some(before) = $filter.before {
            $query.push(" AND id < ").push_bind(text(before));
        }
        if let Some(search) = $filter.search {
            $query
                .push(" AND LOWER(COALESCE(words, '') || ' ' || path || ' ' || action || ' ' ||")
                .push(" COALESCE(trace_id, '')) LIKE ")
                .push_bind(pattern(search))
                .push(" ESCAPE '!'");
        }
    };
}

/// Matches whatever holds this text, whose own wildcards mean themselves.
fn pattern(search: &str) -> String {
    let mut plain = String::from("%");
    for letter in text(search).to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            plain.push('!');
        }
        plain.push(letter);
    }
    plain.push('%');
    plain
}

/// Lists the calls that match, newest first, from `skip` on.
pub async fn list(
    tx: &mut Tx,
    owner: &WorkspaceId,
    filter: &Filter<'_>,
    limit: i64,
    skip: i64,
) -> Result<Vec<Call>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(concat!(
            "SELECT ",
            columns!(),
            " FROM calls WHERE workspace_id = "
        ));
        narrow!(query, owner, filter);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        query.push(" OFFSET ").push_bind(skip);
        query.build_query_as().fetch_all(c).await
    })
}

/// Counts the calls that match, up to `most`.
pub async fn count(
    tx: &mut Tx,
    owner: &WorkspaceId,
    filter: &Filter<'_>,
    most: i64,
) -> Result<i64> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT COUNT(*) FROM (SELECT id FROM calls WHERE workspace_id = ",
        );
        narrow!(query, owner, filter);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(most).push(") AS found");
        query.build_query_scalar().fetch_one(c).await
    })
}

/// Deletes up to `limit` calls of a workspace that ended before then. Returns how many.
pub async fn delete_old(
    tx: &mut Tx,
    owner: &WorkspaceId,
    before: Timestamp,
    limit: i64,
) -> Result<u64> {
    Ok(sql!(tx, |c| sqlx::query(
        "DELETE FROM calls WHERE workspace_id = $1 AND id IN (SELECT id FROM calls
             WHERE workspace_id = $1 AND id < $2 ORDER BY id LIMIT $3)"
    )
    .bind(owner)
    .bind(floor_of_ids(before))
    .bind(limit)
    .execute(c)
    .await?
    .rows_affected()))
}
