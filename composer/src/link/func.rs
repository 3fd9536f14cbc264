//! Imported functions that call another component.

#[cfg(feature = "codec")]
use std::future::ready;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use std::pin::Pin;
use std::sync::Arc;

#[cfg(feature = "codec")]
use wasmtime::StoreContextMut;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use wasmtime::component::Accessor;
use wasmtime::component::{LinkerInstance, Val};
use wasmtime::{AsContextMut, bail};

use crate::error::{CompositionError, with_causes};
use crate::plan::containment::Carrier;
#[cfg(feature = "component-model-async")]
use crate::run::Cancel;
use crate::run::{
    Border, CallContext, Caller, ComponentCaller, Crossing, Endpoint, InPlaceCaller, PendingWait,
    Started,
};
use crate::types::FunctionType;
use crate::value::{ERR, Value, ValueError, from_val, into_val};
#[cfg(feature = "codec")]
use crate::value::{Handle, give_handles, shape, take_handles};
#[cfg(feature = "codec")]
use wasm_runtime_composer_values::{self as values, Running, Shape};

/// An imported function of one component, and the exported one that it calls.
struct ImportedFunc {
    ty: Arc<FunctionType>,
    /// Whether parameters or result hold handles.
    #[cfg(feature = "codec")]
    has_handles: bool,
    border: Arc<Border>,
    endpoint: Endpoint,
    /// How calls may run in place, if they are sync.
    in_place: Option<InPlaceCaller>,
    contained: Option<Carrier>,
    /// Whether who cancels a call waits for what comes of it.
    #[cfg(feature = "component-model-async")]
    cooperates: bool,
}

/// Defines the function of type `ty` in the importer's terms, whose name is the last of `path`, after that of the
/// interface it is in, if it is in one.
///
/// A sync-typed import holds the importer's store while it waits, as the component model has it;
/// an async-typed one does not.
pub(super) fn define<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    path: &[String],
    ty: Arc<FunctionType>,
    border: Arc<Border>,
    endpoint: Endpoint,
    contained: Option<Carrier>,
) -> wasmtime::Result<()> {
    let Some(name) = path.last() else { bail!("a function without a name") };
    #[cfg(feature = "component-model-async")]
    let cooperates = border.surface.companion.as_ref().is_some_and(|it| it.imports.contains(path));
    let in_place = (!ty.is_async).then_some(InPlaceCaller::Guest { stack: border.stack });
    let import = Arc::new(ImportedFunc {
        #[cfg(feature = "codec")]
        has_handles: ty.has_handles(),
        ty,
        border,
        endpoint,
        in_place,
        contained,
        #[cfg(feature = "component-model-async")]
        cooperates,
    });
    #[cfg(feature = "codec")]
    if let Some(shape) = shape(&import.ty) {
        return define_direct(linker, name, shape, import);
    }
    #[cfg(feature = "component-model-async")]
    if import.ty.is_async {
        return linker.func_new_concurrent(name, move |accessor, _, params, results| {
            let import = import.clone();
            Box::pin(async move {
                // Up to the first wait this runs while the guest makes the call, so that calls
                // are in the provider's inbox in the order in which they were made.
                let (args, around) = accessor.with(|mut store| {
                    let args = import.args(&mut store, params)?;
                    Ok::<_, wasmtime::Error>((args, import.around(store)))
                })?;
                let result = import.call(args, around).await?;
                accessor.with(|store| import.results(store, result, results))
            })
        });
    }
    linker.func_new_async(name, move |mut store, _, params, results| {
        let import = import.clone();
        Box::new(async move {
            let mut args = import.args(&mut store, params)?;
            let started = import.run_in_place(&mut args);
            let around = import.around(&mut store);
            let result = import.go_on(started, args, around).await?;
            import.results(&mut store, result, results)
        })
    })
}

