//! Settings: defaults, then a file, then the environment. The only place that reads the latter.

mod layers;
mod platforms;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use posta_core::secret::Secret;
use posta_platforms::guard::{Allowed, Ports, Schemes};
use posta_store::Open;
use serde::{Deserialize, Deserializer};
use url::Url;

pub use layers::{ConfigError, Environment, Layers, Setting};
pub use platforms::{PlatformConfig, Platforms};

/// Every setting with its default and what it means.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// The settings Posta runs with.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// `listen`: where Posta listens.
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// `public_url`: the URL under which browsers and platforms reach it.
    #[serde(deserialize_with = "public_url")]
    pub public_url: Url,
    /// `master_key`: what seals tokens and secrets at rest.
    pub master_key: Secret,
    /// `[database]`.
    pub database: Database,
    /// `[api]`.
    pub api: Api,
    /// `[webhooks]`.
    pub webhooks: Webhooks,
    /// `[events]`.
    pub events: Events,
    /// `[outbound]`.
    pub outbound: Outbound,
    /// `[media]`.
    pub media: Media,
    /// `[tokens]`.
    pub tokens: Tokens,
    /// `[inbox]`.
    pub inbox: Inbox,
    /// `[logs]`.
    pub logs: Logs,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
    /// `[log]`.
    pub log: Log,
    /// `[platforms.…]`, one per platform.
    pub platforms: Platforms,
}

/// `[database]`: where everything is kept.
#[derive(Clone, Debug, Deserialize)]
pub struct Database {
    /// `database.url`: a SQLite file or a Postgres server.
    #[serde(deserialize_with = "parsed")]
    pub url: Open,
}

/// `[api]`: how the API treats its callers.
#[derive(Clone, Debug, Deserialize)]
pub struct Api {
    /// `api.requests_per_minute`: how many requests one workspace may make.
    #[serde(deserialize_with = "whole::<1, 1_000_000, _, _>")]
    pub requests_per_minute: u32,
    /// `api.send_wait_seconds`: how long a send waits for the platform's answer.
    #[serde(deserialize_with = "whole::<0, 600, _, _>")]
    pub send_wait_seconds: u16,
}

impl Config {
    /// Where files are kept: those handed in to be sent, and copies of what people sent.
    #[must_use]
    pub fn media_directory(&self) -> PathBuf {
        if !self.media.directory.as_os_str().is_empty() {
            return self.media.directory.clone();
        }
        match &self.database.url {
            Open::Sqlite(file) => file.with_file_name("posta-media"),
            Open::Postgres(_) => PathBuf::from("posta-media"),
        }
    }
}

/// `[webhooks]`: how events are delivered to customers.
#[derive(Clone, Debug, Deserialize)]
pub struct Webhooks {
    /// `webhooks.timeout_seconds`: how long an endpoint may take to answer.
    #[serde(deserialize_with = "whole::<1, 60, _, _>")]
    pub timeout_seconds: u16,
    /// `webhooks.concurrency`: how many deliveries are under way at once.
    #[serde(deserialize_with = "whole::<1, 10_000, _, _>")]
    pub concurrency: u16,
    /// `webhooks.endpoint_concurrency`: how many of them to one endpoint.
    #[serde(deserialize_with = "whole::<1, 10_000, _, _>")]
    pub endpoint_concurrency: u16,
    /// `webhooks.retry_schedule`: how long after each failed try the next one follows.
    #[serde(deserialize_with = "parsed")]
    pub retry_schedule: Schedule,
    /// `webhooks.disable_after_days`: how long an endpoint may take nothing.
    #[serde(deserialize_with = "whole::<1, 365, _, _>")]
    pub disable_after_days: u32,
}

/// Times to wait, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(pub Vec<Duration>);

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |entry: &str| {
            let (number, unit) = entry.split_at_checked(entry.len().checked_sub(1)?)?;
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 60 * 60,
                "d" => 24 * 60 * 60,
                _ => return None,
            };
            let number: u64 =
                number.parse().ok().filter(|number| (1..=100_000).contains(number))?;
            Some(Duration::from_secs(number * seconds))
        };
        let waits: Option<Vec<_>> = text.split(',').map(str::trim).map(read).collect();
        waits.map(Self).ok_or_else(|| "must list times, such as 5s, 2m, 1h, 1d".to_owned())
    }
}

/// `[events]`: how long what happened is kept.
#[derive(Clone, Debug, Deserialize)]
pub struct Events {
    /// `events.keep_days`: how long events stay in the log.
    #[serde(deserialize_with = "whole::<1, 36_500, _, _>")]
    pub keep_days: u32,
    /// `events.keep_days_of`: the same for some of them.
    #[serde(deserialize_with = "parsed")]
    pub keep_days_of: KeepDays,
    /// `events.keep_raw_days`: how long raw webhooks are kept that were taken in.
    #[serde(deserialize_with = "whole::<1, 36_500, _, _>")]
    pub keep_raw_days: u32,
}

/// Days by event, or by the first word of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepDays(Vec<(String, u32)>);

impl Events {
    /// How many days events of a kind stay in the log: the longest name that fits decides.
    #[must_use]
    pub fn days_of(&self, kind: &str) -> u32 {
        let fits = |name: &str| {
            kind.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let fitting = self.keep_days_of.0.iter().filter(|(name, _)| fits(name));
        fitting.max_by_key(|(name, _)| name.len()).map_or(self.keep_days, |(_, days)| *days)
    }
}

impl FromStr for KeepDays {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |entry: &str| {
            let (name, days) = entry.split_once('=')?;
            let days = days.trim().parse().ok().filter(|days| (1..=36_500).contains(days))?;
            Some((name.trim().to_owned(), days))
        };
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let entries: Option<Vec<_>> = entries.map(read).collect();
        entries.map(Self).ok_or_else(|| "must be like message.read=7, account=365".to_owned())
    }
}

