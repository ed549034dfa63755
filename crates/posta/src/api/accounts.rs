//! Connected accounts: how they look, and what can be done to one: rename, move, disconnect.

use axum::Json;
use axum::extract::State;
use posta_core::id::{AccountId, OauthAppId, ProfileId};
use posta_core::time::Timestamp;
use posta_platforms::contract::Auth;
use posta_store::accounts::{self, Account, State as AccountState};
use posta_store::health;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::account_permissions::is_granted;
use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Id};
use super::profiles::{MessageAnswer, ProfileShape};
use crate::app::App;
use crate::flows::disconnect::{self, Farewell};

/// A connected account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountShape {
    /// Its id.
    #[serde(rename = "_id")]
    id: AccountId,
    /// Its platform.
    platform: String,
    /// Its profile, whole.
    profile_id: ProfileShape,
    /// Its handle.
    username: String,
    /// Its name for people.
    display_name: String,
    /// Its picture.
    profile_picture: Option<String>,
    /// Its public page.
    profile_url: Option<String>,
    /// The platform's id of it towards the app.
    platform_user_id: String,
    /// Whether it can be used.
    is_active: bool,
    /// Whether the platform no longer accepts its token.
    needs_reconnection: bool,
    /// Always true.
    enabled: bool,
    /// Always null.
    parent_account_id: Option<AccountId>,
    /// Until when calls for it wait, because the platform refuses them or soon would.
    rate_limited_until: Option<Timestamp>,
    /// Your own app that it is connected through.
    oauth_app_id: Option<OauthAppId>,
    /// The permission areas that were granted, when it is connected through an app of yours.
    scope_areas: Option<Vec<String>>,
    /// How many people followed it when it was connected.
    followers_count: Option<i64>,
    /// When that was.
    followers_last_updated: Option<Timestamp>,
    /// What else the platform says of it.
    #[schema(value_type = Object)]
    metadata: Value,
    /// When it was first connected.
    created_at: Timestamp,
}

/// Shows an account.
pub(super) fn shape(account: Account, profile: ProfileShape, now: Timestamp) -> AccountShape {
    let is_active = account.state == AccountState::Connected;
    let scope_areas = account.oauth_app_id.is_some().then(|| granted_areas(&account));
    AccountShape {
        platform_user_id: account.app_scoped_id.unwrap_or_else(|| account.remote_id.to_string()),
        id: account.id,
        platform: account.platform,
        profile_id: profile,
        display_name: account.display_name.unwrap_or_else(|| account.username.clone()),
        username: account.username,
        profile_picture: account.picture,
        profile_url: account.profile_url,
        is_active,
        needs_reconnection: !is_active,
        enabled: true,
        parent_account_id: None,
        rate_limited_until: account
            .rate_limited_until
            .max(account.paused_until)
            .filter(|until| *until > now),
        oauth_app_id: account.oauth_app_id,
        scope_areas,
        followers_count: account.followers,
        followers_last_updated: account.token_issued_at,
        metadata: account.metadata.0,
        created_at: account.created_at,
    }
}

fn granted_areas(account: &Account) -> Vec<String> {
    let auth = posta_platforms::get(&account.platform).and_then(|one| one.auth());
    let areas = auth.map(Auth::scopes).unwrap_or_default().iter().filter_map(|one| one.area);
    areas.filter(|area| is_granted(account, area)).map(str::to_owned).collect()
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rename {
    /// What to call its handle.
    username: Option<String>,
    /// What to call it.
    display_name: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RenameAnswer {
    message: &'static str,
    username: String,
    display_name: String,
}

/// Takes a name for people, if one is given.
fn name(param: &str, text: Option<&str>) -> Result<Option<String>> {
    let text = text.map(str::trim);
    if text.is_some_and(|text| text.is_empty() || text.chars().count() > 255) {
        return Err(ApiError::bad_value(param, "must have 1 to 255 characters"));
    }
    Ok(text.map(str::to_owned))
}

/// Calls an account something else here. The platform does not hear of it.
#[utoipa::path(put, path = "/v1/accounts/{accountId}", operation_id = "update_account",
    tag = "Accounts", params(("accountId" = AccountId, Path, description = "Its id")),
    request_body = Rename,
    responses((status = 200, body = RenameAnswer)))]
pub(crate) async fn rename(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
    body: Body<Rename>,
) -> Result<Json<RenameAnswer>> {
    let username = name("username", body.value.username.as_deref())?;
    let display_name = name("displayName", body.value.display_name.as_deref())?;
    if username.is_none() && display_name.is_none() {
        return Err(ApiError::missing("username"));
    }
    let mut tx = app.db.write().await?;
    let owner = caller.workspace();
    let before = caller.account(&mut tx, &id).await?;
    let (new, shown) = (username.as_deref(), display_name.as_deref());
    health::update_names(&mut tx, owner, &before.id, new, shown).await?;
    let account = caller.account(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(Json(RenameAnswer {
        message: "Account updated",
        display_name: account.display_name.unwrap_or_else(|| account.username.clone()),
        username: account.username,
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Move {
    /// The profile that receives the account.
    profile_id: ProfileId,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MoveAnswer {
    message: &'static str,
    profile_id: ProfileId,
}

/// Moves an account to another profile.
#[utoipa::path(patch, path = "/v1/accounts/{accountId}", operation_id = "move_account_to_profile",
    tag = "Accounts", params(("accountId" = AccountId, Path, description = "Its id")),
    request_body = Move,
    responses((status = 200, body = MoveAnswer)))]
pub(crate) async fn move_to_profile(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
    body: Body<Move>,
) -> Result<Json<MoveAnswer>> {
    let mut tx = app.db.write().await?;
    let account = caller.account(&mut tx, &id).await?;
    let profile = caller.profile(&mut tx, &body.value.profile_id).await?;
    accounts::update_profile(&mut tx, caller.workspace(), &account.id, &profile.id).await?;
    tx.commit().await?;
    Ok(Json(MoveAnswer { message: "Account moved", profile_id: profile.id }))
}

/// Disconnects an account, ends its subscription and forgets its token. Its conversations stay, and
/// come back with it.
#[utoipa::path(delete, path = "/v1/accounts/{accountId}", operation_id = "delete_account",
    tag = "Accounts", params(("accountId" = AccountId, Path, description = "Its id")),
    responses((status = 200, body = MessageAnswer)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<MessageAnswer>> {
    let mut tx = app.db.write().await?;
    let account = caller.account(&mut tx, &id).await?;
    let farewell = Farewell::to(&app, &mut tx, std::slice::from_ref(&account)).await?;
    disconnect::disconnect(&app, &mut tx, &account).await?;
    tx.commit().await?;
    farewell.say(&app);
    app.wake.announced();
    Ok(Json(MessageAnswer { message: "Account disconnected" }))
}
