//! Sending a message: may this be sent, the attempt on record before the call, the outcome after.

use std::time::Duration;

use posta_core::event::Direction;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::MessageId;
use posta_core::message::{Content, Outgoing, Recipient, Sent, Tag};
use posta_store::accounts::{self, Account};
use posta_store::conversations::{self, Conversation};
use posta_store::idempotency::{self, Which};
use posta_store::jobs::{self, Job};
use posta_store::messages::{self, Message, Origin, Status};
use posta_store::{Json, Tx, workspaces};
use serde_json::{Value, json};

use super::line::Line;
use super::window::{self, Sender};
use super::{FlowError, disconnect, receive, refusal};
use crate::app::App;

/// The kind of the jobs this flow makes and works off.
pub const JOB: &str = "send";

/// What our messages say they were sent through.
const VIA: &str = "api";

/// How often a send is tried that certainly did nothing.
const TRIES: i64 = 5;

/// The wait before the second try; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// How often noting an outcome is tried, and how long after a failure.
const NOTES: u32 = 5;
const NOTE_WAIT: Duration = Duration::from_millis(200);

/// What somebody wants to send.
#[derive(Debug)]
pub struct Request<'a> {
    /// The account that writes.
    pub account: &'a Account,
    /// The conversation it is written in.
    pub conversation: &'a Conversation,
    /// What it says.
    pub text: &'a str,
    /// The permission it is sent under.
    pub tag: Option<Tag>,
    /// The client's idempotency key, already begun in this transaction.
    pub idempotency: Option<Which<'a>>,
}

/// Puts a message into its conversation's lane, if it may be sent.
///
/// # Errors
/// When it may not be sent: nothing has happened then. Or the database failed.
pub async fn enqueue(
    app: &App,
    tx: &mut Tx,
    request: &Request<'_>,
) -> Result<MessageId, FlowError> {
    let account = request.account;
    allowed(app, request)?;
    let now = app.clock.now();
    let message = Message {
        id: app.ids.next(),
        workspace_id: account.workspace_id.clone(),
        account_id: account.id.clone(),
        conversation_id: request.conversation.id.clone(),
        remote_id: None,
        direction: Direction::Outgoing,
        status: Status::Queued,
        text: Some(request.text.to_owned()),
        attachments: Json(Vec::new()),
        sender_id: account.id.to_string(),
        sent_via: Some(VIA.to_owned()),
        tag: request.tag.map(|Tag::HumanAgent| "HUMAN_AGENT".to_owned()),
        metadata: None,
        error: None,
        is_read: true,
        read_at: None,
        sent_at: now,
        created_at: now,
        content: Some(Json(Content::text(request.text))),
        origin: Origin::Api,
        part_of: None,
        comment_id: None,
        deleted_at: None,
        edited_at: None,
        edit_count: 0,
        edit_history: Json(Vec::new()),
        reactions: Json(Vec::new()),
    };
    messages::insert(tx, &message).await?;
    let job = Job {
        id: app.ids.next(),
        kind: JOB.to_owned(),
        lane: request.conversation.id.to_string(),
        workspace_id: account.workspace_id.clone(),
        subject: message.id.to_string(),
        attempts: 0,
        due_at: now,
        created_at: now,
    };
    jobs::insert(tx, &job).await?;
    if let Some(which) = request.idempotency {
        idempotency::update_message(tx, which, &message.id).await?;
    }
    Ok(message.id)
}

/// Whether the account may send this now: the one place that asks.
fn allowed(app: &App, request: &Request<'_>) -> Result<(), Box<ConnectorError>> {
    let refuse = |code, message: String| Err(refusal(code, message));
    let account = request.account;
    if account.state != accounts::State::Connected {
        let reason = account.state_reason.as_deref().unwrap_or("it was disconnected");
        let message = format!("{} cannot send: {reason}", account.username);
        return refuse(Code::AccountDisconnected, message);
    }
    let Some(platform) = posta_platforms::get(&account.platform) else {
        return refuse(Code::PlatformNotSupported, account.platform.clone());
    };
    if platform.messages().is_none() {
        let message = format!("{} takes no messages", platform.title());
        return refuse(Code::PlatformNotSupported, message);
    }
    let limits = platform.limits();
    let count = limits.text.count(request.text);
    if count > limits.text.max {
        let unit = format!("{:?}", limits.text.unit).to_lowercase();
        let message = format!(
            "the text has {count} {unit}; {} takes {} at most",
            platform.title(),
            limits.text.max
        );
        return refuse(Code::TextTooLong, message);
    }
    let sender = Sender::of(Some(VIA));
    window::permits(platform, request.conversation, sender, request.tag, app.clock.now()).map(drop)
}

