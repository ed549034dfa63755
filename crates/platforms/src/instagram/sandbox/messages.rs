//! `POST /{account}/messages`: from whom it is accepted, when, and what comes of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::ask::{Action, Ask, Content, Recipient};
use super::graph::Caller;
use super::params::{Params, plain};
use super::refusal::Refusal;
use super::{CAST, COMMENTS, MESSAGES, NAME, deeds, mid, uploads, webhooks};
use crate::sandbox::world::{Author, Network, Thread};
use crate::sandbox::{Draft, Sandbox};

const STANDARD_WINDOW: Duration = Duration::from_hours(24);
const HUMAN_AGENT_WINDOW: Duration = Duration::from_hours(7 * 24);

/// How long after a comment it can be answered in private.
const PRIVATE_REPLY_WINDOW: Duration = Duration::from_hours(7 * 24);

/// Sends a message or a sender action.
pub(super) async fn send(
    sandbox: &Sandbox,
    params: &Params,
    caller: &Caller,
) -> Result<Value, Refusal> {
    let ask = Ask::read(params)?;
    let (scoped_id, person) = match &ask.recipient {
        Recipient::Person(id) => {
            caller.need(MESSAGES)?;
            (id.clone(), check(sandbox, caller, id, &ask)?)
        }
        Recipient::Comment(comment) => {
            caller.need(COMMENTS)?;
            check_private_reply(sandbox, caller, comment, &ask.content)?
        }
    };
    if let Content::Message(draft) = &ask.content {
        uploads::collect(sandbox, caller, &draft.attachments).await?;
    }
    let mut world = sandbox.world();
    let network = world.network(NAME);
    match ask.content {
        Content::Message(mut draft) => {
            let now = sandbox.clock().now();
            if let Recipient::Comment(id) = ask.recipient {
                let mut posts = network.posts.iter_mut();
                if let Some(comment) = posts.find_map(|post| post.comment_mut(&id)) {
                    comment.answered_privately_at = Some(now);
                }
                draft.comment_id = Some(id);
            }
            let id = mid::mint(&caller.account, &scoped_id, now, sandbox.chance());
            network.thread_mut(&caller.account, &person).say(&id, Author::Api, now, draft);
            webhooks::echo(sandbox, network, &caller.account, &person, &id);
            let is_self = webhooks::is_account(network, &caller.account, &person);
            Ok(match network.option("self_send_shape") {
                Some("id") if is_self => json!({"id": id}),
                _ => json!({"recipient_id": scoped_id, "message_id": id}),
            })
        }
        Content::Action(action) => {
            perform(network.thread_mut(&caller.account, &person), action)?;
            Ok(json!({"recipient_id": scoped_id}))
        }
        Content::Pass(app) => {
            let (account, now) = (caller.account.as_str(), sandbox.clock().now());
            let (scoped_id, person) = (scoped_id.as_str(), person.as_str());
            let mut scene = deeds::Scene { sandbox, network, account, person, scoped_id, now };
            let passed = deeds::pass(&mut scene, app, Some(caller.client_id.clone()));
            passed.map_err(|_| Refusal::parameter("Param thread_control[app_id] is no app"))?;
            Ok(json!({"success": true}))
        }
    }
}

/// Asks whether this may be sent to the person with this id. Returns their username.
fn check(sandbox: &Sandbox, caller: &Caller, id: &str, ask: &Ask) -> Result<String, Refusal> {
    let mut world = sandbox.world();
    let network = world.network(NAME);
    let person = recipient(network, caller, id)?;
    check_reach(network, caller, &person, MESSAGES)?;
    let is_routed =
        network.app(&caller.client_id).is_some_and(|app| app.has("conversation_routing"));
    if matches!(ask.content, Content::Pass(_)) && !is_routed {
        return Err(Refusal::no_routing());
    }
    if let Content::Message(draft) = &ask.content {
        check_shared_posts(network, caller, draft)?;
        let is_self = webhooks::is_account(network, &caller.account, &person);
        if is_self && !draft.quick_replies.is_empty() {
            return Err(Refusal::invalid_message("quick replies are not for oneself"));
        }
    }
    check_owner(network, caller, &person)?;
    check_window(sandbox, network, caller, &person, ask)?;
    Ok(person)
}

/// Finds whom the account would write to, by username.
fn recipient(network: &Network, caller: &Caller, id: &str) -> Result<String, Refusal> {
    let account = network.account(&caller.account).filter(|account| account.message_access);
    let account = account.ok_or_else(Refusal::access_off)?;
    if account.own_scoped_id == id {
        return Ok(account.username.clone());
    }
    let person = network.person_scoped(&caller.account, id).ok_or_else(Refusal::no_person)?;
    Ok(person.username.clone())
}

