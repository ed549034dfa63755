//! What can go wrong with a call or a webhook.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::sandbox::lapse::Lapse;
use crate::sandbox::world::Revocation;

/// One thing that goes wrong. Written as its name, or as an object with `kind` and more.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Fault(pub(crate) Kind);

/// The things that go wrong, and how exactly.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Kind {
    /// The answer takes longer.
    Latency { by: Lapse },
    /// No answer comes; the connection stays.
    Timeout {
        #[serde(default)]
        effect: Effect,
    },
    /// The connection is cut; by default once the call has been done.
    Cut {
        #[serde(default = "Effect::after")]
        effect: Effect,
    },
    /// An answer that no program of the platform wrote, as of a proxy in trouble.
    Status {
        status: u16,
        #[serde(default)]
        effect: Effect,
    },
    /// The platform's own error, by its numbers.
    Error {
        code: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subcode: Option<i64>,
        #[serde(default)]
        effect: Effect,
        /// How long the platform says to wait, where it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait: Option<Lapse>,
    },
    /// The link to a file has ended.
    ExpiredMedia {},
    /// Answers say that this much of the limits is used.
    Usage {
        percent: u32,
        #[serde(default = "no_wait")]
        wait: Lapse,
    },
    /// The token of the call ends at this moment, by age.
    ExpireToken {},
    /// The token of the call ends at this moment.
    RevokeToken {
        #[serde(default = "removed")]
        reason: Revocation,
    },
    /// The platform forgets what the account is subscribed to.
    LoseSubscription {},
    /// The webhook of what the call did arrives before the call's answer.
    EchoFirst {},
    /// The webhook never leaves.
    Drop {},
    /// The webhook comes more than once.
    Duplicate {
        #[serde(default = "once")]
        times: u16,
    },
    /// The webhook comes behind the next one, or a minute later if there is none.
    Reorder {},
    /// The webhook comes later.
    Delay { by: Lapse },
    /// The webhook is signed with another secret.
    WrongSignature {},
}

/// Whether the platform does what it was asked before the fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// The fault comes first, and the platform does nothing.
    #[default]
    Before,
    /// The platform has done it.
    After,
}

impl Effect {
    fn after() -> Self {
        Self::After
    }
}

fn no_wait() -> Lapse {
    Lapse(Duration::ZERO)
}

fn removed() -> Revocation {
    Revocation::AppRemoved
}

fn once() -> u16 {
    1
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = match Value::deserialize(deserializer)? {
            Value::String(kind) => json!({"kind": kind}),
            other => other,
        };
        serde_json::from_value(value).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Fault {
    /// Whether it happens to webhooks, and not to calls.
    pub(crate) fn is_of_webhooks(&self) -> bool {
        matches!(
            self.0,
            Kind::Drop {}
                | Kind::Duplicate { .. }
                | Kind::Reorder {}
                | Kind::Delay { .. }
                | Kind::WrongSignature {}
        )
    }

    /// Whether it takes the place of the answer, and when; `None` when the call goes on.
    pub(crate) fn answers(&self) -> bool {
        self.effect().is_some()
    }

    /// Returns whether what takes the answer's place comes before the call is done, or after.
    pub(crate) fn effect(&self) -> Option<Effect> {
        match &self.0 {
            Kind::Timeout { effect }
            | Kind::Cut { effect }
            | Kind::Status { effect, .. }
            | Kind::Error { effect, .. } => Some(*effect),
            Kind::ExpiredMedia {} => Some(Effect::Before),
            _ => None,
        }
    }

    /// Says what is wrong with the fault's own numbers: the field and why.
    pub(crate) fn problem(&self) -> Option<(&'static str, &'static str)> {
        match &self.0 {
            Kind::Status { status, .. } if !(400..=599).contains(status) => {
                Some(("fault.status", "must be from 400 to 599"))
            }
            Kind::Duplicate { times } if !(1..=100).contains(times) => {
                Some(("fault.times", "must be from 1 to 100"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Fault, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_enough_where_nothing_more_is_needed() {
        assert_eq!(read(json!("cut")), Ok(Fault(Kind::Cut { effect: Effect::After })));
        assert_eq!(read(json!("timeout")), Ok(Fault(Kind::Timeout { effect: Effect::Before })));
        assert_eq!(read(json!({"kind": "drop"})), Ok(Fault(Kind::Drop {})));
        for (wrong, why) in [
            (json!("explode"), "unknown variant `explode`"),
            (json!("latency"), "missing field `by`"),
            (json!({"kind": "drop", "times": 2}), "unknown field `times`"),
            (json!({"kind": "cut", "effect": "later"}), "unknown variant `later`"),
        ] {
            let said = read(wrong).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
