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
    async fn __compose(
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
        self.__accessor_0
            .call([], ::wasm_runtime_composer::__private::returned::<i32>())
            .await
    }
    /// Calls the export `type`.
    pub async fn r#type(
        &self,
        a: &str,
        b: Option<u8>,
    ) -> ::core::result::Result<(), ::wasm_runtime_composer::CompositionError> {
        self.__accessor_1
            .call(
                [
                    (::wasm_runtime_composer::__private::parameter::<&str>().into)(a),
                    (::wasm_runtime_composer::__private::parameter::<Option<u8>>()
                        .into)(b),
                ],
                ::wasm_runtime_composer::__private::returned::<()>(),
            )
            .await
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
            .function(
                ("run_add", false),
                (::core::option::Option::None, "run-add"),
                [],
                &::wasm_runtime_composer::__private::returned::<i32>(),
            );
        let accessor_1 = accessors
            .function(
                ("r#type", false),
                (::core::option::Option::None, "type"),
                [
                    ::wasm_runtime_composer::__private::parameter::<&str>().check,
                    ::wasm_runtime_composer::__private::parameter::<Option<u8>>().check,
                ],
                &::wasm_runtime_composer::__private::returned::<()>(),
            );
        #[cfg(feature = "all")]
        let accessor_2 = accessors
            .function(
                ("iconsumer().run_add", false),
                (
                    ::core::option::Option::Some("composer:test/iconsumer@1.0.0"),
                    "run-add",
                ),
                [],
                &::wasm_runtime_composer::__private::returned::<i32>(),
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
        self.__composed
            .__accessor_2
            .call([], ::wasm_runtime_composer::__private::returned::<i32>())
            .await
    }
}
/// What a [`Calculator`] is composed of, each by its name: `CalculatorParts { producer, consumer }.compose().await?`.
#[allow(dead_code, reason = "the components may be given without their names")]
pub struct CalculatorParts<__Part0, __Part1> {
    /// The component `producer`.
    pub producer: __Part0,
    /// The component `consumer`.
    pub consumer: __Part1,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl<__Part0, __Part1> CalculatorParts<__Part0, __Part1> {
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
    ) -> ::core::result::Result<Calculator, ::wasm_runtime_composer::CompositionError>
    where
        __Part0: ::wasm_runtime_composer::Composable,
        __Part1: ::wasm_runtime_composer::Composable,
    {
        let Self { producer, consumer } = self;
        Calculator::__compose(producer, consumer).await
    }
}
impl<__Part0, __Part1> ::core::fmt::Debug for CalculatorParts<__Part0, __Part1> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("CalculatorParts").finish_non_exhaustive()
    }
}
