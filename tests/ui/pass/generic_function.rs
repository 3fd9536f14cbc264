//! Type parameters, lifetimes and constants around a block can be used in its expressions.

#![allow(dead_code, reason = "it is only compiled")]

use wasm_runtime_composer::{
    ComponentSource, ComposableComponent, Composition, CompositionError, compose,
};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};

struct Host<'a, T> {
    engine: &'a Engine,
    make: fn() -> T,
}

impl<'a, T: Send + 'static> Host<'a, T> {
    async fn compose<const N: usize>(
        &'a self,
        sources: [impl Into<ComponentSource>; N],
    ) -> Result<Composition, CompositionError> {
        let mut sources = sources.into_iter();
        let make = self.make;
        let engine = self.engine.clone();
        let composition = compose! {
            component one = {
                let Some(source) = sources.next() else { return Err(none().await) };
                ComposableComponent::<T>::new(
                    source,
                    Linker::new(self.engine),
                    move || Store::new(&engine, make()),
                )
            } { hide "debug" };
            component two = match sources.next() {
                Some(source) => other::<T>(source, Linker::new(self.engine), self.make),
                None => return Err(none().await),
            };
            export fn run() -> i32;
        }
        .await?;
        composition.run().await?;
        Ok((*composition).clone())
    }
}

fn other<T: Send + 'static>(
    source: impl Into<ComponentSource>,
    linker: Linker<T>,
    make: fn() -> T,
) -> ComposableComponent<T> {
    let engine = linker.engine().clone();
    ComposableComponent::new(source, linker, move || Store::new(&engine, make()))
}

async fn none() -> CompositionError {
    unreachable!("it is only compiled")
}

/// The future may be sent to other threads if what it composes may.
fn is_sent(host: &'static Host<'static, u8>) {
    fn sent(_: impl Send) {}
    sent(host.compose::<0>([] as [&str; 0]));
}
