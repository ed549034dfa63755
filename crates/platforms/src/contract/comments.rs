//! Posts of an account and what people write under them.

use posta_core::id::{RemoteComment, RemotePost};
use posta_core::time::Timestamp;

use super::{Answer, Page};
use crate::cx::Cx;

/// Reading and answering comments.
pub trait Comments: Sync {
    /// Lists the account's posts, newest first, from where an earlier page ended.
    fn posts<'a>(&'a self, cx: &'a Cx<'a>, after: Option<&'a str>) -> Answer<'a, Page<Post>>;

    /// Lists the comments under a post, each with the first of its replies, about `limit` of them
    /// from where an earlier page ended.
    fn comments<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        post: &'a RemotePost,
        limit: usize,
        after: Option<&'a str>,
    ) -> Answer<'a, Page<Remark>>;

    /// Reads one comment with the first of its replies.
    fn comment<'a>(&'a self, cx: &'a Cx<'a>, id: &'a RemoteComment) -> Answer<'a, Remark>;

    /// Writes a comment as the account. Neither repeats nor waits; people see it at once.
    fn reply<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        under: &'a Under,
        text: &'a str,
    ) -> Answer<'a, RemoteComment>;
}

/// Keeping order under the account's own posts.
pub trait Moderation: Sync {
    /// Hides a comment from everybody but its author, or shows it again.
    fn hide<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        comment: &'a RemoteComment,
        is_hidden: bool,
    ) -> Answer<'a, ()>;

    /// Deletes a comment for ever.
    fn delete<'a>(&'a self, cx: &'a Cx<'a>, comment: &'a RemoteComment) -> Answer<'a, ()>;
}

/// What a comment is written under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Under {
    /// A post.
    Post(RemotePost),
    /// Another comment.
    Comment(RemoteComment),
}

/// A post as the platform lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The platform's id of it.
    pub id: RemotePost,
    /// What it says.
    pub text: Option<String>,
    /// The kind, in the platform's words.
    pub kind: Option<String>,
    /// Its public page.
    pub permalink: Option<String>,
    /// A picture of it, usually for a limited time.
    pub picture: Option<String>,
    /// When it was published.
    pub at: Option<Timestamp>,
    /// How many comments stand under it.
    pub comments: Option<i64>,
    /// How many people like it.
    pub likes: Option<i64>,
}

/// A comment as the platform lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The platform's id of it.
    pub id: RemoteComment,
    /// The comment it answers.
    pub parent: Option<RemoteComment>,
    /// What it says.
    pub text: Option<String>,
    /// When it was written.
    pub at: Option<Timestamp>,
    /// Who wrote it: the platform's id of them.
    pub author: Option<String>,
    /// Their handle.
    pub username: Option<String>,
    /// Whether the account itself wrote it.
    pub is_own: bool,
    /// How many people like it.
    pub likes: i64,
    /// Whether it is hidden; `None` when the platform does not say.
    pub is_hidden: Option<bool>,
    /// Its replies, as far as they came with it.
    pub replies: Vec<Remark>,
    /// Whether there are more.
    pub has_more_replies: bool,
}
