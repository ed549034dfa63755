//! The pretend content network: what people attach, at links that end.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use posta_core::time::Timestamp;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::NAME;
use super::params::plain;
use super::remarks::POST_IDS;
use super::templates::MEDIA;
use crate::sandbox::world::{Asset, Network};
use crate::sandbox::{Draft, Sandbox, seed};

/// How long a link works. No page says it; stories are gone after a day in any case.
const LINK_LIFE: Duration = Duration::from_hours(7 * 24);
const STORY_LIFE: Duration = Duration::from_hours(24);

/// Gives attachments what the platform gives them: a link, and the id and title of what is shared.
pub(super) fn complete(sandbox: &Sandbox, network: &mut Network, mut draft: Draft) -> Draft {
    draft.text = draft.text.filter(|text| !text.is_empty());
    for attachment in &mut draft.attachments {
        let kind = attachment["type"].as_str().unwrap_or_default().to_owned();
        let (media_id, needs_link) = match kind.as_str() {
            "image" | "video" | "audio" | "file" | "share" | "sticker" | "gif"
            | "story_mention" => (None, true),
            "ig_post" => (Some("ig_post_media_id"), true),
            "ig_reel" | "reel" => (Some("reel_video_id"), true),
            "story" | "ig_story" => (Some("story_media_id"), true),
            _ => (None, false),
        };
        if !needs_link {
            continue;
        }
        if !attachment["payload"].is_object() {
            attachment["payload"] = json!({});
        }
        let payload = &mut attachment["payload"];
        if let Some(name) = media_id.filter(|name| payload[*name].is_null()) {
            payload[name] = POST_IDS.mint(sandbox.chance()).into();
        }
        if payload["url"].is_null() {
            payload["url"] = new_link(sandbox, network, &kind).into();
        }
    }
    if let Some(story) = draft.reply_to.as_mut().and_then(|reply| reply.get_mut("story")) {
        if story["id"].is_null() {
            story["id"] = POST_IDS.mint(sandbox.chance()).into();
        }
        if story["url"].is_null() {
            story["url"] = new_link(sandbox, network, "story").into();
        }
    }
    draft
}

/// Puts a file there and returns a link to it.
fn new_link(sandbox: &Sandbox, network: &mut Network, kind: &str) -> String {
    let id = POST_IDS.mint(sandbox.chance());
    let now = sandbox.clock().now();
    let is_story = matches!(kind, "story" | "ig_story" | "story_mention");
    let gone_at = is_story.then(|| now.plus(STORY_LIFE));
    let (kind, source) = (kind.to_owned(), None);
    network.assets.push(Asset { id, kind, source, gone_at, links: Vec::new() });
    let asset = network.assets.last_mut().expect("it was just put there");
    link(sandbox, asset)
}

fn link(sandbox: &Sandbox, asset: &mut Asset) -> String {
    let base = sandbox.url(NAME, "graph");
    let base = base.and_then(|graph| graph.join("/instagram/cdn/ig_messaging_cdn/").ok());
    let base = base.map_or_else(|| "/instagram/cdn/ig_messaging_cdn/".to_owned(), Url::into);
    let signature = format!("AY{}", seed::opaque::<18>(sandbox.chance()));
    let ends_at = sandbox.clock().now().plus(LINK_LIFE);
    asset.links.push((signature.clone(), ends_at));
    format!("{base}?asset_id={}&signature={signature}", asset.id)
}

