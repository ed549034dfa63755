//! How accounts are: whether their token lives, what they may do, what a person should mend.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use posta_core::id::{AccountId, ProfileId, WorkspaceId};
use posta_core::time::Timestamp;
use posta_store::accounts::{self, Account, Filter, State as AccountState};
use posta_store::walks::{self, Kind, Walk};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::account_permissions::{Permissions, is_granted, permissions};
use super::auth::Caller;
use super::error::Result;
use super::extract::{Id, Query};
use super::history::summary;
use crate::app::App;
use crate::flows::{reconnect, subscriptions};

/// A token that dies within this time is worth a warning.
const SOON: Duration = Duration::from_hours(7 * 24);

/// Inside this time before its end a token needs to be renewed at once.
const URGENT: Duration = Duration::from_hours(24);

/// How an account is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = HealthStatus)]
pub(crate) enum Status {
    /// Nothing to do.
    Healthy,
    /// Something will stop working, or is missing.
    Warning,
    /// It cannot be used.
    Error,
}

/// How an account is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the unified API has these fields")]
pub(crate) struct Health {
    /// The account.
    account_id: AccountId,
    /// Its platform.
    platform: String,
    /// Its handle.
    username: String,
    /// Its name for people.
    display_name: String,
    /// Its profile.
    profile_id: ProfileId,
    /// How it is, in one word.
    status: Status,
    /// Whether publishing is granted.
    can_post: bool,
    /// Always false: there are no analytics yet.
    can_fetch_analytics: bool,
    /// Whether the platform accepts the token, as far as we know.
    token_valid: bool,
    /// When the token dies.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_expires_at: Option<Timestamp>,
    /// Whether only a new login helps.
    needs_reconnect: bool,
    /// What is wrong, for people.
    issues: Vec<String>,
    /// The workspace.
    owner_user_id: WorkspaceId,
    /// Why it cannot be used.
    disconnect_reason: Option<String>,
    /// The same in one word, such as `token_expired` or `app_removed`.
    disconnect_reason_code: Option<String>,
    /// `unintentional` when it was lost; null while it works.
    disconnection_type: Option<&'static str>,
    /// Since when it cannot be used.
    unhealthy_since: Option<Timestamp>,
    /// When the platform last told us something about the account.
    last_event_at: Option<Timestamp>,
    /// Set while the platform accepts no messages from it.
    messaging_restriction: Option<Restriction>,
    /// What the last comparison with the platform found, in one line.
    reconcile: String,
}

/// Why the platform takes no messages from the account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Restriction {
    /// The platform's code.
    code: Option<i64>,
    /// The finer code below it.
    subcode: Option<i64>,
    /// What the platform said.
    message: Option<String>,
    /// When it first said so.
    first_seen_at: Timestamp,
    /// When it last said so.
    last_seen_at: Timestamp,
    /// Until when nothing is sent; null when somebody has to act first.
    paused_until: Option<Timestamp>,
}

fn restriction(account: &Account, now: Timestamp) -> Option<Restriction> {
    let known = account.restriction.as_ref()?.0.clone();
    // After the pause the next message tells.
    if known.paused_until.is_some_and(|until| until <= now) {
        return None;
    }
    Some(Restriction {
        code: known.code,
        subcode: known.subcode,
        message: known.message,
        first_seen_at: known.first_seen_at,
        last_seen_at: known.last_seen_at,
        paused_until: known.paused_until,
    })
}

/// Something that is wrong, and what to do about it.
struct Issue {
    what: String,
    remedy: String,
}

fn issue(what: impl Into<String>, remedy: impl Into<String>) -> Issue {
    Issue { what: what.into(), remedy: remedy.into() }
}

fn issues(app: &App, account: &Account, now: Timestamp) -> Vec<Issue> {
    if account.state != AccountState::Connected {
        let reason = account.state_reason.as_deref().unwrap_or("it is disconnected");
        let remedy = format!("Connect it again: {}", reconnect::url(app, account));
        return vec![issue(format!("The account cannot be used: {reason}"), remedy)];
    }
    let mut issues = Vec::new();
    if account.token_expires_at.is_some_and(|expires| expires.since(now) < SOON) {
        issues.push(issue(
            "Its token ends within 7 days and could not be renewed yet.",
            "Posta keeps trying; if it stays so, connect the account again.",
        ));
    }
    let lacks = ["messaging", "comments"].into_iter().filter(|area| !is_granted(account, area));
    for area in lacks {
        issues.push(issue(
            format!("The permissions for {area} were not granted."),
            format!("Connect the account again and allow {area}, if you need it."),
        ));
    }
    if let Some(fields) = &account.subscribed_fields {
        let missing = subscriptions::missing(account, fields);
        if !missing.is_empty() {
            issues.push(issue(
                format!("It is not subscribed to {}.", missing.join(", ")),
                "Subscribe it again with POST …/webhook-subscription.",
            ));
        }
    }
    if let Some(restriction) = restriction(account, now) {
        let said = restriction.message.unwrap_or_default();
        issues.push(issue(
            format!("The platform takes no messages from it now: {said}"),
            "Stop sending for some hours and look into its status in the platform's app.",
        ));
    }
    issues
}

