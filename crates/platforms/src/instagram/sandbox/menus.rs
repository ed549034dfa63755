//! What accounts offer before anything is written: opening questions, menus, and flows for ads.

use serde_json::{Value, json};

use super::graph::{Call, Caller};
use super::params::Params;
use super::refusal::Refusal;
use super::remarks::POST_IDS;
use super::{MESSAGES, NAME};
use crate::sandbox::Sandbox;
use crate::sandbox::world::Flow;

const KINDS: [&str; 2] = ["ice_breakers", "persistent_menu"];
const MAX_QUESTIONS: usize = 4;

/// `GET`, `POST` and `DELETE /{account}/messenger_profile`
pub(super) fn answer(sandbox: &Sandbox, call: &Call, caller: &Caller) -> Result<Value, Refusal> {
    caller.need(MESSAGES)?;
    if call.params.text("platform").is_some_and(|platform| platform != NAME) {
        return Err(Refusal::parameter("Param platform must be one of {instagram}"));
    }
    match call.method.as_str() {
        "GET" => read(sandbox, &call.params, caller),
        "POST" => save(sandbox, &call.params, caller),
        "DELETE" => delete(sandbox, &call.params, caller),
        method => Err(Refusal::no_object(method, "messenger_profile")),
    }
}

fn read(sandbox: &Sandbox, params: &Params, caller: &Caller) -> Result<Value, Refusal> {
    let wanted = kinds(params)?;
    let mut world = sandbox.world();
    let mut known = world.network(NAME).menus.get(&caller.account).cloned().unwrap_or_default();
    known.retain(|kind, _| wanted.contains(kind));
    let data = if known.is_empty() { json!([]) } else { json!([known]) };
    Ok(json!({ "data": data }))
}

fn kinds(params: &Params) -> Result<Vec<String>, Refusal> {
    let wanted = params.list("fields").filter(|wanted| !wanted.is_empty());
    let wanted = wanted.ok_or_else(|| Refusal::parameter("The parameter fields is required"))?;
    match wanted.iter().position(|kind| !KINDS.contains(&kind.as_str())) {
        Some(place) => {
            let known = KINDS.join(", ");
            let message = format!("Param fields[{place}] must be one of {{{known}}}");
            Err(Refusal::parameter(message))
        }
        None => Ok(wanted),
    }
}

fn save(sandbox: &Sandbox, params: &Params, caller: &Caller) -> Result<Value, Refusal> {
    let questions = params.json("ice_breakers");
    let menu = params.json("persistent_menu");
    if questions.is_none() && menu.is_none() {
        let message = "One of the parameters ice_breakers and persistent_menu is required";
        return Err(Refusal::parameter(message));
    }
    questions.as_ref().map_or(Ok(()), check_questions)?;
    menu.as_ref().map_or(Ok(()), check_menu)?;
    let mut world = sandbox.world();
    let menus = world.network(NAME).menus.entry(caller.account.clone()).or_default();
    for (kind, given) in KINDS.into_iter().zip([questions, menu]) {
        if let Some(given) = given {
            menus.insert(kind.to_owned(), given);
        }
    }
    drop(world);
    Ok(success(sandbox))
}

fn delete(sandbox: &Sandbox, params: &Params, caller: &Caller) -> Result<Value, Refusal> {
    let meant = kinds(params)?;
    let mut world = sandbox.world();
    if let Some(menus) = world.network(NAME).menus.get_mut(&caller.account) {
        menus.retain(|kind, _| !meant.contains(kind));
    }
    drop(world);
    Ok(success(sandbox))
}

fn success(sandbox: &Sandbox) -> Value {
    match sandbox.world().network(NAME).option("menu_success") {
        Some("result") => json!({"result": "success"}),
        _ => json!({"success": true}),
    }
}

fn wrong(what: &str, why: &str) -> Refusal {
    Refusal::parameter(format!("Param {what} {why}"))
}

/// Checks opening questions: blocks, each for a language, or one plain list.
fn check_questions(questions: &Value) -> Result<(), Refusal> {
    const NAME: &str = "ice_breakers";
    let blocks = questions.as_array().filter(|blocks| !blocks.is_empty());
    let blocks = blocks.ok_or_else(|| wrong(NAME, "must be a list"))?;
    let is_plain = blocks.iter().any(|block| !block["question"].is_null());
    let plain = [questions.clone()];
    let lists: Vec<&Value> = if is_plain {
        plain.iter().collect()
    } else {
        blocks.iter().map(|block| &block["call_to_actions"]).collect()
    };
    for list in lists {
        let list = list.as_array().filter(|list| !list.is_empty() && list.len() <= MAX_QUESTIONS);
        let list = list.ok_or_else(|| wrong(NAME, "must have 1 to 4 questions for a locale"))?;
        let is_whole = |item: &Value| is_text(&item["question"]) && is_text(&item["payload"]);
        if !list.iter().all(is_whole) {
            return Err(wrong(NAME, "must have a question and a payload in each"));
        }
    }
    check_locales(NAME, blocks, is_plain)
}

