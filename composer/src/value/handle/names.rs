//! Names for what callers in Rust hold: handles of a store in which nothing ever runs.
//!
//! `Val::Resource` and its like need a handle that wasmtime made. For a guest's resource that is
//! the handle in its own store. Streams outside of stores, and resources that Rust implements, get
//! a handle of this store. All compositions of a process share it, so that a name is unique among
//! them, and one composition's name is unknown to another.

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
    /// Names of streams that are no longer in use. Each is reused only after many others, so that a
    /// caller who uses a stream twice finds it gone instead of another stream.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    retired: VecDeque<StreamName>,
}

/// How many retired names of streams are kept before the oldest is reused.
#[cfg(all(feature = "codec", feature = "component-model-async"))]
const RETIRED: usize = 1024;

fn names() -> MutexGuard<'static, NamePool> {
    static NAMES: LazyLock<Mutex<NamePool>> = LazyLock::new(|| {
        let mut store = Store::new(&Engine::default(), ());
        // All compositions of the process share this store, so its own limits must never apply:
        // each holder of handles has limits of its own.
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

/// The name of a resource that Rust implements, for the lifetime of the resource.
pub(super) struct ResourceName(ResourceAny);

impl ResourceName {
    /// A name that is not in use.
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
        // Cannot fail: only this drop takes the name out of the store.
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
    /// A name for a stream that is not in use.
    pub(crate) fn stream() -> Result<Self, HandleError> {
        let store = &mut names().store;
        let stream = StreamReader::<()>::new(&mut *store, std::iter::empty());
        let name = stream.and_then(|it| StreamAny::try_from_stream_reader(store, it));
        name.map(Self::Stream).map_err(|_| HandleError::NoNames)
    }

    /// A name for a future that is not in use.
    pub(crate) fn future() -> Result<Self, HandleError> {
        let store = &mut names().store;
        let future = FutureReader::<()>::new(&mut *store, async { Ok::<_, wasmtime::Error>(()) });
        let name = future.and_then(|it| FutureAny::try_from_future_reader(store, it));
        name.map(Self::Future).map_err(|_| HandleError::NoNames)
    }

    /// Retires the name of a stream or future that is gone.
    pub(crate) fn retire(self) {
        let mut names = names();
        let NamePool { store, retired } = &mut *names;
        retired.push_back(self);
        if retired.len() > RETIRED {
            // Cannot fail: every name is retired once.
            let _ = match retired.pop_front() {
                Some(Self::Stream(mut stream)) => stream.close(store),
                Some(Self::Future(mut future)) => future.close(store),
                None => Ok(()),
            };
        }
    }
}

#[cfg(all(test, feature = "codec", feature = "component-model-async"))]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::value::handle::Key;

    /// wasmtime's handles are keys by what they print; a table of them is quick only if unequal ones print differently.
    #[test]
    fn names_are_found_by_what_they_print() {
        let names: Vec<_> = (0..50)
            .flat_map(|_| [StreamName::stream().unwrap(), StreamName::future().unwrap()])
            .collect();
        let printed: HashSet<_> = names.iter().map(|name| format!("{name:?}")).collect();
        assert_eq!(printed.len(), names.len());
        let keys: HashSet<_> = names.iter().cloned().map(Key).collect();
        assert_eq!(keys.len(), names.len());
        assert!(names.iter().all(|name| keys.contains(&Key(name.clone()))));
        names.into_iter().for_each(StreamName::retire);
    }
}
