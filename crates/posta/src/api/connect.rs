//! Connecting accounts: where to send a person, and where the browser comes back.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{DOCTYPE, html};
use posta_core::failure::Code;
use posta_core::id::{AccountId, OauthAppId, ProfileId};
use posta_platforms::contract::Platform;
use posta_store::accounts::Account;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Query, Segment};
use super::observe::RequestId;
use crate::app::App;
use crate::flows::FlowError;
use crate::flows::callback::{self, Callback};
use crate::flows::connect::{self, Start};
use crate::flows::reconnect;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct StartQuery {
    /// The profile that receives the account.
    profile_id: ProfileId,
    /// Where the browser ends: an absolute URL, whose query is kept. Also `redirectUrl`.
    #[serde(rename = "redirect_url", alias = "redirectUrl")]
    redirect_url: Option<String>,
    /// The permission areas, separated by commas: `posting`, `comments`, `messaging`, `analytics`.
    /// When left out, all but `analytics`.
    scopes: Option<String>,
    /// The way to log in; only the platform's first is built.
    login_method: Option<String>,
    /// Whether to show the login form even to a logged-in person.
    #[serde(default)]
    force_reauth: bool,
    /// The account that must come of it.
    reconnect_account_id: Option<AccountId>,
    /// The platform's id of the account that must come of it.
    expected_platform_user_id: Option<String>,
    /// The handle of the account that must come of it.
    expected_username: Option<String>,
    /// Your own app to use.
    oauth_app_id: Option<OauthAppId>,
    /// Whether a short link for a phone is wanted too; not built yet.
    #[serde(default)]
    handoff: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartAnswer {
    /// Where to send the person.
    #[schema(value_type = String)]
    auth_url: Url,
    /// What the platform will bring back; it works once, for 15 minutes.
    state: String,
}

/// Begins a connection: send the person to `authUrl`.
#[utoipa::path(get, path = "/v1/connect/{platform}", operation_id = "get_connect_url",
    tag = "Connect", params(("platform" = String, Path, description = "The platform"), StartQuery),
    responses((status = 200, body = StartAnswer)))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    Query(query): Query<StartQuery>,
) -> Result<Json<StartAnswer>> {
    let platform = known(&name)?;
    if query.handoff {
        return Err(ApiError::not_built("handoff", "finishing on a phone"));
    }
    let usual = format!("{name}_login");
    if query.login_method.as_ref().is_some_and(|method| *method != usual) {
        return Err(ApiError::not_built("loginMethod", "another way to log in"));
    }
    let mut tx = app.db.read().await?;
    let profile = caller.profile(&mut tx, &query.profile_id).await?;
    if let Some(id) = &query.reconnect_account_id {
        caller.account(&mut tx, id).await?;
    }
    drop(tx);
    let start = Start {
        redirect_url: query.redirect_url.as_deref().map(redirect).transpose()?,
        areas: query.scopes.as_deref().map(areas),
        force_login: query.force_reauth,
        oauth_app: query.oauth_app_id,
        reconnect: query.reconnect_account_id,
        expected_remote: query.expected_platform_user_id,
        expected_username: query.expected_username,
    };
    let started = connect::start(&app, caller.workspace(), &profile.id, platform, start).await?;
    Ok(Json(StartAnswer { auth_url: started.auth_url, state: started.state }))
}

fn known(name: &str) -> Result<&'static dyn Platform> {
    posta_platforms::get(name).ok_or_else(|| {
        let names: Vec<_> = posta_platforms::ALL.iter().map(|one| one.name()).collect();
        let message = format!("there is no platform {name}; there are {}", names.join(", "));
        ApiError::new(Code::PlatformNotSupported, message).param("platform")
    })
}

fn redirect(text: &str) -> Result<Url> {
    // An app may have a scheme of its own, but a browser must not be sent to run a script.
    let refused = ["javascript", "data", "vbscript", "file", "blob", "about"];
    Url::parse(text)
        .ok()
        .filter(|url| !refused.contains(&url.scheme()))
        .ok_or_else(|| ApiError::plain(Code::InvalidRedirectUrl).param("redirect_url"))
}

fn areas(text: &str) -> Vec<String> {
    text.split([',', ' ']).filter(|area| !area.is_empty()).map(ToOwned::to_owned).collect()
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FinishRequest {
    /// The code that the platform gave the browser.
    code: String,
    /// The state that came with it.
    state: String,
    /// The profile that the connection was begun for.
    profile_id: ProfileId,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FinishAnswer {
    message: &'static str,
    account: ConnectedAccount,
}

/// An account that was connected just now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectedAccount {
    /// Its id.
    account_id: AccountId,
    /// Its platform.
    platform: String,
    /// Its handle.
    username: String,
    /// Its name for people.
    display_name: Option<String>,
    /// Its picture.
    profile_picture: Option<String>,
    /// Always true.
    is_active: bool,
}

/// Ends a connection with a code that your own page received.
#[utoipa::path(post, path = "/v1/connect/{platform}", operation_id = "handle_oauth_callback",
    tag = "Connect", params(("platform" = String, Path, description = "The platform")),
    request_body = FinishRequest,
    responses((status = 200, body = FinishAnswer)))]
