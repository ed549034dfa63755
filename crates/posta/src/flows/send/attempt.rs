//! Working off a send: the attempt on record before the call, the outcome after.

use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::MessageId;
use posta_core::message::{Content, Outgoing, Recipient, Sent, Tag};
use posta_core::time::Timestamp;
use posta_store::accounts::{self, Account, State};
use posta_store::conversations::{self, Conversation};
use posta_store::jobs::{self, Job};
use posta_store::messages::{self, Message, Status};
use posta_store::{Tx, sends, workspaces};
use serde_json::{Value, json};

use super::lease::{self, LEASE};
use crate::app::App;
use crate::flows::events::{ConversationBlock, FailureBlock, InboxAccount, Payload, message_block};
use crate::flows::line::Line;
use crate::flows::window::{self, Permit, Sender};
use crate::flows::{again, announce, budget, disconnect, media, receive, refusal, turns};

/// How often a send is tried that certainly did nothing, where its failure does not say.
const TRIES: i64 = 5;

/// The wait before the second try; it doubles.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(2);

/// A message that is about to be sent.
struct Ready {
    account: Account,
    conversation: Conversation,
    message: Message,
    /// Whether programs send nothing more in the conversation.
    is_over: bool,
}

/// Works off a send job: at most one message to the platform, on record before and after.
///
/// # Errors
/// When the database failed; the job is then taken up again later.
pub async fn attempt(app: &App, job: &Job) -> posta_store::Result<()> {
    // Its due time is the end of the lease, which moves.
    let (mut taken_until, mut job) = (job.due_at, job.clone());
    let (ready, prepared) = match prepare(app, &mut job, &mut taken_until).await {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return Ok(()),
        Err(error) => {
            lease::give_back(app, &job, taken_until).await;
            return Err(error);
        }
    };
    let Ready { account, message, .. } = &ready;
    let result = match prepared {
        Err(error) => Err(error),
        Ok((content, tag)) => {
            let result = call(app, job.class, &ready, &content, tag).await;
            let forget = || media::forget(app, account, &content, result.clone());
            lease::insist(app, forget).await?
        }
    };
    let outcome = result.as_ref().map_or_else(|error| error.code.as_str(), |_| "sent");
    let platform = account.platform.clone();
    metrics::counter!("posta_sends_total", "platform" => platform, "outcome" => outcome)
        .increment(1);
    // Were the answer lost, nobody would know whether the message was sent.
    lease::insist(app, || note(app, &job, account, message, &result)).await?;
    app.wake.announced();
    // The next one of its lane.
    app.wake.send.again();
    app.settled(&message.id);
    receive::hurry_echoes(app).await
}

/// What is asked of the platform, and under which tag; or why it is not asked.
type Prepared = Result<(Content, Option<Tag>), ConnectorError>;

/// Does all that comes before the platform is asked, the record of that included. `None` when it is not
/// to be asked now. `taken_until` follows the lease as far as it is noted for certain.
async fn prepare(
    app: &App,
    job: &mut Job,
    taken_until: &mut Timestamp,
) -> posta_store::Result<Option<(Ready, Prepared)>> {
    let taken_at = job.due_at.minus(LEASE);
    let Some(ready) = load(app, job).await? else {
        return Ok(None);
    };
    let Ready { account, message, .. } = &ready;
    let content = message.content.as_ref().map(|content| content.0.clone());
    // Messages that were queued by an older version are texts and nothing else.
    let content =
        content.unwrap_or_else(|| Content::text(message.text.clone().unwrap_or_default()));
    let prepared = match permit(app, &ready) {
        Err(error) => Err(*error),
        // Handing in a file is seen by nobody, so it comes before the attempt is on record.
        Ok(permit) => {
            let handed_in = media::hand_in(app, account, job, content).await?;
            *taken_until = job.due_at;
            match handed_in {
                Err(error) => Err(error),
                Ok(content) if begin(app, job, account, message, taken_at).await? => {
                    Ok((content, permit.tag))
                }
                Ok(_) => return Ok(None),
            }
        }
    };
    Ok(Some((ready, prepared)))
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
        Err(error) if jobs::is_held(&mut tx, job, job.due_at).await? => {
            not_sent(app, &mut tx, job, account, message, error).await?;
        }
        // It was noted already, though the database did not say so, or somebody has taken over. The
        // message may be under way again, and must not be queued a second time.
        Err(_) => {}
    }
    tx.commit().await
}

