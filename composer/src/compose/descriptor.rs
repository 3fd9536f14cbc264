//! What is composed: descriptors, and the composables that they describe.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::live::LiveComponent;
use super::settings::Settings;
use super::startable::AnyComponent;
use crate::error::PlanProblem;
use crate::layer::{CallLayer, ErasedLayer, NumberedLayer};
use crate::plan::bound::Bound;
use crate::plan::containment::{Containment, Wish};
use crate::plan::filter::Filter;
use crate::plan::resolution::{ImportHint, LayerNumber};
use crate::run::{CompositionLife, Lifetime, RestartPolicy};

/// Something that a [`Composer`](crate::Composer) can wire: a
/// [`ComposableComponent`](crate::ComposableComponent), a [`ComposableInstance`](crate::ComposableInstance), a
/// [`Composition`](crate::Composition), a [`Composer`](crate::Composer) that was not composed yet, or one of them with a filter.
///
/// This trait is sealed: it cannot be implemented outside this crate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be composed: it is no `Composable`",
    label = "expected a `Composable`, found `{Self}`",
    note = "what can be composed is a `ComposableComponent`, a `ComposableInstance`, a `HostInterface`, a \
            `Composition`, a `Composer`, or one of them with a filter",
    note = "to compose a file: `ComposableComponent::new(Path::new(\"a.wasm\"), linker, move || \
            Store::new(&engine, state))`"
)]
pub trait Composable: sealed::IntoPart {}

#[diagnostic::do_not_recommend]
impl<C: sealed::IntoPart> Composable for C {}

/// Restricts which exports of a component others can see, other components and the composition's
/// callers alike.
///
/// Names are those of exports: functions at the root, and interfaces with or without their version
/// (without, all versions are meant). A name that the component does not export is an error when
/// composing. Filters on filters apply all. What is hidden stays hidden when the component is
/// [replaced](crate::Composition::replace), in all compatible versions, unless
/// [`without_former_filters`](crate::Replacement::without_former_filters) is said.
///
/// # Examples
///
/// ```
/// use wasm_runtime_composer::{Composable, ExportFilter};
///
/// fn restrict(producer: impl Composable) -> impl Composable {
///     producer.exposing(&["add", "composer:test/iproducer"]).filter_exports(|name| name != "sub")
/// }
/// ```
pub trait ExportFilter: Composable {
    /// Shows the exports `names` and hides all others.
    fn exposing(self, names: &[&str]) -> Filtered {
        filtered(self, Filter::Expose(names.iter().map(|&name| name.to_owned()).collect()))
    }

    /// Hides the exports `names` and shows all others.
    fn hiding(self, names: &[&str]) -> Filtered {
        filtered(self, Filter::Hide(names.iter().map(|&name| name.to_owned()).collect()))
    }

    /// Shows the exports for whose full name `accept` returns `true`.
    fn filter_exports(self, accept: impl Fn(&str) -> bool + Send + Sync + 'static) -> Filtered {
        filtered(self, Filter::Accept(Arc::new(accept)))
    }
}

impl<C: Composable> ExportFilter for C {}

fn filtered(composable: impl Composable, filter: Filter) -> Filtered {
    let mut part = composable.into_part();
    part.filters.push(filter);
    Filtered { part }
}

/// A composable some of whose exports are hidden; made by [`ExportFilter`].
#[derive(Debug)]
pub struct Filtered {
    part: Part,
}

/// A component of a composition-to-be: its id, what it is, and hints for its imports.
///
/// # Nested composers
///
/// What a descriptor says of a [`Composer`](crate::Composer) (restarts, lifetimes, limits, graces, instances, inboxes) is
/// said of each component inside that says nothing else itself. Of [deadlines](Self::with_deadline) the shorter one counts.
/// [Layers](Self::with_layer) are around the composer as a whole, and those [on an import](Self::with_import_layer) on
/// imports that are left open inside. A [composition](crate::Composition) runs already: only deadlines and layers apply,
/// to calls that come from outside.
#[derive(Debug)]
pub struct ComposableDescriptor {
    pub(crate) id: String,
    pub(crate) part: Part,
    pub(crate) rules: ImportRules,
    pub(crate) layers: Vec<ErasedLayer>,
    pub(crate) is_untrusted: bool,
    pub(crate) settings: Settings,
    /// What a document says of it, if it is of one.
    pub(crate) bound: Option<Bound>,
}

