fn main() {
    let composition = {
        if true {
            ::core::compile_error! {
                "expected an expression after `=`"
            }
            ::core::compile_error! {
                "expected an export's name, `fn`, `async fn`, `interface`, `world` or `http` after `export`"
            }
            ::core::compile_error! {
                "expected `;` after this"
            }
            ::core::compile_error! {
                "component `consumer` has no value; write `component consumer = expression`, or begin the block with `struct Name;`"
            }
            ::core::compile_error! {
                "an accessor declares no `self`; list the export's parameters alone"
            }
        } else {
            let mut composer = ::wasm_runtime_composer::Composer::new();
            {
                #[derive(::core::clone::Clone)]
                struct __Composed {
                    __composition: ::wasm_runtime_composer::Composition,
                    __accessor_0: ::wasm_runtime_composer::__private::Accessor,
                    __accessor_1: ::wasm_runtime_composer::__private::Accessor,
                }
                #[allow(
                    dead_code,
                    unused_mut,
                    clippy::too_many_arguments,
                    clippy::wrong_self_convention,
                    reason = "generated after what a component exports"
                )]
                impl __Composed {
                    /// The functions of `a:b/c`.
                    fn d(&self) -> __ComposedD<'_> {
                        __ComposedD { __composed: self }
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
                                ("d().e", false),
                                (::core::option::Option::Some("a:b/c"), "e"),
                                [],
                                &::wasm_runtime_composer::__private::returned::<()>(),
                            );
                        let accessor_1 = accessors
                            .function(
                                ("d().f", false),
                                (::core::option::Option::Some("a:b/c"), "f"),
                                [],
                                &::wasm_runtime_composer::__private::returned::<()>(),
                            );
                        accessors.finish()?;
                        ::core::result::Result::Ok(Self {
                            __composition: composition,
                            __accessor_0: accessor_0,
                            __accessor_1: accessor_1,
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
                /// The functions of `a:b/c` of a [`__Composed`].
                #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
                struct __ComposedD<'a> {
                    __composed: &'a __Composed,
                }
                #[allow(
                    dead_code,
                    unused_mut,
                    clippy::too_many_arguments,
                    clippy::wrong_self_convention,
                    reason = "generated after what a component exports"
                )]
                impl __ComposedD<'_> {
                    /// Calls the export `e`.
                    async fn e(
                        self,
                    ) -> ::core::result::Result<
                        (),
                        ::wasm_runtime_composer::CompositionError,
                    > {
                        self.__composed
                            .__accessor_0
                            .call(
                                [],
                                ::wasm_runtime_composer::__private::returned::<()>(),
                            )
                            .await
                    }
                    /// Calls the export `f`.
                    async fn f(
                        self,
                    ) -> ::core::result::Result<
                        (),
                        ::wasm_runtime_composer::CompositionError,
                    > {
                        self.__composed
                            .__accessor_1
                            .call(
                                [],
                                ::wasm_runtime_composer::__private::returned::<()>(),
                            )
                            .await
                    }
                }
                ::wasm_runtime_composer::__private::composing(async move {
                    composer.compose().await.and_then(__Composed::__bind)
                })
            }
        }
    };
}
