#[derive(::core::clone::Clone)]
pub struct Site {
    __composition: ::wasm_runtime_composer::Composition,
    __accessor_0: ::wasm_runtime_composer::__private::Accessor,
    #[cfg(feature = "site")]
    __service_0: ::wasm_runtime_composer::__private::HttpService,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl Site {
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
        app: impl ::wasm_runtime_composer::Composable,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer.add(::wasm_runtime_composer::ComposableDescriptor::new("app", app));
        composer.compose().await.and_then(Self::__bind)
    }
    /// Calls the export `visits`.
    pub async fn visits(
        &self,
    ) -> ::core::result::Result<u32, ::wasm_runtime_composer::CompositionError> {
        self.__accessor_0
            .call([], ::wasm_runtime_composer::__private::returned::<u32>())
            .await
    }
    #[cfg(feature = "site")]
    /// Documented by the user.
    pub fn site(&self) -> ::wasm_runtime_composer::__private::HttpService {
        ::core::clone::Clone::clone(&self.__service_0)
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut accessors = ::wasm_runtime_composer::__private::Accessors::new(
            &composition,
        );
        let accessor_0 = accessors
            .function(
                ("visits", false),
                (::core::option::Option::None, "visits"),
                [],
                &::wasm_runtime_composer::__private::returned::<u32>(),
            );
        #[cfg(feature = "site")]
        let service_0 = accessors
            .service("site", ::wasm_runtime_composer::__private::http(&composition));
        accessors.finish()?;
        ::core::result::Result::Ok(Self {
            __composition: composition,
            __accessor_0: accessor_0,
            #[cfg(feature = "site")]
            __service_0: ::wasm_runtime_composer::__private::found(service_0)?,
        })
    }
}
impl ::core::ops::Deref for Site {
    type Target = ::wasm_runtime_composer::Composition;
    fn deref(&self) -> &Self::Target {
        &self.__composition
    }
}
impl ::core::fmt::Debug for Site {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("Site").field(&self.__composition).finish()
    }
}
/// What a [`Site`] is composed of, each by its name: `SiteParts { app }.compose().await?`.
#[allow(dead_code, reason = "the components may be given without their names")]
pub struct SiteParts<__Part0> {
    /// The component `app`.
    pub app: __Part0,
}
#[allow(
    dead_code,
    unused_mut,
    clippy::too_many_arguments,
    clippy::wrong_self_convention,
    reason = "generated after what a component exports"
)]
impl<__Part0> SiteParts<__Part0> {
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
    ) -> ::core::result::Result<Site, ::wasm_runtime_composer::CompositionError>
    where
        __Part0: ::wasm_runtime_composer::Composable,
    {
        let Self { app } = self;
        Site::compose(app).await
    }
}
impl<__Part0> ::core::fmt::Debug for SiteParts<__Part0> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("SiteParts").finish_non_exhaustive()
    }
}
