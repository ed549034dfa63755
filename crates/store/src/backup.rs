//! Backups of a file: made while the server runs, and examined before anybody relies on one.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Error};

use crate::{Db, Result, Tx, copy};

/// How long it is waited for whoever has the file open: a server lets go when it has stopped.
const MOMENT: Duration = Duration::from_millis(200);

impl Db {
    /// Writes all that is committed into another file, which must be empty. Others may go on reading
    /// and writing meanwhile.
    ///
    /// # Errors
    /// When the database is no file, or one of the two failed.
    pub async fn backup(&self, to: &Path) -> Result<()> {
        let Some(pool) = self.file() else {
            return Err(Error::Configuration("only a file can be copied like this".into()));
        };
        let to = to.to_str().ok_or_else(|| Error::Configuration("its name is no text".into()))?;
        let mut connection = pool.acquire().await?;
        sqlx::query("VACUUM INTO $1").bind(to).execute(&mut *connection).await.map(drop)
    }

    /// Opens a file that nobody else has open, and keeps others out as long as something is read.
    ///
    /// # Errors
    /// When it cannot be opened, or somebody else has it open; see [`crate::is_outage`].
    pub async fn open_alone(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            // Nobody can leave the write-ahead log while another connection uses it.
            .journal_mode(SqliteJournalMode::Delete)
            .busy_timeout(MOMENT);
        Ok(Self::of_file(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?))
    }

    /// Opens a file as it lies there, to read it and change nothing, not even beside it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open_still(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        Ok(Self::of_file(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?))
    }
}

/// Looks for damage in a file: pages, indexes, and rows that refer to none.
///
/// # Errors
/// When it cannot even be read.
pub async fn damage(tx: &mut Tx) -> Result<Vec<String>> {
    let Tx::Sqlite(tx) = tx else {
        return Ok(Vec::new());
    };
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut **tx).await?;
    let mut found: Vec<_> = found.into_iter().filter(|line| line != "ok").collect();
    let orphans = "SELECT \"table\", parent, COUNT(*) FROM pragma_foreign_key_check GROUP BY 1, 2";
    let orphans: Vec<(String, String, i64)> = sqlx::query_as(orphans).fetch_all(&mut **tx).await?;
    found.extend(orphans.into_iter().map(|(table, parent, count)| {
        format!("{count} row(s) of {table} refer to rows that are not in {parent}")
    }));
    Ok(found)
}

/// Counts the rows of each table of a file.
///
/// # Errors
/// When it cannot be read.
pub async fn counts(tx: &mut Tx) -> Result<Vec<(String, i64)>> {
    let Tx::Sqlite(tx) = tx else {
        return Ok(Vec::new());
    };
    let mut counts = Vec::new();
    for table in copy::tables(tx).await? {
        let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM \"{table}\""));
        let count = sqlx::query_scalar(count).fetch_one(&mut **tx).await?;
        counts.push((table, count));
    }
    Ok(counts)
}