/// Returns attachments as they are shown: files at new links of the platform's own, whoever brought
/// them, and shared posts as posts.
pub(super) fn shown(sandbox: &Sandbox, network: &mut Network, attachments: &[Value]) -> Vec<Value> {
    let show = |attachment: &Value| {
        let (kind, payload) = (&attachment["type"], &attachment["payload"]);
        match kind.as_str() {
            Some("MEDIA_SHARE") => {
                let id = plain(&payload["id"]);
                let title = network.post(&id).and_then(|post| post.caption.clone());
                let source = format!("post {id}");
                let url = shown_link(sandbox, network, "ig_post", &source);
                let payload = json!({"ig_post_media_id": id, "title": title, "url": url});
                json!({"type": "ig_post", "payload": payload})
            }
            Some(media) if MEDIA.contains(&media) => {
                let source = [&payload["attachment_id"], &payload["url"]];
                let source = source.into_iter().find(|source| !source.is_null()).map(plain);
                let url = shown_link(sandbox, network, media, &source.unwrap_or_default());
                json!({"type": kind, "payload": {"url": url}})
            }
            _ => {
                let mut shown = attachment.clone();
                let url = payload["url"].as_str();
                if let Some(newer) = url.and_then(|url| renewed(sandbox, network, url)) {
                    shown["payload"]["url"] = newer.into();
                }
                shown
            }
        }
    };
    attachments.iter().map(show).collect()
}

/// Returns a new link to the file that one of our links leads to.
pub(super) fn renewed(sandbox: &Sandbox, network: &mut Network, url: &str) -> Option<String> {
    let leads_to = |asset: &&mut Asset| url.contains(&format!("asset_id={}&", asset.id));
    network.assets.iter_mut().find(leads_to).map(|asset| link(sandbox, asset))
}

/// Whether this is a link to one of our files that is no longer there.
pub(super) fn is_gone(network: &Network, url: &str, now: Timestamp) -> bool {
    let leads_to = |asset: &&Asset| url.contains(&format!("asset_id={}&", asset.id));
    let asset = network.assets.iter().find(leads_to);
    asset.is_some_and(|asset| asset.gone_at.is_some_and(|gone_at| gone_at <= now))
}

/// Returns a new link to the file that came from there, or that is one of ours already.
fn shown_link(sandbox: &Sandbox, network: &mut Network, kind: &str, source: &str) -> String {
    let is_it = |asset: &&mut Asset| {
        asset.source.as_deref() == Some(source)
            || source.contains(&format!("asset_id={}&", asset.id))
    };
    if let Some(asset) = network.assets.iter_mut().find(is_it) {
        return link(sandbox, asset);
    }
    let url = new_link(sandbox, network, kind);
    if let Some(asset) = network.assets.last_mut() {
        asset.source = Some(source.to_owned());
    }
    url
}

/// Ends every link to the files of a message that was taken back.
pub(super) fn withdraw(network: &mut Network, attachments: &[Value], now: Timestamp) {
    for attachment in attachments {
        let url = attachment["payload"]["url"].as_str().unwrap_or_default();
        for asset in &mut network.assets {
            if url.contains(&format!("asset_id={}&", asset.id)) {
                asset.gone_at = Some(now);
            }
        }
    }
}

/// `GET /ig_messaging_cdn/`
pub(super) async fn serve(State(sandbox): State<Sandbox>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let wanted: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    let wanted = |name: &str| wanted.get(name).map(|value| &**value).unwrap_or_default();
    let now = sandbox.clock().now();
    let mut world = sandbox.world();
    let mut assets = world.network(NAME).assets.iter();
    let Some(asset) = assets.find(|asset| asset.id == wanted("asset_id")) else {
        return (StatusCode::NOT_FOUND, "Bad URL hash").into_response();
    };
    let mut links = asset.links.iter();
    let is_good = links.any(|(text, ends_at)| *text == wanted("signature") && *ends_at > now);
    if asset.gone_at.is_some_and(|gone_at| gone_at <= now) || !is_good {
        return (StatusCode::FORBIDDEN, "URL signature expired").into_response();
    }
    let (kind, bytes): (_, &[u8]) = match asset.kind.as_str() {
        "video" | "ig_reel" | "reel" => ("video/mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
        "audio" => ("audio/mp4", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42"),
        "file" => ("application/pdf", b"%PDF-1.4\n%%EOF\n"),
        _ => ("image/png", PIXEL),
    };
    ([(CONTENT_TYPE, kind)], bytes).into_response()
}

/// One grey point.
const PIXEL: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\
\0\0\0\nIDAT\x78\x9c\x63\x68\0\0\0\x82\0\x81\x77\xcd\x72\xb6\0\0\0\0IEND\xae\x42\x60\x82";
