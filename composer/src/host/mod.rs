//! Interfaces that are implemented in Rust: [`HostInterface`], and what its functions take and return.
//!
//! Functions take and return [component values](crate::typed); a resource is a Rust type, which comes as
//! [`HostOwn`] and [`HostBorrow`].

// [`HostInterface`]: an interface that is implemented in Rust.
//
// It is one provider among others: composed like a component, with an inbox, a driver and a
// surface, but without a store. That is the difference to functions in a component's linker, of
// which each store has its own. `function.rs` turns closures into functions with component types,
// `resource.rs` has resources whose values are Rust types, and `provided.rs` is the same mechanism
// for other crates of the workspace.

mod function;
#[doc(hidden)]
pub mod provided;
mod resource;

use std::any::TypeId;
use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;

pub use crate::typed::HostParams;
pub use function::{HostFunc, HostReturn};
pub use resource::{HostBorrow, HostOwn};

use crate::compose::{Part, sealed};
use crate::error::HostInterfaceError;
use crate::plan::item::{ExportedFunc, Item, Named, ResourceDef, Surface};
use crate::run::{Provider, ProviderError, ProviderFuture};
use crate::typed::{HostTypes, Unexpected};
use crate::types::{FunctionType, Resource};
use crate::value::Value;
use provided::Provided;

/// An interface that is implemented in Rust, composable like a component that exports it.
///
/// Hints and filters apply to it as to any other component, and so do deadlines, containment,
/// replacing and closing. Unlike functions in a [`Linker`](wasmtime::component::Linker), it is
/// shared by all components that import it, it can take the place of a component, and its resources
/// can pass from one component to another.
///
/// Functions take and return [component values](crate::typed::ComponentType), or [`wasmtime::Result`]s of
/// them. An error, or a panic, is [`CompositionError::Host`](crate::CompositionError::Host) for a
/// caller in Rust, and traps a component that calls, unless that component contains the failure.
///
/// Calls overlap: several tasks call functions at the same time. Up to its first wait a call runs
/// on its caller's task, or on the interface's own, in the order in which calls were made, so it
/// should not block; after that it runs on a task of its own. A call whose caller has gone is
/// dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Mutex;
/// use wasm_runtime_composer::host::{HostBorrow, HostOwn};
/// use wasm_runtime_composer::{ComposableDescriptor, Composer, CompositionError, HostInterface};
///
/// /// A resource: any type that is `Send` and `Sync`. Its drop is its destructor.
/// struct Bucket(Mutex<Vec<String>>);
///
/// let store = HostInterface::new("acme:kv/store@1.0.0")
///     .resource::<Bucket>("bucket")
///     .func_wrap("[constructor]bucket", || HostOwn::new(Bucket(Mutex::default())))
///     .func_wrap("[method]bucket.put", |this: HostBorrow<Bucket>, value: String| {
///         this.0.lock().expect("nobody panics").push(value);
///     })
///     .func_wrap_concurrent("later", |millis: u64| async move {
///         tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
///     });
///
/// let mut composer = Composer::new();
/// composer.add(ComposableDescriptor::new("store", store));
/// assert_eq!(
///     composer.plan()?.exports()[0].functions[1].ty.to_string(),
///     "func(borrow<bucket>, string)"
/// );
/// # Ok::<_, CompositionError>(())
/// ```
#[must_use = "it is something to be composed"]
pub struct HostInterface {
    /// `None` for functions at the root.
    name: Option<String>,
    types: HostTypes,
    functions: Vec<Function>,
    /// The first mistake in the declarations; composing reports it.
    problem: Option<HostInterfaceError>,
}

struct Function {
    name: String,
    ty: FunctionType,
    call: Box<HostCall>,
}

type HostCall = dyn Fn(Vec<Value>) -> ProviderFuture + Send + Sync;

