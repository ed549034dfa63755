//! Keeping a log of calls: what they are called, what of them is harmless, what the platform says.

use http::HeaderMap;
use posta_core::failure::PlatformSaid;
use serde_json::Value;

/// What a call does, for people who read the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Its family: `connections` or `messaging`.
    pub area: &'static str,
    /// A verb and what it is done to.
    pub action: &'static str,
}

impl Deed {
    /// Following a link to a file.
    pub const DOWNLOAD: Self = Self { area: "messaging", action: "download_file" };
    /// A call of a platform that does not name its calls.
    pub const UNNAMED: Self = Self { area: "messaging", action: "call" };
}

/// What an answer tells beside its content.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// That, and why, the platform refused.
    pub refusal: Option<PlatformSaid>,
    /// The platform's id of the call.
    pub trace_id: Option<String>,
    /// How much of what it allows is used up, in its own words.
    pub usage: Option<String>,
}

/// What a platform lets be kept of calls to it. One without it has every text hidden.
pub trait Logbook: Sync {
    /// Names a call by its method, path and body.
    fn deed(&self, method: &str, path: &str, body: Option<&Value>) -> Deed;

    /// Lists the names of fields whose texts say nothing private, wherever they stand.
    fn shown(&self) -> &'static [&'static str];

    /// Reads an answer.
    fn told(&self, headers: &HeaderMap, body: Option<&Value>) -> Told;
}
