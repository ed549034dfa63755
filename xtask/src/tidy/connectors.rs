//! What a platform's folder holds, and who may know a platform by name.

use super::Problem;
use crate::source::Source;
use crate::tree::Tree;

const HOME: &str = "crates/platforms/src/";

/// The files of a connector; each may also be a folder once it is too long for one file.
const PARTS: [&str; 14] = [
    "mod",
    "auth",
    "send",
    "receive",
    "subscribe",
    "publish",
    "errors",
    "sandbox",
    "history",
    "people",
    "comments",
    "menus",
    "diagnose",
    "logbook",
];

pub(super) fn platforms_are_named_only_in_their_folders(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for platform in tree.platforms() {
        let folder = format!("{HOME}{platform}/");
        let sources = tree.sources().iter();
        let elsewhere = sources.filter(|source| {
            source.path.starts_with("crates/")
                && !source.path.starts_with(&folder)
                && !source.is_test()
        });
        for source in elsewhere {
            let lines = source.lines_with_word(platform).into_iter();
            let wrong = lines.filter(|line| !is_registry_line(source, *line, platform));
            problems.extend(wrong.map(|line| {
                let says = format!(
                    "names `{platform}`; ask the contract instead, or move this into {folder}"
                );
                Problem::new(&source.path, line, says)
            }));
        }
    }
    problems
}

/// Whether this is the module line or the line in `ALL` of the platforms' `lib.rs`.
fn is_registry_line(source: &Source, line: usize, platform: &str) -> bool {
    let text = source.text.lines().nth(line - 1).unwrap_or_default();
    source.path == format!("{HOME}lib.rs")
        && (text.trim() == format!("mod {platform};") || text.contains(&format!("&{platform}::")))
}

pub(super) fn folders_hold_only_known_names(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for platform in tree.platforms() {
        let folder = format!("{HOME}{platform}/");
        for (path, _) in tree.below(&folder) {
            let name = path[folder.len()..].split('/').next().unwrap_or_default();
            let is_part = PARTS.contains(&name.strip_suffix(".rs").unwrap_or(name));
            let is_other =
                ["README.md", "fixtures", "snapshots", "tests", "tests.rs"].contains(&name);
            if !is_part && !is_other {
                let says = format!(
                    "a connector has no `{name}`; its files are {}, README.md, fixtures, tests",
                    PARTS.join(", ")
                );
                problems.push(Problem::new(path, 1, says));
            }
        }
        // A skeleton has nothing to tell yet.
        let can_do = |part: &str| tree.has(&format!("{folder}{part}.rs"));
        let is_skeleton = !["auth", "send", "receive", "publish"].into_iter().any(can_do);
        if !is_skeleton && !tree.has(&format!("{folder}README.md")) {
            let says = "has no README.md; say what the platform allows, with sources and dates";
            problems.push(Problem::new(&format!("{folder}mod.rs"), 1, says));
        }
    }
    problems
}

pub(super) fn pretend_platforms_share_nothing_with_connectors(tree: &Tree) -> Vec<Problem> {
    each_use_in_platforms(tree, |platform, inside, used| {
        let is_pretend = inside == "sandbox.rs" || inside.starts_with("sandbox/");
        let is_own = used[0] == platform && used.get(1).is_some_and(|part| part == "sandbox");
        (is_pretend && used[0] != "sandbox" && !is_own).then(|| {
            format!(
                "the pretend {platform} uses `{}`; write it again from the platform's \
                 documentation, so that it cannot agree with the connector's mistakes",
                used.join("::")
            )
        })
    })
}

pub(super) fn platforms_do_not_know_each_other(tree: &Tree) -> Vec<Problem> {
    let platforms = tree.platforms();
    each_use_in_platforms(tree, |platform, _, used| {
        let is_other = used[0] != platform && platforms.contains(&used[0].as_str());
        is_other.then(|| {
            let used = used.join("::");
            format!("{platform} uses `{used}`; move what both need to the crate's root or a family folder such as meta")
        })
    })
}

