//! Every public error. [`CompositionError`] is the one that `?` needs; the others sit inside it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::WasmBacktrace;

/// Why composing, calling or closing failed.
///
/// A caller can tell without reading text what went wrong: [`Trap`](Self::Trap) and
/// [`Unavailable`](Self::Unavailable) mean that the provider is gone, every other variant that the
/// composition goes on as it was.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompositionError {
    /// The components cannot be wired: the caller's mistake, found before any store exists.
    #[error(transparent)]
    Plan(#[from] PlanError),

    /// A component could not be started; those already started have been ended.
    #[error(transparent)]
    Start(#[from] StartError),

    /// No such function is offered by the composition.
    #[error(transparent)]
    Lookup(#[from] LookupError),

    /// The arguments do not fit the function; it was not called and nothing was moved.
    #[error(transparent)]
    Argument(#[from] ArgumentError),

    /// A handle cannot be dropped.
    #[error(transparent)]
    Handle(#[from] HandleError),

    /// The guest trapped, or a host function that it called failed or panicked, in this very call.
    /// The component's store has ended.
    #[error("component `{component}` trapped in `{function}`")]
    #[non_exhaustive]
    Trap {
        /// The component whose store ended.
        component: String,
        /// The exported function that was running, as `interface#function`.
        function: String,
        /// The trap, with its backtrace.
        #[source]
        source: Cause,
    },

    /// The component, or the composition, ended before the call was answered.
    #[error(
        "component `{component}` {} `{function}`",
        if *.started { "stopped before answering" } else { "is not running and cannot be asked for" }
    )]
    #[non_exhaustive]
    Unavailable {
        /// The component that was to answer.
        component: String,
        /// The exported function that was called, as `interface#function`.
        function: String,
        /// Whether the call may have run in part: `false` means that it never reached the guest.
        started: bool,
        /// Why the component ended.
        #[source]
        source: StopReason,
    },

    /// Something was not done in the time given.
    #[error("component `{component}` was still busy after {after:?}")]
    #[non_exhaustive]
    Timeout {
        /// The component that was waited for.
        component: String,
        /// The time that was given.
        after: Duration,
    },
}

/// Everything that keeps the components from being wired.
///
/// Prints every problem, one per line if there is more than one.
#[derive(Clone, Debug)]
pub struct PlanError {
    problems: Vec<PlanProblem>,
}

impl PlanError {
    pub(crate) fn new(problems: Vec<PlanProblem>) -> Self {
        Self { problems }
    }

    /// The problems: first those of names and hints, then those of types, then what linkers lack.
    pub fn problems(&self) -> &[PlanProblem] {
        &self.problems
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.problems.as_slice() {
            return problem.fmt(f);
        }
        write!(f, "the components cannot be composed, for {} reasons:", self.problems.len())?;
        for problem in &self.problems {
            write!(f, "\n  - {problem}")?;
            let mut source = std::error::Error::source(problem);
            while let Some(cause) = source {
                write!(f, ": {cause}")?;
                source = cause.source();
            }
        }
        Ok(())
    }
}

impl std::error::Error for PlanError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // With several problems their causes are part of the text, as there can be one source only.
        match self.problems.as_slice() {
            [problem] => problem.source(),
            _ => None,
        }
    }
}

