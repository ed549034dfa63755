//! Webhook endpoints: where the customer wants to hear of events.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use posta_core::failure::Code;
use posta_core::id::{AccountId, EndpointId, ProfileId};
use posta_core::secret::Secret;
use posta_core::time::Timestamp;
use posta_store::endpoints::{self, Endpoint};
use posta_store::{Json as DbJson, Tx, workspaces};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Query};
use super::idempotency::{self, IdempotencyKey};
use super::send::Warning;
use super::webhook_change::{EndpointChange, NewEndpoint, apply, unheard};
use crate::app::App;
use crate::flows::deliver::{endpoint_owner, new_secret};

/// How many endpoints a workspace may have.
const MOST: usize = 50;

/// A webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointShape {
    /// Its id.
    #[serde(rename = "_id")]
    id: EndpointId,
    /// Its name for people.
    name: String,
    /// Where deliveries go.
    url: String,
    /// What signs deliveries; only in the answer that made it for you.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// The events it wants.
    events: Vec<String>,
    /// Whether it gets anything.
    is_active: bool,
    /// When it was last tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fired_at: Option<Timestamp>,
    /// How many tries have failed since the last success.
    failure_count: i64,
    /// Since when it takes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<Timestamp>,
    /// Why Posta switched it off: `no_success` or `gone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<String>,
    /// Whether the events of one conversation come one after the other.
    keep_order: bool,
    /// How many deliveries it wants in a second at most; as many as it takes when null.
    max_per_second: Option<i64>,
    /// Headers that are added to each delivery.
    custom_headers: BTreeMap<String, String>,
    /// Resource groups whose events it does not get.
    disabled_resource_groups: Vec<String>,
    /// Only events of these profiles; of all when empty.
    profile_ids: Vec<ProfileId>,
    /// Only events of these accounts; of all when empty.
    account_ids: Vec<AccountId>,
}

