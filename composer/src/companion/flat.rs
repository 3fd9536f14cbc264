//! Code that puts core values into memory as the value that they are, and takes them out: the canonical ABI's
//! `lift_flat` and `lower_flat`, of what is passed on and not looked at.

use wasm_encoder::{BlockType, InstructionSink, MemArg, ValType};
use wasmparser::PrimitiveValType;
use wasmparser::component_types::{ComponentDefinedType, ComponentValType as Parsed};
use wasmparser::types::TypesRef;

use super::layout::{Cases, Layout, align_to};

const I32: ValType = ValType::I32;

/// Which way values go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Out of locals into memory.
    Store,
    /// Out of memory into locals, which are zero before.
    Load,
}

/// Writes code that puts the values of `types`, which are in locals, into memory one after the other, from the
/// address in the local `at` on. Each local is of the type that its core value has.
pub(super) fn store<'t>(
    code: &mut InstructionSink<'_>,
    types: TypesRef<'_>,
    values: impl IntoIterator<Item = &'t Parsed>,
    locals: &[(u32, ValType)],
    at: u32,
) -> Option<()> {
    Flat { types, way: Way::Store, at }.fields(code, values, 0, locals).map(|_| ())
}

/// Writes code that takes a value out of memory, at the address in the local `at`, into locals.
pub(super) fn load(
    code: &mut InstructionSink<'_>,
    types: TypesRef<'_>,
    value: &Parsed,
    locals: &[(u32, ValType)],
    at: u32,
) -> Option<()> {
    Flat { types, way: Way::Load, at }.value(code, value, 0, locals).map(|_| ())
}

struct Flat<'a> {
    types: TypesRef<'a>,
    way: Way,
    at: u32,
}

/// The locals of the values that follow.
type Rest<'l> = &'l [(u32, ValType)];

impl Flat<'_> {
    fn fields<'t, 'l>(
        &self,
        code: &mut InstructionSink<'_>,
        fields: impl IntoIterator<Item = &'t Parsed>,
        mut offset: u32,
        mut locals: Rest<'l>,
    ) -> Option<Rest<'l>> {
        for field in fields {
            let Layout { size, align } = Layout::of(self.types, field)?;
            offset = align_to(offset, align)?;
            locals = self.value(code, field, offset, locals)?;
            offset = offset.checked_add(size)?;
        }
        Some(locals)
    }

    fn value<'l>(
        &self,
        code: &mut InstructionSink<'_>,
        value: &Parsed,
        offset: u32,
        locals: Rest<'l>,
    ) -> Option<Rest<'l>> {
        let ty = match value {
            Parsed::Primitive(ty) => return self.primitive(code, *ty, offset, locals),
            Parsed::Type(id) => &self.types[*id],
        };
        match ty {
            ComponentDefinedType::Primitive(ty) => self.primitive(code, *ty, offset, locals),
            ComponentDefinedType::Record(record) => {
                self.fields(code, record.fields.values(), offset, locals)
            }
            ComponentDefinedType::Tuple(tuple) => self.fields(code, &tuple.types, offset, locals),
            ComponentDefinedType::List { .. } | ComponentDefinedType::Map { .. } => {
                self.pointer_pair(code, offset, locals)
            }
            ComponentDefinedType::FixedLengthList { element, length, .. } => {
                let each = std::iter::repeat_n(element, *length as usize);
                self.fields(code, each, offset, locals)
            }
            ComponentDefinedType::Flags(_) => {
                let Layout { size, .. } = Layout::of(self.types, value)?;
                self.core(code, Core::unsigned(size), offset, locals)
            }
            ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_)
            | ComponentDefinedType::Future { .. }
            | ComponentDefinedType::Stream { .. } => self.core(code, Core::I32, offset, locals),
            other => self.cases(code, &Cases::of(self.types, other)?, offset, locals),
        }
    }

    fn primitive<'l>(
        &self,
        code: &mut InstructionSink<'_>,
        ty: PrimitiveValType,
        offset: u32,
        locals: Rest<'l>,
    ) -> Option<Rest<'l>> {
        let core = match ty {
            PrimitiveValType::Bool | PrimitiveValType::U8 => Core::U8,
            PrimitiveValType::S8 => Core::S8,
            PrimitiveValType::U16 => Core::U16,
            PrimitiveValType::S16 => Core::S16,
            PrimitiveValType::S32 | PrimitiveValType::U32 | PrimitiveValType::Char => Core::I32,
            PrimitiveValType::S64 | PrimitiveValType::U64 => Core::I64,
            PrimitiveValType::F32 => Core::F32,
            PrimitiveValType::F64 => Core::F64,
            PrimitiveValType::String => return self.pointer_pair(code, offset, locals),
            PrimitiveValType::ErrorContext => return None,
        };
        self.core(code, core, offset, locals)
    }

    fn pointer_pair<'l>(
        &self,
        code: &mut InstructionSink<'_>,
        offset: u32,
        locals: Rest<'l>,
    ) -> Option<Rest<'l>> {
        let locals = self.core(code, Core::I32, offset, locals)?;
        self.core(code, Core::I32, offset.checked_add(4)?, locals)
    }

    /// What has cases: their number, and the payload of the one that it is.
    fn cases<'l>(
        &self,
        code: &mut InstructionSink<'_>,
        cases: &Cases,
        offset: u32,
        locals: Rest<'l>,
    ) -> Option<Rest<'l>> {
        let (case, _) = locals.first()?;
        let have = locals.first()?.1;
        let payloads = self.core(code, Core::unsigned(cases.discriminant), offset, locals)?;
        let at = offset.checked_add(cases.offset)?;
        let mut after = payloads;
        for (number, payload) in (0..).zip(&cases.payloads) {
            let Some(payload) = payload else { continue };
            code.local_get(*case);
            convert(code, have, I32);
            code.i32_const(number).i32_eq().if_(BlockType::Empty);
            let rest = self.value(code, payload, at, payloads)?;
            code.end();
            // As many as the longest of them has.
            if rest.len() < after.len() {
                after = rest;
            }
        }
        Some(after)
    }

    fn core<'l>(
        &self,
        code: &mut InstructionSink<'_>,
        core: Core,
        offset: u32,
        locals: Rest<'l>,
    ) -> Option<Rest<'l>> {
        let ((local, has), rest) = locals.split_first()?;
        code.local_get(self.at);
        match self.way {
            Way::Store => {
                code.local_get(*local);
                convert(code, *has, core.ty());
                core.store(code, offset);
            }
            Way::Load => {
                core.load(code, offset);
                convert(code, core.ty(), *has);
                code.local_set(*local);
            }
        }
        Some(rest)
    }
}

