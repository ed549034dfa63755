//! The queue of an account: why each message waits, and calling one off.

use posta_core::failure::Code;
use posta_core::id::MessageId;
use posta_core::time::Timestamp;
use posta_store::accounts::{Account, State};
use posta_store::messages::{self, Message, Origin, Status};
use posta_store::queue::{self, Queued};
use posta_store::workspaces;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::app::App;
use crate::flows::{FlowError, refusal};

/// Why a message is not being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// It is to be sent at a time that has not come.
    SendTime,
    /// The account is disconnected.
    AccountDisconnected,
    /// The platform takes no more from the account for now.
    RateLimit,
    /// Another message of its conversation goes first.
    Behind,
    /// A try certainly did nothing, and the next one is not due.
    Retry,
    /// Nothing: its turn is next.
    Turn,
}

/// Why a message waits, and until when, where that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waits {
    /// Why.
    pub reason: Because,
    /// Until when; null when nobody knows.
    pub until: Option<Timestamp>,
    /// The message that goes first, if it is behind one.
    pub behind: Option<MessageId>,
}

/// Says why a message waits; `None` when it is being sent. Of several reasons it is the one that
/// is asked about first. `opens` says from when on calls of its class are made again, if not now.
#[must_use]
pub fn waits(
    account: &Account,
    queued: &Queued,
    opens: Option<Timestamp>,
    now: Timestamp,
) -> Option<Waits> {
    if queued.status != Status::Queued {
        return None;
    }
    let because = |reason, until| Some(Waits { reason, until, behind: None });
    let is_ahead = |time: &Timestamp| *time > now;
    if let Some(until) = queued.send_at.filter(is_ahead) {
        return because(Because::SendTime, Some(until));
    }
    if account.state != State::Connected {
        return because(Because::AccountDisconnected, queued.hold_until);
    }
    if let Some(until) = account.rate_limited_until.filter(is_ahead) {
        return because(Because::RateLimit, Some(until));
    }
    if queued.first != queued.message_id.as_str() {
        let behind = queued.first.parse().ok();
        return Some(Waits { reason: Because::Behind, until: None, behind });
    }
    match Some(queued.due_at).filter(is_ahead).filter(|_| queued.attempts > 0) {
        Some(until) => because(Because::Retry, Some(until)),
        None if opens.is_some() => because(Because::RateLimit, opens),
        None => because(Because::Turn, None),
    }
}

/// Calls off a message that has not been handed to the platform, and what follows it in its request.
/// Returns what is called off. Doing it again changes nothing.
///
/// # Errors
/// Why it cannot be called off. Or the database failed.
pub async fn cancel(
    app: &App,
    account: &Account,
    id: &MessageId,
) -> Result<Vec<MessageId>, FlowError> {
    let owner = &account.workspace_id;
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, owner).await?;
    let find = async |tx: &mut _| -> Result<Message, FlowError> {
        let found = messages::find(tx, owner, id).await?;
        let ours = found.filter(|one| one.account_id == account.id && one.origin == Origin::Api);
        ours.ok_or_else(|| {
            let message = format!("nothing that {} sends has the id {id}", account.username);
            refusal(Code::MessageNotFound, message).into()
        })
    };
    let message = find(&mut tx).await?;
    let first = message.part_of.as_ref().unwrap_or(id);
    let cancelled = queue::cancel(&mut tx, &account.id, id, first).await?;
    if cancelled.is_empty() {
        // Whoever changed it before us has committed by now.
        let status = find(&mut tx).await?.status;
        return if status == Status::Cancelled {
            Ok(vec![id.clone()])
        } else {
            Err(too_late(&message, status).into())
        };
    }
    tx.commit().await?;
    for id in &cancelled {
        app.settled(id);
    }
    // What was behind it can go.
    app.wake.send.notify_one();
    Ok(cancelled)
}

fn too_late(message: &Message, status: Status) -> Box<posta_core::failure::ConnectorError> {
    let why = match status {
        Status::Sending | Status::Queued => "the platform is being asked to take it",
        Status::Unknown => "the platform was asked to take it, and may have",
        Status::Failed => "it has failed already",
        _ => "the platform has taken it",
    };
    let mut error = refusal(Code::InvalidResourceState, format!("it is too late: {why}"));
    error.details = Some(json!({"messageId": message.id, "status": status}));
    error
}
