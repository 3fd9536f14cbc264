#[derive(::core::clone::Clone)]
struct Timed {
    __composition: ::wasm_runtime_composer::Composition,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl Timed {
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
        consumer: impl ::wasm_runtime_composer::Composable,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "clock",
                    ::wasm_runtime_composer::HostInterface::new("acme:env/clock@1.0.0")
                        .func_wrap("now", { move || -> u64 { 42 } }),
                ),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("consumer", consumer)
                    .with_layer(TraceLayer::new()),
            );
        composer.compose().await.and_then(Self::__bind)
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        ::core::result::Result::Ok(Self { __composition: composition })
    }
}
impl ::core::ops::Deref for Timed {
    type Target = ::wasm_runtime_composer::Composition;
    fn deref(&self) -> &Self::Target {
        &self.__composition
    }
}
impl ::core::fmt::Debug for Timed {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("Timed").field(&self.__composition).finish()
    }
}
/// What a [`Timed`] is composed of, each by its name: `TimedParts { consumer }.compose().await?`.
#[allow(dead_code, reason = "the components may be given without their names")]
struct TimedParts<__Part0> {
    /// The component `consumer`.
    consumer: __Part0,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl<__Part0> TimedParts<__Part0> {
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
    ) -> ::core::result::Result<Timed, ::wasm_runtime_composer::CompositionError>
    where
        __Part0: ::wasm_runtime_composer::Composable,
    {
        let Self { consumer } = self;
        Timed::compose(consumer).await
    }
}
impl<__Part0> ::core::fmt::Debug for TimedParts<__Part0> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("TimedParts").finish_non_exhaustive()
    }
}
