//! Media that apps bring: fetched from where they say it is, and kept under an id.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::graph::Caller;
use super::params::{Params, plain};
use super::refusal::Refusal;
use super::remarks::POST_IDS;
use super::{MESSAGES, NAME, templates};
use crate::sandbox::Sandbox;
use crate::sandbox::fetch::Fetched;
use crate::sandbox::world::Upload;

const MAX_IMAGE: usize = 8 << 20;
const MAX_OTHER: usize = 25 << 20;

/// How long a file may take, and how long a film.
const PATIENCE: Duration = Duration::from_secs(20);
const VIDEO_PATIENCE: Duration = Duration::from_secs(75);

/// The kinds of media, the types a server may call them, and how such files are named.
const TYPES: &[(&str, &[&str], &[&str])] = &[
    ("image", &["image/png", "image/jpeg", "image/gif"], &["png", "jpg", "jpeg", "gif"]),
    (
        "audio",
        &[
            "audio/aac",
            "audio/mp4",
            "audio/m4a",
            "audio/x-m4a",
            "audio/wav",
            "audio/x-wav",
            "audio/wave",
        ],
        &["aac", "m4a", "wav", "mp4"],
    ),
    (
        "video",
        &[
            "video/mp4",
            "video/ogg",
            "video/x-msvideo",
            "video/avi",
            "video/quicktime",
            "video/webm",
        ],
        &["mp4", "ogg", "ogv", "avi", "mov", "webm"],
    ),
    ("file", &["application/pdf"], &["pdf"]),
];

/// `POST /{account}/message_attachments`
pub(super) async fn upload(
    sandbox: &Sandbox,
    params: &Params,
    caller: &Caller,
) -> Result<Value, Refusal> {
    caller.need(MESSAGES)?;
    let message = params.json("message").filter(Value::is_object);
    let message = message.ok_or_else(|| Refusal::parameter("The parameter message is required"))?;
    let attachments = templates::attachments(&message)?;
    let kind = |attachment: &Value| attachment["type"].as_str().unwrap_or_default().to_owned();
    let one = match attachments.as_slice() {
        [one]
            if templates::MEDIA.contains(&kind(one).as_str())
                && !one["payload"]["url"].is_null() =>
        {
            one
        }
        _ => return Err(Refusal::invalid_message("one file with a url can be uploaded at a time")),
    };
    let kind = kind(one);
    fetch(sandbox, &kind, &one["payload"]["url"]).await?;
    let id = POST_IDS.mint(sandbox.chance());
    let mut world = sandbox.world();
    let account = caller.account.clone();
    world.network(NAME).uploads.push(Upload { id: id.clone(), account, kind });
    Ok(json!({"attachment_id": id}))
}

/// Fetches what a message brings with it, and looks up what was uploaded before.
pub(super) async fn collect(
    sandbox: &Sandbox,
    caller: &Caller,
    attachments: &[Value],
) -> Result<(), Refusal> {
    for attachment in attachments {
        let kind = attachment["type"].as_str().unwrap_or_default();
        let payload = &attachment["payload"];
        if !payload["attachment_id"].is_null() && templates::MEDIA.contains(&kind) {
            let id = plain(&payload["attachment_id"]);
            let mut world = sandbox.world();
            let mut uploads = world.network(NAME).uploads.iter();
            let upload = uploads.find(|upload| upload.id == id && upload.account == caller.account);
            if upload.ok_or_else(Refusal::unknown_attachment)?.kind != kind {
                return Err(Refusal::wrong_media_type());
            }
        } else if templates::MEDIA.contains(&kind) {
            fetch(sandbox, kind, &payload["url"]).await?;
        }
    }
    Ok(())
}

async fn fetch(sandbox: &Sandbox, kind: &str, url: &Value) -> Result<(), Refusal> {
    let url = url.as_str().and_then(|url| Url::parse(url).ok());
    let url = url.ok_or_else(Refusal::media_not_fetched)?;
    if sandbox.world().network(NAME).option("media_fetch") == Some("trust") {
        return Ok(());
    }
    if is_for_examples(&url) {
        // Nothing can be there to be fetched, so its name has to do.
        let is_other = named_kinds(&url).is_some_and(|kinds| !kinds.contains(&kind));
        return if is_other { Err(Refusal::wrong_media_type()) } else { Ok(()) };
    }
    let most = if kind == "image" { MAX_IMAGE } else { MAX_OTHER };
    let patience = if kind == "video" { VIDEO_PATIENCE } else { PATIENCE };
    let fetched = sandbox.fetch(url, most, patience).await;
    let fetched = fetched.filter(|fetched| fetched.status == 200 && !fetched.body.is_empty());
    let fetched = fetched.ok_or_else(Refusal::media_not_fetched)?;
    if fetched.body.len() > most {
        return Err(Refusal::media_too_large());
    }
    if is_of_kind(&fetched, kind) { Ok(()) } else { Err(Refusal::wrong_media_type()) }
}

/// Whether a host is one of those that are reserved for documentation.
fn is_for_examples(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_below = |name: &str| host == name || host.ends_with(&format!(".{name}"));
    ["example.com", "example.org", "example.net", "example"].into_iter().any(is_below)
}

/// Returns what a file of this name could be, if its ending says so.
fn named_kinds(url: &Url) -> Option<Vec<&'static str>> {
    let ending = url.path().rsplit_once('.')?.1.to_ascii_lowercase();
    let kinds = TYPES.iter().filter(|(_, _, endings)| endings.contains(&ending.as_str()));
    let kinds: Vec<&str> = kinds.map(|(kind, ..)| *kind).collect();
    (!kinds.is_empty()).then_some(kinds)
}

/// Whether a file is what it is said to be, by its first bytes or else by what its server says.
fn is_of_kind(fetched: &Fetched, kind: &str) -> bool {
    let body = fetched.body.as_slice();
    let found = [
        (&b"\x89PNG"[..], 0, "image"),
        (b"\xff\xd8\xff", 0, "image"),
        (b"GIF8", 0, "image"),
        (b"%PDF", 0, "file"),
        (b"WAVE", 8, "audio"),
        (b"AVI ", 8, "video"),
        (b"OggS", 0, "video"),
        (b"\x1a\x45\xdf\xa3", 0, "video"),
    ];
    let magic = found
        .iter()
        .find(|(bytes, at, _)| body.get(*at..).is_some_and(|rest| rest.starts_with(bytes)));
    if let Some((.., found)) = magic {
        return *found == kind;
    }
    // One container holds both sound and film.
    if body.get(4..8) == Some(b"ftyp") {
        return matches!(kind, "audio" | "video");
    }
    let said = fetched.kind.as_str();
    TYPES.iter().any(|(known, types, _)| *known == kind && types.contains(&said))
}
