//! Who the people are that write to an account.

use posta_core::id::RemotePerson;

use super::Answer;
use crate::cx::Cx;

/// Reading the profiles of people.
pub trait People: Sync {
    /// Reads the profile of a person who wrote to the account. Platforms refuse this often, and a
    /// refusal says nothing about the person's messages.
    fn profile<'a>(&'a self, cx: &'a Cx<'a>, person: &'a RemotePerson) -> Answer<'a, Profile>;
}

/// Who a person is towards an account, as far as the platform says.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
