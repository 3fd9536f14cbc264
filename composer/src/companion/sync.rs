//! The companion's functions for sync functions: they call as a component of the same store calls,
//! so the call begins at once even if the callee holds its async calls back.

use wasm_encoder::{CanonicalOption, ComponentExportKind, ExportKind, ModuleArg, ValType};
use wasmparser::types::TypesRef;

use super::Exported;
use super::core::Core;
use super::handles::{HandleParam, handle_params};
use super::layout::{Layout, flatten};
use super::memory::{self, word};
use super::types::{Around, Types};

/// The most core values that parameters are passed as; beyond, they are passed in memory.
const MOST_PARAMS: usize = 16;

/// How a function is called in core WebAssembly.
struct SyncSignature {
    params: Vec<ValType>,
    /// The core value that the result is passed as, or the pointer to it.
    result: Option<ValType>,
    /// The layout of the result, if it is returned in memory.
    returned: Option<Layout>,
    /// Whether parameters are passed in memory.
    in_memory: bool,
    handles: Vec<HandleParam>,
}

impl SyncSignature {
    fn of(types: TypesRef<'_>, func: &Exported) -> Option<Self> {
        let ty = &types[func.ty];
        let mut params = flatten(types, ty.params.iter().map(|(_, ty)| ty))?;
        let in_memory = params.len() > MOST_PARAMS;
        if in_memory {
            params = vec![ValType::I32];
        }
        let result = flatten(types, &ty.result)?;
        let (result, returned) = match (&*result, &ty.result) {
            (&[] | &[_], _) | (_, None) => (result.first().copied(), None),
            (_, Some(ty)) => (Some(ValType::I32), Some(Layout::of(types, ty)?)),
        };
        let handles = handle_params(types, ty)?;
        Some(Self { params, result, returned, in_memory, handles })
    }

    /// The parameters and the result of the lowered function, which takes a pointer to where the
    /// result is written.
    fn lowered(&self) -> (Vec<ValType>, Option<ValType>) {
        let mut params = self.params.clone();
        match self.returned {
            Some(_) => {
                params.push(ValType::I32);
                (params, None)
            }
            None => (params, self.result),
        }
    }
}

/// Writes a component that exports each of `funcs` again. Returns the names of the exports.
pub(super) fn write<'f>(
    types: &mut Types<'_>,
    around: &mut Around,
    parsed: TypesRef<'_>,
    funcs: impl Iterator<Item = &'f Exported>,
) -> Vec<(&'f Exported, String)> {
    let libc = types.beside.core_module(None, &memory::of_one_call().finish());
    let libc = types.beside.core_instantiate(None, libc, []);
    let memory = types.beside.core_alias_export(None, libc, "memory", ExportKind::Memory);
    let realloc = types.beside.core_alias_export(None, libc, "realloc", ExportKind::Func);
    let reset = types.beside.core_alias_export(None, libc, "reset", ExportKind::Func);
    let options =
        [CanonicalOption::UTF8, CanonicalOption::Memory(memory), CanonicalOption::Realloc(realloc)];

    let mut core = Core::default();
    core.import_memory("memory");
    let alloc = core.import("realloc", &[ValType::I32; 4], &[ValType::I32]);
    let clear = core.import("reset", &[], &[]);
    let mut given = vec![
        ("memory".to_owned(), ExportKind::Memory, memory),
        ("realloc".to_owned(), ExportKind::Func, realloc),
        ("reset".to_owned(), ExportKind::Func, reset),
    ];
    let mut called = Vec::new();
    for func in funcs {
        let Some(signature) = SyncSignature::of(parsed, func) else { continue };
        let Some(imported) = types.imported_func(func.ty, around) else { continue };
        let Some(ty) = types.exported_func(func.ty, around) else { continue };
        let import = types.import_func(func.around, imported);
        let name = format!("f{}", called.len());
        let lowered = types.beside.lower_func(None, import, options);
        given.push((name.clone(), ExportKind::Func, lowered));
        let (params, result) = signature.lowered();
        let lowered = core.import(&name, &params, result.as_slice());
        let mut drops = Vec::new();
        for (number, param) in signature.handles.iter().enumerate() {
            // Owned handles move to the callee; only borrowed ones are dropped here. The type is
            // known, as the function's is.
            if param.kind.is_borrow()
                && let Some(drop) = param.kind.drop(types, around)
            {
                let name = format!("drop {name} {number}");
                drops.push((number, core.import(&name, &[ValType::I32], &[])));
                given.push((name, ExportKind::Func, drop));
            }
        }
        called.push((func, name, signature, ty, (lowered, drops)));
    }
    for (_, name, signature, _, (lowered, drops)) in &called {
        let params = signature.params.len() as u32;
        let sides = (&*signature.params, signature.result.as_slice());
        let call = core.func(sides, 1, |code| {
            for param in 0..params {
                code.local_get(param);
            }
            match signature.returned {
                Some(Layout { size, align }) => {
                    code.i32_const(0).i32_const(0);
                    code.i32_const(align.cast_signed()).i32_const(size.cast_signed());
                    code.call(alloc).local_tee(params).call(*lowered).local_get(params);
                }
                None => {
                    code.call(*lowered);
                }
            }
            for (number, drop) in drops {
                let param = &signature.handles[*number];
                match signature.in_memory {
                    true => code.local_get(0).i32_load(word(param.offset)),
                    false => code.local_get(param.flat),
                };
                code.call(*drop);
            }
        });
        core.export(name, call);
        let post_return = core.func((signature.result.as_slice(), &[]), 0, |code| {
            code.call(clear);
        });
        core.export(&format!("{name}-post-return"), post_return);
    }
    let main = types.beside.core_module(None, &core.finish());
    let given = given.iter().map(|(name, kind, index)| (&**name, *kind, *index));
    let given = types.beside.core_instantiate_exports(None, given.collect::<Vec<_>>());
    let main = types.beside.core_instantiate(None, main, [("", ModuleArg::Instance(given))]);
    let mut names = Vec::new();
    for (func, name, _, ty, _) in called {
        let call = types.beside.core_alias_export(None, main, &name, ExportKind::Func);
        let post_return = format!("{name}-post-return");
        let post_return =
            types.beside.core_alias_export(None, main, &post_return, ExportKind::Func);
        let options = options.into_iter().chain([CanonicalOption::PostReturn(post_return)]);
        let options: Vec<_> = options.collect();
        let lifted = types.beside.lift_func(None, call, ty, options);
        types.beside.export(&*name, ComponentExportKind::Func, lifted, None);
        names.push((func, name));
    }
    names
}
