//! [`TraceLayer`]: a layer that opens a span for each call.

use tracing::field::Empty;
use tracing::{Instrument, Level, Span};

use super::call::{Call, Returned};
use super::intercept::{Intercept, layers};
use super::service::{LayerFuture, Next};
use crate::error::{CompositionError, with_causes};

/// A layer that opens a [`tracing`] span for each call, with feature `tracing`.
///
/// The span is called `call` and has the target `wasm_runtime_composer::call`. Its fields are
///
/// - `consumer` (none for a call from Rust), `provider`, `function` as `interface#function`,
/// - `outcome`, when it is over: `ok`, `err` for the error of a `result`, `failed`, or `abandoned` for a call
///   that its caller has given up,
/// - `error`, of a call that failed, with its causes,
/// - `otel.name` and `otel.status_code`, as `tracing-opentelemetry` takes them.
///
/// Calls that a component makes while it answers a call are inside that call's span, through any
/// number of components, and so is what a [`HostInterface`](crate::HostInterface) does. A call from
/// Rust is inside the current span of its caller. A span is closed when the call has ended and, if
/// its caller gave it up, the guest has stopped working on it. Host functions in a component's
/// linker run inside the span only while the guest runs on the caller's task.
///
/// # Examples
///
/// ```
/// use wasm_runtime_composer::Composer;
/// use wasm_runtime_composer::layer::TraceLayer;
///
/// let mut composer = Composer::new();
/// composer.with_layer(TraceLayer::new());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TraceLayer {
    level: Level,
}

impl TraceLayer {
    /// Opens spans of the level `INFO`.
    pub fn new() -> Self {
        Self { level: Level::INFO }
    }

    /// Opens spans of the given level.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

layers!(TraceLayer);

impl Intercept for TraceLayer {
    fn intercept(&self, mut call: Call, next: Next) -> LayerFuture {
        let span = self.span(&call);
        if span.is_disabled() {
            return next.pass(call);
        }
        call.context_mut().set_span(span.clone());
        let mut outcome = SpanOutcome { span: span.clone(), known: false };
        let traced = async move {
            let answer = next.call(call).await;
            outcome.note(&answer);
            answer
        };
        Box::pin(traced.instrument(span))
    }
}

impl TraceLayer {
    fn span(self, call: &Call) -> Span {
        // `tracing` makes level and parent part of the static call site, so each combination needs
        // a call of the macro.
        macro_rules! span {
            ($level:ident $(, parent: $parent:expr)?) => {
                tracing::span!(
                    target: "wasm_runtime_composer::call",
                    $(parent: $parent,)?
                    Level::$level,
                    "call",
                    consumer = call.consumer(),
                    provider = call.provider(),
                    function = call.name(),
                    outcome = Empty,
                    error = Empty,
                    otel.name = call.name(),
                    otel.status_code = Empty,
                )
            };
        }
        macro_rules! levels {
            ($($level:ident)*) => {
                match (self.level, call.context().parent_span()) {
                    $((Level::$level, Some(parent)) => span!($level, parent: parent),
                    (Level::$level, None) => span!($level),)*
                }
            };
        }
        levels!(TRACE DEBUG INFO WARN ERROR)
    }
}

/// Records the outcome in a span at its end.
struct SpanOutcome {
    span: Span,
    known: bool,
}

impl SpanOutcome {
    fn note(&mut self, answer: &Result<Returned, CompositionError>) {
        self.known = true;
        match answer {
            Ok(returned) if returned.is_err() => {
                self.span.record("outcome", "err");
            }
            Ok(_) => {
                self.span.record("outcome", "ok");
            }
            Err(error) => {
                self.span.record("outcome", "failed");
                self.span.record("error", with_causes(error));
                self.span.record("otel.status_code", "ERROR");
            }
        }
    }
}

impl Drop for SpanOutcome {
    fn drop(&mut self) {
        if !self.known {
            self.span.record("outcome", "abandoned");
        }
    }
}