impl HostInterface {
    /// Creates an interface with the name under which components import it: `acme:env/clock@1.0.0`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            types: HostTypes::default(),
            functions: Vec::new(),
            problem: None,
        }
    }

    /// Creates functions at the root, which components import by themselves, outside of any
    /// interface.
    pub fn root() -> Self {
        Self { name: None, types: HostTypes::default(), functions: Vec::new(), problem: None }
    }

    /// Declares the resource `name`, whose values are `T`s. Functions that are declared after it
    /// use [`HostOwn<T>`] and [`HostBorrow<T>`] for its handles. Each type `T` can be the type of
    /// one resource only.
    ///
    /// The functions of a resource have their component model names: `[constructor]bucket`,
    /// `[method]bucket.put` (whose first parameter is a `HostBorrow<T>`), and
    /// `[static]bucket.merge`.
    pub fn resource<T: Send + Sync + 'static>(mut self, name: &str) -> Self {
        let id = TypeId::of::<T>();
        if self.types.resources.iter().any(|(known, of)| *known == id || **of == *name) {
            self.refuse(name, "is a resource already, or its Rust type is one");
        }
        self.types.resources.push((id, name.into()));
        self
    }

    /// Adds a function that returns without waiting.
    pub fn func_wrap<P: HostParams, R: HostReturn>(
        self,
        name: &str,
        func: impl HostFunc<P, R>,
    ) -> Self {
        self.define::<P, R>(name, false, move |args| {
            let returned = match P::from_values(args) {
                Ok(params) => func.call(params).into_result(),
                Err(unexpected) => Err(unconverted(unexpected)),
            };
            Box::pin(ready(returned))
        })
    }

    /// Adds a function that may wait although its type is not `async`: the component that calls it
    /// can do nothing else meanwhile.
    pub fn func_wrap_async<P, R, F>(self, name: &str, func: impl HostFunc<P, F>) -> Self
    where
        P: HostParams,
        R: HostReturn,
        F: Future<Output = R> + Send + 'static,
    {
        self.define::<P, R>(name, false, asynchronous(func))
    }

    /// Adds an `async func`.
    pub fn func_wrap_concurrent<P, R, F>(self, name: &str, func: impl HostFunc<P, F>) -> Self
    where
        P: HostParams,
        R: HostReturn,
        F: Future<Output = R> + Send + 'static,
    {
        self.define::<P, R>(name, true, asynchronous(func))
    }

    /// Names the parameters of the function that was added last. Parameters without names match any
    /// names.
    pub fn with_params(mut self, names: &[&str]) -> Self {
        let Some(function) = self.functions.last_mut() else {
            self.refuse("with_params", "names parameters, and there is no function yet");
            return self;
        };
        if function.ty.params.len() != names.len() {
            let (name, expected) = (function.name.clone(), function.ty.params.len());
            let found = names.len();
            self.refuse(&name, &format!("has {expected} parameters, found {found} names"));
            return self;
        }
        for ((name, _), given) in function.ty.params.iter_mut().zip(names) {
            *name = (*given).into();
        }
        self
    }

    fn define<P: HostParams, R: HostReturn>(
        mut self,
        name: &str,
        is_async: bool,
        call: impl Fn(Vec<Value>) -> ProviderFuture + Send + Sync + 'static,
    ) -> Self {
        let types = P::describe(&self.types).and_then(|it| Ok((it, R::describe(&self.types)?)));
        match types {
            Err(Unexpected(problem)) => self.refuse(name, &problem),
            Ok(_) if self.functions.iter().any(|it| it.name == name) => {
                self.refuse(name, "is implemented twice");
            }
            Ok((params, result)) => {
                let params = params.into_iter().map(|ty| (String::new(), ty));
                let ty = FunctionType::new(is_async, params, result);
                self.functions.push(Function { name: name.to_owned(), ty, call: Box::new(call) });
            }
        }
        self
    }

    fn refuse(&mut self, item: &str, problem: &str) {
        self.problem.get_or_insert_with(|| HostInterfaceError {
            interface: self.name.clone(),
            item: item.to_owned(),
            problem: problem.to_owned(),
        });
    }
}

fn asynchronous<P: HostParams, R: HostReturn, F: Future<Output = R> + Send + 'static>(
    func: impl HostFunc<P, F>,
) -> impl Fn(Vec<Value>) -> ProviderFuture + Send + Sync + 'static {
    move |args| match P::from_values(args) {
        Ok(params) => {
            let future = func.call(params);
            Box::pin(async { future.await.into_result() })
        }
        Err(unexpected) => Box::pin(ready(Err(unconverted(unexpected)))),
    }
}

fn unconverted(Unexpected(problem): Unexpected) -> ProviderError {
    wasmtime::format_err!("the arguments cannot be converted: {problem}").into()
}

/// The functions, by number.
struct Functions(Vec<Box<HostCall>>);

impl Provider for Functions {
    fn call(&self, func: usize, args: Vec<Value>) -> ProviderFuture {
        match self.0.get(func) {
            Some(call) => call(args),
            None => Box::pin(ready(Err(wasmtime::format_err!("there is no such function").into()))),
        }
    }
}

impl From<HostInterface> for Provided {
    fn from(interface: HostInterface) -> Self {
        let HostInterface { name, types, functions, problem } = interface;
        if let Some(problem) = problem {
            return Self::refused(problem);
        }
        let resources = types.resources.iter().map(|(_, name)| ResourceDef::defined(name.clone()));
        let mut surface =
            Surface { resources: resources.collect(), lacks_types: true, ..Surface::default() };
        let mut items: Vec<Named> = (0..)
            .zip(&types.resources)
            .map(|(index, (_, name))| Named {
                implements: None,
                name: name.to_string(),
                item: Item::Resource(Resource::new(name.clone(), index)),
            })
            .collect();
        let mut calls = Vec::with_capacity(functions.len());
        for (index, Function { name: function, ty, call }) in functions.into_iter().enumerate() {
            let ty = Arc::new(ty);
            let path = name.iter().chain([&function]).cloned().collect();
            surface.funcs.push(ExportedFunc { path, ty: ty.clone() });
            items.push(Named { name: function, implements: None, item: Item::Func { ty, index } });
            calls.push(call);
        }
        surface.exports = match name {
            Some(name) => vec![Named { name, implements: None, item: Item::Instance(items) }],
            None => items,
        };
        Self::from_surface(Ok(Arc::new(surface)), Functions(calls))
    }
}

impl sealed::IntoPart for HostInterface {
    fn into_part(self) -> Part {
        Provided::from(self).into_part()
    }
}

impl fmt::Debug for HostInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.functions.iter().map(|it| (&it.name, it.ty.to_string()));
        f.debug_struct("HostInterface")
            .field("name", &self.name)
            .field("functions", &functions.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