/// What is said of a component's imports.
#[derive(Debug, Default)]
pub(crate) struct ImportRules {
    pub(crate) import_hints: Vec<ImportHint>,
    pub(crate) containments: Vec<Wish>,
    pub(crate) import_layers: Vec<(String, NumberedLayer)>,
}

impl ImportRules {
    pub(crate) fn hint(&mut self, import: String, provider: String, export: Option<String>) {
        self.import_hints.push(ImportHint { import, provider, export });
    }
}

impl ComposableDescriptor {
    /// Describes `composable` under the id `id`, which must be unique in its composition.
    ///
    /// An id is any text without `/`, backticks, white space, control characters and those that turn the direction of
    /// text, but `host`.
    pub fn new(id: impl Into<String>, composable: impl Composable) -> Self {
        Self {
            id: id.into(),
            part: composable.into_part(),
            rules: ImportRules::default(),
            layers: Vec::new(),
            is_untrusted: false,
            settings: Settings::default(),
            bound: None,
        }
    }

    /// The names that layers are on, and the number of each layer.
    pub(crate) fn import_layers(&self) -> impl Iterator<Item = (&str, LayerNumber)> {
        self.rules.import_layers.iter().map(|(import, layer)| (&**import, layer.number))
    }

    /// Decides that the import `import` is satisfied by the component `provider`, or, for `host`,
    /// by the component's own linker even where a component could.
    ///
    /// `import` is the import's name as the component has it, version included. The hint holds for every import of
    /// the component in a compatible version of the same interface, also under a name of its own for it; of several
    /// hints that fit, the one of the very name counts, or else the one of the highest version. It holds as well
    /// for whatever [replaces](crate::Composition::replace) the component.
    #[must_use]
    pub fn with_import_hint(
        mut self,
        import: impl Into<String>,
        provider: impl Into<String>,
    ) -> Self {
        self.rules.hint(import.into(), provider.into(), None);
        self
    }

    /// Decides that the import `import` is satisfied by what the component `provider` exports under another name:
    /// `export`. The two have to be of the same type, as always.
    ///
    /// `import` is the import's name as the component has it, version included, and means compatible versions as
    /// [`with_import_hint`](Self::with_import_hint) does; `export` may be in another version that is compatible.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::{Composable, ComposableDescriptor};
    ///
    /// fn describe(web: impl Composable) -> ComposableDescriptor {
    ///     ComposableDescriptor::new("web", web)
    ///         .with_import_hint_as("acme:cache/store", "redis", "acme:kv/store")
    /// }
    /// ```
    #[must_use]
    pub fn with_import_hint_as(
        mut self,
        import: impl Into<String>,
        provider: impl Into<String>,
        export: impl Into<String>,
    ) -> Self {
        self.rules.hint(import.into(), provider.into(), Some(export.into()));
        self
    }

