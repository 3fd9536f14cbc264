//! Calls and what they return, as layers see them.
//!
//! Arguments and results stay in the library's own form until a layer asks for them, so a layer
//! that only looks at names costs no conversion. Layers see copies: handles, streams and futures
//! cannot be copied, so values that contain them can pass through layers but not be read or
//! replaced.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::Val;

use super::route::Route;
use super::service::BoxError;
use crate::error::{ArgumentError, Cause, CompositionError, HandleError, TypedError, TypedProblem};
use crate::run::{CallContext, Caller, Deadline, Depth, InPlaceCaller};
use crate::typed::{
    ComponentType, FromComponentValue, HostParams, IntoComponentValue, Params, check_params,
    check_result,
};
use crate::types::{FunctionType, ValueType};
use crate::value::{
    ERR, Handle, HandleFault, HandleType, Handles, Value, copy_plain, from_val, into_val, is_plain,
};
use wasm_runtime_composer_values::Stored;

/// A call on its way to the component that provides the function.
///
/// It holds the arguments. A call that is dropped is not made: handles that were to be moved are
/// dropped, and loans end.
pub struct Call {
    pub(super) route: Arc<Route>,
    pub(super) args: Vec<Value>,
    pub(super) caller: Caller,
    /// The caller's deadline.
    pub(super) deadline: Option<Deadline>,
    /// The caller that could run the call on its own stack, and how deep that stack was.
    pub(super) in_place: Option<(InPlaceCaller, Depth)>,
    /// How many layers of the route it has passed.
    pub(super) met: usize,
}

impl Call {
    /// The component that makes the call; `None` for one from Rust, or from outside of the composition that the
    /// layer is in.
    pub fn consumer(&self) -> Option<&str> {
        self.route.consumer.as_deref()
    }

    /// The component that the call goes to.
    pub fn provider(&self) -> &str {
        &self.route.provider
    }

    /// The interface of the function, as the provider exports it; `None` at the root.
    pub fn interface(&self) -> Option<&str> {
        self.route.interface()
    }

    /// The function's name: `get` or `[method]bucket.get`.
    pub fn function(&self) -> &str {
        self.route.function()
    }

    /// The function's full name: `interface#function`, or its name at the root.
    pub fn name(&self) -> &str {
        &self.route.name
    }

    /// The function's type.
    pub fn ty(&self) -> &FunctionType {
        &self.route.ty
    }

    /// A copy of the arguments, in order; `None` if a handle, a stream or a future is among them, which
    /// cannot be copied.
    pub fn params(&self) -> Option<Vec<Val>> {
        let types = self.route.ty.params.iter().map(|(_, ty)| ty);
        types.zip(&self.args).map(|(ty, value)| plain_val(ty, value)).collect()
    }

    /// A copy of the arguments as Rust types.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Typed`] if the function takes parameters of other types.
    /// - [`CompositionError::Argument`] if a handle, a stream or a future is among them, which cannot be
    ///   copied.
    pub fn args<P: HostParams>(&self) -> Result<P, CompositionError> {
        let (component, function) = (self.provider(), || self.name().to_owned());
        let ty = &self.route.ty;
        let problems =
            check_params(ty, P::COUNT, P::check, || (None, component.to_owned(), function()));
        if !problems.is_empty() {
            return Err(TypedError::new(problems).into());
        }
        let values = ty.params.iter().zip(&self.args).map(|((name, _), value)| {
            copy_plain(value).ok_or_else(|| ArgumentError::Handle {
                function: function(),
                path: vec![format!("parameter `{name}`")],
                source: HandleError::Uncopied,
            })
        });
        let values = values.collect::<Result<_, _>>()?;
        P::from_values(values).map_err(|unexpected| CompositionError::Conversion {
            function: function(),
            problem: unexpected.0,
        })
    }

