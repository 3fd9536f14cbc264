//! Exports that no component implements: they are implemented in Rust, or by a component on another
//! machine.
//!
//! Not part of the public interface: it is for this workspace's own crates, and may change in any
//! release.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt, stream};
use wasmtime::format_err;

use crate::compose::{
    AnyComponent, LinkError, LinkPlan, Linked, PartContent, RunSettings, Starting,
};
use crate::error::{ArgumentError, Cause, CompositionError, PlanProblem, StreamLost};
use crate::export::ExportFunc;
use crate::plan::item::{ExportedFunc, Item, Named, Surface};
use crate::run::Border;
use crate::run::{DriverHandle, ProvidedDriver};
use crate::types::FunctionType;
use crate::value::StreamEnd;

pub use crate::compose::Part;
pub use crate::compose::sealed::IntoPart;
pub use crate::run::{Provider, ProviderError, ProviderFuture};
pub use crate::value::{Elements, Handle, Value};

/// An export that a [`Provider`] implements.
#[derive(Clone, Debug)]
pub enum ProvidedExport {
    /// A function at the root.
    Func {
        /// Its name.
        name: String,
        /// Its type.
        ty: FunctionType,
    },
    /// An interface with its functions.
    Interface {
        /// Its name.
        name: String,
        /// The functions by name, in the order of their numbers.
        funcs: Vec<(String, FunctionType)>,
    },
}

/// Exports that a [`Provider`] implements; composable like a component.
#[derive(Clone)]
pub struct Provided {
    part: Arc<ProvidedPart>,
}

impl Provided {
    /// Functions are numbered in the order in which `exports` lists them, those of interfaces one
    /// after the other. None may use handles of resources.
    pub fn new(exports: Vec<ProvidedExport>, provider: impl Provider) -> Self {
        Self::from_surface(surface(exports).map(Arc::new).map_err(Cause::new), provider)
    }

    pub(crate) fn from_surface(
        surface: Result<Arc<Surface>, Cause>,
        provider: impl Provider,
    ) -> Self {
        Self { part: Arc::new(ProvidedPart { surface, provider: Arc::new(provider) }) }
    }

    /// Exports that are not available because of `error`: composing fails with it.
    pub fn refused(error: impl Error + Send + Sync + 'static) -> Self {
        Self::from_surface(Err(Cause::new(wasmtime::Error::new(error))), Nobody)
    }
}

/// A provider without functions.
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

/// The surface that the plan sees for `exports`.
fn surface(exports: Vec<ProvidedExport>) -> wasmtime::Result<Surface> {
    let mut surface = Surface { lacks_types: true, ..Surface::default() };
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
    if let Some(resource) = ty.find_resource(&mut |_| true) {
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

impl AnyComponent for ProvidedPart {
    fn surface(&self, path: &str) -> Result<Arc<Surface>, Vec<PlanProblem>> {
        let load = |source| vec![PlanProblem::Load { component: path.to_owned(), source }];
        self.surface.clone().map_err(load)
    }

    fn is_restartable(&self) -> bool {
        true
    }

    fn is_renewable(&self) -> bool {
        false
    }

    fn link(self: Arc<Self>, link: LinkPlan) -> Result<Box<dyn Linked>, LinkError> {
        // There are no imports to link.
        Ok(Box::new(LinkedProvider {
            provider: self.provider.clone(),
            border: Arc::new(link.border),
        }))
    }
}

struct LinkedProvider {
    provider: Arc<dyn Provider>,
    border: Arc<Border>,
}

impl Linked for LinkedProvider {
    fn start(self: Box<Self>, handle: Arc<DriverHandle>, _: RunSettings) -> Starting {
        Box::pin(async move {
            let driver = ProvidedDriver::new(handle, self.border, self.provider);
            Ok(tokio::spawn(driver.run()))
        })
    }
}

/// Calls an exported function with arguments of its type, and returns its result unconverted. The
/// function must not use handles of resources.
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

/// The value of a stream, or of a future, with the given elements. A future has one element.
pub fn stream_value(elements: impl Stream<Item = Elements> + Send + 'static) -> Value {
    Value::Handle(Handle::Stream(StreamEnd::from_rust(elements)))
}

/// Like [`stream_value`], for a writer that may be lost before its end. The reader then gets the
/// error.
pub fn lossy_stream_value(
    elements: impl Stream<Item = Result<Elements, StreamLost>> + Send + 'static,
) -> Value {
    Value::Handle(Handle::Stream(StreamEnd::from_fallible(elements.map_err(Into::into))))
}

/// The error that `writer` was lost before the end of its stream; with a reason, that the stream
/// was given up.
pub fn stream_lost(writer: impl Into<String>, reason: Option<String>) -> StreamLost {
    StreamLost { component: writer.into(), reason }
}

/// The elements of the stream or future `value`, at most `most` at a time; `None` if it is neither.
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
