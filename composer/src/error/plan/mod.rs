//! Problems that keep components from being wired.
//!
//! A plan reports all its problems at once, and each names the components by the ids that the user
//! gave, shows both sides of a difference, and proposes what to change: most messages end with the
//! call to add.

mod texts;

use std::fmt;

use super::chain::{ChainOf, ChainProblem};
use super::hosted::{HostResourceReason, Together};
use super::{All, Cause, FuseError, Nearest, listed, plain};
pub(super) use texts::CyclePath;
use texts::{
    As, Difference, Each, From, Hiding, Hinted, Import, InOneStore, Linkers, MISSING, NO_OTHER,
    OfInterface, OtherVersions, Path, Remedy, Undecided, Untrusted, UsedBy, needs_codec,
};

/// All problems that keep the components from being wired.
///
/// Prints every problem, one per line if there are several. With `{:?}`, which is how a `main` that
/// returns the error shows it, the causes are printed too.
#[derive(Clone)]
pub struct PlanError {
    problems: Vec<PlanProblem>,
}

impl PlanError {
    pub(crate) fn new(problems: Vec<PlanProblem>) -> Self {
        Self { problems }
    }

    /// The problems: first those of names and hints, then those of types, then items that linkers
    /// lack.
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

impl fmt::Debug for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for PlanError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // An error can have only one source. With several problems the causes are part of the text.
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
    #[error("`{id}` is no valid component id: {reason}", id = plain(.id))]
    #[non_exhaustive]
    InvalidId { id: String, reason: &'static str },

    /// Two components have the same id.
    #[error("two components have the id `{id}`; ids must be unique", id = plain(.id))]
    #[non_exhaustive]
    DuplicateId { id: String },

    /// The component's bytes cannot be loaded: they are not a component, or the engine does not
    /// support it.
    #[error("component `{component}` cannot be loaded", component = plain(.component))]
    #[non_exhaustive]
    Load {
        component: String,
        #[source]
        source: Cause,
    },

    /// A component and its linker belong to different engines.
    #[error(
        "component `{component}` was compiled for another engine than its linker's; \
         build both with the same `Engine`", component = plain(.component))]
    #[non_exhaustive]
    EngineMismatch { component: String },

    /// An inbox without room for any call.
    #[error("the inbox of component `{component}` has capacity 0; it must have room for a call", component = plain(.component))]
    #[non_exhaustive]
    NoCapacity { component: String },

    /// A component with zero instances.
    #[error("component `{component}` has 0 instances; it must have one at least", component = plain(.component))]
    #[non_exhaustive]
    NoInstances { component: String },

    /// Several instances of a component that is already running, which cannot be instantiated
    /// again.
    #[error(
        "component `{component}` is to have several instances but runs already, and how to start \
         another is not known; compose it from a `ComposableComponent`", component = plain(.component))]
    #[non_exhaustive]
    OneInstance { component: String },

    /// A restart policy for a component that cannot be instantiated again.
    #[error(
        "component `{component}` has a restart policy but runs already, and how to start it anew is \
         not known; compose it from a `ComposableComponent`", component = plain(.component))]
    #[non_exhaustive]
    NotRestartable { component: String },

    /// A lifetime of what has no instances that could be made afresh: it runs already, or is Rust.
    #[error(
        "component `{component}` has a lifetime, but how to make fresh instances of it is not known: it runs \
         already, or is Rust; compose it from a `ComposableComponent`", component = plain(.component))]
    #[non_exhaustive]
    NotRenewable { component: String },

    /// A lifetime of zero calls.
    #[error("the lifetime of component `{component}` is 0 calls; an instance must live for one at least", component = plain(.component))]
    #[non_exhaustive]
    NoCalls { component: String },

    /// A setting for a composition that is already running.
    #[error(
        "component `{component}` is a composition that runs already; its inboxes have their \
         capacity from its own descriptors", component = plain(.component))]
    #[non_exhaustive]
    CapacityOfComposition { component: String },

    /// No component provides an import. Several components with the same import are reported as one
    /// problem.
    #[error(
        "{}, imported by {}, {}{}{}{}{}, and {}; {}",
        Import { kind, import, items },
        Each(.components),
        if .source.is_some() { NO_OTHER } else { MISSING },
        Hiding(.hidden_by),
        OtherVersions(.other_versions),
        Undecided(import, .undecided_in),
        Untrusted(import, .untrusted),
        Linkers(.linkers, !.items.is_empty(), .source.is_some()),
        Remedy { import, linkers }
    )]
    #[non_exhaustive]
    Unsatisfied {
        /// The components that import it.
        components: Vec<String>,
        /// The components whose linkers could define it: each of `components`, or the fused group
        /// that it is in.
        linkers: Vec<String>,
        import: String,
        kind: &'static str,
        /// If a linker defines part of the interface: the items that it lacks or defines wrongly.
        items: Vec<String>,
        /// The components that export it but hide it with a filter.
        hidden_by: Vec<String>,
        /// The components that export an incompatible version, each with the export's name.
        other_versions: Vec<(String, String)>,
        /// The composers in which several components export it and no export hint chooses, each
        /// with the id of one of those components.
        undecided_in: Vec<(String, String)>,
        /// The components that export it but are not trusted.
        untrusted: Vec<String>,
        /// What is wrong with the linker's definition.
        #[source]
        source: Option<Cause>,
    },

    /// A hint leaves an import to the component's linker, which lacks a definition.
    #[error(
        "the linker of `{component}` {} {}, for which a hint names `host`; define it there, or drop the \
         hint",
        if .source.is_some() { "has another type for" } else { "does not define" },
        Import { kind, import, items }, component = plain(.component))]
    #[non_exhaustive]
    NotInLinker {
        component: String,
        import: String,
        kind: &'static str,
        /// If the linker defines part of the interface: the items that it lacks or defines wrongly.
        items: Vec<String>,
        /// What is wrong with the linker's definition.
        #[source]
        source: Option<Cause>,
    },

    /// Several components provide an import equally well.
    #[error(
        "{} export `{export}`, imported by `{component}`{}; choose one with a hint: \
         `.with_import_hint(\"{import}\", \"{}\")`",
        All(.providers),
        As(import, export),
        plain(.providers.first().map_or("", |id| id.rsplit('/').next().unwrap_or(id))), export = plain(.export), component = plain(.component), import = plain(.import))]
    #[non_exhaustive]
    AmbiguousImport {
        component: String,
        import: String,
        /// The name of the export, which may differ from the import's.
        export: String,
        providers: Vec<String>,
    },

    /// A hint names a component that was not added.
    #[error(
        "the hint for {} names the unknown component `{target}`{}",
        Hinted(.component.as_deref(), .name),
        Nearest(.nearest.as_deref()), target = plain(.target))]
    #[non_exhaustive]
    UnknownHintTarget {
        /// The importer; `None` for an export hint.
        component: Option<String>,
        name: String,
        target: String,
        nearest: Option<String>,
    },

    /// An import hint for a name that the component does not import.
    #[error(
        "component `{component}` does not import `{import}`, for which it has a hint{}",
        Nearest(.nearest.as_deref()), component = plain(.component), import = plain(.import))]
    #[non_exhaustive]
    HintNotImported { component: String, import: String, nearest: Option<String> },

    /// A hint names a component that lacks the export.
    #[error(
        "the hint for {} names {}`{target}`, which {}{}",
        Hinted(.component.as_deref(), .name),
        .export.as_ref().map(|export| format!("`{}` of ", plain(export))).unwrap_or_default(),
        if *.hidden { "hides it from others" } else { "does not export it" },
        Nearest(.nearest.as_deref()), target = plain(.target))]
    #[non_exhaustive]
    HintNotOffered {
        /// The importer; `None` for an export hint.
        component: Option<String>,
        name: String,
        /// The name of the export that the hint asks for, if it differs from the import's.
        export: Option<String>,
        target: String,
        hidden: bool,
        /// The export with the most similar name, if one is similar.
        nearest: Option<String>,
    },

    /// An import hint that names the importer itself.
    #[error(
        "the hint for `{import}`, imported by `{component}`, names the component itself; \
         a component never satisfies its own import", import = plain(.import), component = plain(.component))]
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

    /// A component cannot stand where it does in a chain.
    #[error("{} has `{component}` in it, {problem}", ChainOf(.interface), component = plain(.component))]
    #[non_exhaustive]
    Chain {
        /// The chain's interface.
        interface: String,
        component: String,
        problem: ChainProblem,
    },

    /// A chain without components.
    #[error("{} has no components in it; name them in the order of calls, or leave it out", ChainOf(.interface))]
    #[non_exhaustive]
    EmptyChain { interface: String },

    /// A filter names an export that the component does not have.
    #[error(
        "component `{component}` does not export `{name}`, which its filter names{}",
        Nearest(.nearest.as_deref()), component = plain(.component), name = plain(.name))]
    #[non_exhaustive]
    UnknownFilterName { component: String, name: String, nearest: Option<String> },

    /// A provider lacks an item that an importer needs.
    #[error(
        "`{provider}` exports `{export}` without {}, which `{consumer}` imports",
        listed(.path, ", "), provider = plain(.provider), export = plain(.export), consumer = plain(.consumer))]
    #[non_exhaustive]
    MissingItem {
        consumer: String,
        provider: String,
        import: String,
        /// The name of the provider's export.
        export: String,
        /// Steps from the import to the item, outermost first.
        path: Vec<String>,
    },

    /// An import and the export that was to satisfy it have different types.
    #[error(
        "{}, imported by `{consumer}` from `{provider}`{}: expected `{expected}`, found `{found}`{}",
        Path(.path, import), From(import, export), Difference(.difference.as_deref()), consumer = plain(.consumer), provider = plain(.provider))]
    #[non_exhaustive]
    TypeMismatch {
        consumer: String,
        provider: String,
        import: String,
        /// The name of the provider's export.
        export: String,
        /// Steps from the import to the difference, outermost first.
        path: Vec<String>,
        /// The importer's type, as in WIT; abbreviated if it is long.
        expected: String,
        /// The provider's type, likewise.
        found: String,
        /// In words, the first difference between two enums, variants, records, flags or functions.
        difference: Option<String>,
    },

    /// Two imports share a resource type but would get it from two components.
    #[error(
        "resource `{resource}` of `{import}`, imported by `{consumer}`, would come from `{}` and \
         from `{}`; hint both imports to the same component",
        plain(&.providers[0]), plain(&.providers[1]), resource = plain(.resource), import = plain(.import), consumer = plain(.consumer))]
    #[non_exhaustive]
    TornResource { consumer: String, import: String, resource: String, providers: [String; 2] },

    /// An interface passes handles of a resource that the host defined.
    #[error(
        "{}, imported by `{consumer}` from `{provider}`, passes handles of resource `{resource}`, \
         which the host defines in each store for itself: {reason}; or {}, or let a component \
         provide the interface of `{resource}`",
        Path(.path, import), Together(provider, consumer), consumer = plain(.consumer), provider = plain(.provider), resource = plain(.resource))]
    #[non_exhaustive]
    HostResource {
        consumer: String,
        provider: String,
        import: String,
        path: Vec<String>,
        resource: String,
        reason: HostResourceReason,
    },

    /// A replacement does not pass on a resource of its host's as the component before it did.
    #[error(
        "component `{component}` passes on resource `{resource}` of its host, and what is to \
         replace it carries that otherwise or not at all; give it the same `carrying`, `lending` \
         or `carrying_as`",
        component = plain(.component), resource = plain(.resource))]
    #[non_exhaustive]
    ReplacementCarries { component: String, resource: String },

    /// A component carries a resource of its host's as another Rust type than the resource has.
    #[error(
        "component `{component}` does not carry `{resource}` of `{interface}` as what its linker \
         defines; give `carrying`, `lending` or `carrying_as` the Rust type `R` with which the \
         resource is defined (`ResourceType::host::<R>()`, or the type in `with` of `bindgen!`)",
        component = plain(.component), resource = plain(.resource), interface = plain(.interface))]
    #[non_exhaustive]
    CarriedAsOther { component: String, interface: String, resource: String },

    /// A type that cannot cross between stores.
    #[error(
        "{}, imported by `{consumer}` from `{provider}`: `{found}` cannot cross between \
         components that have a store each; fuse the two components{}",
        Path(.path, import), needs_codec(found), consumer = plain(.consumer), provider = plain(.provider))]
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
         `{consumer}` can supply one: hint the import to `host`", import = plain(.import), consumer = plain(.consumer), provider = plain(.provider))]
    #[non_exhaustive]
    CodeImport { consumer: String, provider: String, import: String, kind: &'static str },

    /// Containment for a name that the component does not import.
    #[error(
        "component `{component}` does not import `{name}`, whose failures it is to contain{}",
        Nearest(.nearest.as_deref()), component = plain(.component), name = plain(.name))]
    #[non_exhaustive]
    ContainedNotImported { component: String, name: String, nearest: Option<String> },

    /// Two containments for the same name.
    #[error("component `{component}` says twice how to contain failures of `{name}`; keep one", component = plain(.component), name = plain(.name))]
    #[non_exhaustive]
    ContainedTwice { component: String, name: String },

    /// Containment for an import that no component provides.
    #[error(
        "`{import}`, whose failures component `{component}` is to contain, is satisfied by its own \
         linker; only failures of other components can be contained", import = plain(.import), component = plain(.component))]
    #[non_exhaustive]
    ContainedOfHost { component: String, import: String },

    /// A layer on a name that the component does not import.
    #[error(
        "component `{component}` does not import `{name}`, which a layer is to be on{}",
        Nearest(.nearest.as_deref()), component = plain(.component), name = plain(.name))]
    #[non_exhaustive]
    LayeredNotImported { component: String, name: String, nearest: Option<String> },

    /// A layer on an import that no component provides.
    #[error(
        "`{import}` of component `{component}`, which a layer is to be on, is satisfied by its own \
         linker; only calls of other components go through layers", import = plain(.import), component = plain(.component))]
    #[non_exhaustive]
    LayeredOfHost { component: String, import: String },

    /// A function whose result cannot carry a failure.
    #[error(
        "{}`{import}`, imported by `{component}`, cannot carry a failure: expected `{expected}` as its \
         result, found {}",
        OfInterface(.function.as_deref()),
        .found.as_ref().map_or_else(|| "none".to_owned(), |found| format!("`{found}`")), import = plain(.import), component = plain(.component))]
    #[non_exhaustive]
    NotContainable {
        component: String,
        import: String,
        /// The function, if the import is an interface.
        function: Option<String>,
        expected: String,
        /// The type of the function's result, if it has one.
        found: Option<String>,
    },

    /// There is no component with this id to replace.
    #[error("there is no component `{component}` to replace{}", Nearest(.nearest.as_deref()), component = plain(.component))]
    #[non_exhaustive]
    NothingToReplace { component: String, nearest: Option<String> },

    /// A whole composition cannot be replaced, and cannot replace a component.
    #[error("`{component}` cannot be replaced: {reason}", component = plain(.component))]
    #[non_exhaustive]
    NotReplaceable { component: String, reason: &'static str },

    /// A replacement lacks an export that is used of the component that it replaces.
    #[error(
        "the replacement of `{component}` {} `{export}`, which {}",
        if *.hidden { "hides" } else { "does not export" },
        UsedBy(.consumer.as_deref()), component = plain(.component), export = plain(.export))]
    #[non_exhaustive]
    ReplacementLacks {
        component: String,
        export: String,
        /// The component that imports it; `None` if the composition offers it.
        consumer: Option<String>,
        hidden: bool,
    },

    /// A replacement imports an interface in a version that a rule for the old component's import
    /// does not fit, so the rule would be lost.
    #[error(
        "the replacement of `{component}` imports `{import}`, for which {rule} `{name}` does not hold, as the \
         versions are not compatible; say the same of `{import}` with {} on the replacement, or drop it with \
         `.without_rules_on(\"{name}\")`",
        .rule.method(), component = plain(.component), import = plain(.import), name = plain(.name))]
    #[non_exhaustive]
    ReplacementLosesRule {
        component: String,
        rule: ImportRule,
        /// The name in the rule: an import, or `import#function`.
        name: String,
        /// The name of the replacement's import.
        import: String,
    },

    /// A replacement exports an interface without an item that the composition offers.
    #[error(
        "the replacement of `{component}` exports `{export}` without {}, which the composition offers",
        listed(.path, ", "), component = plain(.component), export = plain(.export))]
    #[non_exhaustive]
    ReplacementLacksItem {
        component: String,
        export: String,
        /// Steps from the export to the item, outermost first.
        path: Vec<String>,
    },

    /// A replacement exports an item with another type than the composition offers.
    #[error(
        "{} of the replacement of `{component}` is not what the composition offers: expected \
         `{expected}`, found `{found}`{}",
        Path(.path, export), Difference(.difference.as_deref()), component = plain(.component))]
    #[non_exhaustive]
    ReplacementDiffers {
        component: String,
        export: String,
        /// Steps from the export to the difference, outermost first.
        path: Vec<String>,
        expected: String,
        found: String,
        /// In words, the first difference between two enums, variants, records, flags or functions.
        difference: Option<String>,
    },

    /// A replacement exports a resource that is defined by another component than before.
    #[error(
        "the replacement of `{component}` exports a resource `{resource}` of another component than \
         before, and {} the one before",
        match .consumer {
            Some(consumer) => format!("`{consumer}` uses"),
            None => "the composition offers".to_owned(),
        }, component = plain(.component), resource = plain(.resource))]
    #[non_exhaustive]
    ReplacementMoves {
        component: String,
        resource: String,
        /// The component that imports it; `None` if the composition offers it.
        consumer: Option<String>,
    },

    /// A resource that the components of a cycle pass on to each other without any of them defining
    /// it.
    #[error(
        "resource `{resource}`, imported by `{component}`, is defined by no component: those of a \
         cycle only pass it on to each other", resource = plain(.resource), component = plain(.component))]
    #[non_exhaustive]
    HomelessResource { component: String, resource: String },

    /// A setting of a single component, which shares its store with the components that it is fused
    /// with.
    #[error("{}", InOneStore { component, group, setting, is_for_group: *.is_for_group })]
    #[non_exhaustive]
    NotInOneStore {
        /// The component; for a setting of all components inside, the group.
        component: String,
        /// The group that it is fused into.
        group: String,
        setting: &'static str,
        /// Whether the group's descriptor can have the setting instead.
        is_for_group: bool,
    },

    /// Components cannot be fused into one.
    #[error("the components of `{component}` cannot be fused into one", component = plain(.component))]
    #[non_exhaustive]
    Fuse {
        /// The group that they are fused into.
        component: String,
        #[source]
        source: FuseError,
    },

    /// Components that import from each other in a cycle.
    #[error("components import from each other in a cycle: {}", CyclePath(.components))]
    #[non_exhaustive]
    Cycle {
        /// Each imports from the next, the last from the first.
        components: Vec<String>,
    },
}

/// A kind of rule that a descriptor has for an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportRule {
    /// Which provider satisfies it.
    Hint,
    /// How failures of its provider are contained.
    Containment,
    /// A layer on the import.
    Layer,
}

impl ImportRule {
    /// The method that adds such a rule.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Hint => "`.with_import_hint(..)`",
            Self::Containment => "`.with_containment(..)`",
            Self::Layer => "`.with_import_layer(..)`",
        }
    }
}

impl fmt::Display for ImportRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hint => "the hint for",
            Self::Containment => "the containment of",
            Self::Layer => "the layer on",
        })
    }
}
