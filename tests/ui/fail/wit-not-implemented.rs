//! A type that does not implement the interface, and one that does so in other types.

use wasm_runtime_composer::{compose, wit};

wit!({ inline: "package acme:env; interface clock { now: func() -> u64; wait: async func(ms: u32); }" });

struct Clock;

struct Wrong;

impl acme::env::clock::Host for Wrong {
    fn now(&self) -> u32 {
        0
    }

    async fn wait(&self, _ms: u32) {}
}

fn main() {
    let _ = compose! {
        wit { inline: "package acme:env; interface clock { now: func() -> u64; wait: async func(ms: u32); }", module: crate };
        component clock = host "acme:env/clock" as Clock;
    };
}
