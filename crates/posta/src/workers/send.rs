//! Works off send jobs: many lanes at once, within a lane one at a time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use posta_core::id::AccountId;
use posta_store::budgets;
use tokio::sync::Semaphore;

use super::{room, tend};
use crate::app::App;
use crate::flows::send;
use crate::origin::Origin;
use crate::traces::{Kind, Place};

/// How many calls to platforms are under way at once.
const CONCURRENCY: usize = 128;

/// How many of each account are.
#[derive(Clone, Debug, Default)]
struct Busy(Arc<Mutex<HashMap<AccountId, i64>>>);

impl Busy {
    fn of(&self, account: &AccountId) -> i64 {
        let busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        busy.get(account).copied().unwrap_or(0)
    }

    fn enter(&self, account: &AccountId) -> Call {
        let mut busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *busy.entry(account.clone()).or_default() += 1;
        Call(self.clone(), account.clone())
    }
}

/// A call that is under way, until it is dropped.
struct Call(Busy, AccountId);

impl Drop for Call {
    fn drop(&mut self) {
        let mut busy = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = busy.entry(self.1.clone()) {
            *entry.get_mut() -= 1;
            if *entry.get() <= 0 {
                entry.remove();
            }
        }
    }
}

pub(super) async fn run(app: App) {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    let busy = Busy::default();
    tend(&app, "send", &app.wake.send, budgets::find_next_due, || work(&app, &permits, &busy))
        .await;
}

async fn work(app: &App, permits: &Arc<Semaphore>, calls: &Busy) -> posta_store::Result<bool> {
    let room = room(permits).await;
    let claimed = send::claim(app, room, |account| calls.of(account)).await?;
    for job in claimed.jobs {
        let permit = Arc::clone(permits).try_acquire_owned();
        let (app, busy, call) = (app.clone(), app.under_way.enter(), calls.enter(&job.account_id));
        app.tasks.clone().spawn(async move {
            let parent = job.traceparent.as_deref().and_then(Place::read);
            let mut step = app.traces.begin(Kind::Consumer, || "send".to_owned(), parent.as_ref());
            step.about("message.id", &job.subject);
            let origin = Origin { request_id: job.origin.clone(), place: step.place() };
            if let Err(error) = origin.scope(Box::pin(send::attempt(&app, &job))).await {
                tracing::error!(job.id = %job.id, %error, "a send's outcome could not be noted");
            }
            drop((step, permit, busy, call));
            app.wake.send.again();
        });
    }
    Ok(claimed.is_more)
}