/// Loads what a job is about. `None` when there is nothing to do: the job is then over or later.
async fn load(app: &App, job: &Job) -> posta_store::Result<Option<Ready>> {
    let mut tx = app.db.write().await?;
    let id: Option<MessageId> = job.subject.parse().ok();
    let message = match &id {
        Some(id) => messages::find(&mut tx, &job.workspace_id, id).await?,
        None => None,
    };
    let message = message.filter(|one| matches!(one.status, Status::Queued | Status::Sending));
    let Some(message) = message else {
        // Its conversation was deleted meanwhile, or it was given up with the part before it.
        jobs::delete(&mut tx, job).await?;
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
        app.wake.announced();
        app.settled(&message.id);
        return Ok(None);
    }
    let now = app.clock.now();
    let held = job.hold_until.filter(|_| account.state != State::Connected);
    let later = held.max(account.rate_limited_until).filter(|until| *until > now);
    if let Some(until) = later {
        jobs::put_back(&mut tx, job, until).await?;
        tx.commit().await?;
        return Ok(None);
    }
    let is_over = turns::is_over(app, &mut tx, &conversation).await?;
    drop(tx);
    Ok(Some(Ready { account, conversation, message, is_over }))
}

/// Puts the attempt on record, together with the call that it takes out of the account's budget;
/// `false` when somebody else has, or the budget was spent meanwhile.
async fn begin(
    app: &App,
    job: &mut Job,
    account: &Account,
    message: &Message,
    taken_at: Timestamp,
) -> posta_store::Result<bool> {
    let mut tx = app.db.write().await?;
    if !messages::update_sending(&mut tx, &message.id).await? {
        return Ok(false);
    }
    if let Err(until) = budget::make(app, &mut tx, account, job.class, taken_at).await? {
        drop(tx);
        let mut tx = app.db.write().await?;
        jobs::put_back(&mut tx, job, until).await?;
        tx.commit().await?;
        return Ok(false);
    }
    job.due_at = app.clock.now().plus(LEASE);
    jobs::update_lease(&mut tx, &job.id, job.due_at).await?;
    tx.commit().await?;
    Ok(true)
}

/// Asks the reply window again, for the message may have waited since it was let in.
fn permit(app: &App, ready: &Ready) -> Result<Permit, Box<ConnectorError>> {
    let Ready { account, conversation, message, is_over } = ready;
    let (sender, tag) = (Sender::of(message.sent_via.as_deref()), message.tag.as_ref());
    let (tag, now) = (tag.map(|_| Tag::HumanAgent), app.clock.now());
    turns::refuse(app, sender, *is_over)?;
    window::permits(super::can_send(account)?, conversation, sender, tag, now)
}

async fn call(
    app: &App,
    class: CallClass,
    ready: &Ready,
    content: &Content,
    tag: Option<Tag>,
) -> Result<Sent, ConnectorError> {
    let Ready { account, conversation, message, .. } = ready;
    let line = Line::open(app, account).await?;
    let line = line.counted(app, account, class).about(app, &message.id);
    let outgoing = Outgoing {
        id: message.id.clone(),
        to: Recipient::Person(conversation.participant_id.clone()),
        content: content.clone(),
        tag,
    };
    let Some(messages) = line.platform.messages() else {
        let message = format!("{} takes no messages", line.platform.title());
        return Err(*refusal(Code::PlatformNotSupported, message));
    };
    let sent = messages.send(&line.cx(app), &outgoing).await;
    sent.map_err(|no| window::doubt(no, line.platform, conversation, tag, app.clock.now()))
}

