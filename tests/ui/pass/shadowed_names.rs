//! What expansions need may be shadowed where they land.

#![allow(dead_code, non_camel_case_types, non_snake_case, reason = "it is only compiled")]

use wasm_runtime_composer::{ComponentValue, Composable, compose};

struct Result;
struct Option;
struct Vec;
struct Box;
struct String;
struct Clone;
struct Debug;
struct Send;
struct Future;
struct Deref;
struct Composer;
struct Composition;
struct CompositionError;
struct ComposableDescriptor;
struct ExportFilter;
struct Accessor;
struct Accessors;
struct ValueType;
struct Value;
struct bool;
struct u32;
struct usize;
struct str;
mod std {}
mod alloc {}
mod core {}

fn Ok() {}
fn Err() {}
fn Some() {}
fn None() {}
fn drop() {}

compose! {
    struct Calculator;
    component producer { expose "add"; };
    component consumer { import "add" from producer };
    export "add" from producer;
    export fn run_add(values: &[i32]) -> i32;
    export interface "acme:calc/tools" as tools {
        async fn mix(pair: Pair<u8>, failure: Failure) -> Flags;
    }
    export http as web;
}

async fn expression(one: impl Composable) -> i32 {
    let composition = compose! {
        component one = one { hide "debug" };
        export fn run(failure: Failure) -> i32;
        export interface "acme:calc/tools" as tools {
            fn run() -> i32;
        }
    }
    .await
    .unwrap();
    composition.run(Failure::Empty).await.unwrap() + composition.tools().run().await.unwrap()
}

#[derive(ComponentValue)]
struct Record {
    a: i32,
    b: Pair<i8>,
}

#[derive(ComponentValue)]
struct Pair<T>(T, T);

#[derive(ComponentValue)]
enum Failure {
    Empty,
    Found(i32),
    Several(i32, Color),
}

#[derive(ComponentValue)]
enum Color {
    Red,
    Blue,
}

#[derive(ComponentValue)]
#[component(transparent)]
struct Wrapper(i32);

mod flags {
    use wasm_runtime_composer::ComponentValue;

    #[derive(ComponentValue)]
    #[component(flags)]
    pub(super) struct Flags {
        read: bool,
        write: bool,
    }
}
use flags::Flags;
