//! Parameter lists: tuples of component values. The traits are sealed, as the conversions rely on
//! the number and order of elements.

use super::{FromComponentValue, HostTypes, IntoComponentValue, Unexpected, tuples};
use crate::error::TypeDifference;
use crate::types::ValueType;
use crate::value::Value;

/// The parameters of a typed function: a tuple of up to 12, `(T,)` for one and `()` for none.
///
/// This trait is sealed: it cannot be implemented outside this crate.
pub trait Params: sealed::Sealed {
    #[doc(hidden)]
    const COUNT: usize;

    #[doc(hidden)]
    fn check(index: usize, ty: &ValueType) -> Result<(), TypeDifference>;

    #[doc(hidden)]
    fn into_values(self) -> Vec<Value>;
}

/// The parameters of a function that is implemented in Rust, or whose calls a layer examines: up to
/// 12 component values.
///
/// This trait is sealed: it cannot be implemented outside this crate.
pub trait HostParams: sealed::SealedHost + Sized + 'static {
    #[doc(hidden)]
    const COUNT: usize;

    #[doc(hidden)]
    fn check(index: usize, ty: &ValueType) -> Result<(), TypeDifference>;

    #[doc(hidden)]
    fn describe(types: &HostTypes) -> Result<Vec<ValueType>, Unexpected>;

    #[doc(hidden)]
    fn from_values(values: Vec<Value>) -> Result<Self, Unexpected>;
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed: no name, no implementation")]
    pub trait Sealed {}

    #[expect(unnameable_types, reason = "sealed: no name, no implementation")]
    pub trait SealedHost {}
}

macro_rules! params {
    ($($count:literal: $($name:ident $index:tt)*;)*) => {$(
        impl<$($name: IntoComponentValue),*> sealed::Sealed for ($($name,)*) {}

        impl<$($name: IntoComponentValue),*> Params for ($($name,)*) {
            const COUNT: usize = $count;

            #[allow(unused_variables, reason = "there may be no parameter")]
            fn check(index: usize, ty: &ValueType) -> Result<(), TypeDifference> {
                match index {
                    $($index => $name::check(ty),)*
                    _ => Ok(()),
                }
            }

            fn into_values(self) -> Vec<Value> {
                vec![$(self.$index.into_value()),*]
            }
        }

        impl<$($name: FromComponentValue + 'static),*> sealed::SealedHost for ($($name,)*) {}

        impl<$($name: FromComponentValue + 'static),*> HostParams for ($($name,)*) {
            const COUNT: usize = $count;

            #[allow(unused_variables, reason = "there may be no parameter")]
            fn check(index: usize, ty: &ValueType) -> Result<(), TypeDifference> {
                match index {
                    $($index => $name::check(ty),)*
                    _ => Ok(()),
                }
            }

            #[allow(unused_variables, reason = "there may be no parameter")]
            fn describe(types: &HostTypes) -> Result<Vec<ValueType>, Unexpected> {
                Ok(vec![$($name::describe(types)?),*])
            }

            fn from_values(values: Vec<Value>) -> Result<Self, Unexpected> {
                let found = values.len();
                #[allow(unused_mut, unused_variables, reason = "there may be no parameter")]
                let mut values = values.into_iter();
                let wrong = || Unexpected(format!("expected {} arguments, found {found}", $count));
                if found != $count {
                    return Err(wrong());
                }
                Ok(($($name::from_value(values.next().ok_or_else(wrong)?)?,)*))
            }
        }
    )*};
}

params! { 0: ; }
tuples!(params);
