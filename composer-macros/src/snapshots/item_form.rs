/// Documented like any struct; can be stored in one.
#[derive(::core::clone::Clone)]
pub struct Calculator {
    __composition: ::wasm_runtime_composer::Composition,
    __accessor_0: ::wasm_runtime_composer::__private::Accessor,
    __accessor_1: ::wasm_runtime_composer::__private::Accessor,
    #[cfg(feature = "all")]
    __accessor_2: ::wasm_runtime_composer::__private::Accessor,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl Calculator {
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
        producer: impl ::wasm_runtime_composer::Composable,
        consumer: impl ::wasm_runtime_composer::Composable,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "producer",
                    ::wasm_runtime_composer::ExportFilter::exposing(
                        producer,
                        &["add", "composer:test/iproducer"],
                    ),
                ),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new("consumer", consumer)
                    .with_import_hint("add", "producer"),
            );
        composer.compose().await.and_then(Self::__bind)
    }
    /// Calls the export `run-add`.
    pub async fn run_add(
        &self,
    ) -> ::core::result::Result<i32, ::wasm_runtime_composer::CompositionError> {
        self.__accessor_0.call(()).await
    }
    /// Calls the export `type`.
    pub async fn r#type(
        &self,
        a: &str,
        b: Option<u8>,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::CompositionError> {
        self.__accessor_1.call((a, b)).await
    }
    #[cfg(feature = "all")]
    /// What the consumer offers.
    pub fn iconsumer(&self) -> CalculatorIconsumer<'_> {
        CalculatorIconsumer {
            __composed: self,
        }
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut accessors = ::wasm_runtime_composer::__private::Accessors::new(
            &composition,
        );
        let accessor_0 = accessors
            .function::<
                (),
                i32,
            >("run_add", ::core::option::Option::None, "run-add", false);
        let accessor_1 = accessors
            .function::<
                (&str, Option<u8>),
                (),
            >("r#type", ::core::option::Option::None, "type", false);
        #[cfg(feature = "all")]
        let accessor_2 = accessors
            .function::<
                (),
                i32,
            >(
                "iconsumer().run_add",
                ::core::option::Option::Some("composer:test/iconsumer@1.0.0"),
                "run-add",
                false,
            );
        accessors.finish()?;
        ::core::result::Result::Ok(Self {
            __composition: composition,
            __accessor_0: accessor_0,
            __accessor_1: accessor_1,
            #[cfg(feature = "all")]
            __accessor_2: accessor_2,
        })
    }
}
impl ::core::ops::Deref for Calculator {
    type Target = ::wasm_runtime_composer::Composition;
    fn deref(&self) -> &Self::Target {
        &self.__composition
    }
}
impl ::core::fmt::Debug for Calculator {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("Calculator").field(&self.__composition).finish()
    }
}
/// The functions of `composer:test/iconsumer@1.0.0` of a [`Calculator`].
#[cfg(feature = "all")]
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
pub struct CalculatorIconsumer<'a> {
    __composed: &'a Calculator,
}
#[cfg(feature = "all")]
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl CalculatorIconsumer<'_> {
    /// Calls the export `run-add`.
    #[cfg(feature = "all")]
    #[must_use]
    pub async fn run_add(
        self,
    ) -> ::core::result::Result<i32, ::wasm_runtime_composer::CompositionError> {
        self.__composed.__accessor_2.call(()).await
    }
}
