//! Every id type, in one list. Ours are 24 hex digits that sort by time; a platform's are opaque.

use std::sync::{Mutex, PoisonError};

use crate::chance::Chance;
use crate::time::{Clock, Timestamp};

/// Text that is not an id of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 24 lower-case hex digits")]
pub struct MalformedId;

/// An id of ours that [`Ids`] can make.
pub trait OwnId: Sized {
    /// Wraps text that is known to be well formed.
    fn from_valid(text: String) -> Self;
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, sqlx::Type,
            utoipa::ToSchema,
        )]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

macro_rules! own_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        text_newtype! { $(#[$doc])* $name }

        impl OwnId for $name {
            fn from_valid(text: String) -> Self {
                Self(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                if is_id24(text) { Ok(Self(text.to_owned())) } else { Err(MalformedId) }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

macro_rules! remote_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        text_newtype! { $(#[$doc])* $name }

        impl $name {
            /// Wraps the platform's own id. U+0000, which not every database can store, becomes
            /// U+FFFD, here and not later, so that the same id is always the same text.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into().replace('\0', "\u{FFFD}"))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    )+};
}

own_ids! {
    /// A workspace: one customer's world, into which nobody else sees.
    WorkspaceId,
    /// A profile: a brand or customer that groups accounts.
    ProfileId,
    /// A connected account on a platform.
    AccountId,
    /// A conversation with one person on one account.
    ConversationId,
    /// A message, incoming or outgoing.
    MessageId,
    /// A webhook endpoint of the customer's.
    EndpointId,
    /// One event on its way to one webhook endpoint.
    DeliveryId,
    /// One try of a delivery.
    AttemptId,
    /// A part of the log on its way to an endpoint once more.
    ReplayId,
    /// One call to a platform.
    CallId,
    /// An API key.
    KeyId,
    /// The customer's own app on a platform.
    OauthAppId,
    /// One raw webhook as a platform sent it.
    InboundId,
    /// A comment on a post, as we keep it.
    CommentId,
    /// One connect attempt, from authorize URL to callback.
    ConnectId,
    /// A unit of background work.
    JobId,
}

remote_ids! {
    /// A comment on a post.
    RemoteComment,
    /// A post, reel or story.
    RemotePost,
    /// A platform's id of an account, as its webhooks and send calls carry it.
    RemoteAccount,
    /// A platform's id of a person, unique per account.
    RemotePerson,
    /// A platform's id of a conversation, unique per account.
    RemoteThread,
    /// A platform's id of a message, unique per account.
    RemoteMessage,
}

/// What an id begins with that stands in for one; no platform's does.
const STAND_IN: &str = "postback-";

impl RemoteMessage {
    /// Makes an id for a message that its platform told without one. The same digits make the same id.
    #[must_use]
    pub fn stand_in(digits: &str) -> Self {
        Self::new(format!("{STAND_IN}{digits}"))
    }

    /// Whether it stands in for the platform's own id, which is not known.
    #[must_use]
    pub fn is_stand_in(&self) -> bool {
        self.as_str().starts_with(STAND_IN)
    }
}

text_newtype! {
    /// The id of an event: a UUID of version 7, so it too sorts by time.
    #[derive(serde::Deserialize)]
    EventId
}

/// How many of an id's digits tell the time it was made.
pub const TIME_DIGITS: usize = 12;

/// Returns what is below every id that is made at `time` or later, and above those made before.
#[must_use]
pub fn floor_of_ids(time: Timestamp) -> String {
    format!("{:012x}", u64::try_from(time.as_millis()).unwrap_or(0))
}

/// Whether the text has the shape of an id of ours.
#[must_use]
pub fn is_id24(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Makes ids from the clock and chance it was given. Within one process they only rise.
#[derive(Debug)]
pub struct Ids {
    clock: Clock,
    chance: Chance,
    last: Mutex<u128>,
}

const LOW_BITS: u32 = 48;

impl Ids {
    /// Makes a generator.
    #[must_use]
    pub fn new(clock: Clock, chance: Chance) -> Self {
        Self { clock, chance, last: Mutex::new(0) }
    }

    /// Returns the clock that the ids are made from.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the chance that the ids are made from.
    #[must_use]
    pub fn chance(&self) -> &Chance {
        &self.chance
    }

    /// Makes the next id.
    pub fn next<T: OwnId>(&self) -> T {
        let random = self.chance.below(1 << LOW_BITS);
        let now = u128::try_from(self.clock.now().as_millis()).unwrap_or(0);
        let fresh = (now << LOW_BITS) | u128::from(random);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A second id in the same millisecond continues from the first by a random step, so it
        // rises and is still not to be guessed.
        *last = if fresh > *last { fresh } else { *last + 1 + u128::from(random >> 24) };
        let mut text = format!("{:024x}", *last);
        text.truncate(24);
        T::from_valid(text)
    }

    /// Makes the next event id.
    pub fn next_event(&self) -> EventId {
        let millis = u64::try_from(self.clock.now().as_millis()).unwrap_or(0);
        let random = self.chance.bytes::<10>();
        EventId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Ids {
        Ids::new(Clock::fixed(Timestamp::from_millis(1_767_182_410_007)), Chance::seeded(1))
    }

    #[test]
    fn ids_have_the_shape_and_only_rise() {
        let ids = ids();
        let made: Vec<MessageId> = (0..2000).map(|_| ids.next()).collect();
        assert!(made.iter().all(|id| is_id24(id.as_str())));
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(made[0].as_str().starts_with("019b7447a117"), "{}", made[0]);
    }

    #[test]
    fn ids_stand_above_the_floor_of_their_time() {
        let made: MessageId = ids().next();
        let floor = |millis| floor_of_ids(Timestamp::from_millis(millis));
        assert!(made.as_str() > floor(1_767_182_410_007).as_str());
        assert!(made.as_str() < floor(1_767_182_410_008).as_str());
        assert_eq!(floor(-1), "000000000000");
    }

    #[test]
    fn malformed_ids_are_refused() {
        let bad = ["", "123", "019B7447A117000000000000", "019b7447a11700000000000g"];
        assert!(bad.iter().all(|text| text.parse::<AccountId>() == Err(MalformedId)));
        assert!(serde_json::from_str::<AccountId>("\"xyz\"").is_err());
    }

    #[test]
    fn a_platforms_id_is_kept_but_for_what_cannot_be_stored() {
        for (text, kept) in [("aWdf=", "aWdf="), ("a\0b", "a\u{FFFD}b")] {
            assert_eq!(RemoteMessage::new(text).as_str(), kept);
            let json = serde_json::to_string(text).unwrap();
            let read: RemoteMessage = serde_json::from_str(&json).unwrap();
            assert_eq!(read, RemoteMessage::new(text));
        }
    }

    #[test]
    fn event_ids_are_uuids_of_version_7() {
        let event = ids().next_event();
        assert_eq!(uuid::Uuid::parse_str(event.as_str()).unwrap().get_version_num(), 7);
    }
}
