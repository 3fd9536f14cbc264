fn main() {
    let composition = {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                        "parser",
                        ::wasm_runtime_composer::ExportFilter::exposing(
                            {
                                let place = (linker, store);
                                let mut group = ::wasm_runtime_composer::Composer::new();
                                group
                                    .add(
                                        ::wasm_runtime_composer::ComposableDescriptor::new(
                                            "words",
                                            ::wasm_runtime_composer::ExportFilter::hiding(
                                                component(),
                                                &["debug"],
                                            ),
                                        ),
                                    );
                                group
                                    .add(
                                        ::wasm_runtime_composer::ComposableDescriptor::new(
                                                "grammar",
                                                component(),
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
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("logger", component()),
            );
        composer.with_export_hint("parse", "parser");
        {
            #[derive(::core::clone::Clone)]
            struct __Composed {
                __composition: ::wasm_runtime_composer::Composition,
            }
            #[allow(
                dead_code,
                unused_mut,
                clippy::too_many_arguments,
                clippy::wrong_self_convention,
                reason = "generated after what a component exports"
            )]
            impl __Composed {
                fn __bind(
                    composition: ::wasm_runtime_composer::Composition,
                ) -> ::core::result::Result<
                    Self,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    ::core::result::Result::Ok(Self { __composition: composition })
                }
            }
            impl ::core::ops::Deref for __Composed {
                type Target = ::wasm_runtime_composer::Composition;
                fn deref(&self) -> &Self::Target {
                    &self.__composition
                }
            }
            impl ::core::fmt::Debug for __Composed {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_tuple("__Composed").field(&self.__composition).finish()
                }
            }
            ::wasm_runtime_composer::__private::composing(async move {
                composer.compose().await.and_then(__Composed::__bind)
            })
        }
    };
}
