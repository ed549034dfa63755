//! What people do in the platform's app, and what they see there.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Body, Problem};
use super::{Answer, face};
use crate::sandbox::world::{Author, Message, Network, Thread};
use crate::sandbox::{Act, Deed, Draft, Sandbox};

type Place = Path<(String, String)>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteBody {
    account: Option<String>,
    person: Option<String>,
    text: Option<String>,
    #[serde(default)]
    attachments: Vec<Value>,
    reply_to: Option<Value>,
    payload: Option<String>,
}

impl WriteBody {
    fn draft(self) -> Result<Draft, Problem> {
        let draft = Draft {
            text: self.text.filter(|text| !text.is_empty()),
            attachments: self.attachments,
            reply_to: self.reply_to,
            payload: self.payload,
        };
        if draft.text.is_none() && draft.attachments.is_empty() {
            return Err(Problem::invalid("text", "or attachments is required"));
        }
        let is_typed = |attachment: &Value| attachment["type"].is_string();
        if !draft.attachments.iter().all(is_typed) {
            return Err(Problem::invalid("attachments", "each need a type"));
        }
        Ok(draft)
    }
}

/// `POST /_sandbox/{platform}/people/{person}/write`
pub(super) async fn write(
    State(sandbox): State<Sandbox>,
    Path((platform, person)): Place,
    Body(body): Body<WriteBody>,
) -> Answer {
    let account = body.account.clone();
    act(&sandbox, &platform, account.as_deref(), Some(&person), Act::Write(body.draft()?))
}

/// `POST /_sandbox/{platform}/accounts/{account}/owner/write`
pub(super) async fn owner_write(
    State(sandbox): State<Sandbox>,
    Path((platform, account)): Place,
    Body(body): Body<WriteBody>,
) -> Answer {
    let person = body.person.clone();
    act(&sandbox, &platform, Some(&account), person.as_deref(), Act::OwnerWrite(body.draft()?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReactBody {
    account: Option<String>,
    message_id: String,
    emoji: Option<String>,
}

/// `POST /_sandbox/{platform}/people/{person}/react`
pub(super) async fn react(
    State(sandbox): State<Sandbox>,
    Path((platform, person)): Place,
    Body(body): Body<ReactBody>,
) -> Answer {
    let emoji = Some(body.emoji.unwrap_or_else(|| "\u{2764}\u{fe0f}".to_owned()));
    let react = Act::React { message: body.message_id, emoji };
    act(&sandbox, &platform, body.account.as_deref(), Some(&person), react)
}

/// `POST /_sandbox/{platform}/people/{person}/unreact`
pub(super) async fn unreact(
    State(sandbox): State<Sandbox>,
    Path((platform, person)): Place,
    Body(body): Body<ReactBody>,
) -> Answer {
    let undo = Act::React { message: body.message_id, emoji: None };
    act(&sandbox, &platform, body.account.as_deref(), Some(&person), undo)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadBody {
    account: Option<String>,
}

/// `POST /_sandbox/{platform}/people/{person}/read`
pub(super) async fn read(
    State(sandbox): State<Sandbox>,
    Path((platform, person)): Place,
    Body(body): Body<ReadBody>,
) -> Answer {
    act(&sandbox, &platform, body.account.as_deref(), Some(&person), Act::Read)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostbackBody {
    account: Option<String>,
    title: String,
    payload: String,
}

/// `POST /_sandbox/{platform}/people/{person}/postback`
pub(super) async fn postback(
    State(sandbox): State<Sandbox>,
    Path((platform, person)): Place,
    Body(body): Body<PostbackBody>,
) -> Answer {
    let tap = Act::Postback { title: body.title, payload: body.payload };
    act(&sandbox, &platform, body.account.as_deref(), Some(&person), tap)
}

/// Does it, in the thread between these two. Without an account the first one is meant.
pub(super) fn act(
    sandbox: &Sandbox,
    platform: &str,
    account: Option<&str>,
    person: Option<&str>,
    act: Act,
) -> Answer {
    let face = face(platform)?;
    let deed = {
        let mut world = sandbox.world();
        let network = world.network(platform);
        let person = person.ok_or_else(|| Problem::invalid("person", "is required"))?;
        let account = match account {
            Some(key) => network.account(key),
            None => network.accounts.first(),
        };
        let account = account.ok_or_else(|| Problem::unknown("account", "it is not listed"))?;
        let known = network.person(person).ok_or_else(|| Problem::unknown("person", person))?;
        Deed { account: account.id.clone(), person: known.username.clone(), act }
    };
    let done = face.act(sandbox, &deed);
    let done = done.map_err(|refused| Problem::invalid(refused.field, &refused.message))?;
    Ok(Json(json!(done)))
}

/// `GET /_sandbox/{platform}/accounts/{account}/threads`
pub(super) async fn threads(
    State(sandbox): State<Sandbox>,
    Path((platform, account)): Place,
) -> Answer {
    face(&platform)?;
    let mut world = sandbox.world();
    let network = world.network(&platform);
    let account = network.account(&account).ok_or_else(|| Problem::unknown("account", &account))?;
    let threads = network.threads.iter().filter(|thread| thread.account == account.id);
    let threads: Vec<Value> = threads.map(|thread| view(network, thread)).collect();
    Ok(Json(json!({"threads": threads})))
}

/// `GET /_sandbox/{platform}/accounts/{account}/threads/{person}`
pub(super) async fn thread(
    State(sandbox): State<Sandbox>,
    Path((platform, account, person)): Path<(String, String, String)>,
) -> Answer {
    face(&platform)?;
    let mut world = sandbox.world();
    let network = world.network(&platform);
    let account = network.account(&account).ok_or_else(|| Problem::unknown("account", &account))?;
    let person = network.person(&person).ok_or_else(|| Problem::unknown("person", &person))?;
    let thread = network.thread(&account.id, &person.username);
    let thread = thread.ok_or_else(|| Problem::unknown("thread", &person.username))?;
    Ok(Json(view(network, thread)))
}

fn view(network: &Network, thread: &Thread) -> Value {
    let person = network.person(&thread.person);
    let scoped_id = person.and_then(|person| person.scoped_ids.get(&thread.account));
    let messages: Vec<Value> = thread.messages.iter().map(view_message).collect();
    json!({
        "account": thread.account,
        "person": thread.person,
        "scoped_id": scoped_id,
        "account_is_typing": thread.account_is_typing,
        "opened_at": thread.opened_at,
        "messages": messages,
    })
}

fn view_message(message: &Message) -> Value {
    let mut view = json!(message);
    let direction = if message.by == Author::Person { "incoming" } else { "outgoing" };
    view["direction"] = direction.into();
    view
}