/// The same, with values that do not pass through `Val`.
#[cfg(feature = "codec")]
fn define_direct<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    shape: Shape,
    import: Arc<ImportedFunc>,
) -> wasmtime::Result<()> {
    #[cfg(feature = "component-model-async")]
    if import.ty.is_async {
        return values::func_wrap_concurrent(linker, name, shape, Direct(import));
    }
    values::func_wrap_async(linker, name, shape, Direct(import))
}

/// An imported function whose values do not pass through `Val`.
#[cfg(feature = "codec")]
struct Direct(Arc<ImportedFunc>);

#[cfg(feature = "codec")]
impl<T: Send + 'static> values::HostFunc<T, Handle> for Direct {
    fn call<'a, R>(&self, mut store: StoreContextMut<'a, T>, mut args: Vec<Value>) -> Running<'a, R>
    where
        R: From<Option<Value>> + Send + 'a,
    {
        let import = &self.0;
        if let Err(error) = import.take_args(&mut store, &mut args) {
            return Box::new(ready(Err(error)));
        }
        let mut started = import.run_in_place(&mut args);
        // The call is over: a future that is ready at once is all that wasmtime needs, and it costs no allocation of
        // the larger one below.
        if let Some(Started::Done(result)) = started.take_if(|it| matches!(it, Started::Done(_))) {
            let returned = result.map_err(wasmtime::Error::new).and_then(|mut result| {
                import.give_result(&mut store, &mut result)?;
                Ok(result.into())
            });
            return Box::new(ready(returned));
        }
        let import = import.clone();
        Box::new(async move {
            let around = import.around(&mut store);
            let mut result = import.go_on(started, args, around).await?;
            import.give_result(&mut store, &mut result)?;
            Ok(result.into())
        })
    }
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
impl<T: Send + 'static> values::ConcurrentHostFunc<T, Handle> for Direct {
    fn call<'a, R>(&self, accessor: &'a Accessor<T>, mut args: Vec<Value>) -> Pin<Running<'a, R>>
    where
        R: From<Option<Value>> + Send + 'a,
    {
        let import = self.0.clone();
        Box::pin(async move {
            // As above, this runs while the guest makes the call.
            let around = match import.needs_store() {
                true => accessor.with(|mut store| {
                    import.take_args(&mut store, &mut args)?;
                    Ok::<_, wasmtime::Error>(import.around(store))
                })?,
                false => Default::default(),
            };
            let mut result = import.call(args, around).await?;
            if import.has_handles {
                accessor.with(|store| import.give_result(store, &mut result))?;
            }
            Ok(result.into())
        })
    }
}

impl ImportedFunc {
    /// Takes the arguments out of the importer's store.
    fn args(&self, store: impl AsContextMut, params: &[Val]) -> wasmtime::Result<Vec<Value>> {
        let mut handles = Crossing::new(&self.border, store);
        let args = self.ty.params.iter().zip(params);
        args.map(|((_, ty), val)| from_val(ty, val, &mut handles))
            .collect::<Result<_, _>>()
            .map_err(failed)
    }

