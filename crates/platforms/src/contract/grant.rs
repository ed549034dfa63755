//! What a successful connection gives us: a token, who the account is, and what was allowed.

use std::collections::BTreeSet;

use posta_core::id::RemoteAccount;
use posta_core::secret::Secret;
use posta_core::time::Timestamp;

/// What a successful connection gives us.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The token and how long it lives.
    pub token: Token,
    /// The account it is for.
    pub identity: Identity,
    /// The scopes that were granted; `None` when the platform does not say.
    pub scopes: Option<BTreeSet<String>>,
}

/// An access token.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token itself.
    pub secret: Secret,
    /// When it dies; `None` when it does not.
    pub expires_at: Option<Timestamp>,
}

/// Who an account is on its platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The id that webhooks and send calls carry.
    pub account: RemoteAccount,
    /// The id by which the platform knows the account towards this app, where it differs.
    pub app_scoped: Option<String>,
    /// The handle, without `@`.
    pub username: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// A picture, usually for a limited time.
    pub picture: Option<String>,
    /// The public page.
    pub profile_url: Option<String>,
    /// How many people follow it.
    pub followers: Option<i64>,
    /// The platform's word for the kind of account.
    pub kind: Option<String>,
    /// What else the unified API shows of accounts on this platform, under its names there.
    pub metadata: serde_json::Value,
}
