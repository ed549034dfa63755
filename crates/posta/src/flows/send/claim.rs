//! Whose turn it is: every workspace's and every account's, as far as the platform allows it more.

use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::id::AccountId;
use posta_store::Tx;
use posta_store::accounts;
use posta_store::budgets::{self, Due};
use posta_store::jobs::{self, Job};

use super::LEASE;
use crate::app::App;
use crate::flows::budget;

/// The classes of calls that messages take.
const CLASSES: [CallClass; 2] = [CallClass::Text, CallClass::Media];

/// How many calls of one account are under way at once, so that one whose platform is slow leaves room
/// for others.
pub const EACH: i64 = 64;

/// How long an account with so many is left alone.
const CROWDED: Duration = Duration::from_millis(50);

/// How many requests of one account are set out at once when their time has come.
const HANDFUL: i64 = 256;

/// What is taken to be sent.
#[derive(Debug)]
pub struct Claimed {
    /// The jobs, each the first of its lane, and each with a call taken out of its account's budget.
    pub jobs: Vec<Job>,
    /// Whether there may be more at this moment.
    pub is_more: bool,
}

/// Takes up to `room` jobs for as long as a send lasts at most; `busy` says how many of an account are
/// under way.
///
/// Every account whose queue is due gets an equal share, of every workspace one before a second of
/// any. An account that may call no more is not looked at again before it may.
///
/// # Errors
/// When the database failed. Nothing is taken then.
pub async fn claim(
    app: &App,
    room: i64,
    busy: impl Fn(&AccountId) -> i64,
) -> posta_store::Result<Claimed> {
    let mut tx = app.db.write().await?;
    let due = budgets::claim(&mut tx, app.clock.now(), room).await?;
    let mut claimed = Claimed { jobs: Vec::new(), is_more: !due.is_empty() };
    let accounts = i64::try_from(due.len()).unwrap_or(i64::MAX).max(1);
    for one in due {
        let left = room - i64::try_from(claimed.jobs.len()).unwrap_or(room);
        let share = (room / accounts).max(1).min(left);
        let free = (EACH - busy(&one.account_id)).max(0);
        claimed.jobs.extend(look(app, &mut tx, one, share, free).await?);
    }
    tx.commit().await?;
    Ok(claimed)
}

/// Takes up to `share` jobs of an account, as far as it has a place `free`, and notes when to look at it
/// again.
async fn look(
    app: &App,
    tx: &mut Tx,
    due: Due,
    share: i64,
    free: i64,
) -> posta_store::Result<Vec<Job>> {
    let share = share.min(free);
    let now = app.clock.now();
    let (mut spent, id) = (due.spent.0, &due.account_id);
    let account = accounts::find(tx, &due.workspace_id, id).await?;
    let Some(account) = account else {
        budgets::update_seen(tx, id, &spent, None).await?;
        return Ok(Vec::new());
    };
    set_out(app, tx, id).await?;
    let mut taken = Vec::new();
    let mut next = jobs::find_timed(tx, id).await?;
    for class in CLASSES {
        let parked = account.rate_limited_until.filter(|until| *until > now);
        if parked.is_none() {
            let left = share - i64::try_from(taken.len()).unwrap_or(share);
            let room = budget::left(app, &account, &mut spent, class).min(left);
            if room > 0 {
                let jobs = jobs::claim(tx, (id, class), now, now.plus(LEASE), room).await?;
                // By this time the call is found again when it is made.
                budget::add(app, &account, &mut spent, class, jobs.len(), now);
                taken.extend(jobs);
            }
        }
        if let Some(due) = jobs::find_due(tx, id, class).await? {
            let opens = parked.or_else(|| budget::opens(app, &account, &mut spent, class));
            let due = opens.map_or(due, |opens| opens.max(due));
            next = Some(next.map_or(due, |next| next.min(due)));
        }
    }
    // What is left now waits behind the others that are due.
    let is_crowded = i64::try_from(taken.len()).is_ok_and(|taken| taken == free);
    let soon = if is_crowded { now.plus(CROWDED) } else { now };
    let next = next.map(|next| next.max(soon));
    budgets::update_seen(tx, id, &spent, next).await?;
    Ok(taken)
}

/// Puts the requests whose chosen time has come at the ends of their conversations' lanes, in the order
/// of their times, and those of one time as they were asked for.
async fn set_out(app: &App, tx: &mut Tx, account: &AccountId) -> posta_store::Result<()> {
    let now = app.clock.now();
    for timed in jobs::list_timed(tx, account, now, HANDFUL).await? {
        for job in jobs::list_lane(tx, &timed.lane).await? {
            match &timed.conversation_id {
                Some(lane) => {
                    jobs::update_lane(tx, &job, &app.ids.next(), lane.as_str(), now).await?;
                }
                None => jobs::delete(tx, &job).await?,
            }
        }
    }
    Ok(())
}
