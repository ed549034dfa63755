//! A line to a platform on behalf of one account: everything a connector's call needs.

use posta_core::failure::{Code, ConnectorError};
use posta_core::id::RemotePerson;
use posta_platforms::contract::Platform;
use posta_platforms::cx::{AccountCredentials, AppCredentials, Cx, Gauge};
use posta_store::accounts::Account;

use super::{budget, connect, refusal};
use crate::app::App;

/// An account ready for calls.
pub struct Line {
    /// Its platform.
    pub platform: &'static dyn Platform,
    client: AppCredentials,
    credentials: AccountCredentials,
    gauge: Gauge,
}

impl Line {
    /// Opens an account's token and the secret of the app it is connected through.
    ///
    /// # Errors
    /// When the account has no token, or something cannot be opened.
    pub async fn open(app: &App, account: &Account) -> Result<Self, ConnectorError> {
        let platform = posta_platforms::get(&account.platform).ok_or_else(|| {
            let message = format!("this version does not speak {}", account.platform);
            *refusal(Code::PlatformNotSupported, message)
        })?;
        let token = app.token(account)?;
        let client = connect::credentials(app, account).await?;
        let credentials = AccountCredentials { id: account.remote_id.clone(), token };
        let gauge = budget::gauge(app, account);
        Ok(Self { platform, client, credentials, gauge })
    }

    /// Lends what one call needs.
    #[must_use]
    pub fn cx<'a>(&'a self, app: &'a App) -> Cx<'a> {
        Cx {
            http: &app.http,
            clock: &app.clock,
            site: app.site(self.platform),
            app: &self.client,
            account: Some(&self.credentials),
            gauge: Some(&self.gauge),
        }
    }
}

/// Shows a person that their messages were seen, where the platform can. A courtesy: what was read
/// here stays read without it.
pub async fn show_seen(app: &App, account: &Account, person: &RemotePerson) {
    let shown = async {
        let line = Line::open(app, account).await?;
        match line.platform.receipts() {
            Some(receipts) => receipts.mark_read(&line.cx(app), person).await,
            None => Ok(()),
        }
    };
    if let Err(error) = shown.await {
        tracing::warn!(account.id = %account.id, error.code = %error.code, "seen not shown");
    }
}

/// Shows a person that somebody is typing. Whether they see it.
pub async fn show_typing(app: &App, account: &Account, person: &RemotePerson) -> bool {
    let shown = async {
        let line = Line::open(app, account).await?;
        match line.platform.receipts() {
            Some(receipts) => receipts.typing(&line.cx(app), person).await.map(|()| true),
            None => Ok(false),
        }
    };
    shown.await.unwrap_or_else(|error: ConnectorError| {
        tracing::warn!(account.id = %account.id, error.code = %error.code, "typing not shown");
        false
    })
}

/// Passes the conversation with a person to another app, or to the account's default one.
///
/// # Errors
/// When the platform knows no such thing, or refuses.
pub async fn pass(
    app: &App,
    account: &Account,
    person: &RemotePerson,
    target: Option<&str>,
) -> Result<(), ConnectorError> {
    let line = Line::open(app, account).await?;
    match line.platform.handover() {
        Some(handover) => handover.pass(&line.cx(app), person, target).await,
        None => {
            let message = format!("{} passes no conversations on", line.platform.title());
            Err(*refusal(Code::PlatformNotSupported, message))
        }
    }
}
