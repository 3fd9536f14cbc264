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
#[derive(::core::clone::Clone)]
struct Calculator {
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
impl Calculator {
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
        self.__accessor_0.call((pattern_1,)).await
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut accessors = ::wasm_runtime_composer::__private::Accessors::new(
            &composition,
        );
        let accessor_0 = accessors
            .function::<
                ((u8, u8),),
                (),
            >("put", ::core::option::Option::None, "put", false);
        accessors.finish()?;
        ::core::result::Result::Ok(Self {
            __composition: composition,
            __accessor_0: accessor_0,
        })
    }
}
impl ::core::ops::Deref for Calculator {
    type Target = ::wasm_runtime_composer::Composition;
    fn deref(&self) -> &Self::Target {
        &self.__composition
    }
}
impl ::core::fmt::Debug for Calculator {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("Calculator").field(&self.__composition).finish()
    }
}
