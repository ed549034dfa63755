//! Comments in events.

use posta_core::id::{AccountId, RemoteComment};
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::comments::Comment;
use posta_store::conversations::Conversation;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{PersonProfile, person_profile};

/// A comment in an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommentBlock {
    /// The platform's id of it.
    pub id: RemoteComment,
    /// Always null: the post was not made through Posta.
    pub post_id: Option<String>,
    /// The platform's id of the post; empty where it does not say.
    pub platform_post_id: String,
    /// Its platform.
    pub platform: String,
    /// What it says.
    pub text: String,
    /// Who wrote it.
    pub author: CommentAuthor,
    /// When it was written.
    pub created_at: Timestamp,
    /// Whether it answers another comment.
    pub is_reply: bool,
    /// The comment it answers.
    pub parent_comment_id: Option<RemoteComment>,
    /// Whether it was written under a live broadcast.
    pub is_live: bool,
    /// The ad it stands under: `adId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub ad: Option<Value>,
}

/// Who wrote a comment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommentAuthor {
    /// The platform's id of them; empty where it does not say.
    pub id: String,
    /// Their handle.
    pub username: Option<String>,
    /// Their name, where they have written to the account.
    pub name: Option<String>,
    /// Their picture, where they have written to the account.
    pub picture: Option<String>,
    /// Whether the account itself wrote it.
    pub is_own_account: bool,
    /// Who they are towards the account, where they have written to it.
    pub instagram_profile: Option<PersonProfile>,
}

/// The post of a comment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostBlock {
    /// Always null: the post was not made through Posta.
    pub id: Option<String>,
    /// The platform's id of it; empty where it does not say.
    pub platform_post_id: String,
    /// Always null: the platform does not tell.
    pub content: Option<String>,
    /// Always null: the platform does not tell.
    pub image_url: Option<String>,
    /// Always null: the platform does not tell.
    pub permalink: Option<String>,
}

/// The account of a comment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommentAccount {
    /// Its id.
    pub id: AccountId,
    /// The same.
    pub account_id: AccountId,
    /// Its platform.
    pub platform: String,
    /// Its handle.
    pub username: String,
}

impl From<&Account> for CommentAccount {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.clone(),
            account_id: account.id.clone(),
            platform: account.platform.clone(),
            username: account.username.clone(),
        }
    }
}

impl CommentBlock {
    /// Shows a comment; the author's conversation says who they are, if there is one.
    #[must_use]
    pub fn new(account: &Account, comment: &Comment, author: Option<&Conversation>) -> Self {
        Self {
            id: comment.remote_id.clone(),
            post_id: None,
            platform_post_id: PostBlock::from(comment).platform_post_id,
            platform: account.platform.clone(),
            text: comment.text.clone().unwrap_or_default(),
            author: CommentAuthor {
                id: comment.author_id.clone().map(String::from).unwrap_or_default(),
                username: comment.author_username.clone(),
                name: author.and_then(|one| one.participant_name.clone()),
                picture: author.and_then(|one| one.participant_picture.clone()),
                is_own_account: comment.is_own,
                instagram_profile: author.and_then(person_profile),
            },
            created_at: comment.commented_at,
            is_reply: comment.parent_id.is_some(),
            parent_comment_id: comment.parent_id.clone(),
            is_live: comment.is_live,
            ad: comment.ad_id.as_ref().map(|id| json!({"adId": id})),
        }
    }
}

impl From<&Comment> for PostBlock {
    fn from(comment: &Comment) -> Self {
        Self {
            id: None,
            platform_post_id: comment.post_id.clone().map(String::from).unwrap_or_default(),
            content: None,
            image_url: None,
            permalink: None,
        }
    }
}
