::core::compile_error! {
    "unknown attribute `flag`; of a type expected one of `crate`, `transparent`, `flags`"
}
::core::compile_error! {
    "another field is named `A` too; rename one"
}
::core::compile_error! {
    "`_c` gives no name in kebab case; rename it, or add `#[component(name = \"…\")]`"
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::ComponentType for Pair<T>
where
    T: ::wasm_runtime_composer::typed::ComponentType,
{
    fn check(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::core::unreachable!()
    }
    fn describe(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::core::unreachable!()
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::IntoComponentValue for Pair<T>
where
    T: ::wasm_runtime_composer::typed::IntoComponentValue,
{
    fn into_value(self) -> ::wasm_runtime_composer::__private::Value {
        ::core::unreachable!()
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::ToComponentValue for Pair<T>
where
    T: ::wasm_runtime_composer::typed::ToComponentValue,
{
    fn check_ref(
        ty: &::wasm_runtime_composer::types::ValueType,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::error::TypeDifference> {
        ::core::unreachable!()
    }
    fn describe_ref(
        types: &::wasm_runtime_composer::__private::value::HostTypes,
    ) -> ::core::result::Result<
        ::wasm_runtime_composer::types::ValueType,
        ::wasm_runtime_composer::__private::Unexpected,
    > {
        ::core::unreachable!()
    }
    fn to_value(&self) -> ::wasm_runtime_composer::__private::Value {
        ::core::unreachable!()
    }
}
#[automatically_derived]
impl<T> ::wasm_runtime_composer::typed::FromComponentValue for Pair<T>
where
    T: ::wasm_runtime_composer::typed::FromComponentValue,
{
    fn from_value(
        value: ::wasm_runtime_composer::__private::Value,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::__private::Unexpected> {
        ::core::unreachable!()
    }
}
