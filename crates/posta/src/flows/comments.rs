//! Comments under an account's posts: read at the platform, answered, hidden, deleted.

use std::sync::Arc;
use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::failure::{Code, ConnectorError};
use posta_core::id::{AccountId, RemoteComment, RemotePost};
use posta_core::time::Timestamp;
use posta_platforms::contract::{Comments, Moderation, Page, Post, Remark, Under};
use posta_store::accounts::Account;

use super::line::Line;
use super::{budget, refusal};
use crate::app::App;

/// How long a list of posts is taken for new: reading it anew each time would use up what an account
/// may ask in an hour.
const FRESH: Duration = Duration::from_mins(10);

/// How many pages of posts are read at most.
const PAGES: usize = 4;

/// The lists of posts that were read last.
#[derive(Clone, Debug)]
pub struct Shelf(moka::sync::Cache<AccountId, Posts>);

/// The posts of an account, and when they were read.
#[derive(Clone, Debug)]
pub struct Posts {
    /// The posts, newest first.
    pub posts: Arc<Vec<Post>>,
    /// When they were read.
    pub at: Timestamp,
}

impl Default for Shelf {
    fn default() -> Self {
        Self(moka::sync::Cache::new(1_000))
    }
}

/// Lists an account's newest posts, as they were ten minutes ago at the latest.
///
/// # Errors
/// When the platform refuses or cannot be asked.
pub async fn posts(app: &App, account: &Account) -> Result<Posts, ConnectorError> {
    let now = app.clock.now();
    if let Some(known) = app.shelf.0.get(&account.id).filter(|one| now.since(one.at) < FRESH) {
        return Ok(known);
    }
    let line = open(app, account).await?;
    let family = family(&line)?;
    let (mut all, mut after) = (Vec::new(), None::<String>);
    for page in 0..PAGES {
        if page > 0 {
            pay(app, account).await?;
        }
        let cx = line.cx(app);
        let read = family.posts(&cx, after.as_deref()).await?;
        all.extend(read.items);
        after = read.next;
        if after.is_none() {
            break;
        }
    }
    let posts = Posts { posts: Arc::new(all), at: now };
    app.shelf.0.insert(account.id.clone(), posts.clone());
    Ok(posts)
}

/// Finds a post in the list that was read last, without asking anybody.
#[must_use]
pub fn known_post(app: &App, account: &AccountId, id: &RemotePost) -> Option<Post> {
    app.shelf.0.get(account)?.posts.iter().find(|post| post.id == *id).cloned()
}

/// Lists comments under a post.
///
/// # Errors
/// When the platform refuses or cannot be asked.
pub async fn list(
    app: &App,
    account: &Account,
    post: &RemotePost,
    limit: usize,
    after: Option<&str>,
) -> Result<Page<Remark>, ConnectorError> {
    let line = open(app, account).await?;
    family(&line)?.comments(&line.cx(app), post, limit, after).await
}

/// Reads one comment.
///
/// # Errors
/// When the platform refuses or cannot be asked.
pub async fn one(
    app: &App,
    account: &Account,
    id: &RemoteComment,
) -> Result<Remark, ConnectorError> {
    let line = open(app, account).await?;
    family(&line)?.comment(&line.cx(app), id).await
}

/// Writes a comment as the account, once.
///
/// # Errors
/// When the platform refuses or cannot be asked, or when nobody knows whether it took it.
pub async fn reply(
    app: &App,
    account: &Account,
    under: &Under,
    text: &str,
) -> Result<RemoteComment, ConnectorError> {
    let line = open(app, account).await?;
    let written = family(&line)?.reply(&line.cx(app), under, text).await;
    // Even one of unknown outcome changes the numbers.
    app.shelf.0.invalidate(&account.id);
    written
}

/// Hides a comment, or shows it again.
///
/// # Errors
/// When the platform refuses or cannot be asked.
pub async fn hide(
    app: &App,
    account: &Account,
    comment: &RemoteComment,
    is_hidden: bool,
) -> Result<(), ConnectorError> {
    let line = open(app, account).await?;
    moderation(&line)?.hide(&line.cx(app), comment, is_hidden).await
}

/// Deletes a comment for ever.
///
/// # Errors
/// When the platform refuses or cannot be asked.
pub async fn delete(
    app: &App,
    account: &Account,
    comment: &RemoteComment,
) -> Result<(), ConnectorError> {
    let line = open(app, account).await?;
    moderation(&line)?.delete(&line.cx(app), comment).await?;
    app.shelf.0.invalidate(&account.id);
    Ok(())
}

async fn open(app: &App, account: &Account) -> Result<Line, ConnectorError> {
    pay(app, account).await?;
    Line::open(app, account).await
}

/// Takes a call out of what the account may ask.
async fn pay(app: &App, account: &Account) -> Result<(), ConnectorError> {
    budget::spend(app, account, CallClass::Other).await
}

fn family(line: &Line) -> Result<&'static dyn Comments, ConnectorError> {
    line.platform.comments().ok_or_else(|| {
        let message = format!("{} has no comments", line.platform.title());
        *refusal(Code::PlatformNotSupported, message)
    })
}

fn moderation(line: &Line) -> Result<&'static dyn Moderation, ConnectorError> {
    line.platform.moderation().ok_or_else(|| {
        let message =
            format!("comments are neither hidden nor deleted on {}", line.platform.title());
        *refusal(Code::PlatformNotSupported, message)
    })
}
