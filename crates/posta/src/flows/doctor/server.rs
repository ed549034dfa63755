//! The settings, as far as they can be judged by themselves.

use std::net::IpAddr;

use posta_core::chance::Chance;
use posta_core::finding::Finding;
use posta_core::secret::KeyRing;
use posta_platforms::contract::Platform;
use url::{Host, Url};

use crate::config::{Config, PlatformConfig};

/// Looks at the settings.
#[must_use]
pub fn settings(config: &Config) -> Vec<Finding> {
    let mut findings = vec![master_key(config), public_url(config)];
    for platform in posta_platforms::ALL {
        if let Some(section) = config.platforms.get(platform.name()) {
            findings.extend(app(*platform, section));
        }
    }
    findings
}

fn master_key(config: &Config) -> Finding {
    match KeyRing::parse(&config.master_key, Chance::system()) {
        Ok(_) => Finding::fine("master_key", "the master key is set"),
        Err(error) => Finding::error("master_key", error.to_string())
            .cause("Tokens and secrets cannot be sealed or opened without it.")
            .remedy("Set POSTA_MASTER_KEY to what `posta keys master` prints, and keep it safe."),
    }
}

fn public_url(config: &Config) -> Finding {
    let url = &config.public_url;
    let far = |section: &PlatformConfig| section.urls.values().any(|one| !is_near(one));
    if !config.platforms.values().any(far) {
        let seen = format!("{url}; the platforms are pretended nearby, so any address will do");
        return Finding::fine("public_url", seen);
    }
    let remedy = "Set public_url (POSTA_PUBLIC_URL) to the https URL of a proxy that is reachable \
                  from the internet and leads to Posta.";
    if is_near(url) {
        return Finding::error(
            "public_url",
            format!("{url} is an address of this machine or its network"),
        )
        .cause("Platforms cannot call it, so no webhook arrives and no connection ends well.")
        .remedy(remedy);
    }
    if url.scheme() != "https" {
        return Finding::error("public_url", format!("{url} is not https"))
            .cause("Platforms call https URLs with a valid certificate only.")
            .remedy(remedy);
    }
    Finding::fine("public_url", format!("{url}"))
}

/// Whether a URL leads to this machine or its private network.
fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => is_near_ip(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_near_ip(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => {
            let near = ["localhost", "local", "internal", "lan", "home.arpa"];
            !name.contains('.') || near.iter().any(|end| name.ends_with(&format!(".{end}")))
        }
        None => true,
    }
}

fn is_near_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}

fn app(platform: &dyn Platform, section: &PlatformConfig) -> Option<Finding> {
    platform.auth()?;
    let (name, title) = (platform.name(), platform.title());
    let setting = |key: &str| {
        let variable = format!("POSTA_PLATFORMS_{name}_{key}").to_uppercase();
        format!("platforms.{name}.{key} ({variable})")
    };
    if section.client_id.is_empty() {
        let seen = format!("no app of {title} is configured; only customers' own apps can be used");
        let remedy = format!(
            "Set {} and {} to the id and secret on the {title} page of your app's dashboard, \
             unless every customer brings an app.",
            setting("client_id"),
            setting("client_secret")
        );
        return Some(Finding::warning("app", seen).remedy(remedy));
    }
    if section.client_secret.is_empty() {
        let seen = format!("{} is empty", setting("client_secret"));
        let remedy = format!("Set it to the secret on the {title} page of your app's dashboard.");
        let cause = "No code can be redeemed, and no webhook's signature matches.";
        return Some(Finding::error("app", seen).cause(cause).remedy(remedy));
    }
    if section.verify_token.is_empty() {
        let seen = format!("{} is empty", setting("verify_token"));
        let remedy =
            "Make up a text, set it here, and enter it beside the callback URL in the dashboard.";
        let cause = format!(
            "{title} cannot make sure that the callback URL is yours, so it sends nothing."
        );
        return Some(Finding::error("app", seen).cause(cause).remedy(remedy));
    }
    let seen = format!(
        "the app {} of {title}, its secret and its verify token are set",
        section.client_id
    );
    Some(Finding::fine("app", seen))
}

#[cfg(test)]
mod tests {
    use posta_core::finding::Severity;

    use crate::config::{Environment, Layers};

    fn judged(settings: &[(&str, &str)], check: &str) -> (Severity, String) {
        let mut layers = Layers::read(None, &Environment::default()).unwrap();
        for (key, value) in settings {
            layers.set(key, *value).unwrap();
        }
        let found = super::settings(&layers.config().unwrap());
        let found = found.into_iter().find(|one| one.check == check).unwrap();
        (found.severity, found.seen)
    }

    #[test]
    fn a_public_url_that_no_platform_can_call_is_an_error() {
        for (url, expected) in [
            ("https://posta.example.com", Severity::Fine),
            ("http://posta.example.com", Severity::Error),
            ("https://localhost:8700", Severity::Error),
            ("https://127.0.0.1:8700", Severity::Error),
            ("https://192.168.1.7", Severity::Error),
            ("https://[::1]", Severity::Error),
            ("https://printer.local", Severity::Error),
            ("https://posta", Severity::Error),
        ] {
            assert_eq!(judged(&[("public_url", url)], "public_url").0, expected, "{url}");
        }
    }

    #[test]
    fn beside_a_sandbox_any_public_url_will_do() {
        let near = "http://127.0.0.1:8701/x";
        let settings = [
            ("platforms.instagram.urls.authorize", near),
            ("platforms.instagram.urls.token", near),
            ("platforms.instagram.urls.graph", near),
        ];
        assert_eq!(judged(&settings, "public_url").0, Severity::Fine);
    }

    #[test]
    fn each_missing_part_of_the_app_is_named() {
        let id = ("platforms.instagram.client_id", "1");
        let secret = ("platforms.instagram.client_secret", "2");
        let token = ("platforms.instagram.verify_token", "3");
        assert_eq!(judged(&[], "app").0, Severity::Warning);
        let (severity, seen) = judged(&[id], "app");
        assert_eq!(severity, Severity::Error);
        assert!(seen.contains("POSTA_PLATFORMS_INSTAGRAM_CLIENT_SECRET"), "{seen}");
        assert!(judged(&[id, secret], "app").1.contains("verify_token"));
        assert_eq!(judged(&[id, secret, token], "app").0, Severity::Fine);
        assert_eq!(judged(&[], "master_key").0, Severity::Error);
        let key = ("master_key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        assert_eq!(judged(&[key], "master_key").0, Severity::Fine);
    }
}
