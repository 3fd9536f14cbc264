//! Compares what an import needs with what an export offers, item by item.
//!
//! The provider may offer more items than the importer needs. Items that the importer needs must be
//! equal in names, order and types, async-ness included, as the component model's subtyping has it
//! today. `Mismatch` records the path from the import to the difference; the caller adds the names
//! of the components.
//!
//! Whether two resources are the same depends on the wiring, so the `Resources` trait decides it:
//! once for edges (`check.rs`), once for a component and its replacement (`replacement.rs`).

use std::sync::Arc;

use super::difference;
use super::item::{Item, Items, Named};
use super::written::TypeNames;
use crate::types::{FunctionType, Resource, ValueType};

/// A difference between an import and the export that was to satisfy it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Steps from the import to the place of the difference, innermost first.
    steps: Vec<String>,
    pub(crate) fault: Fault,
}

impl Mismatch {
    fn different(expected: impl Into<Side>, found: impl Into<Side>) -> Self {
        Fault::Different { expected: expected.into(), found: found.into() }.into()
    }

    fn within(mut self, step: impl FnOnce() -> String) -> Self {
        self.steps.push(step());
        self
    }

    /// The place of the difference, outermost step first.
    pub(crate) fn path(&self) -> Vec<String> {
        self.steps.iter().rev().cloned().collect()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The provider lacks the item that the path leads to.
    Missing,
    Different {
        expected: Side,
        found: Side,
    },
    /// Two imports share the resource, but their providers get it from two different components.
    Torn {
        resource: String,
        providers: [String; 2],
    },
    /// The resource is the host's, and each store's host has one of its own.
    Host {
        resource: String,
        why: Stuck,
    },
}

/// Why handles of a resource that the host defines cannot cross.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stuck {
    /// Components do not carry it: the importer, the provider, or both.
    NotCarried { importer: bool, provider: bool },
    /// They carry it in different forms.
    Forms { expected: &'static str, found: &'static str },
    /// A borrowed handle would have to be lent, which they do not.
    NotLent { importer: bool, provider: bool },
}

/// What one side has at the place of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Value(ValueType),
    Func(Arc<FunctionType>),
    NoPayload,
    Text(String),
}

impl Side {
    pub(crate) fn text(&self, names: &TypeNames<'_>) -> String {
        match self {
            Self::Value(ty) => names.value(ty),
            Self::Func(ty) => names.func(ty),
            Self::NoPayload => "no payload".to_owned(),
            Self::Text(text) => text.clone(),
        }
    }

    /// The first difference between the two sides in words, if comparing their texts would not show
    /// it at a glance.
    pub(crate) fn difference(&self, found: &Self) -> Option<String> {
        match (self, found) {
            (Self::Value(expected), Self::Value(found)) => difference::of_values(expected, found),
            (Self::Func(expected), Self::Func(found)) => difference::of_functions(expected, found),
            _ => None,
        }
    }
}

impl From<&ValueType> for Side {
    fn from(ty: &ValueType) -> Self {
        Self::Value(ty.clone())
    }
}

impl From<&Arc<FunctionType>> for Side {
    fn from(ty: &Arc<FunctionType>) -> Self {
        Self::Func(ty.clone())
    }
}

