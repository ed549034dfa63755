//! What must not be printed, and how it is sealed at rest.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::chance::Chance;

/// Text that is never printed, logged or serialised: a token, a secret, a password.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Hands out the text. Call it only where it leaves for its one purpose.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// A secret encrypted for storage, readable only with the key ring that made it.
#[derive(Clone, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Sealed(String);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({})", self.key_id().unwrap_or("malformed"))
    }
}

impl Sealed {
    /// Takes what was sealed before; whether it is anything shows when it is opened.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns what is stored.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// Returns the id of the master key that can open this.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.split('.').nth(1)
    }
}

/// Why a key ring could not be read or a sealed value not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No master key was given.
    #[error("no master key is given")]
    NoKey,
    /// A master key is not 32 bytes in base64.
    #[error("master key {0} is not 32 bytes in base64")]
    BadKey(usize),
    /// The value was sealed with a key that is not in the ring.
    #[error("sealed with master key {0}, which is not among the given ones")]
    UnknownKey(String),
    /// The value is not one of ours, was altered, or belongs to another row.
    #[error("the sealed value is damaged or belongs elsewhere")]
    Damaged,
}

/// The master keys. The first one seals; all of them open, so that keys can be rotated.
///
/// Every value is encrypted with a data key of its own (XChaCha20-Poly1305), and the data key with
/// the master key, so that changing the master key rewrites 32 bytes and never the value.
pub struct KeyRing {
    keys: Vec<MasterKey>,
    chance: Chance,
}

struct MasterKey {
    id: String,
    cipher: XChaCha20Poly1305,
    signing: [u8; 32],
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

const VERSION: &str = "p1";
const NONCE: usize = 24;
const SIGNATURE: usize = 16;

fn mac(key: &[u8; 32], purpose: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key)
        .expect("HMAC takes keys of any length");
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    mac.update(text.as_bytes());
    mac
}

impl KeyRing {
    /// Reads master keys from text: base64 of 32 bytes each, separated by commas.
    ///
    /// # Errors
    /// When there is no key, or one is not 32 bytes in base64.
    pub fn parse(text: &Secret, chance: Chance) -> Result<Self, SealError> {
        let mut keys = Vec::new();
        let parts = text.expose().split(',').map(str::trim).filter(|part| !part.is_empty());
        for (index, part) in parts.enumerate() {
            let bytes = STANDARD
                .decode(part)
                .or_else(|_| URL_SAFE_NO_PAD.decode(part))
                .ok()
                .filter(|bytes| bytes.len() == 32)
                .ok_or(SealError::BadKey(index + 1))?;
            let derived = |purpose: &str| {
                let mut hash = Sha256::new_with_prefix(purpose.as_bytes());
                hash.update(&bytes);
                <[u8; 32]>::from(hash.finalize())
            };
            keys.push(MasterKey {
                id: hex::encode(&derived("posta master key id")[..4]),
                cipher: cipher(&bytes),
                signing: derived("posta signing key"),
            });
        }
        if keys.is_empty() { Err(SealError::NoKey) } else { Ok(Self { keys, chance }) }
    }

    /// Makes the text of a new master key.
    #[must_use]
    pub fn generate(chance: &Chance) -> Secret {
        Secret::new(STANDARD.encode(chance.bytes::<32>()))
    }

    /// Encrypts a secret. `owner` names the row it belongs to; opening demands the same name, so a
    /// sealed value copied to another row is worthless there.
    #[must_use]
    pub fn seal(&self, owner: &str, secret: &Secret) -> Sealed {
        let master = &self.keys[0];
        let data_key = self.chance.bytes::<32>();
        let wrapped = self.encrypt(&master.cipher, owner, &data_key);
        let body = self.encrypt(&cipher(&data_key), owner, secret.expose().as_bytes());
        Sealed(format!("{VERSION}.{}.{wrapped}.{body}", master.id))
    }

    /// Decrypts a secret.
    ///
    /// # Errors
    /// When the key is missing, or the value was altered or sealed for another owner.
    pub fn open(&self, owner: &str, sealed: &Sealed) -> Result<Secret, SealError> {
        let parts: Vec<_> = sealed.0.split('.').collect();
        let [VERSION, key_id, wrapped, body] = parts[..] else {
            return Err(SealError::Damaged);
        };
        let master = self
            .keys
            .iter()
            .find(|key| key.id == key_id)
            .ok_or_else(|| SealError::UnknownKey(key_id.to_owned()))?;
        let data_key = decrypt(&master.cipher, owner, wrapped)?;
        if data_key.len() != 32 {
            return Err(SealError::Damaged);
        }
        let text = decrypt(&cipher(&data_key), owner, body)?;
        String::from_utf8(text).map(Secret).map_err(|_| SealError::Damaged)
    }

