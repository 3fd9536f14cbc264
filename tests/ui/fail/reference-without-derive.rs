//! What is passed by reference is told once, at the parameter, if it cannot be.

use wasm_runtime_composer::{
    ComponentStream, ComponentValue, Composable, CompositionError, compose,
};

struct Ticket {
    id: u32,
}

#[derive(ComponentValue)]
struct Upload {
    name: String,
    content: ComponentStream<u8>,
}

compose! {
    struct Office;
    component desk;
    export fn add(ticket: &Ticket);
    export interface "acme:office/desk" as desk {
        fn add_all(tickets: &[Ticket], urgent: Option<&Ticket>);
        fn upload(upload: &Upload);
        fn send(upload: Upload);
    }
}

async fn composed(desk: impl Composable) -> Result<(), CompositionError> {
    let office = Office::compose(desk).await?;
    office.add(&Ticket { id: 1 }).await?;
    Ok(())
}

fn main() {}
