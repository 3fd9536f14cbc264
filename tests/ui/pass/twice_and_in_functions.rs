//! Blocks stand beside and within each other, in modules and in functions.

#![allow(dead_code, reason = "it is only compiled")]

use wasm_runtime_composer::{ComponentValue, Composable, CompositionError, compose};

compose! {
    struct First;
    component one;
    export fn run() -> i32;
    export interface "acme:calc/tools" as tools { fn run() -> i32; }
}

compose! {
    pub(crate) struct Second;
    component one;
    export fn run() -> i32;
    export interface "acme:calc/tools" as tools { fn run() -> i32; }
}

async fn in_a_function(
    a: impl Composable,
    b: impl Composable,
    c: impl Composable,
) -> Result<i32, CompositionError> {
    #[derive(ComponentValue)]
    struct Local {
        sum: i32,
    }

    compose! {
        struct InFunction;
        component one;
        export fn run() -> Local;
    }
    let item = InFunction::compose(a).await?;

    let first = compose! {
        component one = b;
        export fn run() -> Local;
    };
    let nested = compose! {
        // Compositions are composable.
        component outer = compose! {
            component inner = c;
            export fn run() -> Local;
        }
        .await
        .map(|composed| (*composed).clone())?;
        component first = (*first.await?).clone();
        export fn run() -> Local;
    }
    .await?;
    Ok(item.run().await?.sum + nested.run().await?.sum)
}

impl First {
    async fn in_a_method(&self, one: impl Composable) -> Result<i32, CompositionError> {
        let own = self.run().await?;
        let composed = compose! { component one = one; export fn run() -> i32; }.await?;
        Ok(own + composed.run().await?)
    }
}
