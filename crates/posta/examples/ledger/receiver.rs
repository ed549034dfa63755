//! The customer's program: checks each delivery, keeps a book of what it has answered, and has moods.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use posta_core::time::{Clock, Timestamp, pause};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

/// The endpoints: one that always answers, one with moods, and one that never takes anything.
pub(crate) const STEADY: &str = "steady";
pub(crate) const MOODY: &str = "moody";
pub(crate) const DEAD: &str = "dead";
pub(crate) const ALL: [&str; 3] = [STEADY, MOODY, DEAD];

/// How the moody endpoint is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It answers at once.
    Well,
    /// It answers after a second.
    Slow,
    /// It answers 500.
    Failing,
    /// It answers 429 and asks to be left alone for two seconds.
    Busy,
    /// It answers too late for anybody to hear.
    Silent,
}

/// A delivery that was taken: when, for each time.
pub(crate) type Taken = BTreeMap<(String, String), Vec<Timestamp>>;

/// The program.
#[derive(Clone)]
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) url: Url,
    clock: Clock,
    book: Arc<Mutex<Book>>,
    received: mpsc::UnboundedSender<Value>,
}

#[derive(Debug)]
struct Book {
    secrets: BTreeMap<String, String>,
    mood: Mood,
    taken: Taken,
    forged: u64,
    refused: u64,
}

impl Receiver {
    /// Starts it. The events that the steady endpoint takes are passed on.
    pub(crate) async fn start(
        clock: Clock,
        tasks: &TaskTracker,
        end: &CancellationToken,
    ) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<Value>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?).parse()?;
        let (received, events) = mpsc::unbounded_channel();
        let (secrets, taken) = (BTreeMap::new(), Taken::new());
        let book = Book { secrets, mood: Mood::Well, taken, forged: 0, refused: 0 };
        let receiver = Self { url, clock, book: Arc::new(Mutex::new(book)), received };
        let router = Router::new().route("/{name}", post(take)).with_state(receiver.clone());
        let end = end.clone().cancelled_owned();
        tasks.spawn(axum::serve(listener, router).with_graceful_shutdown(end).into_future());
        Ok((receiver, events))
    }

    /// Learns the secret of an endpoint.
    pub(crate) fn learn(&self, endpoint: &str, secret: String) {
        self.book().secrets.insert(endpoint.to_owned(), secret);
    }

    /// Gives the moody endpoint another mood.
    pub(crate) fn feel(&self, mood: Mood) {
        self.book().mood = mood;
    }

    /// Returns what was taken, by endpoint and event.
    pub(crate) fn taken(&self) -> Taken {
        self.book().taken.clone()
    }

    /// Returns how many deliveries had a wrong signature, and how many were turned away.
    pub(crate) fn turned_away(&self) -> (u64, u64) {
        let book = self.book();
        (book.forged, book.refused)
    }

    /// Strikes one delivery out of the book, to see that the balance finds it.
    pub(crate) fn forget_one(&self) {
        let _ = self.book().taken.pop_first();
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_genuine(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let given = headers.get("x-zernio-signature").and_then(|value| hex::decode(value).ok());
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    given
        .zip(mac.ok())
        .is_some_and(|(given, mac)| mac.chain_update(body).verify_slice(&given).is_ok())
}

async fn take(
    State(receiver): State<Receiver>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let secret = receiver.book().secrets.get(&name).cloned().unwrap_or_default();
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (true, Some(id)) = (is_genuine(&secret, &headers, &body), event["id"].as_str()) else {
        receiver.book().forged += 1;
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let mood = match name.as_str() {
        STEADY => Mood::Well,
        DEAD => Mood::Failing,
        _ => receiver.book().mood,
    };
    match mood {
        Mood::Well => {}
        Mood::Slow => pause(Duration::from_secs(1)).await,
        Mood::Silent => pause(Duration::from_secs(8)).await,
        Mood::Failing | Mood::Busy => {}
    }
    if matches!(mood, Mood::Failing | Mood::Busy | Mood::Silent) {
        receiver.book().refused += 1;
        if mood == Mood::Busy {
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "2")]).into_response();
        }
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let now = receiver.clock.now();
    receiver.book().taken.entry((name.clone(), id.to_owned())).or_default().push(now);
    if name == STEADY {
        // Nobody listens any more once the books are closed.
        let _ = receiver.received.send(event);
    }
    StatusCode::OK.into_response()
}
