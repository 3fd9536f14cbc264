//! Each component is given by its name, once.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Calculator;
    component producer;
    component consumer { import "add" from producer };
}

async fn missing(producer: impl Composable) -> Result<Calculator, CompositionError> {
    CalculatorParts { producer }.compose().await
}

async fn unknown(a: impl Composable, b: impl Composable) -> Result<Calculator, CompositionError> {
    CalculatorParts { producer: a, consume: b }.compose().await
}

async fn twice(a: impl Composable, b: impl Composable) -> Result<Calculator, CompositionError> {
    CalculatorParts { producer: a, producer: b }.compose().await
}

async fn path(producer: impl Composable) -> Result<Calculator, CompositionError> {
    CalculatorParts { producer, consumer: "consumer.wasm" }.compose().await
}

fn main() {}
