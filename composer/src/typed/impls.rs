//! Component values of the standard library's types.
//!
//! Lists of numbers and bytes are moved or copied as a whole (`list_into_value`,
//! `list_from_value`). `()` has no component type: it stands for the absence of a result or
//! payload.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::check::{part, shape};
use super::{
    ComponentType, FromComponentValue, HostTypes, IntoComponentValue, ToComponentValue, Unexpected,
    tuples,
};
use crate::error::{TypeDifference, rust_name};
use crate::types::ValueType;
use crate::value::{ERR, NONE, OK, SOME, Value, primitives};

macro_rules! primitive {
    ($($ty:ident $list:ident $rust:ident $val:ident),*) => {$(
        impl ComponentType for $rust {
            fn check(ty: &ValueType) -> Result<(), TypeDifference> {
                match ty {
                    ValueType::$ty => Ok(()),
                    _ => shape::<Self, _>(ty),
                }
            }

            fn describe(_: &HostTypes) -> Result<ValueType, Unexpected> {
                Ok(ValueType::$ty)
            }
        }

        impl IntoComponentValue for $rust {
            fn into_value(self) -> Value {
                Value::$ty(self)
            }

            fn list_into_value(list: Vec<Self>) -> Value {
                Value::$list(list)
            }
        }

        impl ToComponentValue for $rust {
            fn to_value(&self) -> Value {
                Value::$ty(*self)
            }

            fn list_to_value(list: &[Self]) -> Value {
                Value::$list(list.to_vec())
            }
        }

        impl FromComponentValue for $rust {
            fn from_value(value: Value) -> Result<Self, Unexpected> {
                match value {
                    Value::$ty(value) => Ok(value),
                    other => Err(Unexpected::new::<Self>(&other)),
                }
            }

            fn list_from_value(list: Value) -> Result<Vec<Self>, Unexpected> {
                match list {
                    Value::$list(list) => Ok(list),
                    // An empty list has no first element from which to tell its type.
                    Value::List(list) if list.is_empty() => Ok(Vec::new()),
                    other => Err(Unexpected::new::<Vec<Self>>(&other)),
                }
            }
        }
    )*};
}
primitives!(primitive);

impl ComponentType for String {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        match ty {
            ValueType::String => Ok(()),
            _ => shape::<Self, _>(ty),
        }
    }

    fn describe(_: &HostTypes) -> Result<ValueType, Unexpected> {
        Ok(ValueType::String)
    }
}

impl IntoComponentValue for String {
    fn into_value(self) -> Value {
        Value::String(self)
    }
}

impl FromComponentValue for String {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        match value {
            Value::String(value) => Ok(value),
            other => Err(Unexpected::new::<Self>(&other)),
        }
    }
}

impl ToComponentValue for String {
    fn to_value(&self) -> Value {
        Value::String(self.clone())
    }
}

impl ComponentType for str {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        match ty {
            ValueType::String => Ok(()),
            _ => shape::<&Self, _>(ty),
        }
    }

    fn describe(_: &HostTypes) -> Result<ValueType, Unexpected> {
        Ok(ValueType::String)
    }
}

impl ToComponentValue for str {
    fn to_value(&self) -> Value {
        Value::String(self.to_owned())
    }
}

impl<T: ToComponentValue + ?Sized> ComponentType for &T {
    const IS_UNIT: bool = T::IS_UNIT;

    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        T::check_ref(ty)
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        T::describe_ref(types)
    }
}

impl<T: ToComponentValue + ?Sized> IntoComponentValue for &T {
    fn into_value(self) -> Value {
        self.to_value()
    }
}

impl<T: ToComponentValue + ?Sized> ToComponentValue for &T {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

/// Checks that `ty` is a list of `T`s. `L` is the Rust type to name in a difference.
fn check_list<T: ComponentType, L: ?Sized>(ty: &ValueType) -> Result<(), TypeDifference> {
    match ty {
        ValueType::List(element) => part::<T>(element, "list element"),
        _ => shape::<L, _>(ty),
    }
}

fn describe_list<T: ComponentType>(types: &HostTypes) -> Result<ValueType, Unexpected> {
    Ok(ValueType::List(T::describe(types)?.into()))
}

impl<T: ComponentType> ComponentType for Vec<T> {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        check_list::<T, Self>(ty)
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        describe_list::<T>(types)
    }
}

