//! A raw webhook becomes messages and events. Doing it twice changes nothing.

mod comment;
mod control;
mod delete;
mod early;
mod edit;
mod fetch;
mod message;
mod purge;
mod reaction;
mod read;
mod referral;
mod seek;
mod tap;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use posta_core::event::{Event, What};
use posta_core::id::{EventId, RemoteAccount};
use posta_core::time::Timestamp;
use posta_store::accounts::{self, Account};
use posta_store::events::Cause;
use posta_store::inbound::{self, Inbound, State};
use posta_store::messages::Origin;
use posta_store::{Tx, workspaces};

pub use self::control::Control;
pub use self::early::catch_up;
pub use self::fetch::fetch;
pub use self::message::{message, message_payload, note_newest};
pub use self::purge::purge_some;
pub use self::seek::{Raw, raw};
use super::announce;
use super::events::Payload;
use crate::app::App;

/// How we came to know of something that happened on an account.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The account.
    pub account: &'a Account,
    /// When it happened, by the platform's clock.
    pub at: Timestamp,
    /// Who told us.
    pub origin: Origin,
    /// Whether another app holds the conversation and we only listen.
    pub is_standby: bool,
    /// The raw webhook that told us.
    pub cause: Option<&'a Cause>,
}

impl Told<'_> {
    /// Whether it is from before the account was connected: nobody is told, and it counts as read.
    fn is_silent(&self) -> bool {
        self.origin == Origin::Import
    }

    /// The same, as if the platform had told it when it happened.
    fn of_webhook(self) -> Self {
        Self { origin: Origin::Webhook, ..self }
    }

    /// Announces what came of it, unless it is from before. Returns the event's id.
    pub(super) async fn announce(
        &self,
        app: &App,
        tx: &mut Tx,
        kind: &'static str,
        payload: &Payload,
    ) -> posta_store::Result<Option<EventId>> {
        if self.is_silent() {
            return Ok(None);
        }
        announce::announce_caused(app, tx, self.account, self.cause, kind, payload).await.map(Some)
    }
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the books now.
    New,
    /// It was in the books before, or changes nothing in them.
    Known,
    /// It speaks of no account that is connected through the app that signed it.
    NoAccount,
    /// It is the echo of a send whose answer is still out; it can be told apart only afterwards.
    TooEarly,
}

/// Why a webhook waits that holds such an echo.
const EARLY: &str = "an echo waits for the answer of its send";

/// How long an echo waits that came before the answer of its send.
const ECHO_WAIT: Duration = Duration::from_millis(200);

/// Works off one raw webhook within the transaction. Returns how many events it had.
///
/// # Errors
/// When the database failed; then nothing has happened and the webhook stays pending.
pub async fn receive(app: &App, tx: &mut Tx, row: &Inbound) -> posta_store::Result<usize> {
    let events = match parse(row) {
        Ok(events) => events,
        Err(problem) => {
            not_understood(tx, row, &problem).await?;
            return Ok(0);
        }
    };
    let mut all = Vec::with_capacity(events.len());
    let mut hearers = Hearers::default();
    for (position, event) in (0..).zip(&events) {
        all.push(take(app, tx, row, &mut hearers, position, event).await?);
    }
    settle(app, tx, row, &all).await?;
    Ok(events.len())
}

/// Works off one raw webhook event by event, so that one that cannot be taken in does not cost the
/// others. Returns the problem of the first such event; the webhook then stays pending.
///
/// # Errors
/// When the database failed altogether.
pub async fn receive_apart(app: &App, row: &Inbound) -> posta_store::Result<Option<String>> {
    let events = match parse(row) {
        Ok(events) => events,
        Err(problem) => {
            let mut tx = app.db.write().await?;
            not_understood(&mut tx, row, &problem).await?;
            tx.commit().await?;
            return Ok(None);
        }
    };
    let (mut all, mut problem) = (Vec::with_capacity(events.len()), None);
    for (position, event) in (0..).zip(&events) {
        let mut tx = app.db.write().await?;
        match take(app, &mut tx, row, &mut Hearers::default(), position, event).await {
            Ok(taken) => {
                tx.commit().await?;
                all.push(taken);
            }
            Err(error) => {
                tracing::error!(
                    inbound.id = %row.id, position, event = event.what.name(), %error,
                    "an event cannot be taken in; the others of its webhook are"
                );
                problem = problem.or(Some(format!("event {position}: {error}")));
            }
        }
    }
    if problem.is_none() {
        let mut tx = app.db.write().await?;
        settle(app, &mut tx, row, &all).await?;
        tx.commit().await?;
    }
    Ok(problem)
}

fn parse(row: &Inbound) -> Result<Vec<Event>, String> {
    let platform = posta_platforms::get(&row.platform);
    let inbound = platform.and_then(|platform| platform.inbound());
    let inbound = inbound.ok_or_else(|| "this version does not know the platform".to_owned())?;
    inbound.parse(&row.body).map_err(|unparsed| unparsed.to_string())
}

