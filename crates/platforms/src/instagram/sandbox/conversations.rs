//! Conversations and the messages in them, as apps read them.

use std::time::Duration;

use posta_core::time::Timestamp;
use serde_json::{Map, Value, json};

use super::fields::{self, Field, Page};
use super::graph::{Call, Caller};
use super::params::plain;
use super::refusal::Refusal;
use super::{MESSAGES, NAME, cdn, mid};
use crate::sandbox::Sandbox;
use crate::sandbox::world::{Author, Message, Network, Thread};

/// How many of the newest messages of a conversation can be read.
const READABLE: usize = 20;

/// How many conversations or messages are on a page.
const PAGE: usize = 25;

/// How long a request that nobody answered is shown.
const REQUEST_LIFE: Duration = Duration::from_hours(30 * 24);

const DEFAULT: &str = "id,updated_time";
const MESSAGE_DEFAULT: &str = "id,created_time,is_unsupported";

/// `GET /{account}/conversations`
pub(super) fn list(sandbox: &Sandbox, call: &Call, caller: &Caller) -> Result<Value, Refusal> {
    caller.need(MESSAGES)?;
    if call.params.text("platform").is_some_and(|platform| platform != NAME) {
        return Err(Refusal::parameter("Param platform must be one of {instagram}"));
    }
    let wanted = fields::read(&call.params, DEFAULT)?;
    let page = Page::read(&call.params, call.path_text(), PAGE)?;
    let now = sandbox.clock().now();
    let mut world = sandbox.world();
    let network = world.network(NAME);
    check_access(network, caller)?;
    let only = call.params.get("user_id").map(plain);
    let mut threads: Vec<(String, Thread)> = Vec::new();
    for thread in network.threads.iter().filter(|thread| thread.account == caller.account) {
        let scoped_id = network.other_side(&thread.account, &thread.person).unwrap_or_default();
        let is_meant = only.as_ref().is_none_or(|only| *only == scoped_id);
        if is_meant && updated_at(thread).is_some() && !is_forgotten(network, thread, now) {
            threads.push((mid::thread(&caller.account, &scoped_id), thread.clone()));
        }
    }
    threads.sort_by_key(|(_, thread)| std::cmp::Reverse(updated_at(thread)));
    let ids: Vec<String> = threads.iter().map(|(id, _)| id.clone()).collect();
    let mut items = Vec::new();
    for (id, thread) in &threads[page.range(&ids)] {
        items.push(show(sandbox, network, call, (id, thread), &wanted)?);
    }
    Ok(page.write(sandbox, &ids, &items))
}

/// `GET /{conversation}`, if there is one with this id.
pub(super) fn read(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Option<Result<Value, Refusal>> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let thread = find(network, caller, node)?;
    let mut read = || {
        caller.need(MESSAGES)?;
        check_access(network, caller)?;
        let wanted = fields::read(&call.params, DEFAULT)?;
        show(sandbox, network, call, (node, &thread), &wanted)
    };
    Some(read())
}

/// `GET /{conversation}/messages`
pub(super) fn list_messages(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Result<Value, Refusal> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let thread = find(network, caller, node);
    let thread = thread.ok_or_else(|| Refusal::no_object(&call.method, node))?;
    caller.need(MESSAGES)?;
    check_access(network, caller)?;
    let wanted = fields::read(&call.params, MESSAGE_DEFAULT)?;
    let page = Page::read(&call.params, call.path_text(), PAGE)?;
    messages(sandbox, network, &thread, &wanted, &page)
}

/// `GET /{message}`, if there is one with this id.
pub(super) fn read_message(
    sandbox: &Sandbox,
    call: &Call,
    caller: &Caller,
    node: &str,
) -> Option<Result<Value, Refusal>> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let mut threads = network.threads.iter().filter(|thread| thread.account == caller.account);
    let thread = threads.find(|thread| thread.messages.iter().any(|known| known.id == node))?;
    let thread = thread.clone();
    let mut read = || {
        caller.need(MESSAGES)?;
        check_access(network, caller)?;
        let wanted = fields::read(&call.params, MESSAGE_DEFAULT)?;
        let place = newest_first(&thread).position(|message| message.id == node);
        let message = place.filter(|place| *place < READABLE);
        let message = message.and_then(|place| newest_first(&thread).nth(place));
        let message = message.ok_or_else(Refusal::message_gone)?;
        show_message(sandbox, network, &thread, message, &wanted)
    };
    Some(read())
}

fn check_access(network: &Network, caller: &Caller) -> Result<(), Refusal> {
    let account = network.account(&caller.account).filter(|account| account.message_access);
    account.map(|_| ()).ok_or_else(Refusal::access_off)
}

