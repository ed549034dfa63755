//! Copying a whole database from a file to a server: every table that there is, row by row, and both
//! sides read and compared before anything counts.

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Error, Postgres, QueryBuilder, Row, Sqlite, Transaction};

use crate::{Db, Tx};

mod value;

use value::{Column, Kind, Value};

/// A table that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub name: String,
    /// How many rows it has, on both sides.
    pub rows: u64,
    /// SHA-256 over all its rows, the same on both sides.
    pub digest: String,
}

/// Why a database was not copied. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the databases failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// The target is in use.
    #[error("its table {0} has rows already")]
    NotEmpty(String),
    /// The two schemas are not of the same version.
    #[error("the table {0} is not the same on both sides")]
    Schema(String),
    /// What was read back is not what was written.
    #[error("the table {0} was not copied exactly: {1} rows with digest {2} became {3} with {4}")]
    Differs(String, u64, String, u64, String),
}

/// How many rows, and about how many bytes, are written at once.
const ROWS: usize = 1000;
const BYTES: usize = 4 << 20;

/// Copies all rows of a file into an empty database of the same schema, and compares both sides, table
/// by table. It is the caller who commits.
///
/// # Errors
/// When it cannot be done, or was not done exactly.
pub async fn copy(
    from: &mut Transaction<'static, Sqlite>,
    to: &mut Transaction<'static, Postgres>,
    mut copied: impl FnMut(&Copied),
) -> Result<Vec<Copied>, CopyError> {
    let tables = tables(from).await?;
    let mut plans = Vec::new();
    for name in &tables {
        let plan = Plan::of(name, from, to).await?;
        let count = AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM \"{name}\")"));
        if sqlx::query_scalar(count).fetch_one(&mut **to).await? {
            return Err(CopyError::NotEmpty(name.clone()));
        }
        plans.push(plan);
    }
    let others = "SELECT tablename::text FROM pg_tables
         WHERE schemaname = current_schema() AND tablename <> '_sqlx_migrations'";
    for name in sqlx::query_scalar::<_, String>(others).fetch_all(&mut **to).await? {
        if !tables.contains(&name) {
            return Err(CopyError::Schema(name));
        }
    }
    let mut done = Vec::new();
    for plan in plans {
        let (rows, digest) = plan.write(from, to).await?;
        let (there, told) = plan.read_back(to).await?;
        if (rows, &digest) != (there, &told) {
            return Err(CopyError::Differs(plan.table, rows, digest, there, told));
        }
        let table = Copied { name: plan.table, rows, digest };
        copied(&table);
        done.push(table);
    }
    Ok(done)
}

impl Db {
    /// Whether a database holds no table, of whichever program.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn is_bare(&self) -> Result<bool, Error> {
        let none = match self.read().await? {
            Tx::Sqlite(mut tx) => {
                let none = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)";
                sqlx::query_scalar(none).fetch_one(&mut *tx).await?
            }
            Tx::Postgres(mut tx) => {
                let none = "SELECT NOT EXISTS (SELECT 1 FROM pg_tables
                     WHERE schemaname = current_schema())";
                sqlx::query_scalar(none).fetch_one(&mut *tx).await?
            }
        };
        Ok(none)
    }
}

/// All tables of a file, and each after those that it refers to.
pub(crate) async fn tables(from: &mut Transaction<'static, Sqlite>) -> Result<Vec<String>, Error> {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table'
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name";
    let mut left: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut **from).await?;
    let references = "SELECT m.name, f.\"table\" FROM sqlite_master m
         JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
    let references: Vec<(String, String)> =
        sqlx::query_as(references).fetch_all(&mut **from).await?;
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let waits = |name: &String| {
            let mut parents = references.iter().filter(|(child, _)| child == name);
            parents.any(|(_, parent)| parent != name && left.contains(parent))
        };
        let (later, now): (Vec<_>, Vec<_>) = left.iter().cloned().partition(waits);
        if now.is_empty() {
            // They refer to each other in a circle; the database will say what it thinks of it.
            ordered.extend(later);
            break;
        }
        ordered.extend(now);
        left = later;
    }
    Ok(ordered)
}

/// How one table is read and written.
struct Plan {
    table: String,
    columns: Vec<Column>,
    key: Vec<String>,
}

