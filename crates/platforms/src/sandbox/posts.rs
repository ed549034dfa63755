//! Posts and what is said under them, files at links that end, and what is there to tap.

use posta_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::world::Network;

/// Something that was posted for everybody, or is being broadcast.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Post {
    pub(crate) id: String,
    /// The account's id, or the username of the person whose it is.
    pub(crate) by: String,
    pub(crate) caption: Option<String>,
    /// The platform's word for what it is made of, such as `IMAGE`.
    pub(crate) kind: String,
    /// The platform's word for where it shows, such as `FEED`.
    pub(crate) place: String,
    pub(crate) at: Timestamp,
    pub(crate) comments_enabled: bool,
    /// Whether it is being broadcast now.
    pub(crate) is_live: bool,
    /// Whether it was ever broadcast.
    pub(crate) was_live: bool,
    pub(crate) ad: Option<Ad>,
    pub(crate) likes: u64,
    pub(crate) comments: Vec<Comment>,
}

/// What makes a post an ad.
#[derive(Clone, Debug, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ad {
    pub(crate) ad_id: String,
    pub(crate) ad_title: String,
    pub(crate) original_media_id: Option<String>,
}

/// One comment, or an answer to one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comment {
    pub(crate) id: String,
    /// The person's username; `None` when the account itself wrote it.
    pub(crate) person: Option<String>,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
    pub(crate) parent: Option<String>,
    pub(crate) hidden: bool,
    /// When the account answered it in private.
    pub(crate) answered_privately_at: Option<Timestamp>,
    pub(crate) likes: u64,
}

/// A file that somebody sent, or that an app uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub(crate) id: String,
    /// The platform's word for what it is.
    pub(crate) kind: String,
    /// Where it came from, if an app brought it.
    pub(crate) source: Option<String>,
    /// When it stops to exist, whatever its links say.
    pub(crate) gone_at: Option<Timestamp>,
    /// What makes a link good, each with its end.
    pub(crate) links: Vec<(String, Timestamp)>,
}

/// A file that an app uploaded to send it by its id.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) account: String,
    /// The platform's word for what it is.
    pub(crate) kind: String,
}

/// What greets whoever comes by an ad.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) id: String,
    pub(crate) account: String,
    /// The platform's object, as it shows it.
    pub(crate) shown: Value,
}

impl Network {
    /// Returns what a menu item or opening question of the account carries, by what it says.
    pub(crate) fn offer(&self, account: &str, title: &str) -> Option<String> {
        self.menus.get(account)?.values().find_map(|menu| payload_of(menu, title))
    }

    /// Finds a post.
    pub(crate) fn post(&self, id: &str) -> Option<&Post> {
        self.posts.iter().find(|post| post.id == id)
    }

    /// Finds a post to change it.
    pub(crate) fn post_mut(&mut self, id: &str) -> Option<&mut Post> {
        self.posts.iter_mut().find(|post| post.id == id)
    }

    /// Finds a comment and the post that it is under.
    pub(crate) fn comment(&self, id: &str) -> Option<(&Post, &Comment)> {
        self.posts.iter().find_map(|post| Some((post, post.comment(id)?)))
    }
}

impl Post {
    /// Finds a comment.
    pub(crate) fn comment(&self, id: &str) -> Option<&Comment> {
        self.comments.iter().find(|comment| comment.id == id)
    }

    /// Finds a comment to change it.
    pub(crate) fn comment_mut(&mut self, id: &str) -> Option<&mut Comment> {
        self.comments.iter_mut().find(|comment| comment.id == id)
    }

    /// Takes a comment away, and every answer to it.
    pub(crate) fn remove(&mut self, id: &str) {
        self.comments.retain(|known| known.id != id && known.parent.as_deref() != Some(id));
    }
}

impl Comment {
    /// Makes one that nobody has reacted to yet.
    pub(crate) fn new(id: String, person: Option<String>, text: String, at: Timestamp) -> Self {
        let (parent, hidden, answered_privately_at, likes) = (None, false, None, 0);
        Self { id, person, text, at, parent, hidden, answered_privately_at, likes }
    }
}

/// Looks through a menu, whatever its form, for the item that says this.
fn payload_of(menu: &Value, title: &str) -> Option<String> {
    match menu {
        Value::Array(items) => items.iter().find_map(|item| payload_of(item, title)),
        Value::Object(item)
            if ["title", "question"]
                .iter()
                .any(|name| item.get(*name).is_some_and(|said| said == title)) =>
        {
            item.get("payload")?.as_str().map(str::to_owned)
        }
        Value::Object(item) => item.values().find_map(|inner| payload_of(inner, title)),
        _ => None,
    }
}
