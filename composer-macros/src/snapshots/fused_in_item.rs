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
    async fn __compose(
        parser: impl ::wasm_runtime_composer::__private::Place,
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
/// What a [`Parser`] is composed of, each by its name: `ParserParts { parser, words, grammar, logger }.compose().await?`.
#[allow(dead_code, reason = "the components may be given without their names")]
struct ParserParts<__Part0, __Part1, __Part2, __Part3> {
    /// The linker, and the constructor of stores, of `parser`.
    parser: __Part0,
    /// The component `words`.
    words: __Part1,
    /// The component `grammar`.
    grammar: __Part2,
    /// The component `logger`.
    logger: __Part3,
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
> ParserParts<__Part0, __Part1, __Part2, __Part3> {
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
    ) -> ::core::result::Result<Parser, ::wasm_runtime_composer::CompositionError>
    where
        __Part0: ::wasm_runtime_composer::__private::Place,
        __Part1: ::wasm_runtime_composer::Composable,
        __Part2: ::wasm_runtime_composer::Composable,
        __Part3: ::wasm_runtime_composer::Composable,
    {
        let Self { parser, words, grammar, logger } = self;
        Parser::__compose(parser, words, grammar, logger).await
    }
}
impl<__Part0, __Part1, __Part2, __Part3> ::core::fmt::Debug
for ParserParts<__Part0, __Part1, __Part2, __Part3> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("ParserParts").finish_non_exhaustive()
    }
}
