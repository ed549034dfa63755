//! Connected accounts and their sealed tokens.

use posta_core::id::{AccountId, OauthAppId, ProfileId, RemoteAccount, WorkspaceId};
use posta_core::secret::Sealed;
use posta_core::time::Timestamp;
use serde_json::Value;
use sqlx::types::Json;

use crate::health::Restriction;
use crate::rows::padded;
use crate::sql::{push_among, sql};
use crate::text::{json, text};
use crate::{Result, Tx};

/// An account.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The profile it belongs to.
    pub profile_id: ProfileId,
    /// Its platform.
    pub platform: String,
    /// The platform's id of it, as webhooks and send calls carry it.
    pub remote_id: RemoteAccount,
    /// The platform's id of it towards the app, where that differs.
    pub app_scoped_id: Option<String>,
    /// Its handle.
    pub username: String,
    /// Its name for people.
    pub display_name: Option<String>,
    /// Its picture.
    pub picture: Option<String>,
    /// Its public page.
    pub profile_url: Option<String>,
    /// How many people follow it.
    pub followers: Option<i64>,
    /// The platform's word for its kind.
    pub kind: Option<String>,
    /// What else the unified API shows of it.
    pub metadata: Json<Value>,
    /// The customer's own app it is connected through; `None` for the configured one.
    pub oauth_app_id: Option<OauthAppId>,
    /// The scopes its owner granted, when the platform told them.
    pub scopes: Option<Json<Vec<String>>>,
    /// Its access token; gone when the account is disconnected.
    pub token: Option<Sealed>,
    /// When the token dies.
    pub token_expires_at: Option<Timestamp>,
    /// When the token was issued.
    pub token_issued_at: Option<Timestamp>,
    /// Whether it can be used.
    pub state: State,
    /// Why it cannot be used.
    pub state_reason: Option<String>,
    /// The same in one word, for programs.
    pub state_code: Option<String>,
    /// Since when it is in this state.
    pub state_since: Timestamp,
    /// Until when the platform accepts nothing from it.
    pub rate_limited_until: Option<Timestamp>,
    /// Until when we spare it calls that can wait, because little is left of what the platform allows.
    pub paused_until: Option<Timestamp>,
    /// Why the platform takes no messages from it.
    pub restriction: Option<Json<Restriction>>,
    /// The fields it was subscribed to when that was last looked at.
    pub subscribed_fields: Option<Json<Vec<String>>>,
    /// When the platform last told us something about it.
    pub last_event_at: Option<Timestamp>,
    /// When it was first connected.
    pub created_at: Timestamp,
}

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum State {
    /// It has a token that the platform accepts, as far as we know.
    Connected,
    /// The platform no longer accepts its token; only a new login helps.
    Dead,
    /// The customer disconnected it. Lists no longer show it; its history stays.
    Removed,
}

/// Which accounts to list.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Only those on these profiles.
    pub profiles: Option<&'a [ProfileId]>,
    /// Only those on this platform.
    pub platform: Option<&'a str>,
    /// Only those in this state.
    pub state: Option<State>,
}

/// The columns of an account. What the customer calls it goes before what the platform does.
macro_rules! row {
    () => {
        "id, workspace_id, profile_id, platform, remote_id, app_scoped_id,
         COALESCE(local_username, username) AS username,
         COALESCE(local_display_name, display_name) AS display_name, picture, profile_url,
         followers, kind, metadata, oauth_app_id, scopes, token, token_expires_at, token_issued_at,
         state, state_reason, state_code, state_since, rate_limited_until, paused_until,
         restriction, subscribed_fields, last_event_at, created_at"
    };
}
pub(crate) use row;

macro_rules! columns {
    ($rest:literal) => {
        concat!("SELECT ", row!(), " FROM accounts ", $rest)
    };
}

