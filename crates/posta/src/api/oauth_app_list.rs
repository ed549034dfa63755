//! The list of the customer's own apps, and what each platform's app needs.

use axum::Json;
use axum::extract::State;
use posta_core::id::OauthAppId;
use posta_platforms::contract::Platform;
use posta_store::oauth_apps;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Query;
use super::oauth_apps::{AppShape, shape};
use super::page::{self, CursorPage};
use crate::app::App;
use crate::flows::connect;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many, at most 100.
    limit: Option<i64>,
    /// Where to go on.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppList {
    apps: Vec<AppShape>,
    pagination: CursorPage,
    platforms: Vec<PlatformSetup>,
}

/// What a platform's app needs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlatformSetup {
    /// The platform.
    platform: &'static str,
    /// The redirect URI to register.
    redirect_uri: String,
    /// The scopes that are always asked for.
    core_scopes: Vec<&'static str>,
    /// The scopes of each permission area.
    scope_areas: Vec<AreaShape>,
}

/// The scopes of a permission area.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AreaShape {
    area: &'static str,
    scopes: Vec<&'static str>,
}

fn setup(app: &App, platform: &'static dyn Platform) -> Option<PlatformSetup> {
    let areas = platform.auth()?.scopes();
    let always = areas.iter().filter(|one| one.area.is_none());
    Some(PlatformSetup {
        platform: platform.name(),
        redirect_uri: connect::callback_url(app, platform.name()).into(),
        core_scopes: always.flat_map(|one| one.scopes).copied().collect(),
        scope_areas: areas
            .iter()
            .filter_map(|one| Some(AreaShape { area: one.area?, scopes: one.scopes.to_vec() }))
            .collect(),
    })
}

/// Lists your apps, oldest first, and what each platform's app needs.
#[utoipa::path(get, path = "/v1/connect/oauth-apps", operation_id = "list_oauth_apps",
    tag = "Connect", params(ListQuery),
    responses((status = 200, body = AppList)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<AppList>> {
    caller.unrestricted("listing apps")?;
    let limit = page::limit(query.limit, 50, 100)?;
    let after = match query.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
        Some(cursor) => Some(cursor.parse::<OauthAppId>().map_err(|_| {
            ApiError::bad_value("cursor", "is not one that a list of ours gave out")
        })?),
        None => None,
    };
    let mut tx = app.db.read().await?;
    let mut rows = oauth_apps::list(&mut tx, caller.workspace(), after.as_ref(), limit + 1).await?;
    let pagination = page::cut(&mut rows, limit, |own| own.id.to_string());
    let mut apps = Vec::with_capacity(rows.len());
    for own in rows {
        apps.push(shape(&app, &mut tx, own).await?);
    }
    let platforms = posta_platforms::ALL.iter().filter_map(|one| setup(&app, *one)).collect();
    Ok(Json(AppList { apps, pagination, platforms }))
}
