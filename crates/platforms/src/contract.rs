//! What a platform is: a name, limits, and one optional accessor per family of abilities.
//!
//! Connectors are stateless. Whatever varies arrives in [`Cx`]: credentials, URLs, client, clock.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use http::HeaderMap;
use posta_core::capability::{Capability, Limits};
use posta_core::event::Event;
use posta_core::failure::ConnectorError;
use posta_core::id::RemotePerson;
use posta_core::message::{Outgoing, Sent};
use posta_core::secret::Secret;
use url::Url;

use crate::cx::Cx;
pub use crate::grant::{Grant, Identity, Token};
use crate::sandbox::Face;

/// The answer of a call to a platform.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ConnectorError>>;

/// A platform and the families it has. The default of every family is "none".
pub trait Platform: Sync {
    /// Returns its name in the unified API, which is also its folder and configuration section.
    fn name(&self) -> &'static str;

    /// Returns its name for people.
    fn title(&self) -> &'static str;

    /// Returns the numbers it sets.
    fn limits(&self) -> &'static Limits;

    /// Returns the base URLs it is reached at, by role, with their defaults.
    fn urls(&self) -> &'static [(&'static str, &'static str)];

    /// Returns the API version used when the configuration names none.
    fn default_version(&self) -> &'static str;

    /// Returns its pretend self for the sandbox.
    fn sandbox(&self) -> &'static dyn Face;

    /// Connecting by OAuth.
    fn auth(&self) -> Option<&dyn Auth> {
        None
    }

    /// Receiving webhooks.
    fn inbound(&self) -> Option<&dyn Inbound> {
        None
    }

    /// Sending messages.
    fn messages(&self) -> Option<&dyn Messages> {
        None
    }

    /// Read marks and typing.
    fn receipts(&self) -> Option<&dyn Receipts> {
        None
    }
}

/// Lists the families that a platform has.
#[must_use]
pub fn capabilities(platform: &dyn Platform) -> Vec<Capability> {
    let families = [
        (Capability::Auth, platform.auth().is_some()),
        (Capability::Inbound, platform.inbound().is_some()),
        (Capability::Messages, platform.messages().is_some()),
        (Capability::Receipts, platform.receipts().is_some()),
    ];
    families.into_iter().filter_map(|(family, has)| has.then_some(family)).collect()
}

/// Connecting an account by OAuth and keeping its grant alive.
pub trait Auth: Sync {
    /// Lists what can be asked for: the scopes of each area of the unified API.
    fn scopes(&self) -> &'static [ScopeArea];

    /// Builds the URL where the account's owner allows the app.
    fn start(&self, cx: &Cx<'_>, ask: &Ask<'_>) -> Url;

    /// Turns the code of a successful redirect into a lasting grant.
    fn finish<'a>(&'a self, cx: &'a Cx<'a>, code: &'a str, redirect: &'a Url) -> Answer<'a, Grant>;

    /// Prolongs a grant. The old token stops counting once the new one is stored.
    fn refresh<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, Token>;
}

/// A group of scopes that can be left out of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ScopeArea {
    /// The area's name in the unified API; `None` for scopes that are always asked for.
    pub area: Option<&'static str>,
    /// The platform's names of its scopes.
    pub scopes: &'static [&'static str],
}

/// What to ask the account's owner for.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The scopes, in the platform's names.
    pub scopes: &'a [&'static str],
    /// Where the platform sends the browser back.
    pub redirect: &'a Url,
    /// What it must bring back unchanged.
    pub state: &'a str,
    /// Whether to show the login form even to a logged-in person.
    pub force_login: bool,
}

/// Receiving webhooks. `verify` and `parse` are pure; neither waits for anything.
pub trait Inbound: Sync {
    /// Returns what the platform calls the thing to subscribe to, and its fields, as its dashboard
    /// names them.
    fn subscription(&self) -> Subscription;

    /// Answers the platform's question whether this URL is ours: the text to return, if the verify
    /// token is one of `tokens`.
    fn challenge(&self, query: &[(String, String)], tokens: &[Secret]) -> Option<String>;

    /// Finds which of the secrets signed these raw bytes, by index.
    fn verify(&self, headers: &HeaderMap, body: &[u8], secrets: &[Secret]) -> Vec<usize>;

    /// Reads the events out of a verified body. One bad event becomes `Unknown`, alone.
    fn parse(&self, body: &[u8]) -> Result<Vec<Event>, Unparsed>;

    /// Asks the platform to send us this account's events, as far as the granted scopes reach.
    fn subscribe<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        granted: Option<&'a BTreeSet<String>>,
    ) -> Answer<'a, ()>;
}

/// What to subscribe to in a platform's dashboard.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// The kind of object.
    pub object: &'static str,
    /// The fields.
    pub fields: &'static [&'static str],
}

/// A webhook body that is not of the platform's form at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unparsed(pub String);

/// Sending messages.
pub trait Messages: Sync {
    /// Sends one message. Neither repeats nor waits; the caller decides by the error's class.
    fn send<'a>(&'a self, cx: &'a Cx<'a>, message: &'a Outgoing) -> Answer<'a, Sent>;
}

/// Showing a person what the account does.
pub trait Receipts: Sync {
    /// Marks everything the person wrote as seen.
    fn mark_read<'a>(&'a self, cx: &'a Cx<'a>, person: &'a RemotePerson) -> Answer<'a, ()>;

    /// Shows the person that somebody is typing.
    fn typing<'a>(&'a self, cx: &'a Cx<'a>, person: &'a RemotePerson) -> Answer<'a, ()>;
}
