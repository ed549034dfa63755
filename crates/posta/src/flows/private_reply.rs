//! Answering a comment privately: once per comment, on record before the call, its outcome after.

use posta_core::capability::CallClass;
use posta_core::event;
use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{RemoteComment, RemoteMessage, RemotePerson, RemoteThread};
use posta_core::message::{Content, Outgoing, Recipient, Sent};
use posta_core::time::Timestamp;
use posta_store::accounts::{Account, State as AccountState};
use posta_store::comments;
use posta_store::conversations::{self, Conversation};
use posta_store::messages::{self, Message};
use posta_store::private_replies::{self, PrivateReply, State};
use posta_store::{Json, Tx, sends, workspaces};
use serde_json::json;

use super::line::Line;
use super::send::{self, Draft, LEASE};
use super::{FlowError, announce, budget, react, receive, refusal};
use crate::app::App;
use crate::origin::Origin;

/// What an echo has to do with a private reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// Nothing.
    Stranger,
    /// It may be that of one which is being sent; only the answer will tell.
    TooEarly,
    /// It told that one was sent whose outcome nobody knew.
    Settled,
}

/// Replies privately to a comment, and waits for the platform's answer.
///
/// # Errors
/// Why the reply was not sent, or that nobody knows. Or the database failed.
pub async fn reply(
    app: &App,
    account: &Account,
    comment: &RemoteComment,
    commented_at: Option<Timestamp>,
    draft: &Draft,
) -> Result<PrivateReply, FlowError> {
    let content = allowed(app, account, commented_at, draft)?;
    let reply = PrivateReply {
        id: app.ids.next(),
        workspace_id: account.workspace_id.clone(),
        account_id: account.id.clone(),
        comment_id: comment.clone(),
        content: Json(content),
        state: State::Sending,
        remote_id: None,
        error: None,
        created_at: app.clock.now(),
    };
    let mut tx = app.db.write().await?;
    if !private_replies::insert(&mut tx, &reply).await? {
        let earlier = private_replies::find(&mut tx, &account.id, comment).await?;
        return Err(taken(app, earlier.as_ref()).into());
    }
    let class = pay(app, &mut tx, account, comment).await?;
    tx.commit().await?;
    // Whoever asked may hang up; what was begun is finished and noted all the same.
    let (app, account) = (app.clone(), account.clone());
    let busy = app.under_way.enter();
    let origin = Origin::current();
    let work = app.tasks.clone().spawn(origin.scope(async move {
        let done = carry_out(&app, &account, reply, class).await;
        drop(busy);
        done
    }));
    work.await.map_err(|error| FlowError::Disk(std::io::Error::other(error)))?
}

/// Whether this may be said to a comment: the one message that it becomes.
fn allowed(
    app: &App,
    account: &Account,
    commented_at: Option<Timestamp>,
    draft: &Draft,
) -> Result<Content, FlowError> {
    if account.state != AccountState::Connected {
        return Err(send::disconnected(app, account).into());
    }
    let platform = send::can_send(account)?;
    let limits = platform.limits();
    let Some(within) = limits.private_reply else {
        let message = format!("{} knows no private replies", platform.title());
        return Err(refusal(Code::PlatformNotSupported, message).into());
    };
    let mut messages = send::messages_of(limits, platform.title(), draft)?;
    let (Some(content), true) = (messages.pop(), messages.is_empty()) else {
        let message = "a comment gets one private reply, and this would be several messages";
        return Err(refusal(Code::InvalidContent, message).into());
    };
    if let Some(at) = commented_at.filter(|at| at.plus(within) <= app.clock.now()) {
        let (title, until) = (platform.title(), at.plus(within));
        let message = format!("{title} took private replies to this comment until {until}");
        return Err(refusal(Code::CommentTooOld, message).into());
    }
    Ok(content)
}

