//! Which of our crates may depend on which, read from their manifests.

use toml::{Table, Value};

use super::Problem;
use crate::tree::Tree;

/// Our crates, and what each may depend on. A fifth crate needs a decision in `docs/adr`.
const EDGES: &[(&str, &[&str])] = &[
    ("posta-core", &[]),
    ("posta-platforms", &["posta-core"]),
    ("posta-store", &["posta-core"]),
    ("posta", &["posta-core", "posta-platforms", "posta-store"]),
    ("xtask", &[]),
];

pub(super) fn crates_depend_only_as_agreed(tree: &Tree) -> Vec<Problem> {
    let ours = tree.below("crates/").chain(tree.below("xtask/"));
    let manifests = ours.filter(|(path, _)| path.ends_with("/Cargo.toml"));
    manifests.flat_map(|(path, text)| check_manifest(path, text)).collect()
}

fn check_manifest(path: &str, text: &str) -> Vec<Problem> {
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Problem::new(path, 1, format!("cannot be read: {error}"))],
    };
    let package = manifest.get("package").and_then(Value::as_table);
    let name =
        package.and_then(|package| package.get("name")).and_then(Value::as_str).unwrap_or_default();
    let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
        let says = format!("`{name}` is a new crate; write the ADR, then add it to EDGES in xtask");
        return vec![Problem::new(path, 1, says)];
    };
    let targets = manifest.get("target").and_then(Value::as_table);
    let per_target = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let mut found = dependencies(&manifest);
    found.extend(per_target.flat_map(dependencies));
    let is_ours = |name: &String| EDGES.iter().any(|(known, _)| known == name);
    found
        .iter()
        .filter(|dependency| is_ours(dependency) && !allowed.contains(&dependency.as_str()))
        .map(|dependency| {
            let line = text.lines().position(|line| line.contains(dependency));
            let says = format!(
                "`{name}` may not depend on `{dependency}`; move the code to where both are known"
            );
            Problem::new(path, line.map_or(1, |line| line + 1), says)
        })
        .collect()
}

/// The packages in the dependency tables of a manifest, or of one of its targets.
fn dependencies(table: &Table) -> Vec<String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
    tables
        .flatten()
        .map(|(key, value)| {
            let renamed = value.get("package").and_then(Value::as_str);
            renamed.unwrap_or(key).to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{assert_says, said};
    use super::*;

    #[test]
    fn an_edge_that_was_not_agreed_is_found_under_any_name() {
        let check = crates_depend_only_as_agreed;
        let store = "[package]\nname = \"posta-store\"\n[dependencies]\nposta-core = {}\n";
        assert!(said(check, &[("crates/store/Cargo.toml", store)]).is_empty());
        let direct = format!("{store}[dev-dependencies]\nposta-platforms.workspace = true\n");
        assert_says(
            check,
            &[("crates/store/Cargo.toml", &direct)],
            "crates/store/Cargo.toml:6: `posta-store` may not depend on `posta-platforms`",
        );
        let renamed = format!("{store}[target.x.dependencies]\nhub = {{ package = \"posta\" }}\n");
        assert_says(
            check,
            &[("crates/store/Cargo.toml", &renamed)],
            "crates/store/Cargo.toml:2: `posta-store` may not depend on `posta`;",
        );
    }

    #[test]
    fn a_new_crate_needs_a_decision() {
        let manifest = "[package]\nname = \"posta-extra\"\n";
        assert_says(
            crates_depend_only_as_agreed,
            &[("crates/extra/Cargo.toml", manifest)],
            "crates/extra/Cargo.toml:1: `posta-extra` is a new crate",
        );
    }
}
