//! Whether an account is subscribed to its events, and subscribing it again.

use axum::Json;
use axum::extract::State;
use posta_core::id::AccountId;
use posta_store::accounts::{Account, State as AccountState};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::Result;
use super::extract::Id;
use crate::app::App;
use crate::flows::reconnect;
use crate::flows::subscriptions::{self, Standing};

/// What an account is subscribed to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubscriptionShape {
    /// The platform's id of the account.
    page_id: String,
    /// Whether it is subscribed to anything.
    app_subscribed: bool,
    /// Always false: forms of ads are not read.
    leadgen: bool,
    /// The fields.
    subscribed_fields: Vec<String>,
    /// What is missing.
    warning: Option<String>,
}

/// What an account was subscribed to, and whether that had to be mended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RepairAnswer {
    #[serde(flatten)]
    subscription: SubscriptionShape,
    /// Whether it was subscribed again.
    resubscribed: bool,
}

fn shape(account: &Account, standing: Standing) -> SubscriptionShape {
    let missing = standing.missing;
    let warning = (!missing.is_empty()).then(|| {
        format!(
            "The account is not subscribed to {}; their events do not arrive. POST here to \
             subscribe it again.",
            missing.join(", ")
        )
    });
    SubscriptionShape {
        page_id: account.remote_id.to_string(),
        app_subscribed: !standing.fields.is_empty(),
        leadgen: false,
        subscribed_fields: standing.fields,
        warning,
    }
}

async fn connected(app: &App, caller: &Caller, id: &AccountId, what: &str) -> Result<Account> {
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, id).await?;
    if account.state != AccountState::Connected {
        return Err((*reconnect::refuse(app, &account, what)).into());
    }
    Ok(account)
}

/// Asks the platform which events an account is subscribed to.
#[utoipa::path(get, path = "/v1/accounts/{accountId}/webhook-subscription",
    operation_id = "get_page_webhook_subscription", tag = "Accounts",
    params(("accountId" = AccountId, Path, description = "Its id")),
    responses((status = 200, body = SubscriptionShape)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<SubscriptionShape>> {
    let account = connected(&app, &caller, &id, "be asked about").await?;
    let standing = subscriptions::look(&app, &account).await?;
    Ok(Json(shape(&account, standing)))
}

/// Subscribes an account to its events again, if something is missing.
///
/// Posta does so by itself every hour.
#[utoipa::path(post, path = "/v1/accounts/{accountId}/webhook-subscription",
    operation_id = "resync_page_webhook_subscription", tag = "Accounts",
    params(("accountId" = AccountId, Path, description = "Its id")),
    responses((status = 200, body = RepairAnswer)))]
pub(crate) async fn repair(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<RepairAnswer>> {
    let account = connected(&app, &caller, &id, "be subscribed").await?;
    let before = subscriptions::mend(&app, &account).await?;
    let resubscribed = !before.missing.is_empty();
    let standing = if resubscribed { subscriptions::look(&app, &account).await? } else { before };
    Ok(Json(RepairAnswer { subscription: shape(&account, standing), resubscribed }))
}
