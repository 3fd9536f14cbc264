#[allow(
    dead_code,
    unused_imports,
    missing_docs,
    unreachable_pub,
    unnameable_types,
    private_interfaces,
    clippy::all,
    rustdoc::all,
    reason = "made of WIT: its names and docs are the WIT's, and not all of it is used"
)]
/// From WIT.
pub mod acme {
    /// From WIT.
    pub mod kv {
        /// `acme:kv/clock@1.0.0`.
        pub mod clock {
            /// What implements `acme:kv/clock@1.0.0` in Rust; [`host`] makes it composable. Calls overlap, and a future whose caller has gone is dropped. A panic is a failure of the call.
            pub trait Host: ::core::marker::Send + ::core::marker::Sync + 'static {
                /// Implements `now`.
                fn now(&self) -> ::core::primitive::u64;
            }
            /// `acme:kv/clock@1.0.0` as `host` implements it, to be composed like a component.
            pub fn host<__H: Host>(host: __H) -> ::wasm_runtime_composer::HostInterface {
                let host = ::std::sync::Arc::new(host);
                ::wasm_runtime_composer::HostInterface::new("acme:kv/clock@1.0.0")
                    .func_wrap(
                        "now",
                        {
                            let host = ::std::sync::Arc::clone(&host);
                            move || __H::now(&host)
                        },
                    )
            }
        }
        /// `acme:kv/store@1.0.0`.
        ///
        /// Keys and values.
        pub mod store {
            /// What is kept.
            #[derive(
                ::wasm_runtime_composer::ComponentValue,
                ::core::fmt::Debug,
                ::core::clone::Clone,
                ::core::cmp::PartialEq
            )]
            #[component(crate = ::wasm_runtime_composer)]
            pub struct Entry {
                #[component(name = "name")]
                pub name: ::std::string::String,
                #[component(name = "tags")]
                pub tags: ::std::vec::Vec<::std::string::String>,
            }
            #[derive(
                ::wasm_runtime_composer::ComponentValue,
                ::core::fmt::Debug,
                ::core::clone::Clone,
                ::core::cmp::PartialEq,
                ::core::marker::Copy,
                ::core::cmp::Eq,
                ::core::cmp::PartialOrd,
                ::core::cmp::Ord,
                ::core::hash::Hash
            )]
            #[component(crate = ::wasm_runtime_composer)]
            pub enum Level {
                #[component(name = "low")]
                Low,
                #[component(name = "high")]
                High,
            }
            ::wasm_runtime_composer::__private::wit::bitflags! {
                #[derive(::core::fmt::Debug, ::core::clone::Clone,
                ::core::cmp::PartialEq, ::core::marker::Copy, ::core::cmp::Eq,
                ::core::cmp::PartialOrd, ::core::cmp::Ord, ::core::hash::Hash)] pub
                struct Rights : u8 { const READ = 1 << 0u32; const WRITE = 1 << 1u32; }
            }
            ::wasm_runtime_composer::__private::wit::flags!(
                Rights, u8, ["read", "write"]
            );
            #[derive(
                ::wasm_runtime_composer::ComponentValue,
                ::core::fmt::Debug,
                ::core::clone::Clone,
                ::core::cmp::PartialEq
            )]
            #[component(crate = ::wasm_runtime_composer, variant)]
            pub enum Failure {
                #[component(name = "missing")]
                Missing(::std::string::String),
                #[component(name = "full")]
                Full,
            }
            impl ::core::fmt::Display for Failure {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    ::core::fmt::Debug::fmt(self, f)
                }
            }
            impl ::core::error::Error for Failure {}
            #[derive(
                ::wasm_runtime_composer::ComponentValue,
                ::core::fmt::Debug,
                ::core::clone::Clone,
                ::core::cmp::PartialEq
            )]
            #[component(crate = ::wasm_runtime_composer)]
            pub struct Pair<OwnBucket = self::Bucket> {
                #[component(name = "left")]
                pub left: OwnBucket,
                #[component(name = "right")]
                pub right: OwnBucket,
            }
            /// Entries by their keys.
            ///
            /// An owned handle of the resource `bucket`: dropped with it, lent as a reference, moved as a value. Its methods fail, and are given up, as those of [`Client`] are.
            pub struct Bucket(
                ::wasm_runtime_composer::__private::wit::Bound<__Functions>,
            );
            impl Bucket {
                /// Calls `[method]bucket.put`.
                pub async fn put(
                    &self,
                    key: &::core::primitive::str,
                    value: &self::Entry,
                ) -> ::core::result::Result<
                    ::core::result::Result<(), self::Failure>,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    self.0
                        .functions()?
                        .f1
                        .call(
                            [
                                (::wasm_runtime_composer::__private::parameter::<
                                    &::wasm_runtime_composer::OwnedResource,
                                >()
                                    .into)(self.0.handle()),
                                (::wasm_runtime_composer::__private::parameter::<
                                    &::core::primitive::str,
                                >()
                                    .into)(key),
                                (::wasm_runtime_composer::__private::parameter::<
                                    &self::Entry,
                                >()
                                    .into)(value),
                            ],
                            ::wasm_runtime_composer::__private::returned::<
                                ::core::result::Result<(), self::Failure>,
                            >(),
                        )
                        .await
                }
            }
            ::wasm_runtime_composer::__private::wit::resource!(Bucket, __Functions);
            #[doc(hidden)]
            #[derive(::core::fmt::Debug)]
            pub struct __Functions {
                f0: ::wasm_runtime_composer::__private::Accessor,
                f1: ::wasm_runtime_composer::__private::Accessor,
                f2: ::wasm_runtime_composer::__private::Accessor,
                f3: ::wasm_runtime_composer::__private::Accessor,
            }
            /** Calls the functions of `acme:kv/store@1.0.0` of a composition. Cheap to clone; it does not keep the composition alive.

 # Errors

 A call fails as that of an `ExportFunc`, with a `CompositionError`; what a function itself returns as an error is a `Result` within.

 # Cancel safety

 That of a call of an `ExportFunc`.*/
            #[derive(::core::clone::Clone, ::core::fmt::Debug)]
            pub struct Client(::std::sync::Arc<__Functions>);
            impl Client {
                /** Looks up the functions of `acme:kv/store@1.0.0` and checks their types.

 # Errors

 If one is missing or of another type; the error has all of them.*/
                pub fn new(
                    composition: &::wasm_runtime_composer::Composition,
                ) -> ::core::result::Result<
                    Self,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    let mut accessors = ::wasm_runtime_composer::__private::Accessors::new(
                        composition,
                    );
                    let client = Self::__find(&mut accessors);
                    accessors.finish()?;
                    client.__bind(composition);
                    ::core::result::Result::Ok(client)
                }
                #[doc(hidden)]
                pub fn __find(
                    accessors: &mut ::wasm_runtime_composer::__private::Accessors<'_>,
                ) -> Self {
                    Self(
                        ::std::sync::Arc::new(__Functions {
                            f0: accessors
                                .function(
                                    ("store::[constructor]bucket", false),
                                    (
                                        ::core::option::Option::Some("acme:kv/store@1.0.0"),
                                        "[constructor]bucket",
                                    ),
                                    [
                                        ::wasm_runtime_composer::__private::parameter::<
                                            &::core::primitive::str,
                                        >()
                                            .check,
                                    ],
                                    &::wasm_runtime_composer::__private::returned::<
                                        self::Bucket,
                                    >(),
                                ),
                            f1: accessors
                                .function(
                                    ("store::[method]bucket.put", false),
                                    (
                                        ::core::option::Option::Some("acme:kv/store@1.0.0"),
                                        "[method]bucket.put",
                                    ),
                                    [
                                        ::wasm_runtime_composer::__private::parameter::<
                                            &::wasm_runtime_composer::OwnedResource,
                                        >()
                                            .check,
                                        ::wasm_runtime_composer::__private::parameter::<
                                            &::core::primitive::str,
                                        >()
                                            .check,
                                        ::wasm_runtime_composer::__private::parameter::<
                                            &self::Entry,
                                        >()
                                            .check,
                                    ],
                                    &::wasm_runtime_composer::__private::returned::<
                                        ::core::result::Result<(), self::Failure>,
                                    >(),
                                ),
                            f2: accessors
                                .function(
                                    ("store::[static]bucket.merge", false),
                                    (
                                        ::core::option::Option::Some("acme:kv/store@1.0.0"),
                                        "[static]bucket.merge",
                                    ),
                                    [
                                        ::wasm_runtime_composer::__private::parameter::<
                                            self::Bucket,
                                        >()
                                            .check,
                                        ::wasm_runtime_composer::__private::parameter::<
                                            &self::Bucket,
                                        >()
                                            .check,
                                    ],
                                    &::wasm_runtime_composer::__private::returned::<
                                        self::Bucket,
                                    >(),
                                ),
                            f3: accessors
                                .function(
                                    ("store::check", false),
                                    (
                                        ::core::option::Option::Some("acme:kv/store@1.0.0"),
                                        "check",
                                    ),
                                    [
                                        ::wasm_runtime_composer::__private::parameter::<
                                            self::Level,
                                        >()
                                            .check,
                                        ::wasm_runtime_composer::__private::parameter::<
                                            self::Rights,
                                        >()
                                            .check,
                                    ],
                                    &::wasm_runtime_composer::__private::returned::<
                                        ::core::option::Option<self::Level>,
                                    >(),
                                ),
                        }),
                    )
                }
                #[doc(hidden)]
                pub fn __bind(
                    &self,
                    composition: &::wasm_runtime_composer::Composition,
                ) {
                    ::wasm_runtime_composer::__private::wit::bind(composition, &self.0);
                }
                /// Calls `[constructor]bucket`.
                pub async fn bucket(
                    &self,
                    name: &::core::primitive::str,
                ) -> ::core::result::Result<
                    self::Bucket,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    self.0
                        .f0
                        .call(
                            [
                                (::wasm_runtime_composer::__private::parameter::<
                                    &::core::primitive::str,
                                >()
                                    .into)(name),
                            ],
                            ::wasm_runtime_composer::__private::returned::<
                                self::Bucket,
                            >(),
                        )
                        .await
                }
                /// Calls `[static]bucket.merge`.
                pub async fn bucket_merge(
                    &self,
                    a: self::Bucket,
                    b: &self::Bucket,
                ) -> ::core::result::Result<
                    self::Bucket,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    self.0
                        .f2
                        .call(
                            [
                                (::wasm_runtime_composer::__private::parameter::<
                                    self::Bucket,
                                >()
                                    .into)(a),
                                (::wasm_runtime_composer::__private::parameter::<
                                    &self::Bucket,
                                >()
                                    .into)(b),
                            ],
                            ::wasm_runtime_composer::__private::returned::<
                                self::Bucket,
                            >(),
                        )
                        .await
                }
                /// Calls `check`.
                pub async fn check(
                    &self,
                    level: self::Level,
                    rights: self::Rights,
                ) -> ::core::result::Result<
                    ::core::option::Option<self::Level>,
                    ::wasm_runtime_composer::CompositionError,
                > {
                    self.0
                        .f3
                        .call(
                            [
                                (::wasm_runtime_composer::__private::parameter::<
                                    self::Level,
                                >()
                                    .into)(level),
                                (::wasm_runtime_composer::__private::parameter::<
                                    self::Rights,
                                >()
                                    .into)(rights),
                            ],
                            ::wasm_runtime_composer::__private::returned::<
                                ::core::option::Option<self::Level>,
                            >(),
                        )
                        .await
                }
            }
            /// What implements `acme:kv/store@1.0.0` in Rust; [`host`] makes it composable. Calls overlap, and a future whose caller has gone is dropped. A panic is a failure of the call.
            pub trait Host: ::core::marker::Send + ::core::marker::Sync + 'static {
                /// Entries by their keys.
                type Bucket: ::core::marker::Send + ::core::marker::Sync + 'static;
                /// Implements `[constructor]bucket`.
                fn bucket(
                    &self,
                    name: ::std::string::String,
                ) -> ::wasm_runtime_composer::host::HostOwn<Self::Bucket>;
                /// Implements `[method]bucket.put`.
                fn bucket_put(
                    &self,
                    this: ::wasm_runtime_composer::host::HostBorrow<Self::Bucket>,
                    key: ::std::string::String,
                    value: self::Entry,
                ) -> ::core::result::Result<(), self::Failure>;
                /// Implements `[static]bucket.merge`.
                fn bucket_merge(
                    &self,
                    a: ::wasm_runtime_composer::host::HostOwn<Self::Bucket>,
                    b: ::wasm_runtime_composer::host::HostBorrow<Self::Bucket>,
                ) -> ::wasm_runtime_composer::host::HostOwn<Self::Bucket>;
                /// Implements `check`.
                fn check(
                    &self,
                    level: self::Level,
                    rights: self::Rights,
                ) -> ::core::option::Option<self::Level>;
                /// Implements `both`.
                fn both(
                    &self,
                ) -> impl ::core::future::Future<
                    Output = self::Pair<
                        ::wasm_runtime_composer::host::HostOwn<Self::Bucket>,
                    >,
                > + ::core::marker::Send;
            }
            /// `acme:kv/store@1.0.0` as `host` implements it, to be composed like a component.
            pub fn host<__H: Host>(host: __H) -> ::wasm_runtime_composer::HostInterface {
                let host = ::std::sync::Arc::new(host);
                ::wasm_runtime_composer::HostInterface::new("acme:kv/store@1.0.0")
                    .resource::<__H::Bucket>("bucket")
                    .func_wrap(
                        "[constructor]bucket",
                        {
                            let host = ::std::sync::Arc::clone(&host);
                            move |name: ::std::string::String| __H::bucket(&host, name)
                        },
                    )
                    .with_params(&["name"])
                    .func_wrap(
                        "[method]bucket.put",
                        {
                            let host = ::std::sync::Arc::clone(&host);
                            move |
                                this: ::wasm_runtime_composer::host::HostBorrow<
                                    __H::Bucket,
                                >,
                                key: ::std::string::String,
                                value: self::Entry|
                            __H::bucket_put(&host, this, key, value)
                        },
                    )
                    .with_params(&["self", "key", "value"])
                    .func_wrap(
                        "[static]bucket.merge",
                        {
                            let host = ::std::sync::Arc::clone(&host);
                            move |
                                a: ::wasm_runtime_composer::host::HostOwn<__H::Bucket>,
                                b: ::wasm_runtime_composer::host::HostBorrow<__H::Bucket>|
                            __H::bucket_merge(&host, a, b)
                        },
                    )
                    .with_params(&["a", "b"])
                    .func_wrap(
                        "check",
                        {
                            let host = ::std::sync::Arc::clone(&host);
                            move |level: self::Level, rights: self::Rights| __H::check(
                                &host,
                                level,
                                rights,
                            )
                        },
                    )
                    .with_params(&["level", "rights"])
                    .func_wrap_concurrent(
                        "both",
                        {
                            let host = ::std::sync::Arc::clone(&host);
                            move || {
                                let host = ::std::sync::Arc::clone(&host);
                                async move { __H::both(&host).await }
                            }
                        },
                    )
            }
        }
    }
}
#[derive(::core::clone::Clone)]
pub struct Shop {
    __composition: ::wasm_runtime_composer::Composition,
    __accessor_0: ::wasm_runtime_composer::__private::Accessor,
    __client_0: acme::kv::store::Client,
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
        app: impl ::wasm_runtime_composer::Composable,
        clock: Clock,
        store: Arc<Store>,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut composer = ::wasm_runtime_composer::Composer::new();
        composer.add(::wasm_runtime_composer::ComposableDescriptor::new("app", app));
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "clock",
                    ::wasm_runtime_composer::ExportFilter::exposing(
                        acme::kv::clock::host(clock),
                        &["acme:kv/clock"],
                    ),
                ),
            );
        composer
            .add(
                ::wasm_runtime_composer::ComposableDescriptor::new(
                    "store",
                    acme::kv::store::host(store),
                ),
            );
        composer.compose().await.and_then(Self::__bind)
    }
    /// The end.
    pub async fn checkout(
        &self,
        words: &[::std::string::String],
    ) -> ::core::result::Result<
        ::std::string::String,
        ::wasm_runtime_composer::CompositionError,
    > {
        self.__accessor_0
            .call(
                [
                    (::wasm_runtime_composer::__private::parameter::<
                        &[::std::string::String],
                    >()
                        .into)(words),
                ],
                ::wasm_runtime_composer::__private::returned::<::std::string::String>(),
            )
            .await
    }
    /// The functions of `acme:kv/store`.
    pub fn kv(&self) -> &acme::kv::store::Client {
        &self.__client_0
    }
    fn __bind(
        composition: ::wasm_runtime_composer::Composition,
    ) -> ::core::result::Result<Self, ::wasm_runtime_composer::CompositionError> {
        let mut accessors = ::wasm_runtime_composer::__private::Accessors::new(
            &composition,
        );
        let accessor_0 = accessors
            .function(
                ("checkout", false),
                (::core::option::Option::None, "checkout"),
                [
                    ::wasm_runtime_composer::__private::parameter::<
                        &[::std::string::String],
                    >()
                        .check,
                ],
                &::wasm_runtime_composer::__private::returned::<::std::string::String>(),
            );
        let client_0 = <acme::kv::store::Client>::__find(&mut accessors);
        accessors.finish()?;
        client_0.__bind(&composition);
        ::core::result::Result::Ok(Self {
            __composition: composition,
            __accessor_0: accessor_0,
            __client_0: client_0,
        })
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
/// What a [`Shop`] is composed of, each by its name: `ShopParts { app, clock, store }.compose().await?`.
#[allow(dead_code, reason = "the components may be given without their names")]
pub struct ShopParts<__Part0> {
    /// The component `app`.
    pub app: __Part0,
    /// What implements `clock`, in Rust.
    pub clock: Clock,
    /// What implements `store`, in Rust.
    pub store: Arc<Store>,
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
        let Self { app, clock, store } = self;
        Shop::__compose(app, clock, store).await
    }
}
impl<__Part0> ::core::fmt::Debug for ShopParts<__Part0> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("ShopParts").finish_non_exhaustive()
    }
}
