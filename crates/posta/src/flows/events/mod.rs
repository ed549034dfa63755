//! What our webhooks say: the envelope and the blocks of every event Posta announces.

mod account;
mod comment;
mod conversation;
mod endpoint;
mod failure;
mod happening;
mod message;

use posta_core::id::{AccountId, EventId, MessageId, ProfileId};
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::profiles::Profile;
use serde::Serialize;
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

pub use self::account::AccountBlock;
pub use self::comment::{CommentAccount, CommentAuthor, CommentBlock, PostBlock};
pub use self::conversation::{
    ConversationBlock, StartedConversation, participant_name, started_conversation,
};
pub use self::endpoint::EndpointBlock;
pub use self::failure::FailureBlock;
pub use self::happening::{ControlBlock, Owner, ReactionBlock, ReferralBlock};
pub use self::message::{
    AttachmentBlock, EditionBlock, MessageBlock, PersonProfile, SenderBlock, editions,
    message_block, person_block, person_profile,
};
use super::window::Window;

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
    /// `message.edited`.
    #[serde(rename_all = "camelCase")]
    MessageEdited {
        /// The message as it is now.
        message: Box<MessageBlock>,
        /// What it said before, oldest first.
        edit_history: Vec<EditionBlock>,
        /// How often it was changed.
        edit_count: i64,
        /// When it was last changed.
        edited_at: Timestamp,
        /// The conversation it stands in.
        conversation: ConversationBlock,
        /// The account it was written on.
        account: InboxAccount,
    },
    /// `message.deleted`.
    #[serde(rename_all = "camelCase")]
    MessageDeleted {
        /// The message, with its text unless `media.policy` says otherwise.
        message: Box<MessageBlock>,
        /// When it was taken back.
        deleted_at: Timestamp,
        /// The conversation it stands in.
        conversation: ConversationBlock,
        /// The account it was written on.
        account: InboxAccount,
    },
    /// `message.read` and `message.failed`.
    #[serde(rename_all = "camelCase")]
    MessageStatus {
        /// The message.
        message: Box<MessageBlock>,
        /// When it came to this.
        status_at: Timestamp,
        /// Why it was not sent; null unless it has failed.
        error: Option<FailureBlock>,
        /// The conversation it stands in.
        conversation: ConversationBlock,
        /// The account it was written on.
        account: InboxAccount,
    },
    /// `reaction.received`.
    Reaction {
        /// The reaction.
        reaction: ReactionBlock,
        /// The conversation it is in.
        conversation: ConversationBlock,
        /// The account it is on.
        account: InboxAccount,
    },
    /// `referral.received`.
    Referral {
        /// Where the person came from.
        referral: ReferralBlock,
        /// The person.
        sender: SenderBlock,
        /// The conversation they came to.
        conversation: ConversationBlock,
        /// The account it is on.
        account: InboxAccount,
    },
    /// `conversation.control_changed`.
    #[serde(rename_all = "camelCase")]
    ControlChanged {
        /// The conversation.
        conversation: ConversationBlock,
        /// The account it is on.
        account: InboxAccount,
        /// Who holds it now.
        control: ControlBlock,
        /// Since when.
        changed_at: Timestamp,
    },
    /// `comment.received`.
    Comment {
        /// The comment.
        comment: Box<CommentBlock>,
        /// The post it stands under.
        post: PostBlock,
        /// The account whose post it is, or that it mentions.
        account: CommentAccount,
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
    /// `window.closing`.
    #[serde(rename_all = "camelCase")]
    WindowClosing {
        /// The conversation.
        conversation: ConversationBlock,
        /// The account it is on.
        account: InboxAccount,
        /// Its reply window.
        window: Box<Window>,
        /// Whether the account has written since the person opened it.
        is_answered: bool,
    },
    /// `automation.stopped`.
    #[serde(rename_all = "camelCase")]
    AutomationStopped {
        /// The conversation.
        conversation: ConversationBlock,
        /// The account it is on.
        account: InboxAccount,
        /// How many messages of programs were answered within seconds, one after the other.
        turns: i64,
        /// When programs stopped.
        stopped_at: Timestamp,
    },
    /// `account.disconnected`.
    #[serde(rename_all = "camelCase")]
    AccountDisconnected {
        /// The account.
        account: AccountBlock,
        /// `intentional` when somebody asked for it, else `unintentional`.
        disconnection_type: &'static str,
        /// Why, for people.
        reason: String,
        /// Why, in one word, such as `token_expired`, `app_removed` or `password_changed`.
        reason_code: String,
        /// Where its owner connects it again, for 7 days; only when it was lost.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        reconnect_url: Option<Url>,
    },
    /// `account.token_expiring`.
    #[serde(rename_all = "camelCase")]
    TokenExpiring {
        /// The account.
        account: AccountBlock,
        /// When its token ends.
        token_expires_at: Timestamp,
        /// In how many days that is: 7, 3 or 1.
        days_left: i64,
        /// Why it could not be renewed yet.
        reason: String,
        /// Where its owner connects it again, for 7 days.
        #[schema(value_type = String)]
        reconnect_url: Url,
    },
    /// `account.recovered`.
    #[serde(rename_all = "camelCase")]
    AccountRecovered {
        /// The account.
        account: AccountBlock,
        /// What it recovered from: the `reasonCode` it was disconnected with, or `token_expiring`.
        recovered_from: String,
    },
    /// `subscription.repaired`.
    #[serde(rename_all = "camelCase")]
    SubscriptionRepaired {
        /// The account.
        account: AccountBlock,
        /// The fields that it was no longer subscribed to. Their events may have been missed.
        missing_fields: Vec<String>,
    },
    /// `account.connected`.
    Account {
        /// The account.
        account: AccountBlock,
    },
    /// `endpoint.failing`, `endpoint.disabled` and `endpoint.recovered`.
    #[serde(rename_all = "camelCase")]
    Endpoint {
        /// The webhook endpoint.
        webhook: EndpointBlock,
        /// When it is switched off if it takes nothing until then; only while it fails.
        #[serde(skip_serializing_if = "Option::is_none")]
        disables_at: Option<Timestamp>,
    },
    /// `webhook.test`.
    Test {
        /// A greeting.
        message: String,
        /// Always true.
        test: bool,
    },
}

impl Payload {
    /// Returns the message that is shown.
    #[must_use]
    pub fn message_id(&self) -> Option<&MessageId> {
        match self {
            Self::Message { message, .. }
            | Self::MessageEdited { message, .. }
            | Self::MessageDeleted { message, .. }
            | Self::MessageStatus { message, .. } => Some(&message.id),
            _ => None,
        }
    }
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