/// Asks about every path used in a platform's folder: the platform, the file inside the folder,
/// and the path from the crate's root.
fn each_use_in_platforms(
    tree: &Tree,
    wrong: impl Fn(&str, &str, &[String]) -> Option<String>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for platform in tree.platforms() {
        let folder = format!("{HOME}{platform}/");
        for source in tree.sources() {
            let Some(inside) = source.path.strip_prefix(&folder) else {
                continue;
            };
            for found in source.uses() {
                if let Some(says) = wrong(platform, inside, &found.segments) {
                    problems.push(Problem::new(&source.path, found.line, says));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::{assert_says, said};
    use super::*;

    const MOD: (&str, &str) = ("crates/platforms/src/telegram/mod.rs", "//! Telegram.\n");
    const README: (&str, &str) = ("crates/platforms/src/telegram/README.md", "");

    #[test]
    fn a_platform_is_named_only_at_home_in_the_registry_and_in_tests() {
        let check = platforms_are_named_only_in_their_folders;
        let registry = "mod telegram;\nstatic ALL: &[X] = &[&telegram::Telegram];\n";
        let good = [
            MOD,
            ("crates/platforms/src/lib.rs", registry),
            ("crates/posta/tests/e2e/main.rs", "telegram"),
            ("crates/core/src/a.rs", "// telegram\nlet telegram_id = 1;"),
        ];
        assert!(said(check, &good).is_empty());
        let bad = ("crates/store/src/a.rs", "//! A.\nlet a = \"telegram\";\n");
        let start = "crates/store/src/a.rs:2: names `telegram`";
        assert_says(check, &[MOD, bad], start);
    }

    #[test]
    fn a_connector_holds_only_known_names_and_a_readme() {
        let check = folders_hold_only_known_names;
        let good = [
            MOD,
            README,
            ("crates/platforms/src/telegram/send.rs", ""),
            ("crates/platforms/src/telegram/sandbox/world.rs", ""),
            ("crates/platforms/src/telegram/fixtures/a.http", ""),
            ("crates/platforms/src/meta/anything.rs", ""),
        ];
        assert!(said(check, &good).is_empty());
        let odd = ("crates/platforms/src/telegram/utils.rs", "");
        let start = "crates/platforms/src/telegram/utils.rs:1: a connector has no `utils.rs`";
        assert_says(check, &[MOD, README, odd], start);
        let start = "crates/platforms/src/telegram/mod.rs:1: has no README.md";
        let send = ("crates/platforms/src/telegram/send.rs", "");
        assert_says(check, &[MOD, send], start);
    }

    #[test]
    fn a_pretend_platform_may_use_the_sandbox_and_nothing_else_of_the_crate() {
        let check = pretend_platforms_share_nothing_with_connectors;
        let path = "crates/platforms/src/telegram/sandbox.rs";
        let good = "use crate::sandbox::World;\nuse posta_core::time::Clock;\nuse self::x;\n";
        assert!(said(check, &[(path, good)]).is_empty());
        let start = format!("{path}:1: the pretend telegram uses `telegram::send::Body`");
        assert_says(check, &[(path, "use super::send::Body;\n")], &start);
        let start = format!("{path}:1: the pretend telegram uses `meta::sign`");
        assert_says(check, &[(path, "use crate::meta::sign;\n")], &start);
    }

    #[test]
    fn a_platform_that_uses_another_is_found() {
        let check = platforms_do_not_know_each_other;
        let path = "crates/platforms/src/matrix/send.rs";
        assert!(said(check, &[MOD, (path, "use crate::http::Http;\n")]).is_empty());
        let start = format!("{path}:1: matrix uses `telegram::X`");
        assert_says(check, &[MOD, (path, "use crate::telegram::X;\n")], &start);
    }
}
