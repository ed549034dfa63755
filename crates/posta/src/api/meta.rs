//! How complete an answer over several accounts is.

use posta_core::failure::{ConnectorError, Retry};
use posta_core::id::AccountId;
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;

/// How complete an answer over several accounts is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    /// How many accounts it is about.
    accounts_queried: usize,
    /// How many of them have no part in it, because something failed.
    accounts_failed: usize,
    /// Those, and why.
    failed_accounts: Vec<FailedAccount>,
    /// When the oldest part of the answer was read.
    last_updated: Timestamp,
    /// Those whose platform has no such thing.
    accounts_skipped: Vec<SkippedAccount>,
}

impl Meta {
    /// Says that all accounts have their part in an answer.
    pub(super) fn of(accounts: usize, last_updated: Timestamp) -> Self {
        Self {
            accounts_queried: accounts,
            accounts_failed: 0,
            failed_accounts: Vec::new(),
            last_updated,
            accounts_skipped: Vec::new(),
        }
    }

    /// Names the accounts that have no part in it.
    pub(super) fn without(mut self, failed: Vec<FailedAccount>) -> Self {
        self.accounts_failed = failed.len();
        self.failed_accounts = failed;
        self
    }

    /// Names the accounts that were not asked.
    pub(super) fn skipping<'a>(mut self, skipped: impl Iterator<Item = &'a Account>) -> Self {
        let shape = |one: &Account| SkippedAccount {
            account_id: one.id.clone(),
            platform: one.platform.clone(),
        };
        self.accounts_skipped = skipped.map(shape).collect();
        self
    }
}

/// An account that has no part in an answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailedAccount {
    /// The account.
    account_id: AccountId,
    /// Its handle.
    account_username: Option<String>,
    /// Its platform.
    platform: String,
    /// What went wrong.
    error: String,
    /// The code of the error.
    code: Option<&'static str>,
    /// After how many seconds it may be asked again.
    retry_after: Option<u64>,
}

impl FailedAccount {
    /// Says why the platform of an account did not answer.
    pub(super) fn unanswered(account: &Account, error: &ConnectorError, now: Timestamp) -> Self {
        let retry_after = match error.retry {
            Retry::RateLimited { until } => Some(until.since(now).as_secs() + 1),
            _ => None,
        };
        let refused = ApiError::new(error.code, error.message.as_str());
        Self { retry_after, ..Self::refused(account, &refused) }
    }

    /// Says why an account was refused.
    pub(super) fn refused(account: &Account, error: &ApiError) -> Self {
        Self {
            account_id: account.id.clone(),
            account_username: Some(account.username.clone()),
            platform: account.platform.clone(),
            error: error.message.clone(),
            code: Some(error.code.as_str()),
            retry_after: None,
        }
    }
}

/// An account that was not asked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SkippedAccount {
    /// The account.
    account_id: AccountId,
    /// Its platform.
    platform: String,
}
