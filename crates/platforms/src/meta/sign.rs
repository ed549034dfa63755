//! How Meta proves that a webhook is its own, and asks whether a URL is ours.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use posta_core::secret::Secret;
use posta_core::time::Timestamp;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::graph::{integer, text};
use crate::contract::SignedCall;
use crate::sign::hmac_sha256_matches;

/// Returns the challenge if the query asks to subscribe and names one of our verify tokens.
///
/// Meta sends an integer. Anything that could carry markup is refused, because the text is echoed
/// to whoever asks (developers.facebook.com/docs/instagram-platform/webhooks, read 2026-11-23).
pub(crate) fn challenge(query: &[(String, String)], tokens: &[Secret]) -> Option<String> {
    let get = |name| {
        let mut pairs = query.iter();
        pairs.find_map(|(key, value)| (key == name).then_some(value.as_str()))
    };
    let (mode, token) = (get("hub.mode")?, get("hub.verify_token")?);
    let is_ours = tokens
        .iter()
        .filter(|ours| {
            !ours.is_empty() && bool::from(ours.expose().as_bytes().ct_eq(token.as_bytes()))
        })
        .count()
        > 0;
    let challenge = get("hub.challenge").filter(|text| is_plain(text))?;
    (mode == "subscribe" && is_ours).then(|| challenge.to_owned())
}

/// Builds the question that [`challenge`] answers.
pub(crate) fn question(verify_token: &Secret, nonce: &str) -> Vec<(&'static str, String)> {
    vec![
        ("hub.mode", "subscribe".to_owned()),
        ("hub.verify_token", verify_token.expose().to_owned()),
        ("hub.challenge", nonce.to_owned()),
    ]
}

fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Finds which of the secrets signed these raw bytes, by index.
///
/// The older `X-Hub-Signature` (SHA-1) still arrives beside it and proves nothing.
pub(crate) fn signers(headers: &HeaderMap, body: &[u8], secrets: &[Secret]) -> Vec<usize> {
    let signature = headers
        .get("x-hub-signature-256")
        .and_then(|value| value.to_str().ok()?.strip_prefix("sha256="))
        .and_then(|digits| hex::decode(digits).ok());
    let Some(signature) = signature else {
        return Vec::new();
    };
    signed_by(secrets, body, &signature)
}

fn signed_by(secrets: &[Secret], bytes: &[u8], signature: &[u8]) -> Vec<usize> {
    let signed = |secret: &Secret| {
        // Everybody can sign with an empty key.
        !secret.is_empty() && hmac_sha256_matches(secret, bytes, signature)
    };
    let indexed = secrets.iter().enumerate();
    indexed.filter_map(|(index, secret)| signed(secret).then_some(index)).collect()
}

