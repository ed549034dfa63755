//! How much of a platform is pretended, as data from which a page is made.

/// A section of a platform's description, and what of it is pretended.
#[derive(Clone, Copy, Debug)]
pub struct Covered {
    /// Its number.
    pub section: &'static str,
    /// Its title.
    pub title: &'static str,
    /// How much of it.
    pub extent: Extent,
    /// The tests that show it, as `file::function` below `crates/platforms/tests/sandbox`.
    pub tests: &'static [&'static str],
}

/// How much of a section is pretended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    All,
    /// Some of it; the text says what is missing, or what is there.
    Part(&'static str),
    /// Nothing.
    None,
}
