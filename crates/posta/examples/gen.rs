//! Writes the files that are generated from the code below the folder it is given.
//!
//! `cargo xtask gen` runs this and copies what changed.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use posta_core::failure::Code;

/// Makes the text of a generated file.
type Make = fn() -> anyhow::Result<String>;

/// Where each generated file lies, and what makes it. One line each.
const FILES: &[(&str, Make)] = &[("docs/errors.md", errors)];

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
