//! What every call to a pretend platform passes: the fault dial first, then the limits.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;

use super::faults::kind::{Effect, Fault, Kind};
use super::limits::{Counted, Usage};
use super::wire::Knife;
use super::{Face, Sandbox};

/// The largest body that is read; a little more than the largest upload of any platform.
const MAX_BODY: usize = 40 << 20;

/// What a call asks for, as far as rules and limits care.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The name of the route.
    pub route: &'static str,
    /// The method.
    pub method: String,
    /// The path on the platform's own host, without a version.
    pub path: String,
    /// The id of the account on whose behalf it is made.
    pub account: Option<String>,
    /// The access token, if there is such a one.
    pub token: Option<String>,
    /// The limit that counts it.
    pub limit: &'static str,
}

/// Why the gate answers in the platform's name.
#[derive(Clone, Copy, Debug)]
pub struct Turned {
    /// The platform's code.
    pub code: i64,
    /// And subcode.
    pub subcode: Option<i64>,
    /// How long the platform says to wait.
    pub wait: Option<Duration>,
}

/// The gate of one platform.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) sandbox: Sandbox,
    pub(super) platform: &'static str,
    pub(super) face: &'static dyn Face,
    pub(super) stop: CancellationToken,
}

/// Lets a call through, or does not.
pub(super) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let knife = request.extensions().get::<ConnectInfo<Knife>>().cloned();
    let knife = knife.map(|ConnectInfo(knife)| knife).unwrap_or_default();
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let ask = gate.face.ask(&gate.sandbox, again(&parts, &bytes)).await;
    let faults = gate.sandbox.faults().of_call(gate.platform, &ask);
    for fault in &faults {
        gate.begin(fault, &ask).await;
    }
    let last = faults.last();
    if let Some(fault) = last.filter(|fault| fault.effect() == Some(Effect::Before)) {
        return gate.answer(fault, &ask, &knife).await;
    }
    let mark = gate.sandbox.outbox().last_id();
    let counted = gate.count(&ask);
    let mut response = match counted.refusal {
        Some((code, subcode)) => {
            let wait = counted.usage.map(|usage| usage.wait);
            gate.face.turn_away(&gate.sandbox, &ask, Turned { code, subcode, wait })
        }
        None => {
            let mut response = next.run(again(&parts, &bytes)).await;
            if let Some(usage) = told(&faults).or(counted.usage) {
                gate.face.tell_usage(&ask, usage, response.headers_mut());
            }
            response
        }
    };
    if faults.iter().any(|fault| fault.0 == Kind::EchoFirst {}) {
        tokio::select! {
            () = gate.sandbox.delivered_since(mark) => {}
            () = gate.stop.cancelled() => {}
        }
    }
    if let Some(fault) = last.filter(|fault| fault.effect() == Some(Effect::After)) {
        response = gate.answer(fault, &ask, &knife).await;
    }
    response
}

/// Makes the request once more, since whoever looks at one uses it up.
fn again(parts: &Parts, bytes: &Bytes) -> Request {
    Request::from_parts(parts.clone(), Body::from(bytes.clone()))
}

/// Returns the use of limits that a rule wants answers to tell.
fn told(faults: &[Fault]) -> Option<Usage> {
    faults.iter().find_map(|fault| match fault.0 {
        Kind::Usage { percent, wait } => Some(Usage { percent, wait: wait.0 }),
        _ => None,
    })
}

impl Gate {
    /// Does what a fault does without taking the answer's place.
    async fn begin(&self, fault: &Fault, ask: &Ask) {
        let now = self.sandbox.clock().now();
        match &fault.0 {
            Kind::Latency { by } => tokio::select! {
                () = self.sandbox.clock().sleep(by.0) => {}
                () = self.stop.cancelled() => {}
            },
            Kind::ExpireToken {} => self.change_token(ask, |token| token.expires_at = now),
            Kind::RevokeToken { reason } => {
                self.change_token(ask, |token| token.revoked = Some(*reason));
            }
            Kind::LoseSubscription {} => {
                if let Some(account) = &ask.account {
                    self.sandbox.lose_subscriptions(self.platform, account, None);
                }
            }
            _ => {}
        }
    }

    fn change_token(&self, ask: &Ask, change: impl FnOnce(&mut super::world::Token)) {
        let mut world = self.sandbox.world();
        let mut tokens = world.network(self.platform).tokens.iter_mut();
        if let Some(token) = tokens.find(|token| Some(&token.text) == ask.token.as_ref()) {
            change(token);
        }
    }

    /// Answers as the fault does.
    async fn answer(&self, fault: &Fault, ask: &Ask, knife: &Knife) -> Response {
        match fault.0 {
            Kind::Cut { .. } => knife.cut(),
            Kind::Status { status, .. } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                return (status, "Sorry, something went wrong.").into_response();
            }
            Kind::ExpiredMedia {} => {
                return (StatusCode::FORBIDDEN, "URL signature expired").into_response();
            }
            Kind::Error { code, subcode, wait, .. } => {
                let turned = Turned { code, subcode, wait: wait.map(|wait| wait.0) };
                return self.face.turn_away(&self.sandbox, ask, turned);
            }
            // Whoever asked has to give up; so does whoever wants to stop the sandbox.
            _ => self.stop.cancelled().await,
        }
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }

    fn count(&self, ask: &Ask) -> Counted {
        let Some(account) = &ask.account else {
            return Counted::default();
        };
        let (now, limits) = (self.sandbox.clock().now(), self.face.cast().limits);
        let count =
            |counts: &mut super::limits::Counts| counts.count(limits, account, ask.limit, now);
        self.sandbox.limits().of(self.platform, count)
    }
}
