//! Machines that talk to each other: how many turns they may take before a person has to look.
//!
//! A turn is a message that a program sent, answered by the person within seconds, and not by a tap on
//! something that was offered. Nobody who reads and types does that many times in a row. Once there
//! were too many, programs send nothing more in the conversation until somebody of the business has
//! written, or has let them go on.

use std::collections::HashMap;
use std::time::Duration;

use posta_core::event::{self, Direction};
use posta_core::failure::{Code, ConnectorError};
use posta_core::id::ConversationId;
use posta_core::time::Timestamp;
use posta_store::conversations::Conversation;
use posta_store::messages::Origin;
pub(super) use posta_store::turns::Last;
use posta_store::{Tx, turns};
use serde_json::json;

use super::events::{ConversationBlock, InboxAccount, Payload};
use super::receive::Told;
use super::refusal;
use super::window::Sender;
use crate::app::App;

/// Whoever answers faster does not read.
const QUICK: Duration = Duration::from_secs(5);

/// Whether it is counted what programs of both sides say to each other.
pub(super) fn counts(app: &App, told: &Told<'_>) -> bool {
    // What was found by comparing is no answer within seconds.
    app.config.inbox.automated_turns > 0 && told.origin == Origin::Webhook
}

/// What was written last in conversations.
pub(super) struct Lasts(HashMap<ConversationId, Last>);

/// Looks what was written last in conversations.
///
/// # Errors
/// When the database failed.
pub(super) async fn lasts(
    tx: &mut Tx,
    conversations: &[&ConversationId],
) -> posta_store::Result<Lasts> {
    let all = turns::list_last(tx, conversations).await?;
    Ok(Lasts(all.into_iter().map(|last| (last.conversation_id.clone(), last)).collect()))
}

impl Lasts {
    /// Notes that a person wrote. Returns what was written last before, if it was written to them.
    pub(super) fn hear(&mut self, conversation: &ConversationId, at: Timestamp) -> Option<Last> {
        let last = self.0.get_mut(conversation)?;
        let before = last.clone();
        if before.sent_at <= at {
            (last.direction, last.sent_at) = (Direction::Incoming, at);
        }
        (before.direction == Direction::Outgoing).then_some(before)
    }
}

/// Takes in what a person wrote to whom we had written last, and stops the programs at the last turn that
/// they may take.
///
/// # Errors
/// When the database failed.
pub(super) async fn heard(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    conversation: &Conversation,
    (last, message): (&Last, &event::Message),
) -> posta_store::Result<()> {
    let most = i64::from(app.config.inbox.automated_turns);
    let taken = turns::get(tx, &conversation.id).await?;
    if taken >= most {
        return Ok(());
    }
    let is_program = |via: &str| Sender::of(Some(via)) != Sender::Person;
    // Of what was written in the platform's app nothing says what made us send it.
    let is_automated = last.sent_via.as_deref().is_some_and(is_program);
    let is_tap = message.postback.is_some() || message.quick_reply.is_some();
    let is_quick = told.at <= last.sent_at.plus(QUICK);
    let taken = if is_automated && is_quick && !is_tap { taken + 1 } else { 0 };
    turns::update(tx, &conversation.id, taken).await?;
    if taken < most {
        return Ok(());
    }
    tracing::warn!(
        account.id = %told.account.id, conversation.id = %conversation.id, turns = taken,
        "programs of both sides talk to each other; ours stops"
    );
    let payload = Payload::AutomationStopped {
        conversation: ConversationBlock::from(conversation),
        account: InboxAccount::from(told.account),
        turns: taken,
        stopped_at: app.clock.now(),
    };
    told.announce(app, tx, "automation.stopped", payload).await.map(drop)
}

/// Lets programs go on in a conversation, because somebody of the business has seen to it.
///
/// # Errors
/// When the database failed.
pub async fn release(tx: &mut Tx, conversation: &Conversation) -> posta_store::Result<()> {
    turns::update(tx, &conversation.id, 0).await
}

/// Whether programs send nothing in a conversation until they are let go on.
///
/// # Errors
/// When the database failed.
pub async fn is_over(
    app: &App,
    tx: &mut Tx,
    conversation: &Conversation,
) -> posta_store::Result<bool> {
    let most = i64::from(app.config.inbox.automated_turns);
    Ok(most > 0 && turns::get(tx, &conversation.id).await? >= most)
}

/// Refuses what a program sends in a conversation in which it is over.
pub(super) fn refuse(app: &App, sender: Sender, is_over: bool) -> Result<(), Box<ConnectorError>> {
    if !is_over || sender == Sender::Person {
        return Ok(());
    }
    let most = app.config.inbox.automated_turns;
    let message =
        format!("the person answered {most} messages of programs in a row within seconds");
    let mut error = refusal(Code::AutomationStopped, message);
    error.details = Some(json!({"automatedTurns": most}));
    Err(error)
}
