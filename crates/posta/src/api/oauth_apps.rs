//! The customer's own apps on platforms: the natural way of a server that you run yourself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use posta_core::failure::Code;
use posta_core::id::OauthAppId;
use posta_core::secret::{Sealed, Secret};
use posta_core::time::Timestamp;
use posta_platforms::contract::{Inbound, Platform};
use posta_store::oauth_apps::{self, OauthApp};
use posta_store::{Json as DbJson, Tx, accounts};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, Id, Query};
use super::idempotency::{self, IdempotencyKey};
use crate::app::App;
use crate::flows::connect;
use crate::flows::disconnect::{self, Farewell};
use crate::flows::signers::app_owner;

/// An app of yours. Its secrets never come back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppShape {
    /// Its id.
    id: OauthAppId,
    /// The platform it is registered at.
    platform: String,
    /// Its name for people.
    label: String,
    /// Its public id at the platform.
    client_id: String,
    /// The permission areas it asks for; null means the usual ones.
    scope_areas: Option<Vec<String>>,
    /// `ok` or `invalid` after a test, else `unchecked`.
    status: &'static str,
    /// When it was last tested.
    last_checked_at: Option<Timestamp>,
    /// Why the platform does not accept it.
    last_error: Option<String>,
    /// How many accounts are connected through it.
    account_count: usize,
    /// The redirect URI to register at the platform.
    redirect_uri: String,
    /// What to enter at the platform for webhooks.
    webhook: Option<WebhookSetup>,
    /// Always null: one callback URL serves all apps.
    shared_webhook_url: Option<String>,
    /// Always false.
    has_slack_signing_secret: bool,
    /// Always null.
    slack_events: Option<String>,
    /// When it was registered here.
    created_at: Timestamp,
}

/// What to enter at the platform for webhooks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookSetup {
    /// The callback URL.
    callback_url: String,
    /// The verify token.
    verify_token: String,
    /// Where the platform says that an owner took the app away.
    deauthorize_url: Option<String>,
    /// Where the platform says that an owner wants data deleted.
    data_deletion_url: Option<String>,
    /// The kind of object to subscribe to.
    object: &'static str,
    /// The fields to subscribe to.
    fields: Vec<&'static str>,
}

