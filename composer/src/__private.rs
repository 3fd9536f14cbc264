//! What macros expand to. Not part of the public interface: it may change in any release.

#[cfg(feature = "macros")]
pub use wasm_runtime_composer_macros::compose_impl;
pub use wasmtime::Store;
pub use wasmtime::component::Linker;

use std::future::Future;

use crate::composable::ComposableComponent;
#[cfg(feature = "fuse")]
use crate::composer::Composer;
use crate::composition::Composition;
use crate::error::{CompositionError, TypedError, TypedProblem};
use crate::export::ExportFunc;
use crate::typed::{FromComponentValue, Params, check_signature};

pub use crate::typed::Unexpected;
pub use crate::value::Value;

/// Has every call of this process go through an inbox from now on, for tests of that way.
pub fn never_call_in_place() {
    crate::driver::never_in_place();
}

/// Resolves and checks the accessors of a composition, and collects what is wrong with them.
#[derive(Debug)]
pub struct Accessors<'a> {
    composition: &'a Composition,
    problems: Vec<TypedProblem>,
}

/// A resolved accessor.
#[derive(Clone, Debug)]
pub struct Accessor {
    /// Empty only while problems are collected; then no accessor is called.
    func: Option<ExportFunc>,
}

impl<'a> Accessors<'a> {
    pub fn new(composition: &'a Composition) -> Self {
        Self { composition, problems: Vec::new() }
    }

    pub fn function<P: Params, R: FromComponentValue + 'static>(
        &mut self,
        accessor: &'static str,
        interface: Option<&str>,
        function: &str,
        is_async: bool,
    ) -> Accessor {
        match self.composition.find(interface, function) {
            Ok(func) => {
                let problems = check_signature::<P, R>(&func, Some(accessor), Some(is_async));
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

    pub fn finish(self) -> Result<(), CompositionError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(TypedError::new(self.problems).into())
    }
}

impl Accessor {
    pub fn call<P: Params, R: FromComponentValue>(
        &self,
        params: P,
    ) -> impl Future<Output = Result<R, CompositionError>> + Send + use<'_, P, R> {
        let args = params.into_values();
        async move {
            match &self.func {
                Some(func) => crate::typed::call(func, args).await,
                None => Err(TypedError::new(Vec::new()).into()),
            }
        }
    }
}

/// Says what an `async` block of `compose!` gives: nothing ever comes of it.
pub fn returns<T>() -> Option<T> {
    None
}

/// A group of `compose!`, for its linker and its constructor of stores.
#[cfg(feature = "fuse")]
pub fn fused<T, S>(group: Composer, (linker, store): (Linker<T>, S)) -> ComposableComponent<T>
where
    T: Send + 'static,
    S: Fn() -> Store<T> + Send + Sync + 'static,
{
    group.fused(linker, store)
}

#[cfg(not(feature = "fuse"))]
pub fn fused<T: 'static, S, C: Fuses>(group: C, place: (Linker<T>, S)) -> ComposableComponent<T> {
    group.fused(place)
}

/// What nothing does without the feature.
#[cfg(not(feature = "fuse"))]
#[diagnostic::on_unimplemented(
    message = "`fused` needs the feature `fuse` of `wasm-runtime-composer`",
    label = "turn the feature on to place components together"
)]
pub trait Fuses {
    fn fused<T: 'static, S>(self, place: (Linker<T>, S)) -> ComposableComponent<T>;
}

/// What `#[derive(ComponentValue)]` builds values with, and takes them apart.
pub mod value {
    use std::sync::Arc;

    use crate::plan::types::ValueType;
    pub use crate::typed::{Fields, HostTypes};
    use crate::typed::{FromComponentValue, TypeDifference, Unexpected};
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

    /// Checks one part of a type.
    pub type Check = fn(&ValueType) -> Result<(), TypeDifference>;

    pub fn check_record(
        ty: &ValueType,
        rust: &str,
        fields: &[(&str, Check)],
    ) -> Result<(), TypeDifference> {
        let ValueType::Record(found) = ty else { return Err(TypeDifference::new(rust, ty)) };
        if !found.iter().map(|(name, _)| &**name).eq(fields.iter().map(|(name, _)| *name)) {
            let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
            let rust = format!("{rust} {{ {} }}", names.join(", "));
            return Err(TypeDifference::new(rust, ty));
        }
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
        if !found.iter().map(|(name, _)| &**name).eq(cases.iter().map(|(name, _)| *name)) {
            let names: Vec<_> = cases.iter().map(|(name, _)| *name).collect();
            let rust = format!("{rust} {{ {} }}", names.join(", "));
            return Err(TypeDifference::new(rust, ty));
        }
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
        match ty {
            ValueType::Enum(found) if found.iter().map(|it| &**it).eq(cases.iter().copied()) => {
                Ok(())
            }
            _ => {
                let rust = format!("{rust} {{ {} }}", cases.join(", "));
                Err(TypeDifference::new(rust, ty))
            }
        }
    }

    pub fn check_flags(ty: &ValueType, rust: &str, flags: &[&str]) -> Result<(), TypeDifference> {
        match ty {
            ValueType::Flags(found) if found.iter().map(|it| &**it).eq(flags.iter().copied()) => {
                Ok(())
            }
            _ => {
                let rust = format!("{rust} {{ {} }}", flags.join(", "));
                Err(TypeDifference::new(rust, ty))
            }
        }
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
