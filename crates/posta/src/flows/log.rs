//! Reading the event log from a place on: the same for those who pull and those who listen.

use std::time::Duration;

use posta_core::id::WorkspaceId;
use posta_core::time::Timestamp;
use posta_store::Tx;
use posta_store::events::{self, Filter, Placed};
use tokio::sync::watch;

use crate::app::App;

/// How many places one read looks through at most, however few of the events match.
const SPAN: i64 = 10_000;

/// How long a listener waits before it looks again; another node may have written.
const LOOK: Duration = Duration::from_secs(1);

/// Somebody's place in the log.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The workspace.
    pub owner: WorkspaceId,
    /// What is to be read.
    pub filter: Filter,
    /// Up to where it has been read.
    pub after: i64,
}

/// A part of the log.
#[derive(Debug)]
pub struct Part {
    /// The events, in their order.
    pub events: Vec<Placed>,
    /// Whether there is more to read by now.
    pub has_more: bool,
}

impl Reader {
    /// Reads the next part and moves on behind it.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn read(&mut self, tx: &mut Tx, limit: i64) -> posta_store::Result<Part> {
        let newest = events::get_newest(tx, &self.owner).await?;
        loop {
            let up_to = newest.min(self.after.saturating_add(SPAN));
            let events =
                events::list(tx, &self.owner, self.after, up_to, &self.filter, limit).await?;
            let is_full = i64::try_from(events.len()).unwrap_or(i64::MAX) >= limit;
            self.after = match events.last() {
                Some(last) if is_full => last.seq,
                _ => up_to.max(self.after),
            };
            if !events.is_empty() || self.after >= newest {
                return Ok(Part { has_more: self.after < newest, events });
            }
        }
    }

    /// Finds the place up to which events that this reader wants are no longer all there, if it has
    /// not read so far.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn missed(&self, tx: &mut Tx) -> posta_store::Result<Option<i64>> {
        let horizon = events::find_horizon(tx, &self.owner, &self.filter.kinds).await?;
        Ok(horizon.filter(|horizon| *horizon > self.after))
    }
}

/// Waits until something was announced, perhaps; at most until the time is up or the server stops.
pub async fn listen(app: &App, ear: &mut watch::Receiver<()>, until: Timestamp) {
    let look = app.clock.now().plus(LOOK);
    tokio::select! {
        () = app.stop.cancelled() => {}
        _ = ear.changed() => {}
        () = app.clock.sleep_until(until.min(look)) => {}
    }
}
