//! Connecting an account and keeping its grant alive.

use url::Url;

use super::{Answer, Grant, Identity, Token};
use crate::cx::Cx;

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

    /// Reads whose token it is: the least that tells whether the platform accepts it.
    fn identify<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, Identity>;

    /// Finds out whether the platform accepts the app's id and secret, without anybody logging in.
    fn try_app<'a>(&'a self, cx: &'a Cx<'a>, redirect: &'a Url) -> Answer<'a, AppVerdict>;
}

/// What a platform says of an app's id and secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppVerdict {
    /// It accepts them.
    Accepted,
    /// It does not, in these words.
    Refused(String),
    /// It said something else, in these words.
    Unclear(String),
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
