//! Comments that name an account, and answering them.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use posta_core::id::{AccountId, ProfileId, RemoteComment};
use posta_core::time::Timestamp;
use posta_platforms::contract::Under;
use posta_store::accounts::{self, Account, Filter};
use posta_store::comments::{self, Comment};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::comments::{check_text, loaded};
use super::conversation_list::SortOrder;
use super::error::{ApiError, Result};
use super::extract::{Body, Query};
use super::idempotency::{self, IdempotencyKey};
use super::page;
use crate::app::App;
use crate::flows;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct MentionQuery {
    /// Only those of this account.
    account_id: Option<AccountId>,
    /// Only those of accounts of this profile.
    profile_id: Option<ProfileId>,
    /// `desc` (the default) or `asc`, by the time they were written.
    sort_order: Option<SortOrder>,
    /// How many, at most 100.
    limit: Option<i64>,
    /// Where to go on.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MentionList {
    data: Vec<MentionShape>,
    pagination: MentionPage,
    meta: MentionMeta,
}

/// A comment that names an account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MentionShape {
    /// Our id of it.
    id: String,
    /// Its platform.
    platform: String,
    /// Always `comment`: the platform tells of no other mentions.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The platform's id of the post it stands under.
    media_id: Option<String>,
    /// Always null.
    post_id: Option<String>,
    /// The platform's id of the comment.
    comment_id: String,
    /// The account that is named.
    account_id: AccountId,
    /// Its handle.
    account_username: String,
    /// What the comment says.
    content: String,
    /// Always null: the platform does not tell.
    permalink: Option<String>,
    /// Always null.
    author_urn: Option<String>,
    /// The handle of whoever wrote it.
    author_name: Option<String>,
    /// The handle of whoever wrote it.
    author_username: Option<String>,
    /// Always null.
    author_picture: Option<String>,
    /// Always empty.
    organizational_entity: &'static str,
    /// When it was written.
    published_at: Timestamp,
    /// When Posta heard of it.
    created_at: Timestamp,
}

/// The end of a page of mentions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MentionPage {
    /// Whether there is more.
    has_more: bool,
    /// What to send as `cursor` for more; null at the end.
    cursor: Option<String>,
}

/// What a list of mentions is about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MentionMeta {
    /// How many there are.
    total: i64,
    /// The order.
    sort_order: SortOrder,
}

fn mention_shape(comment: Comment, account: &Account) -> MentionShape {
    MentionShape {
        id: comment.id.to_string(),
        platform: account.platform.clone(),
        kind: "comment",
        media_id: comment.post_id.map(String::from),
        post_id: None,
        comment_id: comment.remote_id.into(),
        account_id: account.id.clone(),
        account_username: account.username.clone(),
        content: comment.text.unwrap_or_default(),
        permalink: None,
        author_urn: None,
        author_name: comment.author_username.clone(),
        author_username: comment.author_username,
        author_picture: None,
        organizational_entity: "",
        published_at: comment.commented_at,
        created_at: comment.created_at,
    }
}

/// Lists the comments that name an account and of which its platform told. Captions and stories are not
/// among them: the former are not told to apps that connect by this login, the latter are messages.
#[utoipa::path(get, path = "/v1/inbox/mentions", operation_id = "list_inbox_mentions",
    tag = "Comments", params(MentionQuery), responses((status = 200, body = MentionList)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<MentionQuery>,
) -> Result<Json<MentionList>> {
    let limit = page::limit(query.limit, 25, 100)?;
    let place = page::place(query.cursor.as_deref())?;
    let order = query.sort_order.unwrap_or(SortOrder::Desc);
    let mut tx = app.db.read().await?;
    if let Some(id) = &query.account_id {
        caller.account(&mut tx, id).await?;
    }
    let profiles = caller.narrow(query.profile_id);
    let filter = Filter { profiles: profiles.as_deref(), platform: None, state: None };
    let all = accounts::list(&mut tx, caller.workspace(), &filter, None, i64::MAX).await?;
    let wanted = comments::Mentions {
        profiles: profiles.as_deref(),
        account: query.account_id.as_ref(),
        is_ascending: order == SortOrder::Asc,
        after: place.as_ref(),
    };
    let owner = caller.workspace();
    let total = comments::count_mentions(&mut tx, owner, &wanted).await?;
    let mut rows = comments::list_mentions(&mut tx, owner, &wanted, limit + 1).await?;
    let end = page::cut(&mut rows, limit, |one| page::cursor(one.commented_at, one.id.as_str()));
    let shape = |row: Comment| {
        let account = all.iter().find(|account| account.id == row.account_id)?;
        Some(mention_shape(row, account))
    };
    Ok(Json(MentionList {
        data: rows.into_iter().filter_map(shape).collect(),
        pagination: MentionPage { has_more: end.has_more, cursor: end.next_cursor },
        meta: MentionMeta { total, sort_order: order },
    }))
}

/// An answer to a mention.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MentionReply {
    /// The account that is named.
    account_id: AccountId,
    /// The platform's id of the post.
    media_id: String,
    /// The comment that names the account.
    comment_id: Option<String>,
    /// What the answer says.
    message: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MentionReplyAnswer {
    success: bool,
    /// The platform's id of the answer.
    id: String,
}

/// Answers a comment that names the account. A mention in a caption cannot be answered: the platform
/// offers that to apps of its other login only.
#[utoipa::path(post, path = "/v1/inbox/mentions/reply", operation_id = "reply_to_mention",
    tag = "Comments", params(IdempotencyKey), request_body = MentionReply,
    responses((status = 200, body = MentionReplyAnswer)))]
pub(crate) async fn reply(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<MentionReply>,
) -> Result<Response> {
    let wanted = body.value;
    check_text(&wanted.message)?;
    let account = loaded(&app, &caller, &wanted.account_id).await?;
    let Some(comment) = wanted.comment_id else {
        let message = format!(
            "{} lets this app answer comments that name the account, and no captions ({})",
            account.platform, wanted.media_id
        );
        let code = posta_core::failure::Code::PlatformNotSupported;
        return Err(ApiError::new(code, message).param("commentId"));
    };
    let under = Under::Comment(RemoteComment::new(comment));
    let write = async {
        let id = flows::comments::reply(&app, &account, &under, &wanted.message).await?;
        Ok(MentionReplyAnswer { success: true, id: id.into() })
    };
    idempotency::once_outside(&app, &caller, &key, &body.hash, write).await
}
