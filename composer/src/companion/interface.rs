//! The imports of a component, with their async functions passed on: interfaces are put together again, out of the
//! functions that pass calls on and of all that there is beside them.

use std::collections::{HashMap, HashSet};

use wasm_encoder::ComponentExportKind;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentInstanceType};

use super::Found;
use super::imports::{self, Import};
use super::types::{Around, Types};

/// An import as it is given to a component: its name, its kind, and its index in what is around.
type Arg<'a> = (&'a str, ComponentExportKind, u32);

impl Found<'_> {
    /// Has a companion pass on the async functions among the imports, in `args`; gives their names.
    pub(super) fn pass_on(
        &mut self,
        args: &mut [Arg<'_>],
        around: &mut Around,
    ) -> Option<HashSet<Vec<String>>> {
        let parsed = self.outline.types();
        let funcs = self.async_imports(args, around)?;
        let mut types = Types::new(parsed, &self.resources);
        let names = imports::write(&mut types, around, parsed, &funcs);
        if names.is_empty() {
            return Some(HashSet::new());
        }
        let instance = around.beside(types);
        let mut passed_on = HashMap::new();
        for (func, name) in names {
            let index = around.alias(instance, ComponentExportKind::Func, &name);
            passed_on.insert(&*func.path, index);
        }
        let changed: HashSet<_> = passed_on.keys().map(|path| path[0].as_str()).collect();
        for (name, _, index) in args.iter_mut().filter(|(name, ..)| changed.contains(name)) {
            let root = [(*name).to_owned()];
            *index = match self.outline.import(name)? {
                ComponentEntityType::Instance(ty) => {
                    let funcs = |func: &str| {
                        let path = [(*name).to_owned(), func.to_owned()];
                        passed_on.get(&path[..]).copied()
                    };
                    self.made_again(*index, &parsed[ty], funcs, around)?
                }
                _ => *passed_on.get(&root[..])?,
            };
        }
        Some(passed_on.into_keys().map(<[String]>::to_vec).collect())
    }

    fn async_imports(&mut self, args: &[Arg<'_>], around: &mut Around) -> Option<Vec<Import>> {
        let parsed = self.outline.types();
        let mut funcs = Vec::new();
        for (name, _, index) in args {
            match self.outline.import(name)? {
                ComponentEntityType::Func(ty) if parsed[ty].async_ => {
                    self.values(ty)?;
                    funcs.push(Import { path: vec![(*name).to_owned()], ty, around: *index });
                }
                ComponentEntityType::Instance(ty) if can_be_made_again(&parsed[ty]) => {
                    for (func, item) in &parsed[ty].exports {
                        let ComponentEntityType::Func(ty) = item.ty else { continue };
                        self.values(ty)?;
                        if parsed[ty].async_ {
                            let path = vec![(*name).to_owned(), func.clone()];
                            let around = around.alias(*index, ComponentExportKind::Func, func);
                            funcs.push(Import { path, ty, around });
                        }
                    }
                }
                _ => {}
            }
        }
        Some(funcs)
    }

    /// An instance like that with the index `instance`, with other functions where there are some; gives its index.
    /// It is one of a component: a mere bundle may not have methods.
    fn made_again(
        &self,
        instance: u32,
        ty: &ComponentInstanceType,
        funcs: impl Fn(&str) -> Option<u32>,
        around: &mut Around,
    ) -> Option<u32> {
        let mut types = Types::new(self.outline.types(), &self.resources);
        for (name, item) in &ty.exports {
            match item.ty {
                ComponentEntityType::Type { created, .. } => {
                    types.export_named(name, created, around)?;
                }
                ComponentEntityType::Func(ty) => {
                    let func = funcs(name)
                        .unwrap_or_else(|| around.alias(instance, ComponentExportKind::Func, name));
                    types.export_func(name, ty, (func, around))?;
                }
                _ => return None,
            }
        }
        Some(around.beside(types))
    }
}

/// Whether an instance can be put together again out of its items.
fn can_be_made_again(ty: &ComponentInstanceType) -> bool {
    ty.exports.values().all(|item| {
        matches!(
            item.ty,
            ComponentEntityType::Func(_)
                | ComponentEntityType::Type {
                    created: ComponentAnyTypeId::Resource(_) | ComponentAnyTypeId::Defined(_),
                    ..
                }
        )
    })
}
