//! `/oauth/authorize`: the page where an account's owner allows or refuses an app.

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use url::form_urlencoded;

use super::params::Params;
use super::{BASIC, NAME, SCOPES};
use crate::sandbox::seed::opaque;
use crate::sandbox::world::{Account, AccountKind, Code, Network};
use crate::sandbox::{Sandbox, world};

const STYLE: &str = "body{margin:0;background:#f4f4f6;color:#1c1c21;font:16px/1.5 system-ui,\
sans-serif}main{max-width:26rem;margin:3rem auto;padding:2rem;background:#fff;border:1px solid \
#dcdce2;border-radius:.75rem}h1{font-size:1.3rem;margin:0 0 1rem}.mark{margin:0;background:#fff3c4;\
color:#5c4700;text-align:center;padding:.5rem;font-size:.9rem}label{display:block;margin:.4rem 0}\
fieldset{border:0;padding:0;margin:1.2rem 0}legend{font-weight:600}code{overflow-wrap:anywhere}\
small{color:#5d5d68}button{font:inherit;width:100%;padding:.65rem;margin-top:.6rem;border:1px \
solid #dcdce2;border-radius:.5rem;background:#fff}button.allow{background:#0b5fd0;color:#fff}";

/// What an app asks for, once it is known to be allowed to ask.
struct Ask {
    client_id: String,
    app_name: String,
    redirect_uri: String,
    scopes: Vec<String>,
    state: Option<String>,
}

/// Shows the page.
pub(super) async fn show(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let params = match Params::read(request).await {
        Ok(params) => params,
        Err(message) => return error(&message),
    };
    let mut world = sandbox.world();
    let network = world.network(NAME);
    match Ask::read(network, &params) {
        Ok(ask) => consent(&ask, &network.accounts, &params).into_response(),
        Err(message) => error(&message),
    }
}

/// Does what the person pressed.
pub(super) async fn decide(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let params = match Params::read(request).await {
        Ok(params) => params,
        Err(message) => return error(&message),
    };
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let ask = match Ask::read(network, &params) {
        Ok(ask) => ask,
        Err(message) => return error(&message),
    };
    match params.text("decision") {
        Some("allow") => allow(&sandbox, network, &ask, &params),
        Some("deny") => ask.redirect(
            &[
                ("error", "access_denied"),
                ("error_reason", "user_denied"),
                ("error_description", "The user denied your request"),
            ],
            "",
        ),
        _ => error("Choose whether to allow the app or not."),
    }
}

fn allow(sandbox: &Sandbox, network: &mut Network, ask: &Ask, params: &Params) -> Response {
    let is_professional = |account: &&Account| account.kind != AccountKind::Personal;
    let account = match params.text("account") {
        Some(key) => network.account(key),
        None => network.accounts.iter().find(is_professional),
    };
    let Some(account) = account else {
        return error("There is no such account.");
    };
    if account.kind == AccountKind::Personal {
        return error(
            "This is a personal account. Only a professional account, of a business or a creator, \
             can be connected. Switch it in the Instagram app and try again.",
        );
    }
    let account = account.id.clone();
    let ticked: BTreeSet<&str> = params.all("grant").filter_map(Value::as_str).collect();
    let is_granted = |scope: &&String| {
        ticked.is_empty() || scope.as_str() == BASIC || ticked.contains(scope.as_str())
    };
    let scopes = ask.scopes.iter().filter(is_granted).cloned().collect();
    network.grant_mut(&ask.client_id, &account).scopes = scopes;
    let code = format!("AQ{}", opaque::<120>(sandbox.chance()));
    network.codes.push(Code {
        text: code.clone(),
        client_id: ask.client_id.clone(),
        account,
        redirect_uri: ask.redirect_uri.clone(),
        issued_at: sandbox.clock().now(),
        used: false,
    });
    ask.redirect(&[("code", &code)], "#_")
}

