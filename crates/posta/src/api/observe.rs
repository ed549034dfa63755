//! Around every request: its id, one log line, the rate limit headers, and the error envelope.

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use posta_core::failure::Code;
use tracing::Instrument;

use super::error::{ApiError, ErrorBody};
use crate::app::App;
use crate::flows::limits::Standing;
use crate::origin::Origin;
use crate::telemetry::Stopwatch;
use crate::traces::{Kind, Place, Step, TRACEPARENT};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, as its answer and the log show it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    let id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|text| is_request_id(text))
        .map_or_else(|| app.chance.hex::<12>(), ToOwned::to_owned);
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    // The route and not the path: paths carry ids of people, queries carry secrets.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(none)".to_owned(), |path| path.as_str().to_owned());
    let mut step = begin(&app, &request, &route);
    let origin = Origin { request_id: Some(id.clone()), place: step.place() };
    let span = tracing::info_span!("request", request.id = %id);
    let mut response = origin.scope(next.run(request)).instrument(span.clone()).await;
    let _in_span = span.enter();
    if !response.status().is_success() && !response.status().is_redirection() {
        response = envelope(&app, response);
    }
    let standing = response.extensions().get::<Standing>().copied();
    let standing = standing.unwrap_or_else(|| app.limiter.untouched(app.clock.now()));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert("x-ratelimit-limit", standing.limit.into());
    headers.insert("x-ratelimit-remaining", standing.remaining.into());
    headers.insert("x-ratelimit-reset", standing.reset.as_seconds().into());
    let status = response.status().as_u16();
    step.status(status);
    if status >= 500 {
        step.fail(|| "the server failed".to_owned());
    }
    let took = watch.millis();
    if status < 300 && route.starts_with("/webhooks/") {
        // There are thousands in a second, and the metrics count them.
        tracing::debug!(%method, route, status, duration_ms = took, "request");
    } else {
        tracing::info!(%method, route, status, duration_ms = took, "request");
    }
    response
}

/// Begins the step of a request, as part of its caller's trace if that is one of our customers'.
fn begin(app: &App, request: &Request, route: &str) -> Step {
    let is_api = route.starts_with("/v1/");
    // Probes and pages would only fill the collector.
    if !app.traces.is_on()
        || !(is_api || ["/webhooks/", "/connect/"].iter().any(|of| route.starts_with(of)))
    {
        return Step::none();
    }
    let header = request.headers().get(TRACEPARENT).filter(|_| is_api);
    let parent = header.and_then(|value| Place::read(value.to_str().ok()?));
    let name = || format!("{} {route}", request.method());
    let mut step = app.traces.begin(Kind::Server, name, parent.as_ref());
    step.about("http.route", route);
    step
}

fn is_request_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Gives a failure its body. What no handler of ours has answered gets a code by its status.
fn envelope(app: &App, response: Response) -> Response {
    let is_ours = response.extensions().get::<ApiError>().is_some();
    let has_body = response.headers().contains_key(CONTENT_TYPE)
        && !response.headers()[CONTENT_TYPE].as_bytes().starts_with(b"text/plain");
    if !is_ours && has_body {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let error = parts.extensions.remove::<ApiError>().unwrap_or_else(|| {
        ApiError::plain(match parts.status {
            StatusCode::NOT_FOUND => Code::RouteNotFound,
            StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            status if status.is_client_error() => Code::InvalidContent,
            _ => Code::ApiError,
        })
    });
    if let Some(source) = &error.more.source {
        tracing::error!(error.code = %error.code, error = source, "request failed");
    }
    let mut response = axum::Json(ErrorBody {
        error: sentence(&error),
        kind: error.code.error_type(),
        code: error.code,
        param: error.param.map(String::from),
        doc_url: format!("{}docs/errors#{}", app.config.public_url, error.code),
        platform: error.more.platform,
        platform_error: error.more.platform_error,
        details: error.more.details,
    })
    .into_response();
    *response.status_mut() = StatusCode::from_u16(error.code.status()).unwrap_or(parts.status);
    if let Some(allow) = parts.headers.remove(axum::http::header::ALLOW) {
        response.headers_mut().insert(axum::http::header::ALLOW, allow);
    }
    if error.code == Code::BodyTooLarge {
        // The rest of the body is never read, so no other request can follow on this connection.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response.extensions_mut().extend(parts.extensions);
    response
}

/// What failed and why, then what to do.
fn sentence(error: &ApiError) -> String {
    let message = error.message.trim_end_matches('.');
    format!("{message}. {}", error.remedy())
}

/// Turns a panic into the ordinary failure of a server.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    // The panic hook has printed where and why; the client need not know.
    ApiError::plain(Code::ApiError).into_response()
}
