//! The networks in a box: pretend platforms on HTTP, each with state and rules of its own.

use std::collections::BTreeMap;

use url::Url;

/// A platform's pretend self.
pub trait Face: Sync {
    /// Returns where the platform's base URLs are, by role, in a sandbox that listens at `root`.
    fn urls(&self, root: &Url) -> BTreeMap<String, Url>;
}