    /// Marks the component as one that is not trusted: its exports go to nothing that does not ask for them.
    ///
    /// - Its exports satisfy no import of another component, in no version, unless an import hint names it.
    ///   What it exports as `wasi:*` or in a higher version than a trusted component's takes nobody's place.
    /// - Rust reaches its exports as those of others, with
    ///   [`Composition::get_func`](crate::Composition::get_func); but where a trusted component exports the same interface, in a compatible
    ///   version too, that one is the composition's, and this one is if an export hint names it.
    /// - What a composition or composer offers of it is not trusted on levels around either.
    /// - Of a composition or a composer it means all that it offers.
    /// - [`Composer::explain`](crate::Composer::explain) tells where an export was passed over for it, and so does the error if nobody else
    ///   provides the import.
    /// - It stays when the component is [replaced](crate::Composition::replace).
    ///
    /// What it imports is not restricted by this: see
    /// [`with_import_hint`](Self::with_import_hint) and [`with_import_layer`](Self::with_import_layer).
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::{Composable, ComposableDescriptor};
    ///
    /// fn describe(upload: impl Composable, web: impl Composable) -> [ComposableDescriptor; 2] {
    ///     [
    ///         ComposableDescriptor::new("upload", upload).untrusted(),
    ///         ComposableDescriptor::new("web", web).with_import_hint("acme:plugin/theme@1.0.0", "upload"),
    ///     ]
    /// }
    /// ```
    #[must_use]
    pub fn untrusted(mut self) -> Self {
        self.is_untrusted = true;
        self
    }

    /// Contains failures of whoever provides `import`: where this component would trap because a
    /// call of its failed (the provider trapped, is not running or did not answer in time, or a handle
    /// was lost), the call returns an error value instead, and the component goes on.
    ///
    /// `import` is the import's name as the component has it, version included, or one function of an
    /// interface, `interface#function`. It holds for all imports of compatible versions, and for whatever
    /// [replaces](crate::Composition::replace) the component. An interface means its functions that return a `result`; the
    /// others still trap. Each must have an error side for the form that `containment` gives, which is
    /// checked when planning. What is said of a single function counts before what is said of its
    /// interface. A component that makes more calls than it may have waiting traps all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::{Composable, ComposableDescriptor, Containment};
    ///
    /// fn describe(web: impl Composable) -> ComposableDescriptor {
    ///     ComposableDescriptor::new("web", web)
    ///         .with_containment("acme:mail/send", Containment::message())
    ///         .with_containment("acme:kv/store@1.0.0#get", Containment::case("unavailable"))
    /// }
    /// ```
    #[must_use]
    pub fn with_containment(mut self, import: impl Into<String>, containment: Containment) -> Self {
        self.rules.containments.push((import.into(), containment));
        self
    }

    /// Puts a [layer](crate::layer) around this component: every call of what it exports goes through it,
    /// from another component or from Rust. Of a nested composer or composition these are the calls that come
    /// from outside of it. The layer that was added first is met first.
    ///
    /// # Examples
    ///
    /// With a limit of the crate `tower`, the component has no more than 16 calls at a time:
    ///
    /// ```
    /// use tower::limit::GlobalConcurrencyLimitLayer;
    /// use wasm_runtime_composer::{Composable, ComposableDescriptor};
    ///
    /// fn describe(db: impl Composable) -> ComposableDescriptor {
    ///     ComposableDescriptor::new("db", db).with_layer(GlobalConcurrencyLimitLayer::new(16))
    /// }
    /// ```
    #[must_use]
    pub fn with_layer(mut self, layer: impl CallLayer) -> Self {
        self.layers.push(layer.erase());
        self
    }

    /// Puts a [layer](crate::layer) on an import of this component: every call that it makes of it goes through
    /// the layer, before any other. Another component has to provide the import.
    ///
    /// `import` is the import's name as the component has it, version included, or one function of an
    /// interface, `interface#function`. The layer is on every import of the component in a compatible version of the
    /// same interface, also under a name of its own for it, and on those of whatever
    /// [replaces](crate::Composition::replace) the component. Of a nested composer it is on imports that are left open
    /// inside.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::layer::DenyLayer;
    /// use wasm_runtime_composer::{Composable, ComposableDescriptor};
    ///
    /// fn describe(web: impl Composable) -> ComposableDescriptor {
    ///     ComposableDescriptor::new("web", web)
    ///         .with_import_layer("acme:kv/store@1.0.0#set", DenyLayer::all("`web` may only read"))
    /// }
    /// ```
    #[must_use]
    pub fn with_import_layer(mut self, import: impl Into<String>, layer: impl CallLayer) -> Self {
        self.rules.import_layers.push((import.into(), NumberedLayer::new(layer.erase())));
        self
    }

