//! [`RecordLayer`] and [`ReplayLayer`]: layers that record calls, and that answer calls from a recording.
//!
//! Values are recorded in WAVE, the component model's text encoding, so recordings can be read,
//! edited and compared, and are replayed by the types of the functions that are called.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::{fs, io};

use serde_json::{Value, json};

use super::call::{Call, Returned};
use super::intercept::{Intercept, layers};
use super::service::{LayerFuture, Next};
use crate::error::{CompositionError, with_causes};
use crate::sync::lock;
use crate::wave;

/// Calls and their outcomes, in the order in which the calls ended. Made by a [`RecordLayer`],
/// replayed by a [`ReplayLayer`], and kept in a file in between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    calls: Vec<RecordedCall>,
}

/// A recorded call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedCall {
    /// The component that made it; `None` for a call from Rust.
    pub consumer: Option<String>,
    /// The component that it went to.
    pub provider: String,
    /// The function's full name: `interface#function`, or its name at the root.
    pub function: String,
    /// The arguments, each in [WAVE](crate::wave).
    pub params: Vec<String>,
    /// The result in WAVE (`None` if the function has none), or the text of the failure with its
    /// causes.
    pub answer: Result<Option<String>, String>,
}

impl Recording {
    /// The calls.
    pub fn calls(&self) -> &[RecordedCall] {
        &self.calls
    }

    /// The calls as JSON: an array of objects with `consumer`, `provider`, `function`, `params`, and `result` or
    /// `error`.
    pub fn to_json(&self) -> String {
        let calls = self.calls.iter().map(|call| {
            let mut object = json!({
                "consumer": call.consumer,
                "provider": call.provider,
                "function": call.function,
                "params": call.params,
            });
            match &call.answer {
                Ok(result) => object["result"] = json!(result),
                Err(error) => object["error"] = json!(error),
            }
            object
        });
        format!("{:#}\n", Value::Array(calls.collect()))
    }

    /// Reads a recording from JSON.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] if `json` is not a recording; it says what is wrong and in
    /// which call.
    pub fn from_json(json: &str) -> io::Result<Self> {
        let invalid = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
        let value: Value =
            serde_json::from_str(json).map_err(|error| invalid(format!("no JSON: {error}")))?;
        let calls =
            value.as_array().ok_or_else(|| invalid("expected an array of calls".to_owned()))?;
        let calls = calls.iter().enumerate().map(|(index, call)| {
            let lacks = |name: &str, what: &str| {
                invalid(format!("call {index}: expected {what} as its `{name}`"))
            };
            let text = |name: &str| {
                let text = call[name].as_str().map(str::to_owned);
                text.ok_or_else(|| lacks(name, "a string"))
            };
            let optional = |name: &str| match &call[name] {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                _ => Err(lacks(name, "a string or null")),
            };
            let params = call["params"].as_array().ok_or_else(|| lacks("params", "an array"))?;
            let params = params.iter().map(|param| param.as_str().map(str::to_owned));
            Ok(RecordedCall {
                consumer: optional("consumer")?,
                provider: text("provider")?,
                function: text("function")?,
                params: params
                    .collect::<Option<_>>()
                    .ok_or_else(|| lacks("params", "an array of strings"))?,
                answer: match optional("error")? {
                    Some(error) => Err(error),
                    None => Ok(optional("result")?),
                },
            })
        });
        Ok(Self { calls: calls.collect::<io::Result<_>>()? })
    }

    /// Writes the calls to a file, as JSON.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        fs::write(path, self.to_json())
    }

    /// Reads the calls of a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and as [`from_json`](Self::from_json).
    pub fn load(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_json(&fs::read_to_string(path)?)
    }
}

/// A layer that lets calls pass and records their outcomes, with feature `record`.
///
/// Clones share their recording. Calls whose arguments or results contain handles, streams or
/// futures are not recorded, and neither are calls that their callers gave up.
///
/// # Examples
///
/// ```
/// # use wasm_runtime_composer::{ComposableDescriptor, Composer, CompositionError, HostInterface};
/// use wasm_runtime_composer::layer::{RecordLayer, ReplayLayer};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), CompositionError> {
/// # let prices = || HostInterface::root().func_wrap("price", |item: String| item.len() as u32);
/// let recorder = RecordLayer::new();
/// let mut composer = Composer::new();
/// composer.add(ComposableDescriptor::new("prices", prices()).with_layer(recorder.clone()));
/// let composition = composer.compose().await?;
/// composition.typed::<(&str,), u32>(None, "price")?.call(("apple",)).await?;
///
/// // In a test, what was recorded answers.
/// let replay = ReplayLayer::new(&recorder.recording());
/// let mut composer = Composer::new();
/// composer.add(ComposableDescriptor::new("prices", prices()).with_layer(replay.clone()));
/// let composition = composer.compose().await?;
/// let price = composition.typed::<(&str,), u32>(None, "price")?;
/// assert_eq!(price.call(("apple",)).await?, 5);
/// assert!(price.call(("pear",)).await.is_err(), "it was not recorded");
/// assert_eq!(replay.left(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordLayer {
    calls: Arc<Mutex<Vec<RecordedCall>>>,
}

