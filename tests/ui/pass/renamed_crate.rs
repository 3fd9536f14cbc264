//! The crate may be known under another name, and its macros too.

#![allow(dead_code, missing_debug_implementations, reason = "it is only compiled")]

use ::wasm_runtime_composer as other;

mod wasm_runtime_composer {}

other::compose! {
    /// An item.
    pub struct Calculator;
    component producer { hide "debug" };
    component consumer { import "add" from producer; import "log" from host };
    export "add" from producer;
    export fn run_add() -> i32;
    export interface "acme:calc/tools@1.0.0" as tools {
        async fn mix(color: Color, names: &[&str]) -> Result<Color, String>;
    }
}

#[derive(other::ComponentValue)]
#[component(crate = other)]
enum Inner {
    Nothing,
    Something(u8),
}

/// Of the same visibility as what uses it.
#[derive(other::ComponentValue)]
#[component(crate = crate::renamed_crate::other)]
pub enum Color {
    /// Red.
    Red,
    /// Blue.
    Blue,
}

mod within {
    pub(super) mod deeper {
        pub(crate) use ::wasm_runtime_composer::{Composable, CompositionError, compose as put};
    }
}

async fn expression(
    one: impl within::deeper::Composable,
) -> Result<i32, within::deeper::CompositionError> {
    let composition = within::deeper::put! {
        component one = one { expose "run" };
        export fn run() -> i32;
    }
    .await?;
    composition.run().await
}
