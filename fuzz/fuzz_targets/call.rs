//! Any values as arguments: they come back equal, or are refused.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| composer_fuzz::call::run(data));
