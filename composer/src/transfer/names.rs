//! Names for what Rust callers hold: handles of a store in which nothing ever runs.
//!
//! A guest's resource has the name that its own store gives it. Streams outside of stores, and resources
//! that Rust implements, have one from here. The compositions of a process share the store, so that the
//! names of one mean nothing in another.

#[cfg(all(feature = "codec", feature = "component-model-async"))]
use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex, MutexGuard};

#[cfg(all(feature = "codec", feature = "component-model-async"))]
use wasmtime::component::{FutureAny, FutureReader, StreamAny, StreamReader};
use wasmtime::component::{Resource, ResourceAny};
use wasmtime::{Engine, Store};

use super::lock;

/// The names that are in use.
struct Names {
    store: Store<()>,
    /// Names of streams that are not in use any more. They are given again only after many others, so that
    /// whoever uses one twice finds it gone.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    retired: VecDeque<StreamName>,
}

/// How many names of streams wait to be given again.
#[cfg(all(feature = "codec", feature = "component-model-async"))]
const RETIRED: usize = 1024;

fn names() -> MutexGuard<'static, Names> {
    static NAMES: LazyLock<Mutex<Names>> = LazyLock::new(|| {
        Mutex::new(Names {
            store: Store::new(&Engine::default(), ()),
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            retired: VecDeque::new(),
        })
    });
    lock(&NAMES)
}

/// The host type of resources that Rust implements.
struct Named;

/// The name of a resource that Rust implements, for as long as there is the resource.
pub(super) struct ResourceName(ResourceAny);

impl ResourceName {
    /// A name that nothing else has; `None` if there are too many.
    pub(super) fn new() -> Option<Self> {
        let named = Resource::<Named>::new_own(0);
        named.try_into_resource_any(&mut names().store).ok().map(Self)
    }

    pub(super) fn get(&self) -> ResourceAny {
        self.0
    }
}

impl Drop for ResourceName {
    fn drop(&mut self) {
        // It is there: nobody else takes it out.
        let _ = self.0.try_into_resource::<Named>(&mut names().store);
    }
}

/// The name of a stream or of a future.
#[cfg(all(feature = "codec", feature = "component-model-async"))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StreamName {
    Stream(StreamAny),
    Future(FutureAny),
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
impl StreamName {
    /// A stream's name that nothing else has; `None` if there are too many.
    pub(crate) fn stream() -> Option<Self> {
        let store = &mut names().store;
        let stream = StreamReader::<()>::new(&mut *store, std::iter::empty()).ok()?;
        StreamAny::try_from_stream_reader(store, stream).ok().map(Self::Stream)
    }

    /// A future's name that nothing else has; `None` if there are too many.
    pub(crate) fn future() -> Option<Self> {
        let store = &mut names().store;
        let future = FutureReader::<()>::new(&mut *store, async { Ok::<_, wasmtime::Error>(()) });
        FutureAny::try_from_future_reader(store, future.ok()?).ok().map(Self::Future)
    }

    /// Gives it up: what it was the name of is gone.
    pub(crate) fn retire(self) {
        let mut names = names();
        let Names { store, retired } = &mut *names;
        retired.push_back(self);
        if retired.len() > RETIRED {
            // It is there: every name is retired once.
            let _ = match retired.pop_front() {
                Some(Self::Stream(mut stream)) => stream.close(store),
                Some(Self::Future(mut future)) => future.close(store),
                None => Ok(()),
            };
        }
    }
}
