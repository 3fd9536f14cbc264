#[derive(::core::clone::Clone)]
struct Log {
    __composition: ::wasm_runtime_composer::Composition,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl Log {
    async fn __compose(
        inner_group: impl ::wasm_runtime_composer::__private::Place,
        first: impl ::wasm_runtime_composer::Composable,
        r#loop: impl ::wasm_runtime_composer::Composable,
        audit: impl ::wasm_runtime_composer::Composable,
        sink: impl ::wasm_runtime_composer::Composable,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "inner-group",
                    {
                        let place = inner_group;
                        let mut group = ::wasm_runtime_composer::Composer::new();
                        group
                            .add(
                                ::wasm_runtime_composer::ComposableDescriptor::new(
                                    "first",
                                    first,
                                ),
                            );
                        group
                            .add(
                                ::wasm_runtime_composer::ComposableDescriptor::new(
                                        "loop",
                                        r#loop,
                                    )
                                    .with_import_hint("other", "first"),
                            );
                        group.chain("acme:log/log", ["first", "loop"]);
                        ::wasm_runtime_composer::__private::fused(group, place)
                    },
                ),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("audit", audit)
                    .with_import_hint("acme:kv/store", "sink"),
            );
        composer.add(::wasm_runtime_composer::ComposableDescriptor::new("sink", sink));
        composer.chain("acme:log/log", ["audit", "inner-group", "sink"]);
        composer.chain("acme:kv/store", ["sink"]);
        composer.compose().await.and_then(Self::__bind)
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        ::core::result::Result::Ok(Self { __composition: composition })
    }
}
impl ::core::ops::Deref for Log {
    type Target = ::wasm_runtime_composer::Composition;
    fn deref(&self) -> &Self::Target {
        &self.__composition
    }
}
impl ::core::fmt::Debug for Log {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("Log").field(&self.__composition).finish()
    }
}
/// What a [`Log`] is composed of, each by its name: `LogParts { inner_group, first, r#loop, audit, sink }.compose().await?`.
#[allow(dead_code, reason = "the components may be given without their names")]
struct LogParts<__Part0, __Part1, __Part2, __Part3, __Part4> {
    /// The linker, and the constructor of stores, of `inner-group`.
    inner_group: __Part0,
    /// The component `first`.
    first: __Part1,
    /// The component `loop`.
    r#loop: __Part2,
    /// The component `audit`.
    audit: __Part3,
    /// The component `sink`.
    sink: __Part4,
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
    __Part2,
    __Part3,
    __Part4,
> LogParts<__Part0, __Part1, __Part2, __Part3, __Part4> {
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
    ) -> ::core::result::Result<Log, ::wasm_runtime_composer::CompositionError>
    where
        __Part0: ::wasm_runtime_composer::__private::Place,
        __Part1: ::wasm_runtime_composer::Composable,
        __Part2: ::wasm_runtime_composer::Composable,
        __Part3: ::wasm_runtime_composer::Composable,
        __Part4: ::wasm_runtime_composer::Composable,
    {
        let Self { inner_group, first, r#loop, audit, sink } = self;
        Log::__compose(inner_group, first, r#loop, audit, sink).await
    }
}
impl<__Part0, __Part1, __Part2, __Part3, __Part4> ::core::fmt::Debug
for LogParts<__Part0, __Part1, __Part2, __Part3, __Part4> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("LogParts").finish_non_exhaustive()
    }
}