    /// Replaces the arguments.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Argument`] if they do not fit the function, or contain handles, streams
    /// or futures. The call is unchanged then.
    pub fn set_params(&mut self, params: &[Val]) -> Result<(), CompositionError> {
        let ty = &self.route.ty;
        let (expected, found) = (ty.params.len(), params.len());
        if expected != found {
            let function = self.name().to_owned();
            return Err(ArgumentError::ParameterCount { function, expected, found }.into());
        }
        let args = ty.params.iter().zip(params).map(|((name, ty), val)| {
            plain_value(ty, val, self.name(), || format!("parameter `{name}`"))
        });
        self.args = args.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Replaces the arguments by a tuple, `(a,)` for one.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Typed`] if the function takes parameters of other types, and
    /// [`CompositionError::Argument`] if the arguments contain handles, streams or futures. The
    /// call is unchanged then.
    pub fn set_args<P: Params>(&mut self, params: P) -> Result<(), CompositionError> {
        let place = || (None, self.provider().to_owned(), self.name().to_owned());
        let problems = check_params(&self.route.ty, P::COUNT, P::check, place);
        if !problems.is_empty() {
            return Err(TypedError::new(problems).into());
        }
        let values = params.into_values();
        if let Some(index) = values.iter().position(|value| !is_plain(value)) {
            let name = &self.route.ty.params[index].0;
            return Err(ArgumentError::Handle {
                function: self.name().to_owned(),
                path: vec![format!("parameter `{name}`")],
                source: HandleError::Uncopied,
            }
            .into());
        }
        self.args = values;
        Ok(())
    }

    /// A copy of the call, to make it more than once. `None` if a handle, a stream or a future is
    /// among the arguments, which cannot be copied, or if the consumer has as many outstanding
    /// calls as it may.
    pub fn try_clone(&self) -> Option<Self> {
        Some(Self {
            route: self.route.clone(),
            args: self.args.iter().map(copy_plain).collect::<Option<_>>()?,
            caller: self.caller.try_clone()?,
            deadline: self.deadline,
            in_place: self.in_place,
            met: self.met,
        })
    }

    /// Makes a result with which a layer answers the call in place of the component. `()` is for a
    /// function without a result.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Typed`] if the function has a result of another type, and
    /// [`CompositionError::Argument`] if the result contains handles, streams or futures.
    pub fn answer<R: IntoComponentValue + 'static>(
        &self,
        result: R,
    ) -> Result<Returned, CompositionError> {
        let mut returned = Returned { route: self.route.clone(), value: None };
        returned.set_result(result)?;
        Ok(returned)
    }

    /// Like [`answer`](Self::answer), with a `Val`; `None` is for a function without a result.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Argument`] if the function has a result of another type, or if the
    /// result contains handles, streams or futures.
    pub fn answer_val(&self, result: Option<&Val>) -> Result<Returned, CompositionError> {
        let mut returned = Returned { route: self.route.clone(), value: None };
        returned.set_val(result)?;
        Ok(returned)
    }

    /// The error of a layer that refuses the call: [`CompositionError::Layer`].
    pub fn refuse(&self, reason: impl Into<BoxError>) -> CompositionError {
        self.route.error(reason.into())
    }

    /// The context that goes along with the call.
    pub fn context(&self) -> &CallContext {
        self.caller.context()
    }

    /// The context that goes along with the call, to add to it.
    pub fn context_mut(&mut self) -> &mut CallContext {
        self.caller.context_mut()
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("consumer", &self.consumer())
            .field("provider", &self.provider())
            .field("function", &self.name())
            .field("params", &self.params())
            .finish_non_exhaustive()
    }
}

/// The result of a call, on its way back through the layers.
pub struct Returned {
    pub(super) route: Arc<Route>,
    pub(super) value: Option<Value>,
}

impl Returned {
    /// A copy of the result. `None` if the function has no result, or if the result contains a
    /// handle, a stream or a future, which cannot be copied.
    pub fn val(&self) -> Option<Val> {
        plain_val(self.route.ty.result.as_ref()?, self.value.as_ref()?)
    }

