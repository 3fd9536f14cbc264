::core::compile_error! {
    "unknown component `produser`; did you mean `producer`? expected one of `producer`, `host`"
}
#[derive(::core::clone::Clone)]
pub struct Calculator {
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
    pub async fn compose(
        producer: impl ::wasm_runtime_composer::Composable,
        consumer: impl ::wasm_runtime_composer::Composable,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("producer", producer),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("consumer", consumer)
                    .with_import_hint("sub", "producer"),
            );
        composer.compose().await.and_then(Self::__bind)
    }
    /// Calls the export `run-add`.
    pub async fn run_add(
        &self,
    ) -> ::core::result::Result<i32, ::wasm_runtime_composer::CompositionError> {
        self.__accessor_0.call(()).await
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut accessors = ::wasm_runtime_composer::__private::Accessors::new(
            &composition,
        );
        let accessor_0 = accessors
            .function::<
                (),
                i32,
            >("run_add", ::core::option::Option::None, "run-add", false);
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
