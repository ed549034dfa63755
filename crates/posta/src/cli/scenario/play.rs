//! Playing a scenario: each step, what came of it, and whether that is what was expected.

use anyhow::{Context, ensure};
use posta_core::time::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::file::{Scenario, Step};
use super::matching::{Difference, Names, compare, find};
use super::stage::{Answer, Stage, pause};
use crate::telemetry::Stopwatch;

/// What came of a step.
#[derive(Debug, serde::Serialize)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) line: u64,
    /// The time on the platform.
    pub(super) at: Option<Timestamp>,
    pub(super) ok: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<Problem>,
}

/// Why a step failed.
#[derive(Debug, serde::Serialize)]
pub(super) struct Problem {
    pub(super) message: String,
    #[serde(flatten)]
    pub(super) difference: Option<Difference>,
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self { message: format!("{error:#}"), difference: None }
    }
}

impl Problem {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), difference: None }
    }

    fn differs(message: impl Into<String>, difference: Difference) -> Self {
        Self { message: message.into(), difference: Some(difference) }
    }
}

/// Plays a scenario up to its first step that fails, telling each.
pub(super) async fn play(
    scenario: &Scenario,
    stage: &Stage,
    mut tell: impl FnMut(&Outcome),
) -> anyhow::Result<Vec<Outcome>> {
    let mut names = Names::default();
    names.set("platform", stage.platform.name());
    names.set("client_id", stage.client_id.as_str());
    names.set("profile", stage.profile.as_str());
    set_world(scenario, stage, &names).await?;
    let mut outcomes = Vec::new();
    for step in &scenario.steps {
        let result = take(&step.value, stage, &mut names).await;
        let (ok, problem) = (result.is_ok(), result.err());
        let (name, line) = (title(&step.value), step.defined.line());
        let outcome = Outcome { name, line, at: stage.now().await, ok, problem };
        tell(&outcome);
        outcomes.push(outcome);
        if !ok {
            break;
        }
    }
    Ok(outcomes)
}

/// Sets up what the scenario wants to find in the sandbox.
async fn set_world(scenario: &Scenario, stage: &Stage, names: &Names) -> anyhow::Result<()> {
    for (path, bodies) in &scenario.world {
        let bodies = match bodies {
            Value::Array(bodies) => bodies.as_slice(),
            body => std::slice::from_ref(body),
        };
        for body in bodies {
            let mut body = names.fill(body).map_err(anyhow::Error::msg)?;
            if path == "apps" && body["client_id"].is_null() {
                body["client_id"] = stage.client_id.clone().into();
            }
            let path = format!("{}/{path}", stage.platform.name());
            let answer = stage.control(&path, Some(&body)).await?;
            answer.good("the sandbox").with_context(|| format!("world: {path}"))?;
        }
    }
    Ok(())
}

/// Names a step by what it does.
fn title(step: &Step) -> String {
    match (&step.name, step.action()) {
        (Some(name), _) => name.clone(),
        (None, Some((action, what))) => format!("{action} {what}").trim_end().to_owned(),
        (None, None) => "events".to_owned(),
    }
}

/// Does a step and checks what came of it.
async fn take(step: &Step, stage: &Stage, names: &mut Names) -> Result<(), Problem> {
    let answer = act(step, stage, names).await?;
    stage.settle().await?;
    let events = delivered(step, stage, names).await?;
    for (name, way) in &step.save {
        let found = match way.strip_prefix("events.") {
            Some(way) => find(&events, way),
            None => answer.as_ref().and_then(|answer| find(answer, way)),
        };
        let missing = || Problem::new(format!("there is no {way} to be called {name}"));
        names.set(name, found.cloned().ok_or_else(missing)?);
    }
    Ok(())
}

/// Does what a step does and returns the answer, if it has what is expected.
async fn act(step: &Step, stage: &Stage, names: &mut Names) -> Result<Option<Value>, Problem> {
    if let Some(username) = &step.connect {
        connect(step, stage, names, username).await?;
        return Ok(None);
    }
    let fill = |value: &Value| names.fill(value).map_err(Problem::new);
    let platform = stage.platform.name();
    if let Some(rule) = &step.fault {
        let added = stage.control("faults", Some(&fill(rule)?)).await?;
        return Ok(Some(added.good("the fault dial")?));
    }
    if step.calm == Some(true) {
        return Ok(Some(stage.calm().await?.good("the fault dial")?));
    }
    if let Some(time) = &step.pass {
        let moved = stage.control("clock", Some(&json!({"advance": fill(time)?}))).await?;
        return Ok(Some(moved.good("the clock")?));
    }
    let path = |path: &String| names.fill_path(path).map_err(Problem::new);
    let body = step.with.as_ref().map(fill).transpose()?;
    if let Some(deed) = &step.deed {
        let body = body.unwrap_or_else(|| json!({}));
        let answer = stage.control(&format!("{platform}/{}", path(deed)?), Some(&body)).await?;
        return check(step, answer, names).map(Some);
    }
    let watch = Stopwatch::start();
    loop {
        let answer = if let Some(look) = &step.look {
            stage.control(&format!("{platform}/{}", path(look)?), None).await?
        } else if let Some(call) = &step.call {
            let call = path(call)?;
            let (method, path) = call.split_once(' ').unwrap_or(("GET", &call));
            let headers = step.headers.iter();
            let headers = headers.map(|(name, value)| Ok((name.clone(), names.fill_path(value)?)));
            let headers: Result<Vec<_>, String> = headers.collect();
            stage.api(method, path, &headers.map_err(Problem::new)?, body.as_ref()).await?
        } else {
            return Ok(None);
        };
        let checked = check(step, answer, names);
        // What only looks may look again: things take their time.
        let is_harmless = step.call.as_ref().is_none_or(|call| call.starts_with("GET "));
        if checked.is_ok() || !is_harmless || watch.elapsed() > stage.patience() {
            return checked.map(Some);
        }
        pause().await;
    }
}

