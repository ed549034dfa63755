//! What a platform calls when an account's owner takes the app away or wants their data deleted.

use posta_core::secret::Secret;
use posta_core::time::Timestamp;

/// Reading the signed requests of such calls. Pure; nothing here waits.
pub trait Callbacks: Sync {
    /// Reads a body and finds which of the secrets signed it, by index: none when nobody did.
    ///
    /// # Errors
    /// What is wrong with a body that nobody can have signed.
    fn read(&self, body: &[u8], secrets: &[Secret]) -> Result<SignedCall, String>;
}

/// Whose call it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCall {
    /// The id by which the platform knows the account towards the app.
    pub app_scoped: String,
    /// When the platform signed it.
    pub issued_at: Timestamp,
    /// The secrets that signed it, by index.
    pub signers: Vec<usize>,
}
