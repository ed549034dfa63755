//! What people do in the platform's app, and what they see there.

use axum::Json;
use axum::extract::{Path, State};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::problem::{Body, Problem};
use super::{Answer, face};
use crate::sandbox::deed::{Act, OwnerAct};
use crate::sandbox::world::{Author, Message, Network, Thread};
use crate::sandbox::{Deed, Doer, Sandbox};

type Place = Path<(String, String)>;

/// `POST /_sandbox/{platform}/people/{person}/{deed}`
pub(super) async fn by_person(
    State(sandbox): State<Sandbox>,
    Path((platform, person, deed)): Path<(String, String, String)>,
    Body(mut body): Body<Map<String, Value>>,
) -> Answer {
    let account = take_name(&mut body, "account")?;
    let act: Act = read_deed(&deed, &body)?;
    act.check()?;
    perform(&sandbox, &platform, account.as_deref(), Some(&person), By::Person(act))
}

/// `POST /_sandbox/{platform}/accounts/{account}/owner/{deed}`
pub(super) async fn by_owner(
    State(sandbox): State<Sandbox>,
    Path((platform, account, deed)): Path<(String, String, String)>,
    Body(mut body): Body<Map<String, Value>>,
) -> Answer {
    let person = take_name(&mut body, "person")?;
    let act: OwnerAct = read_deed(&deed, &body)?;
    act.check()?;
    perform(&sandbox, &platform, Some(&account), person.as_deref(), By::Owner(act))
}

/// Takes out of a body the name of the other side.
fn take_name(body: &mut Map<String, Value>, field: &str) -> Result<Option<String>, Problem> {
    match body.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(name)),
        Some(_) => Err(Problem::invalid(field, "must be text")),
    }
}

/// Reads a deed: the path names it, the body says the rest.
fn read_deed<T: DeserializeOwned>(deed: &str, body: &Map<String, Value>) -> Result<T, Problem> {
    let known: Result<T, _> = serde_path_to_error::deserialize(json!({ deed: body }));
    known.map_err(|error| {
        // The way to the place of an error begins with the deed, unless there is no such deed.
        let way = error.path().iter().next().map(ToString::to_string);
        let message = error.inner().to_string();
        if message.starts_with("unknown variant") && way.is_none_or(|way| way == deed) {
            return Problem::unknown("deed", deed);
        }
        Problem::unreadable(&error)
    })
}

/// A deed of either side.
pub(super) enum By {
    Person(Act),
    Owner(OwnerAct),
}

/// Does it, between these two. Without an account the first one is meant; an owner without a
/// person deals with the account itself.
pub(super) fn perform(
    sandbox: &Sandbox,
    platform: &str,
    account: Option<&str>,
    person: Option<&str>,
    by: By,
) -> Answer {
    let face = face(platform)?;
    let deed = {
        let mut world = sandbox.world();
        let network = world.network(platform);
        let account = match account {
            Some(key) => network.account(key),
            None => network.accounts.first(),
        };
        let account = account.ok_or_else(|| Problem::unknown("account", "it is not listed"))?;
        let is_itself = |key: &&str| *key == account.username || *key == account.own_scoped_id;
        let person = match person.filter(|key| !is_itself(key)) {
            None => None,
            Some(key) => {
                let known = network.person(key).ok_or_else(|| Problem::unknown("person", key))?;
                Some(known.username.clone())
            }
        };
        let account = account.id.clone();
        match (by, person) {
            (By::Person(act), Some(username)) => {
                Deed { account, by: Doer::Person { username, act } }
            }
            (By::Owner(act), person) => Deed { account, by: Doer::Owner { person, act } },
            (By::Person(_), None) => return Err(Problem::invalid("person", "is required")),
        }
    };
    Ok(Json(json!(face.act(sandbox, &deed)?)))
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
    let username = match network.person(&person) {
        Some(person) => person.username.clone(),
        None if person == account.username => person,
        None => return Err(Problem::unknown("person", &person)),
    };
    let thread = network.thread(&account.id, &username);
    let thread = thread.ok_or_else(|| Problem::unknown("thread", &username))?;
    Ok(Json(view(network, thread)))
}

fn view(network: &Network, thread: &Thread) -> Value {
    let scoped_id = network.other_side(&thread.account, &thread.person);
    let messages: Vec<Value> = thread.messages.iter().map(view_message).collect();
    json!({
        "account": thread.account,
        "person": thread.person,
        "scoped_id": scoped_id,
        "account_is_typing": thread.account_is_typing,
        "opened_at": thread.opened_at,
        "owner": thread.owner,
        "messages": messages,
    })
}

fn view_message(message: &Message) -> Value {
    let mut view = json!(message);
    let direction = if message.by == Author::Person { "incoming" } else { "outgoing" };
    view["direction"] = direction.into();
    view
}
