//! `graph.instagram.com`: who is calling, which path is meant, and everything but messages.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::params::Params;
use super::refusal::Refusal;
use super::{
    BASIC, NAME, conversations, media, menus, messages, profiles, publishing, subscriptions, token,
    uploads,
};
use crate::sandbox::world::{Grant, Token};
use crate::sandbox::{App, Sandbox, hub, seed};

/// One request to the Graph API.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) version: Option<String>,
    pub(super) path: Vec<String>,
    pub(super) bearer: Option<String>,
    pub(super) params: Params,
}

impl Call {
    /// Returns the path, from the version on.
    pub(super) fn path_text(&self) -> String {
        let version = self.version.iter().map(String::as_str);
        version.chain(self.path.iter().map(String::as_str)).collect::<Vec<_>>().join("/")
    }
}

/// What belongs to objects.
const EDGES: &[&str] = &[
    "comments",
    "content_publishing_limit",
    "conversations",
    "insights",
    "media",
    "message_attachments",
    "messages",
    "messenger_profile",
    "replies",
    "subscribed_apps",
    "welcome_message_flows",
];

/// Who calls: an app, for an account that allowed it something.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) client_id: String,
    pub(super) account: String,
    grant: Option<Grant>,
}

impl Caller {
    /// Refuses the call unless the owner allowed this and the basics.
    pub(super) fn need(&self, scope: &str) -> Result<(), Refusal> {
        let scopes = self.grant.as_ref().map(|grant| &grant.scopes);
        let has = |scope: &str| scopes.is_some_and(|scopes| scopes.contains(scope));
        if has(BASIC) && has(scope) { Ok(()) } else { Err(Refusal::no_permission()) }
    }

    pub(super) fn is_meant_by(&self, node: &str) -> bool {
        node == "me" || node == self.account
    }
}

