//! Which secrets may sign a platform's webhooks: those of the configured app and of every
//! customer's own app.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use posta_core::id::OauthAppId;
use posta_core::secret::{Sealed, Secret};
use posta_core::time::Timestamp;
use posta_store::oauth_apps;

use crate::app::App;

/// The secrets are read again this long after they were, so that a change made on another node
/// counts soon, and at most this often when a signature matches none.
const FRESH: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_secs(1);

/// Remembers the signers of each platform for a short time.
#[derive(Debug, Default)]
pub struct Signers(Mutex<HashMap<&'static str, (Timestamp, Arc<SignerList>)>>);

/// Secrets, and by index whose they are.
#[derive(Debug, Default)]
pub struct SignerList {
    /// The secrets.
    pub secrets: Vec<Secret>,
    /// The customer's own app each belongs to; `None` for the configured app.
    pub apps: Vec<Option<OauthAppId>>,
    /// The verify tokens.
    pub verify_tokens: Vec<Secret>,
}

/// How old an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// What is remembered will do.
    Remembered,
    /// Something did not match: look again, unless that was done a moment ago.
    Suspicious,
}

impl Signers {
    /// Forgets the signers of all platforms, after an app was changed on this node.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Lists the signers of a platform.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn list(
        &self,
        app: &App,
        platform: &'static str,
        age: Age,
    ) -> posta_store::Result<Arc<SignerList>> {
        let now = app.clock.now();
        let bound = if age == Age::Remembered { FRESH } else { RETRY };
        let remembered =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get(platform).cloned();
        if let Some((read_at, list)) = remembered
            && now.since(read_at) < bound
        {
            return Ok(list);
        }
        let list = Arc::new(read(app, platform).await?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(platform, (now, Arc::clone(&list)));
        Ok(list)
    }
}

async fn read(app: &App, platform: &'static str) -> posta_store::Result<SignerList> {
    let mut list = SignerList::default();
    if let Some(section) = app.config.platforms.get(platform) {
        for secret in section.signing_secrets() {
            list.secrets.push(secret.clone());
            list.apps.push(None);
        }
        if !section.verify_token.is_empty() {
            list.verify_tokens.push(section.verify_token.clone());
        }
    }
    let mut tx = app.db.read().await?;
    for own in oauth_apps::list_for_platform(&mut tx, platform).await? {
        let open = |sealed: &Sealed| {
            let owner = app_owner(&own);
            app.ring.open(&owner, sealed).inspect_err(|error| {
                tracing::error!(oauth_app.id = %own.id, %error, "an app's secret cannot be opened");
            })
        };
        for sealed in [Some(&own.client_secret), own.signing_secret.as_ref()].into_iter().flatten()
        {
            if let Ok(secret) = open(sealed) {
                list.secrets.push(secret);
                list.apps.push(Some(own.id.clone()));
            }
        }
        list.verify_tokens.extend(open(&own.verify_token));
    }
    Ok(list)
}

/// Names the row that an app's secrets belong to.
#[must_use]
pub fn app_owner(app: &oauth_apps::OauthApp) -> String {
    format!("oauth_apps/{}", app.id)
}