    /// Sets the longest that a call of this component may take, whoever makes it. Past it the caller
    /// gets [`CompositionError::Timeout`](crate::CompositionError::Timeout), as
    /// [`ExportFunc::with_deadline`](crate::ExportFunc::with_deadline) says; a guest that calls
    /// traps with it. Without it a call may take for ever.
    ///
    /// It is also the longest that a destructor of the component's resources may take, which is a minute without
    /// it: past that the component's store is ended, as by a trap.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = Some(deadline);
        self
    }

    /// Sets what happens when the component's store ends because of a trap, a panic in a host
    /// function or a sync call beyond its deadline; [`RestartPolicy::never`] if nothing is said.
    #[must_use]
    pub fn with_restart(mut self, policy: RestartPolicy) -> Self {
        self.settings.restart = Some(policy);
        self
    }

    /// Sets how long an instance of the component lives before a fresh one takes its place, see [`Lifetime`]; as long as
    /// the composition if nothing is said.
    ///
    /// Which instance takes a call is decided when it is made. Where the lifetime of all is over, calls wait in their
    /// order for the first that is fresh again, callers in Rust as for a full inbox. So
    /// [`with_instances`](Self::with_instances) is how many calls can run at a time with [`Lifetime::per_call`]; if it
    /// is not said, and instances end by their calls, there are two: one that takes calls and one that is ready.
    ///
    /// What others hold of an instance keeps it: handles of its resources, and streams that they do not read. Where they
    /// are not trusted, [`with_deadline`](Self::with_deadline) bounds how long calls wait for an instance. What its guest
    /// goes on with after its calls has as long as [`with_grace`](Self::with_grace) says, or a minute.
    ///
    /// An instance that ends by its calls may also end by a trap or by a deadline: a fresh one is made all the same,
    /// and the [restart policy](Self::with_restart) is only for instances that cannot be started. Calls do not run in
    /// place, and a component with a lifetime takes no part in the search for
    /// [deadlocks](crate::Composer::trap_on_idle). Where components import in a cycle and several instances
    /// wait, give calls a [deadline](Self::with_deadline).
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::{Composable, ComposableDescriptor, Lifetime};
    ///
    /// // At most 32 calls at a time, each in an instance of its own.
    /// fn describe(upload: impl Composable) -> ComposableDescriptor {
    ///     ComposableDescriptor::new("upload", upload)
    ///         .with_lifetime(Lifetime::per_call())
    ///         .with_instances(32)
    /// }
    /// ```
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.settings.lifetime = Some(lifetime);
        self
    }

    /// Ends the component's store, as a trap does, when its guest has computed for more than `ticks`
    /// ticks of its engine's epoch in a row, without waiting for anything and without an end.
    ///
    /// This needs an engine whose epoch is raised and a store whose guests give way to it: see
    /// [`EpochTicker`](crate::EpochTicker). It holds for all that a guest runs: calls, starting, destructors
    /// and what goes on between calls. Waiting is not computing, however often others have the store looked
    /// at meanwhile; a host function that wakes its own task again and again while it holds the store counts.
    /// The call that ran gets [`CompositionError::Trap`](crate::CompositionError::Trap) with
    /// [`RunLimit`](crate::error::RunLimit) as its cause.
    #[must_use]
    pub fn with_run_limit(mut self, ticks: u32) -> Self {
        self.settings.run_limit = Some(ticks);
        self
    }

    /// Sets the longest that it may take to start the component, its start functions included: when composing, when
    /// it is started again, and when it replaces another. A minute if nothing is said.
    ///
    /// Past it, starting has failed with [`StartError::Timeout`](crate::error::StartError::Timeout); of a component that
    /// is started again, this is one of the attempts that its [restart policy](Self::with_restart) has. A guest
    /// that computes without end gives way to nothing but its engine: see [`EpochTicker`](crate::EpochTicker).
    /// What cannot start without waiting needs a tokio runtime with a timer.
    #[must_use]
    pub fn with_start_deadline(mut self, deadline: Duration) -> Self {
        self.settings.start_deadline = Some(deadline);
        self
    }

    /// Sets how long something may go on in the component that nobody waits for: a call whose caller has given
    /// it up, or got [`Timeout`](crate::CompositionError::Timeout), and what goes on between calls when none
    /// runs. If nothing is said, it is as long as the component's [deadline](Self::with_deadline); without one,
    /// such things may go on for ever.
    ///
    /// A guest that can be told of a call that is given up is told at once, and has this time to end. Past it
    /// the component's store is ended, as by a trap, with [`GraceOver`](crate::error::GraceOver) as the cause: nothing
    /// else ends a guest's task. [`Duration::MAX`] is for ever.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.settings.grace = Some(grace);
        self
    }

    /// Sets how many instances of the component run, at least 1, which it is if nothing is said. Each
    /// has a store and a task of its own, and a call goes to the one with the least to do, so several
    /// sync calls run at a time. The instances share nothing: this is for components without a state.
    /// A resource stays with its instance, and so do the calls that bring its handles; a call that
    /// brings handles of two is [`HandleError::OtherInstance`](crate::error::HandleError::OtherInstance). An
    /// instance that has ended for good takes no calls while others run.
    #[must_use]
    pub fn with_instances(mut self, instances: usize) -> Self {
        self.settings.instances = Some(instances);
        self
    }

    /// Sets how many handles of other components' resources the component may hold at a time; 65536
    /// if nothing is said. A call that would give it one more fails with
    /// [`HandleError::TooMany`](crate::error::HandleError::TooMany); if it was the component's own, it traps.
    #[must_use]
    pub fn with_handle_limit(mut self, handles: usize) -> Self {
        self.settings.handle_limit = Some(handles);
        self
    }

    /// Sets how many calls of other components the component may have waiting for their answers; 16384 if
    /// nothing is said. Calls that were given up count until they are answered. At the next the component traps
    /// with [`CompositionError::Flood`](crate::CompositionError::Flood).
    #[must_use]
    pub fn with_calls_in_flight(mut self, calls: usize) -> Self {
        self.settings.calls_in_flight = Some(calls);
        self
    }

    /// Sets how many bytes of the host's memory may wait on behalf of the component: the arguments of its calls
    /// of other components that are not answered, wherever they are, results that it has not taken yet, and what
    /// it has written to streams and nobody has taken; 64 MiB if nothing is said. Only what a value takes
    /// beside itself counts: of numbers nothing, of strings and lists their bytes as the host has them, which
    /// for lists of records are more than in the guest's memory.
    ///
    /// A call or a write beyond it traps the component with
    /// [`CompositionError::FloodOfBytes`](crate::CompositionError::FloodOfBytes), and a result beyond it makes
    /// the call fail that it is of. One that is alone may be larger: that is what
    /// `Store::set_hostcall_fuel` bounds.
    #[must_use]
    pub fn with_bytes_in_flight(mut self, bytes: usize) -> Self {
        self.settings.bytes_in_flight = Some(bytes);
        self
    }

    /// Sets how many calls may wait in the component's inbox, at least 1; 1024 if nothing is said.
    /// Beyond that callers in Rust wait for room. It bounds those alone: calls of other components always get
    /// in, as many as [`with_calls_in_flight`](Self::with_calls_in_flight) lets each of them have.
    ///
    /// Callers take turns: of those whose calls wait, each component and all callers in Rust together have one
    /// call taken after the other, each in its own order. So who makes many calls delays others by one call
    /// at a time.
    ///
    /// Each of several instances has an inbox of its own.
    #[must_use]
    pub fn with_inbox_capacity(mut self, calls: usize) -> Self {
        self.settings.inbox_capacity = Some(calls);
        self
    }
}

