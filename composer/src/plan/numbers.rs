//! Renumbers a surface after its predecessor's.
//!
//! The numbers outlive a component: endpoints and handles that refer to numbers keep their meaning when it is replaced.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::item::{ExportedFunc, Item, Items, Named, ResourceOrigin, Successors, Surface};
use crate::types::Resource;

impl Surface {
    /// This surface, with the functions and resources that it has in common with `predecessor`
    /// numbered as there. Functions and resources that only one of the two has keep numbers of
    /// their own, so no number is used twice.
    pub(crate) fn numbered_as(&self, predecessor: &Self) -> Self {
        let mut numbers = Numbers {
            funcs: HashMap::new(),
            taken_funcs: HashSet::new(),
            resources: HashMap::new(),
            taken_resources: HashSet::new(),
            next_func: predecessor.funcs.len(),
            next_resource: predecessor.resources.len(),
        };
        let successors = Successors::among(&self.exports);
        for old in &predecessor.exports {
            if let Some(new) = successors.of(&old.name) {
                numbers.pair(&old.item, &self.exports[new].item);
            }
        }
        let successors = Successors::among(&self.imports);
        for old in &predecessor.imports {
            if let Some(new) = successors.of(&old.name) {
                numbers.pair_resources(&old.item, &self.imports[new].item);
            }
        }
        let mut funcs = predecessor.funcs.clone();
        for (index, func) in self.funcs.iter().enumerate() {
            let ty = Arc::new(func.ty.renumber(&mut |it| numbers.resource(it)));
            put(&mut funcs, numbers.func(index), ExportedFunc { path: func.path.clone(), ty });
        }
        let mut resources = predecessor.resources.clone();
        for (index, def) in (0..).zip(&self.resources) {
            let number = numbers.resource(&Resource::new(def.name.clone(), index));
            put(&mut resources, number as usize, def.clone());
        }
        // A resource that only the predecessor imported has no provider any more.
        let kept: HashSet<u32> = numbers.resources.values().copied().collect();
        for (number, def) in (0..).zip(&mut resources) {
            let is_kept = kept.contains(&number);
            if def.origin == ResourceOrigin::Imported && !is_kept {
                def.origin = ResourceOrigin::Host;
            }
        }
        let mut all = |items: &[Named]| items.iter().map(|it| numbers.named(it)).collect();
        let (imports, exports) = (all(&self.imports), all(&self.exports));
        let (inside, lacks_types) = (self.inside.clone(), self.lacks_types);
        let (abilities, companion) = (self.abilities, self.companion.clone());
        let untrusted = self.untrusted.clone();
        Self {
            imports,
            exports,
            funcs,
            resources,
            parts: self.parts.clone(),
            inside,
            lacks_types,
            untrusted,
            introducers: OnceLock::new(),
            abilities,
            companion,
        }
    }
}

/// Replaces the item at `index`, or appends it if `index` is past the end.
fn put<T>(items: &mut Vec<T>, index: usize, item: T) {
    match items.get_mut(index) {
        Some(place) => *place = item,
        None => items.push(item),
    }
}

/// Maps the old numbers of a surface's functions and resources to new ones.
struct Numbers {
    funcs: HashMap<usize, usize>,
    /// The numbers of the predecessor that have been given away; each is given once.
    taken_funcs: HashSet<usize>,
    resources: HashMap<u32, u32>,
    taken_resources: HashSet<u32>,
    next_func: usize,
    next_resource: usize,
}

impl Numbers {
    /// Gives the functions and resources of `new` the numbers of those of the same name in `old`.
    fn pair(&mut self, old: &Item, new: &Item) {
        match (old, new) {
            (Item::Func { index: old, .. }, Item::Func { index: new, .. })
                if !self.taken_funcs.contains(old) =>
            {
                if let Entry::Vacant(entry) = self.funcs.entry(*new) {
                    self.taken_funcs.insert(*entry.insert(*old));
                }
            }
            (Item::Instance(old), Item::Instance(new)) => {
                let new = Items::of(new);
                for named in old {
                    if let Some(new) = new.find(&named.name) {
                        self.pair(&named.item, new);
                    }
                }
            }
            (Item::Resource(old), Item::Resource(new))
                if !self.taken_resources.contains(&old.index) =>
            {
                if let Entry::Vacant(entry) = self.resources.entry(new.index) {
                    self.taken_resources.insert(*entry.insert(old.index));
                }
            }
            _ => {}
        }
    }

    /// Gives the resources that `new` imports the numbers of those of the same name in `old`.
    fn pair_resources(&mut self, old: &Item, new: &Item) {
        match (old, new) {
            (Item::Instance(old), Item::Instance(new)) => {
                let new = Items::of(new);
                for named in old {
                    if let Some(new) = new.find(&named.name) {
                        self.pair_resources(&named.item, new);
                    }
                }
            }
            (Item::Resource(_), Item::Resource(_)) => self.pair(old, new),
            _ => {}
        }
    }

    fn func(&mut self, index: usize) -> usize {
        *self.funcs.entry(index).or_insert_with(|| {
            self.next_func += 1;
            self.next_func - 1
        })
    }

    fn resource(&mut self, resource: &Resource) -> u32 {
        *self.resources.entry(resource.index).or_insert_with(|| {
            self.next_resource += 1;
            (self.next_resource - 1) as u32
        })
    }

    fn named(&mut self, named: &Named) -> Named {
        let item = match &named.item {
            Item::Func { ty, index } => {
                let ty = Arc::new(ty.renumber(&mut |it| self.resource(it)));
                Item::Func { ty, index: self.funcs.get(index).copied().unwrap_or(*index) }
            }
            Item::Instance(items) => {
                Item::Instance(items.iter().map(|named| self.named(named)).collect())
            }
            Item::Resource(resource) => {
                Item::Resource(Resource::new(resource.name.clone(), self.resource(resource)))
            }
            Item::Type(ty) => Item::Type(ty.renumber(&mut |it| self.resource(it))),
            Item::Code(kind) => Item::Code(kind),
        };
        Named { name: named.name.clone(), implements: named.implements.clone(), item }
    }
}
