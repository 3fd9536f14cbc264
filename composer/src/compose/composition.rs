//! [`Composition`]: running components behind one handle.

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use wasmtime::component::Val;

use super::descriptor::Level;
use super::live::LiveComponent;
use crate::error::{CompositionError, HandleError, LookupError};
use crate::export::{ExportFunc, Gate, TypedFunc};
use crate::layer::LayerMap;
use crate::pending::Deadlocks;
use crate::plan::item::{Item, find};
use crate::plan::name::{Name, nearest};
use crate::plan::resolution::{Offered, Resolution};
use crate::plan::{Export, Plan};
use crate::run::{CompositionLife, EventSender, Events, Replaced, Running, WaitGraph};
use crate::sync::{read, write};
use crate::typed::{FromComponentValue, Params};
use crate::value::handle::LiveHandles;

/// Components that are wired and run, each in a store and on a task of its own.
///
/// A handle: clones are the same composition. It ends when [`close`](Self::close) is called or the
/// last handle is dropped; an [`ExportFunc`] does not keep it alive.
#[derive(Clone)]
pub struct Composition {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    /// Changes as a whole when a component is replaced.
    wired: RwLock<Arc<Wired>>,
    /// What the composition was made of; locked while a component is replaced.
    pub(crate) level: Arc<Mutex<Level>>,
    /// Sends the instances that were replaced, and their successors, to the task that ends them.
    pub(crate) replaced: mpsc::UnboundedSender<Box<Replaced>>,
    pub(crate) events: EventSender,
    gate: Gate,
    /// Dropped with the last handle, which is a wish to close at once.
    pub(crate) lifetime: Arc<CompositionLife>,
}

/// The wiring at one time.
pub(crate) struct Wired {
    pub(crate) plan: Arc<Plan>,
    pub(crate) resolution: Resolution,
    pub(crate) leaves: Vec<LiveComponent>,
    pub(crate) waits: Option<WaitGraph>,
    pub(crate) deadlocks: Deadlocks,
    pub(crate) layering: Arc<LayerMap>,
}

impl Shared {
    pub(crate) fn wired(&self) -> Arc<Wired> {
        // The lock is held for no longer than the value is read or written.
        read(&self.wired).clone()
    }

    pub(crate) fn set_wired(&self, wired: Wired) {
        let wired = Arc::new(wired);
        let former = {
            let mut current = write(&self.wired);
            std::mem::replace(&mut *current, wired)
        };
        // With it go layers, which are not dropped under the lock.
        drop(former);
    }

    /// What this composition's callers share.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Whether it takes no calls any more.
    pub(crate) fn is_shut(&self) -> bool {
        self.gate.is_shut()
    }
}

impl Composition {
    pub(crate) fn new(
        level: Level,
        wired: Wired,
        live: LiveHandles,
        events: EventSender,
        nested: Vec<Arc<CompositionLife>>,
        running: Vec<Running>,
    ) -> Self {
        let gate = Gate::new(live.clone());
        let (replaced, replacements) = mpsc::unbounded_channel();
        let shut = gate.clone();
        let lifetime =
            CompositionLife::begin(live, nested, running, replacements, move || shut.shut());
        let (wired, level) = (RwLock::new(Arc::new(wired)), Arc::new(Mutex::new(level)));
        let shared = Shared { wired, level, replaced, events, gate, lifetime };
        Self { shared: Arc::new(shared) }
    }

    /// How the components are wired, at this time.
    pub fn plan(&self) -> Arc<Plan> {
        self.shared.wired().plan.clone()
    }

    /// What the composition offers: functions and interfaces with their functions' types, sorted
    /// by name.
    pub fn exports(&self) -> Vec<Export> {
        self.shared.wired().plan.exports().to_vec()
    }

    /// Looks up an exported function: `interface` is the interface's name, or `None` for a
    /// function exported at the root.
    ///
    /// An interface is found by its exact name or else by the highest compatible version, as an
    /// import would be. Functions of resources have their names in the component model:
    /// `[constructor]bucket`, `[method]bucket.put`, `[static]bucket.merge`.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Lookup`] if there is no such export, if it is hidden, if several
    /// components offer it and no hint chooses, or if its values cannot leave the component.
    pub fn get_func(
        &self,
        interface: Option<&str>,
        function: &str,
    ) -> Result<ExportFunc, CompositionError> {
        Ok(self.find(interface, function)?)
    }

