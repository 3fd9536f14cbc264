//! Shows a component that is handed resources of one component by another, and may keep them.

wit_bindgen::generate!({ path: "../wit", world: "broker" });

use std::cell::RefCell;

use composer::test::buckets::{self, Bucket};
use exports::composer::test::bucket_user::Guest;

thread_local! {
    static KEPT: RefCell<Vec<Bucket>> = const { RefCell::new(Vec::new()) };
}

struct Broker;
export!(Broker);

impl Guest for Broker {
    fn describe(b: &Bucket) -> String {
        format!("{}:{}", b.name(), b.size())
    }

    async fn describe_later(b: &Bucket) -> String {
        let size = buckets::count_later(b).await;
        format!("{}:{size}", b.name())
    }

    fn take(b: Bucket) -> String {
        b.name()
    }

    fn keep(b: Bucket) {
        KEPT.with_borrow_mut(|kept| kept.push(b));
    }

    fn kept() -> u32 {
        KEPT.with_borrow(|kept| kept.len() as u32)
    }

    fn give_back() -> Option<Bucket> {
        KEPT.with_borrow_mut(Vec::pop)
    }

    fn relabel(b: Bucket) -> Bucket {
        b.put("relabeled");
        b
    }
}
