//! A budget for examining a component: its types, with every use spelled out, can be exponentially
//! larger than its binary.

use std::collections::HashMap;

use wasmparser::component_types::{
    ComponentDefinedType, ComponentDefinedTypeId, ComponentValType as Parsed,
};
use wasmparser::types::TypesRef;

use super::layout::{MANY, children};

/// The budget, in types visited. Components written by people need less than a hundredth of it.
const MOST: usize = 1 << 22;

/// What is left of the budget. A component that exceeds it gets no companion.
pub(super) struct Budget<'a> {
    types: TypesRef<'a>,
    left: usize,
    known: HashMap<ComponentDefinedTypeId, Extent>,
}

/// How large a type is.
#[derive(Clone, Copy)]
struct Extent {
    /// The number of types in it, with every use spelled out.
    size: usize,
    depth: usize,
}

impl<'a> Budget<'a> {
    pub(super) fn new(types: TypesRef<'a>) -> Self {
        Self { types, left: MOST, known: HashMap::new() }
    }

    /// Pays for an item that is exported or imported.
    pub(super) fn item(&mut self) -> Option<()> {
        self.spend(1)
    }

    /// Pays for the type of a parameter or result.
    pub(super) fn value(&mut self, ty: &Parsed) -> Option<()> {
        let Extent { size, depth } = self.extent(ty);
        // The layout of a variant visits the types inside, and is computed again at every level
        // around it.
        self.spend(size.saturating_mul(depth))
    }

    fn spend(&mut self, work: usize) -> Option<()> {
        self.left = self.left.checked_sub(work)?;
        Some(())
    }

    /// Recurses; validation bounds the depth of types.
    fn extent(&mut self, ty: &Parsed) -> Extent {
        let Parsed::Type(id) = ty else { return Extent { size: 1, depth: 1 } };
        if let Some(known) = self.known.get(id) {
            return *known;
        }
        let types = self.types;
        let ty = &types[*id];
        let (mut inside, mut depth) = (0usize, 0);
        for child in children(ty) {
            let child = self.extent(&child);
            inside = inside.saturating_add(child.size);
            depth = depth.max(child.depth);
        }
        match ty {
            ComponentDefinedType::FixedLengthList { length, .. } => {
                inside = inside.saturating_mul(MANY.min(*length as usize));
            }
            ComponentDefinedType::Enum(names) => inside = names.len(),
            _ => {}
        }
        let extent = Extent { size: inside.saturating_add(1), depth: depth + 1 };
        self.known.insert(*id, extent);
        extent
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::Engine;

    use super::super::{Outline, accompany};

    /// Whether a component has a companion that exports async functions which take a value of type `$t`.
    fn has_companion(types: &str, functions: usize) -> bool {
        let exports: String = (0..functions)
            .map(|number| {
                format!(
                    r#"(func $f{number} async (param "x" $t)
                        (canon lift (core func $core "f") async (callback (core func $core "c"))
                            (memory (core memory $core "memory")) (realloc (core func $core "r"))))
                    (export "f{number}" (func $f{number}))"#
                )
            })
            .collect();
        let text = format!(
            r#"(component
                (core module $module
                    (memory (export "memory") 1)
                    (func (export "f") (param i32) (result i32) i32.const 0)
                    (func (export "c") (param i32 i32 i32) (result i32) i32.const 0)
                    (func (export "r") (param i32 i32 i32 i32) (result i32) i32.const 0))
                (core instance $core (instantiate $module))
                (core func (canon task.cancel))
                {types}
                {exports})"#
        );
        let binary = wat::parse_str(text).expect("it is one");
        let outline = Outline::read(&binary).expect("it is valid");
        accompany(&Engine::default(), &binary, &outline, false).is_some()
    }

    #[test]
    fn types_that_explode_get_no_companion() {
        let mut types = "(type $t0 u64)".to_owned();
        for level in 1..=13 {
            let inside = level - 1;
            types += &format!("(type $t{level} (result $t{inside} (error $t{inside})))");
        }
        for level in 14..=50 {
            types += &format!("(type $t{level} (option $t{}))", level - 1);
        }
        types += "(type $t (option $t50))";
        assert!(has_companion(&types, 1));
        assert!(!has_companion(&types, 8));
    }

    #[test]
    fn values_that_no_memory_holds_get_no_companion() {
        assert!(has_companion("(type $t (tuple (list u8 20) u64))", 1));
        for ty in ["(option (list u64 536870911))", "(option (tuple (list u32 1073741823) u8))"] {
            assert!(!has_companion(&format!("(type $t {ty})"), 1), "{ty}");
        }
    }
}