    /// A copy of the result as a Rust type, `()` for a function without a result.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Typed`] if it is of another type.
    /// - [`CompositionError::Handle`] if it contains a handle, a stream or a future, which cannot
    ///   be copied.
    pub fn result<R: FromComponentValue + 'static>(&self) -> Result<R, CompositionError> {
        self.check::<R>()?;
        let value = match &self.value {
            Some(value) => copy_plain(value).ok_or(HandleError::Uncopied)?,
            // `()` is converted from the value of an empty tuple.
            None => Value::Fields(Vec::new()),
        };
        R::from_value(value).map_err(|unexpected| CompositionError::Conversion {
            function: self.route.name.clone(),
            problem: unexpected.0,
        })
    }

    /// Whether the function returned the `err` case of a `result`.
    pub fn is_err(&self) -> bool {
        let is_result = matches!(self.route.ty.result, Some(ValueType::Result(_)));
        is_result && matches!(self.value, Some(Value::Case(ERR, _)))
    }

    /// Replaces the result.
    ///
    /// # Errors
    ///
    /// As [`Call::answer`]. The result is unchanged then.
    pub fn set_result<R: IntoComponentValue + 'static>(
        &mut self,
        result: R,
    ) -> Result<(), CompositionError> {
        self.check::<R>()?;
        let value = (!R::IS_UNIT).then(|| result.into_value());
        if value.as_ref().is_some_and(|value| !is_plain(value)) {
            let (function, path) = (self.route.name.clone(), vec!["result".to_owned()]);
            return Err(
                ArgumentError::Handle { function, path, source: HandleError::Uncopied }.into()
            );
        }
        self.value = value;
        Ok(())
    }

    /// Replaces the result.
    ///
    /// # Errors
    ///
    /// As [`Call::answer_val`]. The result is unchanged then.
    pub fn set_val(&mut self, result: Option<&Val>) -> Result<(), CompositionError> {
        let function = || self.route.name.clone();
        self.value = match (&self.route.ty.result, result) {
            (Some(ty), Some(val)) => {
                Some(plain_value(ty, val, &self.route.name, || "result".to_owned())?)
            }
            (None, None) => None,
            (expected, found) => {
                return Err(ArgumentError::ResultCount {
                    function: function(),
                    expected: usize::from(expected.is_some()),
                    found: usize::from(found.is_some()),
                }
                .into());
            }
        };
        Ok(())
    }

    fn check<R: ComponentType + 'static>(&self) -> Result<(), CompositionError> {
        check_result::<R>(&self.route.ty).map_err(|source| {
            let (component, function) = (self.route.provider.to_string(), self.route.name.clone());
            let problem = TypedProblem::Type { accessor: None, component, function, source };
            TypedError::new(vec![problem]).into()
        })
    }
}

impl fmt::Debug for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returned")
            .field("function", &self.route.name)
            .field("result", &self.val())
            .finish()
    }
}

/// Refuses handles: for values that layers make or read.
struct WithoutHandles;

impl Handles for WithoutHandles {
    fn take(&mut self, _: HandleType<'_>, _: Stored) -> Result<Handle, HandleFault> {
        Err(HandleError::Uncopied.into())
    }

    fn give(&mut self, _: HandleType<'_>, _: Handle) -> Result<Stored, HandleFault> {
        Err(HandleError::Uncopied.into())
    }
}

fn plain_val(ty: &ValueType, value: &Value) -> Option<Val> {
    into_val(ty, copy_plain(value)?, &mut WithoutHandles).ok()
}

fn plain_value(
    ty: &ValueType,
    val: &Val,
    function: &str,
    place: impl FnOnce() -> String,
) -> Result<Value, CompositionError> {
    from_val(ty, val, &mut WithoutHandles)
        .map_err(|error| error.in_argument(function, place()).into())
}

impl Route {
    /// The error with which the call fails. An error of this library that a layer passed on is
    /// kept; any other becomes [`CompositionError::Layer`].
    pub(super) fn error(&self, error: BoxError) -> CompositionError {
        match error.downcast() {
            Ok(error) => *error,
            Err(error) => CompositionError::Layer {
                component: self.provider.to_string(),
                function: self.name.clone(),
                source: Cause::new(wasmtime::Error::from_boxed(error)),
            },
        }
    }
}
