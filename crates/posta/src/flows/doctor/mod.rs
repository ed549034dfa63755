//! Looking for what stops everything without an error: checks, each of which yields findings.
//!
//! Nothing here changes anything, at the platform or in the database.

mod account;
mod door;
mod server;
mod silence;
mod webhooks;

use posta_core::finding::{Finding, Severity, worst};
use posta_core::id::AccountId;
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

pub use door::{answer, is_own};
pub use server::settings;

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was looked.
    pub checked_at: Timestamp,
    /// The worst that was found.
    pub severity: Severity,
    /// What concerns all accounts: settings, the way to this server, webhooks that were not taken.
    pub server: Vec<Finding>,
    /// What concerns one account each.
    pub accounts: Vec<Examined>,
}

/// What was found of one account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Examined {
    /// The account.
    pub account_id: AccountId,
    /// Its platform.
    pub platform: String,
    /// Its handle.
    pub username: String,
    /// The worst that was found.
    pub severity: Severity,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Puts findings together.
    #[must_use]
    pub fn new(checked_at: Timestamp, server: Vec<Finding>, accounts: Vec<Examined>) -> Self {
        let of_accounts = accounts.iter().flat_map(|one| &one.findings);
        let severity = worst(server.iter().chain(of_accounts));
        Self { checked_at, severity, server, accounts }
    }
}

/// Looks at everything that may stop these accounts.
///
/// # Errors
/// When the database failed.
pub async fn examine(app: &App, accounts: &[Account]) -> posta_store::Result<Report> {
    let mut server = settings(&app.config);
    server.extend(door::findings(app).await?);
    server.extend(webhooks::findings(app).await?);
    let mut examined = Vec::with_capacity(accounts.len());
    for account in accounts {
        let findings = account::findings(app, account).await?;
        examined.push(Examined {
            account_id: account.id.clone(),
            platform: account.platform.clone(),
            username: account.username.clone(),
            severity: worst(&findings),
            findings,
        });
    }
    Ok(Report::new(app.clock.now(), server, examined))
}

/// Says how long ago something was, for people.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(then).as_secs();
    match seconds {
        0..120 => "just now".to_owned(),
        120..7200 => format!("{} minutes ago", seconds / 60),
        7200..172_800 => format!("{} hours ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