/// Answers everything on this host.
pub(super) async fn answer(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let mut path: Vec<String> =
        request.uri().path().split('/').skip(3).map(str::to_owned).collect();
    path.retain(|segment| !segment.is_empty());
    let version = path.first().filter(|first| is_version(first)).cloned();
    path.drain(..usize::from(version.is_some()));
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| value.split_once(' ')).map(|(_, token)| token);
    let (bearer, method) = (bearer.map(str::to_owned), request.method().to_string());
    let answer = match Params::read(request).await {
        Ok(params) => {
            let version = version.clone();
            route(&sandbox, &Call { method, version, path, bearer, params }).await
        }
        Err(message) => Err(Refusal::parameter(message)),
    };
    let trace = trace(&sandbox);
    let mut response = match answer {
        Ok(body) => Json(body).into_response(),
        Err(refusal) => refuse(&sandbox, &refusal, &trace),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    for (name, value) in [("facebook-api-version", version), ("x-fb-trace-id", Some(trace))] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

/// Makes the id by which the platform would find a call again.
pub(super) fn trace(sandbox: &Sandbox) -> String {
    format!("A{}", seed::opaque::<17>(sandbox.chance()))
}

pub(super) fn is_version(segment: &str) -> bool {
    let number = segment.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    number.is_some_and(|(major, minor)| is_digits(major) && is_digits(minor))
}

/// Writes a refusal down.
pub(super) fn refuse(sandbox: &Sandbox, refusal: &Refusal, trace: &str) -> Response {
    let language = sandbox.world().network(NAME).option("error_language").map(str::to_owned);
    let refusal = match language.as_deref() {
        Some("ja") => &refusal.in_japanese(),
        _ => refusal,
    };
    let mut response = (refusal.status, Json(refusal.body(trace))).into_response();
    if refusal.is_about_token() {
        let message = &refusal.message;
        let text = format!(r#"OAuth "Facebook Platform" "invalid_token" "{message}""#);
        if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
    }
    response
}

async fn route(sandbox: &Sandbox, call: &Call) -> Result<Value, Refusal> {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("GET", ["access_token"]) => token::exchange(sandbox, call),
        ("GET", ["refresh_access_token"]) => token::refresh(sandbox, call),
        ("GET", ["debug_token"]) => subscriptions::debug(sandbox, call),
        (_, [node]) => on_node(sandbox, call, node),
        (_, [node, edge]) => on_edge(sandbox, call, node, edge).await,
        _ => Err(unknown_path(call)),
    }
}

fn unknown_path(call: &Call) -> Refusal {
    Refusal::parameter(format!("Unknown path components: /{}", call.path.join("/")))
}

/// Reads, changes or deletes one object.
fn on_node(sandbox: &Sandbox, call: &Call, node: &str) -> Result<Value, Refusal> {
    let caller = caller(sandbox, call)?;
    let nothing = || Refusal::no_object(&call.method, node);
    match call.method.as_str() {
        "GET" if caller.is_meant_by(node) => profiles::read_account(sandbox, call, &caller, node),
        "GET" => profiles::read_person(sandbox, call, &caller, node)
            .or_else(|| conversations::read_message(sandbox, call, &caller, node))
            .or_else(|| conversations::read(sandbox, call, &caller, node))
            .or_else(|| media::read(sandbox, call, &caller, node))
            .unwrap_or_else(|| Err(nothing())),
        "POST" => media::change(sandbox, call, &caller, node),
        "DELETE" => media::delete(sandbox, call, &caller, node),
        _ => Err(nothing()),
    }
}

/// Deals with what belongs to an object.
async fn on_edge(sandbox: &Sandbox, call: &Call, node: &str, edge: &str) -> Result<Value, Refusal> {
    let caller = caller(sandbox, call)?;
    let is_own = caller.is_meant_by(node);
    match (call.method.as_str(), edge) {
        (_, "subscribed_apps") if is_own => subscriptions::answer(sandbox, call, &caller),
        (_, "messenger_profile") if is_own => menus::answer(sandbox, call, &caller),
        (_, "welcome_message_flows") if is_own => menus::flows(sandbox, call, &caller),
        ("POST", "messages") if is_own => messages::send(sandbox, &call.params, &caller).await,
        ("POST", "message_attachments") if is_own => {
            uploads::upload(sandbox, &call.params, &caller).await
        }
        ("GET", "conversations") if is_own => conversations::list(sandbox, call, &caller),
        ("GET", "messages") => conversations::list_messages(sandbox, call, &caller, node),
        ("GET", "media") if is_own => media::list(sandbox, call, &caller),
        ("GET", "comments" | "replies") => media::list_comments(sandbox, call, &caller, node),
        ("POST", "replies") => media::reply(sandbox, call, &caller, node),
        ("GET", "content_publishing_limit") if is_own => publishing::limit(sandbox, &caller),
        ("GET", "insights") => publishing::insights(sandbox, call, &caller, node),
        (method, edge) if EDGES.contains(&edge) => Err(Refusal::no_object(method, node)),
        _ => Err(unknown_path(call)),
    }
}

/// Finds the token of a call, if it is good.
pub(super) fn token(sandbox: &Sandbox, call: &Call) -> Result<Token, Refusal> {
    let given = call.bearer.as_deref().or_else(|| call.params.text("access_token"));
    let given = given.ok_or_else(Refusal::no_token)?;
    if !given.starts_with("IG") || !given.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Refusal::unreadable_token());
    }
    let now = sandbox.clock().now();
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let token = network.tokens.iter().find(|token| token.text == given);
    let token = token.ok_or_else(Refusal::unknown_token)?;
    check_proof(network.app(&token.client_id), given, call.params.text("appsecret_proof"))?;
    if let Some(why) = token.revoked {
        return Err(Refusal::revoked_token(why));
    }
    if token.expires_at <= now {
        return Err(Refusal::expired_token(token.expires_at, now));
    }
    Ok(token.clone())
}

/// Asks whether a call proves that it comes from the app's server, if it has to or tries to.
fn check_proof(app: Option<&App>, token: &str, proof: Option<&str>) -> Result<(), Refusal> {
    match (app, proof) {
        (Some(app), None) if app.proof_required => Err(Refusal::no_proof()),
        (Some(app), Some(proof)) if proof != hub::hmac_hex(&app.client_secret, token) => {
            Err(Refusal::wrong_proof())
        }
        _ => Ok(()),
    }
}

fn caller(sandbox: &Sandbox, call: &Call) -> Result<Caller, Refusal> {
    let token = token(sandbox, call)?;
    let mut world = sandbox.world();
    let grant = world.network(NAME).grant(&token.client_id, &token.account).cloned();
    Ok(Caller { client_id: token.client_id, account: token.account, grant })
}
