const __BROKEN_CALCULATOR: ::core::primitive::usize = {
    ::core::compile_error! {
        "expected `:`"
    }
    ::core::compile_error! {
        "component `producer` is declared twice; give one another name"
    }
    ::core::compile_error! {
        "`close` would shadow a method of the composition; give it another name and add `= \"close\"` at the end"
    }
    ::core::compile_error! {
        "an accessor declares no `self`; list the export's parameters alone"
    }
    ::core::compile_error! {
        "a parameter of an accessor is a name, not a pattern"
    }
};
#[doc(hidden)]
type Calculator = __BrokenCalculator<{ __BROKEN_CALCULATOR }>;
#[doc(hidden)]
type CalculatorParts<__Part0, __Part1> = __BrokenCalculatorParts<
    __Part0,
    __Part1,
    { __BROKEN_CALCULATOR },
>;
#[derive(::core::clone::Clone)]
struct __BrokenCalculator<const __BROKEN: ::core::primitive::usize> {
    __composition: ::wasm_runtime_composer::Composition,
    __accessor_0: ::wasm_runtime_composer::__private::Accessor,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
#[allow(unused_variables, reason = "what uses them is missing")]
impl<const __BROKEN: ::core::primitive::usize> __BrokenCalculator<__BROKEN> {
    async fn __compose(
        producer: impl ::wasm_runtime_composer::Composable,
        __producer_1: impl ::wasm_runtime_composer::Composable,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("producer", producer),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "producer",
                    __producer_1,
                ),
            );
        composer.compose().await.and_then(Self::__bind)
    }
    /// Calls the export `put`.
    async fn put(
        &self,
        pattern_1: (u8, u8),
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::CompositionError> {
        self.__accessor_0
            .call(
                [
                    (::wasm_runtime_composer::__private::parameter::<(u8, u8)>()
                        .into)(pattern_1),
                ],
                ::wasm_runtime_composer::__private::returned::<()>(),
            )
            .await
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut accessors = ::wasm_runtime_composer::__private::Accessors::new(
            &composition,
        );
        let accessor_0 = accessors
            .function(
                ("put", false),
                (::core::option::Option::None, "put"),
                [::wasm_runtime_composer::__private::parameter::<(u8, u8)>().check],
                &::wasm_runtime_composer::__private::returned::<()>(),
            );
        accessors.finish()?;
        ::core::result::Result::Ok(Self {
            __composition: composition,
            __accessor_0: accessor_0,
        })
    }
}
impl<const __BROKEN: ::core::primitive::usize> ::core::ops::Deref
for __BrokenCalculator<__BROKEN> {
    type Target = ::wasm_runtime_composer::Composition;
    fn deref(&self) -> &Self::Target {
        &self.__composition
    }
}
impl<const __BROKEN: ::core::primitive::usize> ::core::fmt::Debug
for __BrokenCalculator<__BROKEN> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("Calculator").field(&self.__composition).finish()
    }
}
/// What a [`Calculator`] is composed of, each by its name: `CalculatorParts { producer, __producer_1 }.compose().await?`.
#[allow(dead_code, reason = "the components may be given without their names")]
struct __BrokenCalculatorParts<
    __Part0,
    __Part1,
    const __BROKEN: ::core::primitive::usize,
> {
    /// The component `producer`.
    producer: __Part0,
    /// The component `--producer-1`.
    __producer_1: __Part1,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl<
    __Part0,
    __Part1,
    const __BROKEN: ::core::primitive::usize,
> __BrokenCalculatorParts<__Part0, __Part1, __BROKEN> {
    /// Wires and starts the components given, and finds the export of every accessor.
    ///
    /// # Errors
    ///
    /// If the components cannot be wired or started, or if an accessor does not fit the
    /// export that it is for.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends what was started; no component of it runs on.
    async fn compose(
        self,
    ) -> ::core::result::Result<
        __BrokenCalculator<__BROKEN>,
        ::wasm_runtime_composer::CompositionError,
    >
    where
        __Part0: ::wasm_runtime_composer::Composable,
        __Part1: ::wasm_runtime_composer::Composable,
    {
        let Self { producer, __producer_1 } = self;
        __BrokenCalculator::__compose(producer, __producer_1).await
    }
}
impl<__Part0, __Part1, const __BROKEN: ::core::primitive::usize> ::core::fmt::Debug
for __BrokenCalculatorParts<__Part0, __Part1, __BROKEN> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("CalculatorParts").finish_non_exhaustive()
    }
}
