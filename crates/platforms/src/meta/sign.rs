//! How Meta proves that a webhook is its own, and asks whether a URL is ours.

use http::HeaderMap;
use posta_core::secret::Secret;
use subtle::ConstantTimeEq;

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
    let signed = |secret: &Secret| {
        // Everybody can sign with an empty key.
        !secret.is_empty() && hmac_sha256_matches(secret, body, &signature)
    };
    let indexed = secrets.iter().enumerate();
    indexed.filter_map(|(index, secret)| signed(secret).then_some(index)).collect()
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
