//! Errors of calls that cannot be made: of functions that are looked up, arguments that are passed,
//! and handles.

use std::fmt;

use super::{All, Nearest, listed, plain};

/// The composition does not offer the function or item that was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum LookupError {
    /// No visible export has this name.
    #[error(
        "the composition exports no {kind} `{name}`{}{}",
        Elsewhere(.interfaces, false),
        Nearest(.nearest.as_deref()), name = plain(.name))]
    #[non_exhaustive]
    NotExported {
        kind: &'static str,
        name: String,
        nearest: Option<String>,
        /// For a function: the interfaces that have a function of this name.
        interfaces: Vec<String>,
    },

    /// The interface exists, but has no such function.
    #[error(
        "interface `{interface}` has no function `{function}`{}{}",
        Elsewhere(.interfaces, *.at_root),
        Nearest(.nearest.as_deref()), interface = plain(.interface), function = plain(.function))]
    #[non_exhaustive]
    NoFunction {
        interface: String,
        function: String,
        nearest: Option<String>,
        /// The other interfaces that have a function of this name.
        interfaces: Vec<String>,
        /// Whether a function of this name is exported at the root.
        at_root: bool,
    },

    /// Several components offer the name and no export hint chooses.
    #[error(
        "{} export `{name}`; choose one with `composer.with_export_hint(\"{name}\", \"{}\")`",
        All(.components),
        plain(.components.first().map_or("", String::as_str)), name = plain(.name))]
    #[non_exhaustive]
    Ambiguous { name: String, components: Vec<String> },

    /// There is no component with this id.
    #[error("there is no component `{id}`{}", Nearest(.nearest.as_deref()), id = plain(.id))]
    #[non_exhaustive]
    NoComponent { id: String, nearest: Option<String> },

    /// The component has no such import.
    #[error("component `{component}` does not import `{import}`{}", Nearest(.nearest.as_deref()), component = plain(.component), import = plain(.import))]
    #[non_exhaustive]
    NotImported { component: String, import: String, nearest: Option<String> },

    /// The function takes or returns a type that cannot leave its store.
    #[error("`{function}`, {place}: `{found}` cannot leave the component's store", function = plain(.function))]
    #[non_exhaustive]
    Uncarried { function: String, place: String, found: String },
}

/// Writes "; interface `a` has it" or "; `a` and `b` have it".
struct Elsewhere<'a>(&'a [String], bool);

impl fmt::Display for Elsewhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self([], true) => f.write_str("; it is exported at the root, in no interface"),
            Self([], false) => Ok(()),
            Self([one], _) => write!(f, "; interface `{}` has it", plain(one)),
            Self(several, _) => write!(f, "; interfaces `{}` have it", listed(several, "`, `")),
        }
    }
}

/// Arguments that do not fit the function that was called.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum ArgumentError {
    /// Too many or too few arguments.
    #[error("`{function}` takes {expected} parameters, found {found}", function = plain(.function))]
    #[non_exhaustive]
    ParameterCount { function: String, expected: usize, found: usize },

    /// The slice for results has the wrong length.
    #[error("`{function}` returns {expected} values, but the slice for results holds {found}", function = plain(.function))]
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
        write!(f, "{} of `{}`", listed(self.0, ", "), plain(self.1))
    }
}

/// A resource handle that cannot be used as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The handle was moved or dropped before, or belongs to another composition.
    #[error("the handle is not held: it was moved or dropped, or is another composition's")]
    NotHeld,

    /// A stream or a future was asked for, and the value is something else.
    #[error("expected {expected} that a function has returned, found {found}")]
    #[non_exhaustive]
    NoStream {
        /// `a stream` or `a future`.
        expected: &'static str,
        /// What the value is.
        found: &'static str,
    },

    /// The stream or the future was made in Rust: it can be passed to a component, and not taken back.
    #[error("it was made in Rust: it can be passed to a component, and not be taken back")]
    MadeInRust,

    /// A handle is of another kind than the type that was checked says.
    #[error(
        "a handle is of another kind than its type says; this is a bug of wasm-runtime-composer, please report it"
    )]
    Internal,

    /// The composition was closed, and with it all handles of its callers.
    #[error("the composition was closed, and with it the handles that its callers held")]
    Closed,

    /// A layer tried to copy or make a handle, a stream or a future.
    #[error("a handle, a stream or a future cannot be copied, or made, by a layer")]
    Uncopied,

    /// The handle is lent to a call that still runs.
    #[error(
        "the handle is lent to a call that still runs; it cannot be moved or dropped meanwhile"
    )]
    Lent,

    /// The resource was lost: the component that defined it ended and was restarted, or it was
    /// replaced and the time for its remaining resources is over.
    #[error(
        "resource `{resource}` is lost: component `{component}`, which defined it, ended and was started again or \
         replaced", resource = plain(.resource), component = plain(.component))]
    #[non_exhaustive]
    Lost {
        /// The component that defined the resource.
        component: String,
        /// The resource's name.
        resource: String,
    },

    /// The resource lives in another instance of its component than the call goes to: one that was
    /// replaced, or one of several. A call cannot bring handles of two instances.
    #[error(
        "resource `{resource}` lives in another instance of component `{component}` than the call goes to",
        resource = plain(.resource), component = plain(.component))]
    #[non_exhaustive]
    OtherInstance {
        /// The component that defines the resource.
        component: String,
        /// The resource's name.
        resource: String,
    },

    /// A method of a type made from WIT was called, and the composition that the handle is of has no client of its
    /// interface.
    #[error(
        "the methods of resource `{resource}` of component `{component}` are called through the client that is made \
         of the same WIT as its type, and the composition has none: make one first, with `Client::new` of {}, or by \
         `export interface` of `compose!`",
        match .interface {
            Some(interface) => format!("`{}`", plain(interface)),
            None => "its interface".to_owned(),
        },
        resource = plain(.resource), component = plain(.component))]
    #[non_exhaustive]
    NoClient {
        /// The interface of the resource, which has the methods.
        interface: Option<String>,
        /// The component that the handle came from.
        component: String,
        /// The resource's name.
        resource: String,
    },

    /// A component would hold more handles of other components' resources than it may.
    #[error(
        "component `{component}` holds {limit} handles of other components' resources, which is the \
         most that it may have; it must drop some, or have a higher `with_handle_limit`", component = plain(.component))]
    #[non_exhaustive]
    TooMany {
        /// The component that holds them.
        component: String,
        /// The most handles that it may hold.
        limit: usize,
    },

    /// Other components and callers would hold more of a component's resources than its store has
    /// room for.
    #[error(
        "others hold {held} resources of component `{component}`, which is as many as they may: its store \
         has room for {limit} handles; they must drop some, or its store have a higher \
         `Store::set_max_component_handles`"
    )]
    #[non_exhaustive]
    TooManyOut {
        /// The component that the resources live in.
        component: String,
        /// How many they hold.
        held: usize,
        /// The capacity of its store, in handles.
        limit: usize,
    },

    /// The process cannot name more resources that Rust implements, or more streams and futures
    /// made in Rust.
    #[error(
        "no more handles can be made: the resources that Rust implements, or the streams and futures that Rust \
         holds as `Val`s, are as many as there can be in a process; some must be dropped"
    )]
    NoNames,

    /// The handle's resource is not the one that the function takes.
    #[error("expected a handle of resource `{expected}`, found one of `{found}`")]
    #[non_exhaustive]
    OtherResource {
        /// The resource that the function takes.
        expected: String,
        /// The resource of the handle.
        found: String,
    },
}
