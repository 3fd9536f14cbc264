//! What has to be awaited is told where it stands.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Calculator;
    component producer;
    export fn add(a: i32, b: i32) -> i32;
}

async fn expression(producer: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component producer = producer;
        export fn add(a: i32, b: i32) -> i32;
    }?;
    composition.add(1, 2).await?;
    Ok(())
}

async fn later(producer: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component producer = producer;
        export fn add(a: i32, b: i32) -> i32;
    };
    composition.add(1, 2).await?;
    Ok(())
}

async fn item(producer: impl Composable) -> Result<(), CompositionError> {
    let calculator = Calculator::compose(producer)?;
    calculator.add(1, 2).await?;
    Ok(())
}

async fn accessor(calculator: &Calculator) -> Result<i32, CompositionError> {
    let sum: i32 = calculator.add(1, 2)?;
    let other: i32 = calculator.add(1, 2);
    Ok(sum + other)
}

fn main() {}
