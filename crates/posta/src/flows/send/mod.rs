//! Sending: may this be sent, which messages does it become, and into the lane with them.

mod attempt;
mod claim;
mod draft;
mod lease;
pub mod queue;
mod split;

use std::time::Duration;

use posta_core::capability::CallClass;
use posta_core::event::{Attachment, AttachmentKind, Direction};
use posta_core::failure::{Code, ConnectorError};
use posta_core::id::MessageId;
use posta_core::message::{Content, Media, MediaKind, MediaSource, Tag};
use posta_core::time::Timestamp;
use posta_platforms::contract::Platform;
use posta_store::accounts::{Account, State};
use posta_store::conversations::Conversation;
use posta_store::idempotency::{self, Which};
use posta_store::jobs::{self, Job};
use posta_store::messages::{self, Message, Origin, Status};
use posta_store::{Json, Tx, budgets};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

pub use self::attempt::attempt;
pub(crate) use self::attempt::stored;
pub use self::claim::{Claimed, EACH, claim};
pub(super) use self::draft::messages as messages_of;
pub use self::draft::{Attached, Draft};
pub use self::lease::LEASE;
pub(super) use self::lease::insist;
use super::window::{self, Permit, Sender};
use super::{FlowError, Invalid, media, reconnect, refusal, turns};
use crate::app::App;
use crate::origin;

/// The kind of the jobs this flow makes and works off.
pub const JOB: &str = "send";

/// How long a message is held for an account where no window ends it.
const HOLD: Duration = Duration::from_hours(24);

/// How far ahead a message may be timed.
const AHEAD: Duration = Duration::from_hours(30 * 24);

/// What somebody wants to send.
#[derive(Debug)]
pub struct Request<'a> {
    /// The account that writes.
    pub account: &'a Account,
    /// The conversation it is written in.
    pub conversation: &'a Conversation,
    /// What it says.
    pub draft: Draft,
    /// The permission it is sent under.
    pub tag: Option<Tag>,
    /// What made us send it: `human`, `api`, or the name of an automation.
    pub sent_via: &'a str,
    /// How much it matters, if that is not to follow from what made us send it.
    pub priority: Option<Priority>,
    /// Whether it may wait until the account is connected again.
    pub may_wait: bool,
    /// The time it is to be sent at, if not now.
    pub send_at: Option<Timestamp>,
    /// The client's idempotency key, already begun in this transaction.
    pub idempotency: Option<Which<'a>>,
}

/// How much a message matters: the first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// A person waits for an answer of a person.
    Human,
    /// A program answers.
    Automation,
    /// It is one of many.
    Bulk,
}

impl Priority {
    /// What a message is that does not say.
    fn of(sent_via: &str) -> Self {
        match Sender::of(Some(sent_via)) {
            Sender::Person => Self::Human,
            Sender::Program | Sender::Automation => Self::Automation,
        }
    }

    /// Reads what the database has.
    #[must_use]
    pub fn read(number: i64) -> Self {
        match number {
            ..=0 => Self::Human,
            1 => Self::Automation,
            _ => Self::Bulk,
        }
    }
}

/// A request that may be carried out.
#[derive(Debug)]
pub struct Allowed {
    /// The messages that it becomes, in their order.
    pub messages: Vec<Content>,
    /// That, and until when, the reply window lets them through.
    pub permit: Permit,
    /// Whether they wait until the account is connected again.
    pub is_held: bool,
}

