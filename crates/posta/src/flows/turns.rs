//! Machines that talk to each other: how many turns they may take before a person has to look.
//!
//! A turn is a message that a program sent, answered by the person within seconds, and not by a tap on
//! something that was offered. Nobody who reads and types does that many times in a row. Once there
//! were too many, programs send nothing more in the conversation until somebody of the business has
//! written, or has let them go on.

use std::time::Duration;

use posta_core::event::{self, Direction};
use posta_core::failure::{Code, ConnectorError};
use posta_store::conversations::Conversation;
use posta_store::messages::{Message, Origin};
use posta_store::{Tx, turns};
use serde_json::json;

use super::events::{ConversationBlock, InboxAccount, Payload};
use super::receive::Told;
use super::refusal;
use super::window::Sender;
use crate::app::App;

/// Whoever answers faster does not read.
const QUICK: Duration = Duration::from_secs(5);

/// Takes in what a person wrote, and stops the programs at the last turn that they may take.
///
/// # Errors
/// When the database failed.
pub(super) async fn heard(
    app: &App,
    tx: &mut Tx,
    told: &Told<'_>,
    conversation: &Conversation,
    (stored, message): (&Message, &event::Message),
) -> posta_store::Result<()> {
    let most = i64::from(app.config.inbox.automated_turns);
    // What was found by comparing is no answer within seconds.
    if most == 0 || told.origin != Origin::Webhook {
        return Ok(());
    }
    let Some(last) = turns::find_last(tx, &conversation.id, &stored.id).await? else {
        return Ok(());
    };
    let taken = turns::get(tx, &conversation.id).await?;
    if taken >= most || last.direction == Direction::Incoming {
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
    told.announce(app, tx, "automation.stopped", &payload).await.map(drop)
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
