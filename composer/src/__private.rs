//! What expansions of macros, and the workspace's command, use. Not part of the public interface:
//! it may change in any release.
//!
//! `Accessors` looks up and checks all accessors of a `compose!` block at once, functions and services; the functions
//! beside it exist so that expansions stay thin and that type errors are shown once, at the user's
//! own tokens. `value` is for the derive macro.

#[cfg(feature = "macros")]
pub use wasm_runtime_composer_macros::compose_impl;
#[cfg(feature = "wit")]
pub use wasm_runtime_composer_macros::wit_impl;
pub use wasmtime::Store;
pub use wasmtime::component::Linker;

use std::future::Future;

use crate::compose::ComposableComponent;
#[cfg(feature = "fuse")]
use crate::compose::Composer;
use crate::compose::Composition;
use crate::error::TypeDifference;
use crate::error::{CompositionError, TypedError, TypedProblem};
use crate::export::ExportFunc;
use crate::export::check_signature;
use crate::typed::{FromComponentValue, IntoComponentValue, check_result};
use crate::types::{FunctionType, ValueType};

pub use crate::typed::Unexpected;
pub use crate::value::Value;

/// Makes every call of this process go through an inbox from now on, to test that path.
pub fn never_call_in_place() {
    crate::run::never_in_place();
}

/// For the command: whether a rule for the import `rule` also holds for the import `name`.
pub fn holds_for(rule: &str, name: &str) -> bool {
    crate::plan::name::is_compatible(rule, name)
}

/// For the command: a name as it is shown in messages.
pub fn plain(name: &str) -> String {
    crate::error::plain(name).to_string()
}

/// For the command: a text with names and causes, as it is shown in messages.
pub fn plain_lines(text: &str) -> String {
    crate::error::plain_lines(text).to_string()
}

/// Resolves and checks the accessors of a composition, and collects the problems.
#[derive(Debug)]
pub struct Accessors<'a> {
    composition: &'a Composition,
    problems: Vec<TypedProblem>,
    /// What else is wrong.
    failed: Option<CompositionError>,
}

/// A resolved accessor.
#[derive(Clone, Debug)]
pub struct Accessor {
    /// `None` only while problems are collected; an accessor without a function is never returned
    /// to callers.
    func: Option<ExportFunc>,
}

impl<'a> Accessors<'a> {
    pub fn new(composition: &'a Composition) -> Self {
        Self { composition, problems: Vec::new(), failed: None }
    }

