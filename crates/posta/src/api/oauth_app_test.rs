//! Trying out one of the customer's own apps: does the platform accept its id and secret?

use axum::Json;
use axum::extract::State;
use posta_core::id::OauthAppId;

use super::auth::Caller;
use super::error::Result;
use super::extract::Id;
use super::oauth_apps::{AppAnswer, load, shape};
use crate::app::App;
use crate::flows::connect;

/// Asks the platform whether it accepts the app's id and secret. What it said is in the answer's
/// `status` and `lastError`.
#[utoipa::path(post, path = "/v1/connect/oauth-apps/{appId}/test", operation_id = "test_oauth_app",
    tag = "Connect", params(("appId" = OauthAppId, Path, description = "Its id")),
    responses((status = 200, body = AppAnswer)))]
pub(crate) async fn test(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<OauthAppId>,
) -> Result<Json<AppAnswer>> {
    let mut tx = app.db.read().await?;
    let own = load(&caller, &mut tx, &id).await?;
    drop(tx);
    connect::try_app(&app, &own).await?;
    let mut tx = app.db.read().await?;
    let own = load(&caller, &mut tx, &id).await?;
    Ok(Json(AppAnswer { app: shape(&app, &mut tx, own).await? }))
}
