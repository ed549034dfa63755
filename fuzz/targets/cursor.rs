//! Runs the body that the corpus is replayed with, too.

#![no_main]

#[path = "../bodies/cursor.rs"]
mod cursor;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cursor::run(data));