/// Puts a request's messages into their conversation's lane, if they may be sent. Returns the id of
/// the first.
///
/// # Errors
/// When it may not be sent: nothing has happened then. Or the database failed.
pub async fn enqueue(
    app: &App,
    tx: &mut Tx,
    request: &Request<'_>,
) -> Result<MessageId, FlowError> {
    let allowed = allowed(app, tx, request).await?;
    let now = app.clock.now();
    let at = request.send_at.unwrap_or(now);
    let hold_until = request.may_wait.then(|| allowed.permit.until.unwrap_or(at.plus(HOLD)));
    let held_until = hold_until.filter(|_| allowed.is_held);
    let due_at = request.send_at.or(held_until).unwrap_or(now);
    let mut first: Option<MessageId> = None;
    // Before anything of a file is noted, as those do who send the next file of the account.
    budgets::lock(tx, &request.account.workspace_id, &request.account.id).await?;
    for content in allowed.messages {
        let class = class(&content);
        let message = message(app, request, content, first.clone());
        messages::insert(tx, &message).await?;
        if let Some(content) = &message.content {
            media::note_use(app, tx, request.account, content).await?;
        }
        let job = Job {
            id: app.ids.next(),
            kind: JOB.to_owned(),
            // Until its time comes it has a lane of its own, so that nothing waits behind it.
            lane: match request.send_at {
                Some(_) => first.as_ref().unwrap_or(&message.id).to_string(),
                None => request.conversation.id.to_string(),
            },
            workspace_id: message.workspace_id,
            subject: message.id.to_string(),
            attempts: 0,
            due_at,
            created_at: now,
            hold_until,
            account_id: request.account.id.clone(),
            class,
            priority: request.priority.unwrap_or_else(|| Priority::of(request.sent_via)) as i64,
            send_at: request.send_at,
            origin: origin::Origin::current().request_id,
            traceparent: origin::Origin::traceparent(),
        };
        jobs::insert(tx, &job).await?;
        first.get_or_insert(message.id);
    }
    let first = first.ok_or_else(|| refusal(Code::InvalidContent, "there is nothing to send"))?;
    if let Some(which) = request.idempotency {
        idempotency::update_message(tx, which, &first).await?;
    }
    Ok(first)
}

/// The class of calls that a message takes.
fn class(content: &Content) -> CallClass {
    let is_heavy = |one: &Media| matches!(one.kind, MediaKind::Audio | MediaKind::Video);
    match content {
        Content::Media { items, .. } if items.iter().any(is_heavy) => CallClass::Media,
        _ => CallClass::Text,
    }
}

/// Whether the account may send this now: the one place that asks. Nothing changes by asking.
///
/// # Errors
/// Why not. Or the database failed.
pub async fn allowed(app: &App, tx: &mut Tx, request: &Request<'_>) -> Result<Allowed, FlowError> {
    let account = request.account;
    let platform = can_send(account)?;
    let messages = draft::messages(platform.limits(), platform.title(), &request.draft)?;
    media::check(app, tx, account, platform.limits(), &request.draft.attachments).await?;
    let is_connected = account.state == State::Connected;
    if !is_connected && !request.may_wait {
        return Err(disconnected(app, account).into());
    }
    let sender = Sender::of(Some(request.sent_via));
    turns::refuse(app, sender, turns::is_over(app, tx, request.conversation).await?)?;
    timely(request.send_at, app.clock.now())?;
    let at = request.send_at.unwrap_or(app.clock.now());
    let permit = window::permits(platform, request.conversation, sender, request.tag, at)
        .map_err(|error| by_then(error, request.send_at))?;
    Ok(Allowed { messages, permit, is_held: !is_connected })
}

/// Checks the time that was chosen.
fn timely(send_at: Option<Timestamp>, now: Timestamp) -> Result<(), Invalid> {
    let problem = match send_at {
        Some(at) if at <= now => "sendAt must not be in the past",
        Some(at) if at > now.plus(AHEAD) => "sendAt must be within the next 30 days",
        _ => return Ok(()),
    };
    let (code, param) = (Code::InvalidFieldValue, "sendAt".to_owned());
    Err(Invalid { code, param, message: problem.to_owned() })
}

/// Says that it is by the chosen time that something may not be sent any longer.
fn by_then(mut error: Box<ConnectorError>, send_at: Option<Timestamp>) -> Box<ConnectorError> {
    if let Some(at) = send_at {
        error.message = format!("it could not be sent at {at}: {}", error.message);
        if let Some(details) = error.details.as_mut().and_then(Value::as_object_mut) {
            details.insert("sendAt".to_owned(), json!(at));
        }
    }
    error
}

