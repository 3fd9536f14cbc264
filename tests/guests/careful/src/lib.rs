//! Says what it got of a provider that may fail.

wit_bindgen::generate!({ path: "../wit", world: "careful" });

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use composer::test::ifragile;
use exports::composer::test::icareful::Guest;

struct Careful;
export!(Careful);

static CALLS: AtomicU32 = AtomicU32::new(0);

fn said<E>(result: Result<u32, E>, text: impl FnOnce(E) -> String) -> String {
    match result {
        Ok(n) => format!("ok {n}"),
        Err(error) => format!("err {}", text(error)),
    }
}

impl Guest for Careful {
    fn text(how: u32) -> String {
        CALLS.fetch_add(1, Ordering::Relaxed);
        said(ifragile::text(how), |text| text)
    }

    fn by_fault(how: u32) -> String {
        CALLS.fetch_add(1, Ordering::Relaxed);
        said(ifragile::by_fault(how), |fault| match fault {
            ifragile::Fault::Refused => "refused".to_owned(),
            ifragile::Fault::Gone => "gone".to_owned(),
        })
    }

    fn by_cause(how: u32) -> String {
        CALLS.fetch_add(1, Ordering::Relaxed);
        said(ifragile::by_cause(how), |cause| match cause {
            ifragile::Cause::Refused => "refused".to_owned(),
            ifragile::Cause::Failed(text) => format!("failed: {text}"),
            ifragile::Cause::Code(code) => format!("code {code}"),
        })
    }

    async fn text_later(how: u32) -> String {
        CALLS.fetch_add(1, Ordering::Relaxed);
        said(ifragile::text_later(how).await, |text| text)
    }

    fn plain(how: u32) -> String {
        CALLS.fetch_add(1, Ordering::Relaxed);
        format!("ok {}", ifragile::plain(how))
    }

    async fn give_up(how: u32, yields: u32) {
        let mut call = pin!(ifragile::text_later(how));
        poll_fn(|cx| {
            // It is given up whether it is ready or not.
            let _ = call.as_mut().poll(cx);
            Poll::Ready(())
        })
        .await;
        for _ in 0..yields {
            wit_bindgen::yield_async().await;
        }
    }

    fn calls() -> u32 {
        CALLS.load(Ordering::Relaxed)
    }
}
