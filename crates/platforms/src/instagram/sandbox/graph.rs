//! `graph.instagram.com`: who is calling, which path is meant, and everything but messages.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::params::Params;
use super::refusal::Refusal;
use super::{BASIC, COMMENTS, MESSAGES, NAME, messages, token, uploads};
use crate::sandbox::world::{Account, AccountKind, Grant, Network, Person, Token};
use crate::sandbox::{Sandbox, seed};

/// What an account can be subscribed to under Instagram Login.
pub(super) const FIELDS: &[&str] = &[
    "messages",
    "message_echoes",
    "message_reactions",
    "message_edit",
    "messaging_postbacks",
    "messaging_seen",
    "messaging_referral",
    "messaging_optins",
    "messaging_handover",
    "standby",
    "comments",
    "live_comments",
];

/// What an app can choose: those, and what only the Facebook Login tells.
pub(super) const APP_FIELDS: &[&str] = &{
    let mut fields = ["mentions"; FIELDS.len() + 1];
    let mut place = 0;
    while place < FIELDS.len() {
        fields[place] = FIELDS[place];
        place += 1;
    }
    fields
};

/// One request to the Graph API.
#[derive(Debug)]
pub(super) struct Call {
    method: String,
    path: Vec<String>,
    bearer: Option<String>,
    pub(super) params: Params,
}

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

    fn is_meant_by(&self, node: &str) -> bool {
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
        Ok(params) => route(&sandbox, &Call { method, path, bearer, params }).await,
        Err(message) => Err(Refusal::parameter(message)),
    };
    let trace = trace(&sandbox);
    let mut response = match answer {
        Ok(body) => Json(body).into_response(),
        Err(refusal) => refuse(&refusal, &trace),
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
pub(super) fn refuse(refusal: &Refusal, trace: &str) -> Response {
    let mut response = (refusal.status, Json(refusal.body(trace))).into_response();
    if refusal.is_about_token() {
        let message = &refusal.message;
        let text = format!(r#"OAuth "Facebook Platform" "invalid_token" "{message}""#);
        if let Ok(value) = HeaderValue::from_str(&text) {
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
        ("GET", [node]) => read(sandbox, call, node),
        ("GET", [node, "subscribed_apps"]) => {
            let caller = owner(sandbox, call, node)?;
            caller.need(BASIC)?;
            Ok(subscriptions(sandbox, &caller))
        }
        ("POST", [node, "subscribed_apps"]) => {
            subscribe(sandbox, call, &owner(sandbox, call, node)?)
        }
        ("DELETE", [node, "subscribed_apps"]) => {
            let caller = owner(sandbox, call, node)?;
            caller.need(BASIC)?;
            let mut world = sandbox.world();
            let grant = world.network(NAME).grant_mut(&caller.client_id, &caller.account);
            grant.subscribed_fields.clear();
            Ok(json!({"success": true}))
        }
        ("POST", [node, "messages"]) => {
            messages::send(sandbox, &call.params, &owner(sandbox, call, node)?).await
        }
        ("POST", [node, "message_attachments"]) => {
            uploads::upload(sandbox, &call.params, &owner(sandbox, call, node)?).await
        }
        (method, [node, "messages" | "message_attachments" | "subscribed_apps"]) => {
            Err(Refusal::no_object(method, node))
        }
        (method, [node]) => Err(Refusal::no_object(method, node)),
        _ => {
            let path = call.path.join("/");
            Err(Refusal::parameter(format!("Unknown path components: /{path}")))
        }
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
    let mut tokens = world.network(NAME).tokens.iter();
    let token = tokens.find(|token| token.text == given).ok_or_else(Refusal::unknown_token)?;
    if let Some(why) = token.revoked {
        return Err(Refusal::revoked_token(why));
    }
    if token.expires_at <= now {
        return Err(Refusal::expired_token(token.expires_at, now));
    }
    Ok(token.clone())
}

fn caller(sandbox: &Sandbox, call: &Call) -> Result<Caller, Refusal> {
    let token = token(sandbox, call)?;
    let mut world = sandbox.world();
    let grant = world.network(NAME).grant(&token.client_id, &token.account).cloned();
    Ok(Caller { client_id: token.client_id, account: token.account, grant })
}

/// Finds who calls, if the path means their own account.
fn owner(sandbox: &Sandbox, call: &Call, node: &str) -> Result<Caller, Refusal> {
    let caller = caller(sandbox, call)?;
    if caller.is_meant_by(node) { Ok(caller) } else { Err(Refusal::no_object(&call.method, node)) }
}

/// `GET /me`, `GET /{account}` and `GET /{person}`.
fn read(sandbox: &Sandbox, call: &Call, node: &str) -> Result<Value, Refusal> {
    let caller = caller(sandbox, call)?;
    let fields = call.params.list("fields").unwrap_or_default();
    let mut world = sandbox.world();
    let network = world.network(NAME);
    if caller.is_meant_by(node) {
        caller.need(BASIC)?;
        let chance = sandbox.chance();
        let form = super::CAST.app_scoped_ids;
        let id = network.app_scoped_id(&caller.account, &caller.client_id, form, chance);
        let account = network.account(&caller.account);
        let account = account.ok_or_else(|| Refusal::no_object("get", node))?;
        let object = select(&account_fields(account, &id), &fields)?;
        return Ok(match network.option("me_shape") {
            Some("data") => json!({"data": [object]}),
            _ => object,
        });
    }
    let person = network.person_scoped(&caller.account, node);
    let person = person.ok_or_else(|| Refusal::no_object("get", node))?;
    caller.need(MESSAGES)?;
    let thread = network.thread(&caller.account, &person.username);
    if thread.is_none_or(|thread| thread.opened_at.is_none()) {
        return Err(Refusal::no_consent());
    }
    select(&person_fields(person, node), &fields)
}

fn account_fields(account: &Account, app_scoped_id: &str) -> Value {
    let kind = match account.kind {
        AccountKind::Business => "BUSINESS",
        AccountKind::Creator => "MEDIA_CREATOR",
        AccountKind::Personal => "PERSONAL",
    };
    json!({
        "id": app_scoped_id,
        "user_id": account.id,
        "username": account.username,
        "name": account.name,
        "account_type": kind,
        "profile_picture_url": format!("https://cdn.example.com/{}.jpg", account.username),
        "followers_count": account.followers,
        "follows_count": 12,
        "media_count": 34,
    })
}

fn person_fields(person: &Person, scoped_id: &str) -> Value {
    json!({
        "id": scoped_id,
        "name": person.name,
        "username": person.username,
        "profile_pic": format!("https://cdn.example.com/{}.jpg", person.username),
        "follower_count": 120,
        "is_user_follow_business": true,
        "is_business_follow_user": false,
        "is_verified_user": false,
    })
}

/// Keeps the fields that were asked for, and the id always.
fn select(object: &Value, fields: &[String]) -> Result<Value, Refusal> {
    let mut selected = Map::from_iter([("id".to_owned(), object["id"].clone())]);
    for field in fields {
        let value = object.get(field).ok_or_else(|| {
            Refusal::parameter(format!("Tried accessing nonexisting field ({field})"))
        })?;
        selected.insert(field.clone(), value.clone());
    }
    Ok(Value::Object(selected))
}

fn subscribe(sandbox: &Sandbox, call: &Call, caller: &Caller) -> Result<Value, Refusal> {
    let fields = call.params.list("subscribed_fields").unwrap_or_default();
    if fields.is_empty() {
        return Err(Refusal::parameter("The parameter subscribed_fields is required"));
    }
    for (place, field) in fields.iter().enumerate() {
        if !FIELDS.contains(&field.as_str()) {
            let known = FIELDS.join(", ");
            let message = format!("Param subscribed_fields[{place}] must be one of {{{known}}}");
            return Err(Refusal::parameter(message));
        }
        let is_comment = matches!(field.as_str(), "comments" | "live_comments");
        caller.need(if is_comment { COMMENTS } else { MESSAGES })?;
    }
    let mut world = sandbox.world();
    let grant = world.network(NAME).grant_mut(&caller.client_id, &caller.account);
    grant.subscribed_fields = fields.into_iter().collect();
    Ok(json!({"success": true}))
}

fn subscriptions(sandbox: &Sandbox, caller: &Caller) -> Value {
    let mut world = sandbox.world();
    let network: &Network = world.network(NAME);
    let grant = network.grant(&caller.client_id, &caller.account);
    let fields = grant.map(|grant| &grant.subscribed_fields).filter(|fields| !fields.is_empty());
    let app = network.app(&caller.client_id).zip(fields);
    let list = app.map(
        |(app, fields)| json!({"id": app.client_id, "name": app.name, "subscribed_fields": fields}),
    );
    json!({"data": list.into_iter().collect::<Vec<_>>()})
}
