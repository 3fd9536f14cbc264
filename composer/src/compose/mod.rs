//! From what is added to a composer to a composition that runs.
//!
//! A [`Composer`] is a level of descriptors, whose composables are components, compositions, or levels again. It
//! resolves them by the rules of `plan`, makes a wiring of that, which knows where each function is called, and
//! starts the components one after the other. What comes of it is a [`Composition`].

mod carrying;
mod chain;
#[cfg(feature = "compile")]
mod compile;
mod component;
mod composer;
mod composition;
mod descriptor;
mod fault;
mod instance;
mod level;
mod live;
#[cfg(feature = "compile")]
mod mistake;
mod nesting;
mod replace;
mod settings;
mod source;
mod startable;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod streams;
mod wiring;

#[cfg(feature = "fuse")]
pub(crate) use compile::{compile, reflect};
pub use component::ComposableComponent;
pub use composer::Composer;
pub use composition::Composition;
#[cfg(feature = "fuse")]
pub(crate) use descriptor::Level;
pub use descriptor::{Composable, ComposableDescriptor, ExportFilter, Filtered, Part};
pub(crate) use descriptor::{PartContent, sealed};
pub use instance::ComposableInstance;
#[cfg(feature = "fuse")]
pub(crate) use level::{Found, Groups, isolated};
pub use replace::Replacement;
pub(crate) use settings::RunSettings;
pub use source::ComponentSource;
#[cfg(feature = "fuse")]
pub(crate) use source::Origin;
#[cfg(feature = "fuse")]
pub(crate) use startable::Loaded;
pub(crate) use startable::{AnyComponent, LinkError, LinkPlan, Linked, Starting};
