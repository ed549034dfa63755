//! Apps, and what owners allowed them: grants, codes and tokens.

use std::collections::BTreeSet;

use posta_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

/// An app as its developer registered it.
#[derive(Clone, Debug, Serialize)]
pub struct App {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) name: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) webhook: Option<Webhook>,
    /// What the platform has approved it for, such as `human_agent`.
    pub(crate) features: BTreeSet<String>,
    /// Whether it is published. If not, it deals with its testers only.
    pub(crate) live: bool,
    /// The people with a role on it, by username.
    pub(crate) testers: BTreeSet<String>,
    /// The permissions to which it has Standard Access only, which ends with its testers.
    pub(crate) standard_access: BTreeSet<String>,
    /// Whether its calls have to prove that its server makes them.
    pub(crate) proof_required: bool,
    /// Where it wants to be told that an owner has removed it.
    pub(crate) deauthorize_url: Option<Url>,
    /// Where it wants to be told that an owner wants everything deleted.
    pub(crate) data_deletion_url: Option<Url>,
    /// What signs its webhooks, when that is not `client_secret`.
    pub(crate) webhook_secret: Option<String>,
}

/// Where an app wants to be told what happens.
#[derive(Clone, Debug, Serialize)]
pub struct Webhook {
    pub(crate) callback_url: Url,
    pub(crate) verify_token: String,
    pub(crate) fields: BTreeSet<String>,
    /// Whether the callback answered the platform's question rightly.
    pub(crate) active: bool,
}

/// What an account's owner allowed an app, and what the app asked to be told about the account.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) account: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) subscribed_fields: BTreeSet<String>,
}

/// A one-time code on its way through a browser.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) text: String,
    pub(crate) client_id: String,
    pub(crate) account: String,
    pub(crate) redirect_uri: String,
    pub(crate) issued_at: Timestamp,
    pub(crate) used: bool,
}

/// An access token.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Token {
    #[serde(rename = "token")]
    pub(crate) text: String,
    pub(crate) client_id: String,
    pub(crate) account: String,
    pub(crate) long_lived: bool,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked: Option<Revocation>,
}

/// Why a token died before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Revocation {
    /// The owner removed the app.
    AppRemoved,
    /// The platform wants to see the owner first.
    Checkpoint,
    /// The owner changed the password.
    PasswordChanged,
    /// The platform ended it without saying why.
    Ended,
}

impl App {
    /// Whether the platform has approved it for this.
    pub(crate) fn has(&self, feature: &str) -> bool {
        self.features.contains(feature)
    }
}