impl From<&str> for Side {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Fault> for Mismatch {
    fn from(fault: Fault) -> Self {
        Self { steps: Vec::new(), fault }
    }
}

/// Decides whether a resource of the importer and one of the provider are the same.
pub(crate) trait Resources {
    /// Notes that the importer's resource `expected` is the provider's resource `found`.
    fn bind(&mut self, expected: &Resource, found: &Resource) -> Result<(), Fault>;
    /// Compares two resources that occur inside the types of functions and values.
    /// `lent` says whether the handle is borrowed.
    fn same(&self, expected: &Resource, found: &Resource, lent: bool) -> Result<(), Fault>;
    /// Whether named types may be missing on the provider's side.
    fn may_lack_types(&self) -> bool;
}

/// Every item in which `found` is not what `expected` needs.
pub(crate) fn mismatches(
    expected: &Item,
    found: &Item,
    resources: &mut impl Resources,
) -> Vec<Mismatch> {
    if let (Item::Instance(needed), Item::Instance(offered)) = (expected, found) {
        return instances(needed, offered, resources);
    }
    let result = match (expected, found) {
        (Item::Func { ty: expected, .. }, Item::Func { ty: found, .. }) => {
            functions(expected, found, resources)
        }
        (Item::Resource(expected), Item::Resource(found)) => {
            resources.bind(expected, found).map_err(Into::into)
        }
        (Item::Type(expected), Item::Type(found)) => values(expected, found, resources),
        // A core module or component is never linked (`PlanProblem::CodeImport`), so its type is
        // not compared.
        (Item::Code(expected), Item::Code(found)) if expected == found => Ok(()),
        _ => Err(Mismatch::different(expected.kind(), found.kind())),
    };
    result.err().into_iter().collect()
}

/// The number of pairs of differences that are compared to find duplicates. Beyond it some
/// differences are reported twice.
const MOST_COMPARED: usize = 1 << 20;

fn instances(needed: &[Named], offered: &[Named], resources: &mut impl Resources) -> Vec<Mismatch> {
    let mut in_types = Vec::new();
    let mut others = Vec::new();
    let offered = Items::of(offered);
    for named in needed {
        let inner = match offered.find(&named.name) {
            Some(item) => mismatches(&named.item, item, resources),
            None if resources.may_lack_types() && named.item.is_types_alone() => Vec::new(),
            None => vec![Fault::Missing.into()],
        };
        let step = || format!("{} `{}`", named.item.kind(), named.name);
        let list = match named.item {
            Item::Type(_) => &mut in_types,
            _ => &mut others,
        };
        list.extend(inner.into_iter().map(|mismatch| mismatch.within(step)));
    }
    // A difference in a named type appears again in each function that uses the type, where the
    // report says more. Only those are kept.
    if in_types.len().saturating_mul(others.len()) < MOST_COMPARED {
        in_types.retain(|it| others.iter().all(|other| other.fault != it.fault));
    }
    in_types.append(&mut others);
    in_types
}

fn functions(
    expected: &Arc<FunctionType>,
    found: &Arc<FunctionType>,
    resources: &impl Resources,
) -> Result<(), Mismatch> {
    let shape = |ty: &FunctionType| (ty.is_async, ty.params.len(), ty.result.is_some());
    // Functions implemented in Rust may leave their parameters unnamed.
    let named = |a: &str, b: &str| a == b || a.is_empty() || b.is_empty();
    let mut params = expected.params.iter().zip(&found.params);
    if shape(expected) != shape(found) || !params.all(|((a, _), (b, _))| named(a, b)) {
        return Err(Mismatch::different(expected, found));
    }
    for ((name, expected), (_, found)) in expected.params.iter().zip(&found.params) {
        values(expected, found, resources)
            .map_err(|it| it.within(|| format!("parameter `{name}`")))?;
    }
    if let (Some(expected), Some(found)) = (&expected.result, &found.result) {
        values(expected, found, resources).map_err(|it| it.within(|| "result".to_owned()))?;
    }
    Ok(())
}

fn values(
    expected: &ValueType,
    found: &ValueType,
    resources: &impl Resources,
) -> Result<(), Mismatch> {
    use ValueType as T;
    let step = |name: &str| {
        let name = name.to_owned();
        move |it: Mismatch| it.within(|| name)
    };
    match (expected, found) {
        (T::List(a), T::List(b)) => values(a, b, resources).map_err(step("list element")),
        (T::FixedLengthList(a, n), T::FixedLengthList(b, m)) if n == m => {
            values(a, b, resources).map_err(step("list element"))
        }
        (T::Map(a), T::Map(b)) => {
            values(&a.0, &b.0, resources).map_err(step("map key"))?;
            values(&a.1, &b.1, resources).map_err(step("map value"))
        }
        (T::Option(a), T::Option(b)) => values(a, b, resources).map_err(step("option payload")),
        (T::Record(a), T::Record(b)) if same_names(a, b) => {
            for ((name, a), (_, b)) in a.iter().zip(b.iter()) {
                values(a, b, resources).map_err(|it| it.within(|| format!("field `{name}`")))?;
            }
            Ok(())
        }
        (T::Tuple(a), T::Tuple(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b.iter()).enumerate() {
                values(a, b, resources).map_err(|it| it.within(|| format!("tuple element {i}")))?;
            }
            Ok(())
        }
        (T::Variant(a), T::Variant(b)) if same_names(a, b) => {
            for ((name, a), (_, b)) in a.iter().zip(b.iter()) {
                payloads(a.as_ref(), b.as_ref(), resources)
                    .map_err(|it| it.within(|| format!("case `{name}`")))?;
            }
            Ok(())
        }
        (T::Result(a), T::Result(b)) => {
            payloads(a.0.as_ref(), b.0.as_ref(), resources).map_err(step("ok payload"))?;
            payloads(a.1.as_ref(), b.1.as_ref(), resources).map_err(step("error payload"))
        }
        (T::Stream(a), T::Stream(b)) => {
            payloads(a.as_deref(), b.as_deref(), resources).map_err(step("stream element"))
        }
        (T::Future(a), T::Future(b)) => {
            payloads(a.as_deref(), b.as_deref(), resources).map_err(step("future payload"))
        }
        (T::Own(a), T::Own(b)) => resources.same(a, b, false).map_err(Into::into),
        (T::Borrow(a), T::Borrow(b)) => resources.same(a, b, true).map_err(Into::into),
        // The remaining types have no resources inside, so equality decides.
        (T::Own(_) | T::Borrow(_), _) => Err(Mismatch::different(expected, found)),
        _ if expected == found => Ok(()),
        _ => Err(Mismatch::different(expected, found)),
    }
}

fn payloads(
    expected: Option<&ValueType>,
    found: Option<&ValueType>,
    resources: &impl Resources,
) -> Result<(), Mismatch> {
    match (expected, found) {
        (Some(expected), Some(found)) => values(expected, found, resources),
        (None, None) => Ok(()),
        _ => {
            let side = |ty: Option<&ValueType>| ty.map_or(Side::NoPayload, Side::from);
            Err(Mismatch::different(side(expected), side(found)))
        }
    }
}

fn same_names<T>(a: &[(Arc<str>, T)], b: &[(Arc<str>, T)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((a, _), (b, _))| a == b)
}
