//! Sealed secrets and signed texts: what is ours comes back whole, everything else is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use posta_core::chance::Chance;
use posta_core::secret::{KeyRing, Sealed, Secret};

pub(crate) fn run(data: &[u8]) {
    let (new, both, other) = (ring(&[1]), ring(&[2, 1]), ring(&[2]));
    let text = String::from_utf8_lossy(data);
    if let Ok(secret) = new.open("a", &Sealed::from_text(&*text)) {
        panic!("somebody without the key has sealed {} bytes", secret.expose().len());
    }
    assert!(!new.is_signed("purpose", "text", &text), "somebody without the key has signed");

    let secret = Secret::new(&*text);
    let sealed = new.seal("a", &secret);
    assert!(new.open("a", &sealed).as_ref() == Ok(&secret), "it comes back");
    assert!(both.open("a", &sealed).as_ref() == Ok(&secret), "also by a ring that has a newer key");
    assert!(other.open("a", &sealed).is_err() && new.open("b", &sealed).is_err());
    altered(data, sealed.as_text(), |text| new.open("a", &Sealed::from_text(text)).is_ok());

    let signature = new.sign("purpose", &text);
    assert!(both.is_signed("purpose", &text, &signature));
    assert!(!new.is_signed("another", &text, &signature));
    altered(data, &signature, |signature| new.is_signed("purpose", &text, signature));
}

/// No other text does: with a byte replaced, cut off, put in.
fn altered(data: &[u8], whole: &str, is_taken: impl Fn(&str) -> bool) {
    let place = data.iter().fold(0_usize, |sum, byte| sum * 31 % 65_521 + usize::from(*byte));
    let at = place % whole.len();
    let with = char::from(b" .-_0z"[place % 6]);
    let (before, after) = whole.split_at(at);
    let replaced = format!("{before}{with}{}", &after[1..]);
    assert!(replaced == whole || !is_taken(&replaced), "{replaced}");
    assert!(!is_taken(before), "{before}");
    let longer = format!("{before}{with}{after}");
    assert!(!is_taken(&longer), "{longer}");
    assert!(!is_taken(&format!("{whole}{with}")) && !is_taken(&format!("{whole}.{before}")));
}

fn ring(keys: &[u8]) -> KeyRing {
    let text: Vec<_> = keys.iter().map(|key| STANDARD.encode([*key; 32])).collect();
    KeyRing::parse(&Secret::new(text.join(",")), Chance::seeded(3)).expect("keys of 32 bytes")
}