impl RecordLayer {
    /// Creates a recorder with an empty recording.
    pub fn new() -> Self {
        Self::default()
    }

    /// The calls that were recorded so far.
    pub fn recording(&self) -> Recording {
        Recording { calls: lock(&self.calls).clone() }
    }
}

layers!(RecordLayer);

impl Intercept for RecordLayer {
    fn intercept(&self, call: Call, next: Next) -> LayerFuture {
        let Some(params) = params(&call) else {
            return next.pass(call);
        };
        let recorder = self.clone();
        let own = |text: &str| text.to_owned();
        let (consumer, provider) = (call.consumer().map(own), own(call.provider()));
        let function = own(call.name());
        Box::pin(async move {
            let returned = next.call(call).await;
            let answer = match &returned {
                Ok(returned) => Ok(returned.val().and_then(|val| wave::write(&val).ok())),
                Err(error) => Err(with_causes(error)),
            };
            lock(&recorder.calls).push(RecordedCall {
                consumer,
                provider,
                function,
                params,
                answer,
            });
            returned
        })
    }
}

/// A layer that answers calls from a [`Recording`] without calling the component, with feature
/// `record`.
///
/// A call is answered by the first unused call of the recording with the same consumer, provider,
/// function and arguments. If there is none, it fails with [`CompositionError::Layer`]. A call that
/// failed when it was recorded fails again, with the recorded text. Calls that cannot be recorded
/// go to the component. Clones share the calls that are left.
#[derive(Clone, Debug)]
pub struct ReplayLayer {
    calls: Arc<Mutex<HashMap<Key, Answers>>>,
}

/// Consumer, provider, function and arguments.
type Key = (Option<String>, String, String, Vec<String>);
/// The unused answers to one call.
type Answers = VecDeque<Result<Option<String>, String>>;

impl ReplayLayer {
    /// Answers each call as often as it was recorded.
    pub fn new(recording: &Recording) -> Self {
        let mut calls: HashMap<Key, Answers> = HashMap::new();
        for call in recording.calls.iter().cloned() {
            let RecordedCall { consumer, provider, function, params, answer } = call;
            calls.entry((consumer, provider, function, params)).or_default().push_back(answer);
        }
        Self { calls: Arc::new(Mutex::new(calls)) }
    }

    /// How many calls of the recording have not been used.
    pub fn left(&self) -> usize {
        lock(&self.calls).values().map(VecDeque::len).sum()
    }

    fn answer(&self, call: &Call, params: Vec<String>) -> Result<Returned, CompositionError> {
        let own = |text: &str| text.to_owned();
        let consumer = call.consumer().map(own);
        let key = (consumer, own(call.provider()), own(call.name()), params);
        let found = lock(&self.calls).get_mut(&key).map(VecDeque::pop_front);
        match found {
            Some(Some(Ok(text))) => match (call.ty().result(), text) {
                (Some(ty), Some(text)) => {
                    let val = wave::parse(ty, &text).map_err(|error| call.refuse(error))?;
                    call.answer_val(Some(&val))
                }
                (_, None) => call.answer_val(None),
                (None, Some(_)) => Err(call.refuse("a result was recorded, and it has none")),
            },
            Some(Some(Err(error))) => Err(call.refuse(error)),
            Some(None) => Err(call.refuse(format!(
                "it was made more often than it was recorded, with ({})",
                key.3.join(", ")
            ))),
            None => Err(call.refuse(format!("it was not recorded, with ({})", key.3.join(", ")))),
        }
    }
}

layers!(ReplayLayer);

impl Intercept for ReplayLayer {
    fn intercept(&self, call: Call, next: Next) -> LayerFuture {
        match params(&call) {
            Some(params) => {
                let answer = self.answer(&call, params);
                Box::pin(async move { answer })
            }
            None => next.pass(call),
        }
    }
}

/// The arguments in WAVE. `None` if the arguments or the result cannot be written in WAVE.
fn params(call: &Call) -> Option<Vec<String>> {
    if call.ty().result().is_some_and(|ty| wave::unwritable(ty).is_some()) {
        return None;
    }
    call.params()?.iter().map(|val| wave::write(val).ok()).collect()
}