/// `[outbound]`: where the URLs that customers give may lead.
#[derive(Clone, Debug, Deserialize)]
pub struct Outbound {
    /// `outbound.allow`: what may be reached beside public addresses.
    #[serde(deserialize_with = "parsed")]
    pub allow: Allowed,
    /// `outbound.ports`: the ports that may be reached.
    #[serde(deserialize_with = "parsed")]
    pub ports: Ports,
    /// `outbound.schemes`: the schemes that a URL may have.
    #[serde(deserialize_with = "parsed")]
    pub schemes: Schemes,
}

/// `[media]`: what is kept of what people send, and where what is sent to them.
#[derive(Clone, Debug, Deserialize)]
pub struct Media {
    /// `media.directory`: where files are kept; empty for a folder beside the database's file.
    pub directory: PathBuf,
    /// `media.policy`: what is kept, and what happens to it when a message is taken back.
    pub policy: MediaPolicy,
    /// `media.max_stored_bytes`: the largest file that is kept of what people send.
    #[serde(deserialize_with = "whole::<1, 1_099_511_627_776, _, _>")]
    pub max_stored_bytes: u64,
    /// `media.max_workspace_bytes`: how many bytes all files of a workspace may have together.
    #[serde(deserialize_with = "whole::<1, 1_152_921_504_606_846_976, _, _>")]
    pub max_workspace_bytes: u64,
}

/// What is kept of what people send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaPolicy {
    /// Texts, and the platform's links to media, also of messages that were taken back.
    Links,
    /// The same, until a message is taken back; then neither.
    PurgeOnUnsend,
    /// Texts, links, and copies of what the links lead to, also of messages that were taken back.
    Store,
}

/// `[tokens]`: how the platforms' tokens are kept alive.
#[derive(Clone, Debug, Deserialize)]
pub struct Tokens {
    /// `tokens.renew_before_days`: how many days before its end a token is renewed.
    #[serde(deserialize_with = "whole::<1, 50, _, _>")]
    pub renew_before_days: u16,
}

/// `[inbox]`: what is kept and told of conversations.
#[derive(Clone, Debug, Deserialize)]
pub struct Inbox {
    /// `inbox.window_closing_lead_minutes`: how long before a reply window closes it is told.
    #[serde(deserialize_with = "whole::<0, 1380, _, _>")]
    pub window_closing_lead_minutes: u16,
    /// `inbox.import_threads`: how many conversations are taken in when an account is connected.
    #[serde(deserialize_with = "whole::<0, 10_000, _, _>")]
    pub import_threads: u32,
    /// `inbox.reconcile_minutes`: how often an account is compared with its platform.
    #[serde(deserialize_with = "whole::<0, 1440, _, _>")]
    pub reconcile_minutes: u32,
    /// `inbox.automated_turns`: how often in a row a program's message may be answered within seconds.
    #[serde(deserialize_with = "whole::<0, 10_000, _, _>")]
    pub automated_turns: u32,
    /// `inbox.media_fresh_minutes`: how long the URL of an attachment is taken to work.
    #[serde(deserialize_with = "whole::<0, 525_600, _, _>")]
    pub media_fresh_minutes: u32,
}

/// `[logs]`: the log of calls to platforms.
#[derive(Clone, Debug, Deserialize)]
pub struct Logs {
    /// `logs.keep_days`: how long calls stay in it.
    #[serde(deserialize_with = "whole::<0, 90, _, _>")]
    pub keep_days: u32,
}

/// `[telemetry]`: where traces go.
#[derive(Clone, Debug, Deserialize)]
pub struct Telemetry {
    /// `telemetry.otlp_endpoint`: the collector that takes traces, with the path for them.
    #[serde(deserialize_with = "collector")]
    pub otlp_endpoint: Option<Url>,
    /// `telemetry.sample_percent`: how many of a hundred traces that begin here are kept.
    #[serde(deserialize_with = "whole::<0, 100, _, _>")]
    pub sample_percent: u32,
}

/// `[log]`: what is logged and how.
#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    /// `log.level`: a level or filter.
    #[serde(deserialize_with = "level")]
    pub level: String,
    /// `log.format`: how a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// For machines: one JSON object per line.
    Json,
}

/// Reads an address to listen on.
///
/// # Errors
/// When it is none; the message shows one.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "must be an IP address and a port, such as 127.0.0.1:8700, or 0.0.0.0:8700 for all"
            .to_owned()
    })
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    address(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn whole<'de, const LEAST: i64, const MOST: i64, T: TryFrom<i64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let fits = (LEAST..=MOST).contains(&number);
    T::try_from(number).ok().filter(|_| fits).ok_or_else(|| {
        serde::de::Error::custom(format!("must be a whole number from {LEAST} to {MOST}"))
    })
}

/// The filter's own reader takes a misspelt level for the name of a part, and logs nothing else.
fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let text = String::deserialize(deserializer)?;
    let is_known = |part: &str| part.contains('=') || LEVELS.contains(&part.trim());
    if text.split(',').all(is_known) {
        Ok(text)
    } else {
        let levels = LEVELS.join(", ");
        Err(serde::de::Error::custom(format!("must be one of {levels}, or name=level")))
    }
}

fn parsed<'de, T: FromStr<Err = String>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn collector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let url = text.parse().ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https"));
    let mut url = url.ok_or_else(|| serde::de::Error::custom("must be an http or https URL"))?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["v1", "traces"]);
    }
    Ok(Some(url))
}

fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let url = Url::deserialize(deserializer)?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && is_bare {
        Ok(url)
    } else {
        Err(serde::de::Error::custom("must be an http or https URL without a path"))
    }
}
