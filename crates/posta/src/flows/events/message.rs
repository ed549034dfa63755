//! Messages in events, and whoever wrote them.

use posta_core::event::{Attachment, AttachmentKind, Direction};
use posta_core::id::{ConversationId, MessageId, RemoteMessage};
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::conversations::Conversation;
use posta_store::messages::{Edition, Message};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::flows::people::Known;

/// A message in an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageBlock {
    /// Our id of it.
    pub id: MessageId,
    /// Our id of its conversation.
    pub conversation_id: ConversationId,
    /// Its platform.
    pub platform: String,
    /// The platform's id of it.
    pub platform_message_id: Option<RemoteMessage>,
    /// Which way it went.
    pub direction: Direction,
    /// Its text.
    pub text: Option<String>,
    /// Its attachments.
    pub attachments: Vec<AttachmentBlock>,
    /// Who wrote it.
    pub sender: SenderBlock,
    /// When it was written.
    pub sent_at: Timestamp,
    /// Whether it has been read on our side.
    pub is_read: bool,
    /// What made us send it.
    pub sent_via: Option<String>,
    /// Always null: there are no automations yet.
    pub automation_id: Option<String>,
    /// Always null: there are no workflows yet.
    pub workflow_id: Option<String>,
    /// Always null: there are no workflows yet.
    pub execution_id: Option<String>,
    /// Always null: there are no broadcasts yet.
    pub broadcast_id: Option<String>,
    /// Always null: there are no sequences yet.
    pub sequence_id: Option<String>,
}

/// An attachment in an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentBlock {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: AttachmentKind,
    /// The platform's own word, when it says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_type: Option<String>,
    /// Where it can be fetched, usually for a limited time; empty when the platform gives no URL.
    pub url: String,
    /// What else the platform says of it.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Object>)]
    pub payload: Value,
}

impl From<Attachment> for AttachmentBlock {
    fn from(attachment: Attachment) -> Self {
        Self {
            kind: attachment.kind,
            original_type: attachment.original,
            url: attachment.url.unwrap_or_default(),
            payload: attachment.payload,
        }
    }
}

/// Who wrote a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SenderBlock {
    /// The platform's id of the person, or our id of the account.
    pub id: String,
    /// Their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Their picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// Who the person is towards the account, where the platform said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instagram_profile: Option<PersonProfile>,
}

/// Who a person is towards an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonProfile {
    /// Whether the person follows the account.
    pub is_follower: Option<bool>,
    /// Whether the account follows the person.
    pub is_following: Option<bool>,
    /// How many follow the person.
    pub follower_count: Option<i64>,
    /// Whether the platform vouches for who they are.
    pub is_verified: Option<bool>,
}

/// What a message said before it was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EditionBlock {
    /// Its text.
    pub text: Option<String>,
    /// Its attachments.
    pub attachments: Vec<AttachmentBlock>,
    /// When it ceased to say that.
    pub edited_at: Timestamp,
}

/// Shows a message in an event.
#[must_use]
pub fn message_block(
    account: &Account,
    conversation: &Conversation,
    message: &Message,
) -> Box<MessageBlock> {
    let sender = match message.direction {
        Direction::Incoming => person_block(conversation, &message.sender_id),
        Direction::Outgoing => SenderBlock {
            id: account.id.to_string(),
            name: account.display_name.clone(),
            username: Some(account.username.clone()),
            picture: account.picture.clone(),
            instagram_profile: None,
        },
    };
    Box::new(MessageBlock {
        id: message.id.clone(),
        conversation_id: message.conversation_id.clone(),
        platform: account.platform.clone(),
        platform_message_id: message.remote_id.clone(),
        direction: message.direction,
        text: message.text.clone(),
        attachments: message.attachments.0.iter().cloned().map(Into::into).collect(),
        sender,
        sent_at: message.sent_at,
        is_read: message.is_read,
        sent_via: message.sent_via.clone(),
        automation_id: None,
        workflow_id: None,
        execution_id: None,
        broadcast_id: None,
        sequence_id: None,
    })
}

/// Shows the person of a conversation as whoever did something.
#[must_use]
pub fn person_block(conversation: &Conversation, id: &str) -> SenderBlock {
    SenderBlock {
        id: id.to_owned(),
        name: conversation.participant_name.clone(),
        username: conversation.participant_username.clone(),
        picture: conversation.participant_picture.clone(),
        instagram_profile: person_profile(conversation),
    }
}

/// Finds who the person of a conversation is towards the account, where the platform said so.
#[must_use]
pub fn person_profile(conversation: &Conversation) -> Option<PersonProfile> {
    let known = Known::of(conversation);
    known.fetched_at?;
    Some(PersonProfile {
        is_follower: known.is_follower,
        is_following: known.is_following,
        follower_count: known.follower_count,
        is_verified: known.is_verified,
    })
}

/// Shows what a message said before, oldest first.
#[must_use]
pub fn editions(history: &[Edition]) -> Vec<EditionBlock> {
    let show = |one: &Edition| EditionBlock {
        text: one.text.clone(),
        attachments: one.attachments.iter().cloned().map(Into::into).collect(),
        edited_at: one.edited_at,
    };
    history.iter().map(show).collect()
}