    /// Signs text for `purpose`, so that it can be handed out and known again when it comes back.
    #[must_use]
    pub fn sign(&self, purpose: &str, text: &str) -> String {
        let mac = mac(&self.keys[0].signing, purpose, text).finalize().into_bytes();
        hex::encode(&mac[..SIGNATURE])
    }

    /// Whether `signature` is ours for this purpose and text, by any key of the ring.
    #[must_use]
    pub fn is_signed(&self, purpose: &str, text: &str, signature: &str) -> bool {
        let Ok(bytes) = hex::decode(signature) else {
            return false;
        };
        bytes.len() == SIGNATURE
            && self
                .keys
                .iter()
                .any(|key| mac(&key.signing, purpose, text).verify_truncated_left(&bytes).is_ok())
    }

    fn encrypt(&self, cipher: &XChaCha20Poly1305, owner: &str, text: &[u8]) -> String {
        let nonce = self.chance.bytes::<NONCE>();
        let mut bytes = nonce.to_vec();
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: text, aad: owner.as_bytes() })
            .expect("encrypting into memory cannot fail");
        bytes.extend(sealed);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn cipher(key: &[u8]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new_from_slice(key).expect("callers pass 32 bytes")
}

fn decrypt(cipher: &XChaCha20Poly1305, owner: &str, text: &str) -> Result<Vec<u8>, SealError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Damaged)?;
    let (nonce, body) = bytes.split_at_checked(NONCE).ok_or(SealError::Damaged)?;
    let nonce = XNonce::try_from(nonce).map_err(|_| SealError::Damaged)?;
    cipher
        .decrypt(&nonce, Payload { msg: body, aad: owner.as_bytes() })
        .map_err(|_| SealError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &[u8]) -> KeyRing {
        let text: Vec<String> = keys.iter().map(|key| STANDARD.encode([*key; 32])).collect();
        KeyRing::parse(&Secret::new(text.join(",")), Chance::seeded(3)).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_for_its_owner_only() {
        let ring = ring(&[1]);
        let sealed = ring.seal("accounts/a", &Secret::new("IGAA-token"));
        assert_eq!(ring.open("accounts/a", &sealed).unwrap().expose(), "IGAA-token");
        assert_eq!(ring.open("accounts/b", &sealed), Err(SealError::Damaged));
        assert!(!sealed.0.contains("token"));
    }

    #[test]
    fn an_old_key_still_opens_and_a_lost_one_is_named() {
        let sealed = ring(&[1]).seal("x", &Secret::new("s"));
        assert_eq!(ring(&[2, 1]).open("x", &sealed).unwrap().expose(), "s");
        let id = sealed.key_id().unwrap().to_owned();
        assert_eq!(ring(&[2]).open("x", &sealed), Err(SealError::UnknownKey(id)));
    }

    #[test]
    fn altered_and_foreign_text_is_refused() {
        let ring = ring(&[1]);
        let sealed = ring.seal("x", &Secret::new("s"));
        for end in ["", "A", ".AAAA"] {
            let altered = Sealed(format!("{}{end}", &sealed.0[..sealed.0.len() - 3]));
            assert_eq!(ring.open("x", &altered), Err(SealError::Damaged));
        }
        assert_eq!(ring.open("x", &Sealed("plain text".into())), Err(SealError::Damaged));
        for more in [".", ".AAAA", ".p1"] {
            let longer = Sealed::from_text(format!("{}{more}", sealed.as_text()));
            assert_eq!(ring.open("x", &longer), Err(SealError::Damaged));
        }
    }

    #[test]
    fn bad_key_rings_say_which_key() {
        let parse = |text: &str| KeyRing::parse(&Secret::new(text), Chance::seeded(1)).map(|_| ());
        assert_eq!(parse(" , "), Err(SealError::NoKey));
        let good = STANDARD.encode([0; 32]);
        assert_eq!(parse(&format!("{good},short")), Err(SealError::BadKey(2)));
    }

    #[test]
    fn signatures_hold_for_their_purpose_and_text_only() {
        let signature = ring(&[1]).sign("connect", "a");
        assert!(ring(&[2, 1]).is_signed("connect", "a", &signature));
        assert!(!ring(&[1]).is_signed("connect", "b", &signature));
        assert!(!ring(&[1]).is_signed("other", "a", &signature));
        assert!(!ring(&[2]).is_signed("connect", "a", &signature));
        assert!(!ring(&[1]).is_signed("connect", "a", &signature[..2]));
        assert!(!ring(&[1]).is_signed("connect", "a", ""));
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(hidden)");
    }
}
