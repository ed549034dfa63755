//! `posta move`: everything from a SQLite file into a Postgres database, compared on both sides.

use anyhow::{Context, bail};
use clap::Args;
use posta_store::copy::{Copied, CopyError, copy};
use posta_store::{Db, Open, Tx};
use serde_json::json;

use super::say;
use crate::boot;
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The empty database to move to, such as `postgres://USER:PASSWORD@HOST/NAME`.
    #[arg(long, value_name = "URL")]
    to: Open,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, arguments: Arguments) -> anyhow::Result<()> {
    let Open::Sqlite(path) = &config.database.url else {
        bail!("only a SQLite file can be moved, and database.url is a server already");
    };
    if !matches!(arguments.to, Open::Postgres(_)) {
        bail!("--to takes a PostgreSQL database: postgres://USER:PASSWORD@HOST/NAME");
    }
    if !path.is_file() {
        bail!("there is no file {} to move", path.display());
    }
    let source = Db::open_alone(path).await;
    let source = source.with_context(|| {
        format!("cannot have {} for myself alone: stop the server, and all else", path.display())
    })?;
    boot::check_schema(&source, &config.database.url).await?;
    let target = boot::open(&arguments.to).await?;
    let schema = target.schema().await?;
    boot::refuse_unknown(&schema, "the database in --to")?;
    // Before anything is made in it: it may be another program's, or that of an older Posta.
    if schema.missing > 0 && !target.is_bare().await? {
        bail!("the database in --to is in use: move to an empty one");
    }
    target.migrate().await.context("cannot make the tables in --to")?;
    let tables = carry(&source, &target, arguments.json).await?;
    source.close().await;
    target.close().await;
    report(config, &tables, arguments.json);
    Ok(())
}

async fn carry(source: &Db, target: &Db, is_json: bool) -> anyhow::Result<Vec<Copied>> {
    let (Tx::Sqlite(mut from), Tx::Postgres(mut to)) =
        (source.read().await?, target.write().await?)
    else {
        bail!("only a SQLite file can be moved, and only to PostgreSQL");
    };
    let tell = |table: &Copied| {
        if !is_json {
            say(&format!("{:>10}  {}  {}", table.rows, &table.digest[..16], table.name));
        }
    };
    let copied = copy(&mut from, &mut to, tell).await.map_err(|error| match error {
        CopyError::NotEmpty(_) => anyhow::Error::new(error)
            .context("the database in --to is in use: move to an empty one"),
        other => anyhow::Error::new(other).context("nothing was moved"),
    })?;
    to.commit().await.context("nothing was moved")?;
    Ok(copied)
}

fn report(config: &Config, tables: &[Copied], is_json: bool) {
    let rows: u64 = tables.iter().map(|table| table.rows).sum();
    let media = config.media_directory();
    if is_json {
        let table =
            |one: &Copied| json!({"name": one.name, "rows": one.rows, "sha256": one.digest});
        let tables: Vec<_> = tables.iter().map(table).collect();
        let report = json!({"rows": rows, "tables": tables, "mediaDirectory": media});
        return say(&report.to_string());
    }
    say(&format!("moved {rows} rows in {} tables; both sides are the same", tables.len()));
    say("now set POSTA_DATABASE_URL to the new database, with the same POSTA_MASTER_KEY");
    say(&format!(
        "files are not in the database: set POSTA_MEDIA_DIRECTORY to {}, for all nodes",
        std::path::absolute(&media).unwrap_or(media).display()
    ));
}
