//! How a file opens, and how long it may be.

use super::Problem;
use crate::tree::Tree;

/// How many lines a file may have before its tests.
const LINES: usize = 400;

/// Where the limit is another one, and why.
const OTHER_LINES: &[(&str, usize, &str)] =
    &[("crates/platforms/src/contract/mod.rs", 200, "every connector has to be read against it")];

pub(super) fn every_file_opens_with_a_sentence(tree: &Tree) -> Vec<Problem> {
    let closed = tree.sources().iter().filter(|source| {
        let first = source.text.lines().next().unwrap_or_default();
        first.strip_prefix("//!").is_none_or(|rest| rest.trim().is_empty())
    });
    closed
        .map(|source| {
            let says = "open the file with one `//!` sentence that says what lives here";
            Problem::new(&source.path, 1, says)
        })
        .collect()
}

pub(super) fn no_file_is_too_long(tree: &Tree) -> Vec<Problem> {
    let code = tree.sources().iter().filter(|source| !source.is_test());
    code.filter_map(|source| {
        let other = OTHER_LINES.iter().find(|(path, ..)| *path == source.path);
        let (limit, why) =
            other.map_or((LINES, "it has to be read at a sitting"), |row| (row.1, row.2));
        let lines = source.production_lines();
        (lines > limit).then(|| {
            let says = format!(
                "{lines} lines before the tests, {limit} are allowed, because {why}; split it"
            );
            Problem::new(&source.path, limit + 1, says)
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{assert_says, said};
    use super::*;

    #[test]
    fn a_file_without_an_opening_sentence_is_found() {
        let check = every_file_opens_with_a_sentence;
        let good =
            [("crates/core/src/a.rs", "//! A.\n"), ("crates/core/fixtures/b.rs", "fn b() {}\n")];
        assert!(said(check, &good).is_empty());
        let start = "xtask/src/a.rs:1: open the file";
        assert_says(check, &[("xtask/src/a.rs", "fn a() {}\n")], start);
    }

    #[test]
    fn tests_do_not_count_towards_the_length() {
        let check = no_file_is_too_long;
        let test = "#[cfg(test)]\nmod tests {\n}\n";
        let fits = "\n".repeat(LINES) + test;
        assert!(said(check, &[("crates/core/src/a.rs", &fits)]).is_empty());
        let longer = "\n".repeat(LINES + 1) + test;
        let start = "crates/core/src/a.rs:401: 401 lines before the tests, 400 are allowed";
        assert_says(check, &[("crates/core/src/a.rs", &longer)], start);
        let path = "crates/platforms/src/contract/mod.rs";
        let start = "crates/platforms/src/contract/mod.rs:201: 400 lines";
        assert_says(check, &[(path, &"\n".repeat(400))], start);
    }
}
