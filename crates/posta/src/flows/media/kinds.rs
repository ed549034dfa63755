//! What a file is: as its owner says, as its first bytes say, and whether the two agree.

use posta_core::event::AttachmentKind;
use posta_core::message::MediaKind;

/// How many of a file's first bytes tell what it is.
pub const HEAD: usize = 8192;

/// Content types, the endings of their names, and the container that their bytes show. Some share
/// one, so that only the owner can say whether it holds a film or sound alone.
const TYPES: [(&str, &str, &str); 15] = [
    ("image/png", "png", "png"),
    ("image/jpeg", "jpg", "jpeg"),
    ("image/gif", "gif", "gif"),
    ("video/mp4", "mp4", "mp4"),
    ("video/quicktime", "mov", "mp4"),
    ("audio/mp4", "m4a", "mp4"),
    ("audio/x-m4a", "m4a", "mp4"),
    ("audio/aac", "aac", "aac"),
    ("audio/wav", "wav", "wav"),
    ("audio/mpeg", "mp3", "mp3"),
    ("video/ogg", "ogv", "ogg"),
    ("audio/ogg", "ogg", "ogg"),
    ("video/x-msvideo", "avi", "avi"),
    ("video/webm", "webm", "webm"),
    ("application/pdf", "pdf", "pdf"),
];

/// Further types that come and cannot be sent, with the endings of their names.
const RECEIVED: [(&str, &str); 5] = [
    ("image/webp", "webp"),
    ("image/heif", "heic"),
    ("image/avif", "avif"),
    ("video/3gpp", "3gp"),
    ("audio/amr", "amr"),
];

/// What a document of no known type is; nothing that a browser runs.
const BYTES: &str = "application/octet-stream";

/// Other names of the same types.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("image/jpg", "image/jpeg"),
    ("audio/m4a", "audio/x-m4a"),
    ("audio/x-wav", "audio/wav"),
    ("audio/wave", "audio/wav"),
    ("audio/vnd.wave", "audio/wav"),
    ("audio/x-aac", "audio/aac"),
    ("video/avi", "video/x-msvideo"),
    ("application/ogg", "audio/ogg"),
];

/// Names a type as we do: in lower case, without parameters, by the commonest of its names.
fn plain(content_type: &str) -> String {
    let bare = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let other = OTHER_NAMES.iter().find(|(name, _)| *name == bare);
    other.map_or(bare, |(_, name)| (*name).to_owned())
}

fn container(content_type: &str) -> Option<&'static str> {
    TYPES.iter().find(|(name, _, _)| *name == content_type).map(|(_, _, container)| *container)
}

/// Settles what a file is, by its first bytes and what its owner says.
///
/// # Errors
/// Why that cannot be: it is of no known type, or of another than its owner says.
pub fn settle(head: &[u8], declared: Option<&str>) -> Result<String, String> {
    let found = infer::get(head).map(|found| plain(found.mime_type()));
    let found = found.filter(|found| container(found).is_some());
    let Some(found) = found else {
        return Err("is of a type that no platform takes".to_owned());
    };
    let declared = declared.map(plain);
    let declared = declared.filter(|one| !one.is_empty() && one != BYTES);
    match declared {
        None => Ok(found),
        Some(declared) if container(&declared) == container(&found) => Ok(declared),
        Some(declared) => Err(format!("is {found} and not {declared}")),
    }
}

/// Settles what a file is that came with a message. Only pictures, films and sound are what their
/// bytes say; a document may be anything, and what else comes, such as a page, is nothing to keep.
///
/// # Errors
/// Why it is not kept.
pub fn settle_received(
    head: &[u8],
    kind: AttachmentKind,
    declared: Option<&str>,
) -> Result<String, String> {
    if head.is_empty() {
        return Err("is empty".to_owned());
    }
    let found = infer::get(head).map(|found| plain(found.mime_type()));
    let is_media = |name: &String| {
        ["image/", "video/", "audio/"].iter().any(|group| name.starts_with(group))
            && !name.contains("xml")
    };
    match settle(head, declared).ok().or_else(|| found.filter(is_media)) {
        // The container is the same, and a platform does not always say which of the two it is.
        Some(name) if name == "video/mp4" && kind == AttachmentKind::Audio => {
            Ok("audio/mp4".to_owned())
        }
        Some(name) => Ok(name),
        None if kind == AttachmentKind::File => Ok(BYTES.to_owned()),
        None => Err("is no picture, film or sound".to_owned()),
    }
}

/// Whether a browser may show files of a type by itself, and not only save them.
#[must_use]
pub fn is_shown(content_type: &str) -> bool {
    matches!(kind_of(content_type), MediaKind::Image | MediaKind::Video | MediaKind::Audio)
}

