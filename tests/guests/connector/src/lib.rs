//! Opens connections at the host and passes their handles on in every way.

wit_bindgen::generate!({ path: "../wit", world: "connector", generate_all });

use std::cell::RefCell;

use acme::db::connections::{Connection, open};
use exports::composer::test::pool::Guest;
use wit_bindgen::yield_async;

thread_local! {
    static KEPT: RefCell<Vec<Connection>> = const { RefCell::new(Vec::new()) };
}

struct Connector;
export!(Connector);

impl Guest for Connector {
    fn take(name: String) -> Connection {
        open(&name)
    }

    fn give_back(c: Connection) -> String {
        c.query("give-back")
    }

    fn look(c: &Connection) -> String {
        c.query("look")
    }

    fn both(a: Connection, b: &Connection) -> (Connection, String) {
        (a, b.query("both"))
    }

    fn many(n: u32) -> Vec<Connection> {
        (0..n).map(|i| open(&i.to_string())).collect()
    }

    fn try_take(ok: bool) -> Result<Connection, String> {
        if ok { Ok(open("tried")) } else { Err("not tried".to_owned()) }
    }

    fn trap_with(c: Connection) {
        panic!("holding {c:?}");
    }

    fn keep(c: Connection) {
        KEPT.with_borrow_mut(|kept| kept.push(c));
    }

    fn kept() -> u32 {
        KEPT.with_borrow(|kept| kept.len() as u32)
    }

    async fn wait_with(c: Connection) -> Connection {
        for _ in 0..3 {
            yield_async().await;
        }
        c
    }
}