fn health(app: &App, account: &Account, compared: Option<&Walk>, now: Timestamp) -> Health {
    let is_connected = account.state == AccountState::Connected;
    let issues: Vec<String> =
        issues(app, account, now).into_iter().map(|issue| issue.what).collect();
    let status = match (is_connected, issues.is_empty()) {
        (false, _) => Status::Error,
        (true, false) => Status::Warning,
        (true, true) => Status::Healthy,
    };
    Health {
        account_id: account.id.clone(),
        platform: account.platform.clone(),
        username: account.username.clone(),
        display_name: account.display_name.clone().unwrap_or_else(|| account.username.clone()),
        profile_id: account.profile_id.clone(),
        status,
        can_post: is_connected && is_granted(account, "posting"),
        can_fetch_analytics: false,
        token_valid: is_connected,
        token_expires_at: account.token_expires_at,
        needs_reconnect: !is_connected,
        issues,
        owner_user_id: account.workspace_id.clone(),
        disconnect_reason: account.state_reason.clone(),
        disconnect_reason_code: account.state_code.clone(),
        disconnection_type: (!is_connected).then_some("unintentional"),
        unhealthy_since: (!is_connected).then_some(account.state_since),
        last_event_at: account.last_event_at,
        messaging_restriction: restriction(account, now),
        reconcile: summary(compared),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct HealthQuery {
    /// Only those of this profile.
    profile_id: Option<ProfileId>,
    /// Only those on this platform.
    platform: Option<String>,
    /// `healthy`, `warning` or `error`.
    status: Option<Status>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthList {
    summary: Summary,
    accounts: Vec<Health>,
}

/// How many accounts are how.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    total: usize,
    healthy: usize,
    warning: usize,
    error: usize,
    needs_reconnect: usize,
}

/// Tells how all accounts are.
#[utoipa::path(get, path = "/v1/accounts/health", operation_id = "get_all_accounts_health",
    tag = "Accounts", params(HealthQuery),
    responses((status = 200, body = HealthList)))]
pub(crate) async fn all(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<HealthQuery>,
) -> Result<Json<HealthList>> {
    let profiles = caller.narrow(query.profile_id);
    let filter =
        Filter { profiles: profiles.as_deref(), platform: query.platform.as_deref(), state: None };
    let mut tx = app.db.read().await?;
    let rows = accounts::list(&mut tx, caller.workspace(), &filter, None, i64::MAX).await?;
    let now = app.clock.now();
    let walks = walks::list(&mut tx, caller.workspace(), Kind::Reconcile).await?;
    let walks: HashMap<_, _> = walks.iter().map(|walk| (&walk.account_id, walk)).collect();
    let mut accounts: Vec<Health> = rows
        .iter()
        .map(|account| health(&app, account, walks.get(&account.id).copied(), now))
        .collect();
    let count = |status| accounts.iter().filter(|one| one.status == status).count();
    let summary = Summary {
        total: accounts.len(),
        healthy: count(Status::Healthy),
        warning: count(Status::Warning),
        error: count(Status::Error),
        needs_reconnect: accounts.iter().filter(|one| one.needs_reconnect).count(),
    };
    if let Some(status) = query.status {
        accounts.retain(|one| one.status == status);
    }
    Ok(Json(HealthList { summary, accounts }))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OneHealth {
    #[serde(flatten)]
    health: Health,
    /// How its token is.
    token_status: TokenStatus,
    /// What its owner granted.
    permissions: Permissions,
    /// What a person should do.
    recommendations: Vec<String>,
}

/// How a token is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenStatus {
    /// Whether the platform accepts it, as far as we know.
    valid: bool,
    /// When it dies.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// The time left, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<String>,
    /// Whether less than 24 hours are left.
    needs_refresh: bool,
}

/// Tells how an account is.
#[utoipa::path(get, path = "/v1/accounts/{accountId}/health", operation_id = "get_account_health",
    tag = "Accounts", params(("accountId" = AccountId, Path, description = "Its id")),
    responses((status = 200, body = OneHealth)))]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<OneHealth>> {
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &id).await?;
    let now = app.clock.now();
    let walk = walks::find(&mut tx, caller.workspace(), &id, Kind::Reconcile).await?;
    let health = health(&app, &account, walk.as_ref(), now);
    let recommendations = issues(&app, &account, now).into_iter().map(|issue| issue.remedy);
    let left = account.token_expires_at.map(|expires| expires.since(now));
    Ok(Json(OneHealth {
        token_status: TokenStatus {
            valid: health.token_valid,
            expires_at: account.token_expires_at,
            expires_in: left.map(|left| {
                let hours = left.as_secs() / 3600;
                format!("{} days and {} hours", hours / 24, hours % 24)
            }),
            needs_refresh: left.is_some_and(|left| left < URGENT),
        },
        permissions: permissions(&account),
        recommendations: recommendations.collect(),
        health,
    }))
}
