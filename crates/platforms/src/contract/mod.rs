//! What a platform is: a name, limits, and one optional accessor per family of abilities.
//!
//! Connectors are stateless. Whatever varies arrives in [`crate::cx::Cx`]: credentials, URLs, client, clock.

mod auth;
mod callbacks;
mod comments;
mod diagnosis;
mod grant;
mod history;
mod inbound;
mod logbook;
mod menus;
mod messages;
mod people;
mod subscriptions;

use futures_util::future::BoxFuture;
use posta_core::capability::{Capability, Limits};
use posta_core::failure::ConnectorError;

pub use self::auth::{AppVerdict, Ask, Auth, ScopeArea};
pub use self::callbacks::{Callbacks, SignedCall};
pub use self::comments::{Comments, Moderation, Post, Remark, Under};
pub use self::diagnosis::{Diagnosis, Disputed, Examination, Happening, Known, Refused};
pub use self::grant::{Grant, Identity, Token};
pub use self::history::{History, Page, Past, PastReaction, Thread};
pub use self::inbound::{Inbound, REDACTED, Subscription, Unparsed};
pub use self::logbook::{Deed, Logbook, Told};
pub use self::menus::{IceBreakers, Menu, Menus, Question};
pub use self::messages::{Handover, Messages, Reactions, Receipts, Uploads};
pub use self::people::{People, Profile, Withheld};
pub use self::subscriptions::Subscriptions;
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

    /// Whether the platform tells us of an account's events.
    fn subscriptions(&self) -> Option<&dyn Subscriptions> {
        None
    }

    /// Calls of owners who take the app away.
    fn callbacks(&self) -> Option<&dyn Callbacks> {
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

    /// Reactions to messages.
    fn reactions(&self) -> Option<&dyn Reactions> {
        None
    }

    /// Attachments that are sent more than once.
    fn uploads(&self) -> Option<&dyn Uploads> {
        None
    }

    /// Ice breakers and menus.
    fn menus(&self) -> Option<&dyn Menus> {
        None
    }

    /// Passing conversations to other apps.
    fn handover(&self) -> Option<&dyn Handover> {
        None
    }

    /// Profiles of people.
    fn people(&self) -> Option<&dyn People> {
        None
    }

    /// Conversations from before now.
    fn history(&self) -> Option<&dyn History> {
        None
    }

    /// Finding out what is wrong.
    fn diagnosis(&self) -> Option<&dyn Diagnosis> {
        None
    }

    /// What may be kept of calls to it.
    fn logbook(&self) -> Option<&dyn Logbook> {
        None
    }

    /// Posts and comments.
    fn comments(&self) -> Option<&dyn Comments> {
        None
    }

    /// Hiding and deleting comments.
    fn moderation(&self) -> Option<&dyn Moderation> {
        None
    }
}

/// Lists the families that a platform has.
#[must_use]
pub fn capabilities(platform: &dyn Platform) -> Vec<Capability> {
    let families = [
        (Capability::Auth, platform.auth().is_some()),
        (Capability::Inbound, platform.inbound().is_some()),
        (Capability::Subscriptions, platform.subscriptions().is_some()),
        (Capability::Callbacks, platform.callbacks().is_some()),
        (Capability::Messages, platform.messages().is_some()),
        (Capability::Receipts, platform.receipts().is_some()),
        (Capability::Reactions, platform.reactions().is_some()),
        (Capability::Handover, platform.handover().is_some()),
        (Capability::Uploads, platform.uploads().is_some()),
        (Capability::Menus, platform.menus().is_some()),
        (Capability::People, platform.people().is_some()),
        (Capability::History, platform.history().is_some()),
        (Capability::Diagnosis, platform.diagnosis().is_some()),
        (Capability::Comments, platform.comments().is_some()),
        (Capability::Moderation, platform.moderation().is_some()),
    ];
    families.into_iter().filter_map(|(family, has)| has.then_some(family)).collect()
}
