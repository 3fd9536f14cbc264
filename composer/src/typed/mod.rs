//! Rust types as component values: what [`Composition::typed`](crate::Composition::typed), accessors of `compose!` and
//! functions of a [`HostInterface`](crate::HostInterface) take and return.
//!
//! Numbers, strings, vectors, tuples, options and results of the standard library are component values, and so are types
//! of your own with `#[derive(ComponentValue)]`. A resource is an [`OwnedResource`], or lent as a reference to one; a
//! stream is a [`ComponentStream`], a future a [`ComponentFuture`].

// Rust types as component values: checked against a function's type while composing, converted
// without `Val` when calling.
//
// A Rust type fits a component type by its shape: numbers of the same size, the same fields or
// cases in the same order. The check is made once ([`ComponentType::check`]); the conversions that
// follow rely on it and do not compare names again, so they cannot fail except by a mistake of an
// implementation ([`Unexpected`]). Passing and returning are traits of their own, as a reference
// can be passed but not returned.
//
// `impls.rs` has the standard library's types, `pointers.rs` references and smart pointers,
// `handle.rs` and `stream.rs` resources, streams and futures, `params.rs` parameter lists, `bound.rs` resources of types
// made from WIT.
// `check.rs` compares whole signatures. The derive macro for the application's own types is in
// `composer-macros`.

#[cfg(feature = "wit")]
mod bound;
mod check;
mod handle;
mod impls;
mod moved;
mod params;
mod pointers;
mod stream;

#[cfg(feature = "wit")]
#[doc(hidden)]
pub use bound::Bound;
pub use handle::OwnedResource;
pub use moved::Moved;
pub use params::{HostParams, Params};
pub use stream::{ComponentFuture, ComponentStream};

pub(crate) use check::{check_params, check_result};
#[doc(hidden)]
pub use impls::Fields;
pub(crate) use impls::describe_side;

use std::any::TypeId;
use std::sync::Arc;

use crate::error::{TypeDifference, rust_name};
use crate::types::ValueType;
use crate::value::{Value, primitives};

/// Expands a macro with every tuple length that is supported: the length, then each element's type
/// parameter and index.
macro_rules! tuples {
    ($expand:ident) => {
        $expand! {
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
    };
}
pub(crate) use tuples;

/// A Rust type that stands for one or several types of the component model.
///
/// | Rust | component model |
/// |---|---|
/// | `bool`, `u8`..`u64`, `i8`..`i64`, `f32`, `f64`, `char` | `bool`, `u8`..`u64`, `s8`..`s64`, `f32`, `f64`, `char` |
/// | `String`, `str` | `string` |
/// | `Vec<T>`, `[T]` | `list<T>` |
/// | `[T; N]` | `list<T, N>`, and by reference `list<T>` |
/// | `Option<T>`, `Result<A, B>` | `option<T>`, `result<A, B>`; `()` is no payload |
/// | tuples up to 12 | `tuple<..>` |
/// | `HashMap<K, V>`, `BTreeMap<K, V>` | `map<K, V>` |
/// | [`OwnedResource`], `&OwnedResource` | an owned handle, a borrowed one |
/// | [`ComponentStream<T>`], [`ComponentFuture<T>`] | `stream<T>`, `future<T>`; `()` is no type |
/// | `Box<T>` | what `T` is |
/// | `&T`, `Cow<T>`, `Arc<T>`, `Rc<T>` | what `T` is, with borrowed handles for owned ones |
/// | types with `#[derive(ComponentValue)]` | record, tuple, variant, enum, flags |
///
/// They nest: `Vec<&str>`, `Option<&Ticket>` and `&[(Id, Cow<str>)]` are parameters like any other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of component values",
    note = "derive `ComponentValue` for a type of your own",
    note = "for `usize`, which is not of the same size everywhere, use `u32` or `u64`"
)]
pub trait ComponentType {
    /// Whether the type is `()`, which stands for the absence of a result or payload.
    #[doc(hidden)]
    const IS_UNIT: bool = false;

    /// Checks that values of `ty` are values of this type.
    ///
    /// # Errors
    ///
    /// The first difference, with the path to it.
    fn check(ty: &ValueType) -> Result<(), TypeDifference>;

    /// The component type of this Rust type, for functions that are implemented in Rust.
    #[doc(hidden)]
    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        let _ = types;
        let rust = rust_name::<Self>();
        Err(Unexpected(format!("takes or returns `{rust}`, which has no type here")))
    }
}

