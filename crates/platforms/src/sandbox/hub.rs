//! The `hub.*` webhook dialect that Meta's platforms share: question, escaping and signatures.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use posta_core::time::Timestamp;
use sha1::Sha1;
use sha2::Sha256;

use super::{Sandbox, world::Webhook};

/// Asks the callback whether it knows its verify token, as the platform does on registration.
pub(crate) async fn verify(sandbox: &Sandbox, webhook: &Webhook) -> Result<(), String> {
    let challenge = (1_000_000_000 + sandbox.chance().below(1_000_000_000)).to_string();
    let mut url = webhook.callback_url.clone();
    url.query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.challenge", &challenge)
        .append_pair("hub.verify_token", &webhook.verify_token);
    let request = sandbox.http().get(url).timeout(Duration::from_secs(5));
    let reply = sandbox.http().send_bounded(request, 4096).await;
    let reply = reply.map_err(|_| "the callback did not answer".to_owned())?;
    if reply.status != 200 {
        return Err(format!("the callback answered {}", reply.status.as_u16()));
    }
    if reply.body != challenge.as_bytes() {
        return Err("the callback did not return the challenge".to_owned());
    }
    Ok(())
}

/// Escapes compact JSON the way it travels: non-ASCII as lower-case `\uXXXX`, `/` as `\/`.
pub(crate) fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '/' => escaped.push_str("\\/"),
            ascii if ascii.is_ascii() => escaped.push(ascii),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

/// Returns the lower-case hex HMAC-SHA256 of a text.
pub(crate) fn hmac_hex(secret: &str, text: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    hmac.update(text.as_bytes());
    hex::encode(hmac.finalize().into_bytes())
}

/// Writes what callbacks about departures get: a signature, a dot, and what is signed.
pub(crate) fn signed_request(secret: &str, user_id: &str, now: Timestamp) -> String {
    let issued_at = now.as_seconds();
    let payload =
        format!(r#"{{"algorithm":"HMAC-SHA256","issued_at":{issued_at},"user_id":"{user_id}"}}"#);
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    hmac.update(payload.as_bytes());
    format!("{}.{payload}", URL_SAFE_NO_PAD.encode(hmac.finalize().into_bytes()))
}

/// Signs a body with the app's secret, in both headers that still arrive.
pub(crate) fn signatures(secret: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut sha1 = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any length will do");
    sha1.update(body);
    let mut sha256 = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    sha256.update(body);
    vec![
        ("x-hub-signature", format!("sha1={}", hex::encode(sha1.finalize().into_bytes()))),
        ("x-hub-signature-256", format!("sha256={}", hex::encode(sha256.finalize().into_bytes()))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_departure_is_signed_like_the_held_one() {
        let now = Timestamp::from_millis(1_767_182_400_000);
        let secret = "posta-fixture-instagram-app-secret";
        assert_eq!(
            signed_request(secret, "27999000000000001", now),
            "fP8UWWv5yr-W-XTL-edPvSxyvQIjD-HzhaclWcP-_Po.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlz\
             c3VlZF9hdCI6MTc2NzE4MjQwMCwidXNlcl9pZCI6IjI3OTk5MDAwMDAwMDAwMDAxIn0"
        );
        let proof = hmac_hex(secret, "IGAAfixturetoken0001");
        assert_eq!(proof, "fec9bfbc22ebe3546168e9539c20ffbde177e9339e9d1fe5ec93c8b5095fdeb0");
    }

    #[test]
    fn the_recorded_body_is_reproduced_and_signed() {
        // The vector of the fixtures: a body as it travels, its secret, and both signatures.
        let mid = "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDk5OTAwMDAwMDAxOjM0MDI4MjM2Njg0MTcxMDMwMTI0NDI1OTAwMDAwMDAwMDAwMDEwMTozMjcwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMgZDZD";
        let json = format!(
            "{{\"object\":\"instagram\",\"entry\":[{{\"time\":1767182420430,\
             \"id\":\"17841499900000001\",\"messaging\":[{{\"sender\":{{\"id\":\
             \"1099900000000101\"}},\"recipient\":{{\"id\":\"17841499900000001\"}},\
             \"timestamp\":1767182420000,\"message\":{{\"mid\":\"{mid}\",\"text\":\
             \"Schöne Grüße äöå 👋 see https://example.com/menu?a=1\"}}}}]}}]}}"
        );
        let body = escape(&json);
        assert!(body.contains(
            r"Sch\u00f6ne Gr\u00fc\u00dfe \u00e4\u00f6\u00e5 \ud83d\udc4b see https:\/\/example.com"
        ));
        assert_eq!(body.len(), 486);
        let signed = signatures("posta-fixture-instagram-app-secret", body.as_bytes());
        assert_eq!(signed[0].1, "sha1=d27bf9ac230f75bdc9399a05a1f7cb1300dc5cad");
        assert_eq!(
            signed[1].1,
            "sha256=f6751bf0eb9ce66c414260b27dd89f330c7cce1d7cc267641b516b55244edbcd"
        );
    }
}
