fn main() {
    let composition = {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer.add(::wasm_runtime_composer::ComposableDescriptor::new("app", app));
        {
            #[derive(::core::clone::Clone)]
            struct __Composed {
                __composition: ::wasm_runtime_composer::Composition,
                __service_0: ::wasm_runtime_composer::__private::HttpService,
            }
            #[allow(
                dead_code,
                unused_mut,
                clippy::too_many_arguments,
                clippy::wrong_self_convention,
                reason = "generated after what a component exports"
            )]
            impl __Composed {
                /// The composition as an HTTP service.
                fn web(&self) -> ::wasm_runtime_composer::__private::HttpService {
                    ::core::clone::Clone::clone(&self.__service_0)
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
                    let service_0 = accessors
                        .service(
                            "web",
                            ::wasm_runtime_composer::__private::http(&composition),
                        );
                    accessors.finish()?;
                    ::core::result::Result::Ok(Self {
                        __composition: composition,
                        __service_0: ::wasm_runtime_composer::__private::found(
                            service_0,
                        )?,
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
            ::wasm_runtime_composer::__private::composing(async move {
                composer.compose().await.and_then(__Composed::__bind)
            })
        }
    };
}
