//! Ice breakers and the persistent menu: requests to `/{account}/messenger_profile`.

use http::Method;
use posta_core::failure::ConnectorError;
use posta_core::message::{Button, ButtonAction};
use serde_json::{Value, json};

use super::{Instagram, errors, send};
use crate::contract::{Answer, IceBreakers, Menu, Menus, Question};
use crate::cx::Cx;
use crate::meta::errors::Call;
use crate::meta::graph::{self, text};

const ICE_BREAKERS: &str = "ice_breakers";
const MENU: &str = "persistent_menu";

/// The language of a block that names none.
const DEFAULT: &str = "default";

impl Menus for Instagram {
    fn ice_breakers<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, Vec<IceBreakers>> {
        Box::pin(async { Ok(read_ice_breakers(&read(cx, ICE_BREAKERS).await?)) })
    }

    fn set_ice_breakers<'a>(&'a self, cx: &'a Cx<'a>, all: &'a [IceBreakers]) -> Answer<'a, ()> {
        Box::pin(async move {
            let question =
                |one: &Question| json!({"question": one.question, "payload": one.payload});
            let blocks = all.iter().map(|block| {
                let questions: Vec<Value> = block.questions.iter().map(question).collect();
                json!({"locale": block.locale, "call_to_actions": questions})
            });
            let blocks: Vec<Value> = blocks.collect();
            write(cx, ICE_BREAKERS, blocks).await
        })
    }

    fn menu<'a>(&'a self, cx: &'a Cx<'a>) -> Answer<'a, Vec<Menu>> {
        Box::pin(async { Ok(read_menu(&read(cx, MENU).await?)) })
    }

    fn set_menu<'a>(&'a self, cx: &'a Cx<'a>, all: &'a [Menu]) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut blocks = Vec::new();
            for menu in all {
                blocks.push(json!({
                    "locale": menu.locale,
                    // Anything else is not available (.../persistent-menu, read 2026-11-24).
                    "composer_input_disabled": false,
                    "call_to_actions": send::buttons(&menu.items)?,
                }));
            }
            write(cx, MENU, blocks).await
        })
    }
}

/// Sets a property of the profile, or deletes it when there is nothing to set.
async fn write(cx: &Cx<'_>, property: &str, blocks: Vec<Value>) -> Result<(), ConnectorError> {
    if blocks.is_empty() {
        let body = json!({"fields": [property]});
        return call(cx, Method::DELETE, None, Some(&body)).await.map(drop);
    }
    let mut body = json!({"platform": "instagram"});
    body[property] = Value::Array(blocks);
    call(cx, Method::POST, None, Some(&body)).await.map(drop)
}

/// Reads the blocks of a property; pages show them inside `data[]` and bare.
async fn read(cx: &Cx<'_>, property: &str) -> Result<Vec<Value>, ConnectorError> {
    let answer = call(cx, Method::GET, Some(property), None).await?;
    let profiles = answer["data"].as_array().cloned().unwrap_or_else(|| vec![answer]);
    let lists = profiles.iter().filter_map(|profile| profile[property].as_array());
    Ok(lists.flatten().cloned().collect())
}

async fn call(
    cx: &Cx<'_>,
    method: Method,
    fields: Option<&str>,
    body: Option<&Value>,
) -> Result<Value, ConnectorError> {
    let account = cx.account()?;
    let url = cx.site.url("graph", &[cx.site.version(), account.id.as_str(), "messenger_profile"]);
    let request = match method {
        Method::GET => cx.http.get(url),
        Method::DELETE => cx.http.delete(url),
        _ => cx.http.post(url),
    };
    let mut request = request.bearer_auth(account.token.expose());
    if let Some(fields) = fields {
        request = request.query(&[("fields", fields)]);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = graph::call(cx, request).await;
    answer.map_err(|failed| errors::judge(failed, Call::Repeatable, cx.clock.now()))
}

/// Questions stand in blocks by language; Meta's Postman collection also shows a flat list.
fn read_ice_breakers(blocks: &[Value]) -> Vec<IceBreakers> {
    let question = |value: &Value| {
        let payload = text(value, "payload").unwrap_or_default();
        Some(Question { question: text(value, "question")?, payload })
    };
    let flat: Vec<Question> = blocks.iter().filter_map(question).collect();
    let flat =
        (!flat.is_empty()).then(|| IceBreakers { locale: DEFAULT.to_owned(), questions: flat });
    let named = blocks.iter().filter_map(|block| {
        let questions = block["call_to_actions"].as_array()?.iter().filter_map(question);
        Some(IceBreakers { locale: locale(block), questions: questions.collect() })
    });
    flat.into_iter().chain(named).collect()
}

fn read_menu(blocks: &[Value]) -> Vec<Menu> {
    let item = |value: &Value| {
        let action = match text(value, "url") {
            Some(url) => ButtonAction::Url(url),
            None => ButtonAction::Postback(text(value, "payload").unwrap_or_default()),
        };
        Some(Button { title: text(value, "title")?, action })
    };
    let read = |block: &Value| {
        let items = block["call_to_actions"].as_array()?.iter().filter_map(item);
        Some(Menu { locale: locale(block), items: items.collect() })
    };
    blocks.iter().filter_map(read).collect()
}

fn locale(block: &Value) -> String {
    text(block, "locale").unwrap_or_else(|| DEFAULT.to_owned())
}
