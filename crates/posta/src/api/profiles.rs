//! Profiles: the tenants or brands that group accounts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use posta_core::failure::Code;
use posta_core::id::{ProfileId, WorkspaceId};
use posta_core::time::Timestamp;
use posta_store::profiles::{self, Filter, Profile};
use posta_store::{Tx, accounts};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{self, Body, Id, Query};
use super::idempotency::{self, IdempotencyKey};
use super::page;
use crate::app::App;

/// The colour of a profile for which none was chosen.
const COLOR: &str = "#6b7280";

/// A profile.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileShape {
    /// Its id.
    #[serde(rename = "_id")]
    id: ProfileId,
    /// The workspace it belongs to.
    user_id: WorkspaceId,
    /// Its name, unique in the workspace.
    name: String,
    /// A description, possibly empty.
    description: String,
    /// A colour to show it in.
    color: String,
    /// An IANA time zone; null means UTC.
    timezone: Option<String>,
    /// Your own id of it.
    external_id: Option<String>,
    /// Whether it is the one used when none is named.
    is_default: bool,
    /// Always false: there is no limit on profiles.
    is_over_limit: bool,
    /// How many accounts it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_count: Option<i64>,
    /// When it was made.
    created_at: Timestamp,
}

impl From<Profile> for ProfileShape {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.id,
            user_id: profile.workspace_id,
            name: profile.name,
            description: profile.description,
            color: profile.color,
            timezone: profile.timezone,
            external_id: profile.external_id,
            is_default: profile.is_default,
            is_over_limit: false,
            account_count: None,
            created_at: profile.created_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only the one with this name.
    name: Option<String>,
    /// Only the one with this external id.
    external_id: Option<String>,
    /// How many, at most 1000.
    limit: Option<i64>,
    /// How many to pass over.
    skip: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileList {
    profiles: Vec<ProfileShape>,
    total: i64,
    skip: i64,
    limit: i64,
}

/// Lists profiles, oldest first.
#[utoipa::path(get, path = "/v1/profiles", operation_id = "list_profiles", tag = "Profiles",
    params(ListQuery), responses((status = 200, body = ProfileList)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<ProfileList>> {
    let limit = page::limit(query.limit, 1000, 1000)?;
    let skip = page::skip(query.skip)?;
    let filter = Filter {
        among: caller.profiles(),
        name: query.name.as_deref(),
        external_id: query.external_id.as_deref(),
    };
    let mut tx = app.db.read().await?;
    let total = profiles::count(&mut tx, caller.workspace(), &filter).await?;
    let rows = profiles::list(&mut tx, caller.workspace(), &filter, limit, skip).await?;
    let mut profiles = Vec::with_capacity(rows.len());
    for row in rows {
        profiles.push(counted(&mut tx, row).await?);
    }
    Ok(Json(ProfileList { profiles, total, skip, limit }))
}

async fn counted(tx: &mut Tx, profile: Profile) -> Result<ProfileShape> {
    let count = accounts::count_for_profile(tx, &profile.workspace_id, &profile.id).await?;
    Ok(ProfileShape { account_count: Some(count), ..profile.into() })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewProfile {
    /// Its name, unique in the workspace.
    name: String,
    /// A description.
    description: Option<String>,
    /// A colour to show it in.
    color: Option<String>,
    /// An IANA time zone.
    timezone: Option<String>,
    /// Your own id of it, 1 to 255 characters.
    external_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    profile: ProfileShape,
}

/// Makes a profile.
#[utoipa::path(post, path = "/v1/profiles", operation_id = "create_profile", tag = "Profiles",
    params(IdempotencyKey), request_body = NewProfile,
    responses((status = 201, body = ProfileAnswer)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<NewProfile>,
) -> Result<Response> {
    caller.unrestricted("making profiles")?;
    let new = body.value;
    let profile = Profile {
        id: app.ids.next(),
        workspace_id: caller.workspace().clone(),
        name: extract::name(&new.name, 100)?,
        description: new.description.unwrap_or_default(),
        color: new.color.unwrap_or_else(|| COLOR.to_owned()),
        timezone: checked_zone(new.timezone)?,
        external_id: checked_external_id(new.external_id)?,
        is_default: false,
        created_at: app.clock.now(),
    };
    idempotency::once(&app, &caller, &key, &body.hash, StatusCode::CREATED, async |tx| {
        if !profiles::insert(tx, &profile).await? {
            free(tx, &profile).await?;
            // Whoever had the name has lost it since; a repeat will succeed.
            return Err(ApiError::plain(Code::ProfileNameConflict));
        }
        Ok(ProfileAnswer { message: Some("Profile created"), profile: counted(tx, profile).await? })
    })
    .await
}

/// Makes sure that no other profile has this name or external id.
async fn free(tx: &mut Tx, profile: &Profile) -> Result<()> {
    let owner = &profile.workspace_id;
    let by_name = Filter { name: Some(&profile.name), ..Filter::default() };
    let same = profiles::list(tx, owner, &by_name, 1, 0).await?;
    if same.iter().any(|other| other.id != profile.id) {
        return Err(ApiError::plain(Code::ProfileNameConflict).param("name"));
    }
    if let Some(external_id) = &profile.external_id {
        let by_id = Filter { external_id: Some(external_id), ..Filter::default() };
        let same = profiles::list(tx, owner, &by_id, 1, 0).await?;
        if let Some(other) = same.iter().find(|other| other.id != profile.id) {
            return Err(ApiError::plain(Code::ProfileExternalIdConflict)
                .param("externalId")
                .details(json!({"existingProfileId": other.id})));
        }
    }
    Ok(())
}

fn checked_zone(zone: Option<String>) -> Result<Option<String>> {
    let looks_right = |zone: &str| {
        zone.len() <= 64
            && zone.split('/').all(|part| !part.is_empty())
            && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b))
    };
    match zone {
        Some(zone) if !looks_right(&zone) => {
            Err(ApiError::bad_value("timezone", "must be an IANA name such as Europe/Madrid"))
        }
        zone => Ok(zone),
    }
}

fn checked_external_id(id: Option<String>) -> Result<Option<String>> {
    match id {
        Some(id) if id.is_empty() || id.chars().count() > 255 => {
            Err(ApiError::bad_value("externalId", "must have 1 to 255 characters"))
        }
        id => Ok(id),
    }
}

/// Gets a profile.
#[utoipa::path(get, path = "/v1/profiles/{profileId}", operation_id = "get_profile", tag = "Profiles",
    params(("profileId" = ProfileId, Path, description = "Its id")),
    responses((status = 200, body = ProfileAnswer)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ProfileId>,
) -> Result<Json<ProfileAnswer>> {
    let mut tx = app.db.read().await?;
    let profile = caller.profile(&mut tx, &id).await?;
    Ok(Json(ProfileAnswer { message: None, profile: counted(&mut tx, profile).await? }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileChange {
    /// Its new name.
    name: Option<String>,
    /// Its new description; null empties it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// Its new colour.
    color: Option<String>,
    /// Its new time zone; null means UTC.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    timezone: Option<Option<String>>,
    /// Your own id of it; null removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    external_id: Option<Option<String>>,
    /// Whether it becomes the one used when none is named.
    is_default: Option<bool>,
}

/// Tells null, which empties a field, from absence, which leaves it.
fn nullable<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Changes a profile. What is left out stays as it is.
#[utoipa::path(put, path = "/v1/profiles/{profileId}", operation_id = "update_profile",
    tag = "Profiles", params(("profileId" = ProfileId, Path, description = "Its id")),
    request_body = ProfileChange,
    responses((status = 200, body = ProfileAnswer)))]
pub(crate) async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ProfileId>,
    body: Body<ProfileChange>,
) -> Result<Json<ProfileAnswer>> {
    let change = body.value;
    let mut tx = app.db.write().await?;
    let mut profile = caller.profile(&mut tx, &id).await?;
    if let Some(name) = change.name {
        profile.name = extract::name(&name, 100)?;
    }
    if let Some(description) = change.description {
        profile.description = description.unwrap_or_default();
    }
    if let Some(color) = change.color {
        profile.color = color;
    }
    if let Some(timezone) = change.timezone {
        profile.timezone = checked_zone(timezone)?;
    }
    if let Some(external_id) = change.external_id {
        profile.external_id = checked_external_id(external_id)?;
    }
    free(&mut tx, &profile).await?;
    if let Some(is_default) = change.is_default {
        if is_default {
            profiles::clear_default(&mut tx, caller.workspace()).await?;
        }
        profile.is_default = is_default;
    }
    if !profiles::update(&mut tx, &profile).await? {
        drop(tx);
        free(&mut app.db.read().await?, &profile).await?;
        // Whoever had the name has lost it since; a repeat will succeed.
        return Err(ApiError::plain(Code::ProfileNameConflict));
    }
    let profile = counted(&mut tx, profile).await?;
    tx.commit().await?;
    Ok(Json(ProfileAnswer { message: Some("Profile updated"), profile }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageAnswer {
    /// What was done.
    pub(crate) message: &'static str,
}

/// Deletes a profile that has no accounts.
#[utoipa::path(delete, path = "/v1/profiles/{profileId}", operation_id = "delete_profile",
    tag = "Profiles", params(("profileId" = ProfileId, Path, description = "Its id")),
    responses((status = 200, body = MessageAnswer)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ProfileId>,
) -> Result<Json<MessageAnswer>> {
    caller.unrestricted("deleting profiles")?;
    let mut tx = app.db.write().await?;
    let profile = caller.profile(&mut tx, &id).await?;
    if accounts::count_for_profile(&mut tx, caller.workspace(), &id).await? > 0 {
        return Err(ApiError::plain(Code::ProfileNotEmpty));
    }
    let others = profiles::list(&mut tx, caller.workspace(), &Filter::default(), 2, 0).await?;
    let Some(heir) = others.iter().find(|other| other.id != profile.id) else {
        let message = "the last profile of a workspace cannot be deleted";
        return Err(ApiError::new(Code::InvalidResourceState, message));
    };
    accounts::move_removed(&mut tx, caller.workspace(), &id, &heir.id).await?;
    profiles::delete(&mut tx, caller.workspace(), &id).await?;
    tx.commit().await?;
    Ok(Json(MessageAnswer { message: "Profile deleted" }))
}
