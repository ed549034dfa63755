//! What is told about publishing and about who looks, though nothing is published here.

use serde_json::{Value, json};

use super::graph::{Call, Caller};
use super::refusal::Refusal;
use super::{INSIGHTS, NAME, PUBLISH};
use crate::sandbox::Sandbox;

/// `GET /{account}/content_publishing_limit`: nothing is published here, so nothing is used up.
pub(super) fn limit(sandbox: &Sandbox, caller: &Caller) -> Result<Value, Refusal> {
    caller.need(PUBLISH)?;
    let mut world = sandbox.world();
    let total = if world.network(NAME).option("publishing_quota") == Some("50") { 50 } else { 100 };
    let config = json!({"quota_total": total, "quota_duration": 86_400});
    Ok(json!({"data": [{"config": config, "quota_usage": 0}]}))
}

/// `GET /{account}/insights` and `GET /{media}/insights`: nobody looks, and the list is empty then.
pub(super) fn insights(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Result<Value, Refusal> {
    let mut world = sandbox.world();
    let post = world.network(NAME).post(node).filter(|post| post.by == caller.account);
    if post.is_none() && !caller.is_meant_by(node) {
        return Err(Refusal::no_object(&call.method, node));
    }
    caller.need(INSIGHTS)?;
    match call.params.list("metric").filter(|metrics| !metrics.is_empty()) {
        Some(_) => Ok(json!({"data": []})),
        None => Err(Refusal::parameter("The parameter metric is required")),
    }
}
