//! Runs the body that the corpus is replayed with, too.

#![no_main]

#[path = "../bodies/multipart.rs"]
mod multipart;

libfuzzer_sys::fuzz_target!(|data: &[u8]| multipart::run(data));
