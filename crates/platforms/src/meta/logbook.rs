//! What answers of a Graph API tell beside their content.

use http::HeaderMap;
use serde_json::{Value, json};

use super::errors;
use crate::contract::Told;

/// How much is used up (developers.facebook.com/docs/graph-api/overview/rate-limiting, read 2026-11-24).
const USAGE: [&str; 2] = ["x-app-usage", "x-business-use-case-usage"];

/// The ids by which the platform's support finds a call. Answers carry these headers, and no page says
/// so; a refusal has `fbtrace_id` in its body
/// (developers.facebook.com/docs/graph-api/guides/error-handling, read 2026-11-24).
const TRACE: [&str; 2] = ["x-fb-trace-id", "x-fb-request-id"];

pub(crate) fn told(headers: &HeaderMap, body: Option<&Value>) -> Told {
    let text = |name: &&str| headers.get(*name)?.to_str().ok().map(str::to_owned);
    let usage = USAGE.iter().filter_map(|name| {
        let figures: Value = serde_json::from_slice(headers.get(*name)?.as_bytes()).ok()?;
        Some(((*name).to_owned(), figures))
    });
    let usage: serde_json::Map<_, _> = usage.collect();
    Told {
        refusal: body.and_then(errors::said),
        trace_id: TRACE.iter().find_map(text),
        usage: (!usage.is_empty()).then(|| json!(usage).to_string()),
    }
}
