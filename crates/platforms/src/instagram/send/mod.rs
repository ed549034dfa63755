//! Sending: messages, read marks, typing and reactions, each a request to `/{account}/messages`,
//! and uploads, which are requests beside it.

mod body;

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{RemoteMessage, RemotePerson};
use posta_core::message::{MediaKind, Outgoing, Recipient, Sent, Tag};
use serde::Serialize;
use serde_json::{Value, json};

pub(super) use self::body::buttons;
use super::{Instagram, errors};
use crate::contract::{Answer, Handover, Messages, Reactions, Receipts, Uploads};
use crate::cx::Cx;
use crate::meta::errors::Call;
use crate::meta::graph::{self, text};

impl Messages for Instagram {
    fn send<'a>(&'a self, cx: &'a Cx<'a>, message: &'a Outgoing) -> Answer<'a, Sent> {
        Box::pin(async {
            let request = Request::message(message)?;
            let answer = post(cx, "messages", &request, Call::Once).await?;
            sent(&answer)
        })
    }
}

impl Receipts for Instagram {
    fn mark_read<'a>(&'a self, cx: &'a Cx<'a>, person: &'a RemotePerson) -> Answer<'a, ()> {
        Box::pin(act(cx, person, "mark_seen", None))
    }

    fn typing<'a>(&'a self, cx: &'a Cx<'a>, person: &'a RemotePerson) -> Answer<'a, ()> {
        Box::pin(act(cx, person, "typing_on", None))
    }
}

impl Reactions for Instagram {
    fn react<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        person: &'a RemotePerson,
        message: &'a RemoteMessage,
        emoji: Option<&'a str>,
    ) -> Answer<'a, ()> {
        let message = message.as_str();
        let (action, payload) = match emoji {
            Some(emoji) => ("react", json!({"message_id": message, "reaction": word(emoji)})),
            None => ("unreact", json!({"message_id": message})),
        };
        Box::pin(act(cx, person, action, Some(payload)))
    }
}

impl Handover for Instagram {
    /// Documented for the Page path, with `pass` as the only kind
    /// (developers.facebook.com/documentation/business-messaging/instagram-messaging/features/conversation-routing/apis,
    /// read 2026-11-24).
    fn pass<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        person: &'a RemotePerson,
        app: Option<&'a str>,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut control = json!({"control_type": "pass"});
            if let Some(app) = app {
                control["app_id"] = json!(app);
            }
            let recipient = json!({"id": person.as_str()});
            let request = json!({"recipient": recipient, "thread_control": control});
            // Who has passed it on does not hold it any more, so doing it twice does nothing.
            post(cx, "messages", &request, Call::Repeatable).await.map(drop)
        })
    }
}

impl Uploads for Instagram {
    fn upload<'a>(&'a self, cx: &'a Cx<'a>, kind: MediaKind, url: &'a str) -> Answer<'a, String> {
        Box::pin(async move {
            let payload = json!({"url": url, "is_reusable": true});
            let attachment = json!({"type": body::kind(kind), "payload": payload});
            let request = json!({"message": {"attachment": attachment}});
            // An upload that was done twice is one attachment too many, which nobody sees.
            let answer = post(cx, "message_attachments", &request, Call::Repeatable).await?;
            text(&answer, "attachment_id").filter(|id| !id.is_empty()).ok_or_else(|| {
                let words = "Instagram took the attachment and gave it no id";
                ConnectorError::new(Code::PlatformUnavailable, Retry::Transient, words)
            })
        })
    }
}

/// The heart has a name, which every copy of the page knows; other emoji are sent as they are, which
/// only newer copies allow (.../messaging-api, read 2026-11-24).
fn word(emoji: &str) -> &str {
    if emoji.trim_end_matches('\u{fe0f}') == "\u{2764}" { "love" } else { emoji }
}

/// The body of a send. A sender action travels with the recipient and nothing else.
#[derive(Serialize)]
struct Request<'a> {
    recipient: To<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messaging_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum To<'a> {
    Id(&'a str),
    CommentId(&'a str),
}

impl<'a> Request<'a> {
    fn to(recipient: To<'a>) -> Self {
        Self {
            recipient,
            message: None,
            sender_action: None,
            payload: None,
            messaging_type: None,
            tag: None,
        }
    }

    /// Instagram's own sample has only `tag`, Messenger asks for `messaging_type` too; both are
    /// taken (developers.facebook.com, Postman collection "Instagram API", read 2026-11-23).
    fn message(message: &'a Outgoing) -> Result<Self, ConnectorError> {
        let recipient = match &message.to {
            Recipient::Person(person) => To::Id(person.as_str()),
            Recipient::Comment(comment) => To::CommentId(comment.as_str()),
        };
        let (messaging_type, tag) = match message.tag {
            Some(Tag::HumanAgent) => (Some("MESSAGE_TAG"), Some("HUMAN_AGENT")),
            None => (None, None),
        };
        let body = body::message(&message.content)?;
        Ok(Self { message: Some(body), messaging_type, tag, ..Self::to(recipient) })
    }
}

async fn post(
    cx: &Cx<'_>,
    edge: &str,
    request: &impl Serialize,
    call: Call,
) -> Result<Value, ConnectorError> {
    let account = cx.account()?;
    let path = [cx.site.version(), account.id.as_str(), edge];
    let request =
        cx.http.post(cx.site.url("graph", &path)).bearer_auth(account.token.expose()).json(request);
    let answer = graph::call(cx, request).await;
    answer.map_err(|failed| errors::judge(failed, call, cx.clock.now()))
}

/// A message without an id cannot be matched with its echo, so nobody knows whether it is there.
fn sent(answer: &Value) -> Result<Sent, ConnectorError> {
    let message = text(answer, "message_id").filter(|id| !id.is_empty());
    let message = message.ok_or_else(|| {
        let words = "Instagram took the message and gave it no id";
        ConnectorError::new(Code::OutcomeUnknown, Retry::Unknown, words)
    })?;
    Ok(Sent {
        message: RemoteMessage::new(message),
        recipient: text(answer, "recipient_id").map(RemotePerson::new),
    })
}

async fn act(
    cx: &Cx<'_>,
    person: &RemotePerson,
    action: &'static str,
    payload: Option<Value>,
) -> Result<(), ConnectorError> {
    let recipient = To::Id(person.as_str());
    let request = Request { sender_action: Some(action), payload, ..Request::to(recipient) };
    post(cx, "messages", &request, Call::Repeatable).await.map(drop)
}
