//! What is taken from WIT, in blocks that have none.

use wasm_runtime_composer::compose;

compose! {
    pub struct Shop;
    component app;
    component clock = host "acme:env/clock" as Clock;
    export interface "acme:shop/orders" as orders;
    export fn checkout;
    export world "acme:shop/app";
}

compose! {
    pub struct Chosen;
    wit { inline: "package a:b; interface c { d: func(); }", interfaces: ["a:b/c"] };
    component app;
}

compose! {
    pub struct Ambiguous;
    wit { inline: "package a:b; world c { export d: func(); } world e { export d: func() -> u8; export f: func(); }" };
    component app;
    export fn d;
    export fn f;
}

compose! {
    pub struct InNone;
    wit { inline: "package a:b; interface c { d: func(); }", world: "app" };
    component app;
}

fn main() {}
