//! Posts and comments: read, answered, hidden, deleted.

#[cfg(test)]
mod tests;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{RemoteAccount, RemoteComment, RemotePost};
use serde_json::Value;

use super::{Instagram, errors};
use crate::contract::{Answer, Comments, Moderation, Page, Post, Remark, Under};
use crate::cx::Cx;
use crate::http::RequestBuilder;
use crate::meta::errors::Call;
use crate::meta::graph::{self, integer, list, page, text, time};

/// What is asked of a post
/// (developers.facebook.com/docs/instagram-platform/reference/instagram-media, read 2026-11-24).
const POST: &str = "id,caption,media_type,media_product_type,permalink,media_url,thumbnail_url,\
                    timestamp,like_count,comments_count";

/// What is asked of a comment; replies are one level deep
/// (developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/comment-moderation,
/// read 2026-11-24).
const REPLY: &str = "id,text,timestamp,from,username,like_count,hidden,parent_id";

/// The most comments of a page (reported by integrations).
const PER_PAGE: usize = 50;

impl Comments for Instagram {
    fn posts<'a>(&'a self, cx: &'a Cx<'a>, after: Option<&'a str>) -> Answer<'a, Page<Post>> {
        Box::pin(async move {
            let account = cx.account()?.id.as_str();
            let mut query = vec![("fields", POST)];
            query.extend(after.map(|after| ("after", after)));
            let answer = read(cx, &[account, "media"], &query).await?;
            Ok(page(&answer, post))
        })
    }

    fn comments<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        post: &'a RemotePost,
        limit: usize,
        after: Option<&'a str>,
    ) -> Answer<'a, Page<Remark>> {
        Box::pin(async move {
            let account = &cx.account()?.id;
            let (fields, limit) = (with_replies(), limit.min(PER_PAGE).to_string());
            let mut query = vec![("fields", fields.as_str()), ("limit", limit.as_str())];
            query.extend(after.map(|after| ("after", after)));
            let answer = read(cx, &[post.as_str(), "comments"], &query).await?;
            Ok(page(&answer, |item| remark(item, account)))
        })
    }

    fn comment<'a>(&'a self, cx: &'a Cx<'a>, id: &'a RemoteComment) -> Answer<'a, Remark> {
        Box::pin(async move {
            let answer = read(cx, &[id.as_str()], &[("fields", &with_replies())]).await?;
            remark(&answer, &cx.account()?.id).ok_or_else(|| {
                let words = "Instagram showed a comment without an id";
                ConnectorError::new(Code::PlatformUnavailable, Retry::Transient, words)
            })
        })
    }

    /// The text travels as a parameter, as all samples of comments show it.
    fn reply<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        under: &'a Under,
        text: &'a str,
    ) -> Answer<'a, RemoteComment> {
        Box::pin(async move {
            let path = match under {
                Under::Post(post) => [post.as_str(), "comments"],
                Under::Comment(comment) => [comment.as_str(), "replies"],
            };
            let request = cx.http.post(url(cx, &path)).form(&[("message", text)]);
            let answer = call(cx, request, Call::Once).await?;
            graph::text(&answer, "id")
                .filter(|id| !id.is_empty())
                .map(RemoteComment::new)
                .ok_or_else(|| {
                    let words = "Instagram took the comment and gave it no id";
                    ConnectorError::new(Code::OutcomeUnknown, Retry::Unknown, words)
                })
        })
    }
}

impl Moderation for Instagram {
    /// `hide` is read from the query and nowhere else, and does nothing to the account's own
    /// comments (reported by integrations).
    fn hide<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        comment: &'a RemoteComment,
        is_hidden: bool,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let request = cx.http.post(url(cx, &[comment.as_str()])).query(&[("hide", is_hidden)]);
            call(cx, request, Call::Repeatable).await.map(drop)
        })
    }

    fn delete<'a>(&'a self, cx: &'a Cx<'a>, comment: &'a RemoteComment) -> Answer<'a, ()> {
        Box::pin(async move {
            let request = cx.http.delete(url(cx, &[comment.as_str()]));
            call(cx, request, Call::Repeatable).await.map(drop)
        })
    }
}

fn with_replies() -> String {
    format!("{REPLY},replies{{{REPLY}}}")
}

fn url(cx: &Cx<'_>, path: &[&str]) -> url::Url {
    let segments: Vec<_> = [cx.site.version()].into_iter().chain(path.iter().copied()).collect();
    cx.site.url("graph", &segments)
}

async fn read(cx: &Cx<'_>, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ConnectorError> {
    call(cx, cx.http.get(url(cx, path)).query(query), Call::Repeatable).await
}

async fn call(cx: &Cx<'_>, request: RequestBuilder, call: Call) -> Result<Value, ConnectorError> {
    let token = &cx.account()?.token;
    let answer = graph::call(cx, request.bearer_auth(token.expose())).await;
    answer.map_err(|failed| errors::judge(failed, call, cx.clock.now()))
}

fn post(item: &Value) -> Option<Post> {
    Some(Post {
        id: text(item, "id").filter(|id| !id.is_empty()).map(RemotePost::new)?,
        text: text(item, "caption"),
        // `media_type` is VIDEO for reels too.
        kind: text(item, "media_product_type")
            .filter(|kind| kind != "FEED")
            .or_else(|| text(item, "media_type")),
        permalink: text(item, "permalink"),
        picture: text(item, "thumbnail_url").or_else(|| text(item, "media_url")),
        at: time(item, "timestamp"),
        comments: integer(item, "comments_count"),
        likes: integer(item, "like_count"),
    })
}

fn remark(item: &Value, account: &RemoteAccount) -> Option<Remark> {
    let from = item.get("from").unwrap_or(&Value::Null);
    let author = text(from, "id");
    let is_own = author.as_deref() == Some(account.as_str())
        || from.get("self_ig_scoped_id").is_some_and(|id| !id.is_null());
    let replies = item.get("replies");
    Some(Remark {
        id: text(item, "id").filter(|id| !id.is_empty()).map(RemoteComment::new)?,
        parent: text(item, "parent_id").map(RemoteComment::new),
        text: text(item, "text"),
        at: time(item, "timestamp"),
        username: text(from, "username").or_else(|| text(item, "username")),
        author,
        is_own,
        likes: integer(item, "like_count").unwrap_or(0),
        is_hidden: item.get("hidden").and_then(Value::as_bool),
        replies: list(replies).iter().filter_map(|reply| remark(reply, account)).collect(),
        has_more_replies: replies.is_some_and(|replies| graph::next(replies).is_some()),
    })
}
