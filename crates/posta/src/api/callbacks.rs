//! What platforms call when an owner takes the app away or wants data deleted, and the page that
//! tells an owner how far the deleting is.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use posta_core::failure::Code;
use posta_core::time::Timestamp;
use posta_platforms::contract::{Callbacks, Platform};
use posta_store::erasures::{self, State as ErasureState};
use serde::Serialize;

use super::connect::page;
use super::error::{ApiError, Result};
use crate::app::App;
use crate::flows::callbacks;

fn known(name: &str) -> Result<(&'static dyn Platform, &'static dyn Callbacks)> {
    posta_platforms::get(name)
        .and_then(|platform| Some((platform, platform.callbacks()?)))
        .ok_or_else(|| ApiError::plain(Code::RouteNotFound))
}

async fn owner(app: &App, name: &str, body: &[u8]) -> Result<callbacks::Owner> {
    let (platform, family) = known(name)?;
    callbacks::verified(app, platform, family, body).await.map_err(|error| {
        let error = ApiError::from(error);
        if error.code == Code::InvalidFieldValue { error.param("signed_request") } else { error }
    })
}

/// An owner has taken the app away.
pub(crate) async fn deauthorize(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<StatusCode> {
    let owner = owner(&app, &name, &body).await?;
    callbacks::deauthorize(&app, &name, &owner).await?;
    Ok(StatusCode::OK)
}

/// What the platform shows to the owner who asked.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    /// Where the owner sees how far it is.
    url: String,
    /// The code that the page is about.
    confirmation_code: String,
}

/// An owner wants the account's data deleted.
pub(crate) async fn delete_data(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Receipt>> {
    let owner = owner(&app, &name, &body).await?;
    let code = callbacks::request_erasure(&app, &name, owner).await?;
    let url = format!("{}data-deletion/{code}", app.config.public_url);
    Ok(Json(Receipt { url, confirmation_code: code }))
}

/// How far the deleting is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    confirmation_code: String,
    /// `pending` or `done`.
    status: &'static str,
    requested_at: Timestamp,
    completed_at: Option<Timestamp>,
}

/// Tells whoever has the code how far the deleting is: a page, or JSON for whoever asks for that.
pub(crate) async fn progress(
    State(app): State<App>,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let erasure = erasures::find(&mut tx, &code).await?;
    drop(tx);
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wants_json = accepts.contains("application/json") && !accepts.contains("text/html");
    let Some(erasure) = erasure else {
        if wants_json {
            let message = "there is no data deletion with this code";
            return Err(ApiError::new(Code::ResourceNotFound, message));
        }
        let text = ["Check that the address is complete."];
        return Ok(page(StatusCode::NOT_FOUND, "No such data deletion", &text));
    };
    let is_done = erasure.state == ErasureState::Done;
    if wants_json {
        let progress = Progress {
            confirmation_code: erasure.id,
            status: if is_done { "done" } else { "pending" },
            requested_at: erasure.requested_at,
            completed_at: erasure.finished_at,
        };
        return Ok(Json(progress).into_response());
    }
    let asked = format!("It was asked for at {}.", erasure.requested_at);
    let state = match erasure.finished_at {
        Some(at) => format!("Everything about the account was deleted at {at}."),
        None => "It is under way and ends by itself. Open this page again later.".to_owned(),
    };
    let title = if is_done { "Your data is deleted" } else { "Your data is being deleted" };
    let code = format!("Confirmation code: {}", erasure.id);
    Ok(page(StatusCode::OK, title, &[&asked, &state, &code]))
}
