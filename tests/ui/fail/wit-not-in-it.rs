//! Names that the WIT does not have, each told with the nearest; what is right is declared.

use wasm_runtime_composer::compose;

struct Clock;

compose! {
    pub struct Shop;
    wit {
        inline: "
            package acme:shop@1.0.0;
            interface orders { place: func(); cancel: func(); resource cart { constructor(); } }
            interface users { use orders.{cart}; read: func(of: borrow<cart>); }
            interface types { enum level { low, high } }
            world app { export checkout: func() -> u32; }
        ",
        with: { "acme:shop/order": crate::Orders },
    };
    component app;
    component clock = host "acme:env/clock" as Clock;
    component users = host "acme:shop/users" as Clock;
    export interface "acme:shop/order@1.0.0" as orders;
    export interface "acme:shop/orders" as some { plac, cart, cart, remove };
    export interface "acme:shop/types" as types;
    export fn chekout;
    /// Not here.
    export world "acme:shop/app";
    export world "shop";
}

compose! {
    pub struct Twice;
    wit "wit";
    wit { inline: "package a:b; interface c { d: func(); }" };
    component app;
}

async fn use_of(shop: Shop) {
    shop.orders();
}

fn main() {}
