//! What is said to be covered: the tests that are named are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use posta_platforms::sandbox::Extent;

/// Whether a file beside this one has a test of this name.
fn is_there(test: &str) -> bool {
    let Some((file, name)) = test.split_once("::") else { return false };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox");
    let text = fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap_or_default();
    let mut parts = text.split("#[tokio::test]").skip(1);
    parts.any(|part| part.trim_start().starts_with(&format!("async fn {name}(")))
}

#[test]
fn every_section_names_tests_that_are_there() {
    for platform in posta_platforms::ALL {
        let coverage = platform.sandbox().coverage();
        let sections: BTreeSet<&str> = coverage.iter().map(|row| row.section).collect();
        assert_eq!(sections.len(), coverage.len(), "a section stands twice");
        for row in coverage {
            let is_shown = !row.tests.is_empty();
            assert_eq!(is_shown, row.extent != Extent::None, "{} {}", row.section, row.title);
            for test in row.tests {
                assert!(is_there(test), "{}: there is no test {test}", row.section);
            }
        }
    }
    assert!(!is_there("coverage::every_section_names_tests_that_are_there"));
    assert!(!is_there("faults::nobody_wrote_this"));
}
