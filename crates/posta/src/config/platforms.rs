//! `[platforms.…]`: your app at each platform, and where the platform is.

use std::collections::BTreeMap;

use posta_core::capability::{CallClass, Rate};
use posta_core::secret::Secret;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};
use url::Url;

/// The sections by the platform's name.
pub type Platforms = BTreeMap<String, PlatformConfig>;

/// One `[platforms.NAME]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct PlatformConfig {
    /// `client_id`: your app's public id; empty when none is set up.
    pub client_id: String,
    /// `client_secret`: your app's secret.
    pub client_secret: Secret,
    /// `verify_token`: what the platform says when it asks whether the webhook URL is ours.
    pub verify_token: Secret,
    /// `webhook_secrets`: further secrets that may sign webhooks.
    pub webhook_secrets: Vec<Secret>,
    /// `version`: the version in the API's paths.
    pub version: String,
    /// `slow_down_at`: how many percent of what the platform allows are used up when calls that
    /// can wait do so.
    #[serde(deserialize_with = "super::whole::<1, 1000, _, _>")]
    pub slow_down_at: u16,
    /// `urls`: where the platform is, by role.
    pub urls: BTreeMap<String, Url>,
    /// `rates`: how often each class of calls may be made, per account.
    #[serde(deserialize_with = "rates")]
    pub rates: BTreeMap<CallClass, Rate>,
}

fn rates<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<CallClass, Rate>, D::Error> {
    // Only keys that are read as text are named when their value is wrong.
    let all = BTreeMap::<String, Written>::deserialize(deserializer)?;
    let rate = |(name, written): (String, Written)| {
        let class = CallClass::deserialize(name.into_deserializer())?;
        Ok((class, Rate { class, ..written.0 }))
    };
    all.into_iter().map(rate).collect()
}

/// A rate as settings write it. A type of its own, so that a wrong one is named by its key.
struct Written(Rate);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl PlatformConfig {
    /// Whether an app is set up.
    #[must_use]
    pub fn has_app(&self) -> bool {
        !self.client_id.is_empty() && !self.client_secret.is_empty()
    }

    /// Lists the secrets that may sign webhooks of the configured app.
    pub fn signing_secrets(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.client_secret)
            .chain(&self.webhook_secrets)
            .filter(|secret| !secret.is_empty())
    }
}