/// A composable, whatever it is made of.
#[doc(hidden)]
pub struct Part {
    pub(crate) content: PartContent,
    pub(crate) filters: Vec<Filter>,
    /// What a single component is fused of.
    #[cfg(feature = "fuse")]
    pub(crate) fused: Option<Arc<Level>>,
}

pub(crate) enum PartContent {
    /// To be started in a store of its own.
    Single(Arc<dyn AnyComponent>),
    Group(Level),
    Composed(Nested),
}

/// A composition inside another one.
pub(crate) struct Nested {
    /// Keeps it running. Taken when the composition around it has been composed.
    pub(crate) lifetime: Option<Arc<CompositionLife>>,
    /// What it offers, as if it were one component.
    pub(crate) leaf: LiveComponent,
}

/// What is composed together: the components of a composer, and what is said of them.
#[derive(Debug, Default)]
pub(crate) struct Level {
    pub(crate) descriptors: Vec<ComposableDescriptor>,
    pub(crate) export_hints: Vec<(String, String)>,
    pub(crate) allow_cycles: bool,
    pub(crate) layers: Vec<ErasedLayer>,
    pub(crate) chains: Vec<Chain>,
}

/// Components one behind the other, each of which imports the interface from the next.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) interface: String,
    pub(crate) ids: Vec<String>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = match &self.content {
            PartContent::Single(_) => "component",
            PartContent::Group(_) => "composer",
            PartContent::Composed(_) => "composition",
        };
        f.debug_struct("Part").field("content", &content).field("filters", &self.filters).finish()
    }
}

