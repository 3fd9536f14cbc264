//! What a document says of a component: what of it others get, and under which names its imports are open.
//!
//! A component that is bound takes part in nothing else: its exports satisfy no import by their names, and imports that
//! the document says nothing of are left to what is added beside the document. Its arguments are hints like all
//! others.

use std::sync::Arc;

use super::item::{Item, Named, Surface, find};

/// How a document binds one component.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bound {
    /// What the document takes of the component beside its exports, see [`Surface::with_parts`].
    pub(crate) parts: Vec<Part>,
    /// What the document exports of it: the public name, and the component's own name for it.
    pub(crate) exports: Vec<(String, String)>,
    /// The imports that are open under another name than their own: first their own.
    pub(crate) renamed: Vec<(String, String)>,
}

/// The names that lead from a component to something in it: to an item of an exported interface, or, without any name,
/// to all that it exports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Part(pub(crate) Vec<String>);

impl Part {
    /// How a part is called among the exports. No export of a component can have such a name.
    pub(crate) fn name(&self) -> String {
        match self.0.as_slice() {
            [] => "*".to_owned(),
            names => names.join("#"),
        }
    }

    fn of(&self, surface: &Surface) -> Option<Item> {
        let Some((first, inner)) = self.0.split_first() else {
            return Some(Item::Instance(surface.exports.clone()));
        };
        let item = inner.iter().try_fold(find(&surface.exports, first)?, |item, name| match item {
            Item::Instance(items) => find(items, name),
            _ => None,
        });
        item.cloned()
    }
}

impl Bound {
    /// The part with this name.
    pub(crate) fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name() == name)
    }

    /// The name under which an import is open.
    pub(crate) fn open_name<'a>(&'a self, import: &'a str) -> &'a str {
        let renamed = self.renamed.iter().find(|(own, _)| own == import);
        renamed.map_or(import, |(_, name)| name)
    }
}

impl Surface {
    /// The same surface, in which parts are exports as well, behind all others. Their functions are the very functions
    /// of the component. A part that the component does not have is left out.
    pub(crate) fn with_parts(self: Arc<Self>, parts: &[Part]) -> Arc<Self> {
        let found: Vec<_> =
            parts.iter().filter_map(|part| Some((part.clone(), part.of(&self)?))).collect();
        if found.is_empty() {
            return self;
        }
        let mut surface = Arc::unwrap_or_clone(self);
        for (part, item) in found {
            surface.exports.push(Named { name: part.name(), implements: None, item });
            surface.parts.push(part);
        }
        Arc::new(surface)
    }

    /// The names that lead to an export: its own, but for a part.
    #[cfg(feature = "fuse")]
    pub(crate) fn path_of(&self, export: usize) -> &[String] {
        let parts = self.exports.len() - self.parts.len();
        match export.checked_sub(parts) {
            Some(part) => &self.parts[part].0,
            None => std::slice::from_ref(&self.exports[export].name),
        }
    }
}
