//! [`Composition`]: running components behind one handle.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::Instant;
use wasmtime::component::Val;

use crate::composable::Settings;
use crate::composer::Composer;
use crate::error::{CompositionError, HandleError, LookupError};
use crate::events::{Events, Teller};
use crate::export::ExportFunc;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use crate::export::HeldStreams;
use crate::layer::{Layered, Layering};
use crate::link::{Endpoint, Post, Waits};
use crate::plan::item::{Item, Surface, find};
use crate::plan::name::{Name, nearest};
use crate::plan::resolve::{Offered, Resolution};
use crate::plan::{Export, Plan};
use crate::shutdown::{Deadline, Replaced, Running, end, look_after, out_of_patience};
use crate::transfer::{Deadlocks, Held, LiveHandles, ResourceKind};
use crate::typed::{FromComponentValue, Params, TypedFunc};

/// A component that runs, or a composition as if it were one.
#[derive(Clone)]
pub(crate) struct LiveLeaf {
    pub(crate) surface: Arc<Surface>,
    /// Where each of the surface's functions is called.
    pub(crate) endpoints: Arc<[Endpoint]>,
    /// What each of the surface's resources is; `None` where the host defines it.
    pub(crate) kinds: Arc<[Option<ResourceKind>]>,
    /// Where it can be replaced, if it is one component.
    pub(crate) post: Option<Arc<Post>>,
    pub(crate) settings: Settings,
    /// The layers that a call from outside of the composition meets.
    pub(crate) layers: Arc<[Layered]>,
}

impl LiveLeaf {
    /// A single component.
    pub(crate) fn new(
        surface: Arc<Surface>,
        post: Arc<Post>,
        kinds: Arc<[Option<ResourceKind>]>,
        settings: Settings,
    ) -> Self {
        let deadline = settings.deadline;
        let endpoints = (0..surface.funcs.len())
            .map(|func| Endpoint { post: post.clone(), func, deadline, layers: None })
            .collect();
        Self { surface, endpoints, kinds, post: Some(post), settings, layers: Arc::default() }
    }

    /// Where callers outside of the composition reach a function of the component `id`.
    pub(crate) fn endpoint(&self, id: &Arc<str>, func: usize) -> Endpoint {
        self.endpoints[func].through(&self.layers, None, (id, &self.surface.funcs[func]))
    }

    /// The same, with a deadline for calls from outside.
    pub(crate) fn with_deadline(mut self, deadline: Option<Duration>) -> Self {
        let endpoints = self.endpoints.iter().cloned().map(|mut endpoint| {
            endpoint.deadline = endpoint.deadline.into_iter().chain(deadline).min();
            endpoint
        });
        self.endpoints = endpoints.collect();
        self
    }
}

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
    pub(crate) composer: Arc<Mutex<Composer>>,
    /// Tells who took whose place.
    pub(crate) replaced: mpsc::UnboundedSender<Box<Replaced>>,
    own_live: LiveHandles,
    /// This composition's count, and those of the compositions nested in it.
    live: Vec<LiveHandles>,
    pub(crate) events: Teller,
    gate: Gate,
    /// Dropping it, with the last handle, is a wish to close at once.
    closing: watch::Sender<Option<Instant>>,
    /// The components that were cut off, once everything has ended.
    closed: watch::Receiver<Option<Vec<String>>>,
}

/// Who is wired to whom.
pub(crate) struct Wired {
    pub(crate) plan: Arc<Plan>,
    pub(crate) resolution: Resolution,
    pub(crate) leaves: Vec<LiveLeaf>,
    pub(crate) waits: Option<Waits>,
    pub(crate) deadlocks: Deadlocks,
    pub(crate) layering: Arc<Layering>,
}

