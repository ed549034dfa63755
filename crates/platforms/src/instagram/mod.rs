//! Instagram by Instagram Login: name, limits, and which families exist.

mod auth;
mod comments;
mod diagnose;
mod errors;
mod history;
mod logbook;
mod menus;
mod people;
mod receive;
mod sandbox;
mod send;
mod subscribe;
#[cfg(test)]
mod tests;

use std::time::Duration;

use posta_core::capability::{
    ButtonLimit, CallClass, CardLimit, Limits, MediaLimit, QuickReplyLimit, Rate, ReplyWindow,
    TextLimit, TextUnit,
};
use posta_core::message::MediaKind;

use crate::contract::{
    Auth, Callbacks, Comments, Diagnosis, Handover, History, Inbound, Logbook, Menus, Messages,
    Moderation, People, Platform, Reactions, Receipts, Subscriptions, Uploads,
};
use crate::sandbox::Face;

/// The connector.
pub(crate) struct Instagram;

const MIB: u64 = 1 << 20;

const fn media(kind: MediaKind, mib: u64, types: &'static [&'static str]) -> MediaLimit {
    MediaLimit { kind, max_bytes: mib * MIB, types }
}

const fn rate(class: CallClass, calls: u32, per: Duration) -> Rate {
    Rate { class, calls, per }
}

static LIMITS: Limits = Limits {
    text: TextLimit { max: 1000, unit: TextUnit::Bytes },
    reply_window: Some(ReplyWindow {
        standard: Duration::from_hours(24),
        human_agent: Some(Duration::from_hours(7 * 24)),
    }),
    media: &[
        media(MediaKind::Image, 8, &["image/png", "image/jpeg", "image/gif"]),
        media(
            MediaKind::Audio,
            25,
            &["audio/aac", "audio/mp4", "audio/x-m4a", "audio/wav", "video/mp4"],
        ),
        media(
            MediaKind::Video,
            25,
            &["video/mp4", "video/ogg", "video/x-msvideo", "video/quicktime", "video/webm"],
        ),
        media(MediaKind::File, 25, &["application/pdf"]),
    ],
    images_per_message: 10,
    quick_replies: Some(QuickReplyLimit {
        max: 13,
        title: 20,
        has_image: false,
        below_media: false,
    }),
    buttons: Some(ButtonLimit { max: 3, title: 20, text: 640, has_phone: false }),
    cards: Some(CardLimit { max: 10, text: 80, buttons: 3 }),
    request_life: Some(Duration::from_hours(30 * 24)),
    private_reply: Some(Duration::from_hours(7 * 24)),
    shares: true,
    stickers: &["like_heart"],
    rates: &[
        rate(CallClass::Text, 100, Duration::from_secs(1)),
        rate(CallClass::Media, 10, Duration::from_secs(1)),
        rate(CallClass::Conversations, 2, Duration::from_secs(1)),
        rate(CallClass::PrivateReply, 750, Duration::from_hours(1)),
        rate(CallClass::LiveReply, 100, Duration::from_secs(1)),
        rate(CallClass::Publishing, 200, Duration::from_hours(1)),
        rate(CallClass::Other, 200, Duration::from_hours(1)),
    ],
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

    fn subscriptions(&self) -> Option<&dyn Subscriptions> {
        Some(self)
    }

    fn callbacks(&self) -> Option<&dyn Callbacks> {
        Some(self)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        Some(self)
    }

    fn receipts(&self) -> Option<&dyn Receipts> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }

    fn handover(&self) -> Option<&dyn Handover> {
        Some(self)
    }

    fn people(&self) -> Option<&dyn People> {
        Some(self)
    }

    fn reactions(&self) -> Option<&dyn Reactions> {
        Some(self)
    }

    fn uploads(&self) -> Option<&dyn Uploads> {
        Some(self)
    }

    fn menus(&self) -> Option<&dyn Menus> {
        Some(self)
    }

    fn diagnosis(&self) -> Option<&dyn Diagnosis> {
        Some(self)
    }

    fn logbook(&self) -> Option<&dyn Logbook> {
        Some(self)
    }

    fn comments(&self) -> Option<&dyn Comments> {
        Some(self)
    }

    fn moderation(&self) -> Option<&dyn Moderation> {
        Some(self)
    }
}
