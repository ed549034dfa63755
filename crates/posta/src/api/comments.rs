//! Comments under posts: read, answered, deleted, hidden.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use posta_core::failure::Code;
use posta_core::id::{AccountId, RemoteComment, RemotePost};
use posta_core::time::Timestamp;
use posta_platforms::contract::{Remark, Under};
use posta_store::accounts::Account;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Query, Segment};
use super::idempotency::{self, IdempotencyKey};
use super::page;
use super::posts::{PostShape, post_shape};
use crate::app::App;
use crate::flows::comments;

/// A comment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the unified API has these fields")]
pub(crate) struct CommentShape {
    /// The platform's id of it.
    id: String,
    /// What it says.
    message: String,
    /// When it was written.
    created_time: Option<Timestamp>,
    /// Who wrote it.
    from: Author,
    /// How many people like it.
    like_count: i64,
    /// How many replies are in `replies`.
    reply_count: usize,
    /// Its platform.
    platform: String,
    /// Always null.
    url: Option<String>,
    /// The first replies.
    #[schema(no_recursion)]
    replies: Vec<CommentShape>,
    /// Whether there are more replies; read them with `commentId`.
    replies_has_more: bool,
    /// Whether it can be answered: replies are one level deep.
    can_reply: bool,
    /// Whether it can be deleted.
    can_delete: bool,
    /// Whether it can be hidden: the account's own cannot.
    can_hide: bool,
    /// Always false: the platform lets no app like comments.
    can_like: bool,
    /// Whether it is hidden.
    is_hidden: bool,
    /// Always false.
    is_liked: bool,
    /// Always null.
    like_uri: Option<String>,
    /// Always null.
    cid: Option<String>,
    /// The comment it answers.
    parent_id: Option<String>,
    /// Always null.
    root_uri: Option<String>,
    /// Always null.
    root_cid: Option<String>,
}

/// Who wrote a comment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Author {
    /// The platform's id of them; empty when it does not say.
    id: String,
    /// Their handle, or their id.
    name: String,
    /// Their handle; empty when the platform does not say.
    username: String,
    /// Always null.
    picture: Option<String>,
    /// Whether it is the account itself.
    is_owner: bool,
    /// Always null.
    verified_type: Option<String>,
}

fn comment_shape(
    remark: Remark,
    account: &Account,
    parent: Option<&RemoteComment>,
) -> CommentShape {
    let parent = remark.parent.as_ref().or(parent).cloned();
    let (id, username) = (remark.author.unwrap_or_default(), remark.username.unwrap_or_default());
    let name = if username.is_empty() { id.clone() } else { username.clone() };
    let is_owner = remark.is_own || username == account.username;
    let replies = remark.replies.into_iter();
    let replies: Vec<_> =
        replies.map(|reply| comment_shape(reply, account, Some(&remark.id))).collect();
    CommentShape {
        message: remark.text.unwrap_or_default(),
        created_time: remark.at,
        from: Author { id, name, username, picture: None, is_owner, verified_type: None },
        like_count: remark.likes,
        reply_count: replies.len(),
        platform: account.platform.clone(),
        url: None,
        replies,
        replies_has_more: remark.has_more_replies,
        can_reply: parent.is_none(),
        can_delete: true,
        can_hide: !is_owner,
        can_like: false,
        is_hidden: remark.is_hidden.unwrap_or(false),
        is_liked: false,
        like_uri: None,
        cid: None,
        parent_id: parent.map(String::from),
        root_uri: None,
        root_cid: None,
        id: remark.id.into(),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// The account whose post it is.
    account_id: AccountId,
    /// How many, at most 100; a platform may give fewer at once.
    limit: Option<i64>,
    /// Where to go on.
    cursor: Option<String>,
    /// One comment with its replies, instead of all.
    comment_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommentList {
    /// `success`.
    status: &'static str,
    /// The comments, or the replies to the one that was asked for.
    comments: Vec<CommentShape>,
    /// The post, when it stands in the list that was read last.
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<PostShape>,
    /// The comment that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<CommentShape>,
    pagination: CommentPage,
    meta: CommentMeta,
}

/// The end of a page of comments.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommentPage {
    /// Whether there is more.
    has_more: bool,
    /// What to send as `cursor` for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// What a list of comments is about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommentMeta {
    /// The platform.
    platform: String,
    /// The platform's id of the post.
    post_id: String,
    /// The account whose post it is.
    account_id: AccountId,
    /// Now.
    last_updated: Timestamp,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    ad_comments: Option<Value>,
}

/// Lists the comments under a post, as the platform has them now.
#[utoipa::path(get, path = "/v1/inbox/comments/{postId}", operation_id = "get_inbox_post_comments",
    tag = "Comments", params(("postId" = String, Path, description = "The platform's id of it"), ListQuery),
    responses((status = 200, body = CommentList)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Segment(post): Segment,
    Query(query): Query<ListQuery>,
) -> Result<Json<CommentList>> {
    let limit = usize::try_from(page::limit(query.limit, 25, 100)?).unwrap_or(25);
    let cursor = query.cursor.as_deref().filter(|cursor| !cursor.is_empty());
    let account = loaded(&app, &caller, &query.account_id).await?;
    let post = RemotePost::new(post);
    let (comment, remarks, next) = if let Some(id) = query.comment_id {
        let mut one = comments::one(&app, &account, &RemoteComment::new(id)).await?;
        let replies = std::mem::take(&mut one.replies);
        (Some(one), replies, None)
    } else {
        let page = comments::list(&app, &account, &post, limit, cursor).await?;
        (None, page.items, page.next)
    };
    let parent = comment.as_ref().map(|one| one.id.clone());
    let shapes = remarks.into_iter().map(|one| comment_shape(one, &account, parent.as_ref()));
    let known = comments::known_post(&app, &account.id, &post);
    Ok(Json(CommentList {
        status: "success",
        comments: shapes.collect(),
        post: known.map(|post| post_shape(&post, &account)),
        comment: comment.map(|one| comment_shape(one, &account, None)),
        pagination: CommentPage { has_more: next.is_some(), cursor: next },
        meta: CommentMeta {
            platform: account.platform.clone(),
            post_id: post.into(),
            account_id: account.id,
            last_updated: app.clock.now(),
            ad_comments: None,
        },
    }))
}

/// A comment to write.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply {
    /// The account that writes it.
    account_id: AccountId,
    /// What it says.
    message: String,
    /// The comment to answer; without it, the post is commented on.
    comment_id: Option<String>,
    /// A picture; not on this platform.
    attachment_url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplyAnswer {
    success: bool,
    data: Replied,
}

/// A comment that was written.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replied {
    /// The platform's id of it.
    comment_id: String,
    /// Whether it answers a comment.
    is_reply: bool,
    /// Always null.
    cid: Option<String>,
}

