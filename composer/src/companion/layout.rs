//! How values lie in memory, and which core values they are passed as: the canonical ABI's
//! `alignment`, `elem_size` and `flatten_type` (`CanonicalABI.md`), for memories of 32 bits.
//!
//! The companion's core code reads and writes values at the same places as the code that the engine
//! generates for lifting and lowering, so both must agree exactly. Functions return `None` where
//! sizes overflow; such a component gets no companion.

use wasm_encoder::ValType;
use wasmparser::PrimitiveValType;
use wasmparser::component_types::{ComponentDefinedType, ComponentValType};
use wasmparser::types::TypesRef;

/// Size and alignment in bytes.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) size: u32,
    pub(super) align: u32,
}

/// More core values than are ever passed as such. Beyond this bound flattening ends early, as
/// values are passed in memory in any case.
pub(super) const MANY: usize = 64;

/// `offset`, rounded up to a multiple of `align`. `None` on overflow.
pub(super) fn align_to(offset: u32, align: u32) -> Option<u32> {
    offset.checked_next_multiple_of(align)
}

impl Layout {
    pub(super) fn of(types: TypesRef<'_>, ty: &ComponentValType) -> Option<Self> {
        match ty {
            ComponentValType::Primitive(ty) => Self::primitive(*ty),
            ComponentValType::Type(id) => Self::defined(types, &types[*id]),
        }
    }

    fn even(size: u32) -> Self {
        Self { size, align: size }
    }

    /// The layout of a pointer and a length.
    const POINTER_PAIR: Self = Self { size: 8, align: 4 };

    fn primitive(ty: PrimitiveValType) -> Option<Self> {
        Some(match ty {
            PrimitiveValType::Bool | PrimitiveValType::S8 | PrimitiveValType::U8 => Self::even(1),
            PrimitiveValType::S16 | PrimitiveValType::U16 => Self::even(2),
            PrimitiveValType::S32
            | PrimitiveValType::U32
            | PrimitiveValType::F32
            | PrimitiveValType::Char => Self::even(4),
            PrimitiveValType::S64 | PrimitiveValType::U64 | PrimitiveValType::F64 => Self::even(8),
            PrimitiveValType::String => Self::POINTER_PAIR,
            PrimitiveValType::ErrorContext => return None,
        })
    }

    fn defined(types: TypesRef<'_>, ty: &ComponentDefinedType) -> Option<Self> {
        Some(match ty {
            ComponentDefinedType::Primitive(ty) => Self::primitive(*ty)?,
            ComponentDefinedType::Record(record) => Self::fields(types, record.fields.values())?,
            ComponentDefinedType::Tuple(tuple) => Self::fields(types, tuple.types.iter())?,
            ComponentDefinedType::List { .. } | ComponentDefinedType::Map { .. } => {
                Self::POINTER_PAIR
            }
            ComponentDefinedType::FixedLengthList { element, length, .. } => {
                let element = Self::of(types, element)?;
                Self { size: element.size.checked_mul(*length)?, align: element.align }
            }
            ComponentDefinedType::Flags(names) => match names.len() {
                0..=8 => Self::even(1),
                9..=16 => Self::even(2),
                _ => Self::even(4),
            },
            ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_)
            | ComponentDefinedType::Future { .. }
            | ComponentDefinedType::Stream { .. } => Self::even(4),
            other => Cases::of(types, other)?.layout,
        })
    }

    /// The layout of several values one after the other, each aligned.
    pub(super) fn fields<'a>(
        types: TypesRef<'_>,
        fields: impl IntoIterator<Item = &'a ComponentValType>,
    ) -> Option<Self> {
        let mut all = Self { size: 0, align: 1 };
        for field in fields {
            let field = Self::of(types, field)?;
            all.size = align_to(all.size, field.align)?.checked_add(field.size)?;
            all.align = all.align.max(field.align);
        }
        all.size = align_to(all.size, all.align)?;
        Some(all)
    }
}

