//! Host functions, and calls of exported functions, with values whose types are known only at run
//! time.
//!
//! wasmtime's typed functions need the number of core values as a constant, so each host function
//! and call is instantiated for a `Shape`, the numbers of core parameters and results.
//! `with_params!` and its like choose the instantiation.

use std::pin::Pin;

use wasmtime::component::__internal::wasmtime_environ::component::MAX_FLAT_PARAMS;
#[cfg(feature = "component-model-async")]
use wasmtime::component::{Accessor, GuestTaskId};
use wasmtime::component::{Func, LinkerInstance};
use wasmtime::{AsContextMut, Result, StoreContextMut};

use crate::abi::{Params, Results};
use crate::value::{StoreHandle, Value};

/// How many core values a function takes and returns. It selects the instantiation that serves the
/// function; wasmtime compares it with the function's type before anything is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    params: usize,
    results: usize,
}

/// Functions with more core values are rare, and each number costs code for every type of store; so
/// these are served through `Val`.
const MOST_PARAMS: usize = 8;
const MOST_RESULTS: usize = 3;

/// A call of an exported function.
pub type Called<'a, H> = Pin<Box<dyn Future<Output = Result<Option<Value<H>>>> + Send + 'a>>;

impl Shape {
    /// The shape of a function whose parameters flatten to `params` core values, and its result to
    /// `results`; `None` if it can only be served through `Val`.
    pub fn new(is_async: bool, params: usize, results: usize) -> Option<Self> {
        // Beyond that the values are in memory, behind one pointer.
        let params = if params > MAX_FLAT_PARAMS { 1 } else { params };
        let results = match is_async {
            true if results > MAX_FLAT_PARAMS => 1,
            true => results,
            false => results.min(1),
        };
        (params <= MOST_PARAMS && results <= MOST_RESULTS).then_some(Self { params, results })
    }
}

/// Evaluates an expression with the number as a constant.
macro_rules! with_params {
    ($number:expr, $M:ident => $body:expr) => {
        with_params!(@ $number, $M => $body; 0 1 2 3 4 5 6 7 8)
    };
    (@ $number:expr, $M:ident => $body:expr; $($n:literal)* ) => {
        match $number {
            $($n => {
                const $M: usize = $n;
                $body
            })*
            _ => wasmtime::bail!("a shape that is not served"),
        }
    };
}

macro_rules! with_results {
    ($number:expr, $N:ident => $body:expr) => {
        with_params!(@ $number, $N => $body; 0 1 2 3)
    };
    (sync $number:expr, $N:ident => $body:expr) => {
        with_params!(@ $number, $N => $body; 0 1)
    };
}

/// A host function of a sync type, which may suspend the guest.
pub trait HostFunc<T: 'static, H>: Send + Sync + 'static {
    /// Runs the function. `R` is the result in wasmtime's form, made from one value or none.
    fn call<'a, R>(&self, store: StoreContextMut<'a, T>, params: Vec<Value<H>>) -> Running<'a, R>
    where
        R: From<Option<Value<H>>> + Send + 'a;
}

/// A call of a [`HostFunc`].
pub type Running<'a, R> = Box<dyn Future<Output = Result<R>> + Send + 'a>;

/// A host function of an async type.
#[cfg(feature = "component-model-async")]
pub trait ConcurrentHostFunc<T: 'static, H>: Send + Sync + 'static {
    /// Runs the function. `R` is the result in wasmtime's form, made from one value or none.
    fn call<'a, R>(&self, accessor: &'a Accessor<T>, params: Vec<Value<H>>) -> Pin<Running<'a, R>>
    where
        R: From<Option<Value<H>>> + Send + 'a;
}

/// Defines a host function of a sync type.
///
/// # Errors
///
/// If the name is taken.
pub fn func_wrap_async<T: Send + 'static, H: StoreHandle>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    shape: Shape,
    func: impl HostFunc<T, H>,
) -> Result<()> {
    with_params!(shape.params, M => {
        with_results!(sync shape.results.min(1), N => {
            linker.func_wrap_async(name, move |store, params: Params<H, M>| {
                func.call::<Results<H, N>>(store, params.into_values())
            })
        })
    })
}

