//! A customer's webhook endpoint: checks signatures as Standard Webhooks and the unified API say,
//! remembers what came, and answers what it was told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use posta::telemetry::Stopwatch;
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The endpoint.
#[derive(Clone)]
pub(crate) struct Hook {
    /// Its URL.
    pub(crate) url: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    secret: String,
    came: Vec<Came>,
    answers: VecDeque<u16>,
    retry_after: Option<u64>,
    awaited: Option<(Stopwatch, oneshot::Sender<Duration>)>,
}

/// A delivery that came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body as JSON.
    pub(crate) event: Value,
    /// Its body, byte for byte.
    pub(crate) body: String,
}

impl Hook {
    pub(crate) async fn start(tasks: &TaskTracker, end: &CancellationToken) -> Self {
        let (listener, url) = super::listen().await;
        let hook = Self { url: url.join("hook").unwrap().into(), inner: Arc::default() };
        let router = Router::new().route("/hook", post(take)).with_state(hook.clone());
        let end = end.clone();
        tasks.spawn(async move {
            let ended = async move { end.cancelled().await };
            axum::serve(listener, router).with_graceful_shutdown(ended).await.unwrap();
        });
        hook
    }

    /// Learns the secret that signs its deliveries.
    pub(crate) fn learn(&self, secret: &str) {
        secret.clone_into(&mut self.inner.lock().unwrap().secret);
    }

    /// Answers the next deliveries with these statuses, then 200 again.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.inner.lock().unwrap().answers.extend(statuses);
    }

    /// Answers everything with this status from now on, until the next [`Hook::recover`].
    pub(crate) fn fail(&self, status: u16) {
        self.inner.lock().unwrap().answers.extend([status; 1000]);
    }

    /// Answers 200 again.
    pub(crate) fn recover(&self) {
        self.inner.lock().unwrap().answers.clear();
    }

    /// Asks with each answer that is not 200 to be left alone for so many seconds.
    pub(crate) fn retry_after(&self, seconds: u64) {
        self.inner.lock().unwrap().retry_after = Some(seconds);
    }

    /// Waits for the next `message.received` and tells when it came.
    pub(crate) async fn next_arrival(&self, watch: Stopwatch) -> Duration {
        let (sender, receiver) = oneshot::channel();
        self.inner.lock().unwrap().awaited = Some((watch, sender));
        receiver.await.unwrap()
    }

    /// Everything that came, in order.
    pub(crate) fn came(&self) -> Vec<Came> {
        self.inner.lock().unwrap().came.clone()
    }

    /// The names of the events that came, sorted, because no order of arrival is promised.
    pub(crate) fn names(&self) -> Vec<String> {
        let came = self.came();
        let names = came.iter().map(|one| one.event["event"].as_str().unwrap().to_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// The events of one kind that came, in order.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let came = self.came().into_iter().map(|one| one.event);
        came.filter(|event| event["event"] == name).collect()
    }

    /// Forgets what came.
    pub(crate) fn forget(&self) {
        self.inner.lock().unwrap().came.clear();
    }
}

async fn take(State(hook): State<Hook>, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = hook.inner.lock().unwrap();
    if headers["x-zernio-event"] == "message.received"
        && let Some((watch, sender)) = inner.awaited.take()
    {
        // Whoever waits has not gone away.
        sender.send(watch.elapsed()).unwrap();
    }
    check(&inner.secret, &headers, &body);
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(header(&headers, "x-zernio-event-id"), event["id"].as_str().unwrap());
    let body = String::from_utf8(body.to_vec()).unwrap();
    inner.came.push(Came { headers, event, body });
    let status = inner.answers.pop_front().unwrap_or(200);
    let location = [("location", "http://127.0.0.1:1/elsewhere")];
    let mut answer = (StatusCode::from_u16(status).unwrap(), location, "heard").into_response();
    if let Some(seconds) = inner.retry_after.filter(|_| status != 200) {
        answer.headers_mut().insert("retry-after", seconds.into());
    }
    answer
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap_or_else(|| panic!("no header {name}")).to_str().unwrap()
}

fn check(secret: &str, headers: &HeaderMap, body: &[u8]) {
    let hex_mac = hex::encode(mac(secret.as_bytes(), &[body]));
    for prefix in ["x-zernio", "x-late"] {
        // While a secret gives way to another, the old one signs as well.
        let previous = headers.get(format!("{prefix}-signature-previous"));
        let is_previous = previous.is_some_and(|previous| *previous == hex_mac);
        assert!(is_previous || header(headers, &format!("{prefix}-signature")) == hex_mac);
        assert!(!header(headers, &format!("{prefix}-event")).is_empty());
    }
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).unwrap(),
        None => secret.as_bytes().to_vec(),
    };
    let id = header(headers, "webhook-id");
    let signed = format!("{id}.{}.", header(headers, "webhook-timestamp"));
    let expected = format!("v1,{}", STANDARD.encode(mac(&key, &[signed.as_bytes(), body])));
    assert!(header(headers, "webhook-signature").split(' ').any(|one| one == expected));
    assert_eq!(header(headers, "content-type"), "application/json");
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}
