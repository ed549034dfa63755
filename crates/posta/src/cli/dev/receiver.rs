//! A customer's program in small: takes webhooks, checks their signature as a customer would, and
//! answers each message through the API.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use hmac::{Hmac, KeyInit, Mac};
use posta_core::secret::Secret;
use posta_platforms::http::Http;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::telemetry::Stopwatch;

/// How many events are remembered.
const REMEMBERED: usize = 100;

/// The program.
#[derive(Clone)]
pub(super) struct Receiver {
    /// Where it listens.
    pub(super) url: Url,
    parts: Arc<Parts>,
}

struct Parts {
    posta: Url,
    key: Secret,
    secret: Mutex<Option<Secret>>,
    http: Http,
    seen: watch::Sender<Seen>,
    tasks: TaskTracker,
}

/// What the program has seen and done.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// The events, newest last, with the time they came.
    pub(super) events: VecDeque<(Value, Stopwatch)>,
    /// The answers that the API gave to its replies, with how long they took.
    pub(super) replies: VecDeque<(String, Value, std::time::Duration)>,
    /// How many webhooks had a wrong signature.
    pub(super) refused: usize,
}

impl Receiver {
    pub(super) fn new(url: Url, posta: Url, key: Secret) -> Self {
        let parts = Parts {
            posta,
            key,
            secret: Mutex::new(None),
            http: Http::new(),
            seen: watch::Sender::default(),
            tasks: TaskTracker::new(),
        };
        Self { url, parts: Arc::new(parts) }
    }

    /// Learns the secret that signs its webhooks.
    pub(super) fn learn(&self, secret: Secret) {
        *self.parts.secret.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
    }

    /// Follows what the program sees and does.
    pub(super) fn follow(&self) -> watch::Receiver<Seen> {
        self.parts.seen.subscribe()
    }

    pub(super) async fn serve(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let router = Router::new()
            .route("/", get(shown))
            .route("/connected", get(|| async { "The account is connected." }))
            .route("/hook", post(hook))
            .with_state(self.clone());
        let stopped = async move { stop.cancelled().await };
        axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
        self.parts.tasks.close();
        self.parts.tasks.wait().await;
        Ok(())
    }

    fn is_genuine(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let secret = self.parts.secret.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let given = headers.get("x-zernio-signature").and_then(|value| hex::decode(value).ok());
        let (Some(secret), Some(given)) = (secret, given) else {
            return false;
        };
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
            .is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok())
    }

    async fn reply(self, event: Value) {
        let watch = Stopwatch::start();
        let text = event["message"]["text"].as_str().unwrap_or("something without words");
        let path = format!(
            "api/v1/inbox/conversations/{}/messages",
            event["conversation"]["platformConversationId"].as_str().unwrap_or_default()
        );
        let Ok(url) = self.parts.posta.join(&path) else {
            return;
        };
        let request = self
            .parts
            .http
            .post(url)
            .bearer_auth(self.parts.key.expose())
            // The event's id makes the reply happen once, however often the event comes.
            .header("idempotency-key", event["id"].as_str().unwrap_or_default())
            .json(&json!({
                "accountId": event["account"]["id"],
                "message": format!("Thanks for writing! You said: {text}"),
            }));
        let answer = match self.parts.http.send(request).await {
            Ok(reply) => reply.json().unwrap_or_default(),
            Err(_) => json!({"error": "Posta did not answer"}),
        };
        let caused_by = event["id"].as_str().unwrap_or_default().to_owned();
        self.parts.seen.send_modify(|seen| {
            seen.replies.push_back((caused_by, answer, watch.elapsed()));
            if seen.replies.len() > REMEMBERED {
                seen.replies.pop_front();
            }
        });
    }
}

async fn hook(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let arrived = Stopwatch::start();
    let event = serde_json::from_slice::<Value>(&body);
    let (true, Ok(event)) = (receiver.is_genuine(&headers, &body), event) else {
        receiver.parts.seen.send_modify(|seen| seen.refused += 1);
        return StatusCode::UNAUTHORIZED;
    };
    // Deliveries can come twice; whoever acts on them remembers their ids.
    let seen = receiver.parts.seen.borrow();
    let is_repeat = seen.events.iter().any(|(earlier, _)| earlier["id"] == event["id"]);
    drop(seen);
    if is_repeat {
        return StatusCode::OK;
    }
    if event["event"] == "message.received" {
        receiver.parts.tasks.spawn(receiver.clone().reply(event.clone()));
    }
    receiver.parts.seen.send_modify(|seen| {
        seen.events.push_back((event, arrived));
        if seen.events.len() > REMEMBERED {
            seen.events.pop_front();
        }
    });
    StatusCode::OK
}

async fn shown(State(receiver): State<Receiver>) -> Json<Value> {
    let seen = receiver.parts.seen.borrow();
    let events: Vec<&Value> = seen.events.iter().rev().map(|(event, _)| event).collect();
    Json(json!({"newestFirst": events, "refusedForWrongSignature": seen.refused}))
}
