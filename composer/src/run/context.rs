//! What goes along with a call.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

#[cfg(feature = "tracing")]
use tracing::Span;

/// What goes along with a call: to the layers that it meets, and to the calls that a component makes because of
/// it. So what a layer adds is found by those that come after it, down the whole chain of calls.
///
/// It holds at most one value of each type, and is cheap to clone. It ends where a call leaves the
/// composition: a caller in Rust begins with an empty one.
#[derive(Clone, Default)]
pub struct CallContext {
    // Every call carries it, so it is small.
    values: Option<Arc<Vec<Item>>>,
}

/// A value with its type.
type Item = (TypeId, Arc<dyn Any + Send + Sync>);

impl CallContext {
    /// The value of type `T`, if there is one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let held = self.values.iter().flat_map(|values| values.iter());
        held.filter_map(|(_, value)| value.downcast_ref()).next()
    }

    /// Adds a value, in the place of one of the same type.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        let others = self.values.iter().flat_map(|values| values.iter());
        let others = others.filter(|(ty, _)| *ty != TypeId::of::<T>()).cloned();
        let value: Item = (TypeId::of::<T>(), Arc::new(value));
        self.values = Some(Arc::new(others.chain([value]).collect()));
    }

    /// Whether nothing goes along.
    pub fn is_empty(&self) -> bool {
        self.values.is_none()
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values.as_ref().map_or(0, |values| values.len());
        f.debug_struct("CallContext").field("values", &values).finish()
    }
}

/// The span of a call that goes on, for the calls that are made in it.
#[cfg(feature = "tracing")]
struct InSpan(Span);

#[cfg(feature = "tracing")]
impl CallContext {
    /// The span that the call is in.
    pub(crate) fn span(&self) -> Span {
        self.parent_span().cloned().unwrap_or_else(Span::none)
    }

    /// The same, if there is one.
    pub(crate) fn parent_span(&self) -> Option<&Span> {
        self.get::<InSpan>().map(|InSpan(span)| span)
    }

    /// Notes the span that the call is in.
    pub(crate) fn set_span(&mut self, span: Span) {
        self.insert(InSpan(span));
    }
}
