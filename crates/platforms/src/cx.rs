//! What a connector is handed for one call: credentials, where the platform is, client and clock.

use std::collections::BTreeMap;
use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::RemoteAccount;
use posta_core::secret::Secret;
use posta_core::time::Clock;
use url::{Host, Url};

use crate::contract::Platform;
use crate::http::Http;

/// Everything that varies between two calls to the same platform.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// The outbound client.
    pub http: &'a Http,
    /// What time it is.
    pub clock: &'a Clock,
    /// Where the platform is.
    pub site: &'a Site,
    /// The app on whose behalf we call.
    pub app: &'a AppCredentials,
    /// The account and its token; `None` while connecting.
    pub account: Option<&'a AccountCredentials>,
    /// Who wants to know how much of what the platform allows is used up.
    pub gauge: Option<&'a Gauge>,
}

/// How much of what a platform allows is used up, as its answers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The highest figure, in percent.
    pub percent: u64,
    /// How long the platform asks us to stay away.
    pub regain: Option<Duration>,
}

/// Told of the usage that each answer of a platform speaks of.
pub struct Gauge(Box<dyn Fn(Usage) + Send + Sync>);

impl Gauge {
    /// Tells `listener`.
    pub fn new(listener: impl Fn(Usage) + Send + Sync + 'static) -> Self {
        Self(Box::new(listener))
    }

    pub(crate) fn show(&self, usage: Usage) {
        (self.0)(usage);
    }
}

impl std::fmt::Debug for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gauge")
    }
}

impl<'a> Cx<'a> {
    /// Returns the account that the call is made for.
    ///
    /// # Errors
    /// When there is none, which is a mistake of the caller's and not the platform's.
    pub(crate) fn account(&self) -> Result<&'a AccountCredentials, ConnectorError> {
        self.account.ok_or_else(|| {
            let message = "a call that needs an account was made without one";
            ConnectorError::new(Code::ApiError, Retry::Permanent, message)
        })
    }
}

/// An app as registered at the platform.
#[derive(Clone, Debug)]
pub struct AppCredentials {
    /// Its public id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
}

/// An account and what opens it.
#[derive(Clone, Debug)]
pub struct AccountCredentials {
    /// The platform's id of the account.
    pub id: RemoteAccount,
    /// Its access token.
    pub token: Secret,
}

/// The base URLs of a platform by role, and the version of its API.
#[derive(Clone, Debug)]
pub struct Site {
    urls: BTreeMap<String, Url>,
    version: String,
}

impl Site {
    /// The platform's own URLs and version, except where `urls` and `version` say otherwise.
    ///
    /// # Errors
    /// What is wrong with an override: the platform has no such role, or a URL is not of the web.
    pub fn new(
        platform: &dyn Platform,
        urls: &BTreeMap<String, Url>,
        version: Option<&str>,
    ) -> Result<Self, String> {
        let defaults = platform.urls().iter().map(|(role, text)| {
            ((*role).to_owned(), text.parse().expect("a platform's own URLs are well formed"))
        });
        let mut all: BTreeMap<String, Url> = defaults.collect();
        for (role, url) in urls {
            if !matches!(url.scheme(), "http" | "https") {
                return Err(format!("{role} must be an http or https URL"));
            }
            *all.get_mut(role).ok_or_else(|| format!("{role} is not a URL of it"))? = url.clone();
        }
        let version = version.unwrap_or(platform.default_version()).to_owned();
        Ok(Self { urls: all, version })
    }

    /// Returns the version segment, such as `v25.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether a link that the platform gave may be followed: over TLS, or to this machine when the
    /// platform itself is there, as a sandbox is.
    #[must_use]
    pub fn may_follow(&self, link: &Url) -> bool {
        let is_plain = |url: &Url| url.scheme() == "http" && is_loopback(url);
        link.scheme() == "https" || (is_plain(link) && self.urls.values().any(is_plain))
    }

    /// Returns the URL of a path below the base URL of `role`.
    ///
    /// # Panics
    /// When the connector asks for a role that it does not list in [`Platform::urls`].
    #[must_use]
    pub fn url(&self, role: &str, segments: &[&str]) -> Url {
        let mut url = self.urls.get(role).expect("a connector uses only roles it lists").clone();
        url.path_segments_mut()
            .expect("base URLs are http or https")
            .pop_if_empty()
            .extend(segments);
        url
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_the_web_for_roles_of_the_platform_are_taken() {
        for platform in crate::ALL {
            let role = platform.urls()[0].0;
            let site = |role: &str, url: &str| {
                let urls = BTreeMap::from([(role.to_owned(), url.parse().unwrap())]);
                Site::new(*platform, &urls, None)
                    .map(|site| site.url(role, &["a", "b"]).to_string())
            };
            assert_eq!(site(role, "http://x/y/").unwrap(), "http://x/y/a/b");
            assert!(site(role, "mailto:somebody").unwrap_err().contains("http or https"));
            assert!(site("nowhere", "http://x").unwrap_err().contains("nowhere"));
        }
    }

    #[test]
    fn links_are_followed_over_tls_or_within_a_machine_that_holds_the_platform() {
        for platform in crate::ALL {
            let real = Site::new(*platform, &BTreeMap::new(), None).unwrap();
            let role = platform.urls()[0].0.to_owned();
            let here = BTreeMap::from([(role, "http://127.0.0.1:4000/".parse().unwrap())]);
            let pretend = Site::new(*platform, &here, None).unwrap();
            for (link, with_real, with_pretend) in [
                ("https://cdn.example/a", true, true),
                ("http://cdn.example/a", false, false),
                ("http://10.0.0.1/a", false, false),
                ("http://127.0.0.1:5000/a", false, true),
                ("http://[::1]/a", false, true),
                ("http://localhost/a", false, true),
                ("ftp://127.0.0.1/a", false, false),
                ("file:///etc/passwd", false, false),
            ] {
                let link = link.parse().unwrap();
                assert_eq!(real.may_follow(&link), with_real, "{link}");
                assert_eq!(pretend.may_follow(&link), with_pretend, "{link}");
            }
        }
    }
}
