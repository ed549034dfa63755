//! The signature of a webhook: only the right one counts, in whatever form a header has it.

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use posta_core::secret::Secret;
use posta_platforms::ALL;
use sha2::Sha256;

const HEADER: &str = "x-hub-signature-256";
const SECRETS: [&str; 3] = ["", "the other one's", "ours"];

/// The first line is a header as it may come; the rest is the body.
pub(crate) fn run(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (header, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let secrets = SECRETS.map(Secret::new);
    for inbound in ALL.iter().filter_map(|platform| platform.inbound()) {
        let verify = |header: &[u8], body: &[u8]| {
            let value = HeaderValue::from_bytes(header).ok();
            let name = http::HeaderName::from_static(HEADER);
            let headers: HeaderMap = value.into_iter().map(|value| (name.clone(), value)).collect();
            inbound.verify(&headers, body, &secrets)
        };
        let signed = |secret: &str| format!("sha256={}", hex::encode(mac(secret, body)));
        let is_by = |index: &usize| {
            let expected = signed(SECRETS[*index]);
            !SECRETS[*index].is_empty() && header.eq_ignore_ascii_case(expected.as_bytes())
        };
        let found = verify(header, body);
        assert!(found.iter().all(is_by), "{found:?} did not sign it");

        let ours = signed(SECRETS[2]);
        assert_eq!(verify(ours.as_bytes(), body), [2]);
        assert_eq!(verify(ours.to_ascii_uppercase().replace("SHA", "sha").as_bytes(), body), [2]);
        assert_eq!(verify(signed(SECRETS[0]).as_bytes(), body), [0_usize; 0], "anybody can");
        altered(header, body, |body| verify(ours.as_bytes(), body));
        // A part of a signature is none.
        let cut = "sha256=".len() + header.len() % (ours.len() - "sha256=".len());
        assert!(verify(&ours.as_bytes()[..cut], body).is_empty());
    }
}

/// No other body has the same signature: with a bit turned, a byte less, a byte more.
fn altered(header: &[u8], body: &[u8], verify: impl Fn(&[u8]) -> Vec<usize>) {
    let place = header.iter().fold(0_usize, |sum, byte| sum * 31 % 65_521 + usize::from(*byte));
    let mut other = body.to_vec();
    if !body.is_empty() {
        other[place % body.len()] ^= 1 << (place % 8);
        assert!(verify(&other).is_empty());
        assert!(verify(&body[1..]).is_empty() && verify(&body[..body.len() - 1]).is_empty());
    }
    other = body.to_vec();
    other.push(u8::try_from(place % 256).unwrap_or_default());
    assert!(verify(&other).is_empty());
}

fn mac(secret: &str, body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}
