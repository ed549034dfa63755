//! A step of a walk through an account's conversations at its platform: a page of the list is read,
//! or a page of one conversation. Making a step twice changes nothing.

use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::RemoteThread;
use posta_core::time::Timestamp;
use posta_platforms::contract::{Page, Past, Thread};
use posta_store::accounts::{self, Account};
use posta_store::messages::{self, Origin, Reaction};
use posta_store::walks::{self, Kind, State, Step, Walk};
use posta_store::{Json, Tx, conversations, message_changes, workspaces};
use serde_json::json;

use super::line::Line;
use super::receive::{self, Taken, Told};
use super::{again, budget, disconnect, import, reconcile, refusal};
use crate::app::App;

/// How long a step waits for a send whose answer is still out: what it sent is met here too.
const SENDING: Duration = Duration::from_secs(2);

/// How long a failed step waits at first; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// The longest it waits.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// What a step saw.
enum Seen {
    Threads(Page<Thread>),
    Messages(Page<Past>),
}

/// How many messages of a page we had, and how many not.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    received: i64,
    found: i64,
}

/// Makes the next step of a walk that was claimed until `lease`.
///
/// # Errors
/// When the database failed; the step is then made again once the lease has ended.
pub async fn step(app: &App, mut walk: Walk, lease: Timestamp) -> posta_store::Result<()> {
    let mut tx = app.db.read().await?;
    let account = accounts::find(&mut tx, &walk.workspace_id, &walk.account_id).await?;
    drop(tx);
    let Some(account) = account else { return Ok(()) };
    if !begin(app, &account, &mut walk) {
        return put(app, &walk, lease).await;
    }
    if let Err(until) = budget::take(app, &account, CallClass::Conversations).await? {
        walk.due_at = Some(until);
        return put(app, &walk, lease).await;
    }
    match look(app, &account, &walk).await {
        Ok(Seen::Threads(page)) => {
            walk.attempts = 0;
            listed(app, &mut walk, page);
            let mut tx = app.db.write().await?;
            reconcile::note_missing(app, &mut tx, &walk).await?;
            walks::update(&mut tx, &walk, lease).await?;
            tx.commit().await
        }
        Ok(Seen::Messages(page)) => {
            walk.attempts = 0;
            read(app, &account, walk, &page, lease).await
        }
        Err(error) => failed(app, &account, walk, &error, lease).await,
    }
}

/// Begins the walk if it has not begun; `false` when there is nothing to walk for.
fn begin(app: &App, account: &Account, walk: &mut Walk) -> bool {
    if walk.started_at.is_some() {
        return true;
    }
    walk.started_at = Some(app.clock.now());
    match walk.kind {
        Kind::Import => true,
        Kind::Reconcile => reconcile::begin(app, account, walk),
    }
}

async fn look(app: &App, account: &Account, walk: &Walk) -> Result<Seen, ConnectorError> {
    let line = Line::open(app, account).await?;
    let cx = line.cx(app);
    let Some(history) = line.platform.history() else {
        let message = format!("{} shows no conversations", line.platform.title());
        return Err(*refusal(Code::PlatformNotSupported, message));
    };
    if let Some(next) = walk.todo.first() {
        let thread = Thread { handle: next.handle.clone(), person: None, updated_at: None };
        history.messages(&cx, &thread, next.after.as_deref()).await.map(Seen::Messages)
    } else {
        history.threads(&cx, walk.cursor.as_deref()).await.map(Seen::Threads)
    }
}

/// Takes in a page of the list, which has the conversations that moved last at its top.
fn listed(app: &App, walk: &mut Walk, page: Page<Thread>) {
    let is_enough = |thread: &Thread| match walk.kind {
        Kind::Import => false,
        Kind::Reconcile => {
            thread.updated_at.zip(walk.span_from).is_some_and(|(at, from)| at < from)
        }
    };
    let all = page.items.len();
    let room = walk.wanted.map_or(i64::MAX, |wanted| wanted - walk.threads_known);
    let room = usize::try_from(room).unwrap_or(0);
    let todo: Vec<Step> = page
        .items
        .into_iter()
        .take_while(|thread| !is_enough(thread))
        .take(room)
        .map(|thread| Step { handle: thread.handle, after: None })
        .collect();
    walk.is_last = todo.len() < all || todo.len() == room || all == 0 || page.next.is_none();
    walk.threads_known += i64::try_from(todo.len()).unwrap_or(0);
    walk.todo = Json(todo);
    walk.cursor = page.next.filter(|_| !walk.is_last);
    go_on(app, walk);
}

/// Says when the next step is made, or ends the walk.
fn go_on(app: &App, walk: &mut Walk) {
    if walk.todo.is_empty() && walk.is_last {
        match walk.kind {
            Kind::Import => import::end(app, walk),
            Kind::Reconcile => reconcile::end(app, walk),
        }
    } else {
        walk.due_at = Some(app.clock.now());
    }
}

/// Takes in a page of a conversation.
async fn read(
    app: &App,
    account: &Account,
    mut walk: Walk,
    page: &Page<Past>,
    lease: Timestamp,
) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &account.workspace_id).await?;
    let Some(met) = take(app, &mut tx, account, &walk, page).await? else {
        drop(tx);
        walk.due_at = Some(app.clock.now().plus(SENDING));
        return put(app, &walk, lease).await;
    };
    walk.received += met.received;
    walk.found += met.found;
    walk.total_received += met.received;
    walk.total_found += met.found;
    walk.last_error = None;
    if is_more(&walk, page) {
        walk.todo[0].after.clone_from(&page.next);
    } else {
        walk.todo.remove(0);
        walk.threads_done += 1;
    }
    go_on(app, &mut walk);
    reconcile::note_missing(app, &mut tx, &walk).await?;
    // What was taken in counts even if the walk was begun anew meanwhile: it was there.
    walks::update(&mut tx, &walk, lease).await?;
    tx.commit().await?;
    app.wake.of_news();
    Ok(())
}

