//! How the tour is told: a line per step with its milliseconds, or a JSON object.

use std::cell::Cell;
use std::time::Duration;

use serde_json::json;

use super::stage::Stage;
use super::tour::Shown;
use crate::cli::say;

/// Tells the tour as it goes.
pub(super) struct Transcript {
    is_json: bool,
    count: Cell<u32>,
}

impl Transcript {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, count: Cell::new(0) }
    }

    /// Tells of a step that went well.
    pub(super) fn step(&self, name: &str, took: Duration, text: &str) {
        let number = self.count.get() + 1;
        self.count.set(number);
        let millis = took.as_secs_f64() * 1000.0;
        if self.is_json {
            let rounded = (millis * 10.0).round() / 10.0;
            let row = json!({
                "step": number, "name": name, "ok": true, "ms": rounded, "text": text,
            });
            say(&row.to_string());
        } else {
            say(&format!("{number:>3}  {millis:>8.1} ms  {text}"));
        }
    }

    /// Tells of the step that failed.
    pub(super) fn failed(&self, name: &str, problem: &str) {
        let number = self.count.get() + 1;
        if self.is_json {
            let row = json!({"step": number, "name": name, "ok": false, "error": problem});
            say(&row.to_string());
        } else {
            say(&format!("{number:>3}   FAILED      {name}: {problem}"));
        }
    }

    /// Says something beside the steps.
    pub(super) fn note(&self, text: &str) {
        if !self.is_json {
            say(&format!("     {text}"));
        }
    }

    /// Says what to try next.
    pub(super) fn invite(&self, stage: &Stage, shown: &Shown) {
        let sandbox = stage.sandbox.join("_sandbox/").map(String::from).unwrap_or_default();
        let docs = stage.posta.join("docs").map(String::from).unwrap_or_default();
        let receiver = stage.receiver.url.as_str();
        let curl = format!(
            "curl {}v1/inbox/conversations/{}/messages -H \"Authorization: Bearer $(cat {})\" \
             --json '{{\"accountId\": \"{}\", \"message\": \"Hello again\"}}'",
            stage.posta,
            shown.conversation,
            stage.key_file.display(),
            shown.account,
        );
        if self.is_json {
            let row = json!({
                "ready": true, "posta": stage.posta, "sandbox": sandbox, "docs": docs,
                "receiver": receiver, "accountId": shown.account,
                "conversationId": shown.conversation, "apiKeyFile": stage.key_file,
            });
            say(&row.to_string());
            return;
        }
        say("");
        say("Everything stays up. Try next:");
        say(&format!("  {sandbox}   be a customer and write; the receiver answers"));
        say(&format!("  {docs}         every call of the API"));
        say(&format!("  {receiver}             what the receiver has been told"));
        say("");
        say("Send another message:");
        say(&format!("  {curl}"));
        say("");
        say("Ctrl-C stops.");
    }
}
