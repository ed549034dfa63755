//! Conversations in events.

use posta_core::id::{ConversationId, RemotePerson, RemoteThread};
use posta_store::accounts::Account;
use posta_store::conversations::{Conversation, Status};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Payload;

/// A conversation in an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationBlock {
    /// Our id of it.
    pub id: ConversationId,
    /// The platform's id of it.
    pub platform_conversation_id: RemoteThread,
    /// The platform's id of the person.
    pub participant_id: RemotePerson,
    /// The person's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant_name: Option<String>,
    /// The person's handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant_username: Option<String>,
    /// The person's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant_picture: Option<String>,
    /// Whether it is in the inbox: `active` or `archived`.
    #[schema(value_type = String)]
    pub status: Status,
}

/// A conversation that has just begun. Here `id` is the platform's id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartedConversation {
    /// The platform's id of it.
    pub id: RemoteThread,
    /// Its platform.
    pub platform: String,
    /// The platform's id of it.
    pub platform_conversation_id: RemoteThread,
    /// The platform's id of the person.
    pub participant_id: RemotePerson,
    /// The person's name; while none is known, their handle or id.
    pub participant_name: String,
    /// The person's handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant_username: Option<String>,
    /// The person's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant_picture: Option<String>,
    /// Whether it is in the inbox: `active` or `archived`.
    #[schema(value_type = String)]
    pub status: Status,
    /// What brought the person here.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    /// Always null: ads are not looked up.
    #[schema(value_type = Option<Object>)]
    pub ad_attribution: Option<Value>,
}

impl From<&Conversation> for ConversationBlock {
    fn from(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.clone(),
            platform_conversation_id: conversation.remote_id.clone(),
            participant_id: conversation.participant_id.clone(),
            participant_name: conversation.participant_name.clone(),
            participant_username: conversation.participant_username.clone(),
            participant_picture: conversation.participant_picture.clone(),
            status: conversation.status,
        }
    }
}

/// What to call the person: clients of the unified API rely on there being a name.
#[must_use]
pub fn participant_name(conversation: &Conversation) -> String {
    let known = conversation.participant_name.as_ref();
    known
        .or(conversation.participant_username.as_ref())
        .cloned()
        .unwrap_or_else(|| conversation.participant_id.to_string())
}

/// Shows a conversation that has just begun.
#[must_use]
pub fn started_conversation(account: &Account, conversation: &Conversation) -> StartedConversation {
    StartedConversation {
        id: conversation.remote_id.clone(),
        platform: account.platform.clone(),
        platform_conversation_id: conversation.remote_id.clone(),
        participant_id: conversation.participant_id.clone(),
        participant_name: participant_name(conversation),
        participant_username: conversation.participant_username.clone(),
        participant_picture: conversation.participant_picture.clone(),
        status: conversation.status,
        metadata: conversation.metadata.as_ref().map(|json| json.0.clone()),
        ad_attribution: None,
    }
}

impl Payload {
    /// Names the conversation that this is about, for those who want its events in their order.
    #[must_use]
    pub fn thread(&self) -> Option<&RemoteThread> {
        match self {
            Self::Message { conversation, .. }
            | Self::MessageEdited { conversation, .. }
            | Self::MessageDeleted { conversation, .. }
            | Self::MessageStatus { conversation, .. }
            | Self::Reaction { conversation, .. }
            | Self::Referral { conversation, .. }
            | Self::ControlChanged { conversation, .. }
            | Self::AutomationStopped { conversation, .. }
            | Self::WindowClosing { conversation, .. } => {
                Some(&conversation.platform_conversation_id)
            }
            Self::ConversationStarted { conversation, .. } => Some(&conversation.id),
            Self::Comment { .. }
            | Self::AccountDisconnected { .. }
            | Self::TokenExpiring { .. }
            | Self::AccountRecovered { .. }
            | Self::SubscriptionRepaired { .. }
            | Self::Account { .. }
            | Self::Endpoint { .. }
            | Self::Test { .. } => None,
        }
    }
}
