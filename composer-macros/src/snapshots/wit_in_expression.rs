fn main() {
    let composition = {
        #[allow(
            unused_imports,
            dead_code,
            reason = "not every block names what is in it"
        )]
        mod __wit {}
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "store",
                    crate::bindings::acme::kv::store::host(Store::new()),
                ),
            );
        {
            #[derive(::core::clone::Clone)]
            struct __Composed {
                __composition: ::wasm_runtime_composer::Composition,
                __client_0: crate::bindings::acme::kv::store::Client,
            }
            #[allow(
                dead_code,
                unused_mut,
                clippy::too_many_arguments,
                clippy::wrong_self_convention,
                reason = "generated after what a component exports"
            )]
            impl __Composed {
                /// The store.
                fn kv(&self) -> &crate::bindings::acme::kv::store::Client {
                    &self.__client_0
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
                    let client_0 = <crate::bindings::acme::kv::store::Client>::__find(
                        &mut accessors,
                    );
                    accessors.finish()?;
                    client_0.__bind(&composition);
                    ::core::result::Result::Ok(Self {
                        __composition: composition,
                        __client_0: client_0,
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
