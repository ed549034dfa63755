//! The connection, and everything in which the two databases differ.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Postgres, Sqlite, Transaction};

use crate::outage::Door;

static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// Runs one query text on whichever database the transaction is of.
macro_rules! sql {
    ($tx:expr, |$c:ident| $query:expr) => {
        match $tx {
            $crate::Tx::Sqlite(t) => {
                let $c = &mut **t;
                $query
            }
            $crate::Tx::Postgres(t) => {
                let $c = &mut **t;
                $query
            }
        }
    };
}
pub(crate) use sql;

/// The database. Clones share connections.
#[derive(Clone, Debug)]
pub struct Db(Pools);

#[derive(Clone, Debug)]
enum Pools {
    // SQLite has one writer at a time; a pool of one queues writers fairly instead of by chance.
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres { pool: PgPool, door: Arc<Door> },
}

/// A transaction. Dropped without [`Tx::commit`], it never happened.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On Postgres.
    Postgres(Transaction<'static, Postgres>),
}

/// Which database to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// A file, made when it is not there.
    Sqlite(PathBuf),
    /// A server, by its connection URL.
    Postgres(String),
}

impl FromStr for Open {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            Some(("sqlite", path)) => {
                Ok(Self::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            _ => Err("a database URL begins with sqlite: or postgres:".to_owned()),
        }
    }
}

/// How a database's schema differs from the one that this version knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// How many migrations of this version it lacks.
    pub missing: usize,
    /// The numbers of those that this version does not know, or knows as others.
    pub unknown: Vec<i64>,
}

impl Schema {
    fn of(migrator: &Migrator, applied: &[AppliedMigration]) -> Self {
        let is_known = |one: &&AppliedMigration| {
            let mut known = migrator.iter();
            known.any(|known| known.version == one.version && known.checksum == one.checksum)
        };
        let unknown = applied.iter().filter(|one| !is_known(one)).map(|one| one.version);
        Self { missing: missing(migrator, applied).count(), unknown: unknown.collect() }
    }
}

/// The table in which sqlx notes which migrations were applied.
const MIGRATIONS: &str = "_sqlx_migrations";

/// Taking the write lock at once makes a later upgrade, which can fail, unnecessary.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// How many query texts each connection keeps prepared: those that write many rows have a text for each
/// number of rows.
const PREPARED: usize = 512;

/// How many connections are used at once, per process.
const CONNECTIONS: u32 = 16;

/// How long a transaction waits for a connection to the server. Platforms and clients wait only some
/// seconds for an answer, and a refusal in time is better than none.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same for a file, whose one writer is never away, only busy.
const QUEUE: Duration = Duration::from_secs(10);

impl Db {
    /// Opens the database without looking at its schema.
    pub async fn open(which: &Open) -> crate::Result<Self> {
        match which {
            Open::Sqlite(path) => Self::open_sqlite(path).await,
            Open::Postgres(url) => {
                let options = PgConnectOptions::from_str(url)?
                    .application_name("posta")
                    .statement_cache_capacity(PREPARED);
                // A pool only says that it waited in vain; a single connection says why.
                PgConnection::connect_with(&options).await?.close().await?;
                let pool = PgPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .acquire_timeout(PATIENCE)
                    .connect_with(options.clone())
                    .await?;
                Ok(Self(Pools::Postgres { pool, door: Arc::new(Door::new(options)) }))
            }
        }
    }

