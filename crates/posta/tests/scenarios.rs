//! The scenarios that ship, and how `posta sandbox run` tells what went wrong.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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
    assert!(names.len() >= 10 && names.iter().all(|name| name.ends_with(".yaml")), "{names:?}");
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
    assert_eq!(errors, "error: 1 of 1 scenario failed\n");
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
        errors.contains("mine.yaml:4: there is no field expct; did you mean expect? Known are "),
        "{errors}"
    );
}

#[test]
fn what_nobody_sees_in_time_is_told_with_what_there_was_instead() {
    let (code, report, _) = run_text(
        "name: Waiting\nsteps:\n  - connect: lumen.cafe.demo\n  - deed: people/mira.demo/write\n    \
         with: {text: Hello}\n    events: [{event: message.received, message: {text: Goodbye}}]\n",
    );
    assert_eq!(code, 1, "{report}");
    let problem = &report["steps"][1]["problem"];
    let said = (&problem["at"], &problem["expected"], &problem["got"]);
    assert_eq!(said, (&"message.text".into(), &"Goodbye".into(), &"Hello".into()));
    let message = problem["message"].as_str().unwrap();
    assert!(message.starts_with("the nearest event is {"), "{message}");
}

#[test]
fn what_cannot_be_set_up_or_done_says_which_field_and_why() {
    for (file, why) in [
        (
            "world: {options: {stickers: big}}",
            "world: instagram/options\n  because: the sandbox answered 400: {\"error\":{\"code\":\"invalid_field\",\"field\":\"stickers\"",
        ),
        ("settings: {inbox.import_thread: 1}", "settings: "),
    ] {
        let (code, report, errors) =
            run_text(&format!("name: x\n{file}\nsteps:\n  - connect: lumen.cafe.demo\n"));
        assert_eq!((code, report), (1, serde_json::Value::Null), "{errors}");
        assert!(errors.contains(why), "{errors}");
    }
    let (code, report, _) = run_text("name: x\nsteps:\n  - fault: {route: letters, fault: cut}\n");
    assert_eq!(code, 1);
    let message = report["steps"][0]["problem"]["message"].as_str().unwrap();
    assert!(message.contains("\"field\":\"route\"") && message.contains("one of"), "{message}");
    assert_eq!(run(&["--frobnicate"]).status.code(), Some(64));
}

/// `posta dev` has a program that answers whoever writes.
const ANSWERED: &str = r#"
name: My program answers
steps:
  - connect: lumen.cafe.demo
  - deed: people/noor.demo/write
    with: {text: "Are you open?"}
    events: [{event: message.received, message: {text: "Are you open?"}}]
  - look: accounts/lumen.cafe.demo/threads/noor.demo
    expect:
      messages: {$has: {direction: outgoing, text: "Thanks for writing! You said: Are you open?"}}
"#;

#[test]
fn a_posta_that_runs_already_can_be_played_against() {
    let folder = tempfile::tempdir().unwrap();
    let mut dev = Command::new(env!("CARGO_BIN_EXE_posta"))
        .args(["dev", "--json", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(folder.path().join("data"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(dev.stdout.take().unwrap()).lines();
    let mut told = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()));
    let ready = told.find_map(|told| told.ok().filter(|told| told["ready"] == true)).unwrap();
    let at = |name: &str| ready[name].as_str().unwrap().to_owned();
    let key = std::fs::read_to_string(at("apiKeyFile")).unwrap();
    let file = folder.path().join("mine.yaml");
    std::fs::write(&file, ANSWERED).unwrap();
    let sandbox = at("sandbox").replace("/_sandbox/", "");
    let running = ["--url", &at("posta"), "--api-key", key.trim(), "--sandbox-url", &sandbox];
    let output = run(&[&running[..], &[file.to_str().unwrap()]].concat());
    dev.kill().unwrap();
    dev.wait().unwrap();
    let (report, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{report}\n{errors}");
    assert!(report.ends_with("1 scenario: 1 passed, 0 failed\n"), "{report}");
}
