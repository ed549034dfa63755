//! Ice breakers and the persistent menu of an account, which are kept at its platform alone.

use posta_core::failure::{Code, ConnectorError};
use posta_core::message::{Button, ButtonAction};
use posta_platforms::contract::{IceBreakers, Menu, Menus};
use posta_store::accounts::{Account, State};

use super::line::Line;
use super::{FlowError, Invalid, react, refusal, send};
use crate::app::App;

/// How many questions there may be for people of one language, and how long each
/// (the unified API's own limits).
const QUESTIONS: usize = 4;
const QUESTION: usize = 80;

/// Reads the questions.
///
/// # Errors
/// Why they cannot be read.
pub async fn ice_breakers(app: &App, account: &Account) -> Result<Vec<IceBreakers>, FlowError> {
    let line = open(app, account).await?;
    let answer = menus(&line)?.ice_breakers(&line.cx(app)).await;
    settled(app, account, answer).await
}

/// Sets the questions; none take them away.
///
/// # Errors
/// Why they cannot be set.
pub async fn set_ice_breakers(
    app: &App,
    account: &Account,
    all: &[IceBreakers],
) -> Result<(), FlowError> {
    for (index, block) in all.iter().enumerate() {
        let name = |field: &str| match all.len() {
            1 => format!("ice_breakers{field}"),
            _ => format!("ice_breakers[{index}].call_to_actions{field}"),
        };
        if block.questions.len() > QUESTIONS {
            return Err(bad(&name(""), &format!("takes {QUESTIONS} questions at most")));
        }
        for (at, question) in block.questions.iter().enumerate() {
            let count = question.question.chars().count();
            if question.question.trim().is_empty() || count > QUESTION {
                let problem = format!("must have 1 to {QUESTION} characters");
                return Err(bad(&name(&format!("[{at}].question")), &problem));
            }
            if question.payload.is_empty() {
                return Err(bad(&name(&format!("[{at}].payload")), "must not be empty"));
            }
        }
    }
    let line = open(app, account).await?;
    let answer = menus(&line)?.set_ice_breakers(&line.cx(app), all).await;
    settled(app, account, answer).await
}

/// Reads the menu.
///
/// # Errors
/// Why it cannot be read.
pub async fn menu(app: &App, account: &Account) -> Result<Vec<Menu>, FlowError> {
    let line = open(app, account).await?;
    let answer = menus(&line)?.menu(&line.cx(app)).await;
    settled(app, account, answer).await
}

/// Sets the menu; none takes it away.
///
/// # Errors
/// Why it cannot be set.
pub async fn set_menu(app: &App, account: &Account, all: &[Menu]) -> Result<(), FlowError> {
    for (index, menu) in all.iter().enumerate() {
        let name = |at: usize, field: &str| {
            format!("persistent_menu[{index}].call_to_actions[{at}].{field}")
        };
        for (at, Button { title, action }) in menu.items.iter().enumerate() {
            if title.trim().is_empty() {
                return Err(bad(&name(at, "title"), "must not be empty"));
            }
            if matches!(action, ButtonAction::Postback(payload) if payload.is_empty()) {
                return Err(bad(&name(at, "payload"), "must not be empty"));
            }
        }
    }
    let line = open(app, account).await?;
    let answer = menus(&line)?.set_menu(&line.cx(app), all).await;
    settled(app, account, answer).await
}

async fn open(app: &App, account: &Account) -> Result<Line, FlowError> {
    if account.state != State::Connected {
        return Err(send::disconnected(app, account).into());
    }
    Ok(Line::open(app, account).await?)
}

fn menus(line: &Line) -> Result<&'static dyn Menus, FlowError> {
    line.platform.menus().ok_or_else(|| {
        let message = format!("{} knows no menus", line.platform.title());
        refusal(Code::PlatformNotSupported, message).into()
    })
}

async fn settled<T>(
    app: &App,
    account: &Account,
    answer: Result<T, ConnectorError>,
) -> Result<T, FlowError> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(error) => Err(react::lost(app, account, error).await?.into()),
    }
}

fn bad(param: &str, problem: &str) -> FlowError {
    let (code, message) = (Code::InvalidFieldValue, format!("{param} {problem}"));
    Invalid { code, param: param.to_owned(), message }.into()
}
