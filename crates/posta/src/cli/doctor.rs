//! `posta doctor`: why nothing comes in or goes out, with the cause and the remedy.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use posta_core::chance::Chance;
use posta_core::finding::{Finding, Severity, worst};
use posta_store::accounts;
use serde_json::json;

use super::{USAGE, clock, say};
use crate::app::App;
use crate::boot;
use crate::config::{ConfigError, Layers};
use crate::flows::doctor::{self, Report};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The account: its id, its handle, or its id at the platform. All of them when left out.
    account: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Looks, reports, and returns the exit code: 0 when all is fine, 1 with warnings, 2 with errors.
pub(super) async fn run(
    layers: Result<Layers, ConfigError>,
    wanted: Arguments,
) -> anyhow::Result<ExitCode> {
    let config = match layers.and_then(|layers| layers.config()) {
        Ok(config) => config,
        Err(error) => {
            let finding = Finding::error("settings", error.to_string())
                .remedy("Correct it; `posta config` shows every setting and where it is from.");
            return Ok(tell(&alone(vec![finding]), wanted.json));
        }
    };
    let mut server = doctor::settings(&config);
    let app = match boot::build(config, clock(), Chance::system()).await {
        Ok(app) => app,
        Err(error) => {
            // A wrong master key has been found already.
            if worst(&server) != Severity::Error || !error.to_string().contains("MASTER_KEY") {
                server.push(Finding::error("start", format!("{error:#}")));
            }
            return Ok(tell(&alone(server), wanted.json));
        }
    };
    let report = examine(&app, wanted.account.as_deref()).await;
    app.db.close().await;
    match report? {
        Some(report) => Ok(tell(&report, wanted.json)),
        None => {
            let name = wanted.account.unwrap_or_default();
            super::complain(&anyhow::anyhow!(
                "there is no account {name}: give its id, its handle or its id at the platform"
            ));
            Ok(ExitCode::from(USAGE))
        }
    }
}

/// A report of what was found before anything could be opened.
fn alone(findings: Vec<Finding>) -> Report {
    Report::new(clock().now(), findings, Vec::new())
}

async fn examine(app: &App, name: Option<&str>) -> anyhow::Result<Option<Report>> {
    let mut tx = app.db.read().await?;
    let accounts =
        accounts::list_everywhere(&mut tx, name).await.context("cannot list accounts")?;
    drop(tx);
    if name.is_some() && accounts.is_empty() {
        return Ok(None);
    }
    doctor::examine(app, &accounts).await.map(Some).context("the database failed")
}

fn tell(report: &Report, is_json: bool) -> ExitCode {
    if is_json {
        say(&json!(report).to_string());
    } else {
        say(written(report, std::io::stdout().is_terminal()).trim_end());
    }
    ExitCode::from(match report.severity {
        Severity::Fine | Severity::Skipped => 0,
        Severity::Warning => 1,
        Severity::Error => 2,
    })
}

/// Writes the report for people.
fn written(report: &Report, is_colored: bool) -> String {
    let mut text = String::from("Server\n");
    write_all(&mut text, &report.server, is_colored);
    for account in &report.accounts {
        let (name, platform, id) = (&account.username, &account.platform, &account.account_id);
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "\n{name} ({platform}, {id})");
        write_all(&mut text, &account.findings, is_colored);
    }
    let all = || {
        let of_accounts = report.accounts.iter().flat_map(|one| &one.findings);
        report.server.iter().chain(of_accounts)
    };
    let count = |severity| all().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let _ = writeln!(text, "\n{errors} error(s), {warnings} warning(s)");
    text
}

fn write_all(text: &mut String, findings: &[Finding], is_colored: bool) {
    for finding in findings {
        let word = format!("{:<8}", finding.severity.as_str());
        let word = if is_colored { colored(&word, finding.severity) } else { word };
        let _ = writeln!(text, "  {word}  {:<14}  {}", finding.check, finding.seen);
        for (label, more) in [("cause", &finding.cause), ("remedy", &finding.remedy)] {
            if let Some(more) = more {
                let _ = writeln!(text, "{:28}{label:<6}  {more}", "");
            }
        }
    }
}

fn colored(word: &str, severity: Severity) -> String {
    let color = match severity {
        Severity::Fine => 32,
        Severity::Skipped => 90,
        Severity::Warning => 33,
        Severity::Error => 31,
    };
    format!("\u{1b}[{color}m{word}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let token = Finding::error("token", "GET graph.example/me was answered 400")
            .cause("It ended.")
            .remedy("Connect again.");
        alone(vec![Finding::fine("public_url", "https://posta.example/"), token])
    }

    #[test]
    fn a_report_can_be_read_and_has_colors_only_where_they_show() {
        let plain = "Server\n  \
            fine      public_url      https://posta.example/\n  \
            error     token           GET graph.example/me was answered 400\n                            \
            cause   It ended.\n                            \
            remedy  Connect again.\n\n\
            1 error(s), 0 warning(s)\n";
        assert_eq!(written(&report(), false), plain);
        let colored = written(&report(), true);
        assert!(colored.contains("\u{1b}[31merror   \u{1b}[0m  token"), "{colored}");
    }

    #[test]
    fn the_exit_code_tells_the_worst() {
        let code = |findings| tell(&alone(findings), true);
        let (fine, skipped) = (Finding::fine("a", ""), Finding::skipped("b", ""));
        let (warning, error) = (Finding::warning("c", ""), Finding::error("d", ""));
        assert_eq!(code(vec![fine, skipped]), ExitCode::from(0));
        assert_eq!(code(vec![warning.clone()]), ExitCode::from(1));
        assert_eq!(code(vec![warning, error]), ExitCode::from(2));
    }
}
