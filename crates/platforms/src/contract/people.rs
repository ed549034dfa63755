//! Who the people are that write to an account.

use posta_core::id::RemotePerson;

use super::Answer;
use crate::cx::Cx;

/// Reading the profiles of people.
pub trait People: Sync {
    /// Reads the profile of a person who wrote to the account. Platforms refuse this often, and a
    /// refusal says nothing about the person's messages.
    fn profile<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        person: &'a RemotePerson,
    ) -> Answer<'a, Result<Profile, Withheld>>;
}

/// Who a person is towards an account, as far as the platform says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name for people.
    pub name: Option<String>,
    /// The handle, without `@`.
    pub username: Option<String>,
    /// A picture, usually for a limited time.
    pub picture: Option<String>,
    /// Whether the person follows the account.
    pub is_follower: Option<bool>,
    /// Whether the account follows the person.
    pub is_following: Option<bool>,
    /// How many people follow the person.
    pub followers: Option<i64>,
    /// Whether the platform vouches for who they are.
    pub is_verified: Option<bool>,
}

/// Why a platform does not show a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// The person has not written to the account yet.
    NoConsent,
    /// The account's owner keeps messages from apps.
    NoAccess,
    /// The platform knows nobody by this id, or the person wants nothing of the account.
    Nobody,
}
