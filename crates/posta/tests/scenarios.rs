//! The scenarios that ship, and how `posta sandbox run` tells what went wrong.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let posta = env!("CARGO_BIN_EXE_posta");
    Command::new(posta).args(["sandbox", "run"]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut files: Vec<PathBuf> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn all_that_ship_pass() {
    let files = shipped();
    let names: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    assert!(names.len() >= 4 && names.iter().all(|name| name.ends_with(".yaml")), "{names:?}");
    let output = run(&names);
    let (report, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{report}\n{errors}");
    let total = format!("{0} scenarios: {0} passed, 0 failed", names.len());
    assert!(report.ends_with(&format!("{total}\n")), "{report}");
}

/// Runs a file with this text, as a report for programs.
fn run_text(steps: &str) -> (i32, serde_json::Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.yaml");
    std::fs::write(&file, steps).unwrap();
    let output = run(&["--json", file.to_str().unwrap()]);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), report, text(&output.stderr))
}

#[test]
fn a_step_that_fails_says_what_was_expected_and_what_there_was() {
    let (code, report, errors) = run_text(
        "name: Wrong words\nsteps:\n  - connect: lumen.cafe.demo\n  - deed: people/mira.demo/write\n    \
         with: {text: Hello}\n  - look: accounts/lumen.cafe.demo/threads/mira.demo\n    \
         expect: {messages: [{text: Goodbye}]}\n  - pass: 1h\n",
    );
    assert_eq!(code, 1, "{report}");
    assert_eq!((&report["ok"], &report["notPlayed"]), (&false.into(), &1.into()));
    let step = &report["steps"][2];
    assert_eq!(step["line"], 6);
    let problem = &step["problem"];
    let said = (&problem["at"], &problem["expected"], &problem["got"]);
    assert_eq!(said, (&"messages.0.text".into(), &"Goodbye".into(), &"Hello".into()));
    assert_eq!(errors, "error: 1 of 1 scenarios failed\n");
}

#[test]
fn an_event_that_never_comes_fails_with_what_came_instead() {
    let (code, report, _) = run_text(
        "name: No event\nsteps:\n  - connect: lumen.cafe.demo\n    events: [{event: message.sent}]\n",
    );
    assert_eq!(code, 1, "{report}");
    let message = report["steps"][0]["problem"]["message"].as_str().unwrap();
    assert_eq!(message, "\"message.sent\" was not delivered; account.connected was");
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_line_before_anything_is_played() {
    let (code, report, errors) =
        run_text("name: Typo\nsteps:\n  - connect: lumen.cafe.demo\n    expct: {}\n");
    assert_eq!((code, report), (2, serde_json::Value::Null));
    assert!(
        errors.ends_with("mine.yaml:4: there is no field expct; did you mean expect?\n"),
        "{errors}"
    );
}
