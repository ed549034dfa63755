//! The skeleton of a connector: a folder that compiles, answers its name and can do nothing yet.

use std::fs;
use std::path::Path;

use anyhow::ensure;

const TEMPLATES: [(&str, &str); 3] = [
    ("mod.rs", include_str!("../templates/mod.rs.txt")),
    ("sandbox.rs", include_str!("../templates/sandbox.rs.txt")),
    ("README.md", include_str!("../templates/README.md.txt")),
];

/// Writes the folder and says which two lines to add.
pub(crate) fn run(root: &Path, name: &str) -> anyhow::Result<()> {
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    ensure!(
        starts && name.chars().all(is_plain),
        "`{name}` is not a name: lower-case letters and digits, a letter first"
    );
    let home = root.join("crates/platforms/src");
    let folder = home.join(name);
    ensure!(
        !folder.exists() && !home.join(format!("{name}.rs")).exists(),
        "{} is there already",
        folder.display()
    );
    fs::create_dir_all(&folder)?;
    for (file, template) in TEMPLATES {
        fs::write(folder.join(file), fill(template, name))?;
    }
    println!("wrote crates/platforms/src/{name}; now add to crates/platforms/src/lib.rs");
    println!("    mod {name};");
    println!("    &{name}::{},    in ALL", type_name(name));
    println!("and a line to CHANGELOG.md. The checklist is in CONTRIBUTING.md.");
    Ok(())
}

fn fill(template: &str, name: &str) -> String {
    template.replace("{Name}", &type_name(name)).replace("{name}", name)
}

fn type_name(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The methods of a trait that an implementation has to write.
    fn required<'a>(file: &'a str, name: &str) -> Vec<&'a str> {
        let (_, body) = file.split_once(&format!("pub trait {name}")).unwrap();
        let body = body.split("\n}\n").next().unwrap();
        let declared = body.split("\n    fn ").skip(1);
        declared
            .filter(|method| {
                method.split(['{', ';']).next().unwrap().len()
                    < method.find('{').unwrap_or(usize::MAX)
            })
            .map(|method| method.split('(').next().unwrap())
            .collect()
    }

    #[test]
    fn the_skeleton_writes_every_method_that_has_no_default() {
        let platforms = Path::new("../crates/platforms/src");
        let read = |path: &str| fs::read_to_string(platforms.join(path)).unwrap();
        let [(_, module), (_, sandbox), _] = TEMPLATES;
        let cases = [
            (read("contract/mod.rs"), "Platform", module),
            (read("sandbox/mod.rs"), "Face", sandbox),
        ];
        for (file, name, template) in cases {
            let methods = required(&file, name);
            assert!(!methods.is_empty(), "{name} has moved");
            for method in methods {
                assert!(
                    template.contains(&format!("\n    fn {method}(")),
                    "xtask/templates lack `{method}` of `{name}`"
                );
            }
        }
    }

    #[test]
    fn a_skeleton_is_written_once_and_under_a_plain_name() {
        let root = tempfile::tempdir().unwrap();
        run(root.path(), "matrix").unwrap();
        let module = root.path().join("crates/platforms/src/matrix/mod.rs");
        let text = fs::read_to_string(module).unwrap();
        assert!(text.starts_with("//! Matrix: name,"), "{text}");
        assert!(!text.contains("{n") && !text.contains("{N"), "{text}");
        assert!(run(root.path(), "matrix").is_err());
        assert!(["", "Matrix", "../x", "9x"].iter().all(|name| run(root.path(), name).is_err()));
    }
}
