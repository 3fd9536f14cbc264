//! What runs of users where the library drops, wakes and looks: it may come back to the library.

use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use composer_tests::{call, limited, run_unblocked, text, until};
use futures_util::FutureExt;
use futures_util::future::poll_immediate;
use tokio::sync::Semaphore;
use wasm_runtime_composer::host::HostOwn;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, HostInterface, OwnedResource,
};

struct Inner;

/// A resource that owns a handle, which its drop drops too.
struct Wrapper {
    _inner: Option<OwnedResource>,
}

type InnerSlot = Arc<Mutex<Option<OwnedResource>>>;

/// Makes wrappers of what is in the slot, one for each permit of `gate`.
fn wrapping(slot: &InnerSlot, gate: &Arc<Semaphore>) -> HostInterface {
    let (slot, gate) = (slot.clone(), gate.clone());
    HostInterface::root()
        .resource::<Inner>("inner")
        .resource::<Wrapper>("wrapper")
        .func_wrap("make-inner", || HostOwn::new(Inner))
        .func_wrap_async("make", move || {
            let (slot, gate) = (slot.clone(), gate.clone());
            async move {
                gate.acquire().await.unwrap().forget();
                HostOwn::new(Wrapper { _inner: slot.lock().unwrap().take() })
            }
        })
}

async fn wrappers(gate: usize) -> (Composition, Arc<Semaphore>) {
    let (slot, gate) = (InnerSlot::default(), Arc::new(Semaphore::new(gate)));
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("it", wrapping(&slot, &gate)));
    let composition = limited(composer.compose()).await.unwrap();
    let make_inner = composition.typed::<(), OwnedResource>(None, "make-inner").unwrap();
    *slot.lock().unwrap() = Some(limited(make_inner.call(())).await.unwrap());
    (composition, gate)
}

#[test]
fn resource_that_comes_after_closing_may_drop_handles() {
    run_unblocked(async || {
        let (composition, gate) = wrappers(0).await;
        let make = composition.typed::<(), OwnedResource>(None, "make").unwrap();
        let mut answer = make.call(()).boxed_local();
        assert!(poll_immediate(&mut answer).await.is_none());
        gate.add_permits(1);
        limited(composition.close(Duration::from_secs(60))).await.unwrap();
        drop(limited(answer).await);
        assert_eq!(composition.live_handles(), 0);
    });
}

#[test]
fn resource_that_is_dropped_after_its_component_was_replaced_may_drop_handles() {
    run_unblocked(async || {
        let (composition, gate) = wrappers(1).await;
        let wrapper = limited(call(&composition, None, "make", &[])).await.unwrap();
        let other = wrapping(&InnerSlot::default(), &gate);
        let replacing = composition.replace("it", other).retiring_within(Duration::ZERO);
        limited(replacing.into_future()).await.unwrap();
        until(|| composition.snapshot().components[0].instances.len() == 1).await;
        until(|| composition.snapshot().components[0].retiring == 0).await;
        limited(composition.drop_handles(&wrapper)).await.unwrap();
        until(|| composition.live_handles() == 0).await;
    });
}

/// Looks at a composition when it is woken.
struct Looks(Composition);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        let _ = self.0.snapshot();
        let _ = format!("{:?}", self.0);
    }
}

#[test]
fn waker_of_a_call_that_waits_for_room_may_look_at_the_composition() {
    const WAITS: &str = r#"(component
        (import "wait" (func $wait))
        (core func $wait (canon lower (func $wait)))
        (core module $m (import "" "wait" (func $wait)) (func (export "f") (call $wait)))
        (core instance $i (instantiate $m (with "" (instance (export "wait" (func $wait))))))
        (func (export "f") (canon lift (core func $i "f"))))"#;
    fn waits() -> ComposableComponent<()> {
        text(WAITS)
    }
    run_unblocked(async || {
        let gate = Arc::new(Semaphore::new(0));
        let opens = gate.clone();
        let host = HostInterface::root().func_wrap_async("wait", move || {
            let gate = gate.clone();
            async move { gate.acquire().await.unwrap().forget() }
        });
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("env", host));
        composer.add(ComposableDescriptor::new("it", waits()).with_inbox_capacity(1));
        let composition = limited(composer.compose()).await.unwrap();
        let f = composition.typed::<(), ()>(None, "f").unwrap();
        // One runs, one is in the inbox, and one waits for room.
        let mut calls: Vec<_> = (0..3).map(|_| f.call(()).boxed_local()).collect();
        for (mut call, waiting) in calls.iter_mut().zip([0, 1, 1]) {
            // The room of the one before may come a moment after that has left the inbox.
            let is_there = || {
                assert!((&mut call).now_or_never().is_none());
                composition.snapshot().components[1].instances[0].waiting == waiting
            };
            until(is_there).await;
        }
        let waker = Waker::from(Arc::new(Looks(composition.clone())));
        assert!(calls[2].poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        limited(composition.replace("it", waits()).into_future()).await.unwrap();
        opens.add_permits(3);
        for call in calls {
            limited(call).await.unwrap();
        }
    });
}
