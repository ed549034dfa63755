//! Hiding comments; and what else is done to them elsewhere, which is refused.

use axum::Json;
use axum::extract::State;
use posta_core::failure::Code;
use posta_core::id::{AccountId, RemoteComment};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::comments::loaded;
use super::conversation_acts::not_supported;
use super::error::Result;
use super::extract::{Body, Query, Segment, Segments};
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

/// What no platform that Posta speaks lets apps do to comments or posts.
async fn refuse(
    app: &App,
    caller: &Caller,
    account: &AccountId,
    problem: &str,
) -> Result<Json<HideAnswer>> {
    let account = loaded(app, caller, account).await?;
    Err(not_supported(Code::PlatformNotSupported, &account, problem))
}

const NO_LIKES: &str = "no app can like comments or posts";
const NO_PINS: &str = "no app can pin comments";

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
    refuse(&app, &caller, &body.value.account_id, NO_LIKES).await
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
    refuse(&app, &caller, &query.account_id, NO_LIKES).await
}

/// Likes a post: no platform that Posta speaks lets apps do so.
#[utoipa::path(post, path = "/v1/inbox/posts/{postId}/like", operation_id = "like_post",
    tag = "Comments", params(("postId" = String, Path)), request_body = OfAccount,
    responses((status = 400, description = "Always: `platform_not_supported`")))]
pub(crate) async fn like_post(
    State(app): State<App>,
    caller: Caller,
    _path: Segment,
    body: Body<OfAccount>,
) -> Result<Json<HideAnswer>> {
    refuse(&app, &caller, &body.value.account_id, NO_LIKES).await
}

/// Takes a like of a post back: no platform that Posta speaks lets apps do so.
#[utoipa::path(delete, path = "/v1/inbox/posts/{postId}/like", operation_id = "unlike_post",
    tag = "Comments", params(("postId" = String, Path), AccountQuery),
    responses((status = 400, description = "Always: `platform_not_supported`")))]
pub(crate) async fn unlike_post(
    State(app): State<App>,
    caller: Caller,
    _path: Segment,
    Query(query): Query<AccountQuery>,
) -> Result<Json<HideAnswer>> {
    refuse(&app, &caller, &query.account_id, NO_LIKES).await
}

/// Pins a comment: no platform that Posta speaks lets apps do so.
#[utoipa::path(post, path = "/v1/inbox/comments/{postId}/{commentId}/pin",
    operation_id = "pin_inbox_comment", tag = "Comments",
    params(("postId" = String, Path), ("commentId" = String, Path)), request_body = OfAccount,
    responses((status = 400, description = "Always: `platform_not_supported`")))]
pub(crate) async fn pin(
    State(app): State<App>,
    caller: Caller,
    _path: Segments,
    body: Body<OfAccount>,
) -> Result<Json<HideAnswer>> {
    refuse(&app, &caller, &body.value.account_id, NO_PINS).await
}

/// Unpins a comment: no platform that Posta speaks lets apps do so.
#[utoipa::path(delete, path = "/v1/inbox/comments/{postId}/{commentId}/pin",
    operation_id = "unpin_inbox_comment", tag = "Comments",
    params(("postId" = String, Path), ("commentId" = String, Path), AccountQuery),
    responses((status = 400, description = "Always: `platform_not_supported`")))]
pub(crate) async fn unpin(
    State(app): State<App>,
    caller: Caller,
    _path: Segments,
    Query(query): Query<AccountQuery>,
) -> Result<Json<HideAnswer>> {
    refuse(&app, &caller, &query.account_id, NO_PINS).await
}

/// Lets a held comment through, or rejects it: no platform that Posta speaks holds comments.
#[utoipa::path(post, path = "/v1/inbox/comments/{postId}/{commentId}/moderation",
    operation_id = "set_comment_moderation", tag = "Comments",
    params(("postId" = String, Path), ("commentId" = String, Path)), request_body = OfAccount,
    responses((status = 400, description = "Always: `platform_not_supported`")))]
pub(crate) async fn moderate(
    State(app): State<App>,
    caller: Caller,
    _path: Segments,
    body: Body<OfAccount>,
) -> Result<Json<HideAnswer>> {
    let problem = "comments are not held for review; hide or delete them";
    refuse(&app, &caller, &body.value.account_id, problem).await
}

/// Changes a comment of the account: no platform that Posta speaks lets apps do so.
#[utoipa::path(patch, path = "/v1/inbox/comments/{postId}/{commentId}",
    operation_id = "edit_inbox_comment", tag = "Comments",
    params(("postId" = String, Path), ("commentId" = String, Path)), request_body = OfAccount,
    responses((status = 400, description = "Always: `platform_not_supported`")))]
pub(crate) async fn edit(
    State(app): State<App>,
    caller: Caller,
    _path: Segments,
    body: Body<OfAccount>,
) -> Result<Json<HideAnswer>> {
    let problem = "a comment cannot be changed; delete it and write another";
    refuse(&app, &caller, &body.value.account_id, problem).await
}
