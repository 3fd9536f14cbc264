//! Exports that no component implements: Rust does, or somebody on another machine.
//!
//! Not part of the public interface: it is for this workspace's own crates, and may change in any
//! release.

use std::collections::{BTreeSet, HashSet};
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt, stream};
use tokio::task::JoinHandle;
use wasmtime::format_err;

use crate::composable::{Link, LinkError, Linked, PartContent, RunSettings, Startable};
use crate::driver::{DriverHandle, ProvidedDriver};
use crate::error::{ArgumentError, Cause, CompositionError, PlanProblem, StartError, StreamLost};
use crate::export::ExportFunc;
use crate::link::StoreSide;
use crate::plan::abilities::Abilities;
use crate::plan::item::{ExportedFunc, Item, Named, Surface};
use crate::transfer::StreamEnd;
use crate::types::FunctionType;

pub use crate::composable::{Part, sealed::IntoPart};
pub use crate::value::{Elements, Handle, Value};

/// Implements exported functions.
pub trait Provider: Send + Sync + 'static {
    /// Calls the function number `func` with arguments of its type.
    ///
    /// What is returned must not block its thread. It is polled by any task, by another one later on,
    /// and dropped when nobody waits for the result any more.
    fn call(&self, func: usize, args: Vec<Value>) -> ProviderFuture;
}

/// A call of a [`Provider`].
pub type ProviderFuture =
    Pin<Box<dyn Future<Output = Result<Option<Value>, ProviderError>> + Send>>;

/// Why a [`Provider`]'s call failed: the source of a [`CompositionError::Host`].
#[derive(Debug)]
pub struct ProviderError(wasmtime::Error);

impl ProviderError {
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(wasmtime::Error::new(error))
    }

    pub(crate) fn into_cause(self) -> Cause {
        Cause::new(self.0)
    }
}

impl From<wasmtime::Error> for ProviderError {
    fn from(error: wasmtime::Error) -> Self {
        Self(error)
    }
}

/// Something that is exported.
#[derive(Clone, Debug)]
pub enum ProvidedExport {
    Func { name: String, ty: FunctionType },
    Interface { name: String, funcs: Vec<(String, FunctionType)> },
}

/// Exports that a [`Provider`] implements; composable like a component.
#[derive(Clone)]
pub struct Provided {
    part: Arc<ProvidedPart>,
}

impl Provided {
    /// Functions have their numbers in the order in which `exports` lists them, those of interfaces
    /// one after the other. None may have handles of resources.
    pub fn new(exports: Vec<ProvidedExport>, provider: impl Provider) -> Self {
        Self::of_surface(surface(exports).map(Arc::new).map_err(Cause::new), provider)
    }

    pub(crate) fn of_surface(
        surface: Result<Arc<Surface>, Cause>,
        provider: impl Provider,
    ) -> Self {
        Self { part: Arc::new(ProvidedPart { surface, provider: Arc::new(provider) }) }
    }

    /// Exports that there are not, because of `error`: composing fails with it.
    pub fn refused(error: impl Error + Send + Sync + 'static) -> Self {
        Self::of_surface(Err(Cause::new(wasmtime::Error::new(error))), Nobody)
    }
}

/// The provider of no function.
struct Nobody;

impl Provider for Nobody {
    fn call(&self, _: usize, _: Vec<Value>) -> ProviderFuture {
        Box::pin(async { Err(format_err!("there is no such function").into()) })
    }
}

impl fmt::Debug for Provided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provided").field("surface", &self.part.surface).finish_non_exhaustive()
    }
}

impl IntoPart for Provided {
    fn into_part(self) -> Part {
        PartContent::Single(self.part).into()
    }
}

/// What the exports look like to a plan.
fn surface(exports: Vec<ProvidedExport>) -> wasmtime::Result<Surface> {
    let mut surface = Surface {
        imports: Vec::new(),
        exports: Vec::new(),
        funcs: Vec::new(),
        resources: Vec::new(),
        inside: None,
        lacks_types: true,
        untrusted: BTreeSet::new(),
        introducers: Default::default(),
        abilities: Abilities::default(),
        companion: None,
    };
    let mut names = HashSet::new();
    for export in exports {
        let named = match export {
            ProvidedExport::Func { name, ty } => {
                let item = func(&mut surface, vec![name.clone()], ty)?;
                Named { name, implements: None, item }
            }
            ProvidedExport::Interface { name, funcs } => {
                let mut items: Vec<Named> = Vec::new();
                for (function, ty) in funcs {
                    if items.iter().any(|it| it.name == function) {
                        return Err(format_err!("`{name}` has two functions `{function}`"));
                    }
                    let item = func(&mut surface, vec![name.clone(), function.clone()], ty)?;
                    items.push(Named { name: function, implements: None, item });
                }
                Named { name, implements: None, item: Item::Instance(items) }
            }
        };
        if !names.insert(named.name.clone()) {
            return Err(format_err!("there are two exports `{}`", named.name));
        }
        surface.exports.push(named);
    }
    Ok(surface)
}

