//! What follows when a call fails: the platform's answer, looked up in one table.

mod table;

use std::time::Duration;

use posta_core::failure::{Code, ConnectorError, PlatformSaid, Retry};
use posta_core::time::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};

use self::table::Then::{self, Again, Dead, Locked, Never, Unsure, Wait};
use self::table::{MINUTE, find};
use crate::http::Reply;
use crate::meta::errors::{Call, Failed, Refusal};
use crate::meta::graph::text;

/// Turns a failed call into what may be done next.
pub(super) fn judge(failed: Failed, call: Call, now: Timestamp) -> ConnectorError {
    match failed {
        Failed::NoReply(why) if call == Call::Repeatable => why.of_read(),
        Failed::NoReply(why) => why.of_write(),
        Failed::Refused(refusal) => refused(*refusal, call, now),
        Failed::Wordless(reply) => wordless(&reply, call, now),
    }
}

/// Returns what to do about an error.
pub(super) fn remedy(code: i64, subcode: Option<i64>) -> Option<&'static str> {
    find(code, subcode).map(|row| row.4)
}

fn refused(refusal: Refusal, call: Call, now: Timestamp) -> ConnectorError {
    let said = refusal.said;
    let row = said.code.and_then(|code| find(code, said.subcode));
    let broken = refusal.is_transient || said.status.is_some_and(|status| status >= 500);
    let (code, then, remedy) = match row {
        // What is said of uncertain outcomes is about messages; a read is simply repeated.
        Some(&(_, _, code, Unsure, _)) if call == Call::Repeatable => (code, Unsure, None),
        Some(&(_, _, code, then, remedy)) => (code, then, Some(remedy)),
        None if broken => (Code::OutcomeUnknown, Unsure, None),
        None => (Code::PlatformRefused, Never, None),
    };
    let (code, retry) = settle(code, then, call, now, refusal.regain);
    let message = match &said.message {
        Some(words) => format!("{} Instagram says: {words}", code.means()),
        None => code.means().to_owned(),
    };
    let details = match then {
        Dead(reason) => Some(json!({ "reason": reason })),
        Locked(reason) => Some(json!({ "reason": reason, "mayRecover": true })),
        _ => None,
    };
    let again = match then {
        Again(tries, seconds) => Some(posta_core::failure::Again { tries, seconds }),
        _ => None,
    };
    ConnectorError {
        remedy,
        said: Some(Box::new(said)),
        details,
        again,
        ..ConnectorError::new(code, retry, message)
    }
}

fn settle(
    code: Code,
    then: Then,
    call: Call,
    now: Timestamp,
    regain: Option<Duration>,
) -> (Code, Retry) {
    match then {
        Never => (code, Retry::Permanent),
        Again(..) => (code, Retry::Transient),
        Dead(_) | Locked(_) => (code, Retry::Auth),
        Unsure if call == Call::Once => (code, Retry::Unknown),
        Unsure => (Code::PlatformUnavailable, Retry::Transient),
        Wait(seconds) => {
            let wait = Duration::from_secs(seconds).max(regain.unwrap_or_default());
            let until = now.plus(wait);
            (code, Retry::RateLimited { until })
        }
    }
}

/// Judges an answer that carries no envelope, where the status is all there is.
fn wordless(reply: &Reply, call: Call, now: Timestamp) -> ConnectorError {
    let status = reply.status;
    let regain = crate::meta::graph::time_to_regain_access(&reply.headers);
    let (code, then) = match status {
        StatusCode::TOO_MANY_REQUESTS => (Code::PlatformRateLimited, Wait(MINUTE)),
        StatusCode::REQUEST_TIMEOUT => (Code::OutcomeUnknown, Unsure),
        _ if status.is_redirection() || status.is_client_error() => (Code::PlatformRefused, Never),
        _ => (Code::OutcomeUnknown, Unsure),
    };
    let (code, retry) = settle(code, then, call, now, regain);
    let message = format!("Instagram answered {} without saying why", status.as_u16());
    ConnectorError {
        said: Some(Box::new(PlatformSaid {
            status: Some(status.as_u16()),
            ..PlatformSaid::default()
        })),
        ..ConnectorError::new(code, retry, message)
    }
}

/// Turns a failed exchange of a code into what may be done next.
///
/// The endpoint has an error shape of its own, with code 400 for everything
/// (developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login,
/// read 2026-11-23). Its English message is therefore the only sign of a used code; where it does
/// not match, the failure is only named less precisely.
pub(super) fn judge_exchange(failed: Failed, now: Timestamp) -> ConnectorError {
    let own = match &failed {
        Failed::Wordless(reply) => reply.json().and_then(|body| own_shape(reply, &body)),
        _ => None,
    };
    let Some(said) = own else {
        let error = judge(failed, Call::Once, now);
        return ConnectorError { code: Code::TokenExchangeFailed, ..error };
    };
    let words = said.message.clone().unwrap_or_default();
    let code = if words.contains("was already used") {
        Code::CodeAlreadyRedeemed
    } else {
        Code::TokenExchangeFailed
    };
    ConnectorError {
        said: Some(Box::new(said)),
        ..ConnectorError::new(
            code,
            Retry::Permanent,
            format!("{} Instagram says: {words}", code.means()),
        )
    }
}

fn own_shape(reply: &Reply, body: &Value) -> Option<PlatformSaid> {
    Some(PlatformSaid {
        status: Some(reply.status.as_u16()),
        code: crate::meta::graph::integer(body, "code"),
        kind: text(body, "error_type"),
        message: Some(text(body, "error_message")?),
        ..PlatformSaid::default()
    })
}

#[cfg(test)]
mod tests;
