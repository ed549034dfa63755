//! The hand on the clock: tokens, windows, limits and webhook retries all follow it.

use axum::Json;
use axum::extract::State;
use posta_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use super::problem::{Body, Problem};
use crate::sandbox::Sandbox;
use crate::sandbox::lapse::Lapse;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    advance: Option<Value>,
    set: Option<Value>,
}

/// `GET /_sandbox/clock`
pub(super) async fn read(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({"now": sandbox.clock().now()}))
}

/// `POST /_sandbox/clock`: forward by a duration, or to a time that is still to come.
pub(super) async fn change(State(sandbox): State<Sandbox>, Body(change): Body<Change>) -> Answer {
    let clock = sandbox.clock();
    match (change.advance, change.set) {
        (Some(by), None) => clock.advance(Problem::field::<Lapse>("advance", by)?.0),
        (None, Some(time)) => {
            let (time, now) = (Problem::field::<Timestamp>("set", time)?, clock.now());
            if time < now {
                let why = format!("must not be before {now}: the clock only moves forward");
                return Err(Problem::invalid("set", &why));
            }
            clock.advance(time.since(now));
        }
        (Some(_), Some(_)) => return Err(Problem::invalid("set", "excludes advance")),
        (None, None) => return Err(Problem::invalid("advance", "or set is required")),
    }
    Ok(Json(json!({"now": clock.now()})))
}
