//! `posta sandbox run`: scenario files, played against a Posta and told to people or programs.

mod file;
mod inbox;
mod matching;
mod play;
mod stage;

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use clap::Args;
use posta_core::secret::Secret;
use serde_json::json;
use url::Url;

pub(super) use self::file::Malformed;
use self::file::Scenario;
use self::play::Outcome;
use self::stage::{Running, Stage};
use crate::config::Log;

/// Play scenario files and say whether everything came as they expect.
///
/// Without --url, each file gets a Posta and a sandbox of its own, in memory and a temporary folder.
/// Exits with 0 when all went well, 1 when a step failed or could not be set up, 2 when a file cannot
/// be read, 64 when the command line makes no sense.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The files; docs/scenarios.md says what can stand in them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON object per file.
    #[arg(long)]
    json: bool,
    /// A Posta that runs already, instead.
    #[arg(long, requires_all = ["api_key", "sandbox_url"])]
    url: Option<Url>,
    /// The API key for it.
    #[arg(long, requires = "url", value_parser = secret)]
    api_key: Option<Secret>,
    /// The sandbox that it uses.
    #[arg(long, requires = "url")]
    sandbox_url: Option<Url>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

pub(super) async fn run(log: &Log, arguments: Arguments) -> anyhow::Result<()> {
    crate::telemetry::start(log)?;
    // All are read before the first is played: a mistake in the last should not cost the wait.
    let mut scenarios = Vec::new();
    for path in &arguments.files {
        scenarios.push((path, Scenario::read(path)?));
    }
    let running = match (arguments.url, arguments.api_key, arguments.sandbox_url) {
        (Some(posta), Some(key), Some(sandbox)) => {
            Some(Running { posta: folder(posta), key, sandbox: folder(sandbox) })
        }
        _ => None,
    };
    let (total, mut failed) = (scenarios.len(), 0);
    for (path, scenario) in &scenarios {
        failed += usize::from(!play(path, scenario, running.as_ref(), arguments.json).await?);
    }
    if !arguments.json {
        let passed = total - failed;
        super::say(&format!("\n{}: {passed} passed, {failed} failed", counted(total)));
    }
    if failed > 0 {
        bail!("{failed} of {} failed", counted(total));
    }
    Ok(())
}

fn counted(total: usize) -> String {
    if total == 1 { "1 scenario".to_owned() } else { format!("{total} scenarios") }
}

/// Lets paths be joined behind the URL's own.
fn folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

/// Plays one file and returns whether it went well.
async fn play(
    path: &Path,
    scenario: &Scenario,
    running: Option<&Running>,
    is_json: bool,
) -> anyhow::Result<bool> {
    let needs_own = scenario.at.is_some() || !scenario.settings.is_empty();
    ensure!(
        running.is_none() || !needs_own,
        "{}: at and settings need a Posta of the scenario's own; run it without --url",
        path.display()
    );
    if !is_json {
        super::say(&format!("\n{} ({})", scenario.name, path.display()));
    }
    let stage = Box::pin(Stage::build(scenario, running)).await?;
    let tell = |outcome: &Outcome| {
        if !is_json {
            show(outcome, path);
        }
    };
    let outcomes = Box::pin(play::play(scenario, &stage, tell)).await;
    stage.end().await?;
    let outcomes = outcomes?;
    let is_good = outcomes.iter().all(|outcome| outcome.ok);
    if is_json {
        let left = scenario.steps.len() - outcomes.len();
        let told = json!({
            "file": path, "name": scenario.name, "ok": is_good, "steps": outcomes, "notPlayed": left,
        });
        super::say(&told.to_string());
    }
    Ok(is_good)
}

/// Tells a person what came of a step.
fn show(outcome: &Outcome, path: &Path) {
    let mark = if outcome.ok { "ok    " } else { "FAILED" };
    let at = outcome.at.map(|at| at.to_string()).unwrap_or_default();
    // To the second; nobody reads what comes behind it.
    let at = at.get(..19).unwrap_or_default().replace('T', " ");
    super::say(&format!("  {mark} {at}  {}", outcome.name));
    let Some(problem) = &outcome.problem else {
        return;
    };
    super::say(&format!("         {}:{}", path.display(), outcome.line));
    if let Some(difference) = &problem.difference {
        super::say(&format!("         at       {}", difference.at));
        super::say(&format!("         expected {}", difference.expected));
        super::say(&format!("         got      {}", difference.got));
    }
    super::say(&format!("         {}", problem.message));
}
