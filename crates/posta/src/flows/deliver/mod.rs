//! Delivering an event to a webhook endpoint: sign, send, hear what it says.

pub mod fate;
pub mod note;
pub mod pace;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::RETRY_AFTER;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use posta_core::id::{EndpointId, EventId, WorkspaceId};
use posta_core::secret::{Sealed, Secret};
use posta_core::time::Timestamp;
use posta_store::attempts::{self, Attempt, Filter};
use posta_store::deliveries::{self, Claimed};
use posta_store::endpoints::Endpoint;
use posta_store::events::Event;
use sha2::Sha256;

use crate::app::{App, Busy};
use crate::origin::Origin;
use crate::telemetry::Stopwatch;
use crate::traces::{Kind, Place, TRACEPARENT};

/// How much of an endpoint's answer is kept, in bytes.
const ANSWER: usize = 10_000;

/// What is sent to whom.
#[derive(Debug)]
pub struct Parcel<'a> {
    /// The workspace.
    pub workspace: &'a WorkspaceId,
    /// The endpoint.
    pub endpoint: &'a EndpointId,
    /// The event.
    pub event: &'a EventId,
    /// What happened.
    pub kind: &'a str,
    /// The bytes to sign and send.
    pub body: &'a str,
    /// Where to.
    pub url: &'a str,
    /// What signs them.
    pub secret: &'a Sealed,
    /// What signed them before, and until when it still does.
    pub previous: Option<(&'a Sealed, Timestamp)>,
    /// The customer's own headers.
    pub custom_headers: Option<&'a Sealed>,
    /// The number of the try, from 1.
    pub number: i64,
    /// Whether a person asked for it as a test.
    pub is_test: bool,
    /// The place in the trace that the event is part of.
    pub place: Option<Place>,
}

/// Says for people what came of a try that failed.
#[must_use]
pub fn said(attempt: &Attempt) -> String {
    match attempt.status_code {
        Some(status) => format!("it answered {status}"),
        None => attempt.error.clone().unwrap_or_default(),
    }
}

/// Why a person sends an event by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// To try out the endpoint.
    Test,
    /// Because the endpoint is to get it once more.
    Again,
}

/// A try that was made, to be noted.
#[derive(Debug)]
pub struct Tried {
    /// What was tried.
    pub delivery: Claimed,
    /// What came of it.
    pub attempt: Attempt,
    /// How long the endpoint wants to be left alone, if it said so.
    pub retry_after: Option<Duration>,
    /// Counts until it is noted.
    pub busy: Busy,
}

/// Makes one try of a claimed delivery.
pub async fn attempt(app: &App, delivery: Claimed, busy: Busy) -> Tried {
    let parcel = Parcel {
        workspace: &delivery.workspace_id,
        endpoint: &delivery.endpoint_id,
        event: &delivery.event_id,
        kind: &delivery.event_kind,
        body: &delivery.body,
        url: &delivery.url,
        secret: &delivery.secret,
        previous: delivery.previous_secret.as_ref().zip(delivery.previous_secret_until),
        custom_headers: delivery.custom_headers.as_ref(),
        number: delivery.attempts,
        is_test: false,
        place: delivery.traceparent.as_deref().and_then(Place::read),
    };
    let (attempt, retry_after) = post(app, &parcel).await;
    Tried { delivery, attempt, retry_after, busy }
}

/// Sends an event once because a person asked for it, and notes what came of it.
///
/// # Errors
/// When the database failed.
pub async fn bring(
    app: &App,
    endpoint: &Endpoint,
    event: &Event,
    occasion: Occasion,
) -> posta_store::Result<Attempt> {
    let mut tx = app.db.read().await?;
    let before = Filter {
        among: std::slice::from_ref(&endpoint.id),
        event: Some(event.id.as_str()),
        ..Filter::default()
    };
    let before = attempts::count(&mut tx, &endpoint.workspace_id, &before).await?;
    drop(tx);
    let (attempt, _) = post(
        app,
        &Parcel {
            workspace: &endpoint.workspace_id,
            endpoint: &endpoint.id,
            event: &event.id,
            kind: &event.kind,
            body: &event.body,
            url: &endpoint.url,
            secret: &endpoint.secret,
            previous: endpoint.previous_secret.as_ref().zip(endpoint.previous_secret_until),
            custom_headers: endpoint.custom_headers.as_ref(),
            number: before + 1,
            is_test: occasion == Occasion::Test,
            place: Origin::current().place,
        },
    )
    .await;
    let mut tx = app.db.write().await?;
    attempts::insert_all(&mut tx, std::slice::from_ref(&attempt)).await?;
    if attempt.is_success && occasion == Occasion::Again {
        deliveries::update_brought(&mut tx, &endpoint.id, &event.id).await?;
    }
    tx.commit().await?;
    Ok(attempt)
}

