fn main() {
    let composition = {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "clock",
                    ::wasm_runtime_composer::HostInterface::new("acme:env/clock@1.0.0")
                        .func_wrap(
                            "now",
                            {
                                #[allow(
                                    unused_variables,
                                    reason = "not every function needs all that they share"
                                )]
                                let started = ::core::clone::Clone::clone(&started);
                                #[allow(
                                    unused_variables,
                                    reason = "not every function needs all that they share"
                                )]
                                let log = ::core::clone::Clone::clone(&log);
                                move || -> u64 { started.elapsed() }
                            },
                        )
                        .func_wrap_concurrent(
                            "sleep",
                            {
                                #[allow(
                                    unused_variables,
                                    reason = "not every function needs all that they share"
                                )]
                                let started = ::core::clone::Clone::clone(&started);
                                #[allow(
                                    unused_variables,
                                    reason = "not every function needs all that they share"
                                )]
                                let log = ::core::clone::Clone::clone(&log);
                                move |at_most: u64| {
                                    #[allow(
                                        unused_variables,
                                        reason = "not every function needs all that they share"
                                    )]
                                    let started = ::core::clone::Clone::clone(&started);
                                    #[allow(
                                        unused_variables,
                                        reason = "not every function needs all that they share"
                                    )]
                                    let log = ::core::clone::Clone::clone(&log);
                                    async move {
                                        if let ::core::option::Option::Some(never) = ::wasm_runtime_composer::__private::returns::<
                                            wasmtime::Result<()>,
                                        >() {
                                            return never;
                                        }
                                        wait(at_most).await?;
                                        Ok(())
                                    }
                                }
                            },
                        )
                        .with_params(&["at-most"]),
                ),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                        "root",
                        ::wasm_runtime_composer::ExportFilter::exposing(
                            ::wasm_runtime_composer::HostInterface::root()
                                .func_wrap(
                                    "log",
                                    { move |text: String| -> () { print(text) } },
                                )
                                .with_params(&["text"]),
                            &["log"],
                        ),
                    )
                    .with_layer(DenyLayer::all("no")),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("consumer", consumer)
                    .with_import_hint_as(
                        "acme:cache/store",
                        "redis",
                        "acme:kv/store@1.0.0",
                    )
                    .with_layer(first)
                    .with_import_layer(
                        "acme:cache/store#get",
                        RetryLayer::functions(["get"], 2),
                    ),
            );
        composer.add(::wasm_runtime_composer::ComposableDescriptor::new("redis", redis));
        composer.with_layer(TraceLayer::new());
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
