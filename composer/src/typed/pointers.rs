//! Component values behind pointers: owning pointers move the value, shared ones copy it.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::{
    ComponentType, FromComponentValue, HostTypes, IntoComponentValue, ToComponentValue, Unexpected,
};
use crate::error::TypeDifference;
use crate::types::ValueType;
use crate::value::Value;

impl<T: ComponentType + ?Sized> ComponentType for Box<T> {
    const IS_UNIT: bool = T::IS_UNIT;

    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        T::check(ty)
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        T::describe(types)
    }
}

impl<T: IntoComponentValue> IntoComponentValue for Box<T> {
    fn into_value(self) -> Value {
        (*self).into_value()
    }
}

impl IntoComponentValue for Box<str> {
    fn into_value(self) -> Value {
        self.into_string().into_value()
    }
}

impl<T: IntoComponentValue> IntoComponentValue for Box<[T]> {
    fn into_value(self) -> Value {
        self.into_vec().into_value()
    }
}

impl<T: ToComponentValue + ?Sized> ToComponentValue for Box<T> {
    fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
        T::check_ref(ty)
    }

    fn describe_ref(types: &HostTypes) -> Result<ValueType, Unexpected> {
        T::describe_ref(types)
    }

    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

impl<T: ToComponentValue + ToOwned + ?Sized> ComponentType for Cow<'_, T> {
    const IS_UNIT: bool = T::IS_UNIT;

    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        T::check_ref(ty)
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        T::describe_ref(types)
    }
}

impl<T> IntoComponentValue for Cow<'_, T>
where
    T: ToComponentValue + ToOwned<Owned: IntoComponentValue> + ?Sized,
{
    fn into_value(self) -> Value {
        match self {
            Cow::Borrowed(value) => value.to_value(),
            Cow::Owned(value) => value.into_value(),
        }
    }
}

impl<T: ToComponentValue + ToOwned + ?Sized> ToComponentValue for Cow<'_, T> {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

impl<T> FromComponentValue for Cow<'_, T>
where
    T: ToComponentValue + ToOwned<Owned: FromComponentValue> + ?Sized,
{
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        T::Owned::from_value(value).map(Self::Owned)
    }
}

macro_rules! shared {
    ($($pointer:ident),*) => {$(
        impl<T: ToComponentValue + ?Sized> ComponentType for $pointer<T> {
            const IS_UNIT: bool = T::IS_UNIT;

            fn check(ty: &ValueType) -> Result<(), TypeDifference> {
                T::check_ref(ty)
            }

            fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
                T::describe_ref(types)
            }
        }

        impl<T: ToComponentValue + ?Sized> IntoComponentValue for $pointer<T> {
            fn into_value(self) -> Value {
                (*self).to_value()
            }
        }

        impl<T: ToComponentValue + ?Sized> ToComponentValue for $pointer<T> {
            fn to_value(&self) -> Value {
                (**self).to_value()
            }
        }
    )*};
}
shared!(Arc, Rc);

macro_rules! made {
    ($($pointer:ident),*) => {$(
        impl<T> FromComponentValue for $pointer<T>
        where
            Self: ComponentType,
            T: FromComponentValue,
        {
            fn from_value(value: Value) -> Result<Self, Unexpected> {
                T::from_value(value).map(Self::new)
            }
        }

        impl FromComponentValue for $pointer<str> {
            fn from_value(value: Value) -> Result<Self, Unexpected> {
                String::from_value(value).map(Self::from)
            }
        }

        impl<T> FromComponentValue for $pointer<[T]>
        where
            Self: ComponentType,
            T: FromComponentValue,
        {
            fn from_value(value: Value) -> Result<Self, Unexpected> {
                Vec::<T>::from_value(value).map(Self::from)
            }
        }
    )*};
}
made!(Box, Arc, Rc);