impl<T: IntoComponentValue> IntoComponentValue for Vec<T> {
    fn into_value(self) -> Value {
        T::list_into_value(self)
    }
}

impl<T: ToComponentValue> ToComponentValue for Vec<T> {
    fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
        check_list::<&T, &Self>(ty)
    }

    fn describe_ref(types: &HostTypes) -> Result<ValueType, Unexpected> {
        describe_list::<&T>(types)
    }

    fn to_value(&self) -> Value {
        T::list_to_value(self)
    }
}

impl<T: FromComponentValue> FromComponentValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        T::list_from_value(value)
    }
}

impl<T: ComponentType> ComponentType for [T] {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        check_list::<T, Self>(ty)
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        describe_list::<T>(types)
    }
}

impl<T: ToComponentValue> ToComponentValue for [T] {
    fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
        check_list::<&T, &Self>(ty)
    }

    fn describe_ref(types: &HostTypes) -> Result<ValueType, Unexpected> {
        describe_list::<&T>(types)
    }

    fn to_value(&self) -> Value {
        T::list_to_value(self)
    }
}

fn describe_array<T: ComponentType, const N: usize>(
    types: &HostTypes,
) -> Result<ValueType, Unexpected> {
    let len = u32::try_from(N).map_err(|_| Unexpected(format!("{N} elements are too many")))?;
    Ok(ValueType::FixedLengthList(T::describe(types)?.into(), len))
}

impl<T: ComponentType, const N: usize> ComponentType for [T; N] {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        match ty {
            ValueType::FixedLengthList(element, n) if *n as usize == N => {
                part::<T>(element, "list element")
            }
            _ => shape::<Self, _>(ty),
        }
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        describe_array::<T, N>(types)
    }
}

impl<T: IntoComponentValue, const N: usize> IntoComponentValue for [T; N] {
    fn into_value(self) -> Value {
        T::list_into_value(self.into())
    }
}

impl<T: ToComponentValue, const N: usize> ToComponentValue for [T; N] {
    fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
        match ty {
            ValueType::FixedLengthList(element, n) if *n as usize == N => {
                part::<&T>(element, "list element")
            }
            _ => check_list::<&T, &Self>(ty),
        }
    }

    fn describe_ref(types: &HostTypes) -> Result<ValueType, Unexpected> {
        describe_array::<&T, N>(types)
    }

    fn to_value(&self) -> Value {
        T::list_to_value(self)
    }
}

impl<T: FromComponentValue, const N: usize> FromComponentValue for [T; N] {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        let list = T::list_from_value(value)?;
        list.try_into().map_err(|list: Vec<T>| {
            Unexpected(format!("expected a list of {N} elements, found {}", list.len()))
        })
    }
}

/// Checks that `ty` is an option of `T`. `O` is the Rust type to name in a difference.
fn check_option<T: ComponentType, O>(ty: &ValueType) -> Result<(), TypeDifference> {
    match ty {
        ValueType::Option(payload) => part::<T>(payload, "option payload"),
        _ => shape::<O, _>(ty),
    }
}

impl<T: ComponentType> ComponentType for Option<T> {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        check_option::<T, Self>(ty)
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        Ok(ValueType::Option(T::describe(types)?.into()))
    }
}

impl<T: IntoComponentValue> IntoComponentValue for Option<T> {
    fn into_value(self) -> Value {
        match self {
            None => Value::Case(NONE, None),
            Some(value) => Value::Case(SOME, Some(Box::new(value.into_value()))),
        }
    }
}

impl<T: ToComponentValue> ToComponentValue for Option<T> {
    fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
        check_option::<&T, &Self>(ty)
    }

    fn describe_ref(types: &HostTypes) -> Result<ValueType, Unexpected> {
        Option::<&T>::describe(types)
    }

    fn to_value(&self) -> Value {
        self.as_ref().into_value()
    }
}

impl<T: FromComponentValue> FromComponentValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        match value {
            Value::Case(NONE, None) => Ok(None),
            Value::Case(SOME, Some(payload)) => T::from_value(*payload).map(Some),
            other => Err(Unexpected::new::<Self>(&other)),
        }
    }
}

