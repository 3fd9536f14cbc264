#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::ComponentType for Person<T>
where
    T: Clone,
    T: ::wasm_runtime_composer::typed::ComponentType,
{
    fn check(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_record(
            ty,
            "Person",
            &[
                (
                    "name",
                    <String as ::wasm_runtime_composer::typed::ComponentType>::check,
                ),
                ("years", <T as ::wasm_runtime_composer::typed::ComponentType>::check),
            ],
        )
    }
    fn describe(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::wasm_runtime_composer::__private::value::describe_record(
            types,
            &[
                (
                    "name",
                    <String as ::wasm_runtime_composer::typed::ComponentType>::describe,
                ),
                ("years", <T as ::wasm_runtime_composer::typed::ComponentType>::describe),
            ],
        )
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::IntoComponentValue for Person<T>
where
    T: Clone,
    T: ::wasm_runtime_composer::typed::IntoComponentValue,
{
    fn into_value(self) -> ::wasm_runtime_composer::__private::Value {
        ::wasm_runtime_composer::__private::value::fields([
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(self.name),
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(self.age),
        ])
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::ToComponentValue for Person<T>
where
    T: Clone,
    T: ::wasm_runtime_composer::typed::ToComponentValue,
    for<'__part> String: ::wasm_runtime_composer::typed::ToComponentValue,
    for<'__part> T: ::wasm_runtime_composer::typed::ToComponentValue,
{
    fn check_ref(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_record(
            ty,
            "Person",
            &[
                (
                    "name",
                    <&String as ::wasm_runtime_composer::typed::ComponentType>::check,
                ),
                ("years", <&T as ::wasm_runtime_composer::typed::ComponentType>::check),
            ],
        )
    }
    fn describe_ref(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::wasm_runtime_composer::__private::value::describe_record(
            types,
            &[
                (
                    "name",
                    <&String as ::wasm_runtime_composer::typed::ComponentType>::describe,
                ),
                (
                    "years",
                    <&T as ::wasm_runtime_composer::typed::ComponentType>::describe,
                ),
            ],
        )
    }
    fn to_value(&self) -> ::wasm_runtime_composer::__private::Value {
        ::wasm_runtime_composer::__private::value::fields([
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(&self.name),
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(&self.age),
        ])
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::FromComponentValue for Person<T>
where
    T: Clone,
    T: ::wasm_runtime_composer::typed::FromComponentValue,
{
    fn from_value(
        value: ::wasm_runtime_composer::__private::Value,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::__private::Unexpected> {
        let mut fields = ::wasm_runtime_composer::__private::value::Fields::new(
            value,
            2usize,
        )?;
        ::core::result::Result::Ok(Self {
            name: fields.next()?,
            age: fields.next()?,
        })
    }
}
#[automatically_derived]
impl<const N: usize> ::wasm_runtime_composer::typed::ComponentType for Pair<N> {
    fn check(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_tuple(
            ty,
            "Pair",
            &[
                <[u8; N] as ::wasm_runtime_composer::typed::ComponentType>::check,
                <i8 as ::wasm_runtime_composer::typed::ComponentType>::check,
            ],
        )
    }
    fn describe(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::wasm_runtime_composer::__private::value::describe_tuple(
            types,
            &[
                <[u8; N] as ::wasm_runtime_composer::typed::ComponentType>::describe,
                <i8 as ::wasm_runtime_composer::typed::ComponentType>::describe,
            ],
        )
    }
}
#[automatically_derived]
impl<const N: usize> ::wasm_runtime_composer::typed::IntoComponentValue for Pair<N> {
    fn into_value(self) -> ::wasm_runtime_composer::__private::Value {
        ::wasm_runtime_composer::__private::value::fields([
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(self.0),
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(self.1),
        ])
    }
}
#[automatically_derived]
impl<const N: usize> ::wasm_runtime_composer::typed::ToComponentValue for Pair<N>
where
    for<'__part> [u8; N]: ::wasm_runtime_composer::typed::ToComponentValue,
    for<'__part> i8: ::wasm_runtime_composer::typed::ToComponentValue,
{
    fn check_ref(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_tuple(
            ty,
            "Pair",
            &[
                <&[u8; N] as ::wasm_runtime_composer::typed::ComponentType>::check,
                <&i8 as ::wasm_runtime_composer::typed::ComponentType>::check,
            ],
        )
    }
    fn describe_ref(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::wasm_runtime_composer::__private::value::describe_tuple(
            types,
            &[
                <&[u8; N] as ::wasm_runtime_composer::typed::ComponentType>::describe,
                <&i8 as ::wasm_runtime_composer::typed::ComponentType>::describe,
            ],
        )
    }
    fn to_value(&self) -> ::wasm_runtime_composer::__private::Value {
        ::wasm_runtime_composer::__private::value::fields([
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(&self.0),
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(&self.1),
        ])
    }
}
#[automatically_derived]
impl<const N: usize> ::wasm_runtime_composer::typed::FromComponentValue for Pair<N> {
    fn from_value(
        value: ::wasm_runtime_composer::__private::Value,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::__private::Unexpected> {
        let mut fields = ::wasm_runtime_composer::__private::value::Fields::new(
            value,
            2usize,
        )?;
        ::core::result::Result::Ok(Self {
            0: fields.next()?,
            1: fields.next()?,
        })
    }
}
#[automatically_derived]
impl crate::other::typed::ComponentType for Wrapper {
    fn check(
        ty: &crate::other::types::ValueType,
    ) -> ::core::result::Result<(), crate::other::error::TypeDifference> {
        <u32 as crate::other::typed::ComponentType>::check(ty)
    }
    fn describe(
        types: &crate::other::__private::value::HostTypes,
    ) -> ::core::result::Result<
        crate::other::types::ValueType,
        crate::other::__private::Unexpected,
    > {
        <u32 as crate::other::typed::ComponentType>::describe(types)
    }
}
#[automatically_derived]
impl crate::other::typed::IntoComponentValue for Wrapper {
    fn into_value(self) -> crate::other::__private::Value {
        crate::other::typed::IntoComponentValue::into_value(self.inner)
    }
}
#[automatically_derived]
impl crate::other::typed::ToComponentValue for Wrapper
where
    for<'__part> u32: crate::other::typed::ToComponentValue,
{
    fn check_ref(
        ty: &crate::other::types::ValueType,
    ) -> ::core::result::Result<(), crate::other::error::TypeDifference> {
        <&u32 as crate::other::typed::ComponentType>::check(ty)
    }
    fn describe_ref(
        types: &crate::other::__private::value::HostTypes,
    ) -> ::core::result::Result<
        crate::other::types::ValueType,
        crate::other::__private::Unexpected,
    > {
        <&u32 as crate::other::typed::ComponentType>::describe(types)
    }
    fn to_value(&self) -> crate::other::__private::Value {
        crate::other::typed::IntoComponentValue::into_value(&self.inner)
    }
}
#[automatically_derived]
impl crate::other::typed::FromComponentValue for Wrapper {
    fn from_value(
        value: crate::other::__private::Value,
    ) -> ::core::result::Result<Self, crate::other::__private::Unexpected> {
        ::core::result::Result::Ok(Self {
            inner: crate::other::typed::FromComponentValue::from_value(value)?,
        })
    }
}
#[automatically_derived]
impl ::wasm_runtime_composer::typed::ComponentType for Permissions {
    fn check(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_flags(
            ty,
            "Permissions",
            &["read", "write"],
        )
    }
    fn describe(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        {
            let _ = types;
            ::wasm_runtime_composer::__private::value::describe_flags(&["read", "write"])
        }
    }
}
#[automatically_derived]
impl ::wasm_runtime_composer::typed::IntoComponentValue for Permissions {
    fn into_value(self) -> ::wasm_runtime_composer::__private::Value {
        ::wasm_runtime_composer::__private::value::flags(
            (self.read as ::core::primitive::u32) << 0u32
                | (self.write as ::core::primitive::u32) << 1u32,
        )
    }
}
#[automatically_derived]
impl ::wasm_runtime_composer::typed::ToComponentValue for Permissions {
    fn check_ref(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_flags(
            ty,
            "Permissions",
            &["read", "write"],
        )
    }
    fn describe_ref(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        {
            let _ = types;
            ::wasm_runtime_composer::__private::value::describe_flags(&["read", "write"])
        }
    }
    fn to_value(&self) -> ::wasm_runtime_composer::__private::Value {
        ::wasm_runtime_composer::__private::value::flags(
            (self.read as ::core::primitive::u32) << 0u32
                | (self.write as ::core::primitive::u32) << 1u32,
        )
    }
}
#[automatically_derived]
impl ::wasm_runtime_composer::typed::FromComponentValue for Permissions {
    fn from_value(
        value: ::wasm_runtime_composer::__private::Value,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::__private::Unexpected> {
        let bits = ::wasm_runtime_composer::__private::value::take_flags(value)?;
        ::core::result::Result::Ok(Self {
            read: (bits >> 0u32) & 1 == 1,
            write: (bits >> 1u32) & 1 == 1,
        })
    }
}
#[automatically_derived]
impl ::wasm_runtime_composer::typed::ComponentType for Color {
    fn check(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_enum(
            ty,
            "Color",
            &["red", "light-green", "B"],
        )
    }
    fn describe(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        {
            let _ = types;
            ::wasm_runtime_composer::__private::value::describe_enum(
                &["red", "light-green", "B"],
            )
        }
    }
}
#[automatically_derived]
impl ::wasm_runtime_composer::typed::IntoComponentValue for Color {
    fn into_value(self) -> ::wasm_runtime_composer::__private::Value {
        match self {
            Self::Red => {
                ::wasm_runtime_composer::__private::value::case(
                    0u32,
                    ::core::option::Option::None,
                )
            }
            Self::LightGreen => {
                ::wasm_runtime_composer::__private::value::case(
                    1u32,
                    ::core::option::Option::None,
                )
            }
            Self::Blue => {
                ::wasm_runtime_composer::__private::value::case(
                    2u32,
                    ::core::option::Option::None,
                )
            }
        }
    }
}
#[automatically_derived]
impl ::wasm_runtime_composer::typed::ToComponentValue for Color {
    fn check_ref(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_enum(
            ty,
            "Color",
            &["red", "light-green", "B"],
        )
    }
    fn describe_ref(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        {
            let _ = types;
            ::wasm_runtime_composer::__private::value::describe_enum(
                &["red", "light-green", "B"],
            )
        }
    }
    fn to_value(&self) -> ::wasm_runtime_composer::__private::Value {
        match self {
            Self::Red => {
                ::wasm_runtime_composer::__private::value::case(
                    0u32,
                    ::core::option::Option::None,
                )
            }
            Self::LightGreen => {
                ::wasm_runtime_composer::__private::value::case(
                    1u32,
                    ::core::option::Option::None,
                )
            }
            Self::Blue => {
                ::wasm_runtime_composer::__private::value::case(
                    2u32,
                    ::core::option::Option::None,
                )
            }
        }
    }
}
#[automatically_derived]
impl ::wasm_runtime_composer::typed::FromComponentValue for Color {
    fn from_value(
        value: ::wasm_runtime_composer::__private::Value,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::__private::Unexpected> {
        let (case, payload) = ::wasm_runtime_composer::__private::value::take_case(
            value,
        )?;
        match case {
            0u32 => {
                ::wasm_runtime_composer::__private::value::no_payload(payload)?;
                ::core::result::Result::Ok(Self::Red)
            }
            1u32 => {
                ::wasm_runtime_composer::__private::value::no_payload(payload)?;
                ::core::result::Result::Ok(Self::LightGreen)
            }
            2u32 => {
                ::wasm_runtime_composer::__private::value::no_payload(payload)?;
                ::core::result::Result::Ok(Self::Blue)
            }
            _ => {
                ::core::result::Result::Err(
                    ::wasm_runtime_composer::__private::value::unexpected_case(case),
                )
            }
        }
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::ComponentType for Failure<T>
where
    T: ::wasm_runtime_composer::typed::ComponentType,
{
    fn check(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_variant(
            ty,
            "Failure",
            &[
                ("empty", ::core::option::Option::None),
                (
                    "not-found",
                    ::core::option::Option::Some(
                        <u32 as ::wasm_runtime_composer::typed::ComponentType>::check,
                    ),
                ),
                (
                    "moved",
                    ::core::option::Option::Some(
                        <(T, T) as ::wasm_runtime_composer::typed::ComponentType>::check,
                    ),
                ),
            ],
        )
    }
    fn describe(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::wasm_runtime_composer::__private::value::describe_variant(
            types,
            &[
                ("empty", ::core::option::Option::None),
                (
                    "not-found",
                    ::core::option::Option::Some(
                        <u32 as ::wasm_runtime_composer::typed::ComponentType>::describe,
                    ),
                ),
                (
                    "moved",
                    ::core::option::Option::Some(
                        <(
                            T,
                            T,
                        ) as ::wasm_runtime_composer::typed::ComponentType>::describe,
                    ),
                ),
            ],
        )
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::IntoComponentValue for Failure<T>
where
    T: ::wasm_runtime_composer::typed::IntoComponentValue,
{
    fn into_value(self) -> ::wasm_runtime_composer::__private::Value {
        match self {
            Self::Empty => {
                ::wasm_runtime_composer::__private::value::case(
                    0u32,
                    ::core::option::Option::None,
                )
            }
            Self::NotFound(part_0) => {
                ::wasm_runtime_composer::__private::value::case(
                    1u32,
                    ::core::option::Option::Some(
                        ::wasm_runtime_composer::typed::IntoComponentValue::into_value(
                            part_0,
                        ),
                    ),
                )
            }
            Self::Moved(part_0, part_1) => {
                ::wasm_runtime_composer::__private::value::case(
                    2u32,
                    ::core::option::Option::Some(
                        ::wasm_runtime_composer::typed::IntoComponentValue::into_value((
                            part_0,
                            part_1,
                        )),
                    ),
                )
            }
        }
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::ToComponentValue for Failure<T>
where
    T: ::wasm_runtime_composer::typed::ToComponentValue,
    for<'__part> u32: ::wasm_runtime_composer::typed::ToComponentValue,
    for<'__part> T: ::wasm_runtime_composer::typed::ToComponentValue,
{
    fn check_ref(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_variant(
            ty,
            "Failure",
            &[
                ("empty", ::core::option::Option::None),
                (
                    "not-found",
                    ::core::option::Option::Some(
                        <&u32 as ::wasm_runtime_composer::typed::ComponentType>::check,
                    ),
                ),
                (
                    "moved",
                    ::core::option::Option::Some(
                        <(
                            &T,
                            &T,
                        ) as ::wasm_runtime_composer::typed::ComponentType>::check,
                    ),
                ),
            ],
        )
    }
    fn describe_ref(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::wasm_runtime_composer::__private::value::describe_variant(
            types,
            &[
                ("empty", ::core::option::Option::None),
                (
                    "not-found",
                    ::core::option::Option::Some(
                        <&u32 as ::wasm_runtime_composer::typed::ComponentType>::describe,
                    ),
                ),
                (
                    "moved",
                    ::core::option::Option::Some(
                        <(
                            &T,
                            &T,
                        ) as ::wasm_runtime_composer::typed::ComponentType>::describe,
                    ),
                ),
            ],
        )
    }
    fn to_value(&self) -> ::wasm_runtime_composer::__private::Value {
        match self {
            Self::Empty => {
                ::wasm_runtime_composer::__private::value::case(
                    0u32,
                    ::core::option::Option::None,
                )
            }
            Self::NotFound(part_0) => {
                ::wasm_runtime_composer::__private::value::case(
                    1u32,
                    ::core::option::Option::Some(
                        ::wasm_runtime_composer::typed::IntoComponentValue::into_value(
                            part_0,
                        ),
                    ),
                )
            }
            Self::Moved(part_0, part_1) => {
                ::wasm_runtime_composer::__private::value::case(
                    2u32,
                    ::core::option::Option::Some(
                        ::wasm_runtime_composer::typed::IntoComponentValue::into_value((
                            part_0,
                            part_1,
                        )),
                    ),
                )
            }
        }
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::FromComponentValue for Failure<T>
where
    T: ::wasm_runtime_composer::typed::FromComponentValue,
{
    fn from_value(
        value: ::wasm_runtime_composer::__private::Value,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::__private::Unexpected> {
        let (case, payload) = ::wasm_runtime_composer::__private::value::take_case(
            value,
        )?;
        match case {
            0u32 => {
                ::wasm_runtime_composer::__private::value::no_payload(payload)?;
                ::core::result::Result::Ok(Self::Empty)
            }
            1u32 => {
                let part_0 = ::wasm_runtime_composer::__private::value::payload(
                    payload,
                )?;
                ::core::result::Result::Ok(Self::NotFound(part_0))
            }
            2u32 => {
                let (part_0, part_1) = ::wasm_runtime_composer::__private::value::payload(
                    payload,
                )?;
                ::core::result::Result::Ok(Self::Moved(part_0, part_1))
            }
            _ => {
                ::core::result::Result::Err(
                    ::wasm_runtime_composer::__private::value::unexpected_case(case),
                )
            }
        }
    }
}
#[automatically_derived]
impl<'a> ::wasm_runtime_composer::typed::ComponentType for Borrowed<'a> {
    fn check(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_record(
            ty,
            "Borrowed",
            &[
                (
                    "name",
                    <&'a str as ::wasm_runtime_composer::typed::ComponentType>::check,
                ),
            ],
        )
    }
    fn describe(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::wasm_runtime_composer::__private::value::describe_record(
            types,
            &[
                (
                    "name",
                    <&'a str as ::wasm_runtime_composer::typed::ComponentType>::describe,
                ),
            ],
        )
    }
}
#[automatically_derived]
impl<'a> ::wasm_runtime_composer::typed::IntoComponentValue for Borrowed<'a> {
    fn into_value(self) -> ::wasm_runtime_composer::__private::Value {
        ::wasm_runtime_composer::__private::value::fields([
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(self.name),
        ])
    }
}
#[automatically_derived]
impl<'a> ::wasm_runtime_composer::typed::ToComponentValue for Borrowed<'a>
where
    for<'__part> &'a str: ::wasm_runtime_composer::typed::ToComponentValue,
{
    fn check_ref(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::wasm_runtime_composer::__private::value::check_record(
            ty,
            "Borrowed",
            &[
                (
                    "name",
                    <&&'a str as ::wasm_runtime_composer::typed::ComponentType>::check,
                ),
            ],
        )
    }
    fn describe_ref(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::wasm_runtime_composer::__private::value::describe_record(
            types,
            &[
                (
                    "name",
                    <&&'a str as ::wasm_runtime_composer::typed::ComponentType>::describe,
                ),
            ],
        )
    }
    fn to_value(&self) -> ::wasm_runtime_composer::__private::Value {
        ::wasm_runtime_composer::__private::value::fields([
            ::wasm_runtime_composer::typed::IntoComponentValue::into_value(&self.name),
        ])
    }
}
