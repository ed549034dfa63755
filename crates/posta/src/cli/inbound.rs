//! `posta inbound`: the raw webhooks as platforms sent them, for whoever has to find out.

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use posta_core::id::InboundId;
use posta_store::Tx;
use posta_store::inbound::{self as rows, State};
use serde_json::json;

use super::{clock, ready_database, say};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Inbound {
    /// List the newest webhooks in a state.
    List(List),
    /// Print the body of a webhook, byte for byte as it came.
    Show {
        /// Its id, as `posta inbound list` shows it.
        id: InboundId,
    },
    /// Put all webhooks in a state back into the queue, after an upgrade or a new account.
    Retry {
        /// The state.
        #[arg(long)]
        state: Which,
    },
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The state.
    #[arg(long, default_value = "unparsed")]
    state: Which,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: u16,
    /// Print one JSON object per webhook.
    #[arg(long)]
    json: bool,
}

/// What became of webhooks.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Which {
    /// They wait to be worked off.
    Pending,
    /// Everything in them was taken in.
    Done,
    /// They are not of the platform's form.
    Unparsed,
    /// They speak of no account that is connected.
    Unrouted,
}

impl From<Which> for State {
    fn from(which: Which) -> Self {
        match which {
            Which::Pending => Self::Pending,
            Which::Done => Self::Done,
            Which::Unparsed => Self::Unparsed,
            Which::Unrouted => Self::Unrouted,
        }
    }
}

pub(super) async fn run(config: &Config, command: Inbound) -> anyhow::Result<()> {
    let db = ready_database(config).await?;
    let mut tx = db.write().await?;
    match command {
        Inbound::List(wanted) => list(&mut tx, &wanted).await?,
        Inbound::Show { id } => {
            let row = rows::find(&mut tx, &id).await?;
            let row = row.with_context(|| format!("there is no webhook {id}"))?;
            say(&String::from_utf8_lossy(&row.body));
        }
        Inbound::Retry { state } => {
            let count = rows::update_pending(&mut tx, state.into(), clock().now()).await?;
            say(&format!("{count} webhook(s) are in the queue again"));
        }
    }
    tx.commit().await?;
    db.close().await;
    Ok(())
}

async fn list(tx: &mut Tx, wanted: &List) -> anyhow::Result<()> {
    for row in rows::list(tx, wanted.state.into(), i64::from(wanted.limit)).await? {
        if wanted.json {
            let row = json!({
                "id": row.id, "platform": row.platform, "receivedAt": row.received_at,
                "attempts": row.attempts, "error": row.error,
            });
            say(&row.to_string());
        } else {
            let why = row.error.as_deref().unwrap_or("-");
            say(&format!("{}  {}  {}  {why}", row.id, row.received_at, row.platform));
        }
    }
    Ok(())
}