impl Plan {
    async fn of(
        table: &str,
        from: &mut Transaction<'static, Sqlite>,
        to: &mut Transaction<'static, Postgres>,
    ) -> Result<Self, CopyError> {
        let there = "SELECT column_name::text, udt_name::text FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position";
        let there: Vec<(String, String)> =
            sqlx::query_as(there).bind(table).fetch_all(&mut **to).await?;
        let here = "SELECT name, pk FROM pragma_table_info($1) ORDER BY pk, cid";
        let here: Vec<(String, i64)> =
            sqlx::query_as(here).bind(table).fetch_all(&mut **from).await?;
        let name = |one: &(String, _)| one.0.clone();
        let same: BTreeSet<String> = here.iter().map(|one| one.0.clone()).collect();
        let is_same = same == there.iter().map(name).collect();
        let kind = |(name, kind): (String, String)| Some(Column { name, kind: Kind::of(&kind)? });
        let columns: Option<Vec<Column>> = there.into_iter().map(kind).collect();
        let key = here.into_iter().filter(|one| one.1 > 0).map(|one| one.0).collect::<Vec<_>>();
        match columns {
            Some(columns) if is_same && !key.is_empty() => {
                Ok(Self { table: table.to_owned(), columns, key })
            }
            _ => Err(CopyError::Schema(table.to_owned())),
        }
    }

    fn select(&self, column: impl Fn(&Column) -> String) -> AssertSqlSafe<String> {
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        let key: Vec<_> = self.key.iter().map(|name| format!("\"{name}\"")).collect();
        let (columns, key) = (columns.join(", "), key.join(", "));
        AssertSqlSafe(format!("SELECT {columns} FROM \"{}\" ORDER BY {key}", self.table))
    }

    /// Copies all rows and returns how many, and their digest.
    async fn write(
        &self,
        from: &mut Transaction<'static, Sqlite>,
        to: &mut Transaction<'static, Postgres>,
    ) -> Result<(u64, String), CopyError> {
        let mut sum = Sum::default();
        let mut batch = Vec::new();
        let mut bytes = 0;
        let query = self.select(|column| format!("\"{}\"", column.name));
        let mut rows = sqlx::query(query).fetch(&mut **from);
        while let Some(row) = rows.try_next().await? {
            let row = self.row(|index, kind| Value::of_sqlite(&row, index, kind))?;
            bytes += row.iter().map(Value::size).sum::<usize>();
            sum.add(&row);
            batch.push(row);
            if batch.len() == ROWS || bytes >= BYTES {
                self.insert(to, std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
        }
        drop(rows);
        self.insert(to, batch).await?;
        Ok(sum.end())
    }

    fn row(
        &self,
        value: impl Fn(usize, Kind) -> Result<Value, Error>,
    ) -> Result<Vec<Value>, Error> {
        let columns = self.columns.iter().enumerate();
        columns.map(|(index, column)| value(index, column.kind)).collect()
    }

    async fn insert(
        &self,
        to: &mut Transaction<'static, Postgres>,
        rows: Vec<Vec<Value>>,
    ) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = self.columns.iter().map(|one| format!("\"{}\"", one.name)).collect();
        let names = names.join(", ");
        let columns: Vec<_> = self.columns.iter().map(Column::converted).collect();
        let columns = columns.join(", ");
        let mut query = QueryBuilder::<Postgres>::new("");
        query.push(format!(
            "INSERT INTO \"{}\" ({names}) SELECT {columns} FROM UNNEST(",
            self.table
        ));
        let mut each: Vec<Vec<Value>> = self.columns.iter().map(|_| Vec::new()).collect();
        for row in rows {
            for (values, value) in each.iter_mut().zip(row) {
                values.push(value);
            }
        }
        for (index, (column, values)) in self.columns.iter().zip(each).enumerate() {
            if index > 0 {
                query.push(", ");
            }
            column.kind.push(&mut query, values);
        }
        query.push(format!(") AS u ({names})"));
        query.build().execute(&mut **to).await.map(drop)
    }

    /// Reads what was written, and returns how many rows there are, and their digest.
    async fn read_back(
        &self,
        to: &mut Transaction<'static, Postgres>,
    ) -> Result<(u64, String), Error> {
        let mut sum = Sum::default();
        let query = self.select(Column::readable);
        let mut rows = sqlx::query(query).fetch(&mut **to);
        while let Some(row) = rows.try_next().await? {
            sum.add(&self.row(|index, kind| Value::of_postgres(&row, index, kind))?);
        }
        Ok(sum.end())
    }
}

/// Counts rows and mixes them into one number.
#[derive(Default)]
struct Sum {
    rows: u64,
    hash: Sha256,
}

impl Sum {
    fn add(&mut self, row: &[Value]) {
        self.rows += 1;
        let mut bytes = Vec::new();
        for value in row {
            value.write(&mut bytes);
        }
        self.hash.update(bytes);
    }

    fn end(self) -> (u64, String) {
        let digest = self.hash.finalize();
        (self.rows, digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Reads a column that the plan says is of this type; what a file holds is of no declared one.
fn cell<'r, T>(row: &'r SqliteRow, index: usize) -> Result<Option<T>, Error>
where
    T: sqlx::Decode<'r, Sqlite>,
{
    row.try_get_unchecked(index)
}

/// The same on the other side, where types are declared.
fn field<'r, T>(row: &'r PgRow, index: usize) -> Result<Option<T>, Error>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    row.try_get(index)
}