/// Reads a form with `signed_request` and finds which of the secrets signed it, by index: signature
/// and payload, both base64url, the former over the latter as it is written
/// (developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback,
/// read 2026-11-24).
pub(crate) fn signed_request(body: &[u8], secrets: &[Secret]) -> Result<SignedCall, String> {
    let mut form = url::form_urlencoded::parse(body);
    let request = form.find_map(|(name, value)| (name == "signed_request").then_some(value));
    let request = request.ok_or("the form has no signed_request")?;
    let (signature, payload) = request.split_once('.').ok_or("signed_request has no dot")?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let signature = decode(signature).ok_or("its signature is not base64url")?;
    let signers = signed_by(secrets, payload.as_bytes(), &signature);
    let payload: Value = decode(payload)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or("its payload is not JSON in base64url")?;
    let algorithm = text(&payload, "algorithm").unwrap_or_default();
    if !algorithm.eq_ignore_ascii_case("HMAC-SHA256") {
        return Err("its algorithm is not HMAC-SHA256".to_owned());
    }
    let app_scoped = text(&payload, "user_id").filter(|id| !id.is_empty());
    let issued_at = integer(&payload, "issued_at").and_then(Timestamp::from_seconds_or_millis);
    Ok(SignedCall {
        app_scoped: app_scoped.ok_or("its payload has no user_id")?,
        issued_at: issued_at.ok_or("its payload has no issued_at")?,
        signers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(mode: &str, token: &str, challenge: &str) -> Option<String> {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let query = [
            pair("hub.mode", mode),
            pair("hub.verify_token", token),
            pair("hub.challenge", challenge),
        ];
        self::challenge(&query, &[Secret::new(""), Secret::new("old"), Secret::new("new")])
    }

    #[test]
    fn a_challenge_is_answered_only_to_who_knows_a_token() {
        assert_eq!(ask("subscribe", "old", "1158201444").as_deref(), Some("1158201444"));
        assert_eq!(ask("subscribe", "new", "a-B_9").as_deref(), Some("a-B_9"));
        for (mode, token) in [("subscribe", "ne"), ("subscribe", ""), ("unsubscribe", "new")] {
            assert_eq!(ask(mode, token, "1"), None, "{mode} {token}");
        }
        assert_eq!(challenge(&[], &[Secret::new("new")]), None);
    }

    #[test]
    fn a_challenge_cannot_carry_markup() {
        let long = "1".repeat(65);
        for challenge in ["", "<script>", "a b", "1\n2", "é", &long] {
            assert_eq!(ask("subscribe", "new", challenge), None, "{challenge}");
        }
        assert!(ask("subscribe", "new", &long[..64]).is_some());
    }

    const SIGNED: &str = "signed_request=fP8UWWv5yr-W-XTL-edPvSxyvQIjD-HzhaclWcP-_Po.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlzc3VlZF9hdCI6MTc2NzE4MjQwMCwidXNlcl9pZCI6IjI3OTk5MDAwMDAwMDAwMDAxIn0";

    #[test]
    fn a_signed_request_is_read_and_its_signer_found() {
        let secrets = ["", "another", "posta-fixture-instagram-app-secret"].map(Secret::new);
        let call = signed_request(SIGNED.as_bytes(), &secrets).unwrap();
        assert_eq!((call.app_scoped.as_str(), call.signers), ("27999000000000001", vec![2]));
        assert_eq!(call.issued_at.as_seconds(), 1_767_182_400);
        let altered = SIGNED.replace("fP8U", "fP8V");
        assert!(signed_request(altered.as_bytes(), &secrets).unwrap().signers.is_empty());
        assert!(signed_request(SIGNED.as_bytes(), &secrets[..2]).unwrap().signers.is_empty());
    }

    #[test]
    fn a_signed_request_of_another_form_is_refused() {
        let with =
            |payload: &str| format!("signed_request=AAAA.{}", URL_SAFE_NO_PAD.encode(payload));
        for (body, problem) in [
            ("", "no signed_request"),
            ("signed_request=abc", "no dot"),
            ("signed_request=%%.e30", "signature"),
            ("signed_request=AAAA.%7B%7D", "payload"),
            (&with("{}"), "algorithm"),
            (&with(r#"{"algorithm":"none","user_id":"1","issued_at":1}"#), "algorithm"),
            (&with(r#"{"algorithm":"HMAC-SHA256","issued_at":1}"#), "user_id"),
            (&with(r#"{"algorithm":"HMAC-SHA256","user_id":"1"}"#), "issued_at"),
            (
                &with(
                    r#"{"algorithm":"HMAC-SHA256","user_id":"1","issued_at":9223372036854775807}"#,
                ),
                "issued_at",
            ),
        ] {
            let error = signed_request(body.as_bytes(), &[]).unwrap_err();
            assert!(error.contains(problem), "{body}: {error}");
        }
    }

    #[test]
    fn an_empty_secret_and_a_malformed_header_sign_nothing() {
        // HMAC-SHA256 of nothing under an empty key, which anybody can compute.
        let public = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
        let secrets = [Secret::new("")];
        for value in [&format!("sha256={public}"), public, "sha256=", "sha256=zz", "sha1=00"] {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static("x-hub-signature-256"),
                value.parse().unwrap(),
            )]);
            assert!(signers(&headers, b"", &secrets).is_empty(), "{value}");
        }
        assert!(signers(&HeaderMap::new(), b"", &secrets).is_empty());
    }
}
