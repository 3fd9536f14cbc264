fn main() {
    let composition = {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "producer-a",
                    producer_a,
                ),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "producer-b",
                    ::wasm_runtime_composer::ExportFilter::hiding(
                        producer_b,
                        &["internal-debug"],
                    ),
                ),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("consumer", consumer)
                    .with_import_hint("add", "producer-a")
                    .with_import_hint("log", "host")
                    .with_containment(
                        "log#write",
                        ::wasm_runtime_composer::Containment::message(),
                    )
                    .with_containment(
                        "add",
                        ::wasm_runtime_composer::Containment::case("gone"),
                    )
                    .with_deadline(Duration::from_secs(1))
                    .with_restart(never()),
            );
        composer.with_export_hint("add", "producer-b");
        composer.allow_cycles();
        {
            #[derive(::core::clone::Clone)]
            struct __Composed {
                __composition: ::wasm_runtime_composer::Composition,
                __accessor_0: ::wasm_runtime_composer::__private::Accessor,
                __accessor_1: ::wasm_runtime_composer::__private::Accessor,
                __accessor_2: ::wasm_runtime_composer::__private::Accessor,
                __accessor_3: ::wasm_runtime_composer::__private::Accessor,
            }
            #[allow(
                dead_code,
                unused_mut,
                clippy::too_many_arguments,
                clippy::wrong_self_convention,
                reason = "generated after what a component exports"
            )]
            impl __Composed {
                /// Documented by the user.
                async fn run_add(
                    &self,
                ) -> ::core::result::Result<
                    i32,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    self.__accessor_0
                        .call([], ::wasm_runtime_composer::__private::returned::<i32>())
                        .await
                }
                /// Calls the export `sum-all`.
                async fn total(
                    &self,
                    values: &[i64],
                ) -> ::core::result::Result<
                    i64,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    self.__accessor_1
                        .call(
                            [
                                (::wasm_runtime_composer::__private::parameter::<&[i64]>()
                                    .into)(values),
                            ],
                            ::wasm_runtime_composer::__private::returned::<i64>(),
                        )
                        .await
                }
                /// The functions of `composer:test/iconsumer`.
                fn iconsumer(&self) -> __ComposedIconsumer<'_> {
                    __ComposedIconsumer {
                        __composed: self,
                    }
                }
                fn __bind(
                    composition: ::wasm_runtime_composer::Composition,
                ) -> ::core::result::Result<
                    Self,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    let mut accessors = ::wasm_runtime_composer::__private::Accessors::new(
                        &composition,
                    );
                    let accessor_0 = accessors
                        .function(
                            ("run_add", false),
                            (::core::option::Option::None, "run-add"),
                            [],
                            &::wasm_runtime_composer::__private::returned::<i32>(),
                        );
                    let accessor_1 = accessors
                        .function(
                            ("total", false),
                            (::core::option::Option::None, "sum-all"),
                            [
                                ::wasm_runtime_composer::__private::parameter::<&[i64]>()
                                    .check,
                            ],
                            &::wasm_runtime_composer::__private::returned::<i64>(),
                        );
                    let accessor_2 = accessors
                        .function(
                            ("iconsumer().run_add", false),
                            (
                                ::core::option::Option::Some("composer:test/iconsumer"),
                                "run-add",
                            ),
                            [],
                            &::wasm_runtime_composer::__private::returned::<i32>(),
                        );
                    let accessor_3 = accessors
                        .function(
                            ("iconsumer().run_ping", true),
                            (
                                ::core::option::Option::Some("composer:test/iconsumer"),
                                "run-ping",
                            ),
                            [],
                            &::wasm_runtime_composer::__private::returned::<i32>(),
                        );
                    accessors.finish()?;
                    ::core::result::Result::Ok(Self {
                        __composition: composition,
                        __accessor_0: accessor_0,
                        __accessor_1: accessor_1,
                        __accessor_2: accessor_2,
                        __accessor_3: accessor_3,
                    })
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
            /// The functions of `composer:test/iconsumer` of a [`__Composed`].
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            struct __ComposedIconsumer<'a> {
                __composed: &'a __Composed,
            }
            #[allow(
                dead_code,
                unused_mut,
                clippy::too_many_arguments,
                clippy::wrong_self_convention,
                reason = "generated after what a component exports"
            )]
            impl __ComposedIconsumer<'_> {
                /// Calls the export `run-add`.
                async fn run_add(
                    self,
                ) -> ::core::result::Result<
                    i32,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    self.__composed
                        .__accessor_2
                        .call([], ::wasm_runtime_composer::__private::returned::<i32>())
                        .await
                }
                /// Calls the export `run-ping`.
                async fn run_ping(
                    self,
                ) -> ::core::result::Result<
                    i32,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    self.__composed
                        .__accessor_3
                        .call([], ::wasm_runtime_composer::__private::returned::<i32>())
                        .await
                }
            }
            ::wasm_runtime_composer::__private::composing(async move {
                composer.compose().await.and_then(__Composed::__bind)
            })
        }
    };
}
