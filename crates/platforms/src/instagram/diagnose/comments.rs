//! What others wrote under the account's newest posts, so that it shows when nobody tells of it.

use posta_core::finding::Finding;
use posta_core::id::RemoteComment;
use serde_json::Value;

use super::{Asked, ask, doubt};
use crate::contract::{Happening, Known};
use crate::cx::Cx;
use crate::meta::graph::{integer, list, text, time};

const SCOPE: &str = "instagram_business_manage_comments";

/// How many posts are looked below: each is a call.
const POSTS: usize = 3;

/// Whether comments are to be read at all. That the permission is missing is a finding of its own.
pub(super) fn is_granted(known: &Known<'_>) -> bool {
    known.scopes.is_none_or(|scopes| scopes.iter().any(|scope| scope == SCOPE))
}

/// Returns the newest comment of others under each of the newest posts that have any.
pub(super) async fn newest(cx: &Cx<'_>) -> (Finding, Vec<(RemoteComment, Happening)>) {
    let query = [("fields", "id,comments_count"), ("limit", "10")];
    let asked = ask(cx, &["me", "media"], &query).await;
    let answer = match asked.result {
        Ok(answer) => answer,
        Err(error) => return (doubt("comments", asked.call, &error), Vec::new()),
    };
    let has_comments = |post: &&Value| integer(post, "comments_count") != Some(0);
    let posts = list(Some(&answer)).iter().filter(has_comments);
    let ids: Vec<String> = posts.filter_map(|post| text(post, "id")).take(POSTS).collect();
    let (mut call, mut found) = (asked.call, Vec::new());
    for id in ids {
        let Asked { call: asked, result, .. } =
            ask(cx, &[&id, "comments"], &[("fields", "id,timestamp,from")]).await;
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => return (doubt("comments", asked, &error), found),
        };
        let own = cx.account.map_or("", |account| account.id.as_str());
        let comments = list(Some(&answer)).iter().filter(|comment| !is_own(comment, own));
        let comments = comments.filter_map(|comment| {
            Some((time(comment, "timestamp")?, RemoteComment::new(text(comment, "id")?)))
        });
        call = asked;
        // In which order they are listed is not documented.
        if let Some((at, comment)) = comments.max_by_key(|(at, _)| *at) {
            found.push((comment, Happening { at, call: call.clone() }));
        }
    }
    (Finding::fine("comments", call.to_string()), found)
}

fn is_own(comment: &Value, account: &str) -> bool {
    let from = comment.get("from").unwrap_or(&Value::Null);
    text(from, "id").is_some_and(|id| id == account) || !from["self_ig_scoped_id"].is_null()
}