async fn sent_out(
    app: &App,
    tx: &mut Tx,
    job: &Job,
    account: &Account,
    mut message: Message,
    sent: &Sent,
) -> posta_store::Result<()> {
    // The conversation is locked before its messages, here and everywhere. It may be gone.
    conversations::lock(tx, &message.conversation_id).await?;
    jobs::delete(tx, job).await?;
    super::super::restriction::note(app, tx, account, None).await?;
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
        if Sender::of(message.sent_via.as_deref()) == Sender::Person {
            turns::release(tx, &conversation).await?;
        }
        let payload = receive::message_payload(account, &conversation, &message);
        announce::announce(app, tx, account, "message.sent", payload).await?;
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
    let (tries, first_wait) = error.again.map_or((TRIES, FIRST_WAIT), |again| {
        (i64::from(again.tries), Duration::from_secs(u64::from(again.seconds)))
    });
    super::super::restriction::note(app, tx, account, Some(error)).await?;
    match error.retry {
        Retry::Transient if job.attempts < tries => {
            let wait = again::jittered(app, again::doubled(first_wait, job.attempts));
            messages::update_queued(tx, &message.id).await?;
            return jobs::update_due(tx, job, now.plus(wait)).await;
        }
        Retry::RateLimited { until } => {
            accounts::update_rate_limited(tx, &account.id, until).await?;
            messages::update_queued(tx, &message.id).await?;
            return jobs::put_back(tx, job, until).await;
        }
        Retry::Auth => {
            let is_lost = disconnect::lose(app, tx, account, error).await?;
            let later = if is_lost { job.hold_until } else { Some(now) };
            if let Some(until) = later.filter(|until| *until > now || !is_lost) {
                messages::update_queued(tx, &message.id).await?;
                return jobs::put_back(tx, job, until).await;
            }
        }
        Retry::Transient | Retry::Permanent | Retry::Unknown => {}
    }
    if error.retry == Retry::Unknown {
        crate::flows::reconcile::hurry(app, tx, account).await?;
    }
    let status = if error.retry == Retry::Unknown { Status::Unknown } else { Status::Failed };
    jobs::delete(tx, job).await?;
    let mut kept = stored(error);
    if status == Status::Unknown {
        // With what a look at the platform's side shows, a person can decide.
        kept["askedAt"] = json!(job.due_at.minus(LEASE));
    }
    if messages::update_unsent(tx, &message.id, status, &kept).await? {
        if status == Status::Failed {
            failed(app, tx, account, message, &stored(error)).await?;
        }
        give_up_rest(app, tx, account, message, error).await?;
    }
    Ok(())
}

/// Tells that a message will not be sent.
async fn failed(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    message: &Message,
    error: &Value,
) -> posta_store::Result<()> {
    let owner = &account.workspace_id;
    let conversation = conversations::get(tx, owner, &message.conversation_id).await?;
    let payload = Payload::MessageStatus {
        message: message_block(account, &conversation, message),
        status_at: app.clock.now(),
        error: Some(FailureBlock::of(&app.config.public_url, error)),
        conversation: ConversationBlock::from(&conversation),
        account: InboxAccount::from(account),
    };
    announce::announce(app, tx, account, "message.failed", payload).await
}

/// What follows in the same request would make no sense without this part.
async fn give_up_rest(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    message: &Message,
    error: &ConnectorError,
) -> posta_store::Result<()> {
    let why = format!("not tried, because of the part before it: {}", error.message);
    let rest = stored(&ConnectorError { message: why, ..error.clone() });
    let first = message.part_of.as_ref().unwrap_or(&message.id);
    for part in sends::update_rest_failed(tx, first, &rest).await? {
        failed(app, tx, account, &part, &rest).await?;
    }
    Ok(())
}

/// An error as it is kept with its message.
pub(crate) fn stored(error: &ConnectorError) -> Value {
    json!({
        "code": error.code,
        "message": error.message,
        "remedy": error.remedy,
        "platformError": error.said,
        "details": error.details,
    })
}
