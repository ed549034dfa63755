//! Instagram by Instagram Login: name, limits, and which families exist.

mod auth;
mod errors;
mod receive;
mod sandbox;
mod send;
#[cfg(test)]
mod tests;

use std::time::Duration;

use posta_core::capability::{Limits, ReplyWindow, TextLimit, TextUnit};

use crate::contract::{Auth, Inbound, Messages, Platform, Receipts};
use crate::sandbox::Face;

/// The connector.
pub(crate) struct Instagram;

static LIMITS: Limits = Limits {
    text: TextLimit { max: 1000, unit: TextUnit::Bytes },
    reply_window: Some(ReplyWindow {
        standard: Duration::from_hours(24),
        human_agent: Some(Duration::from_hours(7 * 24)),
    }),
};

impl Platform for Instagram {
    fn name(&self) -> &'static str {
        "instagram"
    }

    fn title(&self) -> &'static str {
        "Instagram"
    }

    fn limits(&self) -> &'static Limits {
        &LIMITS
    }

    fn urls(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("authorize", "https://www.instagram.com"),
            ("token", "https://api.instagram.com"),
            ("graph", "https://graph.instagram.com"),
        ]
    }

    fn default_version(&self) -> &'static str {
        "v25.0"
    }

    fn sandbox(&self) -> &'static dyn Face {
        &sandbox::InstagramFace
    }

    fn auth(&self) -> Option<&dyn Auth> {
        Some(self)
    }

    fn inbound(&self) -> Option<&dyn Inbound> {
        Some(self)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        Some(self)
    }

    fn receipts(&self) -> Option<&dyn Receipts> {
        Some(self)
    }
}