/// Writes an account that was connected just now. One that was connected before keeps its id,
/// history and time of creation, and takes everything else. Returns the row's id.
pub async fn upsert(tx: &mut Tx, account: &Account) -> Result<AccountId> {
    sql!(tx, |c| sqlx::query_scalar(
        "INSERT INTO accounts (id, workspace_id, profile_id, platform, remote_id, app_scoped_id,
             username, display_name, picture, profile_url, followers, kind, metadata, oauth_app_id,
             scopes, token, token_expires_at, token_issued_at, state, state_since, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20, $21)
         ON CONFLICT (workspace_id, platform, remote_id) DO UPDATE SET
             profile_id = excluded.profile_id, app_scoped_id = excluded.app_scoped_id,
             username = excluded.username, display_name = excluded.display_name,
             picture = excluded.picture, profile_url = excluded.profile_url,
             followers = excluded.followers, kind = excluded.kind, metadata = excluded.metadata,
             oauth_app_id = excluded.oauth_app_id, scopes = excluded.scopes,
             token = excluded.token, token_expires_at = excluded.token_expires_at,
             token_issued_at = excluded.token_issued_at, state = excluded.state,
             state_reason = NULL, state_code = NULL, state_since = excluded.state_since,
             rate_limited_until = NULL, paused_until = NULL, restriction = NULL, warned_days = NULL
         RETURNING id"
    )
    .bind(&account.id)
    .bind(&account.workspace_id)
    .bind(&account.profile_id)
    .bind(&account.platform)
    .bind(&account.remote_id)
    .bind(account.app_scoped_id.as_deref().map(text))
    .bind(text(&account.username))
    .bind(account.display_name.as_deref().map(text))
    .bind(account.picture.as_deref().map(text))
    .bind(account.profile_url.as_deref().map(text))
    .bind(account.followers)
    .bind(account.kind.as_deref().map(text))
    .bind(json(&account.metadata)?)
    .bind(&account.oauth_app_id)
    .bind(account.scopes.as_ref().map(json).transpose()?)
    .bind(&account.token)
    .bind(account.token_expires_at)
    .bind(account.token_issued_at)
    .bind(account.state)
    .bind(account.state_since)
    .bind(account.created_at)
    .fetch_one(c)
    .await)
}

/// Finds an account, in whatever state.
pub async fn find(tx: &mut Tx, owner: &WorkspaceId, id: &AccountId) -> Result<Option<Account>> {
    sql!(tx, |c| sqlx::query_as(columns!("WHERE workspace_id = $1 AND id = $2"))
        .bind(owner)
        .bind(id)
        .fetch_optional(c)
        .await)
}

/// Finds the newest account that has a token, of whatever workspace. It shows which master key is
/// in use.
pub async fn find_with_token(tx: &mut Tx) -> Result<Option<Account>> {
    sql!(tx, |c| sqlx::query_as(columns!("WHERE token IS NOT NULL ORDER BY id DESC LIMIT 1"))
        .fetch_optional(c)
        .await)
}

/// Finds the account of a workspace that has this id at the platform, in whatever state.
pub async fn find_remote(
    tx: &mut Tx,
    owner: &WorkspaceId,
    platform: &str,
    remote: &RemoteAccount,
) -> Result<Option<Account>> {
    sql!(tx, |c| sqlx::query_as(columns!(
        "WHERE workspace_id = $1 AND platform = $2 AND remote_id = $3"
    ))
    .bind(owner)
    .bind(platform)
    .bind(remote)
    .fetch_optional(c)
    .await)
}

/// Lists the accounts of all workspaces that have one of these ids at the platform and are not removed.
pub async fn list_by_remote(
    tx: &mut Tx,
    platform: &str,
    remotes: &[RemoteAccount],
) -> Result<Vec<Account>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(columns!("WHERE platform = "));
        query.push_bind(text(platform)).push(" AND state <> 'removed'");
        push_among!(query, "remote_id", padded(remotes));
        query.push(" ORDER BY id").build_query_as().fetch_all(c).await
    })
}

/// Lists the accounts of all workspaces that are not removed, or those among them that have this
/// id, handle or id at the platform.
pub async fn list_everywhere(tx: &mut Tx, name: Option<&str>) -> Result<Vec<Account>> {
    sql!(tx, |c| sqlx::query_as(columns!(
        "WHERE state <> 'removed' AND ($1 IS NULL OR id = $1 OR username = $1 OR remote_id = $1
             OR app_scoped_id = $1)
         ORDER BY id"
    ))
    .bind(name.map(text))
    .fetch_all(c)
    .await)
}

/// Lists the accounts of all workspaces that the platform knows by this id towards an app, removed
/// ones too.
pub async fn list_by_app_scoped(tx: &mut Tx, platform: &str, id: &str) -> Result<Vec<Account>> {
    sql!(tx, |c| sqlx::query_as(columns!("WHERE platform = $1 AND app_scoped_id = $2 ORDER BY id"))
        .bind(platform)
        .bind(text(id))
        .fetch_all(c)
        .await)
}