/// Checks one side of a `result`; `()` stands for no payload.
pub(super) fn side<T: ComponentType>(
    ty: Option<&ValueType>,
    step: &str,
) -> Result<(), TypeDifference> {
    match ty {
        Some(ty) => part::<T>(ty, step),
        None if T::IS_UNIT => Ok(()),
        None => {
            let rust = rust_name::<T>();
            Err(TypeDifference::new_text(rust, "no payload").within(step))
        }
    }
}

/// The type of a payload; `None` for `()`.
pub(crate) fn describe_side<T: ComponentType>(
    types: &HostTypes,
) -> Result<Option<ValueType>, Unexpected> {
    if T::IS_UNIT { Ok(None) } else { T::describe(types).map(Some) }
}

fn payload<T: IntoComponentValue>(value: T) -> Option<Box<Value>> {
    (!T::IS_UNIT).then(|| Box::new(value.into_value()))
}

fn from_payload<T: FromComponentValue>(payload: Option<Box<Value>>) -> Result<T, Unexpected> {
    T::from_value(payload.map_or(Value::Fields(Vec::new()), |payload| *payload))
}

/// Checks that `ty` is a result of `A` or `B`. `R` is the Rust type to name in a difference.
fn check_sides<A: ComponentType, B: ComponentType, R>(
    ty: &ValueType,
) -> Result<(), TypeDifference> {
    match ty {
        ValueType::Result(sides) => {
            side::<A>(sides.0.as_ref(), "ok payload")?;
            side::<B>(sides.1.as_ref(), "error payload")
        }
        _ => shape::<R, _>(ty),
    }
}

impl<A: ComponentType, B: ComponentType> ComponentType for Result<A, B> {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        check_sides::<A, B, Self>(ty)
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        let sides = (describe_side::<A>(types)?, describe_side::<B>(types)?);
        Ok(ValueType::Result(sides.into()))
    }
}

impl<A: IntoComponentValue, B: IntoComponentValue> IntoComponentValue for Result<A, B> {
    fn into_value(self) -> Value {
        match self {
            Ok(value) => Value::Case(OK, payload(value)),
            Err(value) => Value::Case(ERR, payload(value)),
        }
    }
}

impl<A: ToComponentValue, B: ToComponentValue> ToComponentValue for Result<A, B> {
    fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
        check_sides::<&A, &B, &Self>(ty)
    }

    fn describe_ref(types: &HostTypes) -> Result<ValueType, Unexpected> {
        Result::<&A, &B>::describe(types)
    }

    fn to_value(&self) -> Value {
        self.as_ref().into_value()
    }
}

impl<A: FromComponentValue, B: FromComponentValue> FromComponentValue for Result<A, B> {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        match value {
            Value::Case(OK, payload) => from_payload(payload).map(Ok),
            Value::Case(ERR, payload) => from_payload(payload).map(Err),
            other => Err(Unexpected::new::<Self>(&other)),
        }
    }
}

/// Checks that `ty` is a map from `K` to `V`. `M` is the Rust type to name in a difference.
fn check_map<K: ComponentType, V: ComponentType, M>(ty: &ValueType) -> Result<(), TypeDifference> {
    match ty {
        ValueType::Map(types) => {
            part::<K>(&types.0, "map key")?;
            part::<V>(&types.1, "map value")
        }
        _ => shape::<M, _>(ty),
    }
}

fn describe_map<K: ComponentType, V: ComponentType>(
    types: &HostTypes,
) -> Result<ValueType, Unexpected> {
    Ok(ValueType::Map((K::describe(types)?, V::describe(types)?).into()))
}

