//! The signed request of an owner who takes the app away: any form, and any payload signed rightly.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use posta_core::secret::Secret;
use posta_platforms::ALL;
use posta_platforms::contract::Callbacks;
use serde_json::Value;
use sha2::Sha256;

const SECRETS: [&str; 3] = ["", "the other one's", "ours"];

pub(crate) fn run(data: &[u8]) {
    for callbacks in ALL.iter().filter_map(|platform| platform.callbacks()) {
        any_form(callbacks, data);
        signed(callbacks, data);
    }
}

/// The input is the body. Nobody signed it, unless it says so rightly.
fn any_form(callbacks: &dyn Callbacks, data: &[u8]) {
    let Ok(call) = callbacks.read(data, &SECRETS.map(Secret::new)) else {
        return;
    };
    assert!(!call.app_scoped.is_empty());
    let form = url::form_urlencoded::parse(data).find(|(name, _)| name == "signed_request");
    let (_, request) = form.expect("what was read was there");
    let (signature, payload) = request.split_once('.').expect("it has two parts");
    for index in call.signers {
        let expected = URL_SAFE_NO_PAD.encode(mac(SECRETS[index], payload));
        assert_eq!(signature.trim_end_matches('='), expected);
        assert!(!SECRETS[index].is_empty(), "anybody can sign with that");
    }
}

/// The input is the payload. Whoever signed it is found, and not after it was altered.
fn signed(callbacks: &dyn Callbacks, data: &[u8]) {
    let payload = URL_SAFE_NO_PAD.encode(data);
    let form = |secret: &str, payload: &str, signed: &str| {
        let signature = URL_SAFE_NO_PAD.encode(mac(secret, signed));
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("signed_request", &format!("{signature}.{payload}")).finish()
    };
    let read = |secret, payload: &str, signed: &str| {
        let form = form(secret, payload, signed);
        callbacks.read(form.as_bytes(), &SECRETS.map(Secret::new))
    };
    let by_us = read(SECRETS[2], &payload, &payload);
    let by_nobody = read(SECRETS[0], &payload, &payload);
    let altered = read(SECRETS[2], &payload, &format!("{payload}A"));
    let Ok(by_us) = by_us else {
        assert!(
            by_nobody.is_err() && altered.is_err(),
            "the signature does not matter to the form"
        );
        return;
    };
    assert_eq!(by_us.signers, [2]);
    assert_eq!(by_nobody.map(|call| call.signers), Ok(Vec::new()));
    assert_eq!(altered.map(|call| call.signers), Ok(Vec::new()));
    let said: Value = serde_json::from_slice(data).expect("what is no JSON is refused");
    let id = &said["user_id"];
    let text = id.as_str().map_or_else(|| id.to_string(), ToOwned::to_owned);
    assert_eq!(text, by_us.app_scoped);
}

fn mac(secret: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