fn check(step: &Step, answer: Answer, names: &Names) -> Result<Value, Problem> {
    let is_right = match step.status {
        Some(status) => answer.status == status,
        None => (200..300).contains(&answer.status),
    };
    if !is_right {
        let expected = step.status.map_or_else(|| json!("a success"), |status| json!(status));
        let at = "status".to_owned();
        let difference = Difference { at, expected, got: answer.status.into() };
        return Err(Problem::differs(format!("the answer is {}", answer.body), difference));
    }
    if let Some(expected) = &step.expect {
        let expected = names.fill(expected).map_err(Problem::new)?;
        if let Some(difference) = compare(&expected, &answer.body) {
            return Err(Problem::differs(format!("the answer is {}", answer.body), difference));
        }
    }
    Ok(answer.body)
}

/// Connects an account as its owner does in a browser.
async fn connect(
    step: &Step,
    stage: &Stage,
    names: &mut Names,
    username: &str,
) -> anyhow::Result<()> {
    let path = format!("/v1/connect/{}?profileId={}", stage.platform.name(), stage.profile);
    let back = stage.receiver.join("connected")?;
    let back = url::form_urlencoded::byte_serialize(back.as_str().as_bytes()).collect::<String>();
    let started = stage.api("GET", &format!("{path}&redirect_url={back}"), &[], None).await?;
    let started = started.good("Posta")?;
    let mut page: Url = started["authUrl"].as_str().context("there is no authUrl")?.parse()?;
    let mut form: Vec<(String, String)> = page.query_pairs().into_owned().collect();
    page.set_query(None);
    let with = step.with.clone().unwrap_or_default();
    let decision = with["decision"].as_str().unwrap_or("allow");
    form.push(("decision".to_owned(), decision.to_owned()));
    form.push(("account".to_owned(), username.to_owned()));
    for scope in with["grant"].as_array().into_iter().flatten() {
        form.push(("grant".to_owned(), scope.as_str().unwrap_or_default().to_owned()));
    }
    let callback = stage.browse(page, Some(&form)).await?;
    let end = stage.browse(callback, None).await?;
    let value = |name: &str| end.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
    if decision == "deny" {
        ensure!(value("error").is_some(), "the refusal ended at {end}");
        return Ok(());
    }
    let account = value("accountId").with_context(|| format!("it ended at {end}"))?;
    names.set("account", account.as_ref());
    names.set(username, account.as_ref());
    Ok(())
}

/// Waits for the events that are expected, and returns them in that order.
async fn delivered(step: &Step, stage: &Stage, names: &Names) -> Result<Value, Problem> {
    let wanted: Result<Vec<Value>, String> =
        step.events.iter().map(|event| names.fill(event)).collect();
    let wanted = wanted.map_err(Problem::new)?;
    let watch = Stopwatch::start();
    let found = loop {
        match choose(&wanted, stage.inbox.events()) {
            Ok(found) => break found,
            Err(problem) if watch.elapsed() > stage.patience() => return Err(problem),
            Err(_) => pause().await,
        }
    };
    let came = stage.inbox.events();
    let is_unwanted = |event: &&Value| {
        let is_found = found.iter().any(|found| found["id"] == event["id"]);
        !is_found && step.no_events.iter().any(|kind| event["event"] == kind.as_str())
    };
    if let Some(event) = came.iter().find(is_unwanted) {
        return Err(Problem::new(format!("this was not to be delivered: {event}")));
    }
    if !step.events.is_empty() || !step.no_events.is_empty() {
        let asked: Vec<Value> = came.iter().map(|event| event["id"].clone()).collect();
        stage.inbox.forget(&asked);
    }
    Ok(Value::Array(found))
}

/// Finds another event for each that is wanted.
fn choose(wanted: &[Value], mut came: Vec<Value>) -> Result<Vec<Value>, Problem> {
    let mut found = Vec::new();
    for wanted in wanted {
        let place = came.iter().position(|event| compare(wanted, event).is_none());
        let Some(place) = place else {
            let kind = &wanted["event"];
            let same = came.iter().find(|event| event["event"] == *kind);
            if let Some((difference, event)) =
                same.and_then(|event| Some((compare(wanted, event)?, event)))
            {
                return Err(Problem::differs(format!("the nearest event is {event}"), difference));
            }
            let kinds: Vec<&str> =
                came.iter().filter_map(|event| event["event"].as_str()).collect();
            let others = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
            return Err(Problem::new(format!("{kind} was not delivered; {others} was")));
        };
        found.push(came.remove(place));
    }
    Ok(found)
}
