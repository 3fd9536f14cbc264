//! Converts types from WIT, with every use spelled out, within limits.

use std::collections::HashMap;
use std::sync::Arc;

use wasm_runtime_composer::types::{FunctionType, ValueType};
use wit_parser::{Function, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

use crate::error::TypesError;

#[derive(Clone, Debug)]
pub(super) struct Export {
    pub(super) name: String,
    pub(super) is_interface: bool,
    pub(super) functions: Vec<(String, Result<FunctionType, Strange>)>,
}

/// A type whose values cannot exist outside of a store.
#[derive(Clone, Debug)]
pub(super) struct Strange {
    pub(super) place: String,
    pub(super) ty: String,
}

/// The most types and names of all functions together, with every use spelled out; the same as a
/// composition accepts of a component. Types written by people have some thousands.
const MOST_SPELLED_OUT: usize = 1 << 22;

/// The deepest nesting of types; the same as for components.
const MOST_LEVELS: usize = 100;

/// Each so many bytes of a name count as one more name.
const NAME_BYTES: usize = 64;

/// Why a WIT type cannot be the type of a value here.
#[derive(Clone)]
enum TypeProblem {
    /// The name of a type in it whose values cannot exist outside of a store.
    Strange(String),
    /// It is too large or too deep.
    TooLarge(&'static str),
}

/// A type that has been converted, kept because even a small text can use it very often.
#[derive(Clone)]
struct Met {
    ty: ValueType,
    /// Its size in types and names, spelled out.
    spelled_out: usize,
    /// Its depth in levels of types.
    levels: usize,
}

/// Converts types from WIT.
pub(super) struct Types<'a> {
    resolve: &'a Resolve,
    what: &'a str,
    met: HashMap<TypeId, Result<Met, TypeProblem>>,
    /// The number of types and names so far.
    spelled_out: usize,
}

impl<'a> Types<'a> {
    pub(super) fn new(resolve: &'a Resolve, what: &'a str) -> Self {
        Self { resolve, what, met: HashMap::new(), spelled_out: 0 }
    }

    /// Converts an interface. `None` if it has only types, as it then needs no provider.
    pub(super) fn interface(
        &mut self,
        name: String,
        id: InterfaceId,
    ) -> Result<Option<Export>, TypesError> {
        let functions = &self.resolve.interfaces[id].functions;
        let functions = functions
            .values()
            .map(|function| Ok((function.name.clone(), self.function(function)?)))
            .collect::<Result<Vec<_>, TypesError>>()?;
        Ok((!functions.is_empty()).then_some(Export { name, is_interface: true, functions }))
    }

    pub(super) fn function(
        &mut self,
        function: &Function,
    ) -> Result<Result<FunctionType, Strange>, TypesError> {
        let mut params = Vec::new();
        for param in &function.params {
            match self.value(&param.ty, || format!("parameter `{}`", param.name))? {
                Ok(ty) => params.push((param.name.clone(), ty)),
                Err(strange) => return Ok(Err(strange)),
            }
        }
        let result = match &function.result {
            None => None,
            Some(ty) => match self.value(ty, || "result".to_owned())? {
                Ok(ty) => Some(ty),
                Err(strange) => return Ok(Err(strange)),
            },
        };
        Ok(Ok(FunctionType::new(function.kind.is_async(), params, result)))
    }

    /// Converts the type of a parameter or a result.
    fn value(
        &mut self,
        ty: &Type,
        place: impl FnOnce() -> String,
    ) -> Result<Result<ValueType, Strange>, TypesError> {
        let problem = match self.met(ty, 0) {
            Ok(met) => {
                self.spelled_out = self.spelled_out.saturating_add(met.spelled_out);
                if self.spelled_out <= MOST_SPELLED_OUT {
                    return Ok(Ok(met.ty));
                }
                LARGE
            }
            Err(TypeProblem::Strange(ty)) => return Ok(Err(Strange { place: place(), ty })),
            Err(TypeProblem::TooLarge(problem)) => problem,
        };
        Err(TypesError::TooLarge { what: self.what.to_owned(), problem: problem.to_owned() })
    }

    /// Converts a type that is inside `above` others.
    fn met(&mut self, ty: &Type, above: usize) -> Result<Met, TypeProblem> {
        let ty = match ty {
            Type::Bool => ValueType::Bool,
            Type::U8 => ValueType::U8,
            Type::U16 => ValueType::U16,
            Type::U32 => ValueType::U32,
            Type::U64 => ValueType::U64,
            Type::S8 => ValueType::S8,
            Type::S16 => ValueType::S16,
            Type::S32 => ValueType::S32,
            Type::S64 => ValueType::S64,
            Type::F32 => ValueType::F32,
            Type::F64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::ErrorContext => ValueType::ErrorContext,
            Type::Id(id) => return self.known(*id, above),
        };
        Ok(Met { ty, spelled_out: 1, levels: 1 })
    }

    fn known(&mut self, id: TypeId, above: usize) -> Result<Met, TypeProblem> {
        if let Some(met) = self.met.get(&id) {
            let is_too_deep = |met: &Met| above.saturating_add(met.levels) > MOST_LEVELS;
            return match met {
                Ok(met) if is_too_deep(met) => Err(TypeProblem::TooLarge(DEEP)),
                met => met.clone(),
            };
        }
        // Aliases count as levels too, so that long chains of them are not followed.
        if above >= MOST_LEVELS {
            return Err(TypeProblem::TooLarge(DEEP));
        }
        let mut inside = Inside { types: self, above: above + 1, spelled_out: 1, levels: 0 };
        let ty = inside.defined(id);
        let Inside { spelled_out, levels, .. } = inside;
        let met = match ty {
            Ok(_) if spelled_out > MOST_SPELLED_OUT => Err(TypeProblem::TooLarge(LARGE)),
            ty => ty.map(|ty| Met { ty, spelled_out, levels: levels + 1 }),
        };
        self.met.insert(id, met.clone());
        met
    }
}

const LARGE: &str = "with every use spelled out, they are more than 4194304";
const DEEP: &str = "some are nested in more than 100 levels";

/// A type whose parts are being converted.
struct Inside<'t, 'a> {
    types: &'t mut Types<'a>,
    /// How many types are around its parts.
    above: usize,
    spelled_out: usize,
    levels: usize,
}

impl Inside<'_, '_> {
    fn one(&mut self, ty: &Type) -> Result<ValueType, TypeProblem> {
        let met = self.types.met(ty, self.above)?;
        self.spelled_out = self.spelled_out.saturating_add(met.spelled_out);
        self.levels = self.levels.max(met.levels);
        Ok(met.ty)
    }

    fn shared(&mut self, ty: &Type) -> Result<Arc<ValueType>, TypeProblem> {
        self.one(ty).map(Arc::new)
    }

    fn optional(&mut self, ty: &Option<Type>) -> Result<Option<ValueType>, TypeProblem> {
        ty.as_ref().map(|ty| self.one(ty)).transpose()
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        self.spelled_out = self.spelled_out.saturating_add(1 + name.len() / NAME_BYTES);
        Arc::from(name)
    }

    fn defined(&mut self, id: TypeId) -> Result<ValueType, TypeProblem> {
        let resolve = self.types.resolve;
        let resource = |id: TypeId| {
            let name = resolve.types[id].name.clone();
            name.unwrap_or_else(|| "resource".to_owned())
        };
        Ok(match &resolve.types[id].kind {
            TypeDefKind::Type(ty) => self.one(ty)?,
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let fields: Result<Arc<[_]>, TypeProblem> = fields
                    .map(|field| Ok((self.name(&field.name), self.one(&field.ty)?)))
                    .collect();
                ValueType::Record(fields?)
            }
            TypeDefKind::Tuple(tuple) => {
                let types: Result<Arc<[_]>, TypeProblem> =
                    tuple.types.iter().map(|ty| self.one(ty)).collect();
                ValueType::Tuple(types?)
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases: Result<Arc<[_]>, TypeProblem> = cases
                    .map(|case| Ok((self.name(&case.name), self.optional(&case.ty)?)))
                    .collect();
                ValueType::Variant(cases?)
            }
            TypeDefKind::Enum(cases) => {
                ValueType::Enum(cases.cases.iter().map(|case| self.name(&case.name)).collect())
            }
            TypeDefKind::Flags(flags) => {
                ValueType::Flags(flags.flags.iter().map(|flag| self.name(&flag.name)).collect())
            }
            TypeDefKind::Option(ty) => ValueType::Option(self.shared(ty)?),
            TypeDefKind::Result(sides) => {
                let sides = (self.optional(&sides.ok)?, self.optional(&sides.err)?);
                ValueType::Result(Arc::new(sides))
            }
            TypeDefKind::List(ty) => ValueType::List(self.shared(ty)?),
            TypeDefKind::FixedLengthList(ty, length) => {
                ValueType::FixedLengthList(self.shared(ty)?, *length)
            }
            TypeDefKind::Map(key, value) => {
                ValueType::Map(Arc::new((self.one(key)?, self.one(value)?)))
            }
            TypeDefKind::Stream(payload) => {
                ValueType::Stream(self.optional(payload)?.map(Arc::new))
            }
            TypeDefKind::Future(payload) => {
                ValueType::Future(self.optional(payload)?.map(Arc::new))
            }
            TypeDefKind::Handle(Handle::Own(id)) => {
                return Err(TypeProblem::Strange(resource(*id)));
            }
            TypeDefKind::Handle(Handle::Borrow(id)) => {
                return Err(TypeProblem::Strange(format!("borrow<{}>", resource(*id))));
            }
            kind @ (TypeDefKind::Resource | TypeDefKind::Unknown) => {
                return Err(TypeProblem::Strange(kind.as_str().to_owned()));
            }
        })
    }
}
