fn main() {
    let composition = {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "inner-group",
                    {
                        let place = (linker, store);
                        let mut group = ::wasm_runtime_composer::Composer::new();
                        group
                            .add(
                                ::wasm_runtime_composer::ComposableDescriptor::new(
                                    "first",
                                    component(),
                                ),
                            );
                        group
                            .add(
                                ::wasm_runtime_composer::ComposableDescriptor::new(
                                        "loop",
                                        component(),
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
                ::wasm_runtime_composer::ComposableDescriptor::new("audit", component())
                    .with_import_hint("acme:kv/store", "sink"),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("sink", component()),
            );
        composer.chain("acme:log/log", ["audit", "inner-group", "sink"]);
        composer.chain("acme:kv/store", ["sink"]);
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