async fn post(app: &App, parcel: &Parcel<'_>) -> (Attempt, Option<Duration>) {
    let watch = Stopwatch::start();
    let name = || format!("deliver {}", parcel.kind);
    let mut step = app.traces.begin(Kind::Client, name, parcel.place.as_ref());
    step.about("event.id", parcel.event);
    step.about("endpoint.id", parcel.endpoint);
    let result = exchange(app, parcel, step.place()).await;
    let mut attempt = Attempt {
        id: app.ids.next(),
        workspace_id: parcel.workspace.clone(),
        endpoint_id: parcel.endpoint.clone(),
        event_id: parcel.event.clone(),
        is_test: parcel.is_test,
        url: parcel.url.to_owned(),
        is_success: false,
        status_code: None,
        response_body: None,
        error: None,
        number: parcel.number,
        response_ms: watch.millis(),
        created_at: app.clock.now(),
    };
    let mut retry_after = None;
    match result {
        Ok((status, body, wait)) => {
            retry_after = wait;
            attempt.is_success = (200..300).contains(&status);
            step.status(status);
            attempt.status_code = Some(i64::from(status));
            attempt.response_body = Some(body);
        }
        Err(problem) => attempt.error = Some(problem),
    }
    if !attempt.is_success {
        step.fail(|| said(&attempt));
    }
    let outcome = if attempt.is_success { "delivered" } else { "failed" };
    metrics::counter!("posta_deliveries_total", "outcome" => outcome).increment(1);
    metrics::histogram!("posta_delivery_seconds").record(watch.elapsed().as_secs_f64());
    tracing::info!(
        endpoint.id = %attempt.endpoint_id, event.id = %attempt.event_id,
        event.kind = parcel.kind, success = attempt.is_success, status = attempt.status_code,
        attempt = attempt.number, duration_ms = attempt.response_ms, "delivery"
    );
    (attempt, retry_after)
}

/// The status, the beginning of the body, and how long the endpoint wants to be left alone.
type Answer = (u16, String, Option<Duration>);

async fn exchange(app: &App, parcel: &Parcel<'_>, place: Option<Place>) -> Result<Answer, String> {
    let url = parcel.url.parse().map_err(|_| "the endpoint's URL is not one".to_owned())?;
    let open = |sealed: &Sealed| {
        app.ring
            .open(&endpoint_owner(parcel.endpoint), sealed)
            .map_err(|error| format!("the endpoint's secret cannot be opened: {error}"))
    };
    let timeout = Duration::from_secs(u64::from(app.config.webhooks.timeout_seconds));
    let mut request = app.guarded.post(url).timeout(timeout);
    if let Some(sealed) = parcel.custom_headers {
        let custom: BTreeMap<String, String> = serde_json::from_str(open(sealed)?.expose())
            .map_err(|_| "the endpoint's own headers cannot be read: set them again".to_owned())?;
        for (name, value) in custom.iter().filter(|(name, _)| !is_ours(name)) {
            request = request.header(name, value);
        }
    }
    let now = app.clock.now();
    let previous = parcel.previous.filter(|(_, until)| *until > now);
    let previous = previous.map(|(sealed, _)| open(sealed)).transpose()?;
    for (name, value) in headers(parcel, &open(parcel.secret)?, previous.as_ref(), now) {
        request = request.header(name, value);
    }
    if let Some(place) = place {
        request = request.header(TRACEPARENT, place.written());
    }
    let reply = app.guarded.probe(request.body(parcel.body.to_owned()), ANSWER).await?;
    let text = String::from_utf8_lossy(&reply.body).replace('\0', "\u{fffd}");
    let wait = retry_after(&reply.headers, app.clock.now());
    Ok((reply.status.as_u16(), text, wait))
}

/// The longest that an endpoint may ask to be left alone.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Reads `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // What does not fit is as good as the longest.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        Timestamp::from_http(text)?.since(now)
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The headers of a delivery: the unified API's under both its names, and Standard Webhooks'. While
/// a secret gives way to another, both sign.
#[must_use]
pub fn headers(
    parcel: &Parcel<'_>,
    secret: &Secret,
    previous: Option<&Secret>,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let hex =
        |secret: &Secret| hex::encode(hmac(secret.expose().as_bytes(), parcel.body.as_bytes()));
    let seconds = now.as_seconds();
    let signed = format!("{}.{seconds}.{}", parcel.event, parcel.body);
    let standard = |secret: &Secret| {
        format!("v1,{}", STANDARD.encode(hmac(&standard_key(secret), signed.as_bytes())))
    };
    let both: Vec<_> = [Some(secret), previous].into_iter().flatten().map(standard).collect();
    let before = previous.into_iter().flat_map(|previous| {
        ["x-zernio-signature-previous", "x-late-signature-previous"]
            .map(|name| (name, hex(previous)))
    });
    let signature = hex(secret);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", concat!("Zernio-Webhooks/1.0 Posta/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("x-zernio-event", parcel.kind.to_owned()),
        ("x-zernio-event-id", parcel.event.to_string()),
        ("x-zernio-signature", signature.clone()),
        ("x-late-event", parcel.kind.to_owned()),
        ("x-late-event-id", parcel.event.to_string()),
        ("x-late-signature", signature),
        ("webhook-id", parcel.event.to_string()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", both.join(" ")),
    ];
    headers.extend(before);
    headers
}

