//! What rules and limits have to know of a call, and how the platform turns one away.

use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::{Value, json};

use super::NAME;
use super::params::{Params, plain};
use super::table;
use super::{conversations, graph};
use crate::sandbox::world::Network;
use crate::sandbox::{Ask, Limit, Sandbox, Turned, Usage};

/// The names of routes, for rules.
pub(super) const ROUTES: &[&str] = &[
    "authorize",
    "token",
    "exchange",
    "refresh",
    "me",
    "profile",
    "conversations",
    "conversation",
    "message",
    "messages",
    "uploads",
    "subscriptions",
    "menus",
    "comments",
    "media",
    "publishing",
    "cdn",
    "other",
];

/// What webhooks tell of, for rules.
pub(super) const EVENTS: &[&str] = &[
    "message", "echo", "deletion", "edit", "reaction", "read", "postback", "referral", "handover",
    "comment", "other",
];

/// The exceeded limit of the messaging API.
const MESSAGING: (i64, Option<i64>) = (613, Some(2_534_040));

/// <https://developers.facebook.com/docs/instagram-platform/overview> and
/// <https://developers.facebook.com/docs/graph-api/overview/rate-limiting>, read 2026-11-24.
pub(super) const LIMITS: &[Limit] = &[
    limit("text", Some(100), Duration::from_secs(1), MESSAGING),
    limit("audio_video", Some(10), Duration::from_secs(1), MESSAGING),
    limit("conversations", Some(2), Duration::from_secs(1), MESSAGING),
    limit("private_replies", Some(750), Duration::from_hours(1), MESSAGING),
    limit("live_private_replies", Some(100), Duration::from_secs(1), MESSAGING),
    // The guide speaks of 200 calls per hour and user of the app. Calls on behalf of accounts are
    // counted otherwise, by a figure that nobody knows, so this is off unless somebody sets it.
    limit("unclassified", None, Duration::from_hours(1), (4, None)),
];

const fn limit(
    kind: &'static str,
    calls: Option<u32>,
    per: Duration,
    refusal: (i64, Option<i64>),
) -> Limit {
    // A share of one second's calls is over before an answer could tell it.
    Limit { kind, calls, per, refusal, is_told: per.as_secs() > 1 }
}

/// Reads a call to any of the hosts.
pub(super) async fn ask(sandbox: &Sandbox, request: Request) -> Ask {
    let mut path = request.uri().path().split('/').skip(2).filter(|segment| !segment.is_empty());
    let host = path.next().unwrap_or_default().to_owned();
    let mut path: Vec<String> = path.map(str::to_owned).collect();
    if path.first().is_some_and(|first| graph::is_version(first)) {
        path.remove(0);
    }
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| value.split_once(' ')).map(|(_, token)| token);
    let (bearer, method) = (bearer.map(str::to_owned), request.method().to_string());
    // Whoever answers says what is wrong with parameters that cannot be read.
    let params = Params::read(request).await.unwrap_or_default();
    let token = bearer.or_else(|| params.text("access_token").map(str::to_owned));
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let token = network.tokens.iter().find(|known| Some(&known.text) == token.as_ref()).cloned();
    let account = token.as_ref().map(|token| token.account.clone());
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    let route = match (host.as_str(), method.as_str(), segments.as_slice()) {
        ("www", ..) => "authorize",
        ("api", ..) => "token",
        ("cdn", ..) => "cdn",
        (_, "GET", ["access_token"]) => "exchange",
        (_, "GET", ["refresh_access_token"]) => "refresh",
        (_, _, ["me"]) => "me",
        (_, _, [node]) if Some(*node) == account.as_deref() => "me",
        (_, _, [node]) => node_route(network, account.as_deref(), node),
        (_, "GET", [_, "messages"]) => "conversation",
        (_, _, [_, edge]) => edge_route(edge),
        _ => "other",
    };
    let limit = limit_of(network, route, &params);
    let token = token.map(|token| token.text);
    Ask { route, method, path: format!("/{}", path.join("/")), account, token, limit }
}

