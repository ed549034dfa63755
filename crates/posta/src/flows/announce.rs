//! Putting an event into the log and on its way to every endpoint that wants it, in the transaction
//! of what happened.

use std::collections::BTreeSet;

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

/// Something that happened on an account.
#[derive(Debug)]
pub struct Announcement<'a> {
    /// The account.
    pub account: &'a Account,
    /// Where it came from, if a platform's webhook told of it.
    pub cause: Option<&'a Cause>,
    /// What happened.
    pub kind: &'static str,
    /// The blocks.
    pub payload: Payload,
    /// The id of the event.
    pub id: EventId,
    /// The place in a trace at which it happened.
    pub traceparent: Option<String>,
}

/// Announces something that happened on an account.
///
/// # Errors
/// When the database failed; then nothing in the transaction has happened.
pub async fn announce(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    kind: &'static str,
    payload: Payload,
) -> posta_store::Result<()> {
    let (id, traceparent) = (app.ids.next_event(), Origin::traceparent());
    let new = Announcement { account, cause: None, kind, payload, id, traceparent };
    announce_all(app, tx, &[new]).await
}

/// Announces what happened on accounts, in this order. Expects their workspaces to be locked if there
/// are several.
///
/// # Errors
/// When the database failed; then nothing in the transaction has happened.
pub async fn announce_all<'a>(
    app: &App,
    tx: &mut Tx,
    all: &[Announcement<'a>],
) -> posta_store::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let ids: BTreeSet<_> = all.iter().map(|one| &one.account.profile_id).collect();
    let profiles = profiles::list_by_id(tx, &Vec::from_iter(ids)).await?;
    let new = |one: &Announcement<'a>| {
        let (account, cause) = (one.account, one.cause);
        let profile = profiles.iter().filter(|profile| profile.id == account.profile_id);
        let new = New {
            workspace: &account.workspace_id,
            kind: one.kind,
            profile: Some(&account.profile_id),
            account: Some(&account.id),
            profiles: profile.map(ProfileBlock::from).collect(),
            payload: &one.payload,
        };
        let traceparent = one.traceparent.clone();
        events::New { event: new.event(app, one.id.clone()), cause, traceparent }
    };
    let recorded: Vec<_> = all.iter().map(new).collect();
    let places = events::insert(tx, &recorded).await?;
    let owners: BTreeSet<_> = all.iter().map(|one| &one.account.workspace_id).collect();
    let endpoints = endpoints::list_of(tx, &Vec::from_iter(owners)).await?;
    let mut new = Vec::new();
    for ((one, events::New { event, .. }), seq) in all.iter().zip(&recorded).zip(places) {
        let account = one.account;
        let place = Some((&account.profile_id, &account.id));
        let thread = one.payload.thread().map(|thread| format!("{} {thread}", account.id));
        let wanting = endpoints.iter().filter(|endpoint| {
            endpoint.workspace_id == account.workspace_id && wants(endpoint, one.kind, place)
        });
        new.extend(wanting.map(|endpoint| {
            delivery(app, endpoint, (&event.id, seq), thread.as_deref(), Class::Live)
        }));
    }
    deliveries::insert_all(tx, &new).await
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
    let new = New { workspace, kind, profile: None, account: None, profiles: Vec::new(), payload };
    let placed = record(app, tx, new).await?;
    let place = (&placed.event.id, placed.seq);
    let others = endpoints::list(tx, workspace).await?;
    let others = others.iter().filter(|one| one.id != endpoint.id && wants(one, kind, None));
    let deliveries: Vec<_> =
        others.map(|one| delivery(app, one, place, None, Class::Live)).collect();
    deliveries::insert_all(tx, &deliveries).await
}

/// Makes a delivery of an event to an endpoint, due now.
pub(super) fn delivery(
    app: &App,
    endpoint: &Endpoint,
    (event, seq): (&EventId, i64),
    thread: Option<&str>,
    class: Class,
) -> NewDelivery {
    NewDelivery {
        id: app.ids.next(),
        workspace_id: endpoint.workspace_id.clone(),
        endpoint_id: endpoint.id.clone(),
        event_id: event.clone(),
        seq,
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
}

impl New<'_> {
    fn event(self, app: &App, id: EventId) -> Event {
        let now = app.clock.now();
        let envelope = Envelope {
            id: &id,
            event: self.kind,
            payload: self.payload,
            profiles: self.profiles,
            timestamp: now,
        };
        let body = serde_json::to_string(&envelope).expect("an envelope has only text for keys");
        Event {
            id,
            workspace_id: self.workspace.clone(),
            kind: self.kind.to_owned(),
            profile_id: self.profile.cloned(),
            account_id: self.account.cloned(),
            message_id: self.payload.message_id().cloned(),
            body,
            created_at: now,
        }
    }
}

/// Puts an event into the log without sending it anywhere.
///
/// # Errors
/// When the database failed.
pub async fn record(app: &App, tx: &mut Tx, new: New<'_>) -> posta_store::Result<Placed> {
    let event = new.event(app, app.ids.next_event());
    let traceparent = Origin::traceparent();
    let new = [events::New { event, cause: None, traceparent }];
    let seq = events::insert(tx, &new).await?.pop();
    let [events::New { event, .. }] = new;
    Ok(Placed { seq: seq.ok_or(posta_store::Error::RowNotFound)?, event })
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
