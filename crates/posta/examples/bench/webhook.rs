//! Webhooks as the platform sends them, made and signed beforehand.

use hmac::{Hmac, KeyInit, Mac};
use posta_platforms::contract::Platform;
use serde_json::json;
use sha2::Sha256;

use crate::load::Requests;

/// The secret that signs them.
pub(crate) const SECRET: &str = "the-app-secret-of-the-bench";

/// What stands before the number in a message's text, by which its delivery is known again.
pub(crate) const MARK: &str = "number ";

/// How many people write to one account.
const PEOPLE: usize = 500;

/// The platform's id of an account.
pub(crate) fn account(number: usize) -> String {
    format!("{}", 17_841_400_000_000_000_u64 + number as u64)
}

/// Makes webhooks, one message each, to the accounts that are named in turn.
pub(crate) fn requests(
    platform: &dyn Platform,
    count: usize,
    account_of: impl Fn(usize) -> usize,
) -> Requests {
    let path = format!("/webhooks/{}", platform.name());
    (0..count).map(|number| request(platform, &path, number, account_of(number))).collect()
}

fn request(platform: &dyn Platform, path: &str, number: usize, to: usize) -> Box<[u8]> {
    let (person, account) = (format!("10999000{:08}", number % PEOPLE), account(to));
    let object = platform.inbound().map_or("", |inbound| inbound.subscription().object);
    let body = json!({
        "object": object,
        "entry": [{
            "time": 1_767_182_410_430_u64, "id": account,
            "messaging": [{
                "sender": {"id": person}, "recipient": {"id": account},
                "timestamp": 1_767_182_410_000_u64,
                "message": {
                    // As long as the platform's own, and as random for an index as those.
                    "mid": format!("aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlE{:016x}{number:0100}ZD", scattered(number)),
                    "text": format!("{MARK}{number:08}: Hi! Are you open on Sunday, and if so, until when?"),
                },
            }],
        }],
    })
    .to_string();
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map(|mac| mac.chain_update(&body));
    let digits = mac.map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
         x-hub-signature-256: sha256={digits}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
    .into()
}

/// The number behind the mark in a delivery, or in a webhook.
pub(crate) fn number_in(body: &[u8]) -> Option<usize> {
    let at = body.windows(MARK.len()).position(|window| window == MARK.as_bytes())? + MARK.len();
    std::str::from_utf8(body.get(at..at + 8)?).ok()?.parse().ok()
}

fn scattered(number: usize) -> u64 {
    (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
