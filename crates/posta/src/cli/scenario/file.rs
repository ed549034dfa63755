//! Scenario files: what can be written, and where a file that cannot be read goes wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use posta_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

/// A file of steps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// What it shows.
    pub(super) name: String,
    /// The platform; the first one without it.
    pub(super) platform: Option<String>,
    /// When it begins; now without it. Only for a Posta of its own.
    pub(super) at: Option<Timestamp>,
    /// Settings of Posta. Only for a Posta of its own.
    #[serde(default)]
    pub(super) settings: Map<String, Value>,
    /// What is set in the sandbox first: the end of a control path, and a body or several.
    #[serde(default)]
    pub(super) world: BTreeMap<String, Value>,
    pub(super) steps: Vec<Spanned<Step>>,
}

/// One step: at most one thing to do, then what is expected of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) name: Option<String>,
    /// Connects this account, pressing what is said with it.
    pub(super) connect: Option<String>,
    /// Somebody does something on the platform: the end of a control path.
    pub(super) deed: Option<String>,
    /// Looks at something in the sandbox: the end of a control path.
    pub(super) look: Option<String>,
    /// Calls Posta: method and path.
    pub(super) call: Option<String>,
    /// Adds a rule to the fault dial.
    pub(super) fault: Option<Value>,
    /// Takes all rules back.
    pub(super) calm: Option<bool>,
    /// Lets time pass.
    pub(super) pass: Option<Value>,
    /// The body of a deed or call.
    pub(super) with: Option<Value>,
    /// The headers of a call.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// The status of the answer; any success without it.
    pub(super) status: Option<u16>,
    /// What the answer has, among other things.
    pub(super) expect: Option<Value>,
    /// Names for parts of the answer.
    #[serde(default)]
    pub(super) save: BTreeMap<String, String>,
    /// What was delivered since such a question was last asked, among other things.
    #[serde(default)]
    pub(super) events: Vec<Value>,
    /// Kinds of events that were not.
    #[serde(default)]
    pub(super) no_events: Vec<String>,
}

/// A file that cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(in crate::cli) struct Malformed {
    path: PathBuf,
    line: Option<u64>,
    message: String,
}

impl Malformed {
    pub(super) fn new(path: &Path, line: Option<u64>, message: String) -> Self {
        Self { path: path.to_owned(), line, message }
    }
}

impl Scenario {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, Malformed> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Malformed::new(path, None, error.to_string()))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Malformed> {
        // Without it, `no` and `off` would be more than words.
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        let scenario: Self =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| {
                let line = error.location().map(|location| location.line());
                let why = meant(&plain(&error.to_string()));
                Malformed::new(path, line, in_field(text, line, why))
            })?;
        if scenario.steps.is_empty() {
            return Err(Malformed::new(path, None, "steps must not be empty".to_owned()));
        }
        for step in &scenario.steps {
            let line = step.defined.line();
            step.value.check().map_err(|why| Malformed::new(path, Some(line), why))?;
        }
        Ok(scenario)
    }
}

impl Step {
    /// Says what it does, with the word for it.
    pub(super) fn action(&self) -> Option<(&'static str, String)> {
        self.actions().into_iter().flatten().next()
    }

    fn actions(&self) -> [Option<(&'static str, String)>; 7] {
        let text = |name, value: &Option<String>| value.clone().map(|value| (name, value));
        [
            text("connect", &self.connect),
            text("deed", &self.deed),
            text("look", &self.look),
            text("call", &self.call),
            self.fault.as_ref().map(|fault| ("fault", fault["fault"].to_string())),
            self.calm.map(|_| ("calm", String::new())),
            self.pass.as_ref().map(|time| ("pass", time.to_string())),
        ]
    }

    fn check(&self) -> Result<(), String> {
        let actions: Vec<&str> =
            self.actions().iter().flatten().map(|(action, _)| *action).collect();
        if let [first, second, ..] = actions[..] {
            return Err(format!("a step does one thing, not both {first} and {second}"));
        }
        let action = actions.first().copied();
        let needs = |field: &str, is_there: bool, actions: &[&str]| {
            if is_there && !action.is_some_and(|action| actions.contains(&action)) {
                return Err(format!("{field} goes with {}", actions.join(" or ")));
            }
            Ok(())
        };
        needs("with", self.with.is_some(), &["connect", "deed", "call"])?;
        needs("headers", !self.headers.is_empty(), &["call"])?;
        let answers = ["deed", "look", "call"];
        needs("status", self.status.is_some(), &answers)?;
        needs("expect", self.expect.is_some(), &answers)?;
        needs("save", !self.save.is_empty(), &answers)?;
        if let Some(call) = &self.call {
            let is_right = call.split_once(' ').is_some_and(|(method, path)| {
                ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method) && path.starts_with('/')
            });
            if !is_right {
                return Err(format!("call must be a method and a path, not {call:?}"));
            }
        }
        if let Some(event) = self.events.iter().find(|event| !event["event"].is_string()) {
            return Err(format!("each of events needs an event such as message.received: {event}"));
        }
        if action.is_none() && self.events.is_empty() && self.no_events.is_empty() {
            return Err("the step does nothing and expects nothing".to_owned());
        }
        Ok(())
    }
}