/// Asks whether the app may reach this person at all, and the person wants it.
fn check_reach(
    network: &Network,
    caller: &Caller,
    person: &str,
    scope: &str,
) -> Result<(), Refusal> {
    let Some(app) = network.app(&caller.client_id) else {
        return Ok(());
    };
    let is_known =
        app.testers.contains(person) || webhooks::is_account(network, &caller.account, person);
    if !app.live && !is_known {
        return Err(Refusal::no_role());
    }
    if app.standard_access.contains(scope) && !is_known {
        return Err(Refusal::no_advanced_access());
    }
    let person = network.person(person);
    if person.is_some_and(|person| person.blocks.contains(&caller.account)) {
        return Err(Refusal::person_unavailable());
    }
    Ok(())
}

fn check_owner(network: &Network, caller: &Caller, person: &str) -> Result<(), Refusal> {
    let owner = network.thread(&caller.account, person).and_then(|thread| thread.owner.as_ref());
    match owner.filter(|owner| **owner != caller.client_id) {
        Some(_) => Err(Refusal::not_the_owner(network.option("owned_thread_error"))),
        None => Ok(()),
    }
}

/// Only what the account has posted itself can be shared.
fn check_shared_posts(network: &Network, caller: &Caller, draft: &Draft) -> Result<(), Refusal> {
    let mut shared = draft.attachments.iter().filter(|one| one["type"] == "MEDIA_SHARE");
    let is_own = |one: &Value| {
        let post = network.post(&plain(&one["payload"]["id"]));
        post.is_some_and(|post| post.by == caller.account)
    };
    match shared.find(|one| !is_own(one)) {
        Some(_) => Err(Refusal::invalid_message("only a post of the account's own can be shared")),
        None => Ok(()),
    }
}

fn check_window(
    sandbox: &Sandbox,
    network: &Network,
    caller: &Caller,
    person: &str,
    ask: &Ask,
) -> Result<(), Refusal> {
    let app = network.app(&caller.client_id);
    let may_stay = app.is_some_and(|app| app.has("human_agent"));
    if ask.is_human_agent && !may_stay {
        return Err(Refusal::no_permission());
    }
    let thread = network.thread(&caller.account, person);
    let opened = thread.and_then(|thread| thread.opened_at);
    // Being seen is no message, nor is handing over; the pages set no window for them. Nor is
    // there one for an account and itself, once it has written to itself.
    let is_free = matches!(ask.content, Content::Action(Action::MarkSeen) | Content::Pass(_))
        || webhooks::is_account(network, &caller.account, person);
    if opened.is_some() && is_free {
        return Ok(());
    }
    let window = if ask.is_human_agent { HUMAN_AGENT_WINDOW } else { STANDARD_WINDOW };
    match opened {
        Some(opened) if sandbox.clock().now().since(opened) <= window => Ok(()),
        _ => Err(Refusal::outside_window()),
    }
}

/// Asks whether a comment can be answered in private. Returns its author's id and username.
fn check_private_reply(
    sandbox: &Sandbox,
    caller: &Caller,
    comment: &str,
    content: &Content,
) -> Result<(String, String), Refusal> {
    let Content::Message(draft) = content else {
        return Err(Refusal::parameter("Param recipient must have an id for this"));
    };
    if draft.text.is_none() {
        return Err(Refusal::invalid_message("a private reply is a text"));
    }
    let now = sandbox.clock().now();
    let mut world = sandbox.world();
    let network = world.network(NAME);
    if network.account(&caller.account).is_none_or(|account| !account.message_access) {
        return Err(Refusal::access_off());
    }
    let known = network.comment(comment).filter(|(post, _)| post.by == caller.account);
    let (post, known) = known.ok_or_else(Refusal::comment_taken)?;
    let is_over =
        if post.was_live { !post.is_live } else { now.since(known.at) > PRIVATE_REPLY_WINDOW };
    let person = known.person.clone().filter(|_| known.answered_privately_at.is_none() && !is_over);
    let person = person.ok_or_else(Refusal::comment_taken)?;
    check_reach(network, caller, &person, COMMENTS)?;
    check_owner(network, caller, &person)?;
    let id = network.scoped_id(&caller.account, &person, CAST.scoped_ids, sandbox.chance());
    Ok((id, person))
}

fn perform(thread: &mut Thread, action: Action) -> Result<(), Refusal> {
    match action {
        Action::Typing(is_typing) => thread.account_is_typing = is_typing,
        Action::MarkSeen => thread.see(Author::Api),
        Action::React(message, emoji) => {
            let message = thread.message_mut(&message).filter(|known| known.unsent_at.is_none());
            let message = message.ok_or_else(|| {
                Refusal::parameter("Param payload[message_id] is no message of this thread")
            })?;
            message.account_reaction = emoji;
        }
    }
    Ok(())
}