    /// Looks up an exported function and checks its type against Rust types: `P` is a tuple of the
    /// parameters' types, `R` the result's, `()` for none.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Lookup`] as for [`get_func`](Self::get_func).
    /// - [`CompositionError::Typed`] if the function is of other types, with the path to the first
    ///   difference in each parameter and in the result.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wasm_runtime_composer::{
    /// #     ComposableComponent, ComposableDescriptor, Composer, CompositionError,
    /// # };
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), CompositionError> {
    /// # let engine = wasmtime::Engine::default();
    /// # let linker = wasmtime::component::Linker::<()>::new(&engine);
    /// # let text = r#"(component
    /// #     (core module $m (func (export "add") (param i32 i32) (result i32)
    /// #         (i32.add (local.get 0) (local.get 1))))
    /// #     (core instance $i (instantiate $m))
    /// #     (func (export "add") (param "a" s32) (param "b" s32) (result s32)
    /// #         (canon lift (core func $i "add"))))"#;
    /// # let adder =
    /// #     ComposableComponent::new(text, linker, move || wasmtime::Store::new(&engine, ()));
    /// # let mut composer = Composer::new();
    /// # composer.add(ComposableDescriptor::new("adder", adder));
    /// # let composition = composer.compose().await?;
    /// let add = composition.typed::<(i32, i32), i32>(None, "add")?;
    /// assert_eq!(add.call((1, 2)).await?, 3);
    ///
    /// let error = composition.typed::<(i32, u32), i32>(None, "add").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "`add` of component `adder`, parameter `b`: expected a type for `s32`, found `u32`"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn typed<P: Params, R: FromComponentValue + 'static>(
        &self,
        interface: Option<&str>,
        function: &str,
    ) -> Result<TypedFunc<P, R>, CompositionError> {
        Ok(TypedFunc::new(self.find(interface, function)?)?)
    }

    /// Keeps the functions of a client, for the methods of handles.
    #[cfg(feature = "wit")]
    pub(crate) fn bind<F: Send + Sync + 'static>(&self, functions: &Arc<F>) {
        self.shared.gate.held.bind(functions);
    }

    /// Looks up an exported function.
    pub(crate) fn find(
        &self,
        interface: Option<&str>,
        function: &str,
    ) -> Result<ExportFunc, LookupError> {
        let name = interface.unwrap_or(function);
        let wanted = Name::parse(name);
        let wired = self.shared.wired();
        let ranked = wired.resolution.exports.iter().filter_map(|export| {
            Name::parse(&export.name).rank_for(&wanted).map(|rank| (rank, export))
        });
        let kind = if interface.is_some() { "interface" } else { "function" };
        let Some((_, export)) = ranked.max_by(|(a, _), (b, _)| a.cmp(b)) else {
            return Err(self.not_exported(kind, name));
        };
        let offer = match &export.offered {
            Offered::By(offer) => *offer,
            Offered::Ambiguously(components) => {
                let name = export.name.clone();
                let components = components.iter().map(|(id, _)| id.clone()).collect();
                return Err(LookupError::Ambiguous { name, components });
            }
        };
        let leaf = &wired.leaves[offer.leaf];
        let index = match (interface, &leaf.surface.exports[offer.export].item) {
            (None, Item::Func { index, .. }) => *index,
            (Some(interface), Item::Instance(items)) => match find(items, function) {
                Some(Item::Func { index, .. }) => *index,
                _ => {
                    let functions = items.iter().filter(|it| matches!(it.item, Item::Func { .. }));
                    let names = functions.map(|it| &*it.name);
                    return Err(self.no_function(interface, function, names));
                }
            },
            _ => return Err(self.not_exported(kind, name)),
        };
        let id = &wired.resolution.leaves[offer.leaf].id;
        let (endpoint, exported) = (leaf.endpoint(id, index), &leaf.surface.funcs[index]);
        ExportFunc::new(endpoint, exported, leaf.kinds.clone(), self.shared.gate.clone())
    }

    fn not_exported(&self, kind: &'static str, name: &str) -> LookupError {
        let exports = self.exports();
        let interfaces = match kind {
            "function" => interfaces_with(&exports, name),
            _ => Vec::new(),
        };
        let names = exports.iter().map(|export| &*export.name).filter(|it| *it != name);
        let nearest = if interfaces.is_empty() { nearest(name, names) } else { None };
        let nearest = nearest.map(str::to_owned);
        LookupError::NotExported { kind, name: name.to_owned(), nearest, interfaces }
    }

    /// `names` are those of the functions that `interface` has.
    fn no_function<'a>(
        &self,
        interface: &str,
        function: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> LookupError {
        let exports = self.exports();
        let interfaces = interfaces_with(&exports, function);
        let at_root = exports.iter().any(|export| export.name == function && is_function(export));
        let is_elsewhere = at_root || !interfaces.is_empty();
        let nearest = if is_elsewhere { None } else { nearest(function, names) };
        LookupError::NoFunction {
            interface: interface.to_owned(),
            function: function.to_owned(),
            nearest: nearest.map(str::to_owned),
            interfaces,
            at_root,
        }
    }

    /// What happens to the components from now on: which end, and which are started again.
    /// Compositions nested in this one tell of theirs by themselves.
    pub fn events(&self) -> Events {
        self.shared.events.listen()
    }

    /// How many resources are held outside the component that defines them: by other components,
    /// by Rust callers, or on their way.
    ///
    /// A resource counts until its destructor has run. Compositions nested inside count too.
    pub fn live_handles(&self) -> usize {
        self.shared.lifetime.live_handles()
    }

    /// Drops every resource handle in `val`, at any depth, and waits until their destructors have
    /// run; streams and futures in it are dropped too, which tells their writers. `val` is a result of this composition's functions or a part of one.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`] if a handle is not held any more or is lent to a call that
    /// runs; then none of them is dropped.
    ///
    /// # Cancel safety
    ///
    /// When this future was polled once, the handles are gone and their destructors run, whether it
    /// is polled further or not.
    pub async fn drop_handles(&self, val: &Val) -> Result<(), CompositionError> {
        let mut handles = Vec::new();
        each_val(val, &mut |val| {
            if let Val::Resource(handle) = val {
                handles.push(*handle);
            }
        });
        let taken: Vec<_> = {
            let mut table = self.shared.gate.held.lock();
            for handle in &handles {
                if table.get(*handle)?.is_lent() {
                    return Err(HandleError::Lent.into());
                }
            }
            // The same handle may stand in `val` twice; once it is gone, it is gone.
            handles.into_iter().filter_map(|handle| table.take(handle).ok()).collect()
        };
        // Where the home has ended, this drops a resource that Rust implements, which may come back to the
        // table.
        let released: Vec<_> = taken.into_iter().filter_map(|own| own.release(0).ok()).collect();
        #[cfg(all(feature = "codec", feature = "component-model-async"))]
        each_val(val, &mut |val| drop(self.shared.gate.streams.take(val)));
        for done in released {
            // With its store gone, a resource is gone too.
            let _ = done.await;
        }
        Ok(())
    }

    /// Ends the composition: no call is accepted any more, running ones may end within the time
    /// given, then every resource that is held anywhere is dropped where it lives, and every task
    /// ends.
    ///
    /// Calls that are cut off, and calls after this one, get [`CompositionError::Unavailable`].
    /// Closing again waits for the same end; a shorter time then counts. Compositions nested in
    /// this one are closed with it, unless other handles to them are kept.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Timeout`] if a component held its store beyond the time given, and up
    /// to a second more, and was aborted. The composition is closed all the same. However many components
    /// do so, here or in nested compositions, it takes no longer than for one: when the time is over, all
    /// that are left end at the same time, and a resource that one of them held may be lost with its
    /// provider, without its destructor.
    ///
    /// # Cancel safety
    ///
    /// When this future was polled once the composition closes, whether it is polled further or
    /// not.
    pub async fn close(&self, within: Duration) -> Result<(), CompositionError> {
        self.shared.lifetime.close(within).await
    }
}