/// Answers a comment, or comments on a post. Never done twice: when the platform does not answer, a
/// repeat with the same `Idempotency-Key` is refused.
#[utoipa::path(post, path = "/v1/inbox/comments/{postId}", operation_id = "reply_to_inbox_post",
    tag = "Comments", params(("postId" = String, Path, description = "The platform's id of it"), IdempotencyKey),
    request_body = Reply, responses((status = 200, body = ReplyAnswer)))]
pub(crate) async fn reply(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Segment(post): Segment,
    body: Body<Reply>,
) -> Result<Response> {
    let wanted = body.value;
    check_text(&wanted.message)?;
    let account = loaded(&app, &caller, &wanted.account_id).await?;
    if wanted.attachment_url.is_some() {
        let message = format!("comments on {} have no pictures", account.platform);
        return Err(ApiError::new(Code::PlatformNotSupported, message).param("attachmentUrl"));
    }
    let is_reply = wanted.comment_id.is_some();
    let under = match wanted.comment_id {
        Some(comment) => Under::Comment(RemoteComment::new(comment)),
        None => Under::Post(RemotePost::new(post)),
    };
    let write = async {
        let id = comments::reply(&app, &account, &under, &wanted.message).await?;
        let data = Replied { comment_id: id.into(), is_reply, cid: None };
        Ok(ReplyAnswer { success: true, data })
    };
    idempotency::once_outside(&app, &caller, &key, &body.hash, write).await
}

pub(super) fn check_text(message: &str) -> Result<()> {
    if message.trim().is_empty() {
        return Err(ApiError::bad_value("message", "must not be empty"));
    }
    Ok(())
}

pub(super) async fn loaded(app: &App, caller: &Caller, id: &AccountId) -> Result<Account> {
    let mut tx = app.db.read().await?;
    caller.account(&mut tx, id).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteQuery {
    /// The account whose post it is.
    account_id: AccountId,
    /// The platform's id of the comment.
    comment_id: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeleteCommentAnswer)]
pub(crate) struct DeleteAnswer {
    success: bool,
    data: Told,
}

/// What was done, in words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CommentDeleted)]
pub(crate) struct Told {
    message: &'static str,
}

/// Deletes a comment for ever.
#[utoipa::path(delete, path = "/v1/inbox/comments/{postId}",
    operation_id = "delete_inbox_comment", tag = "Comments",
    params(("postId" = String, Path, description = "The platform's id of it"), DeleteQuery),
    responses((status = 200, body = DeleteAnswer)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    _post: Segment,
    Query(query): Query<DeleteQuery>,
) -> Result<Json<DeleteAnswer>> {
    let account = loaded(&app, &caller, &query.account_id).await?;
    comments::delete(&app, &account, &RemoteComment::new(query.comment_id)).await?;
    Ok(Json(DeleteAnswer { success: true, data: Told { message: "Comment deleted" } }))
}
