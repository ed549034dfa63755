//! Raw webhooks onto the disk, many per transaction: requests that come together share one sync,
//! and each is answered after its own has ended.

use std::time::Duration;

use posta_core::time::pause;
use posta_store::inbound::{self, Inbound};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::app::App;
use crate::telemetry::Stopwatch;

/// How many webhooks may wait; more are refused, so that the platform sends them again.
const QUEUE: usize = 4096;

/// How many webhooks share a transaction at most.
const BATCH: usize = 1024;

/// Where webhooks are handed in.
#[derive(Debug)]
pub struct Ingest {
    sender: mpsc::Sender<Waiting>,
    receiver: Mutex<mpsc::Receiver<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    inbound: Inbound,
    stored: oneshot::Sender<()>,
}

/// The webhook was not stored; the platform must send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// Too many wait, or the server stops.
    #[error("the webhook was not stored: too many wait to be")]
    Full,
    /// The database failed.
    #[error("the webhook was not stored: the database does not take it")]
    Failed,
}

impl Default for Ingest {
    fn default() -> Self {
        Self::new()
    }
}

impl Ingest {
    /// Makes an empty queue.
    #[must_use]
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { sender, receiver: Mutex::new(receiver) }
    }

    /// How many webhooks wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }

    /// Waits as long as so many wait to be written, and no longer than this.
    pub async fn let_pass(&self, flood: usize, longest: Duration) {
        let watch = Stopwatch::start();
        while self.waiting() >= flood && watch.elapsed() < longest {
            pause(Duration::from_millis(1)).await;
        }
    }

    /// Stores a webhook and returns once it is on the disk.
    ///
    /// # Errors
    /// When the queue is full or the database failed.
    pub async fn store(&self, inbound: Inbound) -> Result<(), NotStored> {
        let (stored, answer) = oneshot::channel();
        self.sender.try_send(Waiting { inbound, stored }).map_err(|_| NotStored::Full)?;
        answer.await.map_err(|_| NotStored::Failed)
    }
}

/// Writes what is handed in until the server stops and the queue is empty.
pub async fn run(app: App) {
    let mut receiver = app.ingest.receiver.lock().await;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            count = receiver.recv_many(&mut batch, BATCH) => {
                if count == 0 {
                    return;
                }
            }
            () = app.stop.cancelled() => {
                receiver.close();
                if receiver.is_empty() {
                    return;
                }
                continue;
            }
        }
        let (rows, waiting): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|one| (one.inbound, one.stored)).unzip();
        match write(&app, &rows).await {
            Ok(()) => {
                for stored in waiting {
                    // A request that was given up no longer waits; its webhook is stored all the same.
                    let _ = stored.send(());
                }
                app.wake.receive.notify_one();
            }
            // Dropping the senders tells every request that its webhook is not stored.
            Err(error) => tracing::error!(%error, count = rows.len(), "webhooks not stored"),
        }
    }
}

async fn write(app: &App, rows: &[Inbound]) -> posta_store::Result<()> {
    let watch = Stopwatch::start();
    let mut tx = app.db.write().await?;
    inbound::insert_all(&mut tx, rows).await?;
    tx.commit().await?;
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    metrics::histogram!("posta_ingest_batch_rows").record(f64::from(count));
    metrics::histogram!("posta_ingest_commit_seconds").record(watch.elapsed().as_secs_f64());
    Ok(())
}