impl fmt::Debug for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composition")
            .field("inboxes", &Inboxes(&self.shared.wired().leaves))
            .field("live_handles", &self.live_handles())
            .field("closed", &self.shared.gate.is_shut())
            .finish()
    }
}

/// The components with the number of calls that wait for each.
struct Inboxes<'a>(&'a [LiveComponent]);

impl fmt::Debug for Inboxes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dispatchers = self.0.iter().filter_map(|leaf| leaf.dispatcher.as_ref());
        f.debug_map()
            .entries(dispatchers.map(|dispatcher| (dispatcher.id(), dispatcher.depth())))
            .finish()
    }
}

/// Whether what is exported is a function, and not an interface.
fn is_function(export: &Export) -> bool {
    matches!(export.functions.as_slice(), [function] if function.name == export.name)
}

/// The interfaces that have a function called `name`.
fn interfaces_with(exports: &[Export], name: &str) -> Vec<String> {
    let has_it = |export: &&Export| {
        !is_function(export) && export.functions.iter().any(|function| function.name == name)
    };
    exports.iter().filter(has_it).map(|export| export.name.clone()).collect()
}

/// Visits `val` and every value in it.
fn each_val(val: &Val, visit: &mut impl FnMut(&Val)) {
    visit(val);
    match val {
        Val::List(items) | Val::Tuple(items) | Val::FixedLengthList(items) => {
            items.iter().for_each(|item| each_val(item, visit));
        }
        Val::Map(entries) => entries.iter().for_each(|(key, value)| {
            each_val(key, visit);
            each_val(value, visit);
        }),
        Val::Record(fields) => fields.iter().for_each(|(_, value)| each_val(value, visit)),
        Val::Variant(_, payload)
        | Val::Option(payload)
        | Val::Result(Ok(payload) | Err(payload)) => {
            payload.iter().for_each(|payload| each_val(payload, visit));
        }
        _ => {}
    }
}
