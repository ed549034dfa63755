//! House rules that no lint knows. Each is a function from the tree to what breaks it.

mod connectors;
mod files;
mod manifests;
mod modules;
mod sql;
mod watching;

use std::fmt;
use std::path::Path;

use crate::tree::Tree;

/// A place that breaks a rule, and what to do about it.
pub(crate) struct Problem {
    path: String,
    line: usize,
    says: String,
}

impl Problem {
    fn new(path: &str, line: usize, says: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, says: says.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.says)
    }
}

type Check = fn(&Tree) -> Vec<Problem>;

const CHECKS: &[Check] = &[
    manifests::crates_depend_only_as_agreed,
    modules::flows_know_nothing_above_them,
    connectors::platforms_are_named_only_in_their_folders,
    connectors::folders_hold_only_known_names,
    connectors::pretend_platforms_share_nothing_with_connectors,
    connectors::platforms_do_not_know_each_other,
    files::every_file_opens_with_a_sentence,
    files::no_file_is_too_long,
    sql::migrations_come_in_pairs,
    sql::sql_lives_in_the_store,
    watching::dashboards_and_alerts_name_what_is_counted,
    watching::every_alert_has_a_remedy,
];

/// Runs every check and fails when one finds something.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let tree = Tree::read(root)?;
    let problems: Vec<_> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    for problem in &problems {
        println!("{problem}");
    }
    let (checks, files) = (CHECKS.len(), tree.sources().len());
    anyhow::ensure!(problems.is_empty(), "tidy: {} problems", problems.len());
    println!("tidy: {checks} rules hold in {files} files");
    Ok(())
}

/// What a check says of a tree, for its test.
#[cfg(test)]
fn said(check: Check, files: &[(&str, &str)]) -> Vec<String> {
    let problems = check(&Tree::of(files));
    problems.iter().map(ToString::to_string).collect()
}

/// Asserts that a check says exactly one thing of a tree, starting like this.
#[cfg(test)]
#[track_caller]
fn assert_says(check: Check, files: &[(&str, &str)], start: &str) {
    let said = said(check, files);
    assert!(said.len() == 1 && said[0].starts_with(start), "{said:?}");
}
