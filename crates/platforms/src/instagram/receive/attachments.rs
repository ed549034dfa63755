//! Attachments of a message, in words common to all platforms and in Instagram's own.

use posta_core::event::{Attachment, AttachmentKind};
use serde_json::Value;

use crate::meta::graph::text;

/// Reads `attachments`, which is a list except in samples that print a single object.
pub(super) fn read(message: &Value) -> Vec<Attachment> {
    match message.get("attachments") {
        Some(Value::Array(list)) => list.iter().map(attachment).collect(),
        Some(one @ Value::Object(_)) => vec![attachment(one)],
        _ => Vec::new(),
    }
}

fn attachment(item: &Value) -> Attachment {
    let word = text(item, "type");
    let (kind, says_all) = kind(word.as_deref().unwrap_or_default());
    let payload = item.get("payload").cloned().unwrap_or(Value::Null);
    Attachment { kind, original: word.filter(|_| !says_all), url: text(&payload, "url"), payload }
}

/// Finds our kind, and whether it says everything that Instagram's word does.
///
/// The words are those of developers.facebook.com/docs/instagram-platform/webhooks/examples, read
/// 2026-11-23, and `like_heart`, which the send page has. Stickers and GIFs arrive as `image`.
fn kind(word: &str) -> (AttachmentKind, bool) {
    match word {
        "image" => (AttachmentKind::Image, true),
        "video" => (AttachmentKind::Video, true),
        "audio" => (AttachmentKind::Audio, true),
        "file" => (AttachmentKind::File, true),
        "sticker" => (AttachmentKind::Sticker, true),
        "share" => (AttachmentKind::Share, true),
        "template" => (AttachmentKind::Template, true),
        "like_heart" => (AttachmentKind::Sticker, false),
        "ig_post" | "ig_reel" | "reel" | "story_mention" | "story" | "ig_story" => {
            (AttachmentKind::Share, false)
        }
        _ => (AttachmentKind::UnsupportedType, false),
    }
}