fn shape(app: &App, endpoint: Endpoint, secret: Option<&Secret>) -> Result<EndpointShape> {
    let custom_headers = match &endpoint.custom_headers {
        Some(sealed) => {
            let text =
                app.ring.open(&endpoint_owner(&endpoint.id), sealed).map_err(ApiError::internal)?;
            serde_json::from_str(text.expose()).map_err(ApiError::internal)?
        }
        None => BTreeMap::new(),
    };
    Ok(EndpointShape {
        id: endpoint.id,
        name: endpoint.name,
        url: endpoint.url,
        secret: secret.map(|secret| secret.expose().to_owned()),
        events: endpoint.events.0,
        is_active: endpoint.is_active,
        last_fired_at: endpoint.last_fired_at,
        failure_count: endpoint.failure_count,
        failing_since: endpoint.failing_since,
        disabled_reason: endpoint.disabled_reason,
        keep_order: endpoint.keeps_order,
        max_per_second: endpoint.max_per_second,
        custom_headers,
        disabled_resource_groups: endpoint.disabled_groups.0,
        profile_ids: endpoint.profile_ids.0,
        account_ids: endpoint.account_ids.0,
    })
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndpointList {
    webhooks: Vec<EndpointShape>,
}

/// Lists webhook endpoints, oldest first. Secrets are not shown again.
#[utoipa::path(get, path = "/v1/webhooks/settings", operation_id = "get_webhook_settings",
    tag = "Webhooks",
    responses((status = 200, body = EndpointList)))]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<EndpointList>> {
    let mut tx = app.db.read().await?;
    let rows = endpoints::list(&mut tx, caller.workspace()).await?;
    let seen = rows.into_iter().filter(|one| caller.sees_endpoint(one));
    let webhooks = seen.map(|one| shape(&app, one, None)).collect::<Result<_>>()?;
    Ok(Json(EndpointList { webhooks }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndpointAnswer {
    success: bool,
    webhook: EndpointShape,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

/// Adds a webhook endpoint.
#[utoipa::path(post, path = "/v1/webhooks/settings", operation_id = "create_webhook_settings",
    tag = "Webhooks", params(IdempotencyKey), request_body = NewEndpoint,
    responses((status = 200, body = EndpointAnswer)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<NewEndpoint>,
) -> Result<Response> {
    let new = body.value;
    if key.which(&caller).is_some() && new.secret.is_none() {
        // A stored answer would keep the secret made here, which must be nowhere in plain.
        let problem = "is accepted here only together with a secret of yours";
        return Err(ApiError::bad_value("Idempotency-Key", problem));
    }
    idempotency::once(&app, &caller, &key, &body.hash, axum::http::StatusCode::OK, async |tx| {
        let existing = endpoints::list(tx, caller.workspace()).await?;
        if existing.len() >= MOST {
            let message = format!("a workspace has at most {MOST} webhook endpoints");
            return Err(ApiError::new(Code::InvalidResourceState, message));
        }
        let id: EndpointId = app.ids.next();
        let made = new.secret.is_none().then(|| new_secret(&app));
        let secret = made.as_ref().or(new.secret.as_ref());
        let mut endpoint = Endpoint {
            workspace_id: caller.workspace().clone(),
            name: String::new(),
            url: String::new(),
            secret: app.ring.seal(&endpoint_owner(&id), secret.unwrap_or(&Secret::new(""))),
            events: DbJson(Vec::new()),
            is_active: true,
            custom_headers: None,
            disabled_groups: DbJson(Vec::new()),
            profile_ids: DbJson(caller.profiles().map(<[_]>::to_vec).unwrap_or_default()),
            account_ids: DbJson(Vec::new()),
            previous_secret: None,
            previous_secret_until: None,
            keeps_order: false,
            max_per_second: None,
            failure_count: 0,
            failing_since: None,
            held_until: None,
            warned_percent: 0,
            disabled_reason: None,
            last_fired_at: None,
            created_at: app.clock.now(),
            id,
        };
        let change = EndpointChange::from(new);
        apply(&app, tx, &caller, &mut endpoint, &change).await?;
        endpoints::insert(tx, &endpoint).await?;
        let warnings = unheard(&endpoint.events);
        let webhook = shape(&app, endpoint, made.as_ref())?;
        Ok(EndpointAnswer { success: true, webhook, warnings })
    })
    .await
}

/// Gets an endpoint that the key may see.
pub(crate) async fn load(caller: &Caller, tx: &mut Tx, id: &EndpointId) -> Result<Endpoint> {
    let endpoint = endpoints::find(tx, caller.workspace(), id).await?;
    endpoint.filter(|endpoint| caller.sees_endpoint(endpoint)).ok_or_else(|| {
        let message = format!("there is no webhook endpoint {id}");
        ApiError::new(Code::ResourceNotFound, message).param("webhookId")
    })
}

/// Changes a webhook endpoint. What is left out stays as it is.
#[utoipa::path(put, path = "/v1/webhooks/settings", operation_id = "update_webhook_settings",
    tag = "Webhooks", request_body = EndpointChange,
    responses((status = 200, body = EndpointAnswer)))]
pub(crate) async fn update(
    State(app): State<App>,
    caller: Caller,
    body: Body<EndpointChange>,
) -> Result<Json<EndpointAnswer>> {
    let change = body.value;
    let id = change.webhook_id.as_ref().ok_or_else(|| ApiError::missing("webhookId"))?;
    let mut tx = app.db.write().await?;
    // Whoever switches an endpoint off holds this too, so that neither undoes the other's word.
    workspaces::lock(&mut tx, caller.workspace()).await?;
    let mut endpoint = load(&caller, &mut tx, id).await?;
    apply(&app, &mut tx, &caller, &mut endpoint, &change).await?;
    endpoints::update(&mut tx, &endpoint).await?;
    if change.is_active == Some(true) {
        endpoints::update_forgiven(&mut tx, &endpoint.id).await?;
    }
    tx.commit().await?;
    app.wake.deliver.notify_one();
    let warnings = unheard(&endpoint.events);
    let webhook = shape(&app, endpoint, None)?;
    Ok(Json(EndpointAnswer { success: true, webhook, warnings }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteQuery {
    /// The endpoint; also `id`.
    #[serde(alias = "id")]
    webhook_id: EndpointId,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Success {
    success: bool,
}

/// Deletes a webhook endpoint with its deliveries and log.
#[utoipa::path(delete, path = "/v1/webhooks/settings", operation_id = "delete_webhook_settings",
    tag = "Webhooks", params(DeleteQuery),
    responses((status = 200, body = Success)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<DeleteQuery>,
) -> Result<Json<Success>> {
    let mut tx = app.db.write().await?;
    let endpoint = load(&caller, &mut tx, &query.webhook_id).await?;
    endpoints::delete(&mut tx, caller.workspace(), &endpoint.id).await?;
    tx.commit().await?;
    Ok(Json(Success { success: true }))
}
