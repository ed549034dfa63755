//! Waiting for what becomes of a message.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use posta_core::id::{MessageId, WorkspaceId};
use posta_store::messages::{self, Message, Status};
use tokio::sync::oneshot;

use crate::app::App;

/// Requests that wait for the outcome of the message they asked for.
#[derive(Debug, Default)]
pub struct Waiters(Mutex<HashMap<MessageId, Vec<oneshot::Sender<()>>>>);

/// The longest time without looking: another node may have sent the message.
const LOOK: Duration = Duration::from_secs(1);

impl Waiters {
    /// Tells those who wait for this message to look again.
    pub fn wake(&self, id: &MessageId) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        for waiter in waiting.into_iter().flatten() {
            // Whoever gave up waiting has dropped its end.
            let _ = waiter.send(());
        }
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

/// Waits until a message is settled, or the time for waiting is over, and returns it as it is then.
///
/// # Errors
/// When the database failed, or the message was deleted meanwhile.
pub async fn settled(
    app: &App,
    owner: &WorkspaceId,
    id: &MessageId,
) -> posta_store::Result<Message> {
    let deadline =
        app.clock.now().plus(Duration::from_secs(u64::from(app.config.api.send_wait_seconds)));
    loop {
        let woken = app.waiters.enlist(id);
        let mut tx = app.db.read().await?;
        let message = messages::find(&mut tx, owner, id).await?;
        drop(tx);
        let message = message.ok_or(posta_store::Error::RowNotFound)?;
        let is_settled = !matches!(message.status, Status::Queued | Status::Sending);
        if is_settled || app.clock.now() >= deadline || app.stop.is_cancelled() {
            drop(woken);
            app.waiters.dismiss(id);
            return Ok(message);
        }
        tokio::select! {
            _ = woken => {}
            () = app.clock.sleep(LOOK) => app.waiters.dismiss(id),
            () = app.stop.cancelled() => {}
        }
    }
}
