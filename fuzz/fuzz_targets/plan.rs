//! Any bytes as a component: `plan` returns.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| composer_fuzz::plan::run(data));