/// Shows an app.
pub(super) async fn shape(app: &App, tx: &mut Tx, own: OauthApp) -> Result<AppShape> {
    let accounts = accounts::list_for_app(tx, &own.workspace_id, &own.id).await?;
    let verify_token =
        app.ring.open(&app_owner(&own), &own.verify_token).map_err(ApiError::internal)?;
    let platform = posta_platforms::get(&own.platform);
    let subscription = platform.and_then(|one| one.inbound()).map(Inbound::subscription);
    let callback_url = format!("{}webhooks/{}", app.config.public_url, own.platform);
    let callbacks = platform.and_then(|one| one.callbacks());
    let below = |name: &str| callbacks.map(|_| format!("{callback_url}/{name}"));
    Ok(AppShape {
        redirect_uri: connect::callback_url(app, &own.platform).into(),
        webhook: subscription.map(|subscription| WebhookSetup {
            deauthorize_url: below("deauthorize"),
            data_deletion_url: below("data-deletion"),
            callback_url: callback_url.clone(),
            verify_token: verify_token.expose().to_owned(),
            object: subscription.object,
            fields: subscription.fields.to_vec(),
        }),
        id: own.id,
        platform: own.platform,
        label: own.label,
        client_id: own.client_id,
        scope_areas: own.scope_areas.map(|areas| areas.0),
        status: match (own.checked_at, &own.check_error) {
            (None, _) => "unchecked",
            (Some(_), None) => "ok",
            (Some(_), Some(_)) => "invalid",
        },
        last_checked_at: own.checked_at,
        last_error: own.check_error,
        account_count: accounts.len(),
        shared_webhook_url: None,
        has_slack_signing_secret: false,
        slack_events: None,
        created_at: own.created_at,
    })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewApp {
    /// The platform it is registered at.
    platform: String,
    /// Its name for people.
    label: String,
    /// Its public id at the platform.
    client_id: String,
    /// Its secret at the platform.
    #[schema(value_type = String)]
    client_secret: Secret,
    /// The id of the app that signs webhooks, where that is another.
    meta_app_id: Option<String>,
    /// The secret of that app.
    #[schema(value_type = Option<String>)]
    meta_app_secret: Option<Secret>,
    /// The permission areas it asks for.
    scope_areas: Option<Vec<String>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppAnswer {
    pub(super) app: AppShape,
}

/// Registers an app of yours. Enter its redirect URI and webhook, as answered, at the platform.
#[utoipa::path(post, path = "/v1/connect/oauth-apps", operation_id = "create_oauth_app",
    tag = "Connect", params(IdempotencyKey), request_body = NewApp,
    responses((status = 201, body = AppAnswer)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<NewApp>,
) -> Result<Response> {
    caller.unrestricted("registering apps")?;
    let new = body.value;
    let platform = posta_platforms::get(&new.platform)
        .filter(|platform| platform.auth().is_some())
        .ok_or_else(|| ApiError::plain(Code::PlatformNotSupported).param("platform"))?;
    check_text("label", &new.label)?;
    check_text("clientId", &new.client_id)?;
    check_text("clientSecret", new.client_secret.expose())?;
    check_areas(platform, new.scope_areas.as_deref())?;
    let id: OauthAppId = app.ids.next();
    let owner = format!("oauth_apps/{id}");
    let seal = |secret: &Secret| app.ring.seal(&owner, secret);
    let row = OauthApp {
        workspace_id: caller.workspace().clone(),
        platform: new.platform,
        label: new.label,
        client_id: new.client_id,
        client_secret: seal(&new.client_secret),
        signing_app_id: new.meta_app_id,
        signing_secret: new.meta_app_secret.as_ref().map(seal),
        verify_token: seal(&Secret::new(app.chance.hex::<16>())),
        scope_areas: new.scope_areas.map(DbJson),
        checked_at: None,
        check_error: None,
        created_at: app.clock.now(),
        id,
    };
    let made =
        idempotency::once(&app, &caller, &key, &body.hash, StatusCode::CREATED, async |tx| {
            if !oauth_apps::insert(tx, &row).await? {
                return Err(ApiError::plain(Code::OauthAppAlreadyExists).param("clientId"));
            }
            Ok(AppAnswer { app: shape(&app, tx, row).await? })
        })
        .await;
    app.signers.forget();
    made
}

fn check_text(param: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() || text.len() > 500 {
        return Err(ApiError::bad_value(param, "must have 1 to 500 characters"));
    }
    Ok(())
}

fn check_areas(platform: &dyn Platform, areas: Option<&[String]>) -> Result<()> {
    let known: Vec<_> = platform
        .auth()
        .map(|auth| auth.scopes().iter().filter_map(|one| one.area).collect())
        .unwrap_or_default();
    match areas.unwrap_or_default().iter().find(|area| !known.contains(&area.as_str())) {
        Some(area) => {
            let problem = format!("knows no area {area}; there are {}", known.join(", "));
            Err(ApiError::bad_value("scopeAreas", problem))
        }
        None => Ok(()),
    }
}

/// Loads an app that the caller may see.
pub(super) async fn load(caller: &Caller, tx: &mut Tx, id: &OauthAppId) -> Result<OauthApp> {
    let app = oauth_apps::find(tx, caller.workspace(), id).await?;
    app.filter(|_| caller.profiles().is_none())
        .ok_or_else(|| ApiError::new(Code::ResourceNotFound, format!("there is no app {id}")))
}

/// Gets an app of yours.
#[utoipa::path(get, path = "/v1/connect/oauth-apps/{appId}", operation_id = "get_oauth_app",
    tag = "Connect", params(("appId" = OauthAppId, Path, description = "Its id")),
    responses((status = 200, body = AppAnswer)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<OauthAppId>,
) -> Result<Json<AppAnswer>> {
    let mut tx = app.db.read().await?;
    let own = load(&caller, &mut tx, &id).await?;
    Ok(Json(AppAnswer { app: shape(&app, &mut tx, own).await? }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppChange {
    /// Its new name.
    label: Option<String>,
    /// Its new secret.
    #[schema(value_type = Option<String>)]
    client_secret: Option<Secret>,
    /// The id of the app that signs webhooks.
    meta_app_id: Option<String>,
    /// The secret of that app.
    #[schema(value_type = Option<String>)]
    meta_app_secret: Option<Secret>,
    /// The permission areas it asks for.
    scope_areas: Option<Vec<String>>,
}

/// Changes an app of yours. What is left out stays as it is.
#[utoipa::path(patch, path = "/v1/connect/oauth-apps/{appId}", operation_id = "update_oauth_app",
    tag = "Connect", params(("appId" = OauthAppId, Path, description = "Its id")),
    request_body = AppChange,
    responses((status = 200, body = AppAnswer)))]
pub(crate) async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<OauthAppId>,
    body: Body<AppChange>,
) -> Result<Json<AppAnswer>> {
    let change = body.value;
    let mut tx = app.db.write().await?;
    let mut own = load(&caller, &mut tx, &id).await?;
    let owner = app_owner(&own);
    let seal = |secret: &Secret| -> Sealed { app.ring.seal(&owner, secret) };
    if let Some(label) = change.label {
        check_text("label", &label)?;
        own.label = label;
    }
    if let Some(secret) = change.client_secret {
        check_text("clientSecret", secret.expose())?;
        own.client_secret = seal(&secret);
        // What was said of the old one is no news of this.
        (own.checked_at, own.check_error) = (None, None);
    }
    if let Some(id) = change.meta_app_id {
        own.signing_app_id = Some(id);
    }
    if let Some(secret) = change.meta_app_secret {
        own.signing_secret = Some(seal(&secret));
    }
    if let Some(areas) = change.scope_areas {
        if let Some(platform) = posta_platforms::get(&own.platform) {
            check_areas(platform, Some(&areas))?;
        }
        own.scope_areas = Some(DbJson(areas));
    }
    oauth_apps::update(&mut tx, &own).await?;
    let shaped = shape(&app, &mut tx, own).await?;
    tx.commit().await?;
    app.signers.forget();
    Ok(Json(AppAnswer { app: shaped }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteQuery {
    /// `true` also deletes an app that accounts are connected through, and disconnects them.
    #[serde(default)]
    confirm: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteAnswer {
    message: &'static str,
    /// How many accounts were disconnected with it.
    disconnected_accounts: usize,
}

/// Deletes an app of yours.
#[utoipa::path(delete, path = "/v1/connect/oauth-apps/{appId}", operation_id = "delete_oauth_app",
    tag = "Connect", params(("appId" = OauthAppId, Path, description = "Its id"), DeleteQuery),
    responses((status = 200, body = DeleteAnswer)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<OauthAppId>,
    Query(query): Query<DeleteQuery>,
) -> Result<Json<DeleteAnswer>> {
    let mut tx = app.db.write().await?;
    let own = load(&caller, &mut tx, &id).await?;
    let accounts = accounts::list_for_app(&mut tx, caller.workspace(), &own.id).await?;
    if !accounts.is_empty() && !query.confirm {
        let message = format!("{} account(s) are connected through this app", accounts.len());
        return Err(ApiError::new(Code::OauthAppInUse, message));
    }
    let farewell = Farewell::to(&app, &mut tx, &accounts).await?;
    for account in &accounts {
        disconnect::disconnect(&app, &mut tx, account).await?;
    }
    oauth_apps::delete(&mut tx, caller.workspace(), &own.id).await?;
    tx.commit().await?;
    farewell.say(&app);
    app.signers.forget();
    app.wake.announced();
    Ok(Json(DeleteAnswer { message: "App deleted", disconnected_accounts: accounts.len() }))
}
