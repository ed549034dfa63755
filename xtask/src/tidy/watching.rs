//! Dashboards and alerts: they name only metrics that the server counts, and say what to do.

use std::collections::BTreeSet;

use super::Problem;
use crate::tree::Tree;

const DEPLOY: &str = "deploy/";
const SERVER: &str = "crates/posta/src/";

/// What every metric of ours begins with.
const PREFIX: &str = "posta_";

/// What Prometheus adds to the name of a histogram.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];

pub(super) fn dashboards_and_alerts_name_what_is_counted(tree: &Tree) -> Vec<Problem> {
    let server = tree.sources().iter().filter(|source| source.path.starts_with(SERVER));
    let counted: BTreeSet<&str> =
        server.flat_map(|source| names(&source.text)).map(|(_, name)| name).collect();
    let mut problems = Vec::new();
    for (path, text) in tree.below(DEPLOY) {
        for (line, name) in names(text) {
            let plain = PARTS.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
            if !counted.contains(name) && !counted.contains(plain) {
                let says = format!("names `{name}`, which nothing below {SERVER} counts");
                problems.push(Problem::new(path, line, says));
            }
        }
    }
    problems
}

pub(super) fn every_alert_has_a_remedy(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.below(DEPLOY) {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let begins = |line: &&str| line.starts_with("- alert:");
        for (at, alert) in lines.iter().enumerate().filter(|(_, line)| begins(line)) {
            let rest = lines[at + 1..].iter().take_while(|line| !begins(line));
            let has_remedy = rest
                .into_iter()
                .any(|line| line.strip_prefix("remedy:").is_some_and(|text| text.trim().len() > 2));
            if !has_remedy {
                let name = alert.trim_start_matches("- alert:").trim();
                let says = format!("`{name}` has no annotation `remedy`; say what to do");
                problems.push(Problem::new(path, at + 1, says));
            }
        }
    }
    problems
}

/// The names of metrics in a text, each with its line.
fn names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.lines().enumerate().flat_map(move |(at, line)| {
        let words = line.split(move |c: char| !is_part(c));
        words.filter(|word| word.starts_with(PREFIX)).map(move |word| (at + 1, word))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{assert_says, said};
    use super::*;

    const CODE: (&str, &str) = (
        "crates/posta/src/a.rs",
        "//! A.\nmetrics::counter!(\"posta_sends_total\");\nmetrics::histogram!(\"posta_call_seconds\");\n",
    );

    #[test]
    fn a_metric_that_nothing_counts_is_found() {
        let check = dashboards_and_alerts_name_what_is_counted;
        let path = "deploy/prometheus/posta.rules.yml";
        let good =
            "expr: rate(posta_sends_total[5m]) > rate(posta_call_seconds_bucket{le=\"1\"}[5m])\n";
        assert!(said(check, &[CODE, (path, good)]).is_empty());
        let start = format!("{path}:2: names `posta_sents_total`");
        assert_says(check, &[CODE, (path, "\nexpr: posta_sents_total > 0\n")], &start);
    }

    #[test]
    fn an_alert_that_leaves_one_alone_is_found() {
        let path = "deploy/prometheus/posta.rules.yml";
        let good = "- alert: A\n  expr: a\n  remedy: \"Do it.\"\n";
        assert!(said(every_alert_has_a_remedy, &[(path, good)]).is_empty());
        let bad = format!("- alert: B\n  expr: b\n  remedy: \"\"\n{good}");
        let start = format!("{path}:1: `B` has no annotation");
        assert_says(every_alert_has_a_remedy, &[(path, &bad)], &start);
    }
}
