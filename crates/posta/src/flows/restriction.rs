//! Whether the platform takes messages from an account at all: noted from the answers to sends.

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_store::Tx;
use posta_store::accounts::Account;
use posta_store::health::{self, Restriction};

use crate::app::App;

/// Notes what the answer to a send says: a restriction, or that there is none, because a message
/// went out.
///
/// # Errors
/// When the database failed.
pub async fn note(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    failure: Option<&ConnectorError>,
) -> posta_store::Result<()> {
    let Some(error) = failure else {
        if account.restriction.is_some() {
            health::update_restriction(tx, &account.id, None).await?;
        }
        return Ok(());
    };
    if error.code != Code::MessagingRestricted {
        return Ok(());
    }
    let now = app.clock.now();
    let said = error.said.as_deref();
    let restriction = Restriction {
        code: said.and_then(|said| said.code),
        subcode: said.and_then(|said| said.subcode),
        message: said.and_then(|said| said.message.clone()).or(Some(error.message.clone())),
        first_seen_at: account.restriction.as_ref().map_or(now, |known| known.first_seen_at),
        last_seen_at: now,
        paused_until: match error.retry {
            Retry::RateLimited { until } => Some(until),
            _ => None,
        },
    };
    health::update_restriction(tx, &account.id, Some(&restriction)).await
}