/// One reason why components cannot be wired.
///
/// Components are named by their id; one inside a nested composition by the ids from the outside
/// in, joined by `/`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum PlanProblem {
    /// An id that cannot name a component.
    #[error("`{id}` is no valid component id: {reason}")]
    #[non_exhaustive]
    InvalidId { id: String, reason: &'static str },

    /// Two components were added under one id.
    #[error("two components have the id `{id}`; ids must be unique")]
    #[non_exhaustive]
    DuplicateId { id: String },

    /// Bytes that are no component, a core module, or a component the engine does not accept.
    #[error("component `{component}` cannot be loaded")]
    #[non_exhaustive]
    Load {
        component: String,
        #[source]
        source: Cause,
    },

    /// Component and linker belong to two engines.
    #[error(
        "component `{component}` was compiled for another engine than its linker's; \
         build both with the same `Engine`"
    )]
    #[non_exhaustive]
    EngineMismatch { component: String },

    /// Nobody provides an import.
    #[error(
        "no other component exports {kind} `{import}`, imported by `{component}`{}{}; \
         add a provider or define it in the linker of `{component}`",
        Hiding(.hidden_by), OtherVersions(.other_versions)
    )]
    #[non_exhaustive]
    Unsatisfied {
        component: String,
        import: String,
        kind: &'static str,
        /// Components that export it but whose filter hides it.
        hidden_by: Vec<String>,
        /// Components that export it in a version that is not compatible, with their exports.
        other_versions: Vec<(String, String)>,
        /// What the component's linker lacks.
        #[source]
        source: Cause,
    },

    /// A hint leaves an import to the component's linker, which does not define it.
    #[error(
        "the linker of `{component}` does not define {kind} `{import}`, for which a hint names \
         `host`; define it there, or drop the hint"
    )]
    #[non_exhaustive]
    NotInLinker {
        component: String,
        import: String,
        kind: &'static str,
        /// What the component's linker lacks.
        #[source]
        source: Cause,
    },

    /// Several components provide an import equally well.
    #[error(
        "{} export `{export}`, imported by `{component}`{}; choose one with a hint: \
         `.with_import_hint(\"{import}\", \"{}\")`",
        All(.providers),
        As(import, export),
        .providers.first().map_or("", |id| id.rsplit('/').next().unwrap_or(id))
    )]
    #[non_exhaustive]
    AmbiguousImport {
        component: String,
        import: String,
        /// Its name where it is provided.
        export: String,
        providers: Vec<String>,
    },

    /// A hint names a component that was not added.
    #[error(
        "the hint for {} names the unknown component `{target}`{}",
        Hinted(.component.as_deref(), .name),
        Nearest(.nearest.as_deref())
    )]
    #[non_exhaustive]
    UnknownHintTarget {
        /// The importer; `None` for an export hint.
        component: Option<String>,
        name: String,
        target: String,
        nearest: Option<String>,
    },

    /// An import hint for something that is not imported.
    #[error(
        "component `{component}` does not import `{import}`, for which it has a hint{}",
        Nearest(.nearest.as_deref())
    )]
    #[non_exhaustive]
    HintNotImported { component: String, import: String, nearest: Option<String> },

    /// A hint names a component that does not export what is wanted.
    #[error(
        "the hint for {} names `{target}`, which {}",
        Hinted(.component.as_deref(), .name),
        if *.hidden { "hides it from others" } else { "does not export it" }
    )]
    #[non_exhaustive]
    HintNotOffered {
        /// The importer; `None` for an export hint.
        component: Option<String>,
        name: String,
        target: String,
        hidden: bool,
    },

    /// An import hint that names the importer itself.
    #[error(
        "the hint for `{import}`, imported by `{component}`, names the component itself; \
         a component never satisfies its own import"
    )]
    #[non_exhaustive]
    HintToSelf { component: String, import: String },

    /// Two hints for one name.
    #[error("there are two hints for {}; keep one", Hinted(.component.as_deref(), .name))]
    #[non_exhaustive]
    DuplicateHint {
        /// The importer; `None` for an export hint.
        component: Option<String>,
        name: String,
    },

    /// A filter names something that the component does not export.
    #[error(
        "component `{component}` does not export `{name}`, which its filter names{}",
        Nearest(.nearest.as_deref())
    )]
    #[non_exhaustive]
    UnknownFilterName { component: String, name: String, nearest: Option<String> },

    /// A provider lacks an item that an importer needs.
    #[error(
        "`{provider}` exports `{export}` without {}, which `{consumer}` imports",
        .path.join(", ")
    )]
    #[non_exhaustive]
    MissingItem {
        consumer: String,
        provider: String,
        import: String,
        /// The name under which the provider exports it.
        export: String,
        /// Steps from the import to the item, outermost first.
        path: Vec<String>,
    },

    /// An import and the export that was to satisfy it have different types.
    #[error(
        "{}, imported by `{consumer}` from `{provider}`{}: expected `{expected}`, found `{found}`",
        Path(.path, import), From(import, export)
    )]
    #[non_exhaustive]
    TypeMismatch {
        consumer: String,
        provider: String,
        import: String,
        /// The name under which the provider exports it.
        export: String,
        /// Steps from the import to the difference, outermost first.
        path: Vec<String>,
        expected: String,
        found: String,
    },

    /// Two imports share a resource type but would get it from two components.
    #[error(
        "resource `{resource}` of `{import}`, imported by `{consumer}`, would come from `{}` and \
         from `{}`; hint both imports to the same component",
        .providers[0], .providers[1]
    )]
    #[non_exhaustive]
    TornResource { consumer: String, import: String, resource: String, providers: [String; 2] },

    /// An interface passes handles of a resource that the host defined.
    #[error(
        "{}, imported by `{consumer}` from `{provider}`, passes handles of resource `{resource}`, \
         which the host defines in each store for itself; fuse the two components, or let a \
         component provide the interface of `{resource}`",
        Path(.path, import)
    )]
    #[non_exhaustive]
    HostResource {
        consumer: String,
        provider: String,
        import: String,
        path: Vec<String>,
        resource: String,
    },

    /// A type that cannot cross between stores.
    #[error(
        "{}, imported by `{consumer}` from `{provider}`: `{found}` cannot cross between \
         components that have a store each; fuse the two components",
        Path(.path, import)
    )]
    #[non_exhaustive]
    Uncarried {
        consumer: String,
        provider: String,
        import: String,
        path: Vec<String>,
        found: String,
    },

    /// A core module or a component as an import.
    #[error(
        "`{import}`, imported by `{consumer}` from `{provider}`, is a {kind}; only the linker of \
         `{consumer}` can supply one: hint the import to `host`"
    )]
    #[non_exhaustive]
    CodeImport { consumer: String, provider: String, import: String, kind: &'static str },

    /// Components that import from each other in a circle.
    #[error("components import from each other in a circle: {}", Circle(.components))]
    #[non_exhaustive]
    Cycle {
        /// Each imports from the next, the last from the first.
        components: Vec<String>,
    },
}