fn find(network: &Network, caller: &Caller, node: &str) -> Option<Thread> {
    let mut threads = network.threads.iter().filter(|thread| thread.account == caller.account);
    threads.find(|thread| id_of(network, thread) == node).cloned()
}

/// Whether a conversation of the account has this id.
pub(super) fn is_one(network: &Network, account: &str, node: &str) -> bool {
    let mut threads = network.threads.iter().filter(|thread| thread.account == account);
    threads.any(|thread| id_of(network, thread) == node)
}

fn id_of(network: &Network, thread: &Thread) -> String {
    let scoped_id = network.other_side(&thread.account, &thread.person).unwrap_or_default();
    mid::thread(&thread.account, &scoped_id)
}

/// Returns what is still there of a conversation. Who took a message back took it from apps, too.
fn newest_first(thread: &Thread) -> impl Iterator<Item = &Message> {
    thread.messages.iter().rev().filter(|message| message.unsent_at.is_none())
}

fn updated_at(thread: &Thread) -> Option<Timestamp> {
    newest_first(thread).next().map(|message| message.at)
}

/// Whether this is a request that has been left alone for too long to be returned.
fn is_forgotten(network: &Network, thread: &Thread, now: Timestamp) -> bool {
    let is_answer =
        |message: &Message| message.by != Author::Person && message.draft.comment_id.is_none();
    let is_answered = thread.messages.iter().any(is_answer);
    let follows = network
        .person(&thread.person)
        .is_none_or(|person| person.follows.contains(&thread.account));
    let is_idle = updated_at(thread).is_some_and(|at| now.since(at) > REQUEST_LIFE);
    !is_answered && !follows && is_idle
}

fn show(
    sandbox: &Sandbox,
    network: &mut Network,
    call: &Call,
    (id, thread): (&str, &Thread),
    wanted: &[Field],
) -> Result<Value, Refusal> {
    let mut shown = Map::from_iter([("id".to_owned(), json!(id))]);
    for field in wanted {
        let value = match field.name.as_str() {
            "id" => continue,
            "updated_time" => json!(updated_at(thread).map(time)),
            "participants" => {
                json!({"data": [account(network, thread), person(network, thread)]})
            }
            "messages" => {
                let version = call.version.as_ref().map(|version| format!("{version}/"));
                let path = format!("{}{id}/messages", version.unwrap_or_default());
                let page = Page::inside(&call.params, path, field, PAGE);
                let inner = match field.inner.as_slice() {
                    [] => &fields::parse(MESSAGE_DEFAULT)?,
                    inner => inner,
                };
                messages(sandbox, network, thread, inner, &page)?
            }
            other => {
                let message = format!("Tried accessing nonexisting field ({other})");
                return Err(Refusal::parameter(message));
            }
        };
        shown.insert(field.name.clone(), value);
    }
    Ok(Value::Object(shown))
}

/// Lists messages, newest first. Of the older ones nothing is told but that they were there.
fn messages(
    sandbox: &Sandbox,
    network: &mut Network,
    thread: &Thread,
    wanted: &[Field],
    page: &Page,
) -> Result<Value, Refusal> {
    let all: Vec<&Message> = newest_first(thread).collect();
    let ids: Vec<String> = all.iter().map(|message| message.id.clone()).collect();
    let mut items = Vec::new();
    for place in page.range(&ids) {
        let message = all[place];
        items.push(if place < READABLE {
            show_message(sandbox, network, thread, message, wanted)?
        } else {
            json!({"id": message.id, "created_time": time(message.at)})
        });
    }
    Ok(page.write(sandbox, &ids, &items))
}

fn account(network: &Network, thread: &Thread) -> Value {
    let known = network.account(&thread.account);
    json!({"id": thread.account, "username": known.map(|known| known.username.as_str())})
}

fn person(network: &Network, thread: &Thread) -> Value {
    json!({"id": network.other_side(&thread.account, &thread.person), "username": thread.person})
}