/// Works off a send job: at most one call to the platform, on record before and after.
///
/// # Errors
/// When the database failed; the job is then taken up again later.
pub async fn attempt(app: &App, job: &Job) -> posta_store::Result<()> {
    let Some((account, conversation, message)) = begin(app, job).await? else {
        return Ok(());
    };
    let result = call(app, &account, &conversation, &message).await;
    let outcome = result.as_ref().map_or_else(|error| error.code.as_str(), |_| "sent");
    let platform = account.platform.clone();
    metrics::counter!("posta_sends_total", "platform" => platform, "outcome" => outcome)
        .increment(1);
    let mut tries = 0;
    // Losing the answer would leave the outcome unknown, so the database gets more than one chance.
    while let Err(error) = note(app, job, &account, &message, &result).await {
        tries += 1;
        if tries == NOTES {
            return Err(error);
        }
        tracing::warn!(message.id = %message.id, %error, "a send's outcome is noted again");
        app.clock.sleep(NOTE_WAIT).await;
    }
    app.wake.deliver.notify_one();
    app.wake.send.notify_one();
    app.waiters.wake(&message.id);
    receive::hurry_echoes(app).await
}

async fn note(
    app: &App,
    job: &Job,
    account: &Account,
    message: &Message,
    result: &Result<Sent, ConnectorError>,
) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &account.workspace_id).await?;
    match result {
        Ok(sent) => sent_out(app, &mut tx, job, account, message.clone(), sent).await?,
        Err(error) => not_sent(app, &mut tx, job, account, message, error).await?,
    }
    tx.commit().await
}

/// Puts the attempt on record. `None` when there is nothing to call: the job is then over or later.
async fn begin(
    app: &App,
    job: &Job,
) -> posta_store::Result<Option<(Account, Conversation, Message)>> {
    let mut tx = app.db.write().await?;
    let id: Option<MessageId> = job.subject.parse().ok();
    let message = match &id {
        Some(id) => messages::find(&mut tx, &job.workspace_id, id).await?,
        None => None,
    };
    let Some(message) = message else {
        // Its conversation was deleted meanwhile.
        jobs::delete(&mut tx, &job.id).await?;
        tx.commit().await?;
        return Ok(None);
    };
    let account = accounts::find(&mut tx, &job.workspace_id, &message.account_id).await?;
    let account = account.ok_or(posta_store::Error::RowNotFound)?;
    let conversation =
        conversations::get(&mut tx, &job.workspace_id, &message.conversation_id).await?;
    if message.status == Status::Sending {
        // Somebody asked the platform and died before noting the answer.
        let error = ConnectorError::new(
            Code::OutcomeUnknown,
            Retry::Unknown,
            "Posta stopped between asking the platform and hearing its answer",
        );
        workspaces::lock(&mut tx, &account.workspace_id).await?;
        not_sent(app, &mut tx, job, &account, &message, &error).await?;
        tx.commit().await?;
        app.waiters.wake(&message.id);
        return Ok(None);
    }
    let now = app.clock.now();
    if let Some(until) = account.rate_limited_until.filter(|until| *until > now) {
        jobs::update_due(&mut tx, &job.id, until).await?;
        tx.commit().await?;
        return Ok(None);
    }
    if !messages::update_sending(&mut tx, &message.id).await? {
        jobs::delete(&mut tx, &job.id).await?;
        tx.commit().await?;
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some((account, conversation, message)))
}

