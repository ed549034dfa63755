//! What our webhooks say: the envelope and the blocks of every event Posta announces.

use posta_core::event::{Attachment, AttachmentKind, Direction};
use posta_core::id::{
    AccountId, ConversationId, EventId, MessageId, ProfileId, RemoteMessage, RemotePerson,
    RemoteThread,
};
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::conversations::{Conversation, Status};
use posta_store::messages::Message;
use posta_store::profiles::Profile;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An event as it is signed and delivered. Its blocks stand beside `id`, not in a wrapper.
#[derive(Debug, Serialize, ToSchema)]
pub struct Envelope<'a> {
    /// The event's id, the same in every delivery: the key to recognise repeats by.
    #[schema(value_type = String)]
    pub id: &'a EventId,
    /// What happened, such as `message.received`.
    pub event: &'a str,
    /// The blocks.
    #[serde(flatten)]
    pub payload: &'a Payload,
    /// The profiles it concerns.
    pub profiles: Vec<ProfileBlock>,
    /// When the event was made; the same over all tries.
    pub timestamp: Timestamp,
}

/// The blocks of each kind of event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Payload {
    /// `message.received` and `message.sent`.
    Message {
        /// The message.
        message: Box<MessageBlock>,
        /// The conversation it stands in.
        conversation: ConversationBlock,
        /// The account it was written on.
        account: InboxAccount,
        /// What came with it, such as the payload of a button.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        metadata: Option<Value>,
        /// `reconcile` when the platform never told us and it was found by comparing.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<&'static str>,
    },
    /// `message.read`.
    #[serde(rename_all = "camelCase")]
    MessageStatus {
        /// The message.
        message: Box<MessageBlock>,
        /// When it came to this.
        status_at: Timestamp,
        /// Always null: reading does not fail.
        #[schema(value_type = Option<Object>)]
        error: Option<Value>,
        /// The conversation it stands in.
        conversation: ConversationBlock,
        /// The account it was written on.
        account: InboxAccount,
    },
    /// `conversation.started`.
    #[serde(rename_all = "camelCase")]
    ConversationStarted {
        /// The conversation.
        conversation: StartedConversation,
        /// The account it is on.
        account: InboxAccount,
        /// When it began.
        started_at: Timestamp,
    },
    /// `account.disconnected`.
    #[serde(rename_all = "camelCase")]
    AccountDisconnected {
        /// The account.
        account: AccountBlock,
        /// `intentional` when somebody asked for it, else `unintentional`.
        disconnection_type: &'static str,
        /// Why.
        reason: String,
    },
    /// `account.connected`.
    Account {
        /// The account.
        account: AccountBlock,
    },
    /// `webhook.test`.
    Test {
        /// A greeting.
        message: String,
        /// Always true.
        test: bool,
    },
}

/// A profile that an event concerns.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileBlock {
    /// Its id.
    pub id: ProfileId,
    /// The customer's own id of it.
    pub external_id: Option<String>,
}

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
}

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

/// The account of an inbox event.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxAccount {
    /// Its id.
    pub id: AccountId,
    /// The same.
    pub account_id: AccountId,
    /// Its profile.
    pub profile_id: ProfileId,
    /// Its platform.
    pub platform: String,
    /// Its handle.
    pub username: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// The account of an account event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountBlock {
    /// Its id.
    pub account_id: AccountId,
    /// Its profile.
    pub profile_id: ProfileId,
    /// Its platform.
    pub platform: String,
    /// Its handle.
    pub username: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

impl From<&Profile> for ProfileBlock {
    fn from(profile: &Profile) -> Self {
        Self { id: profile.id.clone(), external_id: profile.external_id.clone() }
    }
}

impl From<&Account> for InboxAccount {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.clone(),
            account_id: account.id.clone(),
            profile_id: account.profile_id.clone(),
            platform: account.platform.clone(),
            username: account.username.clone(),
            display_name: account.display_name.clone(),
        }
    }
}

impl From<&Account> for AccountBlock {
    fn from(account: &Account) -> Self {
        Self {
            account_id: account.id.clone(),
            profile_id: account.profile_id.clone(),
            platform: account.platform.clone(),
            username: account.username.clone(),
            display_name: account.display_name.clone(),
        }
    }
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

/// Shows a message in an event.
#[must_use]
pub fn message_block(
    account: &Account,
    conversation: &Conversation,
    message: &Message,
) -> Box<MessageBlock> {
    let sender = match message.direction {
        Direction::Incoming => SenderBlock {
            id: message.sender_id.clone(),
            name: conversation.participant_name.clone(),
            username: conversation.participant_username.clone(),
            picture: conversation.participant_picture.clone(),
        },
        Direction::Outgoing => SenderBlock {
            id: account.id.to_string(),
            name: account.display_name.clone(),
            username: Some(account.username.clone()),
            picture: account.picture.clone(),
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
