//! Parameter lists.

use super::{IntoComponentValue, tuples};
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

mod sealed {
    #[expect(unnameable_types, reason = "sealed: no name, no implementation")]
    pub trait Sealed {}
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
    )*};
}

params! { 0: ; }
tuples!(params);