fn check_menu(menu: &Value) -> Result<(), Refusal> {
    const NAME: &str = "persistent_menu";
    let blocks = menu.as_array().filter(|blocks| !blocks.is_empty());
    let blocks = blocks.ok_or_else(|| wrong(NAME, "must be a list"))?;
    for block in blocks {
        if block["composer_input_disabled"] == true {
            return Err(wrong(NAME, "cannot have composer_input_disabled"));
        }
        let items = block["call_to_actions"].as_array().filter(|items| !items.is_empty());
        let items = items.ok_or_else(|| wrong(NAME, "must have call_to_actions for a locale"))?;
        for item in items {
            if !item["webview_height_ratio"].is_null() {
                return Err(wrong(NAME, "cannot have webview_height_ratio"));
            }
            let is_right = match item["type"].as_str() {
                Some("postback") => is_text(&item["payload"]),
                Some("web_url") => is_text(&item["url"]),
                _ => false,
            };
            if !is_right || !is_text(&item["title"]) {
                return Err(wrong(NAME, "must have a postback or web_url with a title in each"));
            }
        }
    }
    check_locales(NAME, blocks, false)
}

fn check_locales(name: &str, blocks: &[Value], is_plain: bool) -> Result<(), Refusal> {
    let locale = |block: &Value| block["locale"].as_str().unwrap_or("default").to_owned();
    let mut locales: Vec<String> = blocks.iter().map(locale).collect();
    locales.sort_unstable();
    let count = locales.len();
    locales.dedup();
    if is_plain || locales.len() == count {
        Ok(())
    } else {
        Err(wrong(name, "must have one block per locale"))
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// `GET`, `POST` and `DELETE /{account}/welcome_message_flows`
pub(super) fn flows(sandbox: &Sandbox, call: &Call, caller: &Caller) -> Result<Value, Refusal> {
    caller.need(MESSAGES)?;
    let id = call.params.text("flow_id");
    let mut world = sandbox.world();
    let flows = &mut world.network(NAME).flows;
    let is_own = |flow: &Flow| flow.account == caller.account;
    let is_it = |flow: &Flow| is_own(flow) && id == Some(flow.id.as_str());
    if let Some(id) = id.filter(|_| !flows.iter().any(is_it)) {
        return Err(Refusal::no_object(&call.method, id));
    }
    match (call.method.as_str(), id) {
        ("GET", _) => {
            let shown = flows.iter().filter(|flow| is_own(flow) && (id.is_none() || is_it(flow)));
            Ok(json!({"data": shown.map(|flow| &flow.shown).collect::<Vec<_>>()}))
        }
        ("POST", None) => {
            let id = POST_IDS.mint(sandbox.chance());
            let shown = read_flow(&call.params, &id)?;
            flows.push(Flow { id: id.clone(), account: caller.account.clone(), shown });
            Ok(json!({"flow_id": id}))
        }
        ("POST", Some(id)) => {
            let shown = read_flow(&call.params, id)?;
            for flow in flows.iter_mut().filter(|flow| flow.id == id) {
                flow.shown = shown.clone();
            }
            Ok(json!({"success": true}))
        }
        ("DELETE", Some(_)) => {
            flows.retain(|flow| !is_it(flow));
            Ok(json!({"success": true}))
        }
        ("DELETE", None) => Err(Refusal::parameter("The parameter flow_id is required")),
        (method, _) => Err(Refusal::no_object(method, "welcome_message_flows")),
    }
}

/// Reads a flow. When it is shown, what it says is JSON in a text.
fn read_flow(params: &Params, id: &str) -> Result<Value, Refusal> {
    let name = params.text("name");
    let name = name.ok_or_else(|| Refusal::parameter("The parameter name is required"))?;
    let steps = params.json("welcome_message_flow").filter(Value::is_array);
    let steps = steps.filter(|steps| {
        steps.as_array().is_some_and(|steps| {
            !steps.is_empty() && steps.iter().all(|step| is_text(&step["message"]["text"]))
        })
    });
    let steps = steps
        .ok_or_else(|| wrong("welcome_message_flow", "must be a list of messages with a text"))?;
    let platforms = params.json("eligible_platforms").unwrap_or_else(|| json!([NAME]));
    Ok(json!({
        "id": id,
        "name": name,
        "welcome_message_flow": steps.to_string(),
        "eligible_platforms": platforms,
    }))
}
