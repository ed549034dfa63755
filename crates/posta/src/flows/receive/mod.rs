//! A raw webhook becomes messages and events. Doing it twice changes nothing.

mod comment;
mod control;
mod delete;
mod early;
mod edit;
mod fetch;
mod hearers;
mod incoming;
mod message;
mod purge;
mod reaction;
mod read;
mod referral;
mod seek;
mod tap;

use std::time::Duration;

use posta_core::event::{Direction, Event, What};
use posta_core::id::EventId;
use posta_core::time::Timestamp;
use posta_store::Tx;
use posta_store::accounts::Account;
use posta_store::events::Cause;
use posta_store::inbound::{self, Inbound, State};
use posta_store::messages::Origin;

pub use self::control::Control;
pub use self::early::catch_up;
pub use self::fetch::fetch;
use self::hearers::{Heard, heard, hearers, listeners};
use self::incoming::Run;
pub use self::message::{message, message_payload, note_newest};
pub use self::purge::purge_some;
pub use self::seek::{Raw, raw};
use super::announce::{Announcement, announce_all};
use super::events::Payload;
use crate::app::App;
use crate::origin as task;
use crate::traces::{Kind, Place, Step};

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
    /// The place in a trace at which we were told.
    pub traceparent: Option<&'a str>,
}

impl<'a> Told<'a> {
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
        payload: Payload,
    ) -> posta_store::Result<Option<EventId>> {
        let Some(announcement) = self.announcement(app, kind, payload) else { return Ok(None) };
        announce_all(app, tx, std::slice::from_ref(&announcement)).await?;
        Ok(Some(announcement.id))
    }

    /// What there is to announce, if anything.
    fn announcement(
        &self,
        app: &App,
        kind: &'static str,
        payload: Payload,
    ) -> Option<Announcement<'a>> {
        let Self { account, cause, .. } = *self;
        let (id, traceparent) = (app.ids.next_event(), self.traceparent.map(str::to_owned));
        let traceparent = traceparent.or_else(task::Origin::traceparent);
        let all = Announcement { account, cause, kind, payload, id, traceparent };
        (!self.is_silent()).then_some(all)
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

/// Works off raw webhooks within the transaction, the first ones of them: one webhook can hold a
/// thousand events, and others wait for this to end. Returns what was done.
///
/// # Errors
/// When the database failed; then nothing has happened and the webhooks stay pending.
pub async fn receive(app: &App, tx: &mut Tx, rows: &[Inbound]) -> posta_store::Result<Received> {
    let (mut steps, mut events) = (Vec::with_capacity(rows.len()), 0);
    let mut understood = Vec::with_capacity(rows.len());
    for row in rows {
        if events >= EVENTS {
            break;
        }
        let step = step(app, row);
        match parse(row) {
            Ok(parsed) => {
                events += parsed.len();
                understood.push((row, step.traceparent(), parsed));
            }
            Err(problem) => not_understood(tx, row, &problem).await?,
        }
        steps.push(step);
    }
    let all =
        understood.iter().flat_map(|(row, place, events)| heard(row, place.as_deref(), events));
    let all: Vec<_> = all.collect();
    let (taken, is_plain) = take(app, tx, &all).await?;
    let (mut rest, mut done) = (taken.as_slice(), Vec::new());
    for (row, _, events) in &understood {
        let (own, others) = rest.split_at(events.len());
        rest = others;
        if became(own) == State::Done {
            done.push(&row.id);
        } else {
            settle(app, tx, row, own).await?;
        }
    }
    inbound::update_done(tx, &done).await?;
    Ok(Received { steps, is_plain })
}

/// Webhooks that were worked off.
pub struct Received {
    /// A step in the trace of each, which ends with this.
    pub steps: Vec<Step>,
    /// Whether nothing came of them but events: nothing to fetch, to keep, or to take away.
    pub is_plain: bool,
}

/// Begins working off a webhook as a part of the trace that began when it came.
fn step(app: &App, row: &Inbound) -> Step {
    let Some(parent) = row.traceparent.as_deref().and_then(Place::read) else {
        return Step::none();
    };
    let mut step = app.traces.begin(Kind::Consumer, || "receive".to_owned(), Some(&parent));
    step.about("inbound.id", &row.id);
    step
}

/// After how many events no further webhook is taken into a transaction.
const EVENTS: usize = 500;

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
    let step = step(app, row);
    let place = step.traceparent();
    for one in heard(row, place.as_deref(), &events) {
        let (position, name) = (one.cause.position, one.event.what.name());
        let mut tx = app.db.write().await?;
        match take(app, &mut tx, &[one]).await {
            Ok((taken, _)) => {
                tx.commit().await?;
                all.extend(taken);
            }
            Err(error) => {
                tracing::error!(
                    inbound.id = %row.id, position, event = name, %error,
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

/// What becomes of a webhook with whose events this happened.
fn became(all: &[Taken]) -> State {
    if all.contains(&Taken::TooEarly) {
        State::Pending
    } else if !all.is_empty() && all.iter().all(|one| *one == Taken::NoAccount) {
        State::Unrouted
    } else {
        State::Done
    }
}

/// Notes what became of a webhook whose events were taken.
async fn settle(app: &App, tx: &mut Tx, row: &Inbound, all: &[Taken]) -> posta_store::Result<()> {
    match became(all) {
        // The rest of the batch is taken in; meeting it again is harmless.
        State::Pending => {
            let due_at = app.clock.now().plus(ECHO_WAIT);
            inbound::update_due(tx, &row.id, due_at, Some(EARLY)).await
        }
        state => inbound::update_state(tx, &row.id, state, None).await,
    }
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

/// Takes in events of one transaction. Messages that people wrote one after the other are taken in
/// together. Returns what became of each, and whether nothing came of them but events.
async fn take(
    app: &App,
    tx: &mut Tx,
    all: &[Heard<'_>],
) -> posta_store::Result<(Vec<Taken>, bool)> {
    let hearers = hearers(app, tx, all).await?;
    let (mut run, mut became) = (Run::new(app), Vec::with_capacity(all.len()));
    for one in all {
        let Heard { row, event, cause, traceparent } = one;
        if event.what == What::TestSend {
            tracing::info!(platform = row.platform, "the platform's dashboard sent a test");
            became.push(Taken::Known);
            continue;
        }
        let mut taken = Taken::NoAccount;
        for account in listeners(&hearers, one) {
            let told = Told {
                account,
                at: event.at.unwrap_or(row.received_at),
                origin: Origin::Webhook,
                is_standby: event.standby,
                cause: Some(cause),
                traceparent: *traceparent,
            };
            let of_this = match &event.what {
                What::Message(message) if message.direction == Direction::Incoming => {
                    run.add(app, tx, told, message).await?;
                    Taken::New
                }
                _ => {
                    run.end(app, tx).await?;
                    run.is_plain = false;
                    apply(app, tx, &told, event).await?
                }
            };
            if of_this == Taken::TooEarly || taken != Taken::TooEarly {
                taken = of_this;
            }
        }
        metrics::counter!(
            "posta_events_total", "platform" => row.platform.clone(), "event" => event.what.name()
        )
        .increment(1);
        tracing::debug!(platform = row.platform, event = event.what.name(), ?taken, "event");
        became.push(taken);
    }
    run.end(app, tx).await?;
    Ok((became, run.is_plain))
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
