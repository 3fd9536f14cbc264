#[derive(::core::clone::Clone)]
pub struct Shop {
    __composition: ::wasm_runtime_composer::Composition,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl Shop {
    async fn __compose(
        started: Instant,
        log: Log,
        shop: impl ::wasm_runtime_composer::Composable,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
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
                                let started: Instant = ::core::clone::Clone::clone(
                                    &started,
                                );
                                #[allow(
                                    unused_variables,
                                    reason = "not every function needs all that they share"
                                )]
                                let log: Log = ::core::clone::Clone::clone(&log);
                                move || -> u64 { started.elapsed() }
                            },
                        ),
                ),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "logger",
                    ::wasm_runtime_composer::HostInterface::new("acme:env/log")
                        .func_wrap(
                            "log",
                            {
                                #[allow(
                                    unused_variables,
                                    reason = "not every function needs all that they share"
                                )]
                                let log = ::core::clone::Clone::clone(&log);
                                move |text: String| -> () { log.add(text) }
                            },
                        )
                        .with_params(&["text"]),
                ),
            );
        composer.add(::wasm_runtime_composer::ComposableDescriptor::new("shop", shop));
        composer.compose().await.and_then(Self::__bind)
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        ::core::result::Result::Ok(Self { __composition: composition })
    }
}
impl ::core::ops::Deref for Shop {
    type Target = ::wasm_runtime_composer::Composition;
    fn deref(&self) -> &Self::Target {
        &self.__composition
    }
}
impl ::core::fmt::Debug for Shop {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("Shop").field(&self.__composition).finish()
    }
}
/// What a [`Shop`] is composed of, each by its name: `ShopParts { started, log, shop }.compose().await?`.
#[allow(dead_code, reason = "the components may be given without their names")]
pub struct ShopParts<__Part0> {
    /// What functions in Rust share as `started`.
    pub started: Instant,
    /// What functions in Rust share as `log`.
    pub log: Log,
    /// The component `shop`.
    pub shop: __Part0,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl<__Part0> ShopParts<__Part0> {
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
    pub async fn compose(
        self,
    ) -> ::core::result::Result<Shop, ::wasm_runtime_composer::CompositionError>
    where
        __Part0: ::wasm_runtime_composer::Composable,
    {
        let Self { started, log, shop } = self;
        Shop::__compose(started, log, shop).await
    }
}
impl<__Part0> ::core::fmt::Debug for ShopParts<__Part0> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("ShopParts").finish_non_exhaustive()
    }
}
