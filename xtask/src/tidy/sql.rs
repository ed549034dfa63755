//! Where SQL may stand, and that both databases are migrated alike.

use std::collections::BTreeSet;

use super::Problem;
use crate::tree::Tree;

const MIGRATIONS: &str = "crates/store/migrations/";

/// How a statement begins. `LINE` is enough: nobody writes these words in capitals for people.
const STATEMENTS: [&str; 9] = [
    "SELECT",
    "INSERT INTO",
    "UPDATE",
    "DELETE FROM",
    "WITH",
    "CREATE TABLE",
    "ALTER TABLE",
    "DROP TABLE",
    "PRAGMA",
];

pub(super) fn migrations_come_in_pairs(tree: &Tree) -> Vec<Problem> {
    let of = |database: &str| -> BTreeSet<&str> {
        let files = tree.below(MIGRATIONS).map(|(path, _)| path);
        let ours = files.filter(|path| path[MIGRATIONS.len()..].starts_with(database));
        ours.filter_map(|path| path.rsplit('/').next()).collect()
    };
    let (sqlite, postgres) = (of("sqlite/"), of("postgres/"));
    let sides = [("sqlite", "postgres", &sqlite), ("postgres", "sqlite", &postgres)];
    let mut problems = Vec::new();
    for (has, lacks, names) in sides {
        let other = if has == "sqlite" { &postgres } else { &sqlite };
        problems.extend(names.difference(other).map(|name| {
            let says = format!("has no twin; add {MIGRATIONS}{lacks}/{name}");
            Problem::new(&format!("{MIGRATIONS}{has}/{name}"), 1, says)
        }));
    }
    problems
}

pub(super) fn sql_lives_in_the_store(tree: &Tree) -> Vec<Problem> {
    let elsewhere = tree
        .sources()
        .iter()
        .filter(|source| !source.path.starts_with("crates/store/") && !source.is_test());
    elsewhere
        .flat_map(|source| {
            let found = source.literals().filter(|(_, text)| is_statement(text));
            found.map(|(line, _)| {
                let says = "SQL outside the store; make it a function in crates/store/src";
                Problem::new(&source.path, line, says)
            })
        })
        .collect()
}

/// Whether a literal begins with a statement's words in capitals and goes on after them.
fn is_statement(text: &str) -> bool {
    let text = text.trim_start();
    STATEMENTS.iter().any(|words| {
        let rest = text.strip_prefix(words);
        rest.is_some_and(|rest| rest.starts_with(char::is_whitespace))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{assert_says, said};
    use super::*;

    #[test]
    fn a_migration_for_one_database_only_is_found() {
        let check = migrations_come_in_pairs;
        let sqlite = ("crates/store/migrations/sqlite/0001_first.sql", "");
        let postgres = ("crates/store/migrations/postgres/0001_first.sql", "");
        assert!(said(check, &[sqlite, postgres]).is_empty());
        let start = "crates/store/migrations/sqlite/0001_first.sql:1: has no twin; add \
                     crates/store/migrations/postgres/0001_first.sql";
        assert_says(check, &[sqlite], start);
        let start = "crates/store/migrations/postgres/0001_first.sql:1: has no twin";
        assert_says(check, &[postgres], start);
    }

    #[test]
    fn a_statement_outside_the_store_is_found() {
        let check = sql_lives_in_the_store;
        let path = "crates/posta/src/flows/send.rs";
        let words = "let a = [\"Select a page\", \"DELETE\", \"UPDATE\"]; // \"SELECT 1 \"\n";
        assert!(said(check, &[(path, words)]).is_empty());
        let sql = "let a = 1;\nlet b = \"\n  SELECT id FROM a\";\n";
        assert!(said(check, &[("crates/store/src/a.rs", sql)]).is_empty());
        let start = format!("{path}:2: SQL outside the store");
        assert_says(check, &[(path, sql)], &start);
    }
}
