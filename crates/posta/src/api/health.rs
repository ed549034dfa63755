//! Whether the process lives, and whether it can work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// What a probe hears.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Probe {
    /// `ok`, or what is missing.
    status: &'static str,
    /// The version that runs.
    version: &'static str,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Tells whether the process lives.
#[utoipa::path(get, path = "/healthz", operation_id = "get_health", tag = "Server",
    responses((status = 200, body = Probe)))]
pub(crate) async fn alive() -> Json<Probe> {
    Json(Probe { status: "ok", version: VERSION })
}

/// Tells whether the server can work: the database answers and nobody has told it to stop.
#[utoipa::path(get, path = "/readyz", operation_id = "get_readiness", tag = "Server",
    responses((status = 200, body = Probe), (status = 503, body = Probe)))]
pub(crate) async fn ready(State(app): State<App>) -> (StatusCode, Json<Probe>) {
    let answer = |status, text| (status, Json(Probe { status: text, version: VERSION }));
    if app.stop.is_cancelled() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "stopping");
    }
    if app.tasks.len() < crate::workers::COUNT {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "a worker has ended");
    }
    match app.db.ping().await {
        Ok(()) => answer(StatusCode::OK, "ok"),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            answer(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
        }
    }
}