struct Hinted<'a>(Option<&'a str>, &'a str);

impl fmt::Display for Hinted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(component) => write!(f, "import `{}` of `{component}`", self.1),
            None => write!(f, "public export `{}`", self.1),
        }
    }
}

struct Nearest<'a>(Option<&'a str>);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

struct Hiding<'a>(&'a [String]);

impl fmt::Display for Hiding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            hiding => write!(f, " (hidden by the filter of `{}`)", hiding.join("`, `")),
        }
    }
}

struct OtherVersions<'a>(&'a [(String, String)]);

impl fmt::Display for OtherVersions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(component, export)| {
            write!(f, " (`{component}` exports `{export}`, which is not compatible)")
        })
    }
}

/// The import's name, where it is not the export's.
struct As<'a>(&'a str, &'a str);

impl fmt::Display for As<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 { Ok(()) } else { write!(f, " as `{}`", self.0) }
    }
}

/// The export's name, where it is not the import's.
struct From<'a>(&'a str, &'a str);

impl fmt::Display for From<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 { Ok(()) } else { write!(f, ", which exports `{}`", self.1) }
    }
}

/// "both `a` and `b`", "`a`, `b` and `c`".
struct All<'a>(&'a [String]);

impl fmt::Display for All<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [a, b] => write!(f, "both `{a}` and `{b}`"),
            [first @ .., last] => write!(f, "`{}` and `{last}`", first.join("`, `")),
            [] => Ok(()),
        }
    }
}

/// The import, then the steps into it.
struct Path<'a>(&'a [String], &'a str);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.1)?;
        self.0.iter().try_for_each(|step| write!(f, ", {step}"))
    }
}

struct Circle<'a>(&'a [String]);

impl fmt::Display for Circle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in self.0 {
            write!(f, "`{id}` -> ")?;
        }
        self.0.first().map_or(Ok(()), |id| write!(f, "`{id}`"))
    }
}

/// A component of a composition could not be started.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum StartError {
    /// The store belongs to another engine than the component.
    #[error(
        "the store made for component `{component}` belongs to another engine than its linker; \
         make both with the same `Engine`"
    )]
    #[non_exhaustive]
    EngineMismatch { component: String },

    /// Instantiating failed, or the component's start function trapped.
    #[error("component `{component}` cannot be instantiated")]
    #[non_exhaustive]
    Instantiate {
        component: String,
        #[source]
        source: Cause,
    },

    /// The instance was taken over by another composition.
    #[error("instance `{component}` already runs in another composition")]
    #[non_exhaustive]
    InstanceTaken { component: String },

    /// There is no tokio runtime to run the components on.
    #[error("composing needs a tokio runtime; call `compose` inside one")]
    NoRuntime,
}

