//! Posts of accounts, and which of them have comments.

use axum::Json;
use axum::extract::State;
use futures_util::future::join_all;
use posta_core::id::{AccountId, ProfileId};
use posta_core::time::Timestamp;
use posta_platforms::contract::Post;
use posta_store::accounts::{self, Account, Filter, State as AccountState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::conversation_list::SortOrder;
use super::error::Result;
use super::extract::{Id, Query};
use super::meta::{FailedAccount, Meta};
use super::page::{self, CursorPage};
use crate::app::App;
use crate::flows::comments::{self, Posts};

/// A post with its numbers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostShape {
    /// The platform's id of it.
    id: String,
    /// Its platform.
    platform: String,
    /// The account that published it.
    account_id: AccountId,
    /// The account's handle.
    account_username: String,
    /// What it says.
    content: String,
    /// A picture of it, usually for a limited time.
    picture: Option<String>,
    /// Its public page.
    permalink: Option<String>,
    /// When it was published.
    created_time: Option<Timestamp>,
    /// How many comments stand under it.
    comment_count: i64,
    /// How many people like it.
    like_count: i64,
    /// Always null.
    cid: Option<String>,
    /// Always null.
    subreddit: Option<String>,
    /// Always false: ads are not looked up.
    is_ad: bool,
    /// Always null.
    ad_id: Option<String>,
    /// Always null.
    placement: Option<String>,
}

pub(super) fn post_shape(post: &Post, account: &Account) -> PostShape {
    PostShape {
        id: post.id.to_string(),
        platform: account.platform.clone(),
        account_id: account.id.clone(),
        account_username: account.username.clone(),
        content: post.text.clone().unwrap_or_default(),
        picture: post.picture.clone(),
        permalink: post.permalink.clone(),
        created_time: post.at,
        comment_count: post.comments.unwrap_or(0),
        like_count: post.likes.unwrap_or(0),
        cid: None,
        subreddit: None,
        is_ad: false,
        ad_id: None,
        placement: None,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct CommentedQuery {
    /// Only those of accounts of this profile.
    profile_id: Option<ProfileId>,
    /// Only those on this platform.
    platform: Option<String>,
    /// Only those with so many comments; 1 when left out.
    min_comments: Option<i64>,
    /// Only those published since.
    since: Option<Timestamp>,
    /// `date` (the default) or `comments`.
    sort_by: Option<SortBy>,
    /// `desc` (the default) or `asc`.
    sort_order: Option<SortOrder>,
    /// How many, at most 100.
    limit: Option<i64>,
    /// Where to go on.
    cursor: Option<String>,
    /// Only those of this account.
    account_id: Option<AccountId>,
}

/// What posts are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SortBy {
    /// When they were published.
    Date,
    /// How many comments they have.
    Comments,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommentedList {
    data: Vec<PostShape>,
    pagination: CursorPage,
    meta: Meta,
}

/// Lists posts that have comments, of all accounts, as their platforms had them at most ten minutes
/// ago. An account whose platform does not answer is named in `meta`; the others are there.
#[utoipa::path(get, path = "/v1/inbox/comments", operation_id = "list_inbox_comments",
    tag = "Comments", params(CommentedQuery), responses((status = 200, body = CommentedList)))]
pub(crate) async fn commented(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<CommentedQuery>,
) -> Result<Json<CommentedList>> {
    let limit = page::limit(query.limit, 50, 100)?;
    let start = page::offset(query.cursor.as_deref())?;
    let all = chosen(&app, &caller, &query).await?;
    let (asked, skipped): (Vec<_>, Vec<_>) = all.into_iter().partition(has_comments);
    let read = join_all(asked.iter().map(|account| comments::posts(&app, account))).await;
    let now = app.clock.now();
    let (mut data, mut failed, mut last_updated) = (Vec::new(), Vec::new(), now);
    for (account, result) in asked.iter().zip(read) {
        match result {
            Ok(Posts { posts, at }) => {
                last_updated = last_updated.min(at);
                let fitting = posts.iter().filter(|post| fits(post, &query));
                data.extend(fitting.map(|post| post_shape(post, account)));
            }
            Err(error) => failed.push(FailedAccount::unanswered(account, &error, now)),
        }
    }
    sort(&mut data, &query);
    let end = start.saturating_add(usize::try_from(limit).unwrap_or(0));
    let has_more = data.len() > end;
    let data = data.into_iter().skip(start).take(end - start).collect();
    let next_cursor = has_more.then(|| page::offset_cursor(end));
    let meta = Meta::of(asked.len(), last_updated).without(failed).skipping(skipped.iter());
    Ok(Json(CommentedList { data, pagination: CursorPage { has_more, next_cursor }, meta }))
}