fn func(surface: &mut Surface, path: Vec<String>, ty: FunctionType) -> wasmtime::Result<Item> {
    if let Some(resource) = ty.find_resource(&|_| true) {
        let (function, resource) = (path.join("#"), resource.name());
        return Err(format_err!("`{function}` has handles of resource `{resource}`"));
    }
    let (ty, index) = (Arc::new(ty), surface.funcs.len());
    surface.funcs.push(ExportedFunc { path, ty: ty.clone() });
    Ok(Item::Func { ty, index })
}

struct ProvidedPart {
    surface: Result<Arc<Surface>, Cause>,
    provider: Arc<dyn Provider>,
}

impl Startable for ProvidedPart {
    fn surface(&self, path: &str) -> Result<Arc<Surface>, Vec<PlanProblem>> {
        let load = |source| vec![PlanProblem::Load { component: path.to_owned(), source }];
        self.surface.clone().map_err(load)
    }

    #[cfg(feature = "fuse")]
    fn binary(&self) -> Result<Option<Vec<u8>>, Cause> {
        Ok(None)
    }

    fn is_restartable(&self) -> bool {
        true
    }

    fn link(self: Arc<Self>, link: Link) -> Result<Box<dyn Linked>, LinkError> {
        // Nothing is imported.
        Ok(Box::new(LinkedProvider { provider: self.provider.clone(), side: Arc::new(link.side) }))
    }
}

struct LinkedProvider {
    provider: Arc<dyn Provider>,
    side: Arc<StoreSide>,
}

impl Linked for LinkedProvider {
    fn start(
        self: Box<Self>,
        handle: Arc<DriverHandle>,
        _: RunSettings,
    ) -> Pin<Box<dyn Future<Output = Result<JoinHandle<()>, StartError>> + Send>> {
        Box::pin(async move {
            let driver = ProvidedDriver::new(handle, self.side, self.provider);
            Ok(tokio::spawn(driver.run()))
        })
    }
}

/// Calls an exported function with arguments of its type, and gives its result as it is. The function
/// must not have handles of resources.
///
/// # Errors
///
/// As [`ExportFunc::call`].
pub async fn call(func: &ExportFunc, args: Vec<Value>) -> Result<Option<Value>, CompositionError> {
    let (expected, found) = (func.ty().params().len(), args.len());
    if expected != found {
        let function = func.name();
        return Err(ArgumentError::ParameterCount { function, expected, found }.into());
    }
    func.call_checked(args).await
}

/// The value of a stream, or of a future, of what `elements` gives. A future's is one element.
pub fn stream_value(elements: impl Stream<Item = Elements> + Send + 'static) -> Value {
    Value::Handle(Handle::Stream(StreamEnd::of_rust(elements)))
}

/// As [`stream_value`], of a writer that may be lost before its end; whoever reads gets that.
pub fn lossy_stream_value(
    elements: impl Stream<Item = Result<Elements, StreamLost>> + Send + 'static,
) -> Value {
    Value::Handle(Handle::Stream(StreamEnd::of_fallible(elements.map_err(Into::into))))
}

/// That `writer` is gone before the end of what it wrote, or, with a reason, that what it writes was given
/// up.
pub fn stream_lost(writer: impl Into<String>, reason: Option<String>) -> StreamLost {
    StreamLost { component: writer.into(), reason }
}

/// What the stream or future `value` gives, at most `most` elements at a time; `None` if it is none.
pub fn elements(
    value: Value,
    most: usize,
) -> Option<impl Stream<Item = Result<Elements, CompositionError>> + Send> {
    let Value::Handle(Handle::Stream(end)) = value else { return None };
    Some(stream::unfold(Some(end), move |end| async move {
        let mut end = end?;
        match std::future::poll_fn(|cx| end.poll_read(cx, most)).await {
            Ok(Some(elements)) => Some((Ok(elements), Some(end))),
            Ok(None) => None,
            Err(broken) => Some((Err(broken.into()), None)),
        }
    }))
}
