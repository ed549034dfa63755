//! Where Posta delivers to while a scenario runs; what is not signed is refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use posta_core::secret::Secret;
use serde_json::Value;
use sha2::Sha256;

/// What came, for one scenario. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox(Arc<Mutex<Mail>>);

#[derive(Debug, Default)]
struct Mail {
    secret: Option<Secret>,
    /// The events that nobody asked about yet, oldest first.
    events: Vec<Value>,
    /// The ids of all that came; whoever acts on events remembers them.
    seen: Vec<Value>,
}

impl Inbox {
    fn open(&self) -> MutexGuard<'_, Mail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns what signs the deliveries.
    pub(super) fn learn(&self, secret: Secret) {
        self.open().secret = Some(secret);
    }

    /// Returns what answers on the listener.
    pub(super) fn router(&self) -> Router {
        Router::new().route("/hook", post(take)).with_state(self.clone())
    }

    /// Returns the events that nobody asked about yet.
    pub(super) fn events(&self) -> Vec<Value> {
        self.open().events.clone()
    }

    /// Forgets events that were asked about, by their ids.
    pub(super) fn forget(&self, ids: &[Value]) {
        self.open().events.retain(|event| !ids.contains(&event["id"]));
    }
}

async fn take(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut mail = inbox.open();
    let given = headers.get("x-zernio-signature").and_then(|value| hex::decode(value).ok());
    let is_genuine = mail.secret.as_ref().zip(given).is_some_and(|(secret, given)| {
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
            .is_ok_and(|mac| mac.chain_update(&body).verify_slice(&given).is_ok())
    });
    let event = serde_json::from_slice::<Value>(&body);
    let (true, Ok(event)) = (is_genuine, event) else {
        return StatusCode::UNAUTHORIZED;
    };
    if !mail.seen.contains(&event["id"]) {
        mail.seen.push(event["id"].clone());
        mail.events.push(event);
    }
    StatusCode::OK
}
