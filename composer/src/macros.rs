//! `compose!`: its documentation, with the grammar, and the `macro_rules!` that passes `$crate` on
//! to the procedural macro.

/// Declares components, hints, filters and typed accessors in Rust syntax, and composes them.
///
/// What can be checked without the components is checked while compiling; each accessor is checked
/// against the component's function while composing, and resolved once: a call looks nothing up.
///
/// # Two forms
///
/// As an **expression** it is a future that composes. Its components are given in place:
///
/// ```
/// # use wasm_runtime_composer::{ComposableComponent, CompositionError};
/// # use wasmtime::Engine;
/// # fn component(text: &str) -> ComposableComponent<()> {
/// #     let engine = Engine::default();
/// #     ComposableComponent::with_engine(&engine, text)
/// # }
/// # fn adder() -> ComposableComponent<()> {
/// #     component(r#"(component
/// #         (core module $m
/// #             (func (export "add") (param i32 i32) (result i32)
/// #                 (i32.add (local.get 0) (local.get 1)))
/// #             (func (export "debug")))
/// #         (core instance $i (instantiate $m))
/// #         (func (export "add") (param "a" s32) (param "b" s32) (result s32)
/// #             (canon lift (core func $i "add")))
/// #         (func (export "debug") (canon lift (core func $i "debug"))))"#)
/// # }
/// # fn consumer() -> ComposableComponent<()> {
/// #     component(r#"(component
/// #         (import "add" (func $add (param "a" s32) (param "b" s32) (result s32)))
/// #         (core func $add (canon lower (func $add)))
/// #         (core module $m
/// #             (import "" "add" (func $add (param i32 i32) (result i32)))
/// #             (func (export "run") (result i32) (call $add (i32.const 1) (i32.const 2))))
/// #         (core instance $i (instantiate $m (with "" (instance (export "add" (func $add))))))
/// #         (func $run (result s32) (canon lift (core func $i "run")))
/// #         (instance $tools (export "run-add" (func $run)))
/// #         (export "run-add" (func $run))
/// #         (export "acme:calc/tools@1.0.0" (instance $tools)))"#)
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), CompositionError> {
/// use wasm_runtime_composer::compose;
///
/// let composition = compose! {
///     component disk = adder();                          // any expression that is `Composable`
///     component memory = adder() { hide "debug" };
///     component consumer = consumer() { import "add" from memory };
///
///     export "add" from disk;                            // of two that export it
///     export fn run_add() -> i32;                        // the root function `run-add`
///     export fn sum(a: i32, b: i32) -> i32 = "add";      // another name than the export's
///     export interface "acme:calc/tools@1.0.0" as tools {
///         fn run_add() -> i32;
///     }
/// }
/// .await?;
///
/// assert_eq!(composition.run_add().await?, 3);
/// assert_eq!(composition.sum(20, 22).await?, 42);
/// assert_eq!(composition.tools().run_add().await?, 3);
/// let dynamic = composition.get_func(None, "run-add")?;  // it derefs to `Composition`
/// # let _ = dynamic;
/// # Ok(())
/// # }
/// ```
///
/// As an **item** it begins with a struct and declares a named type. A second struct, whose name
/// ends in `Parts`, has a field for each component, and composes them:
///
/// ```
/// # use wasm_runtime_composer::{ComposableComponent, CompositionError};
/// # use wasmtime::Engine;
/// # fn adder() -> ComposableComponent<()> {
/// #     let text = r#"(component
/// #         (core module $m (func (export "add") (param i32 i32) (result i32)
/// #             (i32.add (local.get 0) (local.get 1))))
/// #         (core instance $i (instantiate $m))
/// #         (func (export "add") (param "a" s32) (param "b" s32) (result s32)
/// #             (canon lift (core func $i "add"))))"#;
/// #     let engine = Engine::default();
/// #     ComposableComponent::with_engine(&engine, text)
/// # }
/// wasm_runtime_composer::compose! {
///     /// Adds numbers.
///     pub struct Calculator;
///     component fast { expose "add" };
///     component spare { hide "add" };
///     /// The sum of both.
///     export fn add(a: i32, b: i32) -> i32;
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), CompositionError> {
/// let calculator = CalculatorParts { fast: adder(), spare: adder() }.compose().await?;
/// assert_eq!(calculator.add(1, 2).await?, 3);
/// # Ok(())
/// # }
/// ```
///
/// A missing part, and a part that is given twice, are errors of the compiler. Where the block
/// leaves only one component open, there is also `Calculator::compose(adder())`. Several components
/// must always be named: two arguments of the same type could be exchanged unnoticed, and each
/// would get the hints, filters and limits of the other.
///
/// An interface can be implemented **in Rust**, in the block:
///
/// ```
/// # use wasm_runtime_composer::CompositionError;
/// use std::sync::{Arc, Mutex};
/// use wasm_runtime_composer::compose;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), CompositionError> {
/// let entries = Arc::new(Mutex::new(vec!["first".to_owned()]));
/// let composition = compose! {
///     component journal = host "acme:log/journal@1.0.0" with entries {
///         fn add(entry: String) { entries.lock().unwrap().push(entry) }
///         fn count() -> u32 { entries.lock().unwrap().len() as u32 }
///         async fn flush() -> wasmtime::Result<()> {
///             tokio::task::yield_now().await;
///             Ok(())
///         }
///     };
///     export interface "acme:log/journal@1.0.0" as journal {
///         fn add(entry: &str);
///         fn count() -> u32;
///     }
/// }
/// .await?;
/// composition.journal().add("second").await?;
/// assert_eq!(composition.journal().count().await?, 2);
/// # Ok(())
/// # }
/// ```
///
#[cfg_attr(
    feature = "wit",
    doc = "What components have in **WIT** need not be repeated, with the feature `wit`; [`wit!`](crate::wit) says"
)]
#[cfg_attr(
    not(feature = "wit"),
    doc = "What components have in **WIT** need not be repeated, with the feature `wit`; `wit!` says"
)]
/// what becomes of it:
///
#[cfg_attr(feature = "wit", doc = "```")]
#[cfg_attr(not(feature = "wit"), doc = "```ignore")]
/// # use wasm_runtime_composer::CompositionError;
/// wasm_runtime_composer::compose! {
///     struct Clocks;
///     wit {
///         inline: "
///             package acme:env@1.0.0;
///             interface clock {
///                 /// Milliseconds since the start.
///                 now: func() -> u64;
///             }
///         ",
///     };
///     component clock = host "acme:env/clock" as Stopped;    // implements the trait that is made
///     export interface "acme:env/clock" as clock;            // everything in it
/// }
///
/// struct Stopped;
///
/// impl acme::env::clock::Host for Stopped {
///     fn now(&self) -> u64 {
///         7
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), CompositionError> {
/// let clocks = ClocksParts { clock: Stopped }.compose().await?;
/// assert_eq!(clocks.clock().now().await?, 7);
/// # Ok(())
/// # }
/// ```
///
/// Components that are **fused** share one store, and are one component for the components around:
///
#[cfg_attr(feature = "fuse", doc = "```")]
#[cfg_attr(not(feature = "fuse"), doc = "```ignore")]
/// # use wasm_runtime_composer::{Composable, ComposableComponent, CompositionError, compose};
/// # use std::time::Duration;
/// # use wasmtime::component::Linker;
/// # use wasmtime::{Engine, Store};
/// # async fn composed(
/// #     words: impl Composable, grammar: impl Composable, logger: impl Composable,
/// # ) -> Result<(), CompositionError> {
/// let engine = Engine::default();
/// let linker = Linker::<()>::new(&engine);               // for what is left open inside
/// let store = move || Store::new(&engine, ());
/// let composition = compose! {
///     fused parser in (linker, store) {
///         component words = words { hide "debug" };
///         component grammar = grammar { import "next-word" from words };
///         export "next-word" from words;                 // of two inside that export it
///         import "log" from logger;                      // clauses of the whole
///         deadline Duration::from_secs(1);
///     }
///     component logger = logger;
///     export fn parse(text: &str) -> u32;
/// }
/// .await?;
/// # composition.parse("").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Grammar
///
/// ```text
/// form       = [ attributes visibility "struct" NAME ";" ] statement*
/// statement  = "wit" ( STRING | options ) ";"
///            | "component" NAME [ "=" value ] [ "{" clause ( ";" clause )* [ ";" ] "}" ] ";"
///            | "fused" NAME [ "in" expression ] "{" member ( ";" member )* [ ";" ] "}" [ ";" ]
///            | "export" STRING "from" NAME ";"
///            | "export" function
///            | "export" "fn" NAME [ "=" STRING ] ";"
///            | "export" "world" STRING ";"
///            | "export" "interface" STRING "as" NAME "{" function* "}" [ ";" ]
///            | "export" "interface" STRING "as" NAME [ "{" NAME ( "," NAME )* [ "," ] "}" ] ";"
///            | attributes "export" "http" "as" NAME ";"
///            | chain ";"
///            | "allow" "cycles" ";"
///            | "layer" expression ";"
/// member     = "component" NAME [ "=" expression ] [ "{" clause ( ";" clause )* [ ";" ] "}" ]
///            | "export" STRING "from" NAME
///            | chain
///            | clause
/// chain      = "chain" STRING ":" NAME ( "->" NAME )*
/// value      = expression
///            | "host" [ STRING ] [ "with" shared ( "," shared )* ] "{" ( signature block )* "}"
///            | "host" STRING "as" ( type | expression )
/// shared     = NAME [ ":" type ]
/// clause     = "import" STRING [ "as" STRING ] "from" NAME
///            | "import" STRING "from" "host"
///            | "expose" STRING ( "," STRING )*
///            | "hide" STRING ( "," STRING )*
///            | "contain" STRING [ "as" STRING ]
///            | "layer" expression [ "on" STRING ]
///            | "untrusted"
///            | setting expression
/// setting    = "bytes_in_flight" | "calls_in_flight" | "deadline" | "grace" | "handle_limit"
///            | "inbox_capacity" | "instances" | "lifetime" | "restart" | "run_limit"
///            | "start_deadline"
/// function   = signature ";"
/// signature  = attributes [ "async" ] "fn" NAME "(" [ NAME ":" type, .. ] ")" [ "->" type ]
///              [ "=" STRING ]
/// ```
///
/// - Names are Rust identifiers and become kebab-case: `producer_a` is the id `producer-a`,
///   `run_add` the export `run-add`. Strings are names as components have them.
/// - `wit` is WIT from which exports and hosts without signatures are made; its `options` are those of `wit!`, without
///   `interfaces`, and `module: crate::bindings`, which names the module where `wit!` has made Rust of the
///   same WIT already. Without it the modules are made here: beside the struct in the item form, and unseen by other
///   code in the expression form. `export interface "i" as name` is a method that returns the interface's `Client`,
///   with all functions, or with the functions and resources in the braces. `export fn name` is a function that a world
///   exports, and `export world "app"` is everything that a world exports, each under its own name. `host "i" as Type` is a component, of a value of that type, which implements the interface's trait `Host`:
///   a part in the item form, and in the expression form an expression stands in place of the type.
/// - In the expression form every component has an expression, in the item form none has. In
///   `component x = producer { hide "y" };` the braces contain clauses; a struct literal needs
///   parentheses, as with `match`.
/// - `fused` is [`Composer::fused`](crate::Composer) of the components inside. After `in` follows a
///   tuple of a linker and a constructor of stores; in the item form that tuple is a part with the
///   group's name, before the group's components. Components inside can have import hints (to each
///   other or to `host`), filters, and `untrusted`; all other clauses, including layers, are for
///   the whole group. It needs the feature `fuse`.
/// - `chain "interface": a -> b -> c` is [`Composer::chain`](crate::Composer::chain): `a` imports the
///   interface from `b`, `b` from `c`, and the public export is that of `a`. These imports, and this
///   export, have no other hint; what `c` imports may have one.
/// - `export http as web` makes the method `web`, which returns the composition as an HTTP service, as
#[cfg_attr(feature = "http", doc = "  [`Composition::http`](crate::Composition::http) does.")]
#[cfg_attr(not(feature = "http"), doc = "  `Composition::http` does.")]
///   The service is looked up while composing, with the accessors. It needs the feature `http`.
/// - `host "interface" { fn name(..) -> T { .. } }` is a [`HostInterface`](crate::HostInterface):
///   an interface that is implemented here, in Rust, in both forms. Without a name, its functions
///   are at the root. Functions return component values or [`wasmtime::Result`]s of them; calls of
///   an `async fn` overlap. Each function is a `move` closure. A value that several functions or an
///   `async fn` need, for instance an `Arc`, is named after `with`, and is cloned for each
///   function, and for each call of an `async fn`. It is a variable; in the item form, where there
///   are no variables, it is a part like the components, with its type: `with started: Instant`.
///   Interfaces that name the same value share it. Resources need a `HostInterface` in an
///   expression.
/// - `import "export" as "name" from x` satisfies the import `name` with an export of another name,
///   as [`with_import_hint_as`](crate::ComposableDescriptor::with_import_hint_as) does. As with
///   `use`, the name after `as` is the one on this side.
/// - `layer expression` is [`with_layer`](crate::ComposableDescriptor::with_layer). With `on
///   "import"`, or `on "import#function"`, it is
///   [`with_import_layer`](crate::ComposableDescriptor::with_import_layer). As a statement it is
///   [`Composer::with_layer`](crate::Composer::with_layer).
/// - `untrusted` is [`untrusted`](crate::ComposableDescriptor::untrusted): the component's exports
///   satisfy imports of others only where a hint says so.
/// - The last kind of clause, `setting`, is a method of
///   [`ComposableDescriptor`](crate::ComposableDescriptor): `restart RestartPolicy::never()` is
///   `.with_restart(RestartPolicy::never())`.
/// - `contain "import"` is [`with_containment`](crate::ComposableDescriptor::with_containment) with
///   the failure's text, and `as "case"` with a case. `allow cycles` is
///   [`Composer::allow_cycles`](crate::Composer::allow_cycles).
/// - Functions of resources have their component model names, and the resource is a parameter: `fn
///   put(bucket: &OwnedResource, value: &str) = "[method]bucket.put";`, likewise
///   `"[constructor]bucket"` and `"[static]bucket.merge"`.
/// - `async fn` declares an async function; all accessors are `async` in Rust.
/// - Parameters and results have Rust types that are [`ComponentType`](crate::typed::ComponentType)s.
///   Parameters can also be references to them, at any depth: `&Ticket`, `&[&str]`,
///   `Option<&Ticket>`. An accessor returns `Result<T, CompositionError>`; a WIT `result` is a
///   `Result` inside it.
///
/// # Errors
///
/// Composing fails as [`Composer::compose`](crate::Composer::compose) does, and with
/// [`CompositionError::Typed`](crate::CompositionError::Typed) if functions of accessors, or what an
/// HTTP service needs, are missing or have other types; the error lists all of them. Components that were started have been
/// ended then.
///
/// # Cancel safety
///
/// That of [`Composer::compose`](crate::Composer::compose), and for accessors that of
/// [`ExportFunc::call`](crate::ExportFunc::call).
#[macro_export]
macro_rules! compose {
    ($($body:tt)*) => {
        $crate::__private::compose_impl! { { $crate } $($body)* }
    };
}

/// Makes Rust of WIT: types, clients that call a composition's exports, and traits that implement its imports.
///
/// Each interface becomes a module, named after its package: `acme:kv/store@1.0.0` is `acme::kv::store`. Two versions
/// of a package in one WIT are told apart by them: `acme::kv1_0_0::store`. In a module are
///
/// - the interface's **types**, with the WIT's documentation: records are structs, variants and enums are enums, flags
///   are bit sets, all of them [`ComponentValue`](crate::ComponentValue)s. What is `use`d from another interface is
///   that interface's type.
/// - its **resources**, each a type with its methods. A value is an owned handle: dropping it drops the resource, `&`
///   lends it, passing it by value moves it. It converts to and from an [`OwnedResource`](crate::OwnedResource).
/// - `Client`, which calls the functions. A constructor is a function with the name of its resource, `bucket`; a
///   static function has that name in front, `bucket_merge`.
/// - `Host`, a trait with these functions, and the function `host`, which makes a
///   [`HostInterface`](crate::HostInterface) of a value that implements it. A resource is an associated type, and its
///   handles are [`HostOwn`](crate::host::HostOwn) and [`HostBorrow`](crate::host::HostBorrow); a method is
///   `bucket_put(&self, this: HostBorrow<Self::Bucket>, ..)`. An interface whose functions have resources of another
///   interface has no `Host`.
///
/// The functions and types of a world itself are in the module with the world's name. The macro stands in a module, not
/// in a function: the modules that it makes name each other.
///
/// Parameters that have text, lists or maps in them are lent: `string` is `&str`, `list<u8>` is `&[u8]`, such a record is
/// a reference. All else is passed by value: numbers and what is made of them, and what moves (handles, streams and
/// futures, and types with them). Results are `Result<T, CompositionError>`; a `result` of WIT is a `Result` inside it, and what it
/// has as its error is an [`Error`](std::error::Error).
///
/// A type with handles in it has a type parameter for each resource. Callers do not notice: the parameters of owned
/// handles have defaults. In a `Host`, they are its own: `Pair<HostOwn<Self::Bucket>>`.
///
/// # Options
///
/// `wit!("wit")` is of everything in the package in the folder `wit` beside the crate's `Cargo.toml`. Options are in
/// braces, all of them optional; without `path` and `inline` it is the folder `wit`:
///
/// - `path: "wit"`, `path: ["wit", "plugin.wasm"]`: folders with `deps`, files, or components, whose types are read
///   out of them. Paths are relative to the crate's manifest, and a change of a file builds the crate again.
/// - `inline: "package acme:kv; .."`: WIT in place, which may use packages of `path`.
/// - `world: "app"` or `interfaces: ["acme:kv/store"]`: only these, with what their types need.
/// - `with: { "acme:kv": crate::kv, "acme:env/types": crate::types, "acme:shop/orders.order": crate::Order }`: packages,
///   interfaces and types that exist in Rust, and are not made again. Paths begin with `crate` or `::`. Values are lent; a type is a
///   [`ComponentValue`](crate::ComponentValue) and `Debug`; one with handles has a type parameter for each resource, the
///   borrowed ones first.
/// - `additional_derives: [serde::Serialize]`: for records, variants and enums that have no handles or streams in them.
///   Types derive `Debug`, and what they can of `Clone`, `Copy` and `PartialEq`; enums and flags `Eq`, `Ord` and `Hash`
///   too.
/// - `trappable: true`: functions of a `Host` return [`wasmtime::Result`]s; an error is a failure of the call.
/// - `async: true`: all functions of a `Host` return futures. Without it only those that are `async` in WIT do.
///
/// # Cancel safety
///
/// The functions of a `Client`, and the methods of its resources, are calls of an
/// [`ExportFunc`](crate::ExportFunc::call), with its errors and its cancel safety.
///
/// # Errors
///
/// Mistakes in WIT are errors at the path, with file, line and column. `error-context` has no Rust type, nor have records
/// without fields and tuples of more than 12 elements: name the `interfaces` that are needed, if others have them.
///
/// # Examples
///
/// ```
/// use std::sync::Mutex;
/// use wasm_runtime_composer::host::{HostBorrow, HostOwn};
/// use wasm_runtime_composer::{ComposableDescriptor, Composer, CompositionError, wit};
///
/// wit!({
///     inline: "
///         package acme:kv@1.0.0;
///
///         interface store {
///             record entry { name: string, tags: list<string> }
///
///             /// Entries by their keys.
///             resource bucket {
///                 constructor(name: string);
///                 put: func(key: string, value: entry);
///                 keys: func() -> list<string>;
///             }
///         }
///     ",
/// });
///
/// use acme::kv::store::{self, Entry};
///
/// struct Store;
///
/// struct Bucket(Mutex<Vec<String>>);
///
/// impl store::Host for Store {
///     type Bucket = Bucket;
///
///     fn bucket(&self, _name: String) -> HostOwn<Bucket> {
///         HostOwn::new(Bucket(Mutex::default()))
///     }
///
///     fn bucket_put(&self, this: HostBorrow<Bucket>, key: String, _value: Entry) {
///         this.0.lock().expect("nobody panics").push(key);
///     }
///
///     fn bucket_keys(&self, this: HostBorrow<Bucket>) -> Vec<String> {
///         this.0.lock().expect("nobody panics").clone()
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), CompositionError> {
/// let mut composer = Composer::new();
/// composer.add(ComposableDescriptor::new("store", store::host(Store)));
/// let composition = composer.compose().await?;
///
/// let store = store::Client::new(&composition)?;
/// let carts = store.bucket("carts").await?;
/// carts.put("k", &Entry { name: "n".into(), tags: vec![] }).await?;
/// assert_eq!(carts.keys().await?, ["k"]);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "wit")]
#[macro_export]
macro_rules! wit {
    ($($options:tt)*) => {
        $crate::__private::wit_impl! { { $crate } $($options)* }
    };
}

/// Implements what a resource of WIT has beside its methods: it is the handle that it has, in another type.
#[cfg(feature = "wit")]
#[doc(hidden)]
#[macro_export]
macro_rules! __wit_resource {
    ($name:ident, $functions:ty) => {
        impl $crate::typed::ComponentType for $name {
            fn check(
                ty: &$crate::types::ValueType,
            ) -> ::core::result::Result<(), $crate::error::TypeDifference> {
                <$crate::OwnedResource as $crate::typed::ComponentType>::check(ty)
            }
        }

        impl $crate::typed::IntoComponentValue for $name {
            fn into_value(self) -> $crate::__private::Value {
                $crate::typed::IntoComponentValue::into_value(self.0.into_handle())
            }
        }

        impl $crate::typed::ToComponentValue for $name {
            fn check_ref(
                ty: &$crate::types::ValueType,
            ) -> ::core::result::Result<(), $crate::error::TypeDifference> {
                <$crate::OwnedResource as $crate::typed::ToComponentValue>::check_ref(ty)
            }

            fn to_value(&self) -> $crate::__private::Value {
                $crate::typed::ToComponentValue::to_value(self.0.handle())
            }
        }

        impl $crate::typed::FromComponentValue for $name {
            fn from_value(
                value: $crate::__private::Value,
            ) -> ::core::result::Result<Self, $crate::__private::Unexpected> {
                let handle: $crate::OwnedResource =
                    $crate::typed::FromComponentValue::from_value(value)?;
                ::core::result::Result::Ok(handle.into())
            }
        }

        impl ::core::convert::From<$crate::OwnedResource> for $name {
            fn from(handle: $crate::OwnedResource) -> Self {
                Self(handle.into())
            }
        }

        impl ::core::convert::From<$name> for $crate::OwnedResource {
            fn from(resource: $name) -> Self {
                resource.0.into_handle()
            }
        }

        impl ::core::convert::AsRef<$crate::OwnedResource> for $name {
            fn as_ref(&self) -> &$crate::OwnedResource {
                self.0.handle()
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_tuple(::core::stringify!($name)).field(self.0.handle()).finish()
            }
        }
    };
}

/// Implements what flags of WIT need to be component values.
#[cfg(feature = "wit")]
#[doc(hidden)]
#[macro_export]
macro_rules! __wit_flags {
    ($name:ident, $bits:ty, [$($flag:literal),* $(,)?]) => {
        impl $crate::typed::ComponentType for $name {
            fn check(
                ty: &$crate::types::ValueType,
            ) -> ::core::result::Result<(), $crate::error::TypeDifference> {
                $crate::__private::value::check_flags(ty, ::core::stringify!($name), &[$($flag),*])
            }

            fn describe(
                _: &$crate::__private::value::HostTypes,
            ) -> ::core::result::Result<$crate::types::ValueType, $crate::__private::Unexpected> {
                $crate::__private::value::describe_flags(&[$($flag),*])
            }
        }

        impl $crate::typed::IntoComponentValue for $name {
            fn into_value(self) -> $crate::__private::Value {
                $crate::__private::value::flags(self.bits().into())
            }
        }

        impl $crate::typed::ToComponentValue for $name {
            fn to_value(&self) -> $crate::__private::Value {
                $crate::__private::value::flags(self.bits().into())
            }
        }

        impl $crate::typed::FromComponentValue for $name {
            fn from_value(
                value: $crate::__private::Value,
            ) -> ::core::result::Result<Self, $crate::__private::Unexpected> {
                let bits = $crate::__private::value::take_flags(value)?;
                // The value has no bits beyond its flags.
                ::core::result::Result::Ok(Self::from_bits_truncate(bits as $bits))
            }
        }
    };
}
