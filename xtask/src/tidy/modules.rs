//! Which module of the server may know which: everything calls the flows, the flows call nothing
//! above them.

use super::Problem;
use crate::tree::Tree;

/// What the flows must not know: whoever calls them.
const ABOVE_FLOWS: [&str; 5] = ["api", "cli", "console", "router", "workers"];

pub(super) fn flows_know_nothing_above_them(tree: &Tree) -> Vec<Problem> {
    let is_flow = |path: &str| {
        path == "crates/posta/src/flows.rs" || path.starts_with("crates/posta/src/flows/")
    };
    let sources = tree.sources().iter();
    sources
        .filter(|source| is_flow(&source.path) && !source.is_test())
        .flat_map(|source| {
            let uses = source.uses().into_iter();
            let wrong = uses.filter(|found| ABOVE_FLOWS.contains(&found.segments[0].as_str()));
            wrong.map(|found| {
                let says = format!(
                    "a flow uses `{}`; hand it in as an argument, or move it below the flows",
                    found.segments.join("::")
                );
                Problem::new(&source.path, found.line, says)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{assert_says, said};
    use super::*;

    #[test]
    fn a_flow_that_looks_up_is_found() {
        let check = flows_know_nothing_above_them;
        let good = "//! Sends.\nuse crate::{app::App, flows::receive};\n";
        assert!(said(check, &[("crates/posta/src/flows/send.rs", good)]).is_empty());
        assert!(said(check, &[("crates/posta/src/api/a.rs", "use super::keys;")]).is_empty());
        let bad = "//! Sends.\nuse super::super::{api::error::ApiError, app::App};\n";
        assert_says(
            check,
            &[("crates/posta/src/flows/send.rs", bad)],
            "crates/posta/src/flows/send.rs:2: a flow uses `api::error::ApiError`",
        );
    }
}
