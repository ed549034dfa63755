//! Runs the body that the corpus is replayed with, too.

#![no_main]

#[path = "../bodies/signed_request.rs"]
mod signed_request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| signed_request::run(data));