/// The ending of the names of files of a type.
#[must_use]
pub fn extension(content_type: &str) -> &'static str {
    let sent = TYPES.iter().map(|(name, ending, _)| (*name, *ending));
    let mut all = sent.chain(RECEIVED);
    all.find(|(name, _)| *name == content_type).map_or("bin", |(_, ending)| ending)
}

/// What files of a type are attached as.
#[must_use]
pub fn kind_of(content_type: &str) -> MediaKind {
    match content_type.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("video") => MediaKind::Video,
        Some("audio") => MediaKind::Audio,
        _ => MediaKind::File,
    }
}

/// What a file is attached as whose URL is all that is known; by the ending of its name.
#[must_use]
pub fn kind_of_name(url: &str) -> MediaKind {
    let path = url::Url::parse(url).map(|url| url.path().to_ascii_lowercase()).unwrap_or_default();
    let ending = path.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let ending = if ending == "jpeg" { "jpg" } else { ending };
    let found = TYPES.iter().find(|(_, name, _)| *name == ending);
    found.map_or(MediaKind::File, |(name, _, _)| kind_of(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
    const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt ";

    #[test]
    fn the_first_bytes_decide_and_the_owner_says_more() {
        assert_eq!(settle(PNG, None).unwrap(), "image/png");
        assert_eq!(settle(PNG, Some("application/octet-stream")).unwrap(), "image/png");
        assert_eq!(settle(PNG, Some("Image/PNG; x=y")).unwrap(), "image/png");
        assert_eq!(settle(MP4, Some("audio/mp4")).unwrap(), "audio/mp4");
        assert_eq!(settle(MP4, Some("audio/m4a")).unwrap(), "audio/x-m4a");
        assert_eq!(settle(MP4, None).unwrap(), "video/mp4");
        assert_eq!(settle(WAV, Some("audio/x-wav")).unwrap(), "audio/wav");
        assert!(settle(PNG, Some("image/jpeg")).unwrap_err().contains("image/png"));
        for other in [b"<html><script>".as_slice(), b"", b"MZ\x90\0", b"%!PS-Adobe-3.0"] {
            assert!(settle(other, None).is_err());
            assert!(settle(other, Some("image/png")).is_err());
        }
    }

    #[test]
    fn what_comes_is_media_or_a_document_and_never_a_page() {
        use AttachmentKind::{Audio, File, Image, Share, Video};
        let webp = b"RIFF\x24\0\0\0WEBPVP8 ";
        let page = b"<!DOCTYPE html><html><script>";
        for (head, kind, declared, expected) in [
            (PNG, Image, Some("image/png"), Some("image/png")),
            (PNG, Image, Some("image/jpeg"), Some("image/png")),
            (PNG, Share, None, Some("image/png")),
            (webp.as_slice(), Image, Some("image/webp"), Some("image/webp")),
            (MP4, Audio, None, Some("audio/mp4")),
            (MP4, Video, Some("application/octet-stream"), Some("video/mp4")),
            (page, Share, Some("text/html"), None),
            (page, Image, Some("image/png"), None),
            (page, File, Some("text/html"), Some("application/octet-stream")),
            (b"", File, None, None),
            (b"PK\x03\x04", File, None, Some("application/octet-stream")),
        ] {
            let found = settle_received(head, kind, declared);
            assert_eq!(found.ok().as_deref(), expected, "{kind:?} {declared:?}");
        }
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
        assert!(settle_received(svg, Image, Some("image/svg+xml")).is_err());
        assert_eq!((extension("image/webp"), extension("image/png")), ("webp", "png"));
        assert!(is_shown("image/webp") && !is_shown("application/pdf") && !is_shown(BYTES));
    }

    #[test]
    fn names_tell_what_a_file_is_attached_as() {
        for (url, kind) in [
            ("https://x.example/a.JPEG?size=2", MediaKind::Image),
            ("https://x.example/a.mp4", MediaKind::Video),
            ("https://x.example/a.m4a#t", MediaKind::Audio),
            ("https://x.example/a.pdf", MediaKind::File),
            ("https://x.example/a", MediaKind::File),
        ] {
            assert_eq!(kind_of_name(url), kind, "{url}");
        }
    }

    #[test]
    fn every_type_that_a_platform_takes_is_known() {
        for platform in posta_platforms::ALL {
            for limit in platform.limits().media {
                for name in limit.types {
                    assert!(container(name).is_some(), "{name}");
                    assert_eq!(plain(name), *name);
                }
            }
        }
    }
}