async fn call(
    app: &App,
    account: &Account,
    conversation: &Conversation,
    message: &Message,
) -> Result<Sent, ConnectorError> {
    let line = Line::open(app, account).await?;
    // Asked again, for the message may have waited since it was let in.
    let (sender, tag) = (Sender::of(message.sent_via.as_deref()), message.tag.as_ref());
    let (tag, now) = (tag.map(|_| Tag::HumanAgent), app.clock.now());
    let permit =
        window::permits(line.platform, conversation, sender, tag, now).map_err(|no| *no)?;
    let content = message.content.as_ref().map(|content| content.0.clone());
    let outgoing = Outgoing {
        id: message.id.clone(),
        to: Recipient::Person(conversation.participant_id.clone()),
        // Messages that were queued by an older version are texts and nothing else.
        content: content.unwrap_or_else(|| Content::text(message.text.clone().unwrap_or_default())),
        tag: permit.tag,
    };
    let Some(messages) = line.platform.messages() else {
        let message = format!("{} takes no messages", line.platform.title());
        return Err(*refusal(Code::PlatformNotSupported, message));
    };
    let sent = messages.send(&line.cx(app), &outgoing).await;
    sent.map_err(|no| window::doubt(no, line.platform, conversation, permit.tag, app.clock.now()))
}

async fn sent_out(
    app: &App,
    tx: &mut Tx,
    job: &Job,
    account: &Account,
    mut message: Message,
    sent: &Sent,
) -> posta_store::Result<()> {
    jobs::delete(tx, &job.id).await?;
    // Only if this attempt was given up for dead meanwhile, its echo has a row of its own.
    messages::delete_twin(tx, &account.id, &sent.message, &message.id).await?;
    let now = app.clock.now();
    if messages::update_sent(tx, &message.id, &sent.message, now).await? {
        message.status = Status::Sent;
        message.remote_id = Some(sent.message.clone());
        message.sent_at = now;
        let mut conversation =
            conversations::get(tx, &account.workspace_id, &message.conversation_id).await?;
        receive::note_newest(app, tx, &mut conversation, &message).await?;
        let payload = receive::message_payload(account, &conversation, &message);
        super::announce::announce(app, tx, account, "message.sent", &payload).await?;
        receive::catch_up(app, tx, account, &message).await?;
    }
    Ok(())
}

/// What happens after each class of failure: the one place that decides.
async fn not_sent(
    app: &App,
    tx: &mut Tx,
    job: &Job,
    account: &Account,
    message: &Message,
    error: &ConnectorError,
) -> posta_store::Result<()> {
    tracing::info!(
        account.id = %account.id, platform = account.platform, error.code = %error.code,
        retry = ?error.retry, attempt = job.attempts, "message not sent"
    );
    let now = app.clock.now();
    match error.retry {
        Retry::Transient if job.attempts < TRIES => {
            let doublings = u32::try_from(job.attempts - 1).unwrap_or(0);
            let wait = jittered(app, FIRST_WAIT * 2_u32.saturating_pow(doublings));
            messages::update_queued(tx, &message.id).await?;
            return jobs::update_due(tx, &job.id, now.plus(wait)).await;
        }
        Retry::RateLimited { until } => {
            accounts::update_rate_limited(tx, &account.id, until).await?;
            messages::update_queued(tx, &message.id).await?;
            return jobs::update_due(tx, &job.id, until).await;
        }
        Retry::Auth => {
            disconnect::lose(app, tx, account, &error.message).await?;
        }
        Retry::Transient | Retry::Permanent | Retry::Unknown => {}
    }
    let status = if error.retry == Retry::Unknown { Status::Unknown } else { Status::Failed };
    messages::update_unsent(tx, &message.id, status, &stored(error)).await?;
    jobs::delete(tx, &job.id).await
}

/// Adds up to a fifth, so that what failed together does not come back together.
pub(super) fn jittered(app: &App, wait: Duration) -> Duration {
    let fifth = u64::try_from(wait.as_millis() / 5).unwrap_or(u64::MAX);
    wait + Duration::from_millis(app.chance.below(fifth.max(1)))
}

/// An error as it is kept with its message.
fn stored(error: &ConnectorError) -> Value {
    json!({
        "code": error.code,
        "message": error.message,
        "remedy": error.remedy,
        "platformError": error.said,
        "details": error.details,
    })
}
