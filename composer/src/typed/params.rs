//! Parameter lists.

use super::IntoComponentValue;
use super::check::TypeDifference;
use crate::plan::types::ValueType;
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

macro_rules! tuples {
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

tuples! {
    0: ;
    1: A 0;
    2: A 0 B 1;
    3: A 0 B 1 C 2;
    4: A 0 B 1 C 2 D 3;
    5: A 0 B 1 C 2 D 3 E 4;
    6: A 0 B 1 C 2 D 3 E 4 F 5;
    7: A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    8: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
    9: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8;
    10: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9;
    11: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10;
    12: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11;
}
