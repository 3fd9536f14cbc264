//! Core code that frees the memory inside values.
//!
//! A companion that has passed a result on must free the strings and lists in it. Each type with
//! lists gets a core function that walks a value in memory and calls `free` for every block, from
//! the inside out; types that occur more than once share theirs.

use std::collections::HashMap;

use wasm_encoder::{BlockType, MemArg, ValType};
use wasmparser::component_types::{
    ComponentDefinedType, ComponentDefinedTypeId, ComponentValType as Parsed,
};
use wasmparser::types::TypesRef;

use super::core::Core;
use super::layout::{Cases, Layout, align_to, has_lists};
use super::memory::word;

const I32: ValType = ValType::I32;

/// Functions that free the memory of strings and lists inside a value, by the value's type.
pub(super) struct Frees<'a> {
    types: TypesRef<'a>,
    free: u32,
    known: HashMap<ComponentDefinedTypeId, u32>,
}

impl<'a> Frees<'a> {
    /// `free` is the index of the function that frees a block.
    pub(super) fn new(types: TypesRef<'a>, free: u32) -> Self {
        Self { types, free, known: HashMap::new() }
    }

    /// The function that frees what is inside a value of a type with lists. It takes the value's
    /// address.
    pub(super) fn value(&mut self, core: &mut Core, ty: &Parsed) -> Option<u32> {
        match ty {
            Parsed::Primitive(_) => Some(self.list(core, 1, None)),
            Parsed::Type(id) => {
                if let Some(known) = self.known.get(id) {
                    return Some(*known);
                }
                let func = self.defined(core, *id)?;
                self.known.insert(*id, func);
                Some(func)
            }
        }
    }

    /// The function for a list with elements of a size; `element` frees what is inside an element.
    fn list(&self, core: &mut Core, size: u32, element: Option<u32>) -> u32 {
        let free = self.free;
        let [list, at, end] = [0, 1, 2];
        core.func((&[I32], &[]), 2, |code| {
            code.local_get(list).i32_load(word(0)).local_tee(at);
            code.local_get(list).i32_load(word(4)).i32_const(size.cast_signed()).i32_mul();
            code.i32_add().local_tee(end).local_get(at).i32_eq();
            // An empty list has no memory.
            code.if_(BlockType::Empty).return_().end();
            if let Some(element) = element {
                code.loop_(BlockType::Empty);
                code.local_get(at).call(element);
                code.local_get(at).i32_const(size.cast_signed()).i32_add().local_tee(at);
                code.local_get(end).i32_ne().br_if(0).end();
            }
            code.local_get(list).i32_load(word(0)).call(free);
        })
    }

    /// The function for several values one after the other, each aligned.
    fn fields(&mut self, core: &mut Core, fields: &[Parsed]) -> Option<u32> {
        let mut parts = Vec::new();
        let mut offset = 0u32;
        for field in fields {
            let Layout { size, align } = Layout::of(self.types, field)?;
            offset = align_to(offset, align)?;
            if has_lists(self.types, field) {
                parts.push((offset, self.value(core, field)?));
            }
            offset = offset.checked_add(size)?;
        }
        Some(core.func((&[I32], &[]), 0, |code| {
            for (offset, part) in parts {
                code.local_get(0).i32_const(offset.cast_signed()).i32_add().call(part);
            }
        }))
    }

    fn defined(&mut self, core: &mut Core, id: ComponentDefinedTypeId) -> Option<u32> {
        let types = self.types;
        match &types[id] {
            ComponentDefinedType::Primitive(_) => Some(self.list(core, 1, None)),
            ComponentDefinedType::Record(record) => {
                self.fields(core, &record.fields.values().copied().collect::<Vec<_>>())
            }
            ComponentDefinedType::Tuple(tuple) => self.fields(core, &tuple.types),
            ComponentDefinedType::List { element, .. } => {
                let inner = has_lists(types, element).then(|| self.value(core, element));
                let inner = match inner {
                    Some(inner) => Some(inner?),
                    None => None,
                };
                Some(self.list(core, Layout::of(types, element)?.size, inner))
            }
            ComponentDefinedType::Map { key, value, .. } => {
                let inner = self.fields(core, &[*key, *value])?;
                let size = Layout::fields(types, [key, value])?.size;
                Some(self.list(core, size, Some(inner)))
            }
            ComponentDefinedType::FixedLengthList { element, length, .. } => {
                let size = Layout::of(types, element)?.size;
                let inner = self.value(core, element)?;
                let length = size.checked_mul(*length)?;
                let [list, at] = [0, 1];
                Some(core.func((&[I32], &[]), 1, |code| {
                    code.loop_(BlockType::Empty);
                    code.local_get(list).local_get(at).i32_add().call(inner);
                    code.local_get(at).i32_const(size.cast_signed()).i32_add().local_tee(at);
                    code.i32_const(length.cast_signed()).i32_ne().br_if(0).end();
                }))
            }
            other => self.cases(core, Cases::of(types, other)?),
        }
    }

    fn cases(&mut self, core: &mut Core, cases: Cases) -> Option<u32> {
        let mut parts = Vec::new();
        for (case, payload) in (0..).zip(&cases.payloads) {
            if let Some(payload) = payload.filter(|payload| has_lists(self.types, payload)) {
                parts.push((case, self.value(core, &payload)?));
            }
        }
        let at = MemArg { offset: 0, align: 0, memory_index: 0 };
        Some(core.func((&[I32], &[]), 0, |code| {
            for (case, part) in parts {
                code.local_get(0);
                match cases.discriminant {
                    1 => code.i32_load8_u(at),
                    2 => code.i32_load16_u(at),
                    _ => code.i32_load(at),
                };
                code.i32_const(case).i32_eq().if_(BlockType::Empty);
                code.local_get(0).i32_const(cases.offset.cast_signed()).i32_add().call(part);
                code.end();
            }
        }))
    }
}
