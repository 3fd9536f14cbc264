//! Shows a component that exports a resource, and records what happens to it.

wit_bindgen::generate!({ path: "../wit", world: "bucket-store" });

use std::cell::{Cell, RefCell};

use exports::composer::test::buckets::{Bucket, BucketBorrow, Guest, GuestBucket, Holder};
use wit_bindgen::yield_async;

thread_local! {
    static LIVE: Cell<u32> = const { Cell::new(0) };
    static DROPPED: Cell<u32> = const { Cell::new(0) };
    static HISTORY: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct BucketStore;
export!(BucketStore);

impl Guest for BucketStore {
    type Bucket = Contents;

    fn make(label: String) -> Holder {
        Holder {
            content: Bucket::new(Contents::new(format!("in {label}"))),
            label,
        }
    }

    fn unwrap(h: Holder) -> String {
        format!("{}/{}", h.label, h.content.get::<Contents>().name)
    }

    fn eat(b: Bucket) -> u32 {
        b.get::<Contents>().size()
    }

    fn count(b: BucketBorrow<'_>) -> u32 {
        b.get::<Contents>().size()
    }

    async fn count_later(b: BucketBorrow<'_>) -> u32 {
        yield_async().await;
        b.get::<Contents>().size()
    }

    async fn eat_later(b: Bucket) -> u32 {
        yield_async().await;
        b.get::<Contents>().size()
    }

    fn many(n: u32) -> Vec<Bucket> {
        (0..n)
            .map(|i| Bucket::new(Contents::new(i.to_string())))
            .collect()
    }

    fn maybe(b: Option<Bucket>) -> Result<Bucket, String> {
        b.ok_or_else(|| "none".to_string())
    }

    fn live() -> u32 {
        LIVE.get()
    }

    fn dropped() -> u32 {
        DROPPED.get()
    }

    fn history() -> Vec<String> {
        HISTORY.with_borrow(Clone::clone)
    }
}

struct Contents {
    name: String,
    values: RefCell<Vec<String>>,
}

impl GuestBucket for Contents {
    fn new(name: String) -> Self {
        LIVE.set(LIVE.get() + 1);
        record(format!("new {name}"));
        Self {
            name,
            values: RefCell::default(),
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn put(&self, value: String) {
        record(format!("put {} {value}", self.name));
        self.values.borrow_mut().push(value);
    }

    fn size(&self) -> u32 {
        self.values.borrow().len() as u32
    }

    async fn find(&self, value: String) -> Option<u32> {
        record(format!("find {} {value}", self.name));
        yield_async().await;
        let index = self.values.borrow().iter().position(|v| *v == value)?;
        Some(index as u32)
    }

    fn merge(a: Bucket, b: BucketBorrow<'_>) -> Bucket {
        let (first, second) = (a.get::<Self>(), b.get::<Self>());
        let merged = Self::new(format!("{}+{}", first.name, second.name));
        for part in [first, second] {
            merged
                .values
                .borrow_mut()
                .extend_from_slice(&part.values.borrow());
        }
        Bucket::new(merged)
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
        DROPPED.set(DROPPED.get() + 1);
        record(format!("drop {}", self.name));
    }
}

fn record(event: String) {
    HISTORY.with_borrow_mut(|history| history.push(event));
}
