//! Asks connections of the host, which it opens itself or has from another component.

wit_bindgen::generate!({ path: "../wit", world: "querier", generate_all });

use acme::db::connections::{Connection, open};
use composer::test::pool;
use exports::composer::test::pool_user::Guest;

struct Querier;
export!(Querier);

impl Guest for Querier {
    fn run_take(name: String) -> String {
        pool::take(&name).query("taken")
    }

    fn run_give(name: String) -> String {
        pool::give_back(open(&name))
    }

    fn run_look(name: String) -> String {
        let connection = open(&name);
        let looked = pool::look(&connection);
        format!("{looked}; {}", connection.query("after"))
    }

    fn run_both(a: String, b: String) -> String {
        let (a, b) = (open(&a), open(&b));
        let (a, both) = pool::both(a, &b);
        format!("{both}; {}; {}", a.query("first"), b.query("second"))
    }

    fn run_many(n: u32) -> u32 {
        let connections = pool::many(n);
        connections.iter().filter(|connection| !connection.query("many").is_empty()).count() as u32
    }

    fn run_try(ok: bool) -> String {
        match pool::try_take(ok) {
            Ok(connection) => format!("ok {}", connection.query("tried")),
            Err(error) => format!("err {error}"),
        }
    }

    fn run_trap(name: String) -> String {
        pool::trap_with(open(&name));
        "no trap".to_owned()
    }

    fn run_keep(name: String) -> String {
        pool::keep(open(&name));
        pool::kept().to_string()
    }

    fn run_lend_moved(name: String) -> String {
        let connection = open(&name);
        let handle = connection.handle();
        pool::keep(connection);
        // SAFETY: none, and none is needed: that is a number that stands for nothing.
        pool::look(&unsafe { Connection::from_handle(handle) })
    }

    async fn run_wait(name: String) -> String {
        pool::wait_with(open(&name)).await.query("waited")
    }
}
