//! Shows a component that makes resources of a provider, lends and gives them, also to a third.

wit_bindgen::generate!({ path: "../wit", world: "bucket-consumer" });

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use composer::test::bucket_user;
use composer::test::buckets::{self, Bucket};
use exports::composer::test::ibuckets_consumer::Guest;

thread_local! {
    static HELD: RefCell<Vec<Bucket>> = const { RefCell::new(Vec::new()) };
}

struct BucketConsumer;
export!(BucketConsumer);

impl Guest for BucketConsumer {
    async fn run_resource() -> String {
        let a = filled("a", &["one", "two"]);
        let b = filled("b", &["three"]);
        let mut parts = vec![
            format!("{} size {}", a.name(), a.size()),
            format!("two at {}", index(a.find("two".to_string()).await)),
            format!("nine at {}", index(a.find("nine".to_string()).await)),
            format!(
                "count {} {}",
                buckets::count(&b),
                buckets::count_later(&b).await
            ),
        ];
        let merged = Bucket::merge(a, &b);
        parts.push(format!("{} size {}", merged.name(), merged.size()));
        parts.push(format!(
            "eat {} {}",
            buckets::eat(b),
            buckets::eat_later(merged).await
        ));
        parts.join("; ")
    }

    fn run_holder() -> String {
        let holder = buckets::make("box");
        holder.content.put("one");
        let inside = format!("{} size {}", holder.content.name(), holder.content.size());
        format!("{inside}; {}", buckets::unwrap(holder))
    }

    fn run_nested() -> String {
        let mut all = buckets::many(3);
        let names: Vec<_> = all.iter().map(Bucket::name).collect();
        let outcome = |bucket| match buckets::maybe(bucket) {
            Ok(same) => format!("some {}", same.name()),
            Err(error) => format!("err {error}"),
        };
        format!(
            "{}; {}; {}",
            names.join(","),
            outcome(all.pop()),
            outcome(None)
        )
    }

    async fn run_third() -> String {
        let bucket = filled("t", &["one"]);
        let lent = bucket_user::describe(&bucket);
        let lent_later = bucket_user::describe_later(&bucket).await;
        let relabeled = bucket_user::relabel(bucket);
        let (name, size) = (relabeled.name(), relabeled.size());
        let taken = bucket_user::take(relabeled);
        format!("describe {lent} {lent_later}; relabel {name}:{size}; take {taken}")
    }

    fn run_order() -> Vec<String> {
        drop(filled("x", &["1"]));
        drop(filled("y", &["2"]));
        buckets::history()
    }

    fn hold(name: String) {
        HELD.with_borrow_mut(|held| held.push(Bucket::new(&name)));
    }

    fn held() -> u32 {
        HELD.with_borrow(|held| held.len() as u32)
    }

    fn release() {
        HELD.take();
    }

    async fn abandon(name: String) {
        let mut eating = pin!(buckets::eat_later(Bucket::new(&name)));
        poll_fn(|cx| {
            // Not ready, or it would not be abandoned.
            let _ = eating.as_mut().poll(cx);
            Poll::Ready(())
        })
        .await;
    }

    fn leak_to_third(name: String) {
        bucket_user::keep(Bucket::new(&name));
    }
}

fn filled(name: &str, values: &[&str]) -> Bucket {
    let bucket = Bucket::new(name);
    for value in values {
        bucket.put(value);
    }
    bucket
}

fn index(found: Option<u32>) -> String {
    found.map_or_else(|| "none".to_string(), |index| index.to_string())
}
