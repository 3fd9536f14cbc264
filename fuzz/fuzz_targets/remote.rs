//! Bytes of a peer: they become values, or an error.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| composer_fuzz::remote::run(data));
