//! What people can tap before or beside writing: the messaging settings of an account.

use axum::Json;
use axum::extract::{Path, State};
use posta_core::failure::Code;
use posta_core::id::AccountId;
use posta_core::message::{Button, ButtonAction};
use posta_platforms::contract::{IceBreakers, Menu, Question};
use posta_store::accounts::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::auth::Caller;
use super::error::{ApiError, Result};
use super::extract::{Body, http_url};
use crate::app::App;
use crate::flows::menus;

/// A setting that this account's platform has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    IceBreakers,
    Menu,
}

/// The settings of other platforms end so.
const ELSEWHERE: [&str; 4] = ["-commands", "-get-started", "-greeting", "-ice-breakers"];

impl Setting {
    /// Reads the last part of the path. Platforms' names stand in it, so it is held against the
    /// account's own.
    fn read(name: &str, account: &Account) -> Result<Self> {
        if name.strip_suffix("-ice-breakers") == Some(account.platform.as_str()) {
            return Ok(Self::IceBreakers);
        }
        if name == "messenger-menu" {
            return Ok(Self::Menu);
        }
        let platform = &account.platform;
        if ELSEWHERE.iter().any(|end| name.ends_with(end)) {
            let message = format!("{name} is not for accounts of {platform}");
            let mut error = ApiError::new(Code::PlatformNotSupported, message);
            error.more.platform = Some(platform.clone());
            return Err(error);
        }
        Err(ApiError::new(Code::RouteNotFound, format!("accounts have no {name}")))
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingAnswer {
    /// What is set, in the platform's shape: an object with `ice_breakers` or `persistent_menu`.
    /// Empty when nothing is.
    #[schema(value_type = Vec<Object>)]
    data: Vec<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingDone {
    success: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SettingRequest {
    /// For ice breakers: up to 4 questions, or blocks of them by language.
    #[serde(alias = "iceBreakers")]
    #[schema(value_type = Option<Vec<IceBreakerRequest>>)]
    ice_breakers: Option<Vec<IceBreakerRequest>>,
    /// For the menu: its entries, by language.
    #[serde(alias = "persistentMenu")]
    persistent_menu: Option<Vec<MenuRequest>>,
}

/// A question, or a block of questions for one language.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct IceBreakerRequest {
    /// What it says, in 80 characters.
    question: Option<String>,
    /// What comes back with the tap.
    payload: Option<String>,
    /// Of a block: its language, such as `de_DE`, or `default`.
    locale: Option<String>,
    /// Of a block: its questions.
    call_to_actions: Option<Vec<QuestionRequest>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct QuestionRequest {
    /// What it says, in 80 characters.
    question: String,
    /// What comes back with the tap.
    payload: String,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MenuRequest {
    /// The language, such as `de_DE`, or `default`.
    locale: Option<String>,
    /// The entries.
    call_to_actions: Vec<MenuItemRequest>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MenuItemRequest {
    /// `web_url` or `postback`.
    #[serde(rename = "type")]
    kind: String,
    /// What it says.
    title: String,
    /// For `web_url`: the page.
    url: Option<String>,
    /// For `postback`: what comes back with the tap.
    payload: Option<String>,
}

/// Reads a messaging setting of an account, as its platform has it.
#[utoipa::path(get, path = "/v1/accounts/{accountId}/{setting}",
    operation_id = "get_account_messaging_setting", tag = "Accounts",
    params(("accountId" = AccountId, Path),
        ("setting" = String, Path, description = "`{platform}-ice-breakers` or `messenger-menu`")),
    responses((status = 200, body = SettingAnswer)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> Result<Json<SettingAnswer>> {
    let (account, setting) = find(&app, &caller, &path).await?;
    let data = match setting {
        Setting::IceBreakers => {
            let all = menus::ice_breakers(&app, &account).await.map_err(on(&account))?;
            let block = |block: &IceBreakers| {
                let questions = block.questions.iter();
                let question =
                    |one: &Question| json!({"question": one.question, "payload": one.payload});
                let questions: Vec<Value> = questions.map(question).collect();
                json!({"locale": block.locale, "call_to_actions": questions})
            };
            wrapped("ice_breakers", &all.iter().map(block).collect::<Vec<_>>())
        }
        Setting::Menu => {
            let all = menus::menu(&app, &account).await.map_err(on(&account))?;
            wrapped("persistent_menu", &all.iter().map(show_menu).collect::<Vec<_>>())
        }
    };
    Ok(Json(SettingAnswer { data }))
}

/// Sets a messaging setting of an account, in place of what was there.
#[utoipa::path(put, path = "/v1/accounts/{accountId}/{setting}",
    operation_id = "set_account_messaging_setting", tag = "Accounts",
    params(("accountId" = AccountId, Path),
        ("setting" = String, Path, description = "`{platform}-ice-breakers` or `messenger-menu`")),
    request_body = SettingRequest, responses((status = 200, body = SettingDone)))]
pub(crate) async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<(String, String)>,
    body: Body<SettingRequest>,
) -> Result<Json<SettingDone>> {
    let (account, setting) = find(&app, &caller, &path).await?;
    let request = body.value;
    match setting {
        Setting::IceBreakers => {
            let asked = request.ice_breakers.filter(|all| !all.is_empty());
            let all = ice_breakers(asked.ok_or_else(|| ApiError::missing("ice_breakers"))?)?;
            menus::set_ice_breakers(&app, &account, &all).await.map_err(on(&account))?;
        }
        Setting::Menu => {
            let asked = request.persistent_menu.filter(|all| !all.is_empty());
            let all = menu(asked.ok_or_else(|| ApiError::missing("persistent_menu"))?)?;
            menus::set_menu(&app, &account, &all).await.map_err(on(&account))?;
        }
    }
    Ok(Json(SettingDone { success: true }))
}

/// Takes a messaging setting of an account away.
#[utoipa::path(delete, path = "/v1/accounts/{accountId}/{setting}",
    operation_id = "delete_account_messaging_setting", tag = "Accounts",
    params(("accountId" = AccountId, Path),
        ("setting" = String, Path, description = "`{platform}-ice-breakers` or `messenger-menu`")),
    responses((status = 200, body = SettingDone)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> Result<Json<SettingDone>> {
    let (account, setting) = find(&app, &caller, &path).await?;
    match setting {
        Setting::IceBreakers => menus::set_ice_breakers(&app, &account, &[]).await,
        Setting::Menu => menus::set_menu(&app, &account, &[]).await,
    }
    .map_err(on(&account))?;
    Ok(Json(SettingDone { success: true }))
}

async fn find(app: &App, caller: &Caller, path: &(String, String)) -> Result<(Account, Setting)> {
    let id: AccountId = path
        .0
        .parse()
        .map_err(|error| ApiError::bad_value("accountId", format!("is bad: {error}")))?;
    let mut tx = app.db.read().await?;
    let account = caller.account(&mut tx, &id).await?;
    let setting = Setting::read(&path.1, &account)?;
    Ok((account, setting))
}

/// Names the account's platform with a failure.
fn on(account: &Account) -> impl Fn(crate::flows::FlowError) -> ApiError + '_ {
    |error| {
        let mut error = ApiError::from(error);
        error.more.platform = Some(account.platform.clone());
        error
    }
}

fn wrapped(name: &str, blocks: &[Value]) -> Vec<Value> {
    if blocks.is_empty() { Vec::new() } else { vec![json!({ name: blocks })] }
}

fn show_menu(menu: &Menu) -> Value {
    let item = |button: &Button| match &button.action {
        ButtonAction::Url(url) => json!({"type": "web_url", "title": button.title, "url": url}),
        ButtonAction::Postback(payload) | ButtonAction::Phone(payload) => {
            json!({"type": "postback", "title": button.title, "payload": payload})
        }
    };
    let items: Vec<Value> = menu.items.iter().map(item).collect();
    json!({"locale": menu.locale, "composer_input_disabled": false, "call_to_actions": items})
}

fn locale(locale: Option<String>) -> String {
    locale.unwrap_or_else(|| "default".to_owned())
}

/// Reads single questions, which are for everybody, and blocks of them.
fn ice_breakers(asked: Vec<IceBreakerRequest>) -> Result<Vec<IceBreakers>> {
    let mut everybody = Vec::new();
    let mut blocks = Vec::new();
    for (index, one) in asked.into_iter().enumerate() {
        let missing = |field: &str| ApiError::missing(&format!("ice_breakers[{index}].{field}"));
        if let Some(questions) = one.call_to_actions {
            let question =
                |one: QuestionRequest| Question { question: one.question, payload: one.payload };
            let questions = questions.into_iter().map(question).collect();
            blocks.push(IceBreakers { locale: locale(one.locale), questions });
        } else {
            let question = one.question.ok_or_else(|| missing("question"))?;
            let payload = one.payload.ok_or_else(|| missing("payload"))?;
            everybody.push(Question { question, payload });
        }
    }
    if !everybody.is_empty() {
        blocks.insert(0, IceBreakers { locale: locale(None), questions: everybody });
    }
    Ok(blocks)
}

fn menu(asked: Vec<MenuRequest>) -> Result<Vec<Menu>> {
    let mut menus = Vec::new();
    for (index, menu) in asked.into_iter().enumerate() {
        let mut items = Vec::new();
        for (at, item) in menu.call_to_actions.into_iter().enumerate() {
            let name =
                |field: &str| format!("persistent_menu[{index}].call_to_actions[{at}].{field}");
            let action = match item.kind.as_str() {
                "web_url" => {
                    let url = item.url.ok_or_else(|| ApiError::missing(&name("url")))?;
                    ButtonAction::Url(http_url(&name("url"), &url)?)
                }
                "postback" => {
                    let payload =
                        item.payload.ok_or_else(|| ApiError::missing(&name("payload")))?;
                    ButtonAction::Postback(payload)
                }
                _ => return Err(ApiError::bad_value(&name("type"), "must be web_url or postback")),
            };
            items.push(Button { title: item.title, action });
        }
        menus.push(Menu { locale: locale(menu.locale), items });
    }
    Ok(menus)
}
