//! Taking in, silently, what was written before an account was connected.

use posta_core::failure::Code;
use posta_core::time::Timestamp;
use posta_store::accounts::{Account, State as AccountState};
use posta_store::walks::{self, Kind, State, Walk};
use posta_store::{Tx, accounts};

use super::{FlowError, refusal};
use crate::app::App;

/// How many conversations are read when somebody asks for it and the settings say none.
const THREADS: u32 = 500;

/// Makes the walks of an account that was connected just now. `before` is how it stood until then.
///
/// A new account has its past taken in, up to now; what is written from now on comes by webhooks,
/// and what they leave out is told by comparison. One that was lost goes on where it was, so that
/// what was written meanwhile is told. One that its owner had removed is as a new one.
///
/// # Errors
/// When the database failed.
pub async fn begin(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    before: Option<AccountState>,
) -> posta_store::Result<()> {
    let now = app.clock.now();
    let of = |kind| Walk {
        span_to: Some(whole_second(now)),
        ..Walk::new(&account.id, &account.workspace_id, kind, now)
    };
    let threads = app.config.inbox.import_threads;
    let import = Walk { wanted: Some(i64::from(threads)), ..of(Kind::Import) };
    let reconcile = Walk { due_at: Some(super::reconcile::first(app)), ..of(Kind::Reconcile) };
    let is_new = matches!(before, None | Some(AccountState::Removed));
    if is_new {
        walks::upsert(tx, &reconcile).await?;
        if threads > 0 {
            walks::upsert(tx, &import).await?;
        }
    } else if !walks::insert(tx, &reconcile).await? {
        walks::update_due(tx, &account.id, Kind::Reconcile, now).await?;
    }
    Ok(())
}

/// Begins the import of an account anew. What was taken in stays as it is.
///
/// # Errors
/// When it is under way, the account is lost, or the database failed.
pub async fn again(app: &App, account: &Account, threads: Option<u32>) -> Result<Walk, FlowError> {
    let mut tx = app.db.write().await?;
    let known = walks::find(&mut tx, &account.workspace_id, &account.id, Kind::Import).await?;
    let account = accounts::find(&mut tx, &account.workspace_id, &account.id).await?;
    let account = account.ok_or(posta_store::Error::RowNotFound)?;
    if account.state != AccountState::Connected {
        let message = format!("{} is disconnected", account.username);
        return Err(refusal(Code::AccountDisconnected, message).into());
    }
    if known.as_ref().is_some_and(|walk| matches!(walk.state, State::Queued | State::Running)) {
        let message = "the import is under way";
        return Err(refusal(Code::InvalidResourceState, message).into());
    }
    let threads = threads.or(Some(app.config.inbox.import_threads).filter(|threads| *threads > 0));
    let now = app.clock.now();
    let walk = Walk {
        wanted: Some(i64::from(threads.unwrap_or(THREADS))),
        span_to: known.and_then(|walk| walk.span_to).or(Some(whole_second(account.state_since))),
        ..Walk::new(&account.id, &account.workspace_id, Kind::Import, now)
    };
    walks::upsert(&mut tx, &walk).await?;
    tx.commit().await?;
    app.wake.walk.notify_one();
    Ok(walk)
}

/// Platforms tell when a message was written in whole seconds; spans that end within one would take
/// what was written after their end for older.
pub(super) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_seconds() * 1000)
}

/// Ends an import that has read all it wanted.
pub(super) fn end(app: &App, walk: &mut Walk) {
    (walk.state, walk.due_at) = (State::Done, None);
    walk.finished_at = Some(app.clock.now());
    tracing::info!(
        account.id = %walk.account_id, threads = walk.threads_done, messages = walk.found,
        "what was written before is taken in"
    );
}