/// Whether a header is one that a customer's own must not replace.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let fixed = [
        "content-type",
        "content-length",
        "user-agent",
        "host",
        "transfer-encoding",
        TRACEPARENT,
        "tracestate",
    ];
    fixed.contains(&name.as_str())
        || ["x-zernio-", "x-late-", "webhook-"].iter().any(|prefix| name.starts_with(prefix))
}

/// A secret in the form of Standard Webhooks is base64 behind `whsec_`; any other is its own key.
fn standard_key(secret: &Secret) -> Vec<u8> {
    let text = secret.expose();
    text.strip_prefix("whsec_")
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .unwrap_or_else(|| text.as_bytes().to_vec())
}

fn hmac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

/// Makes a secret for an endpoint whose owner gave none.
#[must_use]
pub fn new_secret(app: &App) -> Secret {
    Secret::new(format!("whsec_{}", STANDARD.encode(app.chance.bytes::<32>())))
}

/// Names the row that an endpoint's secrets belong to.
#[must_use]
pub fn endpoint_owner(id: &EndpointId) -> String {
    format!("endpoints/{id}")
}

#[cfg(test)]
mod tests {
    use posta_core::secret::KeyRing;
    use proptest::prelude::*;

    use super::*;
    use crate::seeded::seeded;

    #[test]
    fn both_signatures_are_those_that_other_tools_compute() {
        let chance = posta_core::chance::Chance::seeded(1);
        let ring = KeyRing::parse(&KeyRing::generate(&chance), chance).unwrap();
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let event: EventId = serde_json::from_str("\"msg_p5jXN8AQM9LWM0D4loKWxJek\"").unwrap();
        let parcel = Parcel {
            workspace: &"0123456789abcdef01234567".parse().unwrap(),
            endpoint: &"0123456789abcdef01234567".parse().unwrap(),
            event: &event,
            kind: "message.received",
            body: r#"{"test": 2432232314}"#,
            url: "http://127.0.0.1/",
            secret: &ring.seal("x", &secret),
            previous: None,
            custom_headers: None,
            number: 1,
            is_test: false,
            place: None,
        };
        let sent = headers(&parcel, &secret, None, Timestamp::from_millis(1_614_265_330_000));
        let header = |wanted: &str| {
            sent.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone()).unwrap()
        };
        // The published test vector of Standard Webhooks.
        assert_eq!(header("webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(header("x-zernio-signature"), header("x-late-signature"));
        assert_eq!(header("x-zernio-signature").len(), 64);
    }

    proptest! {
        #![proptest_config(seeded())]

        #[test]
        fn an_endpoint_may_ask_for_a_day_at_most(seconds: u128, now in 0..4_000_000_000_000_i64) {
            let now = Timestamp::from_millis(now);
            let read = |text: &str| {
                retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]), now)
            };
            let wait = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
            prop_assert_eq!(read(&seconds.to_string()), Some(wait.min(LONGEST_WAIT)));
            let few = Duration::from_secs(u64::try_from(seconds % 100_000).unwrap());
            prop_assert_eq!(read(&few.as_secs().to_string()), Some(few.min(LONGEST_WAIT)));
            prop_assert_eq!(read(&format!("-{seconds}")), None);
        }

        #[test]
        fn a_date_in_any_header_is_a_wait_or_nothing(text in "[ -~]{0,40}") {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            if let Some(wait) = retry_after(&headers, Timestamp::from_millis(0)) {
                prop_assert!(wait <= LONGEST_WAIT);
            }
        }
    }

    #[test]
    fn a_date_is_waited_for() {
        let read = |seconds: i64| {
            let text = "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap();
            let now = Timestamp::from_millis((784_111_777 - seconds) * 1000);
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text)]), now)
        };
        assert_eq!(read(90), Some(Duration::from_secs(90)));
        assert_eq!(read(-90), Some(Duration::ZERO), "it has passed");
        assert_eq!(read(1_000_000), Some(LONGEST_WAIT));
    }

    #[test]
    fn a_customer_cannot_replace_our_headers() {
        assert!(
            ["X-Zernio-Signature", "Webhook-Id", "content-TYPE", "Traceparent"]
                .into_iter()
                .all(is_ours)
        );
        assert!(!is_ours("authorization"));
    }
}
