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
/// statement  = "component" NAME [ "=" value ] [ "{" clause ( ";" clause )* [ ";" ] "}" ] ";"
///            | "fused" NAME [ "in" expression ] "{" member ( ";" member )* [ ";" ] "}" [ ";" ]
///            | "export" STRING "from" NAME ";"
///            | "export" function
///            | "export" "interface" STRING "as" NAME "{" function* "}" [ ";" ]
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
