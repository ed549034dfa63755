//! How long something lasts, as it is written in bodies of the control API.

use std::time::Duration;

use posta_core::time::duration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration: text such as `25h`, or a number of seconds. Written as seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lapse(pub(crate) Duration);

impl<'de> Deserialize<'de> for Lapse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "must be text such as 25h, or a number of seconds")]
        enum Form {
            Seconds(f64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Seconds(seconds) => {
                Duration::try_from_secs_f64(seconds).map(Self).map_err(serde::de::Error::custom)
            }
            Form::Text(text) => duration(&text).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

impl Serialize for Lapse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_secs_f64())
    }
}
