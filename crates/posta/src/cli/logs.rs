//! `posta logs`: what was asked of platforms and what they said, for whoever has to find out.

use anyhow::Context;
use clap::Args;
use posta_core::id::{AccountId, MessageId};
use posta_store::calls::{self, Call, Filter};
use posta_store::workspaces;
use serde_json::json;

use super::{ready_database, say};
use crate::api::logs::Log;
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The workspace.
    #[arg(long, default_value = "default")]
    workspace: String,
    /// Only calls that did not go well.
    #[arg(long)]
    failed: bool,
    /// Only calls for this account.
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// Only calls that sent this message.
    #[arg(long, value_name = "ID")]
    message: Option<MessageId>,
    /// Only calls that this request of the API asked for, by its X-Request-Id.
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Only refusals with this code of the platform's.
    #[arg(long)]
    code: Option<i64>,
    /// Only where this stands in the platform's words, its id of the call, the action or the path.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// How many at most, the newest ones.
    #[arg(long, default_value_t = 50)]
    limit: u16,
    /// Print one JSON object per call, as `GET /v1/logs` shows it.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, wanted: Logs) -> anyhow::Result<()> {
    let db = ready_database(config).await?;
    let mut tx = db.read().await?;
    let found = workspaces::find_by_name(&mut tx, &wanted.workspace).await?;
    let owner = found.with_context(|| format!("there is no workspace {}", wanted.workspace))?;
    let filter = Filter {
        is_success: wanted.failed.then_some(false),
        account: wanted.account.as_ref(),
        message: wanted.message.as_ref(),
        request: wanted.request.as_deref(),
        code: wanted.code,
        search: wanted.search.as_deref(),
        ..Filter::default()
    };
    let calls = calls::list(&mut tx, &owner.id, &filter, i64::from(wanted.limit), 0).await?;
    drop(tx);
    db.close().await;
    for call in calls {
        if wanted.json {
            say(&json!(Log::from(call)).to_string());
        } else {
            say(&line(&call));
        }
    }
    Ok(())
}

fn line(call: &Call) -> String {
    let status = call.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let mut line = format!(
        "{}  {}  {}  {} {}  {status}  {} ms",
        call.created_at, call.platform, call.action, call.method, call.path, call.duration_ms
    );
    for (name, value) in [
        ("code", call.code.map(|code| code.to_string())),
        ("trace", call.trace_id.clone()),
        ("request", call.request_id.clone()),
    ] {
        if let Some(value) = value {
            line.push_str(&format!("  {name}={value}"));
        }
    }
    if let Some(words) = &call.words {
        line.push_str(&format!("  {words}"));
    }
    line
}