/// The resources that functions of an interface implemented in Rust can use.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct HostTypes {
    /// The names of the interface's resources, each with the id of the Rust type that its values
    /// have.
    pub(crate) resources: Vec<(TypeId, Arc<str>)>,
}

/// A Rust type that can be passed to a component.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed to a component",
    note = "derive `ComponentValue` for a type of your own",
    note = "for `usize`, which is not of the same size everywhere, use `u32` or `u64`"
)]
pub trait IntoComponentValue: ComponentType {
    /// Converts the value, for a function whose type was checked.
    #[doc(hidden)]
    fn into_value(self) -> Value;

    /// Converts a list of values. A list of numbers is moved as a whole.
    #[doc(hidden)]
    fn list_into_value(list: Vec<Self>) -> Value
    where
        Self: Sized,
    {
        pack(list.into_iter().map(Self::into_value).collect())
    }
}

/// A Rust type that can be passed to a component by reference: `&T`, at any depth, and within a
/// [`Cow`](std::borrow::Cow), an [`Arc`] or an [`Rc`](std::rc::Rc).
///
/// The value is copied, except for handles of resources, which are lent for the call: where `T` has
/// `own<r>`, `&T` has `borrow<r>`. Streams and futures can only be moved, so they are passed by
/// value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed to a component by reference",
    note = "derive `ComponentValue` for a type of your own; streams and futures move: pass them by value"
)]
pub trait ToComponentValue: ComponentType {
    /// [`ComponentType::check`] for `&Self`.
    #[doc(hidden)]
    fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
        Self::check(ty)
    }

    /// `ComponentType::describe` for `&Self`.
    #[doc(hidden)]
    fn describe_ref(types: &HostTypes) -> Result<ValueType, Unexpected> {
        Self::describe(types)
    }

    /// Converts the value, for a function whose type was checked.
    #[doc(hidden)]
    fn to_value(&self) -> Value;

    /// Converts a list of values. A list of numbers is copied as a whole.
    #[doc(hidden)]
    fn list_to_value(list: &[Self]) -> Value
    where
        Self: Sized,
    {
        pack(list.iter().map(Self::to_value).collect())
    }
}

/// A Rust type that a component can return.
#[diagnostic::on_unimplemented(
    message = "a component cannot return `{Self}`",
    note = "derive `ComponentValue` for a type of your own; a result that borrows is none",
    note = "for `usize`, which is not of the same size everywhere, use `u32` or `u64`"
)]
pub trait FromComponentValue: ComponentType + Sized {
    /// Converts a value whose type was checked.
    #[doc(hidden)]
    fn from_value(value: Value) -> Result<Self, Unexpected>;

    /// Converts a list. A list of numbers is moved as a whole.
    #[doc(hidden)]
    fn list_from_value(list: Value) -> Result<Vec<Self>, Unexpected> {
        match unpack(list) {
            Ok(values) => values.into_iter().map(Self::from_value).collect(),
            Err(other) => Err(Unexpected::new::<Vec<Self>>(&other)),
        }
    }
}

/// A Rust type that can be passed to components and returned by them. Derive it for your own types.
pub trait ComponentValue: IntoComponentValue + FromComponentValue {}

impl<T: IntoComponentValue + FromComponentValue> ComponentValue for T {}

macro_rules! packing {
    ($($ty:ident $list:ident $rust:ident $val:ident),*) => {
        /// Makes a list of values that were converted one by one, as a Rust type of the
        /// application's may be a number for the component. Numbers become a vector of numbers.
        fn pack(values: Vec<Value>) -> Value {
            match values.first() {
                $(Some(Value::$ty(_)) => {
                    let number = |value: &Value| match value {
                        Value::$ty(number) => Some(*number),
                        _ => None,
                    };
                    values.iter().map(number).collect::<Option<_>>().map_or(Value::List(values), Value::$list)
                })*
                _ => Value::List(values),
            }
        }

        /// The values of a list; the value itself if it is not a list.
        fn unpack(list: Value) -> Result<Vec<Value>, Value> {
            match list {
                $(Value::$list(list) => Ok(list.into_iter().map(Value::$ty).collect()),)*
                Value::List(values) => Ok(values),
                other => Err(other),
            }
        }
    };
}
primitives!(packing);

/// A value that does not have the type that was checked: a bug of this library, or of an
/// implementation that was not derived.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unexpected(pub(crate) String);

impl Unexpected {
    pub(crate) fn new<T>(value: &Value) -> Self {
        Self(format!("expected {}, found {value:?}", std::any::type_name::<T>()))
    }
}