async fn chosen(app: &App, caller: &Caller, query: &CommentedQuery) -> Result<Vec<Account>> {
    let mut tx = app.db.read().await?;
    if let Some(id) = &query.account_id {
        let account = caller.account(&mut tx, id).await?;
        let profiles = caller.narrow(query.profile_id.clone());
        let fits = profiles.is_none_or(|profiles| profiles.contains(&account.profile_id))
            && query.platform.as_ref().is_none_or(|wanted| *wanted == account.platform);
        return Ok(if fits { vec![account] } else { Vec::new() });
    }
    let profiles = caller.narrow(query.profile_id.clone());
    let filter = Filter {
        profiles: profiles.as_deref(),
        platform: query.platform.as_deref(),
        state: Some(AccountState::Connected),
    };
    Ok(accounts::list(&mut tx, caller.workspace(), &filter, None, i64::MAX).await?)
}

fn has_comments(account: &Account) -> bool {
    posta_platforms::get(&account.platform).is_some_and(|platform| platform.comments().is_some())
}

fn fits(post: &Post, query: &CommentedQuery) -> bool {
    post.comments.unwrap_or(0) >= query.min_comments.unwrap_or(1)
        && query.since.is_none_or(|since| post.at.is_some_and(|at| at >= since))
}

fn sort(data: &mut [PostShape], query: &CommentedQuery) {
    let number = |post: &PostShape| match query.sort_by {
        Some(SortBy::Comments) => post.comment_count,
        Some(SortBy::Date) | None => post.created_time.map_or(0, Timestamp::as_millis),
    };
    data.sort_by(|a, b| (number(a), &a.id).cmp(&(number(b), &b.id)));
    if query.sort_order != Some(SortOrder::Asc) {
        data.reverse();
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountPosts {
    /// `success`.
    status: &'static str,
    /// The newest posts, newest first.
    posts: Vec<AccountPost>,
    /// When they were read.
    last_updated: Timestamp,
}

/// A post of an account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountPost {
    /// The platform's id of it.
    id: String,
    /// Its platform.
    platform: String,
    /// What it says.
    message: String,
    /// When it was published.
    created_time: Option<Timestamp>,
    /// Its public page.
    permalink: Option<String>,
    /// A picture of it, usually for a limited time.
    picture: Option<String>,
    /// The kind, in the platform's words.
    media_type: Option<String>,
    /// How many comments stand under it.
    comment_count: i64,
    /// How many people like it.
    like_count: i64,
}

/// Lists an account's newest posts, as they were at most ten minutes ago.
#[utoipa::path(get, path = "/v1/accounts/{accountId}/posts", operation_id = "get_account_posts",
    tag = "Accounts", params(("accountId" = String, Path)),
    responses((status = 200, body = AccountPosts)))]
pub(crate) async fn of_account(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<AccountPosts>> {
    let account = super::comments::loaded(&app, &caller, &id).await?;
    let Posts { posts, at } = comments::posts(&app, &account).await?;
    let shape = |post: &Post| AccountPost {
        id: post.id.to_string(),
        platform: account.platform.clone(),
        message: post.text.clone().unwrap_or_default(),
        created_time: post.at,
        permalink: post.permalink.clone(),
        picture: post.picture.clone(),
        media_type: post.kind.clone(),
        comment_count: post.comments.unwrap_or(0),
        like_count: post.likes.unwrap_or(0),
    };
    let posts = posts.iter().map(shape).collect();
    Ok(Json(AccountPosts { status: "success", posts, last_updated: at }))
}