/// How one core value lies in memory.
#[derive(Clone, Copy)]
enum Core {
    U8,
    S8,
    U16,
    S16,
    I32,
    I64,
    F32,
    F64,
}

impl Core {
    fn unsigned(size: u32) -> Self {
        match size {
            1 => Self::U8,
            2 => Self::U16,
            _ => Self::I32,
        }
    }

    fn ty(self) -> ValType {
        match self {
            Self::U8 | Self::S8 | Self::U16 | Self::S16 | Self::I32 => I32,
            Self::I64 => ValType::I64,
            Self::F32 => ValType::F32,
            Self::F64 => ValType::F64,
        }
    }

    /// `align` is the exponent of the alignment.
    fn at(self, offset: u32) -> MemArg {
        let align = match self {
            Self::U8 | Self::S8 => 0,
            Self::U16 | Self::S16 => 1,
            Self::I32 | Self::F32 => 2,
            Self::I64 | Self::F64 => 3,
        };
        MemArg { offset: offset.into(), align, memory_index: 0 }
    }

    fn store(self, code: &mut InstructionSink<'_>, offset: u32) {
        let at = self.at(offset);
        match self {
            Self::U8 | Self::S8 => code.i32_store8(at),
            Self::U16 | Self::S16 => code.i32_store16(at),
            Self::I32 => code.i32_store(at),
            Self::I64 => code.i64_store(at),
            Self::F32 => code.f32_store(at),
            Self::F64 => code.f64_store(at),
        };
    }

    fn load(self, code: &mut InstructionSink<'_>, offset: u32) {
        let at = self.at(offset);
        match self {
            Self::U8 => code.i32_load8_u(at),
            Self::S8 => code.i32_load8_s(at),
            Self::U16 => code.i32_load16_u(at),
            Self::S16 => code.i32_load16_s(at),
            Self::I32 => code.i32_load(at),
            Self::I64 => code.i64_load(at),
            Self::F32 => code.f32_load(at),
            Self::F64 => code.f64_load(at),
        };
    }
}

/// Turns the core value on top of the stack into one that has room for it, or back.
fn convert(code: &mut InstructionSink<'_>, from: ValType, to: ValType) {
    match (from, to) {
        (ValType::I32, ValType::F32) => code.f32_reinterpret_i32(),
        (ValType::F32, ValType::I32) => code.i32_reinterpret_f32(),
        (ValType::I32, ValType::I64) => code.i64_extend_i32_u(),
        (ValType::I64, ValType::I32) => code.i32_wrap_i64(),
        (ValType::F32, ValType::I64) => code.i32_reinterpret_f32().i64_extend_i32_u(),
        (ValType::I64, ValType::F32) => code.i32_wrap_i64().f32_reinterpret_i32(),
        (ValType::F64, ValType::I64) => code.i64_reinterpret_f64(),
        (ValType::I64, ValType::F64) => code.f64_reinterpret_i64(),
        _ => code,
    };
}
