//! The fault dial and the limits, as they are turned.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Body, Problem};
use super::{Answer, face};
use crate::sandbox::Sandbox;
use crate::sandbox::faults::Wish;
use crate::sandbox::faults::kind::Fault;

/// `GET /_sandbox/faults`
pub(super) async fn list(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({"faults": sandbox.faults().list()}))
}

/// `POST /_sandbox/faults`
pub(super) async fn add(State(sandbox): State<Sandbox>, Body(wish): Body<Value>) -> Answer {
    let fault = wish.get("fault").ok_or_else(|| Problem::invalid("fault", "is required"))?;
    // Read apart from the rest first, so that the error can name it.
    Problem::field::<Fault>("fault", fault.clone())?;
    let mut wish: Wish = Problem::body(wish)?;
    check(&wish)?;
    if let Some(key) = &wish.account {
        wish.account = Some(account_id(&sandbox, wish.platform.as_deref(), key)?);
    }
    Ok(Json(sandbox.faults().add(wish)))
}

/// `DELETE /_sandbox/faults`
pub(super) async fn remove_all(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({"removed": sandbox.faults().remove(None)}))
}

/// `DELETE /_sandbox/faults/{id}`
pub(super) async fn remove(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Answer {
    let removed = id.parse().map_or(0, |id| sandbox.faults().remove(Some(id)));
    if removed == 0 {
        return Err(Problem::unknown("fault", &id));
    }
    Ok(Json(json!({"removed": removed})))
}

/// Refuses what could never happen: it would be believed to be tested.
fn check(wish: &Wish) -> Result<(), Problem> {
    if let Some((field, why)) = wish.fault.problem() {
        return Err(Problem::invalid(field, why));
    }
    if wish.probability.is_some_and(|likely| !(0.0..=1.0).contains(&likely)) {
        return Err(Problem::invalid("probability", "must be from 0 to 1"));
    }
    let casts = match &wish.platform {
        Some(platform) => vec![face(platform)?.cast()],
        None => crate::ALL.iter().map(|platform| platform.sandbox().cast()).collect(),
    };
    let is_of_webhooks = wish.fault.is_of_webhooks();
    if let Some(route) = &wish.route {
        if is_of_webhooks {
            return Err(Problem::invalid("route", "is about calls; webhooks have an event"));
        }
        let known: Vec<&str> = casts.iter().flat_map(|cast| cast.routes).copied().collect();
        if !route.contains('/') && !known.contains(&route.as_str()) {
            let why = format!("must be a method and path, or one of {}", known.join(", "));
            return Err(Problem::invalid("route", &why));
        }
    }
    if let Some(event) = &wish.event {
        if !is_of_webhooks {
            return Err(Problem::invalid("event", "is about webhooks; calls have a route"));
        }
        let known: Vec<&str> = casts.iter().flat_map(|cast| cast.events).copied().collect();
        if !known.contains(&event.as_str()) {
            return Err(Problem::invalid("event", &format!("must be one of {}", known.join(", "))));
        }
    }
    Ok(())
}

/// Finds an account by id or username, on one platform or on any.
fn account_id(sandbox: &Sandbox, platform: Option<&str>, key: &str) -> Result<String, Problem> {
    let mut world = sandbox.world();
    let names = crate::ALL.iter().map(|platform| platform.name());
    let found = names
        .filter(|name| platform.is_none_or(|wanted| wanted == *name))
        .find_map(|name| world.network(name).account(key).map(|account| account.id.clone()));
    found.ok_or_else(|| Problem::unknown("account", key))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Loss {
    account: String,
    client_id: Option<String>,
}

/// `POST /_sandbox/{platform}/subscriptions/lose`
pub(super) async fn lose(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(loss): Body<Loss>,
) -> Answer {
    face(&platform)?;
    let account = account_id(&sandbox, Some(&platform), &loss.account)?;
    let lost = sandbox.lose_subscriptions(&platform, &account, loss.client_id.as_deref());
    Ok(Json(json!({"lost": lost})))
}

/// `GET /_sandbox/{platform}/errors`
pub(super) async fn errors(Path(platform): Path<String>) -> Answer {
    let errors = face(&platform)?.errors().into_iter();
    let errors: Vec<Value> =
        errors.map(|(code, subcode)| json!({"code": code, "subcode": subcode})).collect();
    Ok(Json(json!({"errors": errors})))
}

/// `GET /_sandbox/{platform}/limits`
pub(super) async fn limits(State(sandbox): State<Sandbox>, Path(platform): Path<String>) -> Answer {
    let limits = face(&platform)?.cast().limits;
    Ok(Json(sandbox.limits().of(&platform, |counts| {
        let shown = limits.iter().map(|limit| {
            let shown = json!({"calls": counts.most(limit), "per_seconds": limit.per.as_secs()});
            (limit.kind, shown)
        });
        let shown: BTreeMap<_, _> = shown.collect();
        json!({"enabled": counts.enabled, "told_from": counts.told_from, "limits": shown})
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setting {
    enabled: Option<bool>,
    told_from: Option<u32>,
    #[serde(default)]
    calls: BTreeMap<String, Option<u32>>,
}

/// `POST /_sandbox/{platform}/limits`
pub(super) async fn set_limits(
    State(sandbox): State<Sandbox>,
    Path(platform): Path<String>,
    Body(setting): Body<Setting>,
) -> Answer {
    let known = face(&platform)?.cast().limits;
    for (kind, calls) in &setting.calls {
        if known.iter().all(|limit| limit.kind != kind) {
            let kinds: Vec<&str> = known.iter().map(|limit| limit.kind).collect();
            let why = format!("has no {kind}; there are {}", kinds.join(", "));
            return Err(Problem::invalid("calls", &why));
        }
        if *calls == Some(0) {
            return Err(Problem::invalid("calls", "must be more than 0; null is the default"));
        }
    }
    sandbox.limits().of(&platform, |counts| {
        counts.enabled = setting.enabled.unwrap_or(counts.enabled);
        counts.told_from = setting.told_from.unwrap_or(counts.told_from);
        for (kind, calls) in setting.calls {
            match calls {
                Some(calls) => counts.calls.insert(kind, calls),
                None => counts.calls.remove(&kind),
            };
        }
    });
    limits(State(sandbox), Path(platform)).await
}
