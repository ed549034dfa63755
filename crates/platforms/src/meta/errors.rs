//! The error envelope of the Graph API, read but not judged: what a code means is each platform's.

use std::time::Duration;

use posta_core::failure::PlatformSaid;
use serde_json::Value;

use super::graph::{integer, text, time_to_regain_access};
use crate::http::{NoReply, Reply};

/// Why a call gave no good answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// There was no answer.
    NoReply(NoReply),
    /// The platform refused and said why.
    Refused(Box<Refusal>),
    /// There was an answer, neither good nor with an error envelope.
    Wordless(Box<Reply>),
}

/// Whether a call may be made again without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// It reads, or sets what may be set twice.
    Repeatable,
    /// It does something that people see, or spends something.
    Once,
}

/// What an error envelope says.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The platform's words, verbatim.
    pub(crate) said: PlatformSaid,
    /// Whether the platform itself calls the trouble passing.
    pub(crate) is_transient: bool,
    /// How long the platform asks us to stay away.
    pub(crate) regain: Option<Duration>,
}

impl Refusal {
    /// Reads `{"error": {…}}`. Only message, type, code and trace id can be relied on to be there
    /// (developers.facebook.com/docs/graph-api/guides/error-handling, read 2026-11-23).
    pub(crate) fn read(reply: &Reply, body: &Value) -> Option<Self> {
        let said = said(body)?;
        Some(Self {
            said: PlatformSaid { status: Some(reply.status.as_u16()), ..said },
            is_transient: body["error"].get("is_transient") == Some(&Value::Bool(true)),
            regain: time_to_regain_access(&reply.headers),
        })
    }
}

/// Reads the platform's words of an envelope.
pub(crate) fn said(body: &Value) -> Option<PlatformSaid> {
    let error = body.get("error").filter(|error| error.is_object())?;
    Some(PlatformSaid {
        status: None,
        code: integer(error, "code"),
        subcode: integer(error, "error_subcode"),
        kind: text(error, "type"),
        message: text(error, "message"),
        trace_id: text(error, "fbtrace_id"),
    })
}
