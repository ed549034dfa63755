//! What a platform said, word for word, of something that was announced.

use posta_core::id::{OauthAppId, WorkspaceId};
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::events::Cause;
use posta_store::{Tx, inbound, oauth_apps};
use serde_json::Value;
use serde_json::value::RawValue;

use super::parse;

/// A platform's own words for an event.
#[derive(Debug)]
pub struct Raw {
    /// The platform.
    pub platform: String,
    /// When the webhook came.
    pub received_at: Timestamp,
    /// The customer's own apps whose secret signed it.
    pub signed_by: Vec<OauthAppId>,
    /// Whether the configured app's secret signed it.
    pub is_signed_by_configured: bool,
    /// The part of the webhook that tells of the event.
    pub part: Option<Value>,
    /// The whole webhook, unless it tells of other accounts too.
    pub body: Option<Box<RawValue>>,
}

/// Finds what a platform said of an event of this account; `None` once it is no longer kept.
///
/// # Errors
/// When the database failed.
pub async fn raw(
    tx: &mut Tx,
    account: &Account,
    cause: &Cause,
) -> posta_store::Result<Option<Raw>> {
    let Some(row) = inbound::find(tx, &cause.inbound_id).await? else {
        return Ok(None);
    };
    let signed_by = signers(tx, &account.workspace_id, &row.verified_by).await?;
    // A webhook may speak of accounts of other customers, which must stay theirs.
    let events = parse(&row).unwrap_or_default();
    let is_own = events.iter().all(|event| event.account == account.remote_id);
    let part = usize::try_from(cause.position).ok().and_then(|index| events.get(index));
    let part = part.filter(|event| event.account == account.remote_id);
    Ok(Some(Raw {
        platform: row.platform.clone(),
        received_at: row.received_at,
        is_signed_by_configured: row.verified_by.contains(&None),
        signed_by,
        part: part.map(|event| event.raw.clone()),
        body: if is_own && !events.is_empty() {
            serde_json::from_slice(&row.body).ok()
        } else {
            None
        },
    }))
}

/// Lists the apps among these that are the workspace's own.
async fn signers(
    tx: &mut Tx,
    owner: &WorkspaceId,
    all: &[Option<OauthAppId>],
) -> posta_store::Result<Vec<OauthAppId>> {
    let mut own = Vec::new();
    for id in all.iter().flatten() {
        if oauth_apps::find(tx, owner, id).await?.is_some() {
            own.push(id.clone());
        }
    }
    Ok(own)
}
