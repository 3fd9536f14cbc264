//! What macros say about mistakes, and that their expansions depend on nothing around them.
//!
//! The messages are those of the pinned compiler; `TRYBUILD=overwrite` rewrites them.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, elided_lifetimes_in_paths)]

// One binary: wasmtime is linked once. To compile is all that these have to do.
#[path = "ui/pass/generic_function.rs"]
pub mod generic_function;
#[path = "ui/pass/no_implicit_prelude.rs"]
pub mod no_implicit_prelude;
#[path = "ui/pass/renamed_crate.rs"]
pub mod renamed_crate;
#[path = "ui/pass/shadowed_names.rs"]
pub mod shadowed_names;
#[path = "ui/pass/twice_and_in_functions.rs"]
pub mod twice_and_in_functions;
#[path = "ui/pass/user_names.rs"]
pub mod user_names;

/// The compiler whose messages the files hold.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn mistakes_are_told_at_their_tokens() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = std::process::Command::new(rustc).arg("--version").output();
    let version = version.expect("tests are compiled where there is a compiler").stdout;
    if !version.starts_with(COMPILER.as_bytes()) {
        eprintln!("skipped: the messages are those of {COMPILER}x");
        return;
    }
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}
