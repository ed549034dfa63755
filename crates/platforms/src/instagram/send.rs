//! Sending: messages, read marks and typing, each a request to `/{account}/messages`.

use posta_core::failure::{Code, ConnectorError, Retry};
use posta_core::id::{RemoteMessage, RemotePerson};
use posta_core::message::{Content, Outgoing, Recipient, Sent, Tag};
use serde::Serialize;
use serde_json::Value;

use super::{Instagram, errors};
use crate::contract::{Answer, Messages, Receipts};
use crate::cx::Cx;
use crate::meta::errors::Call;
use crate::meta::graph::{self, text};

impl Messages for Instagram {
    fn send<'a>(&'a self, cx: &'a Cx<'a>, message: &'a Outgoing) -> Answer<'a, Sent> {
        Box::pin(async {
            let request = Request::message(message)?;
            let answer = post(cx, &request, Call::Once).await?;
            sent(&answer)
        })
    }
}

impl Receipts for Instagram {
    fn mark_read<'a>(&'a self, cx: &'a Cx<'a>, person: &'a RemotePerson) -> Answer<'a, ()> {
        Box::pin(act(cx, person, "mark_seen"))
    }

    fn typing<'a>(&'a self, cx: &'a Cx<'a>, person: &'a RemotePerson) -> Answer<'a, ()> {
        Box::pin(act(cx, person, "typing_on"))
    }
}

/// The body of a send. A sender action travels with the recipient and nothing else.
#[derive(Serialize)]
struct Request<'a> {
    recipient: To<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Body<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messaging_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'static str>,
}

#[derive(Serialize)]
struct To<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    text: &'a str,
}

impl<'a> Request<'a> {
    fn to(person: &'a RemotePerson) -> Self {
        Self {
            recipient: To { id: person.as_str() },
            message: None,
            sender_action: None,
            messaging_type: None,
            tag: None,
        }
    }

    /// Instagram's own sample has only `tag`, Messenger asks for `messaging_type` too; both are
    /// taken (developers.facebook.com, Postman collection "Instagram API", read 2026-11-23).
    fn message(message: &'a Outgoing) -> Result<Self, ConnectorError> {
        let (Content::Text { text, .. }, Recipient::Person(person)) =
            (&message.content, &message.to)
        else {
            let words = "this version sends only text, and only to people";
            return Err(ConnectorError::new(Code::InvalidContent, Retry::Permanent, words));
        };
        let (messaging_type, tag) = match message.tag {
            Some(Tag::HumanAgent) => (Some("MESSAGE_TAG"), Some("HUMAN_AGENT")),
            None => (None, None),
        };
        Ok(Self { message: Some(Body { text }), messaging_type, tag, ..Self::to(person) })
    }
}

async fn post(cx: &Cx<'_>, request: &Request<'_>, call: Call) -> Result<Value, ConnectorError> {
    let account = cx.account()?;
    let path = [cx.site.version(), account.id.as_str(), "messages"];
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
) -> Result<(), ConnectorError> {
    let request = Request { sender_action: Some(action), ..Request::to(person) };
    post(cx, &request, Call::Repeatable).await.map(drop)
}