/// The platform of an account, if it takes messages.
pub(super) fn can_send(account: &Account) -> Result<&'static dyn Platform, Box<ConnectorError>> {
    let Some(platform) = posta_platforms::get(&account.platform) else {
        return Err(refusal(Code::PlatformNotSupported, account.platform.clone()));
    };
    if platform.messages().is_none() {
        let message = format!("{} takes no messages", platform.title());
        return Err(refusal(Code::PlatformNotSupported, message));
    }
    Ok(platform)
}

/// Refuses what an account cannot do while it is disconnected, and says how it is connected again.
#[must_use]
pub fn disconnected(app: &App, account: &Account) -> Box<ConnectorError> {
    reconnect::refuse(app, account, "send")
}

/// Lets the messages go that were held until the account is connected again.
///
/// # Errors
/// When the database failed.
pub async fn release(app: &App, tx: &mut Tx, account: &Account) -> posta_store::Result<()> {
    let now = app.clock.now();
    jobs::update_released(tx, &account.workspace_id, &account.id, now).await.map(drop)
}

/// A message of a request, as it is stored before it is sent.
pub(super) fn message(
    app: &App,
    request: &Request<'_>,
    content: Content,
    part_of: Option<MessageId>,
) -> Message {
    let (account, now) = (request.account, app.clock.now());
    Message {
        id: app.ids.next(),
        workspace_id: account.workspace_id.clone(),
        account_id: account.id.clone(),
        conversation_id: request.conversation.id.clone(),
        remote_id: None,
        direction: Direction::Outgoing,
        status: Status::Queued,
        text: content.as_text().map(ToOwned::to_owned),
        attachments: Json(attachments(&content)),
        sender_id: account.id.to_string(),
        sent_via: Some(request.sent_via.to_owned()),
        tag: request.tag.map(|Tag::HumanAgent| "HUMAN_AGENT".to_owned()),
        metadata: None,
        error: None,
        is_read: true,
        read_at: None,
        sent_at: now,
        created_at: now,
        content: Some(Json(content)),
        origin: Origin::Api,
        part_of,
        comment_id: None,
        deleted_at: None,
        edited_at: None,
        edit_count: 0,
        edit_history: Json(Vec::new()),
        reactions: Json(Vec::new()),
    }
}

/// Shows what is attached to a message of ours as it is shown of others.
#[must_use]
pub fn attachments(content: &Content) -> Vec<Attachment> {
    let plain = |kind, url: Option<String>, payload| {
        vec![Attachment { kind, original: None, url, payload }]
    };
    match content {
        Content::Text { .. } => Vec::new(),
        Content::Media { items, .. } => items
            .iter()
            .flat_map(|item| {
                let kind = match item.kind {
                    MediaKind::Image => AttachmentKind::Image,
                    MediaKind::Video => AttachmentKind::Video,
                    MediaKind::Audio => AttachmentKind::Audio,
                    MediaKind::File => AttachmentKind::File,
                };
                match &item.source {
                    MediaSource::Url(url) => plain(kind, Some(url.clone()), Value::Null),
                    MediaSource::Uploaded(id) => plain(kind, None, json!({"attachmentId": id})),
                }
            })
            .collect(),
        Content::Buttons { buttons, .. } => {
            plain(AttachmentKind::Template, None, json!({"buttons": buttons}))
        }
        Content::Cards { cards } => plain(AttachmentKind::Template, None, json!({"cards": cards})),
        Content::Share { post } => plain(AttachmentKind::Share, None, json!({"id": post})),
        Content::Sticker { name } => vec![Attachment {
            kind: AttachmentKind::Sticker,
            original: Some(name.clone()),
            url: None,
            payload: Value::Null,
        }],
    }
}
