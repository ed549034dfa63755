//! What is asked of a webhook endpoint, new or not: each field checked and put in its place.

use std::collections::BTreeMap;

use posta_core::id::{AccountId, EndpointId, ProfileId};
use posta_core::secret::Secret;
use posta_store::endpoints::Endpoint;
use posta_store::{Json as DbJson, Tx};
use serde::Deserialize;
use utoipa::ToSchema;

use super::auth::{Caller, check_groups};
use super::error::{ApiError, Result};
use super::extract;
use super::send::Warning;
use crate::app::App;
use crate::flows::announce::ANNOUNCED;
use crate::flows::deliver::{endpoint_owner, is_ours};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewEndpoint {
    /// Its name for people, 1 to 50 characters.
    name: String,
    /// Where deliveries go: an http or https URL.
    url: String,
    /// The events it wants, at least one.
    events: Vec<String>,
    /// What signs deliveries; made for you when left out, and shown once.
    #[schema(value_type = Option<String>)]
    pub(crate) secret: Option<Secret>,
    /// Whether it gets anything; true when left out.
    is_active: Option<bool>,
    /// Headers to add to each delivery; they cannot replace ours.
    custom_headers: Option<BTreeMap<String, String>>,
    /// Resource groups whose events it does not get.
    disabled_resource_groups: Option<Vec<String>>,
    /// Only events of these profiles, at most 50.
    profile_ids: Option<Vec<ProfileId>>,
    /// Only events of these accounts, at most 50.
    account_ids: Option<Vec<AccountId>>,
    /// Whether the events of one conversation come one after the other, each only after the one
    /// before it was taken or parked; false when left out. Other conversations do not wait.
    keep_order: Option<bool>,
    /// How many deliveries it wants in a second at most; 0 for as many as it takes.
    max_per_second: Option<i64>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointChange {
    /// The endpoint; also `_id`.
    #[serde(alias = "_id")]
    pub(crate) webhook_id: Option<EndpointId>,
    name: Option<String>,
    url: Option<String>,
    events: Option<Vec<String>>,
    /// A new secret; it replaces the old one at once.
    #[schema(value_type = Option<String>)]
    secret: Option<Secret>,
    /// `true` also forgets earlier failures.
    pub(crate) is_active: Option<bool>,
    custom_headers: Option<BTreeMap<String, String>>,
    disabled_resource_groups: Option<Vec<String>>,
    profile_ids: Option<Vec<ProfileId>>,
    account_ids: Option<Vec<AccountId>>,
    /// See above; counts for events from then on.
    keep_order: Option<bool>,
    max_per_second: Option<i64>,
}

impl From<NewEndpoint> for EndpointChange {
    fn from(new: NewEndpoint) -> Self {
        Self {
            webhook_id: None,
            name: Some(new.name),
            url: Some(new.url),
            events: Some(new.events),
            secret: new.secret,
            is_active: new.is_active,
            custom_headers: new.custom_headers,
            disabled_resource_groups: new.disabled_resource_groups,
            profile_ids: new.profile_ids,
            account_ids: new.account_ids,
            keep_order: new.keep_order,
            max_per_second: new.max_per_second,
        }
    }
}

/// Checks each given field and puts it into the endpoint.
pub(crate) async fn apply(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    endpoint: &mut Endpoint,
    change: &EndpointChange,
) -> Result<()> {
    if let Some(name) = &change.name {
        endpoint.name = extract::name(name, 50)?;
    }
    if let Some(url) = &change.url {
        endpoint.url = extract::http_url("url", url)?;
        app.guarded.check(&endpoint.url).map_err(|problem| ApiError::bad_value("url", problem))?;
    }
    if let Some(events) = &change.events {
        endpoint.events = DbJson(checked_events(events)?);
    }
    if let Some(secret) = &change.secret {
        if secret.is_empty() || secret.expose().len() > 500 {
            return Err(ApiError::bad_value("secret", "must have 1 to 500 characters"));
        }
        endpoint.secret = app.ring.seal(&endpoint_owner(&endpoint.id), secret);
    }
    if let Some(is_active) = change.is_active {
        endpoint.is_active = is_active;
        if is_active {
            endpoint.failure_count = 0;
            endpoint.failing_since = None;
            endpoint.held_until = None;
            endpoint.warned_percent = 0;
            endpoint.disabled_reason = None;
        }
    }
    if let Some(headers) = &change.custom_headers {
        check_headers(headers)?;
        let text = serde_json::to_string(headers).map_err(ApiError::internal)?;
        let sealed = app.ring.seal(&endpoint_owner(&endpoint.id), &Secret::new(text));
        endpoint.custom_headers = (!headers.is_empty()).then_some(sealed);
    }
    if let Some(groups) = &change.disabled_resource_groups {
        check_groups(groups)?;
        endpoint.disabled_groups = DbJson(groups.clone());
    }
    narrow(tx, caller, endpoint, change).await?;
    if let Some(keep_order) = change.keep_order {
        endpoint.keeps_order = keep_order;
    }
    if let Some(most) = change.max_per_second {
        if !(0..=10_000).contains(&most) {
            return Err(ApiError::bad_value("maxPerSecond", "must be from 0 to 10000"));
        }
        endpoint.max_per_second = Some(most).filter(|most| *most > 0);
    }
    Ok(())
}

async fn narrow(
    tx: &mut Tx,
    caller: &Caller,
    endpoint: &mut Endpoint,
    change: &EndpointChange,
) -> Result<()> {
    if let Some(ids) = &change.profile_ids {
        at_most(ids, "profileIds")?;
        for id in ids {
            caller.profile(tx, id).await?;
        }
        // A key that sees only some profiles must not listen to all of them.
        let seen = caller.profiles().filter(|_| ids.is_empty());
        endpoint.profile_ids = DbJson(seen.unwrap_or(ids).to_vec());
    }
    if let Some(ids) = &change.account_ids {
        at_most(ids, "accountIds")?;
        for id in ids {
            caller.account(tx, id).await?;
        }
        endpoint.account_ids = DbJson(ids.clone());
    }
    Ok(())
}

/// Accepts every name that looks like an event's, announced by this version or not.
pub(crate) fn checked_events(events: &[String]) -> Result<Vec<String>> {
    if events.is_empty() {
        return Err(ApiError::bad_value("events", "must name at least one event"));
    }
    let is_name = |name: &str| {
        name.contains('.')
            && name.len() <= 80
            && name.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            })
    };
    if let Some(bad) = events.iter().find(|name| !is_name(name)) {
        let problem = format!("knows no event {bad}; there are {}", ANNOUNCED.join(", "));
        return Err(ApiError::bad_value("events", problem));
    }
    Ok(events.to_vec())
}

fn check_headers(headers: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in headers {
        let is_header = axum::http::HeaderName::try_from(name).is_ok()
            && axum::http::HeaderValue::try_from(value).is_ok();
        if !is_header {
            let problem = format!("has {name}, which cannot be sent as a header");
            return Err(ApiError::bad_value("customHeaders", problem));
        }
        if is_ours(name) {
            let problem = format!("has {name}, which Posta sets itself");
            return Err(ApiError::bad_value("customHeaders", problem));
        }
    }
    if headers.len() > 20 {
        return Err(ApiError::bad_value("customHeaders", "must be 20 at most"));
    }
    Ok(())
}

fn at_most<T>(ids: &[T], param: &str) -> Result<()> {
    if ids.len() > 50 { Err(ApiError::bad_value(param, "must be 50 at most")) } else { Ok(()) }
}

/// Warns of events that belong to the unified API but are not announced yet.
pub(crate) fn unheard(events: &[String]) -> Vec<Warning> {
    let unheard = events.iter().filter(|one| !ANNOUNCED.contains(&one.as_str()));
    unheard
        .map(|name| Warning {
            code: "ignored_field",
            param: "events".to_owned(),
            message: format!("{name} is not announced by this version"),
        })
        .collect()
}