/// The cases of a variant, an enum, an option or a result.
pub(super) struct Cases {
    pub(super) payloads: Vec<Option<ComponentValType>>,
    /// The offset of payloads.
    pub(super) offset: u32,
    /// The size of the discriminant, in bytes.
    pub(super) discriminant: u32,
    layout: Layout,
}

impl Cases {
    /// The cases of a type; `None` if it has none.
    pub(super) fn of(types: TypesRef<'_>, ty: &ComponentDefinedType) -> Option<Self> {
        let payloads = match ty {
            ComponentDefinedType::Variant(variant) => {
                variant.cases.values().map(|case| case.ty).collect()
            }
            ComponentDefinedType::Enum(names) => vec![None; names.len()],
            ComponentDefinedType::Option { ty, .. } => vec![None, Some(*ty)],
            ComponentDefinedType::Result { ok, err, .. } => vec![*ok, *err],
            _ => return None,
        };
        Self::new(types, payloads)
    }

    fn new(types: TypesRef<'_>, payloads: Vec<Option<ComponentValType>>) -> Option<Self> {
        let discriminant = match payloads.len() {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        let (mut size, mut align) = (0, 1);
        for payload in payloads.iter().flatten() {
            let payload = Layout::of(types, payload)?;
            (size, align) = (size.max(payload.size), align.max(payload.align));
        }
        let offset = align_to(discriminant, align)?;
        let align = align.max(discriminant);
        let layout = Layout { size: align_to(offset.checked_add(size)?, align)?, align };
        Some(Self { payloads, offset, discriminant, layout })
    }
}

/// The core values that `values` are passed as, one after the other; `None` if they are more than
/// [`MANY`].
pub(super) fn flatten<'a>(
    types: TypesRef<'_>,
    values: impl IntoIterator<Item = &'a ComponentValType>,
) -> Option<Vec<ValType>> {
    let mut flat = Vec::new();
    for value in values {
        flatten_one(types, value, &mut flat)?;
    }
    Some(flat)
}

fn flatten_one(types: TypesRef<'_>, ty: &ComponentValType, flat: &mut Vec<ValType>) -> Option<()> {
    let ty = match ty {
        ComponentValType::Primitive(ty) => return flatten_primitive(*ty, flat),
        ComponentValType::Type(id) => &types[*id],
    };
    match ty {
        ComponentDefinedType::Primitive(ty) => flatten_primitive(*ty, flat)?,
        ComponentDefinedType::Record(record) => {
            record.fields.values().try_for_each(|ty| flatten_one(types, ty, flat))?;
        }
        ComponentDefinedType::Tuple(tuple) => {
            tuple.types.iter().try_for_each(|ty| flatten_one(types, ty, flat))?;
        }
        ComponentDefinedType::List { .. } | ComponentDefinedType::Map { .. } => {
            flat.extend([ValType::I32; 2]);
        }
        ComponentDefinedType::FixedLengthList { element, length, .. } => {
            for _ in 0..*length {
                flatten_one(types, element, flat)?;
            }
        }
        ComponentDefinedType::Flags(_)
        | ComponentDefinedType::Own(_)
        | ComponentDefinedType::Borrow(_)
        | ComponentDefinedType::Future { .. }
        | ComponentDefinedType::Stream { .. } => flat.push(ValType::I32),
        other => {
            flat.push(ValType::I32);
            let mut joined = Vec::new();
            for payload in Cases::of(types, other)?.payloads.iter().flatten() {
                let mut case = Vec::new();
                flatten_one(types, payload, &mut case)?;
                for (index, ty) in case.into_iter().enumerate() {
                    match joined.get_mut(index) {
                        Some(both) => *both = join(*both, ty),
                        None => joined.push(ty),
                    }
                }
            }
            flat.append(&mut joined);
        }
    }
    (flat.len() <= MANY).then_some(())
}