pub(crate) async fn finish(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    body: Body<FinishRequest>,
) -> Result<Json<FinishAnswer>> {
    let platform = known(&name)?;
    let request = body.value;
    let begun = callback::known(&app, platform, &request.state).await?;
    let mut tx = app.db.read().await?;
    let profile = caller.profile(&mut tx, &request.profile_id).await?;
    drop(tx);
    if begun.workspace_id != *caller.workspace() || begun.profile_id != profile.id {
        return Err(ApiError::plain(Code::InvalidState).param("state"));
    }
    let brought =
        Callback { state: Some(&request.state), code: Some(&request.code), ..Callback::default() };
    let account = callback::finish(&app, platform, &brought).await.result?;
    Ok(Json(FinishAnswer {
        message: "Account connected",
        account: ConnectedAccount {
            account_id: account.id,
            platform: account.platform,
            username: account.username,
            display_name: account.display_name,
            profile_picture: account.picture,
            is_active: true,
        },
    }))
}

/// Where the platform sends the browser back. Ends at the customer's page, or at a plain one.
pub(crate) async fn callback(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    Path(name): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let Some(platform) = posta_platforms::get(&name) else {
        return ApiError::plain(Code::RouteNotFound).into_response();
    };
    let get = |key: &str| query.get(key).map(String::as_str);
    let brought = Callback {
        state: get("state"),
        code: get("code"),
        error: get("error"),
        reason: get("error_reason"),
        description: get("error_description"),
    };
    let ended = callback::finish(&app, platform, &brought).await;
    match (ended.redirect_url, ended.result) {
        (Some(url), Ok(account)) => succeed(url, &account, &request_id),
        (Some(url), Err(error)) => fail(url, &name, error, &brought, &request_id),
        (None, Ok(account)) => {
            let title = format!("{} is connected", account.username);
            page(StatusCode::OK, &title, &["You can close this page."])
        }
        (None, Err(error)) => {
            let error = logged(error);
            let status = StatusCode::from_u16(error.code.status());
            let status = status.unwrap_or(StatusCode::BAD_REQUEST);
            let text = [&sentence(&error.message), error.remedy()];
            page(status, "Not connected", &text)
        }
    }
}

/// Where the link ends by which an owner connects an account again: at the platform's login.
pub(crate) async fn reconnect(
    State(app): State<App>,
    Path((name, link)): Path<(String, String)>,
) -> Response {
    let Some(platform) = posta_platforms::get(&name) else {
        return ApiError::plain(Code::RouteNotFound).into_response();
    };
    match reconnect::follow(&app, platform, &link).await {
        Ok(started) => Redirect::to(started.auth_url.as_str()).into_response(),
        Err(error) => {
            let error = logged(error);
            let status = StatusCode::from_u16(error.code.status());
            let text = [&sentence(&error.message), "Ask whoever gave you the link for a new one."];
            page(status.unwrap_or(StatusCode::BAD_REQUEST), "Not connected", &text)
        }
    }
}

fn succeed(mut url: Url, account: &Account, request_id: &RequestId) -> Response {
    url.query_pairs_mut()
        .append_pair("connected", &account.platform)
        .append_pair("profileId", account.profile_id.as_str())
        .append_pair("accountId", account.id.as_str())
        .append_pair("username", &account.username)
        .append_pair("request_id", &request_id.0)
        .append_pair("stage", "callback");
    Redirect::to(url.as_str()).into_response()
}

fn fail(
    mut url: Url,
    platform: &str,
    error: FlowError,
    callback: &Callback<'_>,
    request_id: &RequestId,
) -> Response {
    let error = logged(error);
    let slug = if error.code == Code::ApiError { "internal_error" } else { error.code.as_str() };
    let is_denied = error.code == Code::OauthDenied;
    {
        let mut pairs = url.query_pairs_mut();
        pairs
            .append_pair("error", slug)
            .append_pair("platform", platform)
            .append_pair("error_message", &error.message)
            .append_pair(
                "is_user_fixable",
                if error.code.status() < 500 { "true" } else { "false" },
            );
        let said = [
            ("platform_error", callback.error),
            ("platform_error_reason", callback.reason),
            ("platform_error_description", callback.description),
            ("error_reason", callback.reason),
        ];
        for (name, value) in said {
            if let Some(value) = value {
                pairs.append_pair(name, value);
            }
        }
        pairs
            .append_pair("request_id", &request_id.0)
            .append_pair("stage", if is_denied { "authorize" } else { "callback" });
    }
    Redirect::to(url.as_str()).into_response()
}

/// The browser gets no cause from inside; the log does.
fn logged(error: FlowError) -> ApiError {
    let error = ApiError::from(error);
    if let Some(source) = &error.more.source {
        tracing::error!(error = source, "a connection could not be ended");
    }
    tracing::info!(error.code = %error.code, "not connected");
    error
}

/// Messages are written to stand behind a colon; on a page they stand alone.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(char::to_uppercase);
    let whole: String = first.into_iter().flatten().chain(letters).collect();
    if whole.ends_with('.') { whole } else { whole + "." }
}

/// A plain page for people.
pub(super) fn page(status: StatusCode, title: &str, text: &[&str]) -> Response {
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Posta" }
                style { ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}" }
            }
            body { h1 { (title) } @for text in text { p { (text) } } }
        }
    };
    (status, body).into_response()
}
