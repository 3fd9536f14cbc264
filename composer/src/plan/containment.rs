//! Failures of a provider that reach the importer as values instead of traps.
//!
//! A containment says how a function's error type carries a failure: as a string, or as a case of
//! an enum or variant. Whether the type can carry it is checked when planning, and the result is a
//! `Carrier`, which needs only be filled in when a call fails. A wish for a whole interface
//! includes the functions that return a `result`; others keep trapping.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::item::{Item, Named, find};
use crate::error::PlanProblem;
use crate::types::{FunctionType, ValueType};

/// How a failure looks as the error of a function's `result`.
///
/// For [`ComposableDescriptor::with_containment`](crate::ComposableDescriptor::with_containment).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Containment(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Message,
    Case(String),
}

impl Containment {
    /// The failure's text, with its causes, as the error of a `result<_, string>`.
    pub fn message() -> Self {
        Self(Form::Message)
    }

    /// A case of the enum or variant `E` in a `result<_, E>`. If the case has a `string` payload,
    /// that is the failure's text, with its causes.
    pub fn case(name: impl Into<String>) -> Self {
        Self(Form::Case(name.into()))
    }
}

/// A function of an import whose provider's failures are contained.
#[derive(Clone, Debug)]
pub(crate) struct Contained {
    /// The index of the import.
    pub(crate) import: usize,
    /// The function's name, if the import is an interface.
    pub(crate) function: Option<String>,
    pub(crate) carrier: Carrier,
}

/// The error value that a failure becomes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carrier {
    Message,
    Case {
        case: u32,
        /// Whether its payload is the failure's text.
        message: bool,
    },
}

impl Carrier {
    /// How `ty` carries a failure in the form that was asked for; otherwise the type that would be
    /// needed.
    fn of(ty: &FunctionType, Containment(form): &Containment) -> Result<Self, String> {
        let error = match &ty.result {
            Some(ValueType::Result(sides)) => sides.1.as_ref(),
            _ => None,
        };
        let place = |cases: &[Arc<str>], name: &str| {
            cases.iter().position(|case| **case == *name).map(|case| case as u32)
        };
        let found = match (form, error) {
            (Form::Message, Some(ValueType::String)) => Some(Self::Message),
            (Form::Case(name), Some(ValueType::Enum(cases))) => {
                place(cases, name).map(|case| Self::Case { case, message: false })
            }
            (Form::Case(name), Some(ValueType::Variant(cases))) => (0..)
                .zip(cases.iter())
                .find(|(_, (case, _))| **case == **name)
                .and_then(|(case, (_, payload))| match payload {
                    None => Some(Self::Case { case, message: false }),
                    Some(ValueType::String) => Some(Self::Case { case, message: true }),
                    Some(_) => None,
                }),
            _ => None,
        };
        found.ok_or_else(|| match form {
            Form::Message => "result<_, string>".to_owned(),
            Form::Case(name) => {
                format!("result<_, E> with a case {name} or {name}(string) in E")
            }
        })
    }
}

/// A rule of a descriptor: the name of an import or `import#function`, and how its failures are
/// contained.
pub(crate) type Wish = (String, Containment);

/// The import that a wish is for, and the function if the wish is for a single one.
pub(crate) fn target(wish: &Wish) -> (&str, Option<&str>) {
    split(&wish.0)
}

/// Splits the name of a rule into the import and, for `interface#function`, the function.
pub(crate) fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('#') {
        Some((import, function)) => (import, Some(function)),
        None => (name, None),
    }
}

/// Whether the item is a function or an interface, or has the function `function`: what rules can
/// be for.
pub(crate) fn is_for(item: &Item, function: Option<&str>) -> bool {
    match (item, function) {
        (Item::Instance(items), Some(function)) => {
            matches!(find(items, function), Some(Item::Func { .. }))
        }
        (Item::Instance(_) | Item::Func { .. }, None) => true,
        _ => false,
    }
}

/// Finds the functions of the import `named` that `wishes` are for, and how the type of each
/// carries a failure. If several wishes are for one function, the first counts.
///
/// A wish for a whole interface is for its functions that return a `result`, except those that have
/// a wish of their own.
pub(crate) fn contain(
    component: &str,
    (import, named): (usize, &Named),
    wishes: &[&Wish],
    problems: &mut Vec<PlanProblem>,
) -> Vec<Contained> {
    let mut contained: Vec<Contained> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |function: Option<&str>, ty: &FunctionType, how: &Containment| {
        if !seen.insert(function.map(str::to_owned)) {
            return;
        }
        let function = function.map(str::to_owned);
        match Carrier::of(ty, how) {
            Ok(carrier) => contained.push(Contained { import, function, carrier }),
            Err(expected) => problems.push(PlanProblem::NotContainable {
                component: component.to_owned(),
                import: named.name.clone(),
                function,
                expected,
                found: ty.result.as_ref().map(ToString::to_string),
            }),
        }
    };
    let own = |name: &str| wishes.iter().any(|wish| target(wish).1 == Some(name));
    for wish in wishes {
        match (&named.item, target(wish).1) {
            (Item::Func { ty, .. }, None) => add(None, ty, &wish.1),
            (Item::Instance(items), Some(function)) => {
                if let Some(Item::Func { ty, .. }) = find(items, function) {
                    add(Some(function), ty, &wish.1);
                }
            }
            (Item::Instance(items), None) => {
                for it in items.iter().filter(|it| !own(&it.name)) {
                    if let Item::Func { ty, .. } = &it.item
                        && matches!(ty.result, Some(ValueType::Result(_)))
                    {
                        add(Some(&it.name), ty, &wish.1);
                    }
                }
            }
            _ => {}
        }
    }
    contained
}
