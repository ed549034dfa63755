//! One folder per platform, the contract they keep, and the sandbox that pretends to be them.
//!
//! Adding a platform is a folder, a `mod` line and a line in [`ALL`].

pub mod contract;
pub mod cx;
pub mod download;
pub mod exchange;
pub mod guard;
pub mod http;
pub mod sandbox;
mod sign;

mod meta;

mod instagram;

use contract::Platform;

/// Every platform Posta speaks.
pub static ALL: &[&dyn Platform] = &[&instagram::Instagram];

/// Finds a platform by its name in the unified API.
#[must_use]
pub fn get(name: &str) -> Option<&'static dyn Platform> {
    ALL.iter().copied().find(|platform| platform.name() == name)
}
