//! Runs the body that the corpus is replayed with, too.

#![no_main]

#[path = "../bodies/envelope.rs"]
mod envelope;

libfuzzer_sys::fuzz_target!(|data: &[u8]| envelope::run(data));
