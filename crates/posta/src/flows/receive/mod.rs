//! A raw webhook becomes messages and events. Doing it twice changes nothing.

mod message;
mod read;

use std::time::Duration;

use posta_core::event::{Event, What};
use posta_core::id::EventId;
use posta_core::time::Timestamp;
use posta_store::accounts::{self, Account};
use posta_store::inbound::{self, Inbound, State};
use posta_store::messages::Origin;
use posta_store::{Tx, workspaces};

pub use self::message::{message, message_payload, note_newest};
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

    /// Announces what came of it, unless it is from before.
    async fn announce(
        &self,
        app: &App,
        tx: &mut Tx,
        kind: &'static str,
        payload: &Payload,
    ) -> posta_store::Result<Option<EventId>> {
        if self.is_silent() {
            return Ok(None);
        }
        announce::announce(app, tx, self.account, kind, payload).await.map(Some)
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

/// Works off one raw webhook within the transaction.
///
/// # Errors
/// When the database failed; then nothing has happened and the webhook stays pending.
pub async fn receive(app: &App, tx: &mut Tx, row: &Inbound) -> posta_store::Result<()> {
    let parsed = posta_platforms::get(&row.platform)
        .and_then(|platform| platform.inbound())
        .ok_or_else(|| "this version does not know the platform".to_owned())
        .and_then(|inbound| inbound.parse(&row.body).map_err(|unparsed| unparsed.to_string()));
    let events = match parsed {
        Ok(events) => events,
        Err(problem) => {
            tracing::warn!(platform = row.platform, inbound.id = %row.id, "webhook not understood");
            return inbound::update_state(tx, &row.id, State::Unparsed, Some(&problem)).await;
        }
    };
    let (mut is_early, mut is_routed, mut is_lost) = (false, false, false);
    for event in &events {
        match take(app, tx, row, event).await? {
            Taken::New | Taken::Known => is_routed = true,
            Taken::NoAccount => is_lost = true,
            Taken::TooEarly => is_early = true,
        }
    }
    if is_early {
        // The rest of the batch is taken in; meeting it again is harmless.
        return inbound::update_due(tx, &row.id, app.clock.now().plus(ECHO_WAIT), Some(EARLY))
            .await;
    }
    let state = if is_lost && !is_routed { State::Unrouted } else { State::Done };
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
        app.wake.receive.notify_one();
    }
    Ok(())
}

async fn take(app: &App, tx: &mut Tx, row: &Inbound, event: &Event) -> posta_store::Result<Taken> {
    if event.what == What::TestSend {
        tracing::info!(platform = row.platform, "the platform's dashboard sent a test");
        return Ok(Taken::Known);
    }
    let accounts = accounts::list_by_remote(tx, &row.platform, &event.account).await?;
    let mut taken = Taken::NoAccount;
    // An account hears only what was signed by the app it is connected through; otherwise one
    // customer's app secret could forge another's messages.
    for account in accounts.iter().filter(|one| row.verified_by.contains(&one.oauth_app_id)) {
        let told = Told {
            account,
            at: event.at.unwrap_or(row.received_at),
            origin: Origin::Webhook,
            is_standby: event.standby,
        };
        workspaces::lock(tx, &account.workspace_id).await?;
        let of_this = apply(app, tx, &told, &event.what).await?;
        if of_this == Taken::TooEarly || taken != Taken::TooEarly {
            taken = of_this;
        }
        accounts::update_last_event(tx, &account.id, app.clock.now()).await?;
    }
    metrics::counter!(
        "posta_events_total", "platform" => row.platform.clone(), "event" => event.what.name()
    )
    .increment(1);
    tracing::debug!(platform = row.platform, event = event.what.name(), ?taken, "event");
    Ok(taken)
}

async fn apply(app: &App, tx: &mut Tx, told: &Told<'_>, what: &What) -> posta_store::Result<Taken> {
    match what {
        What::Message(one) => message(app, tx, told, one).await,
        What::MessageRead(read) => read::person_read(app, tx, told, read).await,
        // Their raw form is kept, so that a version that knows what to do with them can.
        What::MessageAnnounced(_)
        | What::MessageEdited(_)
        | What::MessageDeleted(_)
        | What::Reaction(_)
        | What::Referral { .. }
        | What::ControlChanged { .. }
        | What::Comment(_)
        | What::TestSend
        | What::Unknown => Ok(Taken::Known),
    }
}