/// Takes the call out of what the account may ask, and returns what it is counted as: replies under a
/// live broadcast have a limit of their own.
async fn pay(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    comment: &RemoteComment,
) -> Result<CallClass, FlowError> {
    let known = comments::find_remote(tx, &account.id, comment).await?;
    let is_live = known.is_some_and(|known| known.is_live);
    let class = if is_live { CallClass::LiveReply } else { CallClass::PrivateReply };
    budget::take_in(app, tx, account, class).await?.map(|()| class).map_err(|until| {
        let message = format!("{} has used up its private replies for now", account.username);
        let retry = Retry::RateLimited { until };
        let details = Some(json!({ "until": until }));
        let error = ConnectorError::new(Code::PlatformRateLimited, retry, message);
        ConnectorError { details, ..error }.into()
    })
}

/// Why a comment that has an attempt on record cannot get another.
fn taken(app: &App, earlier: Option<&PrivateReply>) -> Box<ConnectorError> {
    let now = app.clock.now();
    match earlier.map(|earlier| (earlier.state, earlier.created_at.plus(LEASE))) {
        Some((State::Sent | State::Spent, _)) => {
            let mut error = refusal(Code::PrivateReplyConsumed, Code::PrivateReplyConsumed.means());
            error.details = Some(json!({"privateReplyConsumed": true}));
            error
        }
        Some((State::Sending, until)) if now < until => {
            refusal(Code::IdempotencyConflict, "a private reply to this comment is being sent")
        }
        _ => unknown("an earlier private reply to this comment may have been sent".to_owned()),
    }
}

/// Nobody knows whether the reply was sent.
fn unknown(message: String) -> Box<ConnectorError> {
    let mut error = ConnectorError::new(Code::OutcomeUnknown, Retry::Unknown, message);
    error.details = Some(json!({"privateReplyOutcome": "unknown"}));
    Box::new(error)
}

async fn carry_out(
    app: &App,
    account: &Account,
    reply: PrivateReply,
    class: CallClass,
) -> Result<PrivateReply, FlowError> {
    let result = call(app, account, &reply, class).await;
    let outcome = result.as_ref().map_or_else(|error| error.code.as_str(), |_| "sent");
    let platform = account.platform.clone();
    metrics::counter!("posta_sends_total", "platform" => platform, "outcome" => outcome)
        .increment(1);
    send::insist(app, || note(app, account, &reply, &result)).await?;
    app.wake.announced();
    receive::hurry_echoes(app).await?;
    match result {
        Ok(sent) => Ok(PrivateReply { remote_id: Some(sent.message), state: State::Sent, ..reply }),
        Err(error) if error.retry == Retry::Unknown => {
            let said = error.said;
            Err(FlowError::Refused(Box::new(ConnectorError { said, ..*unknown(error.message) })))
        }
        Err(mut error) => {
            if error.code == Code::PrivateReplyConsumed {
                error.details = Some(json!({"privateReplyConsumed": true}));
            }
            Err(react::lost(app, account, error).await?.into())
        }
    }
}

async fn call(
    app: &App,
    account: &Account,
    reply: &PrivateReply,
    class: CallClass,
) -> Result<Sent, ConnectorError> {
    let line = Line::open(app, account).await?;
    let line = line.counted(app, account, class).about(app, &reply.id);
    let Some(messages) = line.platform.messages() else {
        let message = format!("{} takes no messages", line.platform.title());
        return Err(*refusal(Code::PlatformNotSupported, message));
    };
    let outgoing = Outgoing {
        id: reply.id.clone(),
        to: Recipient::Comment(reply.comment_id.clone()),
        content: reply.content.0.clone(),
        tag: None,
    };
    messages.send(&line.cx(app), &outgoing).await
}

async fn note(
    app: &App,
    account: &Account,
    reply: &PrivateReply,
    result: &Result<Sent, ConnectorError>,
) -> posta_store::Result<()> {
    let mut tx = app.db.write().await?;
    workspaces::lock(&mut tx, &account.workspace_id).await?;
    match result {
        Ok(sent) => sent_out(app, &mut tx, account, reply, sent).await?,
        Err(error) => {
            let kept = send::stored(error);
            let state = match (error.retry, error.code) {
                (Retry::Unknown, _) => Some(State::Unknown),
                (_, Code::PrivateReplyConsumed) => Some(State::Spent),
                _ => None,
            };
            match state {
                Some(state) => {
                    private_replies::update(&mut tx, &reply.id, state, None, Some(&kept)).await?;
                }
                None => private_replies::delete(&mut tx, &reply.id).await?,
            }
        }
    }
    tx.commit().await
}