/// Whether the next page of the conversation is worth a call: the platform shows only the newest
/// messages, so the first one that it hides is not the last.
fn is_more(walk: &Walk, page: &Page<Past>) -> bool {
    let is_old = |past: &Past| past.at.zip(walk.span_from).is_some_and(|(at, from)| at < from);
    page.next.is_some()
        && !page.items.is_empty()
        && page.items.iter().all(|past| past.message.is_some())
        && !page.items.iter().any(is_old)
}

/// Stores what we had not; `None` when a send must be answered first.
async fn take(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    walk: &Walk,
    page: &Page<Past>,
) -> posta_store::Result<Option<Met>> {
    let mut met = Met::default();
    // Oldest first, as they would have come.
    for past in page.items.iter().rev() {
        let (Some(message), Some(at)) = (&past.message, past.at) else { continue };
        if walk.span_from.is_some_and(|from| at < from) || walk.span_to.is_some_and(|to| at >= to) {
            continue;
        }
        if messages::find_remote(tx, &account.id, &past.id).await?.is_some() {
            met.received += 1;
            continue;
        }
        let origin = match walk.kind {
            Kind::Import => Origin::Import,
            Kind::Reconcile => Origin::Reconcile,
        };
        let told = Told { account, at, origin, is_standby: false, cause: None, traceparent: None };
        match receive::message(app, tx, &told, message).await? {
            Taken::New => {
                met.found += 1;
                put_reactions(app, tx, account, past).await?;
            }
            Taken::Known | Taken::NoAccount => met.received += 1,
            Taken::TooEarly => return Ok(None),
        }
        name_person(tx, account, past, &message.thread).await?;
    }
    Ok(Some(met))
}

/// Notes the reactions on a message that we had not. The platform does not tell when they were put
/// there.
async fn put_reactions(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    past: &Past,
) -> posta_store::Result<()> {
    if past.reactions.is_empty() {
        return Ok(());
    }
    let Some(message) = messages::find_remote(tx, &account.id, &past.id).await? else {
        return Ok(());
    };
    let reacted_at = app.clock.now();
    let reactions = past.reactions.iter();
    let reactions: Vec<_> = reactions
        .map(|one| Reaction { emoji: one.emoji.clone(), from_me: one.from_me, reacted_at })
        .collect();
    message_changes::update_reactions(tx, &message.id, &reactions).await
}

/// Notes the person's handle, which is there without a call of its own.
async fn name_person(
    tx: &mut Tx,
    account: &Account,
    past: &Past,
    thread: &RemoteThread,
) -> posta_store::Result<()> {
    match &past.username {
        Some(username) => conversations::update_username(tx, &account.id, thread, username).await,
        None => Ok(()),
    }
}

/// What follows when a step fails: the walk waits, passes over what cannot be read, or ends.
async fn failed(
    app: &App,
    account: &Account,
    mut walk: Walk,
    error: &ConnectorError,
    lease: Timestamp,
) -> posta_store::Result<()> {
    tracing::warn!(
        account.id = %account.id, platform = account.platform, walk = ?walk.kind,
        error.code = %error.code, retry = ?error.retry, "conversations not read"
    );
    let now = app.clock.now();
    walk.last_error = Some(Json(json!({
        "code": error.code,
        "message": error.message,
        "remedy": error.remedy.unwrap_or(error.code.remedy()),
        "platformError": error.said,
        "at": now,
    })));
    walk.attempts += 1;
    let wait = again::doubled(FIRST_WAIT, walk.attempts).min(LONGEST_WAIT);
    let later = now.plus(again::jittered(app, wait));
    match error.retry {
        Retry::RateLimited { until } => walk.due_at = Some(until),
        Retry::Transient | Retry::Unknown => walk.due_at = Some(later),
        Retry::Auth => {
            let mut tx = app.db.write().await?;
            disconnect::lose(app, &mut tx, account, error).await?;
            tx.commit().await?;
            app.wake.announced();
            // It goes on by itself once the account is connected again.
            walk.due_at = Some(now);
        }
        Retry::Permanent if !walk.todo.is_empty() => {
            walk.todo.remove(0);
            walk.threads_done += 1;
            walk.attempts = 0;
            go_on(app, &mut walk);
        }
        // A cursor lives for a short time only.
        Retry::Permanent if walk.cursor.is_some() && walk.attempts == 1 => {
            (walk.cursor, walk.threads_known, walk.threads_done) = (None, 0, 0);
            walk.due_at = Some(now);
        }
        Retry::Permanent => match walk.kind {
            Kind::Import => {
                (walk.state, walk.due_at) = (State::Failed, None);
                walk.finished_at = Some(now);
            }
            Kind::Reconcile => reconcile::give_up(app, &mut walk),
        },
    }
    put(app, &walk, lease).await
}

async fn put(app: &App, walk: &Walk, lease: Timestamp) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    walks::update(&mut tx, walk, lease).await?;
    tx.commit().await
}
