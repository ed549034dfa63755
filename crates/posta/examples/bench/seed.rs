//! Rows by the million, written by the database itself.

use posta_core::id::EndpointId;
use posta_store::Tx;

use crate::world::World;

/// Runs a statement with the same numbered values on either database.
macro_rules! run {
    ($tx:expr, $file:literal, $($value:expr),+) => {
        match $tx {
            Tx::Sqlite(tx) => {
                let query = sqlx::query(include_str!(concat!("seed/sqlite/", $file)));
                query$(.bind($value))+.execute(&mut **tx).await?;
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(include_str!(concat!("seed/postgres/", $file)));
                query$(.bind($value))+.execute(&mut **tx).await?;
            }
        }
    };
}

/// How many rows share a transaction.
const CHUNK: i64 = 250_000;

/// How many messages a conversation has.
pub(crate) const LENGTH: i64 = 100;

/// Adds events, about as long as those of messages are.
async fn events(world: &World, count: i64) -> anyhow::Result<()> {
    let (owner, now) = (&world.owner.workspace, world.ids.clock().now());
    let padding = "x".repeat(1200);
    for start in (0..count).step_by(usize::try_from(CHUNK)?) {
        let mut tx = world.db.write().await?;
        let end = count.min(start + CHUNK);
        let account = Option::<String>::None;
        run!(&mut tx, "events.sql", start, end, owner, account, &padding, now);
        let last = include_str!("seed/event_seq.sql");
        match &mut tx {
            Tx::Sqlite(tx) => {
                sqlx::query(last).bind(owner).bind(end).execute(&mut **tx).await?;
            }
            Tx::Postgres(tx) => {
                sqlx::query(last).bind(owner).bind(end).execute(&mut **tx).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Adds events and a delivery of each, all of them due.
pub(crate) async fn deliveries(
    world: &World,
    endpoint: &EndpointId,
    count: i64,
) -> anyhow::Result<()> {
    events(world, count).await?;
    let (owner, now) = (&world.owner.workspace, world.ids.clock().now());
    let mut tx = world.db.write().await?;
    run!(&mut tx, "deliveries.sql", count, owner, endpoint, now.as_millis() - count);
    tx.commit().await?;
    analyze(world).await
}

/// Adds conversations in which may be answered, shared out evenly among so many accounts.
pub(crate) async fn conversations(
    world: &World,
    from: i64,
    to: i64,
    accounts: i64,
) -> anyhow::Result<()> {
    let (owner, now) = (&world.owner.workspace, world.ids.clock().now());
    let mut tx = world.db.write().await?;
    run!(&mut tx, "conversations.sql", from, to, owner, now, accounts);
    tx.commit().await?;
    analyze(world).await
}

/// Lets Postgres look at what was added, as it does by itself after a while.
async fn analyze(world: &World) -> anyhow::Result<()> {
    let mut tx = world.db.write().await?;
    if let Tx::Postgres(tx) = &mut tx {
        sqlx::query("ANALYZE").execute(&mut **tx).await?;
    }
    Ok(tx.commit().await?)
}

/// Adds messages, [`LENGTH`] to a conversation, to the first account.
pub(crate) async fn messages(world: &World, from: i64, to: i64) -> anyhow::Result<()> {
    let (owner, now) = (&world.owner.workspace, world.ids.clock().now());
    for start in (from..to).step_by(usize::try_from(CHUNK)?) {
        let mut tx = world.db.write().await?;
        let end = to.min(start + CHUNK);
        run!(&mut tx, "messages.sql", start, end, owner, now.as_millis() - to, LENGTH);
        tx.commit().await?;
    }
    analyze(world).await
}

/// The id of a conversation that was added.
pub(crate) fn conversation(number: usize) -> String {
    format!("{number:024x}")
}
