//! Waiting for what becomes of a message.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use posta_core::id::MessageId;
use posta_core::time::Timestamp;
use posta_store::accounts::Account;
use posta_store::jobs;
use posta_store::messages::{Message, Status};
use posta_store::sends;
use tokio::sync::oneshot;

use crate::app::App;

/// Requests that wait for the outcome of the message they asked for.
#[derive(Debug, Default)]
pub struct Waiters(Mutex<HashMap<MessageId, Vec<oneshot::Sender<()>>>>);

/// The longest time without looking: another node may have sent the message.
const LOOK: Duration = Duration::from_secs(1);

impl Waiters {
    /// Tells those who wait for this message to look again; `false` when nobody does.
    pub fn wake(&self, id: &MessageId) -> bool {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        let is_awaited = waiting.is_some();
        for waiter in waiting.into_iter().flatten() {
            // Whoever gave up waiting has dropped its end.
            let _ = waiter.send(());
        }
        is_awaited
    }

    fn enlist(&self, id: &MessageId) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(id.clone()).or_default().push(sender);
        receiver
    }

    fn dismiss(&self, id: &MessageId) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = waiting.get_mut(id) {
            list.retain(|waiter| !waiter.is_closed());
            if list.is_empty() {
                waiting.remove(id);
            }
        }
    }
}

/// Until when a request that comes now is to be answered, at the latest: taken before anything of it
/// is stored, so that storing counts as waiting.
#[must_use]
pub fn deadline(app: &App) -> Timestamp {
    app.clock.now().plus(Duration::from_secs(u64::from(app.config.api.send_wait_seconds)))
}

/// Waits until all messages of a request are settled, or until its [`deadline`], and returns them as
/// they are then. What is held for a disconnected account, or for a time that was chosen, is not
/// waited for.
///
/// # Errors
/// When the database failed, or the messages were deleted meanwhile.
pub async fn settled(
    app: &App,
    account: &Account,
    first: &MessageId,
    deadline: Timestamp,
) -> posta_store::Result<Vec<Message>> {
    let mut awaited = first.clone();
    loop {
        let woken = app.waiters.enlist(&awaited);
        let mut tx = app.db.read().await?;
        let messages = sends::list(&mut tx, &account.workspace_id, first).await?;
        let is_open = |one: &&Message| matches!(one.status, Status::Queued | Status::Sending);
        let open = messages.iter().find(is_open).map(|one| one.id.clone());
        let is_put_off = match &open {
            Some(open) => {
                let now = app.clock.now();
                jobs::is_put_off(&mut tx, &account.id, open.as_str(), now).await?
            }
            None => false,
        };
        drop(tx);
        let is_over = is_put_off || app.clock.now() >= deadline || app.stop.is_cancelled();
        let Some(open) = open.filter(|_| !is_over) else {
            drop(woken);
            app.waiters.dismiss(&awaited);
            if messages.is_empty() {
                return Err(posta_store::Error::RowNotFound);
            }
            return Ok(messages);
        };
        if open != awaited {
            // Whoever is told of one that was settled before this could wait for ever.
            drop(woken);
            app.waiters.dismiss(&awaited);
            awaited = open;
            continue;
        }
        tokio::select! {
            _ = woken => {}
            () = app.clock.sleep(LOOK) => app.waiters.dismiss(&awaited),
            () = app.stop.cancelled() => {}
        }
    }
}