/// Lists the accounts that match and are not removed, oldest first, after `after`.
pub async fn list(
    tx: &mut Tx,
    owner: &WorkspaceId,
    filter: &Filter<'_>,
    after: Option<&AccountId>,
    limit: i64,
) -> Result<Vec<Account>> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new(columns!("WHERE state <> 'removed' AND id > "));
        query.push_bind(after.map_or("", AccountId::as_str));
        query.push(" AND workspace_id = ").push_bind(owner);
        if let Some(profiles) = filter.profiles {
            push_among!(query, "profile_id", profiles);
        }
        if let Some(platform) = filter.platform {
            query.push(" AND platform = ").push_bind(text(platform));
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// Counts the accounts of a profile that are not removed.
pub async fn count_for_profile(
    tx: &mut Tx,
    owner: &WorkspaceId,
    profile: &ProfileId,
) -> Result<i64> {
    sql!(tx, |c| sqlx::query_scalar(
        "SELECT COUNT(*) FROM accounts
         WHERE workspace_id = $1 AND profile_id = $2 AND state <> 'removed'"
    )
    .bind(owner)
    .bind(profile)
    .fetch_one(c)
    .await)
}

/// Moves a profile's removed accounts, with their history, to another profile.
pub async fn move_removed(
    tx: &mut Tx,
    owner: &WorkspaceId,
    from: &ProfileId,
    to: &ProfileId,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET profile_id = $3
         WHERE workspace_id = $1 AND profile_id = $2 AND state = 'removed'"
    )
    .bind(owner)
    .bind(from)
    .bind(to)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Lists the accounts connected through a customer's own app that are not removed.
pub async fn list_for_app(
    tx: &mut Tx,
    owner: &WorkspaceId,
    app: &OauthAppId,
) -> Result<Vec<Account>> {
    sql!(tx, |c| sqlx::query_as(columns!(
        "WHERE workspace_id = $1 AND oauth_app_id = $2 AND state <> 'removed' ORDER BY id"
    ))
    .bind(owner)
    .bind(app)
    .fetch_all(c)
    .await)
}

/// Moves an account to another profile.
pub async fn update_profile(
    tx: &mut Tx,
    owner: &WorkspaceId,
    id: &AccountId,
    profile: &ProfileId,
) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET profile_id = $3 WHERE workspace_id = $1 AND id = $2"
    )
    .bind(owner)
    .bind(id)
    .bind(profile)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Why an account cannot be used.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    /// For people.
    pub text: &'a str,
    /// In one word.
    pub code: &'a str,
}

/// Takes an account out of use and forgets its token; `false` when it was so already.
pub async fn update_unusable(
    tx: &mut Tx,
    owner: &WorkspaceId,
    id: &AccountId,
    state: State,
    reason: Reason<'_>,
    now: Timestamp,
) -> Result<bool> {
    let done = sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET state = $3, state_reason = $4, state_code = $5, state_since = $6,
             token = NULL, token_expires_at = NULL, renew_at = NULL, subscribed_fields = NULL
         WHERE workspace_id = $1 AND id = $2 AND state <> $3 AND state <> 'removed'"
    )
    .bind(owner)
    .bind(id)
    .bind(state)
    .bind(text(reason.text))
    .bind(text(reason.code))
    .bind(now)
    .execute(c)
    .await?
    .rows_affected());
    Ok(done == 1)
}

/// Notes until when the platform accepts nothing from the account; the longest time counts.
pub async fn update_rate_limited(tx: &mut Tx, id: &AccountId, until: Timestamp) -> Result<()> {
    sql!(tx, |c| sqlx::query(
        "UPDATE accounts SET rate_limited_until = $2
         WHERE id = $1 AND (rate_limited_until IS NULL OR rate_limited_until < $2)"
    )
    .bind(id)
    .bind(until)
    .execute(c)
    .await?
    .rows_affected());
    Ok(())
}

/// Notes when the platform last told us something about accounts.
pub async fn update_last_event(tx: &mut Tx, ids: &[AccountId], at: Timestamp) -> Result<()> {
    sql!(tx, |c| {
        let mut query = sqlx::QueryBuilder::new("UPDATE accounts SET last_event_at = ");
        query.push_bind(at).push(" WHERE TRUE");
        push_among!(query, "id", padded(ids));
        query.build().execute(c).await?.rows_affected()
    });
    Ok(())
}
