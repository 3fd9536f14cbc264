//! [`DenyLayer`]: a layer that refuses calls.

use std::sync::Arc;

use super::call::Call;
use super::intercept::{Intercept, layers};
use super::service::{LayerFuture, Next};
use crate::plan::name::{is_compatible, names};

/// A layer that fails calls with [`CompositionError::Layer`](crate::CompositionError::Layer) before they reach the component.
///
/// Functions are named `interface#function`, or by their name if they are exported at the root; the
/// name of an interface means all of its functions. Interfaces are named as the provider exports
/// them, either with a version, which includes compatible versions, or without, which includes all
/// versions. A consumer whose call fails traps, unless it
/// [contains](crate::ComposableDescriptor::with_containment) the failure.
///
/// # Examples
///
/// ```
/// use wasm_runtime_composer::layer::DenyLayer;
///
/// let read_only = DenyLayer::functions(["acme:kv/store#set", "acme:kv/admin"], "the store is read-only");
/// let only_get = DenyLayer::all_but(["acme:kv/store#get"], "not for guests");
/// ```
#[derive(Clone, Debug)]
pub struct DenyLayer {
    names: Names,
    /// Whether the names are those that pass, instead of those that are refused.
    but: bool,
    reason: Arc<str>,
}

impl DenyLayer {
    /// Fails every call.
    pub fn all(reason: impl Into<Arc<str>>) -> Self {
        Self::all_but([], reason)
    }

    /// Fails calls of the given functions and interfaces.
    pub fn functions<'a>(
        names: impl IntoIterator<Item = &'a str>,
        reason: impl Into<Arc<str>>,
    ) -> Self {
        Self { names: Names::new(names), but: false, reason: reason.into() }
    }

    /// Fails all calls except those of the given functions and interfaces.
    pub fn all_but<'a>(
        names: impl IntoIterator<Item = &'a str>,
        reason: impl Into<Arc<str>>,
    ) -> Self {
        Self { names: Names::new(names), but: true, reason: reason.into() }
    }
}

layers!(DenyLayer);

impl Intercept for DenyLayer {
    fn intercept(&self, call: Call, next: Next) -> LayerFuture {
        let Self { names, but, reason } = self;
        if names.include(&call) == *but {
            return next.pass(call);
        }
        let refused = call.refuse(&**reason);
        Box::pin(async move { Err(refused) })
    }
}

/// Functions and interfaces by their names.
#[derive(Clone, Debug)]
pub(super) struct Names(Arc<[String]>);

impl Names {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }

    /// Whether the called function is one of them.
    pub(super) fn include(&self, call: &Call) -> bool {
        self.0.iter().any(|name| match (name.split_once('#'), call.interface()) {
            (Some((interface, function)), Some(called)) => {
                function == call.function() && is_meant(interface, called)
            }
            (Some(_), None) => false,
            (None, Some(called)) => is_meant(name, called),
            (None, None) => name == call.function(),
        })
    }
}

/// Whether the user's `pattern` means an interface: without a version, all versions of it;
/// otherwise the compatible ones.
fn is_meant(pattern: &str, interface: &str) -> bool {
    names(pattern, interface) || is_compatible(pattern, interface)
}
