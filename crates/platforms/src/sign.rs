//! Signature checks shared by webhook verifiers.

use hmac::{Hmac, KeyInit, Mac};
use posta_core::secret::Secret;
use sha2::Sha256;

/// Whether `expected` is the HMAC-SHA256 of these bytes, compared in constant time.
pub(crate) fn hmac_sha256_matches(secret: &Secret, bytes: &[u8], expected: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac.verify_slice(expected).is_ok()
}
