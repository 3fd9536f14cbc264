//! Imported functions that call another component.

use std::error::Error;
use std::sync::Arc;

use wasmtime::component::{LinkerInstance, Val};
use wasmtime::{AsContextMut, bail};

use super::Endpoint;
use super::store::{OUTGOING_CALLS, StoreHandles, StoreSide};
use super::waits::Waiter;
use crate::driver::Caller;
use crate::error::CompositionError;
use crate::plan::containment::Carrier;
use crate::plan::types::FunctionType;
use crate::value::{ERR, Value, ValueError, from_val, into_val};

/// An imported function of one component, and the exported one that it calls.
struct Import {
    ty: Arc<FunctionType>,
    side: StoreSide,
    endpoint: Endpoint,
    contained: Option<Carrier>,
}

/// Defines the function `name`, of type `ty` in the importer's terms.
///
/// A sync-typed import holds the importer's store while it waits, as the component model has it;
/// an async-typed one does not.
pub(super) fn define<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    ty: Arc<FunctionType>,
    side: StoreSide,
    endpoint: Endpoint,
    contained: Option<Carrier>,
) -> wasmtime::Result<()> {
    #[cfg(feature = "component-model-async")]
    let is_async = ty.is_async;
    let import = Arc::new(Import { ty, side, endpoint, contained });
    #[cfg(feature = "component-model-async")]
    if is_async {
        return linker.func_new_concurrent(name, move |accessor, _, params, results| {
            let import = import.clone();
            Box::pin(async move {
                // Up to the first wait this runs while the guest makes the call, so that calls
                // are in the provider's inbox in the order in which they were made.
                let (args, waiter) = accessor.with(|mut store| {
                    let args = import.args(&mut store, params)?;
                    Ok::<_, wasmtime::Error>((args, import.waiter(store)))
                })?;
                let result = import.call(args, waiter).await?;
                accessor.with(|store| import.results(store, result, results))
            })
        });
    }
    linker.func_new_async(name, move |mut store, _, params, results| {
        let import = import.clone();
        Box::new(async move {
            let args = import.args(&mut store, params)?;
            let waiter = import.waiter(&mut store);
            let result = import.call(args, waiter).await?;
            import.results(&mut store, result, results)
        })
    })
}

impl Import {
    /// Takes the arguments out of the importer's store.
    fn args(&self, store: impl AsContextMut, params: &[Val]) -> wasmtime::Result<Vec<Value>> {
        let mut handles = StoreHandles::new(&self.side, store);
        let args = self.ty.params.iter().zip(params);
        args.map(|((_, ty), val)| from_val(ty, val, &mut handles))
            .collect::<Result<_, _>>()
            .map_err(failed)
    }

    /// Who is to wait for the answer, where that is looked after.
    fn waiter(&self, store: impl AsContextMut) -> Option<Waiter> {
        let tasks = self.side.tasks.clone()?;
        let parent = tasks.current(store);
        let component = self.side.id.clone();
        Some(Waiter { tasks, component, parent, holds: !self.ty.is_async })
    }

    async fn call(
        &self,
        args: Vec<Value>,
        waiter: Option<Waiter>,
    ) -> Result<Option<Value>, CompositionError> {
        let _waiting = self.side.outgoing.try_acquire().map_err(|_| CompositionError::Flood {
            component: self.side.id.to_string(),
            limit: OUTGOING_CALLS,
        })?;
        match (self.endpoint.call(args, Caller::Component(waiter), None).await, self.contained) {
            (Err(error), Some(carrier)) => Ok(Some(failure(carrier, &error))),
            (answer, _) => answer,
        }
    }

    /// Puts the result into the importer's store.
    fn results(
        &self,
        store: impl AsContextMut,
        result: Option<Value>,
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let mut handles = StoreHandles::new(&self.side, store);
        match (&self.ty.result, result, results) {
            (Some(ty), Some(value), [slot]) => match into_val(ty, value, &mut handles) {
                Ok(val) => *slot = val,
                Err(error) => {
                    handles.undo();
                    return Err(failed(error));
                }
            },
            (None, None, []) => {}
            _ => bail!("the provider's result does not fit the import's type"),
        }
        Ok(())
    }
}

/// The result that tells the guest of a failure.
fn failure(carrier: Carrier, failure: &CompositionError) -> Value {
    let message = || Value::String(text(failure));
    let error = match carrier {
        Carrier::Message => message(),
        Carrier::Case { case, message: carried } => {
            Value::Case(case, carried.then(|| Box::new(message())))
        }
    };
    Value::Case(ERR, Some(Box::new(error)))
}

/// An error with its causes.
fn text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Fails the guest's call: a value of its own making, or a handle that is gone.
fn failed(error: ValueError) -> wasmtime::Error {
    let path = error.path().join(", ");
    wasmtime::Error::new(error.fault).context(path)
}

/// Defines a function that satisfies the type check and is never called.
pub(super) fn stand_in<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    ty: &FunctionType,
) -> wasmtime::Result<()> {
    #[cfg(feature = "component-model-async")]
    if ty.is_async {
        return linker
            .func_new_concurrent(name, |_, _, _, _| Box::pin(async { bail!("stand-in") }));
    }
    #[cfg(not(feature = "component-model-async"))]
    let _ = ty;
    linker.func_new(name, |_, _, _, _| bail!("stand-in"))
}
