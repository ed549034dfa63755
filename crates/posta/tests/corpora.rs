//! What fuzzing has found worth keeping, replayed with the bodies of its targets, so that no change
//! undoes what it was good for. CONTRIBUTING.md says how to search for more.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

#[path = "../../../fuzz/bodies/cursor.rs"]
mod cursor;
#[path = "../../../fuzz/bodies/envelope.rs"]
mod envelope;
#[path = "../../../fuzz/bodies/multipart.rs"]
mod multipart;
#[path = "../../../fuzz/bodies/signature.rs"]
mod signature;
#[path = "../../../fuzz/bodies/signed_request.rs"]
mod signed_request;
#[path = "../../../fuzz/bodies/webhook.rs"]
mod webhook;

/// Runs a target's body with each input of its corpus, and with some that every parser should see.
#[track_caller]
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs = vec![Vec::new(), vec![0], vec![0xff; 64], b"{}".to_vec()];
    let own = inputs.len();
    for entry in folder.read_dir().unwrap() {
        inputs.push(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let bytes: usize = inputs.iter().map(Vec::len).sum();
    assert!(inputs.len() > own + 5 && bytes < 100_000, "{} inputs, {bytes} bytes", inputs.len());
    for input in &inputs {
        let caught = std::panic::catch_unwind(|| run(input));
        assert!(caught.is_ok(), "{target}: {}", input.escape_ascii());
    }
}

#[test]
fn webhooks() {
    replay("webhook", webhook::run);
}

#[test]
fn signatures() {
    replay("signature", signature::run);
}

#[test]
fn envelopes() {
    replay("envelope", envelope::run);
}

#[test]
fn signed_requests() {
    replay("signed_request", signed_request::run);
}

#[test]
fn cursors() {
    replay("cursor", cursor::run);
}

#[test]
fn forms() {
    replay("multipart", multipart::run);
}
