//! Rust functions as functions of an interface.

use crate::run::ProviderError;
use crate::typed::{HostTypes, IntoComponentValue, Unexpected, describe_side, tuples};
use crate::types::ValueType;
use crate::value::Value;

/// A Rust function with the parameters `P`: `Fn(A, B) -> R` for `(A, B)`.
///
/// This trait is sealed: it cannot be implemented outside this crate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no function of component values",
    note = "it is a closure or `fn` with up to 12 parameters, whose types are written and are \
            component values; it is `Send`, `Sync` and `'static`"
)]
pub trait HostFunc<P, R>: sealed::SealedFunc<P, R> + Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, params: P) -> R;
}

/// What a function implemented in Rust can return: a component value, `()`, or a
/// [`wasmtime::Result`] of them.
#[diagnostic::on_unimplemented(
    message = "a component cannot be given `{Self}`",
    note = "derive `ComponentValue` for a type of your own; errors are `wasmtime::Error`s"
)]
pub trait HostReturn {
    #[doc(hidden)]
    fn describe(types: &HostTypes) -> Result<Option<ValueType>, Unexpected>;

    #[doc(hidden)]
    fn into_result(self) -> Result<Option<Value>, ProviderError>;
}

impl<T: IntoComponentValue + 'static> HostReturn for T {
    fn describe(types: &HostTypes) -> Result<Option<ValueType>, Unexpected> {
        describe_side::<T>(types)
    }

    fn into_result(self) -> Result<Option<Value>, ProviderError> {
        Ok((!T::IS_UNIT).then(|| self.into_value()))
    }
}

impl<T: IntoComponentValue + 'static> HostReturn for wasmtime::Result<T> {
    fn describe(types: &HostTypes) -> Result<Option<ValueType>, Unexpected> {
        describe_side::<T>(types)
    }

    fn into_result(self) -> Result<Option<Value>, ProviderError> {
        self?.into_result()
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed: no name, no implementation")]
    pub trait SealedFunc<P, R> {}
}

macro_rules! functions {
    ($($count:literal: $($name:ident $index:tt)*;)*) => {$(
        impl<Func, Ret, $($name),*> sealed::SealedFunc<($($name,)*), Ret> for Func
        where
            Func: Fn($($name),*) -> Ret,
        {}

        impl<Func, Ret, $($name),*> HostFunc<($($name,)*), Ret> for Func
        where
            Func: Fn($($name),*) -> Ret + Send + Sync + 'static,
        {
            #[allow(unused_variables, reason = "there may be no parameter")]
            fn call(&self, params: ($($name,)*)) -> Ret {
                self($(params.$index),*)
            }
        }
    )*};
}

functions! { 0: ; }
tuples!(functions);
