//! A builder of core modules, item by item; the sections are put in their required order at the
//! end.

use wasm_encoder::{
    CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, InstructionSink, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};

/// A core module that is being built. All imports must be added before anything else, as they come
/// first in the index spaces.
#[derive(Default)]
pub(super) struct Core {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    memories: MemorySection,
    globals: GlobalSection,
    exports: ExportSection,
    code: CodeSection,
    funcs: u32,
}

impl Core {
    fn ty(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        self.types.ty().function(params.iter().copied(), results.iter().copied());
        self.types.len() - 1
    }

    /// Imports a function and returns its index.
    pub(super) fn import(&mut self, name: &str, params: &[ValType], results: &[ValType]) -> u32 {
        let ty = self.ty(params, results);
        self.imports.import("", name, EntityType::Function(ty));
        self.funcs += 1;
        self.funcs - 1
    }

    /// Imports the memory.
    pub(super) fn import_memory(&mut self, name: &str) {
        self.imports.import("", name, EntityType::Memory(MEMORY));
    }

    /// Defines the memory and exports it.
    pub(super) fn memory(&mut self, name: &str) {
        self.memories.memory(MEMORY);
        self.exports.export(name, ExportKind::Memory, 0);
    }

    /// Defines a mutable global of 32 bits and returns its index.
    pub(super) fn global(&mut self, value: i32) -> u32 {
        let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        self.globals.global(ty, &ConstExpr::i32_const(value));
        self.globals.len() - 1
    }

    /// Defines a function with `locals` additional locals of 32 bits and returns its index.
    pub(super) fn func(
        &mut self,
        sides: (&[ValType], &[ValType]),
        locals: u32,
        body: impl FnOnce(&mut InstructionSink<'_>),
    ) -> u32 {
        self.func_with(sides, [(locals, ValType::I32)], body)
    }

    /// Defines a function with more locals, so many of each type; gives its index.
    pub(super) fn func_with(
        &mut self,
        (params, results): (&[ValType], &[ValType]),
        locals: impl IntoIterator<Item = (u32, ValType), IntoIter: ExactSizeIterator>,
        body: impl FnOnce(&mut InstructionSink<'_>),
    ) -> u32 {
        let ty = self.ty(params, results);
        self.functions.function(ty);
        let mut function = Function::new(locals);
        body(&mut function.instructions());
        function.instructions().end();
        self.code.function(&function);
        self.funcs += 1;
        self.funcs - 1
    }

    /// Exports a function.
    pub(super) fn export(&mut self, name: &str, func: u32) {
        self.exports.export(name, ExportKind::Func, func);
    }

    pub(super) fn finish(self) -> Module {
        let mut module = Module::new();
        module.section(&self.types);
        module.section(&self.imports);
        module.section(&self.functions);
        module.section(&self.memories);
        module.section(&self.globals);
        module.section(&self.exports);
        module.section(&self.code);
        module
    }
}

const MEMORY: MemoryType =
    MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