/// Tells by its id what an object is.
fn node_route(network: &Network, account: Option<&str>, node: &str) -> &'static str {
    let is_person = |account| network.person_scoped(account, node).is_some();
    let threads = || network.threads.iter().flat_map(|thread| &thread.messages);
    if account.is_some_and(is_person) {
        "profile"
    } else if threads().any(|message| message.id == node) {
        "message"
    } else if account.is_some_and(|account| conversations::is_one(network, account, node)) {
        "conversation"
    } else if network.post(node).is_some() {
        "media"
    } else if network.comment(node).is_some() {
        "comments"
    } else {
        "other"
    }
}

fn edge_route(edge: &str) -> &'static str {
    match edge {
        "messages" => "messages",
        "conversations" => "conversations",
        "subscribed_apps" => "subscriptions",
        "message_attachments" => "uploads",
        "messenger_profile" | "welcome_message_flows" => "menus",
        "comments" | "replies" => "comments",
        "media" => "media",
        "media_publish" | "content_publishing_limit" => "publishing",
        _ => "other",
    }
}

/// Returns the limit that counts a call.
fn limit_of(network: &Network, route: &str, params: &Params) -> &'static str {
    match route {
        "conversations" | "conversation" | "message" => "conversations",
        "messages" => {
            let recipient = params.json("recipient").unwrap_or_default();
            let message = params.json("message").unwrap_or_default();
            let attachment = &message["attachment"];
            let kind = if attachment.is_null() { &message["attachments"] } else { attachment };
            let kind = kind.get(0).unwrap_or(kind)["type"].as_str();
            match kind {
                _ if recipient["id"].is_null() && !recipient["comment_id"].is_null() => {
                    let comment = network.comment(&plain(&recipient["comment_id"]));
                    let is_live = comment.is_some_and(|(post, _)| post.is_live);
                    if is_live { "live_private_replies" } else { "private_replies" }
                }
                Some("audio" | "video") => "audio_video",
                _ => "text",
            }
        }
        _ => "unclassified",
    }
}

/// Refuses a call with an error of the table, and the headers that go with limits.
pub(super) fn turn_away(sandbox: &Sandbox, ask: &Ask, turned: Turned) -> Response {
    let refusal = table::refusal(turned.code, turned.subcode);
    let mut response = graph::refuse(sandbox, &refusal, &graph::trace(sandbox));
    if matches!(turned.code, 4 | 17 | 32 | 341 | 613 | 80_001 | 80_002 | 80_006) {
        let wait = turned.wait.unwrap_or_default();
        tell_usage(ask, Usage { percent: 100, wait }, response.headers_mut());
    }
    response
}

/// Writes how much is used of the app's limits, and of those of the account.
pub(super) fn tell_usage(ask: &Ask, usage: Usage, headers: &mut HeaderMap) {
    let (percent, part) = (usage.percent, usage.percent / 4);
    let app = json!({"call_count": percent, "total_time": part, "total_cputime": part});
    put(headers, "x-app-usage", &app);
    if let Some(account) = &ask.account {
        let kind = if ask.limit == "unclassified" { "instagram" } else { "messenger" };
        let mine = json!([{
            "type": kind,
            "call_count": percent,
            "total_cputime": part,
            "total_time": part,
            // In minutes.
            "estimated_time_to_regain_access": usage.wait.as_secs().div_ceil(60),
        }]);
        put(headers, "x-business-use-case-usage", &json!({ account: mine }));
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &Value) {
    if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Says what a webhook tells of.
pub(super) fn event_of(notice: &str) -> &'static str {
    if notice.contains(r#""field":"comments""#) || notice.contains(r#""field":"live_comments""#) {
        return "comment";
    }
    let notice: Value = serde_json::from_str(notice).unwrap_or_default();
    let has = |name: &str| notice.get(name).is_some();
    match &notice["message"] {
        message if message["is_deleted"] == true => "deletion",
        message if message["is_echo"] == true => "echo",
        Value::Object(_) => "message",
        _ if has("message_edit") => "edit",
        _ if has("reaction") => "reaction",
        _ if has("read") => "read",
        _ if has("postback") => "postback",
        _ if has("referral") => "referral",
        _ if notice
            .as_object()
            .is_some_and(|keys| keys.keys().any(|key| key.ends_with("_thread_control"))) =>
        {
            "handover"
        }
        _ => "other",
    }
}
