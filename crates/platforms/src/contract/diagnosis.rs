//! Finding out what stops an account without an error.

use futures_util::future::BoxFuture;
use posta_core::failure::PlatformSaid;
use posta_core::finding::{Call, Finding};
use posta_core::id::{RemoteAccount, RemoteComment};
use posta_core::secret::Secret;
use posta_core::time::Timestamp;

use crate::cx::Cx;

/// Finding out what stops an account without an error. Nothing here changes anything, and no person
/// sees anything of it.
pub trait Diagnosis: Sync {
    /// Builds the question by which the platform makes sure that a callback URL is ours. The right
    /// answer is `nonce`.
    fn question(&self, verify_token: &Secret, nonce: &str) -> Vec<(&'static str, String)>;

    /// Asks the platform about the account and says what is wrong.
    fn examine<'a>(&'a self, cx: &'a Cx<'a>, known: &'a Known<'a>) -> BoxFuture<'a, Examination>;

    /// Says what sends have in common that the platform refused this account.
    fn explain(&self, account: &RemoteAccount, refused: &[Refused]) -> Vec<Finding>;
}

/// What is on record of an account, besides its credentials.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The id by which the platform knows it towards the app.
    pub app_scoped: Option<&'a str>,
    /// Its handle.
    pub username: &'a str,
    /// What its owner granted, when the platform told.
    pub scopes: Option<&'a [String]>,
}

/// What asking the platform showed.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// What was found.
    pub findings: Vec<Finding>,
    /// The id that webhooks about the account carry, by what the platform says now.
    pub account: Option<RemoteAccount>,
    /// What last happened in any of its conversations, by what the platform says now.
    pub newest: Option<Happening>,
    /// Comments that others wrote under its posts, the newest of each, by what the platform says now.
    pub comments: Vec<(RemoteComment, Happening)>,
}

/// Something that happened at the platform.
#[derive(Clone, Debug)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// The call that showed it.
    pub call: Call,
}

/// A send that the platform refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The platform's words.
    pub said: PlatformSaid,
    /// When.
    pub at: Timestamp,
    /// What is behind it, where the platform called a reply window closed that was open by our own
    /// books.
    pub disputed: Option<Disputed>,
}

/// Why a platform may call a reply window closed that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disputed {
    /// The likeliest cause.
    pub cause: String,
    /// What to do.
    pub remedy: &'static str,
}
