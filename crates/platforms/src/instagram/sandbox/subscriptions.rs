//! What an account's owner lets an app be told, and what an app can know about a token.

use serde_json::{Value, json};

use super::graph::{Call, Caller};
use super::refusal::Refusal;
use super::{BASIC, COMMENTS, MESSAGES, NAME};
use crate::sandbox::Sandbox;
use crate::sandbox::world::Network;

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

/// `GET`, `POST` and `DELETE /{account}/subscribed_apps`
pub(super) fn answer(sandbox: &Sandbox, call: &Call, caller: &Caller) -> Result<Value, Refusal> {
    match call.method.as_str() {
        "GET" => {
            caller.need(BASIC)?;
            Ok(list(sandbox, caller))
        }
        "POST" => subscribe(sandbox, call, caller),
        "DELETE" => {
            caller.need(BASIC)?;
            let mut world = sandbox.world();
            let grant = world.network(NAME).grant_mut(&caller.client_id, &caller.account);
            grant.subscribed_fields.clear();
            Ok(json!({"success": true}))
        }
        method => Err(Refusal::no_object(method, "subscribed_apps")),
    }
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

fn list(sandbox: &Sandbox, caller: &Caller) -> Value {
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

/// `GET /debug_token`, by the app itself: `{client id}|{secret}`
pub(super) fn debug(sandbox: &Sandbox, call: &Call) -> Result<Value, Refusal> {
    let given = call.bearer.as_deref().or_else(|| call.params.text("access_token"));
    let given = given.ok_or_else(Refusal::no_token)?;
    let (client_id, secret) = given.split_once('|').ok_or_else(Refusal::unreadable_token)?;
    let input = call.params.text("input_token");
    let input = input.ok_or_else(|| Refusal::parameter("The parameter input_token is required"))?;
    let now = sandbox.clock().now();
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let app = network.app(client_id).filter(|app| app.client_secret == secret).cloned();
    let app = app.ok_or_else(Refusal::unknown_token)?;
    let token = network.tokens.iter().find(|token| token.text == input).cloned();
    let Some(token) = token.filter(|token| token.client_id == app.client_id) else {
        let error = json!({"code": 190, "message": "Invalid OAuth access token."});
        return Ok(json!({"data": {"is_valid": false, "scopes": [], "error": error}}));
    };
    let grant = network.grant(&token.client_id, &token.account);
    let account = network.account(&token.account);
    let user_id = account.and_then(|account| account.app_scoped_ids.get(&token.client_id));
    let mut data = json!({
        "app_id": app.client_id,
        "type": "USER",
        "application": app.name,
        "is_valid": token.revoked.is_none() && token.expires_at > now,
        "issued_at": token.issued_at.as_seconds(),
        "expires_at": token.expires_at.as_seconds(),
        "scopes": grant.map(|grant| &grant.scopes),
        "user_id": user_id,
    });
    let why = match token.revoked {
        Some(why) => Some(Refusal::revoked_token(why)),
        None if token.expires_at <= now => Some(Refusal::expired_token(token.expires_at, now)),
        None => None,
    };
    if let Some(why) = why {
        data["error"] = json!({"code": why.code, "message": why.message});
    }
    Ok(json!({ "data": data }))
}
