//! Writes the files that are generated from the code below the folder it is given.
//!
//! `cargo xtask gen` runs this and copies what changed.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use posta::config::{DEFAULTS, Layers};
use posta_core::failure::Code;
use posta_platforms::sandbox::Extent;

/// Makes the text of a generated file.
type Make = fn() -> anyhow::Result<String>;

/// Where each generated file lies, and what makes it. One line each.
const FILES: &[(&str, Make)] = &[
    ("openapi.json", openapi),
    ("docs/errors.md", errors),
    ("docs/configuration.md", configuration),
    ("docs/sandbox-coverage.md", coverage),
];

const COVERAGE_INTRODUCTION: &str = "\
<!-- Written by `cargo xtask gen` from the `coverage` of each sandbox. Change that, not this. -->

# What the sandbox covers

How much of each platform the [sandbox](sandbox.md) pretends, section by section of the description that it was
written from, with the tests in `crates/platforms/tests/sandbox` that show it.
";

/// The page of what is pretended, from each platform's own table.
fn coverage() -> anyhow::Result<String> {
    let mut page = String::from(COVERAGE_INTRODUCTION);
    for platform in posta_platforms::ALL {
        let rows = platform.sandbox().coverage();
        let count =
            |is_meant: fn(Extent) -> bool| rows.iter().filter(|row| is_meant(row.extent)).count();
        let all = count(|extent| extent == Extent::All);
        let part = count(|extent| matches!(extent, Extent::Part(_)));
        let none = count(|extent| extent == Extent::None);
        writeln!(page, "\n## {}\n", platform.title())?;
        writeln!(
            page,
            "Of {} sections, {all} are emulated, {part} partly, and {none} not.\n",
            rows.len()
        )?;
        page.push_str("| Section | Covered | Tests |\n| --- | --- | --- |\n");
        for row in rows {
            let extent = match row.extent {
                Extent::All => "emulated".to_owned(),
                Extent::Part(what) => format!("partly: {what}"),
                Extent::None => "not".to_owned(),
            };
            let tests: Vec<String> = row.tests.iter().map(|test| format!("`{test}`")).collect();
            writeln!(page, "| {} {} | {extent} | {} |", row.section, row.title, tests.join(", "))?;
        }
    }
    Ok(page)
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1);
    let folder = PathBuf::from(folder.context("usage: gen <folder>")?);
    for (path, make) in FILES {
        let target = folder.join(path);
        let parent = target.parent().context("a file lies in a folder")?;
        fs::create_dir_all(parent)?;
        fs::write(&target, make()?)?;
    }
    Ok(())
}

/// The description of the API; its keys are sorted, so that it changes only where the API does.
fn openapi() -> anyhow::Result<String> {
    let text = serde_json::to_string_pretty(&posta::router::openapi())?;
    Ok(text + "\n")
}

const ERRORS_INTRODUCTION: &str = "\
<!-- Written by `cargo xtask gen` from crates/core/src/failure.rs. Change that, not this. -->

# Errors

Every answer with a status of 400 or more carries this body, whatever went wrong and wherever:

```json
{
  \"error\": \"The text is 1204 bytes long; this platform takes 1000.\",
  \"type\": \"invalid_request_error\",
  \"code\": \"text_too_long\",
  \"param\": \"message\",
  \"docUrl\": \"…/docs/errors#text_too_long\"
}
```

`error` is for people and may change. `type` and `code` are for programs: a code keeps its meaning
for good. `param` names the field at fault, `platform` and `platformError` hold the platform's own
words, `details` what else is known; each is there only when it applies. The header `X-Request-Id`
finds the request in the log.
";

/// The page of all codes, from the table in the core.
fn errors() -> anyhow::Result<String> {
    let mut page = String::from(ERRORS_INTRODUCTION);
    page.push_str("\n| Code | Status | Type |\n| --- | --- | --- |\n");
    for code in Code::ALL {
        let (status, kind) = (code.status(), kind(*code)?);
        writeln!(page, "| [`{code}`](#{code}) | {status} | `{kind}` |")?;
    }
    for code in Code::ALL {
        let (status, kind) = (code.status(), kind(*code)?);
        writeln!(page, "\n<a id=\"{code}\"></a>\n\n## {code}\n")?;
        writeln!(page, "Status {status}, type `{kind}`.\n")?;
        writeln!(page, "{}\n", code.means())?;
        writeln!(page, "**What to do:** {}", code.remedy())?;
    }
    Ok(page)
}

/// The family of a code as it travels.
fn kind(code: Code) -> anyhow::Result<String> {
    let text = serde_json::to_value(code.error_type())?;
    Ok(text.as_str().context("a type is text")?.to_owned())
}

const CONFIGURATION_INTRODUCTION: &str = "\
<!-- Written by `cargo xtask gen` from crates/posta/src/config/config.default.toml. Change that, not
this. -->

# Configuration

Each setting has a default. A file given with `--config FILE` overrides it, and an environment
variable overrides both. A setting or variable with an unknown name is refused, with the nearest
right one. `posta config` shows what is in force and where each value is from;
`posta config --defaults` prints a commented file to begin with.

A list in an environment variable is separated by commas.
";

/// The page of all settings, in the order of the commented defaults.
fn configuration() -> anyhow::Result<String> {
    let mut page = String::from(CONFIGURATION_INTRODUCTION);
    let settings: Vec<_> = Layers::defaults().settings().collect();
    let (mut section, mut about) = (String::new(), String::new());
    let mut is_comment_over = false;
    let mut described = 0;
    for line in DEFAULTS.lines().skip_while(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some(comment) = line.strip_prefix('#') {
            if std::mem::take(&mut is_comment_over) {
                about.clear();
            }
            about.push_str(comment);
        } else if let Some((key, _)) = line.split_once(" = ") {
            is_comment_over = true;
            let key = format!("{section}{key}");
            let setting = settings.iter().find(|one| one.key == key).context(key)?;
            writeln!(page, "\n## {}\n", setting.key)?;
            writeln!(page, "- Default: `{}`", setting.value)?;
            writeln!(page, "- Environment: `{}`\n", setting.variable())?;
            writeln!(page, "{}", meaning(&about))?;
            described += 1;
        }
    }
    ensure!(described == settings.len(), "a setting has no line of its own in the defaults");
    Ok(page)
}

/// A comment without the names of variables in brackets, which stand beside it.
fn meaning(comment: &str) -> String {
    let mut text = comment.trim().to_owned();
    while let Some(start) = text.find("(POSTA_") {
        let end = text[start..].find(')').map_or(text.len(), |length| start + length + 1);
        text.replace_range(start..end, "");
    }
    text.trim().to_owned()
}
