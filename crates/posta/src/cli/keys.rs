//! `posta keys`: API keys, made where no key is needed to make one; and master keys.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use posta_core::chance::Chance;
use posta_core::id::{Ids, KeyId};
use posta_core::secret::KeyRing;
use posta_store::keys::Key;
use posta_store::workspaces::{self, Workspace};
use posta_store::{Tx, keys as rows};
use serde_json::{Value, json};

use super::{clock, ready_database, say};
use crate::config::{ConfigError, Layers};
use crate::flows::keys::{NewKey, make, workspace};

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Make an API key and print it, once.
    Create(Create),
    /// List the API keys of a workspace.
    List(List),
    /// Revoke an API key; it stops working at once.
    Revoke(Revoke),
    /// Print a new master key, for the environment variable `POSTA_MASTER_KEY`.
    Master,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The key's name for people.
    #[arg(long, default_value = "command line", value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The workspace it opens; made when it is not there.
    #[arg(long, default_value = "default")]
    workspace: String,
    /// Let the key only read.
    #[arg(long)]
    read_only: bool,
    /// After how many days it stops working.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires_in: Option<u32>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The workspace.
    #[arg(long, default_value = "default")]
    workspace: String,
    /// Print one JSON object per key.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The key's id, as `posta keys list` shows it.
    id: KeyId,
    /// The workspace.
    #[arg(long, default_value = "default")]
    workspace: String,
}

pub(super) async fn run(
    layers: impl Fn() -> Result<Layers, ConfigError>,
    keys: Keys,
) -> anyhow::Result<()> {
    if matches!(keys, Keys::Master) {
        say(KeyRing::generate(&Chance::system()).expose());
        return Ok(());
    }
    let db = ready_database(&layers()?.config()?).await?;
    let mut tx = db.write().await?;
    let result = match keys {
        Keys::Master => Vec::new(),
        Keys::Create(wanted) => vec![create(&mut tx, wanted).await?],
        Keys::List(wanted) => list(&mut tx, &wanted).await?,
        Keys::Revoke(wanted) => vec![revoke(&mut tx, &wanted).await?],
    };
    tx.commit().await?;
    db.close().await;
    // Only now is it true.
    result.iter().for_each(|line| say(line));
    Ok(())
}

async fn create(tx: &mut Tx, wanted: Create) -> anyhow::Result<String> {
    let ids = Ids::new(clock(), Chance::system());
    let owner = workspace(&ids, tx, &wanted.workspace).await?;
    let lifetime = wanted.expires_in.map(|days| Duration::from_hours(24) * days);
    let new = NewKey {
        name: wanted.name,
        profile_ids: None,
        is_read_only: wanted.read_only,
        disabled_groups: Vec::new(),
        expires_at: lifetime.map(|lifetime| ids.clock().now().plus(lifetime)),
    };
    let (key, text) = make(&ids, tx, &owner.id, new).await?;
    if !wanted.json {
        return Ok(text.expose().to_owned());
    }
    let mut row = shown(&key);
    row["key"] = text.expose().into();
    Ok(row.to_string())
}

async fn list(tx: &mut Tx, wanted: &List) -> anyhow::Result<Vec<String>> {
    let owner = find_workspace(tx, &wanted.workspace).await?;
    let rows = rows::list(tx, &owner.id).await?;
    let line = |key: &Key| {
        let row = shown(key);
        if wanted.json {
            return row.to_string();
        }
        let columns = ["id", "createdAt", "permission", "keyPreview", "name"];
        columns.map(|name| row[name].as_str().unwrap_or("-").to_owned()).join("  ")
    };
    Ok(rows.iter().map(line).collect())
}

async fn revoke(tx: &mut Tx, wanted: &Revoke) -> anyhow::Result<String> {
    let owner = find_workspace(tx, &wanted.workspace).await?;
    if !rows::delete(tx, &owner.id, &wanted.id).await? {
        bail!(
            "workspace {} has no key {}; `posta keys list` shows those it has",
            wanted.workspace,
            wanted.id
        );
    }
    Ok(format!("revoked {}", wanted.id))
}

async fn find_workspace(tx: &mut Tx, name: &str) -> anyhow::Result<Workspace> {
    workspaces::find_by_name(tx, name).await?.with_context(|| {
        format!("there is no workspace {name}; `posta keys create --workspace {name}` makes it")
    })
}

fn shown(key: &Key) -> Value {
    json!({
        "id": key.id, "name": key.name, "keyPreview": key.preview, "createdAt": key.created_at,
        "expiresAt": key.expires_at,
        "permission": if key.is_read_only { "read" } else { "read-write" },
    })
}
