//! Runs the body that the corpus is replayed with, too.

#![no_main]

#[path = "../bodies/webhook.rs"]
mod webhook;

libfuzzer_sys::fuzz_target!(|data: &[u8]| webhook::run(data));
