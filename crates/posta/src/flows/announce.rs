//! Putting an event into the log and on its way to every endpoint that wants it, in the transaction
//! of what happened.

use posta_core::id::{AccountId, EventId, ProfileId, WorkspaceId};
use posta_store::accounts::Account;
use posta_store::deliveries::{self, Class, NewDelivery};
use posta_store::endpoints::{self, Endpoint};
use posta_store::events::{self, Cause, Event, Placed};
use posta_store::{Tx, profiles};

use super::events::{Envelope, Payload, ProfileBlock};
use crate::app::App;
use crate::origin::Origin;

/// The events that this version announces.
pub const ANNOUNCED: &[&str] = &[
    "message.received",
    "message.sent",
    "message.edited",
    "message.deleted",
    "message.read",
    "message.failed",
    "reaction.received",
    "referral.received",
    "conversation.started",
    "conversation.control_changed",
    "comment.received",
    "window.closing",
    "automation.stopped",
    "account.connected",
    "account.disconnected",
    "account.token_expiring",
    "account.recovered",
    "subscription.repaired",
    "endpoint.failing",
    "endpoint.disabled",
    "endpoint.recovered",
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
    let placed = record(
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
    let wanting = endpoints::list(tx, &account.workspace_id).await?;
    let place = Some((&account.profile_id, &account.id));
    let wanting = wanting.iter().filter(|endpoint| wants(endpoint, kind, place));
    let thread = payload.thread().map(|thread| format!("{} {thread}", account.id));
    let deliveries: Vec<_> = wanting
        .map(|endpoint| delivery(app, endpoint, &placed, thread.as_deref(), Class::Live))
        .collect();
    deliveries::insert_all(tx, &deliveries).await?;
    Ok(placed.event.id)
}

/// Announces something that happened to an endpoint, to the others of its workspace.
///
/// # Errors
/// When the database failed; then nothing in the transaction has happened.
pub async fn announce_endpoint(
    app: &App,
    tx: &mut Tx,
    endpoint: &Endpoint,
    kind: &'static str,
    payload: &Payload,
) -> posta_store::Result<()> {
    let workspace = &endpoint.workspace_id;
    let new = New {
        workspace,
        kind,
        profile: None,
        account: None,
        profiles: Vec::new(),
        payload,
        cause: None,
    };
    let placed = record(app, tx, new).await?;
    let others = endpoints::list(tx, workspace).await?;
    let others = others.iter().filter(|one| one.id != endpoint.id && wants(one, kind, None));
    let deliveries: Vec<_> =
        others.map(|one| delivery(app, one, &placed, None, Class::Live)).collect();
    deliveries::insert_all(tx, &deliveries).await
}

/// Makes a delivery of an event to an endpoint, due now.
pub(super) fn delivery(
    app: &App,
    endpoint: &Endpoint,
    placed: &Placed,
    thread: Option<&str>,
    class: Class,
) -> NewDelivery {
    NewDelivery {
        id: app.ids.next(),
        workspace_id: endpoint.workspace_id.clone(),
        endpoint_id: endpoint.id.clone(),
        event_id: placed.event.id.clone(),
        seq: placed.seq,
        class,
        replay_id: None,
        thread: thread.filter(|_| endpoint.keeps_order).map(str::to_owned),
        due_at: app.clock.now(),
    }
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
pub async fn record(app: &App, tx: &mut Tx, new: New<'_>) -> posta_store::Result<Placed> {
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
    let traceparent = Origin::traceparent();
    let seq = events::insert(tx, &event, new.cause, traceparent.as_deref()).await?;
    Ok(Placed { seq, event })
}

/// Whether an endpoint is to hear of something that happened in a profile, on an account. One that
/// hears of some only is not told of what happened in none.
fn wants(endpoint: &Endpoint, kind: &str, place: Option<(&ProfileId, &AccountId)>) -> bool {
    let group = group_of(kind);
    let (profile, account) = place.unzip();
    endpoint.is_active
        && endpoint.events.iter().any(|wanted| wanted == kind)
        && !endpoint.disabled_groups.iter().any(|disabled| disabled == group)
        && (endpoint.profile_ids.is_empty()
            || profile.is_some_and(|profile| endpoint.profile_ids.contains(profile)))
        && (endpoint.account_ids.is_empty()
            || account.is_some_and(|account| endpoint.account_ids.contains(account)))
}

fn group_of(kind: &str) -> &'static str {
    match kind.split('.').next().unwrap_or_default() {
        "message" | "conversation" | "window" | "reaction" | "referral" | "comment" => "messages",
        "account" | "subscription" => "accounts",
        _ => "webhooks",
    }
}
