//! `posta migrate`: brings the database up to this version.

use anyhow::Context;

use crate::boot;
use crate::config::Config;

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let db = boot::open(&config.database.url).await?;
    let schema = db.schema().await.context("cannot read the database's schema")?;
    boot::refuse_unknown(&schema, "the database")?;
    let applied = db.migrate().await.context("a migration failed; nothing of it was kept")?;
    db.close().await;
    for name in &applied {
        super::say(&format!("applied {name}"));
    }
    if applied.is_empty() {
        super::say("the database is at this version");
    }
    Ok(())
}
