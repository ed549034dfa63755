//! Codes for tokens, short tokens for long ones, and long ones for newer ones.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::graph::{self, Call};
use super::params::Params;
use super::refusal::Refusal;
use super::{BASIC, CAST, NAME};
use crate::sandbox::Sandbox;
use crate::sandbox::world::{Network, Token};

const CODE_LIFE: Duration = Duration::from_hours(1);
const SHORT_LIFE: Duration = Duration::from_hours(1);
const LONG_LIFE: Duration = CAST.token_life;
const YOUNG: Duration = Duration::from_hours(24);

/// `POST /oauth/access_token`: a code for a short-lived token.
pub(super) async fn from_code(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let answer = match Params::read(request).await {
        Ok(params) => redeem(&sandbox, &params),
        Err(message) => Err(message),
    };
    match answer {
        Ok(token) => Json(token).into_response(),
        // Not the Graph envelope.
        Err(message) => {
            let body = json!({
                "error_type": "OAuthException", "code": 400, "error_message": message,
            });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    }
}

fn redeem(sandbox: &Sandbox, params: &Params) -> Result<Value, String> {
    let need = |name: &str| {
        let missing = || format!("Missing required field {name}");
        params.get(name).map(super::params::plain).ok_or_else(missing)
    };
    let (client_id, secret) = (need("client_id")?, need("client_secret")?);
    let (redirect_uri, text) = (need("redirect_uri")?, need("code")?);
    if need("grant_type")? != "authorization_code" {
        return Err("Invalid grant_type: only authorization_code is supported".to_owned());
    }
    let now = sandbox.clock().now();
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let app = network.app(&client_id).ok_or("Invalid platform app")?;
    if app.client_secret != secret {
        return Err("Error validating client secret.".to_owned());
    }
    let code = network.codes.iter_mut().find(|code| code.text == text);
    let code = code.filter(|code| code.client_id == client_id);
    let code = code.ok_or("Invalid authorization code")?;
    if code.used {
        return Err("Matching code was not found or was already used".to_owned());
    }
    if now.since(code.issued_at) >= CODE_LIFE {
        return Err("This authorization code has expired".to_owned());
    }
    if code.redirect_uri != redirect_uri {
        return Err("Error validating verification code. Please make sure your redirect_uri is \
                    identical to the one you used in the OAuth dialog request"
            .to_owned());
    }
    code.used = true;
    let account = code.account.clone();
    let form = CAST.app_scoped_ids;
    let user_id = network.app_scoped_id(&account, &client_id, form, sandbox.chance());
    let token = issue(sandbox, network, &client_id, &account, SHORT_LIFE);
    let scopes = network.grant(&client_id, &account).map(|grant| grant.scopes.clone());
    let scopes: Vec<String> = scopes.unwrap_or_default().into_iter().collect();
    Ok(if network.option("exchange_shape") == Some("documented") {
        let permissions = scopes.join(",");
        json!({"data": [{"access_token": token, "user_id": user_id, "permissions": permissions}]})
    } else {
        let user_id: u64 = user_id.parse().unwrap_or_default();
        json!({"access_token": token, "user_id": user_id, "permissions": scopes})
    })
}

/// `GET /access_token`: a short-lived token for a long-lived one.
pub(super) fn exchange(sandbox: &Sandbox, call: &Call) -> Result<Value, Refusal> {
    need_grant_type(call, "ig_exchange_token")?;
    let token = graph::token(sandbox, call)?;
    let secret = call.params.text("client_secret");
    let secret = secret.ok_or_else(|| required("client_secret"))?;
    let mut world = sandbox.world();
    let network = world.network(NAME);
    if network.app(&token.client_id).is_none_or(|app| app.client_secret != secret) {
        return Err(Refusal::wrong_secret());
    }
    if token.long_lived {
        return Err(Refusal::parameter("Only a short-lived access token can be exchanged"));
    }
    Ok(lasting(sandbox, network, &token))
}

/// `GET /refresh_access_token`: a long-lived token for a newer one.
pub(super) fn refresh(sandbox: &Sandbox, call: &Call) -> Result<Value, Refusal> {
    need_grant_type(call, "ig_refresh_token")?;
    let token = graph::token(sandbox, call)?;
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let grant = network.grant(&token.client_id, &token.account);
    if !grant.is_some_and(|grant| grant.scopes.contains(BASIC)) {
        return Err(Refusal::no_permission());
    }
    if !token.long_lived {
        return Err(Refusal::parameter("Only a long-lived access token can be refreshed"));
    }
    if sandbox.clock().now().since(token.issued_at) < YOUNG {
        let message = "The access token must be at least 24 hours old to be refreshed";
        return Err(Refusal::parameter(message));
    }
    Ok(lasting(sandbox, network, &token))
}

fn need_grant_type(call: &Call, expected: &str) -> Result<(), Refusal> {
    match call.params.text("grant_type") {
        None => Err(required("grant_type")),
        Some(given) if given == expected => Ok(()),
        Some(_) => Err(Refusal::parameter(format!("Param grant_type must be {expected}"))),
    }
}

fn required(name: &str) -> Refusal {
    Refusal::parameter(format!("The parameter {name} is required"))
}

fn lasting(sandbox: &Sandbox, network: &mut Network, old: &Token) -> Value {
    let token = issue(sandbox, network, &old.client_id, &old.account, LONG_LIFE);
    json!({"access_token": token, "token_type": "bearer", "expires_in": LONG_LIFE.as_secs()})
}

fn issue(
    sandbox: &Sandbox,
    network: &mut Network,
    client_id: &str,
    account: &str,
    life: Duration,
) -> String {
    let now = sandbox.clock().now();
    let token = Token {
        text: CAST.token(sandbox.chance()),
        client_id: client_id.to_owned(),
        account: account.to_owned(),
        long_lived: life == LONG_LIFE,
        issued_at: now,
        expires_at: now.plus(life),
        revoked: None,
    };
    let text = token.text.clone();
    network.tokens.push(token);
    text
}
