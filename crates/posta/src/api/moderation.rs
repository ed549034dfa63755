//! Hiding comments, and liking them, which is refused.

use axum::Json;
use axum::extract::State;
use posta_core::failure::Code;
use posta_core::id::{AccountId, RemoteComment};
use posta_store::accounts::Account;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::comments::loaded;
use super::error::{ApiError, Result};
use super::extract::{Body, Query, Segments};
use crate::app::App;
use crate::flows::comments;

/// Whose post a comment stands under.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfAccount {
    /// The account.
    account_id: AccountId,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountQuery {
    /// The account whose post it is.
    account_id: AccountId,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HideAnswer {
    /// `success`.
    status: &'static str,
    /// The platform's id of it.
    comment_id: String,
    /// Whether it is hidden now.
    hidden: bool,
    /// The platform.
    platform: String,
}

/// Hides a comment from everybody but whoever wrote it.
#[utoipa::path(post, path = "/v1/inbox/comments/{postId}/{commentId}/hide",
    operation_id = "hide_inbox_comment", tag = "Comments",
    params(("postId" = String, Path), ("commentId" = String, Path)), request_body = OfAccount,
    responses((status = 200, body = HideAnswer)))]
pub(crate) async fn hide(
    State(app): State<App>,
    caller: Caller,
    Segments(_post, comment): Segments,
    body: Body<OfAccount>,
) -> Result<Json<HideAnswer>> {
    set_hidden(&app, &caller, &body.value.account_id, comment, true).await
}

/// Shows a hidden comment again.
#[utoipa::path(delete, path = "/v1/inbox/comments/{postId}/{commentId}/hide",
    operation_id = "unhide_inbox_comment", tag = "Comments",
    params(("postId" = String, Path), ("commentId" = String, Path), AccountQuery),
    responses((status = 200, body = HideAnswer)))]
pub(crate) async fn unhide(
    State(app): State<App>,
    caller: Caller,
    Segments(_post, comment): Segments,
    Query(query): Query<AccountQuery>,
) -> Result<Json<HideAnswer>> {
    set_hidden(&app, &caller, &query.account_id, comment, false).await
}

async fn set_hidden(
    app: &App,
    caller: &Caller,
    account: &AccountId,
    comment: String,
    hidden: bool,
) -> Result<Json<HideAnswer>> {
    let account = loaded(app, caller, account).await?;
    comments::hide(app, &account, &RemoteComment::new(comment.clone()), hidden).await?;
    let (comment_id, platform) = (comment, account.platform);
    Ok(Json(HideAnswer { status: "success", comment_id, hidden, platform }))
}

/// Likes a comment: no platform that Posta speaks lets apps do so.
#[utoipa::path(post, path = "/v1/inbox/comments/{postId}/{commentId}/like",
    operation_id = "like_inbox_comment", tag = "Comments",
    params(("postId" = String, Path), ("commentId" = String, Path)), request_body = OfAccount,
    responses((status = 400, description = "Always: `platform_not_supported`")))]
pub(crate) async fn like(
    State(app): State<App>,
    caller: Caller,
    _path: Segments,
    body: Body<OfAccount>,
) -> Result<Json<HideAnswer>> {
    Err(no_likes(&loaded(&app, &caller, &body.value.account_id).await?))
}

/// Takes a like back: no platform that Posta speaks lets apps do so.
#[utoipa::path(delete, path = "/v1/inbox/comments/{postId}/{commentId}/like",
    operation_id = "unlike_inbox_comment", tag = "Comments",
    params(("postId" = String, Path), ("commentId" = String, Path), AccountQuery),
    responses((status = 400, description = "Always: `platform_not_supported`")))]
pub(crate) async fn unlike(
    State(app): State<App>,
    caller: Caller,
    _path: Segments,
    Query(query): Query<AccountQuery>,
) -> Result<Json<HideAnswer>> {
    Err(no_likes(&loaded(&app, &caller, &query.account_id).await?))
}

fn no_likes(account: &Account) -> ApiError {
    let message = format!("{} lets no app like comments", account.platform);
    ApiError::new(Code::PlatformNotSupported, message)
}