    pub fn function<R, const N: usize>(
        &mut self,
        (accessor, is_async): (&'static str, bool),
        (interface, function): (Option<&str>, &str),
        params: [Check; N],
        result: &Returned<R>,
    ) -> Accessor {
        match self.composition.find(interface, function) {
            Ok(func) => {
                let declared = (Some(accessor), Some(is_async));
                let param = |index: usize, ty: &ValueType| match params.get(index) {
                    Some(check) => check(ty),
                    None => Ok(()),
                };
                let problems = check_signature(&func, declared, (N, param), result.check);
                self.problems.extend(problems);
                Accessor { func: Some(func) }
            }
            Err(source) => {
                let accessor = accessor.to_owned();
                self.problems.push(TypedProblem::Lookup { accessor, source });
                Accessor { func: None }
            }
        }
    }

    /// `found` is what a composition gives for the accessor of a service.
    pub fn service<S>(
        &mut self,
        accessor: &'static str,
        found: Result<S, CompositionError>,
    ) -> Option<S> {
        match found {
            Ok(service) => return Some(service),
            Err(CompositionError::Lookup(source)) => {
                let accessor = accessor.to_owned();
                self.problems.push(TypedProblem::Lookup { accessor, source });
            }
            Err(CompositionError::Typed(error)) => {
                let problems = error.problems().iter().cloned();
                self.problems.extend(problems.map(|problem| problem.of_accessor(accessor)));
            }
            Err(other) => self.failed = Some(other),
        }
        None
    }

    pub fn finish(self) -> Result<(), CompositionError> {
        if self.problems.is_empty() {
            return self.failed.map_or(Ok(()), Err);
        }
        Err(TypedError::new(self.problems).into())
    }
}

impl Accessor {
    /// `args` and `result` have the types that were checked.
    pub async fn call<R, const N: usize>(
        &self,
        args: [Value; N],
        result: Returned<R>,
    ) -> Result<R, CompositionError> {
        match &self.func {
            Some(func) => crate::export::call(func, args.into(), result.from).await,
            None => Err(TypedError::new(Vec::new()).into()),
        }
    }
}

/// Checks a component type against a Rust type.
pub type Check = fn(&ValueType) -> Result<(), TypeDifference>;

/// The type of an accessor's parameter.
#[derive(Debug)]
pub struct Parameter<T> {
    pub check: Check,
    pub into: fn(T) -> Value,
}

/// The type that an accessor returns.
#[derive(Debug)]
pub struct Returned<R> {
    check: fn(&FunctionType) -> Result<(), TypeDifference>,
    from: fn(Value) -> Result<R, Unexpected>,
}

/// The only function that has bounds on a parameter's type, so that the compiler reports a wrong
/// type once.
pub fn parameter<T: IntoComponentValue>() -> Parameter<T> {
    Parameter { check: T::check, into: T::into_value }
}

/// The same for the type that is returned.
pub fn returned<R: FromComponentValue>() -> Returned<R> {
    Returned { check: check_result::<R>, from: R::from_value }
}

/// A service that was looked up; nothing is looked up in vain but where `finish` fails.
pub fn found<S>(service: Option<S>) -> Result<S, CompositionError> {
    service.ok_or_else(|| TypedError::new(Vec::new()).into())
}

/// The composition as an HTTP service.
#[cfg(feature = "http")]
pub fn http(composition: &Composition) -> Result<HttpService, CompositionError> {
    composition.http()
}

#[cfg(feature = "http")]
pub use crate::wasi::http::HttpService;

#[cfg(not(feature = "http"))]
pub fn http<C: ServesHttp>(_: &C) -> Result<HttpService, CompositionError> {
    Err(TypedError::new(Vec::new()).into())
}

/// Stands for the service without the feature.
#[cfg(not(feature = "http"))]
#[derive(Clone, Debug)]
pub enum HttpService {}

/// Stands for the method without the feature, so that the compiler's message names the feature.
#[cfg(not(feature = "http"))]
#[diagnostic::on_unimplemented(
    message = "`export http` needs the feature `http` of `wasm-runtime-composer`",
    label = "turn the feature on to call the composition as an HTTP service"
)]
pub trait ServesHttp {}

/// Gives the future of an expression a type that names its outcome.
pub fn composing<T>(
    composing: impl Future<Output = Result<T, CompositionError>>,
) -> impl Future<Output = Result<T, CompositionError>> {
    composing
}

/// Tells the compiler the output type of an `async` block of `compose!`. The value is always
/// `None`.
pub fn returns<T>() -> Option<T> {
    None
}

/// Where a group of `compose!` runs: a linker, and the constructor of its stores.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no place for what is fused",
    label = "expected a tuple of a `Linker<T>` and a function that gives `Store<T>`s",
    note = "the function is `Send`, `Sync` and `'static`: `(linker, move || Store::new(&engine, state()))`"
)]
pub trait Place {
    type Data: Send + 'static;
    type Stores: Fn() -> Store<Self::Data> + Send + Sync + 'static;

    fn parts(self) -> (Linker<Self::Data>, Self::Stores);
}

impl<T: Send + 'static, S: Fn() -> Store<T> + Send + Sync + 'static> Place for (Linker<T>, S) {
    type Data = T;
    type Stores = S;

    fn parts(self) -> Self {
        self
    }
}

