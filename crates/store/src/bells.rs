//! The bells of other nodes: Postgres carries what is rung. A file has one node, and none to tell.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::{Db, Result};

/// Under which name nodes ring; each database has its own.
const CHANNEL: &str = "posta_bells";

/// How long a listener waits for its connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hears what nodes ring, on a connection of its own.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Db {
    /// Rings: everybody who listens hears this text.
    pub async fn ring(&self, text: &str) -> Result<()> {
        let Some(pool) = self.pool() else {
            return Ok(());
        };
        let ring = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(text);
        ring.execute(pool).await.map(drop)
    }

    /// Begins to listen; `None` where there are no other nodes.
    pub async fn listen(&self) -> Result<Option<Listener>> {
        let Some(pool) = self.pool() else {
            return Ok(None);
        };
        // Whoever works must not wait for a connection because somebody listens on it.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(PATIENCE)
            .connect_with((*pool.connect_options()).clone())
            .await?;
        let mut listener = PgListener::connect_with(&own).await?;
        listener.ignore_pool_close_event(true);
        // What is rung meanwhile would be missed without a sign.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(Some(Listener(listener)))
    }
}

impl Listener {
    /// Waits for the next text; `None` when the connection is lost, and bells may have been missed.
    pub async fn next(&mut self) -> Result<Option<String>> {
        Ok(self.0.try_recv().await?.map(|rung| rung.payload().to_owned()))
    }
}