async fn not_understood(tx: &mut Tx, row: &Inbound, problem: &str) -> posta_store::Result<()> {
    tracing::warn!(platform = row.platform, inbound.id = %row.id, "webhook not understood");
    inbound::update_state(tx, &row.id, State::Unparsed, Some(problem)).await
}

/// Notes what became of a webhook whose events were taken.
async fn settle(app: &App, tx: &mut Tx, row: &Inbound, all: &[Taken]) -> posta_store::Result<()> {
    if all.contains(&Taken::TooEarly) {
        // The rest of the batch is taken in; meeting it again is harmless.
        return inbound::update_due(tx, &row.id, app.clock.now().plus(ECHO_WAIT), Some(EARLY))
            .await;
    }
    let is_lost = !all.is_empty() && all.iter().all(|one| *one == Taken::NoAccount);
    let state = if is_lost { State::Unrouted } else { State::Done };
    inbound::update_state(tx, &row.id, state, None).await
}

/// Works off at once the echoes that came before the answer of a send. In a transaction of its own:
/// whoever works off the same webhook at this moment must not wait for the send's.
///
/// # Errors
/// When the database failed; the echoes are then worked off a moment later.
pub async fn hurry_echoes(app: &App) -> posta_store::Result<()> {
    let mut tx = app.db.read().await?;
    let is_any = inbound::is_any_waiting(&mut tx, EARLY).await?;
    drop(tx);
    if is_any {
        let mut tx = app.db.write().await?;
        inbound::update_due_now(&mut tx, EARLY, app.clock.now()).await?;
        tx.commit().await?;
        app.wake.receive.again();
    }
    Ok(())
}

/// The accounts that hear of a webhook's events, by the platform's id: of a thousand events most are
/// of the same one. Whoever is in here is locked for the transaction.
type Hearers = HashMap<RemoteAccount, Arc<[Account]>>;

/// Finds the accounts that hear of an event, locks their workspaces, and notes that they heard.
async fn hearers(
    app: &App,
    tx: &mut Tx,
    row: &Inbound,
    known: &mut Hearers,
    id: &RemoteAccount,
) -> posta_store::Result<Arc<[Account]>> {
    if let Some(accounts) = known.get(id) {
        return Ok(Arc::clone(accounts));
    }
    let mut accounts = accounts::list_by_remote(tx, &row.platform, id).await?;
    // An account hears only what was signed by the app it is connected through; otherwise one
    // customer's app secret could forge another's messages.
    accounts.retain(|one| row.verified_by.contains(&one.oauth_app_id));
    for account in &accounts {
        workspaces::lock(tx, &account.workspace_id).await?;
        accounts::update_last_event(tx, &account.id, app.clock.now()).await?;
    }
    let accounts: Arc<[Account]> = accounts.into();
    known.insert(id.clone(), Arc::clone(&accounts));
    Ok(accounts)
}

async fn take(
    app: &App,
    tx: &mut Tx,
    row: &Inbound,
    known: &mut Hearers,
    position: i64,
    event: &Event,
) -> posta_store::Result<Taken> {
    if event.what == What::TestSend {
        tracing::info!(platform = row.platform, "the platform's dashboard sent a test");
        return Ok(Taken::Known);
    }
    let accounts = hearers(app, tx, row, known, &event.account).await?;
    let cause = Cause { inbound_id: row.id.clone(), position };
    let mut taken = Taken::NoAccount;
    for account in accounts.iter() {
        let told = Told {
            account,
            at: event.at.unwrap_or(row.received_at),
            origin: Origin::Webhook,
            is_standby: event.standby,
            cause: Some(&cause),
        };
        let of_this = apply(app, tx, &told, event).await?;
        if of_this == Taken::TooEarly || taken != Taken::TooEarly {
            taken = of_this;
        }
    }
    metrics::counter!(
        "posta_events_total", "platform" => row.platform.clone(), "event" => event.what.name()
    )
    .increment(1);
    tracing::debug!(platform = row.platform, event = event.what.name(), ?taken, "event");
    Ok(taken)
}

async fn apply(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    event: &Event,
) -> posta_store::Result<Taken> {
    match &event.what {
        What::Message(one) => message(app, tx, told, one).await,
        What::MessageAnnounced(id) => fetch::ask(app, tx, told, id).await,
        What::MessageEdited(edit) => edit::edited(app, tx, told, edit).await,
        What::MessageDeleted(gone) => delete::deleted(app, tx, told, gone).await,
        What::MessageRead(read) => read::person_read(app, tx, told, read).await,
        What::Reaction(reaction) => reaction::reacted(app, tx, told, reaction).await,
        What::Referral { thread, referral } => {
            referral::referred(app, tx, told, thread, referral).await
        }
        What::ControlChanged { thread, owner, previous, is_ours, metadata } => {
            let change = control::Change {
                owner: owner.as_deref(),
                previous: previous.as_deref(),
                is_ours: *is_ours && !told.is_standby,
                metadata: metadata.as_deref(),
            };
            control::changed(app, tx, told, thread, &change).await
        }
        What::Comment(one) => comment::commented(app, tx, told, one, &event.raw).await,
        // Its raw form is kept, so that a version that knows it can read it.
        What::TestSend | What::Unknown => Ok(Taken::Known),
    }
}