/// Fuses a group of `compose!`.
#[cfg(feature = "fuse")]
pub fn fused<P: Place>(group: Composer, place: P) -> ComposableComponent<P::Data> {
    let (linker, store) = place.parts();
    group.fused(linker, store)
}

#[cfg(not(feature = "fuse"))]
pub fn fused<P: Place, C: Fuses>(group: C, place: P) -> ComposableComponent<P::Data> {
    group.fused(place)
}

/// Stands for the trait without the feature, so that the compiler's message names the feature.
#[cfg(not(feature = "fuse"))]
#[diagnostic::on_unimplemented(
    message = "`fused` needs the feature `fuse` of `wasm-runtime-composer`",
    label = "turn the feature on to place components together"
)]
pub trait Fuses {
    fn fused<P: Place>(self, place: P) -> ComposableComponent<P::Data>;
}

/// What types, clients and hosts made from WIT use.
#[cfg(feature = "wit")]
pub mod wit {
    use std::sync::Arc;

    pub use bitflags::bitflags;
    pub use wasmtime::Result;

    pub use crate::__wit_flags as flags;
    pub use crate::__wit_resource as resource;
    use crate::compose::Composition;
    pub use crate::typed::Bound;

    /// Keeps the functions of a client, for the methods of its composition's handles.
    pub fn bind<F: Send + Sync + 'static>(composition: &Composition, functions: &Arc<F>) {
        composition.bind(functions);
    }
}

/// What `#[derive(ComponentValue)]` uses to build values and to take them apart.
pub mod value {
    use std::sync::Arc;

    pub use super::Check;
    use crate::error::TypeDifference;
    pub use crate::typed::{Fields, HostTypes};
    use crate::typed::{FromComponentValue, Unexpected};
    use crate::types::ValueType;
    use crate::value::Value;

    /// Describes one part of a type.
    pub type Describe = fn(&HostTypes) -> Result<ValueType, Unexpected>;

    pub fn describe_record(
        types: &HostTypes,
        fields: &[(&str, Describe)],
    ) -> Result<ValueType, Unexpected> {
        let fields = fields.iter().map(|(name, ty)| Ok(((*name).into(), ty(types)?)));
        Ok(ValueType::Record(fields.collect::<Result<_, Unexpected>>()?))
    }

    pub fn describe_tuple(types: &HostTypes, fields: &[Describe]) -> Result<ValueType, Unexpected> {
        let fields = fields.iter().map(|ty| ty(types));
        Ok(ValueType::Tuple(fields.collect::<Result<_, Unexpected>>()?))
    }

    pub fn describe_variant(
        types: &HostTypes,
        cases: &[(&str, Option<Describe>)],
    ) -> Result<ValueType, Unexpected> {
        let cases = cases.iter().map(|(name, ty)| {
            let payload = ty.map(|ty| ty(types)).transpose()?;
            Ok(((*name).into(), payload))
        });
        Ok(ValueType::Variant(cases.collect::<Result<_, Unexpected>>()?))
    }

    pub fn describe_enum(cases: &[&str]) -> Result<ValueType, Unexpected> {
        Ok(ValueType::Enum(names(cases)))
    }

    pub fn describe_flags(flags: &[&str]) -> Result<ValueType, Unexpected> {
        Ok(ValueType::Flags(names(flags)))
    }

    fn names(names: &[&str]) -> Arc<[Arc<str>]> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    pub fn check_record(
        ty: &ValueType,
        rust: &str,
        fields: &[(&str, Check)],
    ) -> Result<(), TypeDifference> {
        let ValueType::Record(found) = ty else { return Err(TypeDifference::new(rust, ty)) };
        let declared = fields.iter().map(|(name, _)| *name);
        check_members(("field", rust), ty, found.iter().map(|(name, _)| &**name), declared)?;
        for ((name, check), (_, ty)) in fields.iter().zip(found.iter()) {
            check(ty).map_err(|difference| difference.within(format!("field `{name}`")))?;
        }
        Ok(())
    }

