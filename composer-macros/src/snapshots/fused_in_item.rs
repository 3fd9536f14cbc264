#[derive(::core::clone::Clone)]
struct Parser {
    __composition: ::wasm_runtime_composer::Composition,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl Parser {
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
    async fn compose<__Data0: ::core::marker::Send + 'static>(
        parser: (
            ::wasm_runtime_composer::__private::Linker<__Data0>,
            impl ::core::ops::Fn(
            ) -> ::wasm_runtime_composer::__private::Store<
                    __Data0,
                > + ::core::marker::Send + ::core::marker::Sync + 'static,
        ),
        words: impl ::wasm_runtime_composer::Composable,
        grammar: impl ::wasm_runtime_composer::Composable,
        logger: impl ::wasm_runtime_composer::Composable,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                        "parser",
                        ::wasm_runtime_composer::ExportFilter::exposing(
                            {
                                let place = parser;
                                let mut group = ::wasm_runtime_composer::Composer::new();
                                group
                                    .add(
                                        ::wasm_runtime_composer::ComposableDescriptor::new(
                                            "words",
                                            ::wasm_runtime_composer::ExportFilter::hiding(
                                                words,
                                                &["debug"],
                                            ),
                                        ),
                                    );
                                group
                                    .add(
                                        ::wasm_runtime_composer::ComposableDescriptor::new(
                                                "grammar",
                                                grammar,
                                            )
                                            .with_import_hint("next", "words"),
                                    );
                                group.with_export_hint("next", "words");
                                ::wasm_runtime_composer::__private::fused(group, place)
                            },
                            &["parse"],
                        ),
                    )
                    .with_import_hint("log", "logger")
                    .with_deadline(SECOND),
            );
        composer
            .add(::wasm_runtime_composer::ComposableDescriptor::new("logger", logger));
        composer.with_export_hint("parse", "parser");
        composer.compose().await.and_then(Self::__bind)
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        ::core::result::Result::Ok(Self { __composition: composition })
    }
}
impl ::core::ops::Deref for Parser {
    type Target = ::wasm_runtime_composer::Composition;
    fn deref(&self) -> &Self::Target {
        &self.__composition
    }
}
impl ::core::fmt::Debug for Parser {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("Parser").field(&self.__composition).finish()
    }
}
