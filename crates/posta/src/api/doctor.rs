//! What a doctor finds of an account, for support tools.

use axum::Json;
use axum::extract::{Path, State};
use posta_core::failure::Code;
use posta_core::finding::{Finding, Severity};
use posta_core::id::AccountId;
use posta_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::Id;
use crate::app::App;
use crate::flows::doctor;

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Diagnosis {
    /// The account.
    account_id: AccountId,
    /// Its platform.
    platform: String,
    /// Its handle.
    username: String,
    /// When it was looked.
    checked_at: Timestamp,
    /// The worst that was found.
    severity: Severity,
    /// What was found of the account.
    findings: Vec<Finding>,
    /// What was found of the server, which concerns all accounts.
    server: Vec<Finding>,
}

/// Looks for what stops an account without an error.
///
/// Asks the platform a few questions and changes nothing; takes some seconds. The same as `posta
/// doctor` on the command line. An addition of Posta's own.
#[utoipa::path(get, path = "/v1/accounts/{accountId}/doctor", operation_id = "diagnose_account",
    tag = "Accounts", params(("accountId" = AccountId, Path, description = "Its id")),
    responses((status = 200, body = Diagnosis)))]
pub(crate) async fn diagnose(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<Diagnosis>> {
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &id).await?;
    drop(tx);
    let mut report = doctor::examine(&app, std::slice::from_ref(&account)).await?;
    let examined = report.accounts.pop();
    let findings = examined.map(|one| one.findings).unwrap_or_default();
    Ok(Json(Diagnosis {
        account_id: account.id,
        platform: account.platform,
        username: account.username,
        checked_at: report.checked_at,
        severity: report.severity,
        findings,
        server: report.server,
    }))
}

/// Answers whoever wants to know whether a URL leads to this installation. Below `/webhooks/`, so
/// that a proxy which lets platforms in lets this in.
pub(crate) async fn reached(State(app): State<App>, Path(nonce): Path<String>) -> Result<String> {
    doctor::answer(&app, &nonce).ok_or_else(|| ApiError::plain(Code::RouteNotFound))
}
