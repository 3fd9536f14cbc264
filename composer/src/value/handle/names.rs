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

use crate::error::HandleError;
use crate::sync::lock;

/// The names that are in use.
struct NamePool {
    store: Store<()>,
    /// Names of streams that are not in use any more. They are given again only after many others, so that
    /// whoever uses one twice finds it gone.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    retired: VecDeque<StreamName>,
}

/// How many names of streams wait to be given again.
#[cfg(all(feature = "codec", feature = "component-model-async"))]
const RETIRED: usize = 1024;

fn names() -> MutexGuard<'static, NamePool> {
    static NAMES: LazyLock<Mutex<NamePool>> = LazyLock::new(|| {
        let mut store = Store::new(&Engine::default(), ());
        // It is shared by all that runs in the process, so its limits must not be met: those who hold handles
        // have limits of their own.
        store.set_max_component_handles(usize::MAX);
        #[cfg(feature = "component-model-async")]
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(usize::MAX);
        }
        Mutex::new(NamePool {
            store,
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            retired: VecDeque::new(),
        })
    });
    lock(&NAMES)
}

/// The host type of resources that Rust implements.
struct Nameable;

/// The name of a resource that Rust implements, for as long as there is the resource.
pub(super) struct ResourceName(ResourceAny);

impl ResourceName {
    /// A name that nothing else has.
    pub(super) fn new() -> Result<Self, HandleError> {
        let named = Resource::<Nameable>::new_own(0);
        let name = named.try_into_resource_any(&mut names().store);
        name.map(Self).map_err(|_| HandleError::NoNames)
    }

    pub(super) fn get(&self) -> ResourceAny {
        self.0
    }
}

impl Drop for ResourceName {
    fn drop(&mut self) {
        // It is there: nobody else takes it out.
        let _ = self.0.try_into_resource::<Nameable>(&mut names().store);
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
    /// A stream's name that nothing else has.
    pub(crate) fn stream() -> Result<Self, HandleError> {
        let store = &mut names().store;
        let stream = StreamReader::<()>::new(&mut *store, std::iter::empty());
        let name = stream.and_then(|it| StreamAny::try_from_stream_reader(store, it));
        name.map(Self::Stream).map_err(|_| HandleError::NoNames)
    }

    /// A future's name that nothing else has.
    pub(crate) fn future() -> Result<Self, HandleError> {
        let store = &mut names().store;
        let future = FutureReader::<()>::new(&mut *store, async { Ok::<_, wasmtime::Error>(()) });
        let name = future.and_then(|it| FutureAny::try_from_future_reader(store, it));
        name.map(Self::Future).map_err(|_| HandleError::NoNames)
    }

    /// Gives it up: what it was the name of is gone.
    pub(crate) fn retire(self) {
        let mut names = names();
        let NamePool { store, retired } = &mut *names;
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
