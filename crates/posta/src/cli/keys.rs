//! `posta keys`: API keys, made where no key is needed to make one; and master keys.

use std::time::Duration;

use anyhow::{Context, bail};
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
    #[arg(long, default_value = "command line")]
    name: String,
    /// The workspace it opens; made when it is not there.
    #[arg(long, default_value = "default")]
    workspace: String,
    /// Let the key only read.
    #[arg(long)]
    read_only: bool,
    /// After how many days it stops working.
    #[arg(long, value_name = "DAYS")]
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
    match keys {
        Keys::Master => {}
        Keys::Create(wanted) => create(&mut tx, wanted).await?,
        Keys::List(wanted) => list(&mut tx, &wanted).await?,
        Keys::Revoke(wanted) => revoke(&mut tx, &wanted).await?,
    }
    tx.commit().await?;
    db.close().await;
    Ok(())
}

async fn create(tx: &mut Tx, wanted: Create) -> anyhow::Result<()> {
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
    if wanted.json {
        let mut row = shown(&key);
        row["key"] = text.expose().into();
        say(&row.to_string());
    } else {
        say(text.expose());
    }
    Ok(())
}

async fn list(tx: &mut Tx, wanted: &List) -> anyhow::Result<()> {
    let owner = find_workspace(tx, &wanted.workspace).await?;
    for key in rows::list(tx, &owner.id).await? {
        let row = shown(&key);
        if wanted.json {
            say(&row.to_string());
            continue;
        }
        let columns = ["id", "createdAt", "permission", "keyPreview", "name"];
        let texts = columns.map(|name| row[name].as_str().unwrap_or("-").to_owned());
        say(&texts.join("  "));
    }
    Ok(())
}

async fn revoke(tx: &mut Tx, wanted: &Revoke) -> anyhow::Result<()> {
    let owner = find_workspace(tx, &wanted.workspace).await?;
    if !rows::delete(tx, &owner.id, &wanted.id).await? {
        bail!("workspace {} has no key {}", wanted.workspace, wanted.id);
    }
    say(&format!("revoked {}", wanted.id));
    Ok(())
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
