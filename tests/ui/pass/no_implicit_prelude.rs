//! Nothing has to be in scope.

#![no_implicit_prelude]
#![allow(dead_code, missing_debug_implementations, reason = "it is only compiled")]

::wasm_runtime_composer::compose! {
    /// An item.
    pub struct Calculator;
    component producer { expose "add" };
    component consumer { import "add" from producer };
    export "add" from producer;
    /// An accessor.
    export fn run_add(values: &[i32]) -> i32;
    export interface "acme:calc/tools" as tools {
        async fn mix(pair: Pair<u8>, failure: Failure) -> Flags;
    }
}

async fn expression(one: impl ::wasm_runtime_composer::Composable) -> i32 {
    let composition = ::wasm_runtime_composer::compose! {
        component one = one { hide "debug" };
        export fn run() -> i32;
        export interface "acme:calc/tools" as tools {
            fn run() -> i32;
        }
    }
    .await
    .unwrap();
    composition.run().await.unwrap() + composition.tools().run().await.unwrap()
}

/// A tuple.
#[derive(::wasm_runtime_composer::ComponentValue)]
pub struct Pair<T>(T, T);

/// A variant.
#[derive(::wasm_runtime_composer::ComponentValue)]
pub enum Failure {
    /// Nothing.
    Empty,
    /// Two things.
    Several(i32, u8),
}

/// Flags.
#[derive(::wasm_runtime_composer::ComponentValue)]
#[component(flags)]
pub struct Flags {
    read: bool,
    write: bool,
}

#[derive(::wasm_runtime_composer::ComponentValue)]
struct Record {
    a: i32,
}

#[derive(::wasm_runtime_composer::ComponentValue)]
enum Color {
    Red,
}
