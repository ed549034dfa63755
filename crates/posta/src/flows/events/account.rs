//! The account as events about accounts show it.

use posta_core::id::{AccountId, ProfileId};
use posta_store::accounts::Account;
use serde::Serialize;
use utoipa::ToSchema;

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