macro_rules! map {
    ($($map:ident: $($bound:ident)+;)*) => {$(
        impl<K: ComponentType, V: ComponentType> ComponentType for $map<K, V> {
            fn check(ty: &ValueType) -> Result<(), TypeDifference> {
                check_map::<K, V, Self>(ty)
            }

            fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
                describe_map::<K, V>(types)
            }
        }

        impl<K: IntoComponentValue, V: IntoComponentValue> IntoComponentValue for $map<K, V> {
            fn into_value(self) -> Value {
                let entries = self.into_iter().map(|(k, v)| (k.into_value(), v.into_value()));
                Value::Map(entries.collect())
            }
        }

        impl<K: ToComponentValue, V: ToComponentValue> ToComponentValue for $map<K, V> {
            fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
                check_map::<&K, &V, &Self>(ty)
            }

            fn describe_ref(types: &HostTypes) -> Result<ValueType, Unexpected> {
                describe_map::<&K, &V>(types)
            }

            fn to_value(&self) -> Value {
                Value::Map(self.iter().map(|(k, v)| (k.to_value(), v.to_value())).collect())
            }
        }

        impl<K, V> FromComponentValue for $map<K, V>
        where
            K: FromComponentValue $(+ $bound)+,
            V: FromComponentValue,
        {
            /// If several entries have the same key, the last one is kept.
            fn from_value(value: Value) -> Result<Self, Unexpected> {
                match value {
                    Value::Map(entries) => entries
                        .into_iter()
                        .map(|(k, v)| Ok((K::from_value(k)?, V::from_value(v)?)))
                        .collect(),
                    other => Err(Unexpected::new::<Self>(&other)),
                }
            }
        }
    )*};
}
map! {
    HashMap: Eq Hash;
    BTreeMap: Ord;
}

impl ComponentType for () {
    const IS_UNIT: bool = true;

    /// The component model has no empty tuple: `()` stands for no result and no payload.
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        shape::<Self, _>(ty)
    }
}

impl IntoComponentValue for () {
    fn into_value(self) -> Value {
        Value::Fields(Vec::new())
    }
}

impl ToComponentValue for () {
    fn to_value(&self) -> Value {
        Value::Fields(Vec::new())
    }
}

impl FromComponentValue for () {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        match value {
            Value::Fields(fields) if fields.is_empty() => Ok(()),
            other => Err(Unexpected::new::<Self>(&other)),
        }
    }
}

macro_rules! tuple {
    ($($count:literal: $($name:ident $index:tt)*;)*) => {$(
        impl<$($name: ComponentType),*> ComponentType for ($($name,)*) {
            fn check(ty: &ValueType) -> Result<(), TypeDifference> {
                match ty {
                    ValueType::Tuple(types) if types.len() == $count => {
                        $(part::<$name>(&types[$index], concat!("tuple element ", $index))?;)*
                        Ok(())
                    }
                    _ => shape::<Self, _>(ty),
                }
            }

            fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
                Ok(ValueType::Tuple([$($name::describe(types)?),*].into()))
            }
        }

        impl<$($name: IntoComponentValue),*> IntoComponentValue for ($($name,)*) {
            fn into_value(self) -> Value {
                Value::Fields(vec![$(self.$index.into_value()),*])
            }
        }

        impl<$($name: ToComponentValue),*> ToComponentValue for ($($name,)*) {
            fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
                match ty {
                    ValueType::Tuple(types) if types.len() == $count => {
                        $(part::<&$name>(&types[$index], concat!("tuple element ", $index))?;)*
                        Ok(())
                    }
                    _ => shape::<&Self, _>(ty),
                }
            }

            fn describe_ref(types: &HostTypes) -> Result<ValueType, Unexpected> {
                <($(&$name,)*)>::describe(types)
            }

            fn to_value(&self) -> Value {
                Value::Fields(vec![$(self.$index.to_value()),*])
            }
        }

        impl<$($name: FromComponentValue),*> FromComponentValue for ($($name,)*) {
            fn from_value(value: Value) -> Result<Self, Unexpected> {
                let mut fields = Fields::new(value, $count)?;
                Ok(($(fields.next::<$name>()?,)*))
            }
        }
    )*};
}

tuples!(tuple);

/// Takes the fields out of a record or a tuple, in order.
#[doc(hidden)]
#[derive(Debug)]
pub struct Fields(std::vec::IntoIter<Value>);

impl Fields {
    /// The `n` fields of `value`.
    pub fn new(value: Value, n: usize) -> Result<Self, Unexpected> {
        match value {
            Value::Fields(fields) if fields.len() == n => Ok(Self(fields.into_iter())),
            other => Err(Unexpected(format!("expected {n} fields, found {other:?}"))),
        }
    }

    /// The next field.
    // Not an iterator: each field has a type of its own.
    #[expect(clippy::should_implement_trait, reason = "the type differs from field to field")]
    pub fn next<T: FromComponentValue>(&mut self) -> Result<T, Unexpected> {
        let value = self.0.next().ok_or_else(|| Unexpected("a field is missing".to_owned()))?;
        T::from_value(value)
    }
}