#[cfg(feature = "wac")]
impl Part {
    /// The same once more, if there can be several: not of what runs already, or will be wired by itself.
    pub(crate) fn another(&self) -> Option<Self> {
        match &self.content {
            PartContent::Single(single) if single.is_restartable() => Some(Self {
                content: PartContent::Single(single.clone()),
                filters: self.filters.clone(),
                #[cfg(feature = "fuse")]
                fused: self.fused.clone(),
            }),
            PartContent::Single(_) | PartContent::Group(_) | PartContent::Composed(_) => None,
        }
    }
}

impl From<PartContent> for Part {
    fn from(content: PartContent) -> Self {
        Self {
            content,
            filters: Vec::new(),
            #[cfg(feature = "fuse")]
            fused: None,
        }
    }
}

pub(crate) mod sealed {
    use super::Part;

    #[doc(hidden)]
    pub trait IntoPart: Sized {
        fn into_part(self) -> Part;
    }
}

impl sealed::IntoPart for Filtered {
    fn into_part(self) -> Part {
        self.part
    }
}

impl Settings {
    /// What is wrong with these settings for the component `path`.
    pub(crate) fn problems(&self, path: &str, content: &PartContent) -> Vec<PlanProblem> {
        let mut problems = Vec::new();
        let component = || path.to_owned();
        match (self.inbox_capacity, content) {
            (Some(_), PartContent::Composed(_)) => {
                problems.push(PlanProblem::CapacityOfComposition { component: component() });
            }
            (Some(0), _) => problems.push(PlanProblem::NoCapacity { component: component() }),
            _ => {}
        }
        let restartable = match content {
            PartContent::Single(single) => single.is_restartable(),
            PartContent::Group(_) => true,
            PartContent::Composed(_) => false,
        };
        match self.instances {
            Some(0) => problems.push(PlanProblem::NoInstances { component: component() }),
            Some(2..) if !restartable => {
                problems.push(PlanProblem::OneInstance { component: component() });
            }
            _ => {}
        }
        if !restartable && self.restart.is_some_and(|policy| !policy.is_never()) {
            problems.push(PlanProblem::NotRestartable { component: component() });
        }
        let renewable = match content {
            PartContent::Single(single) => single.is_renewable(),
            PartContent::Group(_) => true,
            PartContent::Composed(_) => false,
        };
        if !renewable && self.lifetime.is_some() {
            problems.push(PlanProblem::NotRenewable { component: component() });
        }
        if self.lifetime.is_some_and(|lifetime| lifetime.is_empty()) {
            problems.push(PlanProblem::NoCalls { component: component() });
        }
        problems
    }
}
