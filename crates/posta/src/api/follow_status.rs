//! Whether a person follows an account.

use axum::Json;
use axum::extract::State;
use posta_core::id::{AccountId, RemotePerson};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Query, Segments};
use crate::app::App;
use crate::flows::people::{self, Unavailable};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FollowQuery {
    /// Whether to ask the platform even if what is known is fresh; at most once a minute.
    #[serde(default)]
    refresh: bool,
}

/// How a person and an account follow each other, as far as the platform says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FollowStatus {
    /// The platform's id of the person.
    user_id: String,
    /// The account.
    account_id: AccountId,
    /// Whether they follow the account; null when nobody knows.
    is_follower: Option<bool>,
    /// Whether the account follows them.
    is_followed_by_account: Option<bool>,
    /// How many people follow them.
    follower_count: Option<i64>,
    /// Whether the platform vouches for who they are.
    is_verified: Option<bool>,
    /// Their handle.
    username: Option<String>,
    /// Their name.
    name: Option<String>,
    /// Why the platform says nothing: most often the person has not written yet.
    unavailable_reason: Option<Unavailable>,
}

/// Gets how a person and an account follow each other.
///
/// What was read in the last two days is enough, unless `refresh` is set. The person need not have
/// a conversation here, but the platform tells only of people who have written to the account.
#[utoipa::path(get, path = "/v1/accounts/{accountId}/follow-status/{userId}",
    operation_id = "get_instagram_follow_status", tag = "Accounts",
    params(("accountId" = AccountId, Path, description = "The account"),
        ("userId" = String, Path, description = "The platform's id of the person"), FollowQuery),
    responses((status = 200, body = FollowStatus)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Segments(account, person): Segments,
    Query(query): Query<FollowQuery>,
) -> Result<Json<FollowStatus>> {
    let account: AccountId = account
        .parse()
        .map_err(|error| ApiError::bad_value("accountId", format!("is bad: {error}")))?;
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &account).await?;
    drop(tx);
    let seen =
        people::look(&app, &account, &RemotePerson::new(person.clone()), query.refresh).await?;
    Ok(Json(FollowStatus {
        user_id: person,
        account_id: account.id,
        is_follower: seen.known.is_follower,
        is_followed_by_account: seen.known.is_following,
        follower_count: seen.known.follower_count,
        is_verified: seen.known.is_verified,
        username: seen.username,
        name: seen.name,
        unavailable_reason: seen.known.unavailable_reason,
    }))
}