/// Takes away what the message says of the place.
fn plain(message: &str) -> String {
    let end = message.find(" at line ").unwrap_or(message.len());
    message[..end].to_owned()
}

/// Names the field that a complaint is about, where the complaint does not and its line does.
fn in_field(text: &str, line: Option<u64>, why: String) -> String {
    let place = line.and_then(|line| usize::try_from(line).ok()?.checked_sub(1));
    let field = place.and_then(|place| text.lines().nth(place)?.split_once(':'));
    let field = field.map(|(field, _)| field.trim_start_matches([' ', '-']));
    let is_word =
        |field: &&str| field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    match field.filter(|field| !field.is_empty()).filter(is_word) {
        Some(field) if !why.contains("field") => format!("{field}: {why}"),
        _ => why,
    }
}

/// Adds to a complaint about an unknown field the one that was probably meant, and which there are.
fn meant(message: &str) -> String {
    if message == "invalid u16" {
        return "must be a number such as 200".to_owned();
    }
    let Some((field, known)) = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once("`, expected one of "))
    else {
        return message.to_owned();
    };
    let known: Vec<&str> = known.split(", ").map(|name| name.trim_matches('`')).collect();
    let nearest = known.iter().max_by(|a, b| {
        let likeness = |name: &str| strsim::normalized_damerau_levenshtein(field, name);
        likeness(a).total_cmp(&likeness(b))
    });
    match nearest {
        Some(name) => {
            let known = known.join(", ");
            format!("there is no field {field}; did you mean {name}? Known are {known}")
        }
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        Scenario::parse(Path::new("night.yaml"), text).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        for (text, expected) in [
            (
                "nme: x\nsteps: []\n",
                "night.yaml:1: there is no field nme; did you mean name? Known are name, platform, \
                 at, settings, world, steps",
            ),
            (
                "name: x\nsteps:\n  - deed: a\n    wiht: {}\n",
                "night.yaml:4: there is no field wiht; did you mean with? Known are name, connect, \
                 deed, look, call, fault, calm, pass, with, headers, status, expect, save, events, \
                 no_events",
            ),
            (
                "name: x\nsteps:\n  - status: many\n",
                "night.yaml:3: status: must be a number such as 200",
            ),
            ("name: x\n", "night.yaml:1: missing field `steps`"),
            ("name: x\nsteps: []\n", "night.yaml: steps must not be empty"),
            (
                "name: x\nsteps:\n  - pass: 1h\n  - pass: 1h\n    call: GET /v1/accounts\n",
                "night.yaml:4: a step does one thing, not both call and pass",
            ),
            (
                "name: x\nsteps:\n  - pass: 1h\n    status: 200\n",
                "night.yaml:3: status goes with deed or look or call",
            ),
            (
                "name: x\nsteps:\n  - call: /v1/accounts\n",
                "night.yaml:3: call must be a method and a path, not \"/v1/accounts\"",
            ),
            (
                "name: x\nsteps:\n  - events: [{text: hi}]\n",
                "night.yaml:3: each of events needs an event such as message.received: \
                 {\"text\":\"hi\"}",
            ),
            (
                "name: x\nsteps:\n  - name: y\n",
                "night.yaml:3: the step does nothing and expects nothing",
            ),
            ("name: [x\n", "night.yaml:1: name: expected string scalar"),
        ] {
            assert_eq!(complaint(text), expected);
        }
    }

    #[test]
    fn words_stay_words() {
        let text =
            "name: x\nsteps:\n  - deed: a\n    with: {text: no, id: \"17841499900000001\"}\n";
        let scenario = Scenario::parse(Path::new("a.yaml"), text).unwrap();
        let with = scenario.steps[0].value.with.clone().unwrap();
        assert_eq!(with, serde_json::json!({"text": "no", "id": "17841499900000001"}));
    }
}
