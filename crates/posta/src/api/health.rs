//! Whether the process lives, and whether it can work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use posta_store::{Tx, budgets, deliveries, early, fetches, inbound, renewals};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Result;
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
    responses((status = 200, body = Probe), (status = 503, body = Probe, description = "It cannot work now; `status` says why.")))]
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

/// A lane is told of by its name once its oldest work has been due for so long, and so many of each kind.
const BEHIND: Duration = Duration::from_secs(10);
const WORST: i64 = 20;

/// How long the oldest work of each kind has been due.
async fn lags(app: &App, tx: &mut Tx) -> Result<()> {
    let now = app.clock.now();
    for (work, due) in [
        ("inbound", inbound::find_next_due(tx).await?),
        ("fetch", fetches::find_next_due(tx).await?),
        ("send", budgets::find_next_due(tx).await?),
        ("deliver", deliveries::find_next_due(tx).await?),
        ("renew", renewals::find_next_due(tx).await?),
    ] {
        let lag = due.filter(|due| *due < now).map(|due| now.since(due)).unwrap_or_default();
        metrics::gauge!("posta_lag_seconds", "work" => work).set(lag.as_secs_f64());
    }
    let before = now.minus(BEHIND);
    for (work, lanes) in [
        ("send", budgets::list_behind(tx, before, WORST).await?),
        ("deliver", deliveries::list_behind(tx, before, WORST).await?),
    ] {
        for behind in lanes {
            let labels = [("work", work.to_owned()), ("lane", behind.lane)];
            let lag = now.since(behind.due_at).as_secs_f64();
            metrics::gauge!("posta_lane_lag_seconds", &labels).set(lag);
        }
    }
    Ok(())
}

/// Tells what this process has counted, and what waits or was not understood in the database.
pub(crate) async fn counted(State(app): State<App>) -> Result<impl IntoResponse> {
    let mut tx = app.db.read().await?;
    for platform in posta_platforms::ALL {
        for (state, name) in [
            (inbound::State::Pending, "pending"),
            (inbound::State::Unparsed, "unparsed"),
            (inbound::State::Unrouted, "unrouted"),
        ] {
            let count = inbound::count(&mut tx, platform.name(), state).await?;
            let labels = [("platform", platform.name()), ("state", name)];
            #[expect(clippy::cast_precision_loss, reason = "nobody keeps 2^52 webhooks")]
            metrics::gauge!("posta_inbound_rows", &labels).set(count as f64);
        }
    }
    let (waiting, given_up) = fetches::count(&mut tx).await?;
    let early = early::count(&mut tx).await?;
    let pending = deliveries::count_pending(&mut tx).await?;
    for (name, state, count) in [
        ("posta_fetches", "waiting", waiting),
        ("posta_fetches", "given_up", given_up),
        ("posta_early_events", "waiting", early),
        ("posta_delivery_rows", "pending", pending),
    ] {
        #[expect(clippy::cast_precision_loss, reason = "nobody keeps 2^52 rows")]
        metrics::gauge!(name, "state" => state).set(count as f64);
    }
    let waiting = u32::try_from(app.ingest.waiting()).unwrap_or(u32::MAX);
    metrics::gauge!("posta_ingest_waiting").set(f64::from(waiting));
    let waiting = u32::try_from(app.calls.waiting()).unwrap_or(u32::MAX);
    metrics::gauge!("posta_calls_waiting").set(f64::from(waiting));
    lags(&app, &mut tx).await?;
    let text = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((text, crate::telemetry::counted()))
}