fn flatten_primitive(ty: PrimitiveValType, flat: &mut Vec<ValType>) -> Option<()> {
    match ty {
        PrimitiveValType::S64 | PrimitiveValType::U64 => flat.push(ValType::I64),
        PrimitiveValType::F32 => flat.push(ValType::F32),
        PrimitiveValType::F64 => flat.push(ValType::F64),
        PrimitiveValType::String => flat.extend([ValType::I32; 2]),
        PrimitiveValType::ErrorContext => return None,
        _ => flat.push(ValType::I32),
    }
    Some(())
}

/// A core type that has room for values of both (the ABI's `join`).
fn join(a: ValType, b: ValType) -> ValType {
    match (a, b) {
        (a, b) if a == b => a,
        (ValType::I32, ValType::F32) | (ValType::F32, ValType::I32) => ValType::I32,
        _ => ValType::I64,
    }
}

/// Whether values of this type contain strings or lists, which have memory of their own.
pub(super) fn has_lists(types: TypesRef<'_>, ty: &ComponentValType) -> bool {
    any(types, ty, &mut |ty| match ty {
        Found::Primitive(ty) => ty == PrimitiveValType::String,
        Found::Defined(ty) => {
            matches!(ty, ComponentDefinedType::List { .. } | ComponentDefinedType::Map { .. })
        }
    })
}

/// Whether there are handles in values of this type.
pub(super) fn has_handles(types: TypesRef<'_>, ty: &ComponentValType) -> bool {
    any(types, ty, &mut |ty| match ty {
        Found::Primitive(ty) => ty == PrimitiveValType::ErrorContext,
        Found::Defined(ty) => matches!(
            ty,
            ComponentDefinedType::Own(_)
                | ComponentDefinedType::Borrow(_)
                | ComponentDefinedType::Future { .. }
                | ComponentDefinedType::Stream { .. }
        ),
    })
}

/// Whether there are handles in values of this type that are lent.
pub(super) fn has_borrows(types: TypesRef<'_>, ty: &ComponentValType) -> bool {
    let is_borrow = |ty: &_| matches!(ty, ComponentDefinedType::Borrow(_));
    any(types, ty, &mut |ty| matches!(ty, Found::Defined(ty) if is_borrow(ty)))
}

/// A type inside of another.
enum Found<'a> {
    Primitive(PrimitiveValType),
    Defined(&'a ComponentDefinedType),
}

fn any(
    types: TypesRef<'_>,
    ty: &ComponentValType,
    pick: &mut dyn FnMut(Found<'_>) -> bool,
) -> bool {
    let ty = match ty {
        ComponentValType::Primitive(ty) => return pick(Found::Primitive(*ty)),
        ComponentValType::Type(id) => &types[*id],
    };
    if let ComponentDefinedType::Primitive(ty) = ty {
        return pick(Found::Primitive(*ty));
    }
    pick(Found::Defined(ty)) || children(ty).iter().any(|child| any(types, child, pick))
}

/// The types directly inside another one.
pub(super) fn children(ty: &ComponentDefinedType) -> Vec<ComponentValType> {
    match ty {
        ComponentDefinedType::Record(record) => record.fields.values().copied().collect(),
        ComponentDefinedType::Tuple(tuple) => tuple.types.to_vec(),
        ComponentDefinedType::Variant(variant) => {
            variant.cases.values().filter_map(|case| case.ty).collect()
        }
        ComponentDefinedType::List { element, .. }
        | ComponentDefinedType::FixedLengthList { element, .. } => vec![*element],
        ComponentDefinedType::Map { key, value, .. } => vec![*key, *value],
        ComponentDefinedType::Option { ty, .. } => vec![*ty],
        ComponentDefinedType::Result { ok, err, .. } => ok.iter().chain(err).copied().collect(),
        ComponentDefinedType::Future { ty, .. } | ComponentDefinedType::Stream { ty, .. } => {
            ty.iter().copied().collect()
        }
        ComponentDefinedType::Primitive(_)
        | ComponentDefinedType::Flags(_)
        | ComponentDefinedType::Enum(_)
        | ComponentDefinedType::Own(_)
        | ComponentDefinedType::Borrow(_) => Vec::new(),
    }
}
