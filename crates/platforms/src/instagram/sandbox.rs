//! The pretend Instagram.

use std::collections::BTreeMap;

use url::Url;

use crate::sandbox::Face;

/// Instagram's face in the sandbox.
pub(crate) struct InstagramFace;

impl Face for InstagramFace {
    fn urls(&self, root: &Url) -> BTreeMap<String, Url> {
        let base = |path: &str| root.join(path).expect("a fixed path joins any base");
        BTreeMap::from([
            ("authorize".to_owned(), base("/instagram/www")),
            ("token".to_owned(), base("/instagram/api")),
            ("graph".to_owned(), base("/instagram/graph")),
        ])
    }
}
