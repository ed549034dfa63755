//! A line to a platform on behalf of one account: everything a connector's call needs.

use posta_core::capability::CallClass;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{MessageId, RemotePerson};
use posta_platforms::contract::Platform;
use posta_platforms::cx::{AccountCredentials, AppCredentials, Cx, Gauge};
use posta_platforms::http::Http;
use posta_store::accounts::{Account, State};
use posta_store::conversations::{self, Conversation};

use super::calls::Whose;
use super::events::Owner;
use super::receive::Control;
use super::{FlowError, budget, connect, refusal};
use crate::app::App;

/// An account ready for calls.
pub struct Line {
    /// Its platform.
    pub platform: &'static dyn Platform,
    client: AppCredentials,
    credentials: AccountCredentials,
    gauge: Gauge,
    whose: Whose,
    http: Http,
}

impl Line {
    /// Opens an account's token and the secret of the app it is connected through.
    ///
    /// # Errors
    /// When the account is not connected, or something cannot be opened.
    pub async fn open(app: &App, account: &Account) -> Result<Self, ConnectorError> {
        if account.state != State::Connected {
            let message = format!("the account {} is disconnected", account.username);
            return Err(ConnectorError::new(Code::AccountDisconnected, Retry::Auth, message));
        }
        Self::on_trial(app, account).await
    }

    /// The same for an account that is lost, to find out whether it still is.
    ///
    /// # Errors
    /// When the account has no token, or something cannot be opened.
    pub async fn on_trial(app: &App, account: &Account) -> Result<Self, ConnectorError> {
        let platform = posta_platforms::get(&account.platform).ok_or_else(|| {
            let message = format!("this version does not speak {}", account.platform);
            *refusal(Code::PlatformNotSupported, message)
        })?;
        let token = app.token(account)?;
        let client = connect::credentials(app, account).await?;
        let credentials = AccountCredentials { id: account.remote_id.clone(), token };
        let gauge = budget::gauge(app, account, None);
        let whose = Whose::account(platform, account);
        let http = whose.clone().http(app, &app.http);
        Ok(Self { platform, client, credentials, gauge, whose, http })
    }

    /// Says that its calls are of a class that the platform counts apart.
    #[must_use]
    pub fn counted(self, app: &App, account: &Account, class: CallClass) -> Self {
        let gauge = budget::gauge(app, account, Some(class));
        let whose = self.whose.class(class);
        Self { gauge, http: whose.clone().http(app, &app.http), whose, ..self }
    }

    /// Says that its calls send a message.
    #[must_use]
    pub fn about(self, app: &App, message: &MessageId) -> Self {
        let whose = self.whose.message(message);
        Self { http: whose.clone().http(app, &app.http), whose, ..self }
    }

    /// Lends what one call needs.
    #[must_use]
    pub fn cx<'a>(&'a self, app: &'a App) -> Cx<'a> {
        Cx {
            http: &self.http,
            clock: &app.clock,
            site: app.site(self.platform),
            app: &self.client,
            account: Some(&self.credentials),
            gauge: Some(&self.gauge),
        }
    }
}

/// Shows a person that their messages were seen, where the platform can and the account has calls left.
/// A courtesy: what was read here stays read without it.
pub async fn show_seen(app: &App, account: &Account, person: &RemotePerson) {
    let shown = async {
        let line = Line::open(app, account).await?;
        match line.platform.receipts() {
            Some(_) if !budget::afford(app, account, CallClass::Text).await => Ok(()),
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
            Some(_) if !budget::afford(app, account, CallClass::Text).await => Ok(false),
            Some(receipts) => receipts.typing(&line.cx(app), person).await.map(|()| true),
            None => Ok(false),
        }
    };
    shown.await.unwrap_or_else(|error: ConnectorError| {
        tracing::warn!(account.id = %account.id, error.code = %error.code, "typing not shown");
        false
    })
}

/// Passes a conversation to another app, or to the account's default one, and notes that.
///
/// # Errors
/// When the platform knows no such thing, or refuses. Or the database failed.
pub async fn pass(
    app: &App,
    account: &Account,
    conversation: &Conversation,
    target: Option<&str>,
) -> Result<(), FlowError> {
    // What the platform tells meanwhile is newer.
    let changed_at = app.clock.now();
    let line = Line::open(app, account).await?;
    let Some(handover) = line.platform.handover() else {
        let message = format!("{} passes no conversations on", line.platform.title());
        return Err(refusal(Code::PlatformNotSupported, message).into());
    };
    handover.pass(&line.cx(app), &conversation.participant_id, target).await?;
    let mut tx = app.db.write().await?;
    conversations::lock(&mut tx, &conversation.id).await?;
    let kept = conversations::find_by_id(&mut tx, &account.workspace_id, &conversation.id).await?;
    if let Some(mut kept) = kept
        && Control::of(&kept).is_none_or(|before| before.changed_at <= changed_at)
    {
        let owner_app_id = target.map(ToOwned::to_owned);
        Control { owner: Owner::Other, owner_app_id, changed_at }.put(&mut kept);
        conversations::update_activity(&mut tx, &[&kept]).await?;
        tx.commit().await?;
    }
    Ok(())
}