impl Shared {
    pub(crate) fn wired(&self) -> Arc<Wired> {
        // The lock is held for no longer than the value is read or written.
        self.wired.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_wired(&self, wired: Wired) {
        let wired = Arc::new(wired);
        let former = {
            let mut current = self.wired.write().unwrap_or_else(PoisonError::into_inner);
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

    /// The count of this composition's own components.
    pub(crate) fn own_live(&self) -> LiveHandles {
        self.own_live.clone()
    }
}

/// What the callers of a composition share: whether it takes calls, and their handles.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    shut: Arc<AtomicBool>,
    pub(crate) held: Held,
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) streams: HeldStreams,
}

impl Gate {
    pub(crate) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    fn shut(&self) {
        self.shut.store(true, Ordering::Release);
        self.held.close();
        #[cfg(all(feature = "codec", feature = "component-model-async"))]
        self.streams.close();
    }
}

impl Composition {
    pub(crate) fn new(
        composer: Composer,
        wired: Wired,
        live: LiveHandles,
        events: Teller,
        nested: Vec<Self>,
        running: Vec<Running>,
    ) -> Self {
        let gate = Gate::default();
        let (closing, deadline) = watch::channel(None);
        let (done, closed) = watch::channel(None);
        let own_live = live.clone();
        let live = [live].into_iter().chain(nested.iter().flat_map(|it| it.shared.live.clone()));
        let live = live.collect();
        let (replaced, replacements) = mpsc::unbounded_channel();
        tokio::spawn(supervise(running, nested, gate.clone(), deadline, replacements, done));
        let (wired, composer) = (RwLock::new(Arc::new(wired)), Arc::new(Mutex::new(composer)));
        let shared =
            Shared { wired, composer, replaced, own_live, live, events, gate, closing, closed };
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
        ExportFunc::new((id, leaf), index, self.shared.gate.clone())
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
        self.shared.live.iter().map(LiveHandles::get).sum()
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
        let now = Instant::now();
        let deadline = now.checked_add(within).unwrap_or_else(|| now + UNLIMITED);
        self.shared.closing.send_if_modified(|current| {
            let sooner = current.is_none_or(|current| deadline < current);
            if sooner {
                *current = Some(deadline);
            }
            sooner
        });
        let mut closed = self.shared.closed.clone();
        let cut_off = match closed.wait_for(Option::is_some).await {
            Ok(cut_off) => cut_off.clone().unwrap_or_default(),
            // The task that ends the components is gone with its runtime, and so are they.
            Err(_) => Vec::new(),
        };
        match cut_off.into_iter().next() {
            Some(component) => {
                Err(CompositionError::Timeout { component, function: None, after: within })
            }
            None => Ok(()),
        }
    }
}

/// Stands for a time that the clock cannot tell.
const UNLIMITED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Waits for the wish to close and ends everything.
async fn supervise(
    running: Vec<Running>,
    nested: Vec<Composition>,
    gate: Gate,
    mut deadline: Deadline,
    replaced: mpsc::UnboundedReceiver<Box<Replaced>>,
    done: watch::Sender<Option<Vec<String>>>,
) {
    let running = look_after(running, &mut deadline, replaced).await;
    gate.shut();
    let mut ending = pin!(end(running, deadline.clone()));
    // What is nested is called by those around it, so these end first, as long as there is time.
    let cut_off = tokio::select! {
        biased;
        cut_off = &mut ending => Some(cut_off),
        () = out_of_patience(deadline.clone()) => None,
    };
    let nested = close_nested(nested, *deadline.borrow());
    let cut_off = match cut_off {
        Some(cut_off) => [cut_off, nested.await].concat(),
        None => <[_; 2]>::from(join(ending, nested).await).concat(),
    };
    // Nobody has to be waiting.
    let _ = done.send(Some(cut_off));
}

/// Closes the compositions in `nested` to which there are no other handles, all at the same time, and gives the ids of
/// the components that were cut off.
async fn close_nested(mut nested: Vec<Composition>, at: Option<Instant>) -> Vec<String> {
    let mut cut_off = Vec::new();
    loop {
        let is_last = |it: &Composition| Arc::strong_count(&it.shared) == 1;
        let (last, others) = nested.into_iter().partition::<Vec<_>, _>(is_last);
        nested = others;
        if last.is_empty() {
            return cut_off;
        }
        let left = at.map(|at| at.saturating_duration_since(Instant::now())).unwrap_or_default();
        // Closing runs on a task of its own, so nested compositions do not deepen this one.
        let closed = join_all(last.iter().map(|composition| composition.close(left))).await;
        cut_off.extend(closed.into_iter().filter_map(|closed| match closed {
            Err(CompositionError::Timeout { component, .. }) => Some(component),
            _ => None,
        }));
        // One of those that are left may have been nested in one of these, too.
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
struct Inboxes<'a>(&'a [LiveLeaf]);

impl fmt::Debug for Inboxes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let posts = self.0.iter().filter_map(|leaf| leaf.post.as_ref());
        f.debug_map().entries(posts.map(|post| (post.id(), post.depth()))).finish()
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
