//! What is taken from WIT, in blocks that have none.

use wasm_runtime_composer::compose;

compose! {
    pub struct Shop;
    component app;
    component clock = host "acme:env/clock" as Clock;
    export interface "acme:shop/orders" as orders;
    export fn checkout;
}

compose! {
    pub struct Chosen;
    wit { inline: "package a:b; interface c { d: func(); }", world: "app" };
    component app;
}

fn main() {}
