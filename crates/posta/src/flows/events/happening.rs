//! What happens around messages, in events: reactions, referrals, and who holds a conversation.

use posta_core::event::Referral;
use posta_core::id::{MessageId, RemoteMessage};
use posta_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::SenderBlock;

/// A reaction in an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReactionBlock {
    /// The emoji, or the platform's word for it; of one that was taken back, what it was, or empty
    /// where that is not known.
    pub emoji: String,
    /// `added` or `removed`.
    pub action: &'static str,
    /// Our id of the message, where we have the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The platform's id of the message.
    pub platform_message_id: RemoteMessage,
    /// Who reacted.
    pub sender: SenderBlock,
    /// When.
    pub reacted_at: Timestamp,
}

/// Where a person came from, in an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReferralBlock {
    /// The value that the account put into the link.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The kind of source, in the platform's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the referral did, in the platform's words.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The page that the person came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referer_uri: Option<String>,
    /// The ad that was clicked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ad_id: Option<String>,
    /// What the platform says of the ad.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub ads_context_data: Option<Value>,
}

impl From<&Referral> for ReferralBlock {
    fn from(referral: &Referral) -> Self {
        let detail = |name: &str| referral.details.get(name).filter(|value| !value.is_null());
        Self {
            reference: referral.reference.clone(),
            source: referral.source.clone(),
            kind: referral.kind.clone(),
            referer_uri: detail("referer_uri").and_then(Value::as_str).map(ToOwned::to_owned),
            ad_id: referral.ad_id.clone(),
            ads_context_data: detail("ads_context_data").cloned(),
        }
    }
}

/// Who holds a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The app that the account is connected through.
    App,
    /// The platform's own agent.
    AiAgent,
    /// Another app, or the platform's inbox.
    Other,
}

/// Who holds a conversation, in an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlBlock {
    /// Who holds it now: `app` is yours.
    pub owner: Owner,
    /// Who held it before, where that is known.
    pub previous_owner: Option<Owner>,
    /// The platform's id of the app that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_app_id: Option<String>,
    /// What the app that passed it on wrote for the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}