/// The reply becomes a message of the conversation with whoever wrote the comment. It does not open
/// the reply window; only their answer does.
async fn sent_out(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    reply: &PrivateReply,
    sent: &Sent,
) -> posta_store::Result<()> {
    let remote = &sent.message;
    private_replies::update(tx, &reply.id, State::Sent, Some(remote), None).await?;
    let Some(person) = &sent.recipient else {
        // Its echo says who it went to.
        return Ok(());
    };
    let thread = RemoteThread::new(person.as_str());
    become_message(app, tx, account, reply, (&thread, person), remote).await
}

/// Holds an echo of no message that we know against the private replies that are not settled. The
/// conversation does not tell them apart, for whom a reply went to is known only afterwards.
///
/// # Errors
/// When the database failed.
pub async fn meet_echo(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    echo: &event::Message,
) -> posta_store::Result<Met> {
    let now = app.clock.now();
    let unsettled = private_replies::list_unsettled(tx, &account.id).await?;
    let says_the_same = |one: &&PrivateReply| one.content.as_text() == echo.text.as_deref();
    let Some(reply) = unsettled.iter().find(says_the_same) else {
        return Ok(Met::Stranger);
    };
    if reply.state == State::Sending && now < reply.created_at.plus(LEASE) {
        return Ok(Met::TooEarly);
    }
    private_replies::update(tx, &reply.id, State::Sent, Some(&echo.id), None).await?;
    become_message(app, tx, account, reply, (&echo.thread, &echo.person), &echo.id).await?;
    Ok(Met::Settled)
}

/// Puts a reply that was sent among the messages, and announces it, unless its echo has.
async fn become_message(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    reply: &PrivateReply,
    (thread, person): (&RemoteThread, &RemotePerson),
    remote: &RemoteMessage,
) -> posta_store::Result<()> {
    let new = conversation(app, account, thread, person);
    let found = conversations::insert_or_get(tx, &[new]).await?.pop();
    let mut conversation = found.ok_or(posta_store::Error::RowNotFound)?;
    let request = send::Request {
        account,
        conversation: &conversation,
        draft: Draft::default(),
        tag: None,
        sent_via: "api",
        priority: None,
        may_wait: false,
        send_at: None,
        idempotency: None,
    };
    let message = Message {
        id: reply.id.clone(),
        remote_id: Some(remote.clone()),
        status: messages::Status::Sent,
        comment_id: Some(reply.comment_id.clone()),
        ..send::message(app, &request, reply.content.0.clone(), None)
    };
    if !messages::insert(tx, &message).await? {
        return sends::update_private_reply(tx, &account.id, remote, &reply.comment_id).await;
    }
    receive::note_newest(app, tx, &mut conversation, &message).await?;
    let payload = receive::message_payload(account, &conversation, &message);
    announce::announce(app, tx, account, "message.sent", payload).await?;
    receive::catch_up(app, tx, account, &message).await
}

/// The conversation with a person, for the case that it is new.
fn conversation(
    app: &App,
    account: &Account,
    thread: &RemoteThread,
    person: &RemotePerson,
) -> Conversation {
    let now = app.clock.now();
    Conversation {
        id: app.ids.next(),
        workspace_id: account.workspace_id.clone(),
        account_id: account.id.clone(),
        remote_id: thread.clone(),
        participant_id: person.clone(),
        participant_name: None,
        participant_username: None,
        participant_picture: None,
        status: conversations::Status::Active,
        last_message: None,
        last_message_at: None,
        window_opened_at: None,
        unread_count: 0,
        metadata: None,
        created_at: now,
        updated_at: now,
        profile: None,
        profile_due_at: None,
        window_opened_by: None,
        window_due_at: None,
        control: None,
    }
}
