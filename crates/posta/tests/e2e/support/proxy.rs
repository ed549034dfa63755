//! What stands between Posta and the platform: passes everything on, except a message or two that a
//! story wants to go wrong.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

/// The proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// Where it listens, in place of the Graph API.
    pub(crate) url: Url,
    inner: Arc<Inner>,
}

struct Inner {
    beyond: Url,
    http: reqwest::Client,
    faults: Mutex<VecDeque<Fault>>,
    refused: Mutex<Option<&'static str>>,
    refusals: Mutex<usize>,
    sends: Mutex<usize>,
    calls: Mutex<Vec<String>>,
    release: Notify,
    arrived: Notify,
}

/// What goes wrong with one message.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing goes wrong.
    Pass,
    /// The platform takes it, and the connection is cut before the answer is through.
    CutAfter,
    /// The platform takes it, and the answer waits until it is released.
    HoldAnswer,
    /// The platform never hears of it, and this comes back.
    Answer(u16, &'static str),
}

impl Proxy {
    pub(crate) async fn start(tasks: &TaskTracker, end: &CancellationToken, sandbox: &Url) -> Self {
        let (listener, url) = super::listen().await;
        let proxy = Self {
            url,
            inner: Arc::new(Inner {
                beyond: sandbox.join("instagram/graph/").unwrap(),
                http: super::plain_client(),
                faults: Mutex::default(),
                refused: Mutex::default(),
                refusals: Mutex::default(),
                sends: Mutex::default(),
                calls: Mutex::default(),
                release: Notify::new(),
                arrived: Notify::new(),
            }),
        };
        let router = Router::new().fallback(pass).with_state(proxy.clone());
        let end = end.clone();
        tasks.spawn(async move {
            let ended = async move { end.cancelled().await };
            axum::serve(listener, router).with_graceful_shutdown(ended).await.unwrap();
        });
        proxy
    }

    /// Lets the next messages go wrong, one after the other.
    pub(crate) fn will(&self, faults: &[Fault]) {
        self.inner.faults.lock().unwrap().extend(faults.iter().cloned());
    }

    /// Answers calls of this path with 503, until told another.
    pub(crate) fn refuse(&self, path: Option<&'static str>) {
        *self.inner.refused.lock().unwrap() = path;
    }

    /// How many calls were refused so.
    pub(crate) fn refusals(&self) -> usize {
        *self.inner.refusals.lock().unwrap()
    }

    /// How many messages Posta has tried to send.
    pub(crate) fn sends(&self) -> usize {
        *self.inner.sends.lock().unwrap()
    }

    /// How many calls went to paths that end so.
    pub(crate) fn calls(&self, path: &str) -> usize {
        let calls = self.inner.calls.lock().unwrap();
        calls.iter().filter(|call| call.ends_with(path)).count()
    }

    /// Waits until a held answer is there.
    pub(crate) async fn arrived(&self) {
        self.inner.arrived.notified().await;
    }

    /// Lets a held answer through.
    pub(crate) fn release(&self) {
        self.inner.release.notify_one();
    }
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    proxy.inner.calls.lock().unwrap().push(parts.uri.path().to_owned());
    let refused = *proxy.inner.refused.lock().unwrap();
    if refused.is_some_and(|path| parts.uri.path().ends_with(path)) {
        *proxy.inner.refusals.lock().unwrap() += 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let is_message = parts.method == Method::POST
        && parts.uri.path().ends_with("/messages")
        && serde_json::from_slice::<serde_json::Value>(&body).unwrap()["message"].is_object();
    let fault = if is_message {
        *proxy.inner.sends.lock().unwrap() += 1;
        proxy.inner.faults.lock().unwrap().pop_front()
    } else {
        None
    };
    if let Some(Fault::Answer(status, text)) = fault {
        let json = [("content-type", "application/json")];
        return (StatusCode::from_u16(status).unwrap(), json, text).into_response();
    }
    let target = parts.uri.path_and_query().unwrap().as_str().trim_start_matches('/');
    let url = proxy.inner.beyond.join(target).unwrap();
    let forwarded = forward(&proxy, parts.method, url, parts.headers, body).await;
    let Some((status, headers, body)) = forwarded else {
        return cut();
    };
    match fault {
        Some(Fault::CutAfter) => cut(),
        Some(Fault::HoldAnswer) => {
            proxy.inner.arrived.notify_one();
            proxy.inner.release.notified().await;
            (status, headers, body).into_response()
        }
        _ => (status, headers, body).into_response(),
    }
}

fn cut() -> Response {
    let cut = async { Err::<Bytes, _>(std::io::Error::other("the wire is cut")) };
    Body::from_stream(futures_util::stream::once(cut)).into_response()
}

/// Passes a request on; `None` when the platform gives no answer.
async fn forward(
    proxy: &Proxy,
    method: Method,
    url: Url,
    mut headers: HeaderMap,
    body: Bytes,
) -> Option<(StatusCode, HeaderMap, Bytes)> {
    headers.remove("host");
    let request = proxy.inner.http.request(method, url).headers(headers).body(body);
    let reply = request.send().await.ok()?;
    let (status, mut headers) = (reply.status(), reply.headers().clone());
    headers.remove("transfer-encoding");
    Some((status, headers, reply.bytes().await.ok()?))
}