/// Defines a host function of an async type.
///
/// # Errors
///
/// If the name is taken.
#[cfg(feature = "component-model-async")]
pub fn func_wrap_concurrent<T: Send + 'static, H: StoreHandle>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    shape: Shape,
    func: impl ConcurrentHostFunc<T, H>,
) -> Result<()> {
    with_params!(shape.params, M => {
        with_results!(sync shape.results.min(1), N => {
            linker.func_wrap_concurrent(name, move |accessor, params: Params<H, M>| {
                func.call::<Results<H, N>>(accessor, params.into_values())
            })
        })
    })
}

/// Calls an exported function and runs it to its end.
///
/// # Errors
///
/// If the function has another shape, the values do not fit, or the guest traps.
pub async fn call_async<T: Send + 'static, H: StoreHandle>(
    func: Func,
    shape: Shape,
    store: StoreContextMut<'_, T>,
    params: Vec<Value<H>>,
) -> Result<Option<Value<H>>> {
    fn call<T: Send + 'static, H: StoreHandle, const M: usize, const N: usize>(
        func: Func,
        mut store: StoreContextMut<'_, T>,
        params: Vec<Value<H>>,
    ) -> Called<'_, H> {
        Box::pin(async move {
            let func = func.typed::<Params<H, M>, Results<H, N>>(store.as_context_mut())?;
            Ok(func.call_async(store, Params::new(params)).await?.0)
        })
    }

    let called: Called<'_, H> = with_params!(shape.params, M => {
        with_results!(shape.results, N => call::<T, H, M, N>(func, store, params))
    });
    called.await
}

/// Calls an exported function of a store in which no host function is async.
///
/// # Errors
///
/// As [`call_async`], or if a host function of the store is async.
pub fn call<T: 'static, H: StoreHandle>(
    func: Func,
    shape: Shape,
    store: StoreContextMut<'_, T>,
    params: Vec<Value<H>>,
) -> Result<Option<Value<H>>> {
    fn call<T: 'static, H: StoreHandle, const M: usize, const N: usize>(
        func: Func,
        mut store: StoreContextMut<'_, T>,
        params: Vec<Value<H>>,
    ) -> Result<Option<Value<H>>> {
        let func = func.typed::<Params<H, M>, Results<H, N>>(store.as_context_mut())?;
        Ok(func.call(store, Params::new(params))?.0)
    }

    with_params!(shape.params, M => {
        with_results!(sync shape.results, N => call::<T, H, M, N>(func, store, params))
    })
}

/// Queues a call of an exported function in its store's event loop, and returns its task and its
/// result.
///
/// # Errors
///
/// As [`call_async`], or if the engine does not support concurrency.
#[cfg(feature = "component-model-async")]
pub fn start_call_concurrent<T: Send + 'static, H: StoreHandle>(
    func: Func,
    shape: Shape,
    accessor: &Accessor<T>,
    params: Vec<Value<H>>,
) -> Result<(GuestTaskId, Called<'_, H>)> {
    fn start<T: Send + 'static, H: StoreHandle, const M: usize, const N: usize>(
        func: Func,
        accessor: &Accessor<T>,
        params: Vec<Value<H>>,
    ) -> Result<(GuestTaskId, Called<'_, H>)> {
        let (func, call) = accessor.with(|mut store| {
            let func = func.typed::<Params<H, M>, Results<H, N>>(store.as_context_mut())?;
            let call = func.start_call_concurrent(store, Params::new(params))?;
            Ok::<_, wasmtime::Error>((func, call))
        })?;
        let task = call.task();
        let called = async move { Ok(func.finish_call_concurrent(accessor, call).await?.0) };
        Ok((task, Box::pin(called)))
    }

    with_params!(shape.params, M => {
        with_results!(shape.results, N => start::<T, H, M, N>(func, accessor, params))
    })
}