    pub fn check_tuple(ty: &ValueType, rust: &str, fields: &[Check]) -> Result<(), TypeDifference> {
        match ty {
            ValueType::Tuple(found) if found.len() == fields.len() => {
                for (i, (check, ty)) in fields.iter().zip(found.iter()).enumerate() {
                    check(ty)
                        .map_err(|difference| difference.within(format!("tuple element {i}")))?;
                }
                Ok(())
            }
            _ => Err(TypeDifference::new(rust, ty)),
        }
    }

    pub fn check_variant(
        ty: &ValueType,
        rust: &str,
        cases: &[(&str, Option<Check>)],
    ) -> Result<(), TypeDifference> {
        let ValueType::Variant(found) = ty else { return Err(TypeDifference::new(rust, ty)) };
        let declared = cases.iter().map(|(name, _)| *name);
        check_members(("case", rust), ty, found.iter().map(|(name, _)| &**name), declared)?;
        for ((name, check), (_, ty)) in cases.iter().zip(found.iter()) {
            let result = match (check, ty) {
                (None, None) => Ok(()),
                (Some(check), Some(ty)) => check(ty),
                (None, Some(ty)) => Err(TypeDifference::new("no payload", ty)),
                (Some(_), None) => Err(TypeDifference::new_text("a payload", "no payload")),
            };
            result.map_err(|difference| difference.within(format!("case `{name}`")))?;
        }
        Ok(())
    }

    pub fn check_enum(ty: &ValueType, rust: &str, cases: &[&str]) -> Result<(), TypeDifference> {
        let ValueType::Enum(found) = ty else { return Err(TypeDifference::new(rust, ty)) };
        check_members(("case", rust), ty, found.iter().map(|it| &**it), cases.iter().copied())
    }

    pub fn check_flags(ty: &ValueType, rust: &str, flags: &[&str]) -> Result<(), TypeDifference> {
        let ValueType::Flags(found) = ty else { return Err(TypeDifference::new(rust, ty)) };
        check_members(("flag", rust), ty, found.iter().map(|it| &**it), flags.iter().copied())
    }

    /// Checks that two types have members of the same names, in the same order.
    fn check_members<'a>(
        kind: (&str, &str),
        ty: &ValueType,
        found: impl Iterator<Item = &'a str> + Clone,
        declared: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), TypeDifference> {
        if found.clone().eq(declared.clone()) {
            return Ok(());
        }
        Err(TypeDifference::members(kind, ty, found, &declared.collect::<Vec<_>>()))
    }

    pub fn fields(fields: impl Into<Vec<Value>>) -> Value {
        Value::Fields(fields.into())
    }

    pub fn case(index: u32, payload: Option<Value>) -> Value {
        Value::Case(index, payload.map(Box::new))
    }

    pub fn flags(bits: u32) -> Value {
        Value::Flags(bits)
    }

    pub fn take_case(value: Value) -> Result<(u32, Option<Value>), Unexpected> {
        match value {
            Value::Case(case, payload) => Ok((case, payload.map(|payload| *payload))),
            other => Err(Unexpected(format!("expected a case, found {other:?}"))),
        }
    }

    pub fn payload<T: FromComponentValue>(payload: Option<Value>) -> Result<T, Unexpected> {
        T::from_value(payload.ok_or_else(|| Unexpected("a payload is missing".to_owned()))?)
    }

    pub fn no_payload(payload: Option<Value>) -> Result<(), Unexpected> {
        match payload {
            None => Ok(()),
            Some(value) => Err(Unexpected(format!("expected no payload, found {value:?}"))),
        }
    }

    pub fn unexpected_case(case: u32) -> Unexpected {
        Unexpected(format!("found case {case}, of which there is none"))
    }

    pub fn take_flags(value: Value) -> Result<u32, Unexpected> {
        match value {
            Value::Flags(bits) => Ok(bits),
            other => Err(Unexpected(format!("expected flags, found {other:?}"))),
        }
    }
}