impl Ask {
    fn read(network: &world::Network, params: &Params) -> Result<Self, String> {
        let client_id = params.text("client_id").ok_or("Missing client_id.")?;
        let app = network.app(client_id).ok_or("Invalid platform app.")?;
        let redirect_uri = params.text("redirect_uri").ok_or("Missing redirect_uri.")?;
        if !app.redirect_uris.iter().any(|known| known == redirect_uri) {
            return Err("Invalid redirect_uri: it must equal one of the app's registered \
                        redirect URIs, to the character."
                .to_owned());
        }
        if params.text("response_type") != Some("code") {
            return Err("Invalid response_type: it must be \"code\".".to_owned());
        }
        let scope = params.text("scope").ok_or("Missing scope.")?;
        let mut scopes: Vec<String> = Vec::new();
        for scope in scope.split([',', ' ']).filter(|scope| !scope.is_empty()) {
            if !SCOPES.iter().any(|(known, _)| *known == scope) {
                return Err(format!("Invalid scope: {scope}"));
            }
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        Ok(Self {
            client_id: client_id.to_owned(),
            app_name: app.name.clone(),
            redirect_uri: redirect_uri.to_owned(),
            scopes,
            state: params.text("state").map(str::to_owned),
        })
    }

    /// Sends the browser back, behind whatever query the redirect URI has of its own.
    fn redirect(&self, answer: &[(&str, &str)], fragment: &str) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(answer);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        let query = query.finish();
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        let location = format!("{}{joint}{query}{fragment}", self.redirect_uri);
        (StatusCode::FOUND, [(LOCATION, location)]).into_response()
    }
}

fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Posta sandbox" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                p.mark { "Posta sandbox: this is not Instagram, and nothing here is real." }
                main { h1 { (title) } (content) }
            }
        }
    }
}

fn error(message: &str) -> Response {
    let content = html! { p { (message) } };
    (StatusCode::BAD_REQUEST, page("Sorry, this cannot be done", &content)).into_response()
}

fn consent(ask: &Ask, accounts: &[Account], params: &Params) -> Markup {
    let is_true = |name| matches!(params.text(name), Some("true" | "1"));
    let hides_facebook = matches!(params.text("enable_fb_login"), Some("false" | "0"));
    let first = accounts.iter().position(|account| account.kind != AccountKind::Personal);
    let content = html! {
        @if is_true("force_reauth") {
            p { small {
                "The app asked you to log in again."
                @if !hides_facebook { " You may also log in with Facebook." }
            } }
        }
        @if params.text("auth_type") == Some("rerequest") {
            p { small { "The app asks again for what you did not allow before." } }
        }
        form method="post" action="authorize" {
            @for name in ["client_id", "redirect_uri", "response_type", "scope", "state"] {
                @if let Some(value) = params.text(name) {
                    input type="hidden" name=(name) value=(value);
                }
            }
            fieldset {
                legend { "Account" }
                @for (place, account) in accounts.iter().enumerate() {
                    label {
                        input type="radio" name="account" value=(account.id)
                            checked[Some(place) == first];
                        " " (account.username)
                        @if account.kind == AccountKind::Personal { small { " (personal)" } }
                    }
                }
            }
            // Tells a form without any tick from a form that did not ask.
            input type="hidden" name="grant" value="";
            fieldset {
                legend { "It will be able to" }
                @for scope in &ask.scopes { (scope_line(scope)) }
            }
            p { small { "You will go back to " code { (ask.redirect_uri) } } }
            button.allow type="submit" name="decision" value="allow" { "Allow" }
            button type="submit" name="decision" value="deny" { "Deny" }
        }
    };
    page(&format!("{} wants to use your account", ask.app_name), &content)
}

fn scope_line(scope: &str) -> Markup {
    let meaning = SCOPES.iter().find(|(known, _)| *known == scope).map_or("", |(_, text)| text);
    let is_required = scope == BASIC;
    html! {
        label title=(scope) {
            input type="checkbox" name="grant" value=(scope) checked disabled[is_required];
            " " (meaning)
            @if is_required { small { " (required)" } }
        }
    }
}