/// A function was asked for that the composition does not offer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum LookupError {
    /// No visible export has this name.
    #[error("the composition exports no {kind} `{name}`{}", Nearest(.nearest.as_deref()))]
    #[non_exhaustive]
    NotExported { kind: &'static str, name: String, nearest: Option<String> },

    /// The interface is there, but not the function.
    #[error("interface `{interface}` has no function `{function}`{}", Nearest(.nearest.as_deref()))]
    #[non_exhaustive]
    NoFunction { interface: String, function: String, nearest: Option<String> },

    /// Several components offer the name and no export hint chooses.
    #[error(
        "{} export `{name}`; choose one with `composer.with_export_hint(\"{name}\", \"{}\")`",
        All(.components),
        .components.first().map_or("", String::as_str)
    )]
    #[non_exhaustive]
    Ambiguous { name: String, components: Vec<String> },

    /// The function takes or returns something that cannot leave its store.
    #[error("`{function}`, {place}: `{found}` cannot leave the component's store")]
    #[non_exhaustive]
    Uncarried { function: String, place: String, found: String },
}

/// Arguments that do not fit the function that was called.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum ArgumentError {
    /// Too many or too few arguments.
    #[error("`{function}` takes {expected} parameters, found {found}")]
    #[non_exhaustive]
    ParameterCount { function: String, expected: usize, found: usize },

    /// The slice for results has the wrong length.
    #[error("`{function}` returns {expected} values, but the slice for results holds {found}")]
    #[non_exhaustive]
    ResultCount { function: String, expected: usize, found: usize },

    /// A value of the wrong type.
    #[error("{}: expected `{expected}`, found {found}", Place(.path, function))]
    #[non_exhaustive]
    Type { function: String, path: Vec<String>, expected: String, found: String },

    /// A handle that cannot be passed.
    #[error("{}", Place(.path, function))]
    #[non_exhaustive]
    Handle {
        function: String,
        path: Vec<String>,
        #[source]
        source: HandleError,
    },
}

struct Place<'a>(&'a [String], &'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.0.join(", ");
        write!(f, "{steps} of `{}`", self.1)
    }
}

/// A resource handle that cannot be used as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The handle was moved or dropped before, or belongs to another composition.
    #[error("the handle is not held: it was moved or dropped, or is another composition's")]
    NotHeld,

    /// The handle is lent to a call that still runs.
    #[error(
        "the handle is lent to a call that still runs; it cannot be moved or dropped meanwhile"
    )]
    Lent,

    /// The handle is of another resource than the function takes.
    #[error("expected a handle of resource `{expected}`, found one of `{found}`")]
    #[non_exhaustive]
    OtherResource {
        /// The resource that was wanted.
        expected: String,
        /// The resource that the handle is of.
        found: String,
    },
}

/// Why a component runs no longer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason {
    /// The composition was closed, or its last handle dropped.
    #[error("the composition was closed")]
    Closed,

    /// The component trapped, in another call or between calls.
    #[error("component `{component}` trapped in `{function}`")]
    #[non_exhaustive]
    Trapped {
        /// The component whose store ended.
        component: String,
        /// What was running, as far as it is known.
        function: String,
        /// The trap, with its backtrace.
        #[source]
        source: Cause,
    },

    /// The tokio runtime that ran the component was shut down.
    #[error("the tokio runtime that ran the component was shut down")]
    RuntimeShutdown,
}

/// What wasmtime, a host function or a guest's trap reported; cheap to clone.
///
/// Prints the outermost level; the rest is in [`source`](std::error::Error::source).
#[derive(Clone)]
pub struct Cause {
    error: Arc<wasmtime::Error>,
}

impl Cause {
    pub(crate) fn new(error: wasmtime::Error) -> Self {
        Self { error: Arc::new(error) }
    }

    /// The underlying error, anywhere in the chain, if it is an `E`: a [`wasmtime::Trap`], say, a
    /// [`CompositionError`] of the component that was called, or a host function's own error.
    pub fn downcast_ref<E: std::error::Error + Send + Sync + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref::<E>()
    }

    /// The stack of the guest when it trapped, innermost frame first, if wasmtime recorded one.
    pub fn backtrace(&self) -> Option<&WasmBacktrace> {
        self.error.downcast_ref::<WasmBacktrace>()
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl Cause {
    /// The levels of the error, outermost first. wasmtime wraps a trap in its backtrace, over
    /// several lines; that stands in `backtrace`, and what went wrong is below it.
    fn levels(&self) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
        self.error.chain().skip(usize::from(self.backtrace().is_some()))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.levels().next() {
            Some(level) => fmt::Display::fmt(level, f),
            None => fmt::Display::fmt(&self.error, f),
        }
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.levels().nth(1)
    }
}

/// A host function panicked; the text is the panic's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a host function panicked: {message}")]
#[non_exhaustive]
pub struct HostPanic {
    /// The panic's message, if it was text.
    pub message: String,
}