    /// Whether a call has to look into the importer's store, beside its values.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    fn needs_store(&self) -> bool {
        self.has_handles || self.border.running_calls.is_some()
    }

    /// Takes the handles in the arguments out of the importer's store.
    #[cfg(feature = "codec")]
    fn take_args(&self, store: impl AsContextMut, args: &mut [Value]) -> wasmtime::Result<()> {
        if !self.has_handles {
            return Ok(());
        }
        let mut handles = Crossing::new(&self.border, store);
        for ((_, ty), arg) in self.ty.params.iter().zip(args) {
            take_handles(ty, arg, &mut handles)?;
        }
        Ok(())
    }

    /// Gives the handles in the result to the importer's store.
    #[cfg(feature = "codec")]
    fn give_result(
        &self,
        mut store: impl AsContextMut,
        result: &mut Option<Value>,
    ) -> wasmtime::Result<()> {
        self.border.attend(&mut store)?;
        if let (true, Some(ty), Some(value)) = (self.has_handles, &self.ty.result, result) {
            let mut handles = Crossing::new(&self.border, store);
            if let Err(fault) = give_handles(ty, value, &mut handles) {
                handles.undo();
                return Err(fault.into());
            }
        }
        Ok(())
    }

    /// The entry for the wait graph, where there is one, and what goes along with the call.
    fn around(&self, store: impl AsContextMut) -> (Option<PendingWait>, CallContext) {
        match &self.border.running_calls {
            Some(running_calls) => running_calls.caller(&self.border.id, !self.ty.is_async, store),
            None => Default::default(),
        }
    }

    async fn call(
        &self,
        args: Vec<Value>,
        around: (Option<PendingWait>, CallContext),
    ) -> Result<Option<Value>, CompositionError> {
        #[cfg(feature = "component-model-async")]
        if self.cooperates {
            let ask = |cancel| self.ask(args, around, Some(cancel));
            return Box::pin(self.border.subtasks.call(ask)).await;
        }
        self.ask(
            args,
            around,
            #[cfg(feature = "component-model-async")]
            None,
        )
        .await
    }

    async fn ask(
        &self,
        args: Vec<Value>,
        (waiter, context): (Option<PendingWait>, CallContext),
        #[cfg(feature = "component-model-async")] cancel: Option<Arc<Cancel>>,
    ) -> Result<Option<Value>, CompositionError> {
        // Held until the call is answered, so that one which is given up counts as long as it takes
        // room somewhere.
        let bytes = args.iter().map(Value::weight).sum();
        let place = self.border.outgoing.take(bytes)?;
        let caller = ComponentCaller {
            waiter,
            place,
            context,
            #[cfg(feature = "component-model-async")]
            cancel,
        };
        let in_place = self.in_place;
        let answer = match self.endpoint.direct() {
            Some(dispatcher) => {
                match dispatcher.begin(self.endpoint.func, args, caller, in_place) {
                    Ok(pending) => pending.wait().await,
                    Err(error) => Err(error),
                }
            }
            None => {
                let caller = Caller::Component(caller);
                // Seldom needed, and large.
                Box::pin(self.endpoint.call(args, caller, None, in_place)).await
            }
        };
        self.contain(answer)
    }

    /// Runs a call in place, if it can be and need not wait.
    fn run_in_place(&self, args: &mut Vec<Value>) -> Option<Started> {
        Some(match self.endpoint.run_in_place(args, self.in_place?)? {
            Started::Done(result) => Started::Done(self.contain(result)),
            pending @ Started::Pending(_) => pending,
        })
    }

    /// Makes a call that may have been run in place.
    async fn go_on(
        &self,
        started: Option<Started>,
        args: Vec<Value>,
        around: (Option<PendingWait>, CallContext),
    ) -> Result<Option<Value>, CompositionError> {
        match started {
            Some(Started::Done(result)) => result,
            Some(Started::Pending(trapped)) => {
                // The search for deadlocks has to know that it waits.
                let _place = self.border.outgoing.take(0);
                self.contain(trapped.wait().await)
            }
            None => self.call(args, around).await,
        }
    }

    fn contain(
        &self,
        answer: Result<Option<Value>, CompositionError>,
    ) -> Result<Option<Value>, CompositionError> {
        match (answer, self.contained) {
            // Its caller is told otherwise.
            (Err(error @ CompositionError::Cancelled { .. }), _) => Err(error),
            (Err(error), Some(carrier)) => Ok(Some(failure(carrier, &error))),
            (answer, _) => answer,
        }
    }

    /// Puts the result into the importer's store.
    fn results(
        &self,
        mut store: impl AsContextMut,
        result: Option<Value>,
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        self.border.attend(&mut store)?;
        let mut handles = Crossing::new(&self.border, store);
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
    let message = || Value::String(with_causes(failure));
    let error = match carrier {
        Carrier::Message => message(),
        Carrier::Case { case, message: carried } => {
            Value::Case(case, carried.then(|| Box::new(message())))
        }
    };
    Value::Case(ERR, Some(Box::new(error)))
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
