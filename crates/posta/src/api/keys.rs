//! API keys: made, listed, revoked. The text of a key is shown once and kept nowhere.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use posta_core::id::{KeyId, ProfileId, WorkspaceId};
use posta_core::time::Timestamp;
use posta_store::keys::{self, Key};
use posta_store::{Json as DbJson, Tx, profiles};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

use super::auth::{Caller, check_groups};
use super::error::{ApiError, Result};
use super::extract::{self, Body, Id};
use super::idempotency::{self, IdempotencyKey};
use super::profiles::MessageAnswer;
use crate::app::App;
use crate::flows::keys::{NewKey, make};

/// An API key as it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyShape {
    /// Its id.
    id: KeyId,
    /// Its name for people.
    name: String,
    /// Enough of its text to recognise it by.
    key_preview: String,
    /// When it stops working; absent means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// `full`, or `profiles` when it sees only some.
    scope: &'static str,
    /// The profiles it sees, when its scope is `profiles`.
    profile_ids: Vec<KeyProfile>,
    /// `read-write` or `read`.
    permission: &'static str,
    /// The resource groups that are switched off for it.
    disabled_resource_groups: Vec<String>,
    /// Who made it: the workspace.
    created_by: Maker,
    /// The key's text, only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// Who made a key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Maker {
    id: WorkspaceId,
}

/// A profile that a key sees.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyProfile {
    #[serde(rename = "_id")]
    id: ProfileId,
    name: String,
    color: String,
}

async fn shape(tx: &mut Tx, key: Key) -> posta_store::Result<KeyShape> {
    let mut seen = Vec::new();
    for id in key.profile_ids.iter().flat_map(|ids| &ids.0) {
        if let Some(profile) = profiles::find(tx, &key.workspace_id, id).await? {
            seen.push(KeyProfile { id: profile.id, name: profile.name, color: profile.color });
        }
    }
    Ok(KeyShape {
        id: key.id,
        name: key.name,
        key_preview: key.preview,
        expires_at: key.expires_at,
        created_at: key.created_at,
        scope: if key.profile_ids.is_some() { "profiles" } else { "full" },
        profile_ids: seen,
        permission: if key.is_read_only { "read" } else { "read-write" },
        disabled_resource_groups: key.disabled_groups.0,
        created_by: Maker { id: key.workspace_id },
        key: None,
    })
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyList {
    api_keys: Vec<KeyShape>,
}

/// Lists the workspace's keys, oldest first.
#[utoipa::path(get, path = "/v1/api-keys", operation_id = "list_api_keys", tag = "API keys",
    responses((status = 200, body = KeyList)))]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<KeyList>> {
    caller.unrestricted("listing keys")?;
    let mut tx = app.db.read().await?;
    let mut api_keys = Vec::new();
    for key in keys::list(&mut tx, caller.workspace()).await? {
        api_keys.push(shape(&mut tx, key).await?);
    }
    Ok(Json(KeyList { api_keys }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyRequest {
    /// Its name for people.
    name: String,
    /// After how many days it stops working; never when left out.
    expires_in: Option<u32>,
    /// `full` (the default) or `profiles`.
    scope: Option<Scope>,
    /// The profiles it sees, when its scope is `profiles`.
    profile_ids: Option<Vec<ProfileId>>,
    /// `read-write` (the default) or `read`.
    permission: Option<Permission>,
    /// The resource groups to switch off for it.
    disabled_resource_groups: Option<Vec<String>>,
}

/// What a key sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Everything in the workspace.
    Full,
    /// Only the profiles named.
    Profiles,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Permission {
    /// Everything.
    ReadWrite,
    /// Only GET.
    Read,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyAnswer {
    message: &'static str,
    api_key: KeyShape,
}

/// Makes a key. Its text is in this answer and never shown again.
#[utoipa::path(post, path = "/v1/api-keys", operation_id = "create_api_key", tag = "API keys",
    request_body = KeyRequest,
    responses((status = 201, body = KeyAnswer)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<KeyRequest>,
) -> Result<Response> {
    caller.unrestricted("making keys")?;
    let request = body.value;
    let new = checked(&app, &request)?;
    if key.which(&caller).is_some() {
        // A stored answer would keep the key's text, which must be nowhere.
        return Err(ApiError::bad_value("Idempotency-Key", "is not accepted here"));
    }
    idempotency::once(&app, &caller, &key, &body.hash, StatusCode::CREATED, async |tx| {
        for id in new.profile_ids.iter().flat_map(|ids| &ids.0) {
            caller.profile(tx, id).await?;
        }
        let (row, text) = make(&app.ids, tx, caller.workspace(), new).await?;
        let mut api_key = shape(tx, row).await?;
        api_key.key = Some(text.expose().to_owned());
        Ok(KeyAnswer { message: "API key created; this is the only time it is shown", api_key })
    })
    .await
}

fn checked(app: &App, request: &KeyRequest) -> Result<NewKey> {
    let profile_ids = match (request.scope.unwrap_or(Scope::Full), &request.profile_ids) {
        (Scope::Full, _) => None,
        (Scope::Profiles, Some(ids)) if !ids.is_empty() => Some(ids.clone()),
        (Scope::Profiles, _) => return Err(ApiError::missing("profileIds")),
    };
    let disabled = request.disabled_resource_groups.clone().unwrap_or_default();
    check_groups(&disabled)?;
    Ok(NewKey {
        name: extract::name(&request.name, 100)?,
        profile_ids: profile_ids.map(DbJson),
        is_read_only: request.permission == Some(Permission::Read),
        disabled_groups: disabled,
        expires_at: request
            .expires_in
            .map(|days| app.clock.now().plus(Duration::from_hours(24) * days)),
    })
}

/// Revokes a key. It stops working at once.
#[utoipa::path(delete, path = "/v1/api-keys/{keyId}", operation_id = "delete_api_key",
    tag = "API keys", params(("keyId" = KeyId, Path, description = "Its id")),
    responses((status = 200, body = MessageAnswer)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<KeyId>,
) -> Result<Json<MessageAnswer>> {
    caller.unrestricted("revoking keys")?;
    let mut tx = app.db.write().await?;
    if !keys::delete(&mut tx, caller.workspace(), &id).await? {
        let message = format!("there is no key {id}");
        return Err(ApiError::new(posta_core::failure::Code::ResourceNotFound, message));
    }
    tx.commit().await?;
    Ok(Json(MessageAnswer { message: "API key revoked" }))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verified {
    /// Always true: a worthless key gets 401.
    valid: bool,
    /// The workspace the key opens.
    user_id: WorkspaceId,
    /// The key's name.
    name: Option<String>,
    /// Always null: keys belong to no person.
    email: Option<String>,
    /// Always `api_key`.
    auth_type: &'static str,
    /// `full` or `profiles`.
    scope: Option<&'static str>,
}

/// Tells whether a key works, and whose it is.
#[utoipa::path(get, path = "/v1/auth/verify", operation_id = "verify_auth", tag = "API keys",
    responses((status = 200, body = Verified)))]
pub(crate) async fn verify(caller: Caller) -> Json<Verified> {
    Json(Verified {
        valid: true,
        user_id: caller.workspace().clone(),
        name: Some(caller.key().name.clone()),
        email: None,
        auth_type: "api_key",
        scope: Some(if caller.profiles().is_some() { "profiles" } else { "full" }),
    })
}