    async fn open_sqlite(path: &Path) -> crate::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An accepted webhook must survive a power cut, so each commit waits for the disk.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(QUEUE)
            .statement_cache_capacity(PREPARED);
        let pool = SqlitePoolOptions::new().acquire_timeout(QUEUE);
        let write = pool.clone().max_connections(1);
        let write = write.connect_with(options.clone()).await?;
        let read = pool.max_connections(CONNECTIONS);
        let read = read.connect_with(options.read_only(true)).await?;
        Ok(Self(Pools::Sqlite { read, write }))
    }

    /// The server's connections; `None` for a file.
    pub(crate) fn pool(&self) -> Option<&PgPool> {
        match &self.0 {
            Pools::Sqlite { .. } => None,
            Pools::Postgres { pool, .. } => Some(pool),
        }
    }

    /// The connections that read a file; `None` for a server.
    pub(crate) fn file(&self) -> Option<&SqlitePool> {
        match &self.0 {
            Pools::Sqlite { read, .. } => Some(read),
            Pools::Postgres { .. } => None,
        }
    }

    /// A file with these connections to read and write it.
    pub(crate) fn of_file(pool: SqlitePool) -> Self {
        Self(Pools::Sqlite { read: pool.clone(), write: pool })
    }

    /// Brings the schema up to this version. Returns the names of the migrations it applied.
    pub async fn migrate(&self) -> std::result::Result<Vec<String>, MigrateError> {
        match &self.0 {
            Pools::Sqlite { write, .. } => migrate(&SQLITE, &mut *write.acquire().await?).await,
            Pools::Postgres { pool, .. } => {
                let mut connection = pool.acquire().await?;
                // Its lock must end with it, also when something goes wrong.
                connection.close_on_drop();
                migrate(&POSTGRES, &mut *connection).await
            }
        }
    }

    /// Compares the schema with the one that this version knows.
    pub async fn schema(&self) -> std::result::Result<Schema, MigrateError> {
        match &self.0 {
            Pools::Sqlite { read, .. } => {
                let mut connection = read.acquire().await?;
                let text = "SELECT COUNT(*) > 0 FROM sqlite_master WHERE name = $1";
                let is_begun = sqlx::query_scalar(text).bind(MIGRATIONS);
                let applied = if is_begun.fetch_one(&mut *connection).await? {
                    connection.list_applied_migrations(MIGRATIONS).await?
                } else {
                    Vec::new()
                };
                Ok(Schema::of(&SQLITE, &applied))
            }
            Pools::Postgres { pool, .. } => {
                let mut connection = pool.acquire().await?;
                let text = "SELECT to_regclass($1) IS NOT NULL";
                let is_begun = sqlx::query_scalar(text).bind(MIGRATIONS);
                let applied = if is_begun.fetch_one(&mut *connection).await? {
                    connection.list_applied_migrations(MIGRATIONS).await?
                } else {
                    Vec::new()
                };
                Ok(Schema::of(&POSTGRES, &applied))
            }
        }
    }

    /// Begins a transaction that only reads.
    pub async fn read(&self) -> crate::Result<Tx> {
        #[cfg(debug_assertions)]
        crate::crash::stand_still().await;
        match &self.0 {
            Pools::Sqlite { read, .. } => Ok(Tx::Sqlite(read.begin().await?)),
            // As on SQLite, all its queries see the same moment, and it cannot write by mistake.
            Pools::Postgres { pool, door } => {
                let begin = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
                Ok(Tx::Postgres(door.pass(Box::pin(begin)).await?))
            }
        }
    }

    /// Begins a transaction that writes.
    pub async fn write(&self) -> crate::Result<Tx> {
        #[cfg(debug_assertions)]
        crate::crash::stand_still().await;
        match &self.0 {
            Pools::Sqlite { write, .. } => match write.begin_with(BEGIN).await {
                // SQLite ends a transaction by itself when the disk is full, and then the driver, which
                // believes it open, begins no other on the only connection that writes.
                Err(sqlx::Error::InvalidSavePointStatement) => {
                    let anew = async {
                        write.acquire().await?.close().await?;
                        write.begin_with(BEGIN).await
                    };
                    Ok(Tx::Sqlite(Box::pin(anew).await?))
                }
                begun => Ok(Tx::Sqlite(begun?)),
            },
            // Boxed, for a future that may have to connect is large, and every request has one.
            Pools::Postgres { pool, door } => {
                Ok(Tx::Postgres(door.pass(Box::pin(pool.begin())).await?))
            }
        }
    }

    /// Asks the database for an answer.
    pub async fn ping(&self) -> crate::Result<()> {
        let mut tx = self.read().await?;
        sql!(&mut tx, |c| sqlx::query("SELECT 1").execute(c).await.map(drop))
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        match &self.0 {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres { pool, .. } => pool.close().await,
        }
    }
}

async fn migrate(
    migrator: &Migrator,
    connection: &mut impl Migrate,
) -> std::result::Result<Vec<String>, MigrateError> {
    // Nodes that start together take turns.
    connection.lock().await?;
    connection.ensure_migrations_table(MIGRATIONS).await?;
    let before = connection.list_applied_migrations(MIGRATIONS).await?;
    // What `run` calls; through `run` itself the future could not be sent between threads.
    migrator.run_direct(None, connection, false).await?;
    connection.unlock().await?;
    let new = missing(migrator, &before);
    Ok(new.map(|one| one.description.to_string()).collect())
}

fn missing<'a>(
    migrator: &'a Migrator,
    applied: &'a [AppliedMigration],
) -> impl Iterator<Item = &'a Migration> {
    let is_applied = |version| applied.iter().any(|one| one.version == version);
    migrator.iter().filter(move |one| !is_applied(one.version))
}

impl Tx {
    /// The function that says at which place a text holds another, or 0.
    pub(crate) fn finds(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "instr",
            Self::Postgres(_) => "strpos",
        }
    }

    /// Makes everything done in this transaction lasting.
    pub async fn commit(self) -> crate::Result<()> {
        #[cfg(debug_assertions)]
        {
            Box::pin(crate::crash::commit(self)).await
        }
        #[cfg(not(debug_assertions))]
        {
            self.finish().await
        }
    }

    pub(crate) async fn finish(self) -> crate::Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}

/// Runs a claim: a query around a selection of rows, which Postgres locks so that two nodes never
/// take the same one, and which SQLite need not lock, having one writer. The selection must be
/// `MATERIALIZED`: Postgres may run an ordinary one several times, and take other rows each time.
macro_rules! claim {
    ($tx:expr, $before:expr, $after:expr, |$text:ident, $c:ident| $query:expr) => {
        match $tx {
            $crate::Tx::Sqlite(t) => {
                let ($c, $text) = (&mut **t, concat!($before, $after));
                $query
            }
            $crate::Tx::Postgres(t) => {
                let ($c, $text) = (&mut **t, concat!($before, " FOR UPDATE SKIP LOCKED", $after));
                $query
            }
        }
    };
}
pub(crate) use claim;

/// Adds ` AND column IN (…)` to a query; an empty list matches nothing.
macro_rules! push_among {
    ($query:ident, $column:literal, $ids:expr) => {
        $query.push(concat!(" AND ", $column, " IN ("));
        let mut list = $query.separated(", ");
        list.push("NULL");
        for id in $ids {
            list.push_bind(id);
        }
        $query.push(")");
    };
}
pub(crate) use push_among;