fn show_message(
    sandbox: &Sandbox,
    network: &mut Network,
    thread: &Thread,
    message: &Message,
    wanted: &[Field],
) -> Result<Value, Refusal> {
    let shown = cdn::shown(sandbox, network, &message.draft.attachments);
    let (mine, theirs) = (account(network, thread), person(network, thread));
    let is_theirs = message.by == Author::Person;
    let (from, to) = if is_theirs { (&theirs, &mine) } else { (&mine, &theirs) };
    let reactions = [(&message.person_reaction, &theirs), (&message.account_reaction, &mine)];
    let reactions = reactions.into_iter().filter_map(|(emoji, who)| {
        let emoji = emoji.as_ref()?;
        Some(json!({"reaction": emoji, "users": [who]}))
    });
    let template_text = shown.first().map(|first| first["payload"]["text"].clone());
    let text = message.draft.text.clone().map(Value::from).or(template_text);
    let list = |items: Vec<Value>| {
        if items.is_empty() { Value::Null } else { json!({ "data": items }) }
    };
    let attachments = shown.iter().filter_map(|one| attachment(&message.id, one)).collect();
    let whole = json!({
        "id": message.id,
        "created_time": time(message.at),
        "from": from,
        "to": {"data": [to]},
        "message": text.unwrap_or_default(),
        "attachments": list(attachments),
        "shares": list(shown.iter().filter_map(share).collect()),
        "story": story(sandbox, network, message, &shown),
        "reactions": list(reactions.collect()),
        "reply_to": message.draft.reply_to.as_ref().filter(|to| to.get("mid").is_some()),
        "is_unsupported": message.draft.is_unsupported.then_some(true),
        "tags": null,
    });
    // Of a share nothing but the id is told, unless more is asked for.
    let mut wanted = wanted.to_vec();
    for field in wanted.iter_mut().filter(|field| field.name == "shares" && field.inner.is_empty())
    {
        field.inner = fields::parse("id")?;
    }
    fields::select(&whole, &wanted, false)
}

/// Writes a time as reads of conversations do.
pub(super) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or_else(|_| at.to_string(), |at| at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string())
}

fn attachment(message: &str, shown: &Value) -> Option<Value> {
    let (kind, payload) = (shown["type"].as_str()?, &shown["payload"]);
    let url = &payload["url"];
    let id = format!("{message}-{kind}");
    let sides = json!({"width": 1080, "height": 1080, "max_width": 1080, "max_height": 1080});
    let data = |is_sticker: bool| {
        let mut data = sides.clone();
        (data["url"], data["preview_url"]) = (url.clone(), url.clone());
        if is_sticker {
            data["render_as_sticker"] = true.into();
        }
        data
    };
    Some(match kind {
        "image" => json!({"id": id, "image_data": data(false)}),
        "sticker" => json!({"id": id, "image_data": data(true)}),
        "gif" => {
            let mut image = data(true);
            (image["animated_gif_url"], image["animated_gif_preview_url"]) =
                (url.clone(), url.clone());
            json!({"id": id, "image_data": image})
        }
        "video" => json!({"id": id, "video_data": data(false)}),
        "audio" | "file" => json!({"id": id, "name": format!("{kind}-{message}"), "file_url": url}),
        "template" if payload["template_type"] == "generic" => {
            json!({"id": id, "generic_template": {"elements": payload["elements"]}})
        }
        "template" => {
            json!({"id": id, "generic_template": {"title": payload["text"], "buttons": payload["buttons"]}})
        }
        _ => return None,
    })
}

fn share(shown: &Value) -> Option<Value> {
    let payload = &shown["payload"];
    if !matches!(shown["type"].as_str()?, "share" | "ig_post" | "ig_reel" | "reel") {
        return None;
    }
    let id = [&payload["ig_post_media_id"], &payload["reel_video_id"]];
    let id = id.into_iter().find(|id| !id.is_null()).cloned();
    let (title, url) = (&payload["title"], &payload["url"]);
    Some(json!({"id": id, "link": url, "name": title, "description": null, "template": null}))
}

/// The story that a message answers or mentions the account in, as long as there is one: empty fields
/// are left out.
fn story(sandbox: &Sandbox, network: &mut Network, message: &Message, shown: &[Value]) -> Value {
    let now = sandbox.clock().now();
    let reply = message.draft.reply_to.as_ref().and_then(|to| to.get("story"));
    if let Some(story) = reply {
        let url = story["url"].as_str().unwrap_or_default();
        if cdn::is_gone(network, url, now) {
            return Value::Null;
        }
        let link = cdn::renewed(sandbox, network, url).unwrap_or_else(|| url.to_owned());
        return json!({"link": link, "id": story["id"]});
    }
    let is_mention = |one: &&Value| one["type"] == "story_mention";
    let link = |mention: &Value| mention["payload"]["url"].as_str().map(str::to_owned);
    let link = shown.iter().find(is_mention).and_then(link);
    link.filter(|link| !cdn::is_gone(network, link, now))
        .map_or(Value::Null, |link| json!({"link": link, "id": format!("{}-story", message.id)}))
}
