//! Putting an event into the log and on its way to every endpoint that wants it, in the transaction
//! of what happened.

use posta_core::id::{AccountId, EventId, ProfileId, WorkspaceId};
use posta_store::accounts::Account;
use posta_store::deliveries::{self, NewDelivery};
use posta_store::endpoints::{self, Endpoint};
use posta_store::events::{self, Cause, Event};
use posta_store::{Tx, profiles};

use super::events::{Envelope, Payload, ProfileBlock};
use crate::app::App;

/// The events that this version announces.
pub const ANNOUNCED: &[&str] = &[
    "message.received",
    "message.sent",
    "message.edited",
    "message.deleted",
    "message.read",
    "reaction.received",
    "referral.received",
    "conversation.started",
    "conversation.control_changed",
    "comment.received",
    "window.closing",
    "account.connected",
    "account.disconnected",
    "account.token_expiring",
    "account.recovered",
    "subscription.repaired",
    "webhook.test",
];

/// Announces something that happened on an account.
///
/// # Errors
/// When the database failed; then nothing in the transaction has happened.
pub async fn announce(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    kind: &'static str,
    payload: &Payload,
) -> posta_store::Result<EventId> {
    announce_caused(app, tx, account, None, kind, payload).await
}

/// Announces something of which a platform's webhook told.
///
/// # Errors
/// When the database failed; then nothing in the transaction has happened.
pub async fn announce_caused(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    cause: Option<&Cause>,
    kind: &'static str,
    payload: &Payload,
) -> posta_store::Result<EventId> {
    let profile = profiles::find(tx, &account.workspace_id, &account.profile_id).await?;
    let blocks = profile.iter().map(ProfileBlock::from).collect();
    let event = record(
        app,
        tx,
        New {
            workspace: &account.workspace_id,
            kind,
            profile: Some(&account.profile_id),
            account: Some(&account.id),
            profiles: blocks,
            payload,
            cause,
        },
    )
    .await?;
    let now = app.clock.now();
    let wanting = endpoints::list(tx, &account.workspace_id).await?;
    let deliveries: Vec<NewDelivery> = wanting
        .iter()
        .filter(|endpoint| wants(endpoint, kind, &account.profile_id, &account.id))
        .map(|endpoint| NewDelivery {
            id: app.ids.next(),
            workspace_id: account.workspace_id.clone(),
            endpoint_id: endpoint.id.clone(),
            event_id: event.id.clone(),
            due_at: now,
        })
        .collect();
    deliveries::insert_all(tx, &deliveries).await?;
    Ok(event.id)
}

/// An event to be recorded.
pub struct New<'a> {
    /// The workspace it happened in.
    pub workspace: &'a WorkspaceId,
    /// What happened.
    pub kind: &'a str,
    /// The profile it concerns.
    pub profile: Option<&'a ProfileId>,
    /// The account it concerns.
    pub account: Option<&'a AccountId>,
    /// The profiles shown in it.
    pub profiles: Vec<ProfileBlock>,
    /// Its blocks.
    pub payload: &'a Payload,
    /// Where it came from, if a platform's webhook told of it.
    pub cause: Option<&'a Cause>,
}

/// Puts an event into the log without sending it anywhere.
///
/// # Errors
/// When the database failed.
pub async fn record(app: &App, tx: &mut Tx, new: New<'_>) -> posta_store::Result<Event> {
    let id = app.ids.next_event();
    let now = app.clock.now();
    let envelope = Envelope {
        id: &id,
        event: new.kind,
        payload: new.payload,
        profiles: new.profiles,
        timestamp: now,
    };
    let body = serde_json::to_string(&envelope).expect("an envelope has only text for keys");
    let event = Event {
        id: id.clone(),
        workspace_id: new.workspace.clone(),
        kind: new.kind.to_owned(),
        profile_id: new.profile.cloned(),
        account_id: new.account.cloned(),
        message_id: new.payload.message_id().cloned(),
        body,
        created_at: now,
    };
    events::insert(tx, &event, new.cause).await?;
    Ok(event)
}

fn wants(endpoint: &Endpoint, kind: &str, profile: &ProfileId, account: &AccountId) -> bool {
    let group = group_of(kind);
    endpoint.is_active
        && endpoint.events.iter().any(|wanted| wanted == kind)
        && !endpoint.disabled_groups.iter().any(|disabled| disabled == group)
        && (endpoint.profile_ids.is_empty() || endpoint.profile_ids.contains(profile))
        && (endpoint.account_ids.is_empty() || endpoint.account_ids.contains(account))
}

fn group_of(kind: &str) -> &'static str {
    match kind.split('.').next().unwrap_or_default() {
        "message" | "conversation" | "window" | "reaction" | "referral" | "comment" => "messages",
        "account" | "subscription" => "accounts",
        _ => "webhooks",
    }
}
