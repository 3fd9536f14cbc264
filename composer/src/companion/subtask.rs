//! The core module of functions that call others as subtasks and wait for them in a callback: what it is given, what
//! its code writes again and again, and how its functions are lifted. `cancel.rs` and `imports.rs` write such.

use wasm_encoder::{
    CanonicalOption, ComponentExportKind, ComponentValType, ExportKind, InstructionSink, ModuleArg,
    ValType,
};

use super::core::Core;
use super::handles::HandleParam;
use super::memory::{self, word};
use super::types::{Around, Types};

const I32: ValType = ValType::I32;

/// The states of a subtask, as `subtask.cancel` and events report them.
pub(super) const STARTED: i32 = 1;
pub(super) const RETURNED: i32 = 2;
pub(super) const CANCELLED_BEFORE_STARTED: i32 = 3;

/// The codes of events.
pub(super) const EVENT_SUBTASK: i32 = 1;
pub(super) const EVENT_CANCELLED: i32 = 6;

/// Stores the word on top of the stack into a field of the record below it.
pub(super) fn store(code: &mut InstructionSink<'_>, field: u32) {
    code.i32_store(word(field));
}

/// Loads a field of the record whose address is in a local.
pub(super) fn load(code: &mut InstructionSink<'_>, record: u32, field: u32) {
    code.local_get(record).i32_load(word(field));
}

/// Turns what a lowered async function returned into the state of its subtask.
pub(super) fn state<'s, 'c>(code: &'s mut InstructionSink<'c>) -> &'s mut InstructionSink<'c> {
    code.i32_const(15).i32_and()
}

/// Turns what a lowered async function returned into the handle of its subtask.
pub(super) fn handle<'s, 'c>(code: &'s mut InstructionSink<'c>) -> &'s mut InstructionSink<'c> {
    code.i32_const(4).i32_shr_u()
}

/// Turns a waitable set into what a callback returns to wait for it.
pub(super) fn wait<'s, 'c>(code: &'s mut InstructionSink<'c>) -> &'s mut InstructionSink<'c> {
    const WAIT: i32 = 2;
    code.i32_const(4).i32_shl().i32_const(WAIT).i32_or()
}

/// The functions that all such code calls, by their indices in the core module.
pub(super) struct Calls {
    pub(super) alloc: u32,
    pub(super) free: u32,
    pub(super) taken: u32,
    pub(super) free_all: u32,
    pub(super) new_set: u32,
    pub(super) drop_set: u32,
    pub(super) join: u32,
    pub(super) drop_subtask: u32,
    pub(super) cancel_subtask: u32,
    pub(super) get: u32,
    pub(super) set: u32,
}

/// A core module that is being written, with a memory for many calls (`memory::of_many_calls`).
pub(super) struct SubtaskModule {
    pub(super) core: Core,
    /// What it is given: the name there, and the index in the component.
    given: Vec<(String, ExportKind, u32)>,
    memory: u32,
    /// The `realloc` of what the module's functions take, and of what those return that it calls.
    params: u32,
    results: u32,
}

impl SubtaskModule {
    /// `in_passing` says whether `subtask.cancel` is the async one, which does not wait for the callee.
    pub(super) fn new(types: &mut Types<'_>, in_passing: bool) -> (Self, Calls) {
        let beside = &mut types.beside;
        let libc = beside.core_module(None, &memory::of_many_calls().finish());
        let libc = beside.core_instantiate(None, libc, []);
        let memory = beside.core_alias_export(None, libc, "memory", ExportKind::Memory);
        let names = ["params", "results", "alloc", "free", "taken", "free-all"];
        let [params, results, alloc, free, taken, free_all] =
            names.map(|name| beside.core_alias_export(None, libc, name, ExportKind::Func));
        let mut core = Core::default();
        core.import_memory("memory");
        let given = vec![("memory".to_owned(), ExportKind::Memory, memory)];
        let mut it = Self { core, given, memory, params, results };
        let calls = Calls {
            alloc: it.import("alloc", alloc, &[I32], &[I32]),
            free: it.import("free", free, &[I32], &[]),
            taken: it.import("taken", taken, &[], &[I32]),
            free_all: it.import("free-all", free_all, &[I32], &[]),
            new_set: it.import("waitable-set.new", beside.waitable_set_new(), &[], &[I32]),
            drop_set: it.import("waitable-set.drop", beside.waitable_set_drop(), &[I32], &[]),
            join: it.import("waitable.join", beside.waitable_join(), &[I32, I32], &[]),
            drop_subtask: it.import("subtask.drop", beside.subtask_drop(), &[I32], &[]),
            cancel_subtask: it.import(
                "subtask.cancel",
                beside.subtask_cancel(in_passing),
                &[I32],
                &[I32],
            ),
            get: it.import("context.get", beside.context_get(I32, 0), &[], &[I32]),
            set: it.import("context.set", beside.context_set(I32, 0), &[I32], &[]),
        };
        (it, calls)
    }

    pub(super) fn memory(&self) -> CanonicalOption {
        CanonicalOption::Memory(self.memory)
    }

    /// Imports the component's core function `index`, under a name that nothing else has; gives its index in the
    /// module.
    pub(super) fn import(
        &mut self,
        name: &str,
        index: u32,
        params: &[ValType],
        results: &[ValType],
    ) -> u32 {
        self.given.push((name.to_owned(), ExportKind::Func, index));
        self.core.import(name, params, results)
    }

    /// Imports the async function `func` for the module's function `name`. `params` are the core values that it takes.
    pub(super) fn import_lowered(
        &mut self,
        types: &mut Types<'_>,
        name: &str,
        func: u32,
        params: &[ValType],
    ) -> u32 {
        let realloc = CanonicalOption::Realloc(self.results);
        let options = [CanonicalOption::Async, CanonicalOption::UTF8, self.memory(), realloc];
        let lowered = types.beside.lower_func(None, func, options);
        self.import(&format!("call {name}"), lowered, params, &[I32])
    }

    /// Imports what returns the result of the module's function `name`. `params` are its core values.
    pub(super) fn import_return(
        &mut self,
        types: &mut Types<'_>,
        name: &str,
        result: Option<ComponentValType>,
        params: &[ValType],
    ) -> u32 {
        let returns = types.beside.task_return(result, [CanonicalOption::UTF8, self.memory()]);
        self.import(&format!("return {name}"), returns, params, &[])
    }

    /// Imports what drops each of the handles that the module's function `name` takes.
    pub(super) fn import_drops(
        &mut self,
        types: &mut Types<'_>,
        around: &mut Around,
        name: &str,
        handles: &[HandleParam],
    ) -> Vec<u32> {
        let mut drops = Vec::new();
        for (number, handle) in handles.iter().enumerate() {
            // Always found: the type is known, as the function's is.
            let Some(drop) = handle.kind.drop(types, around) else { continue };
            drops.push(self.import(&format!("drop {name} {number}"), drop, &[I32], &[]));
        }
        drops
    }

    /// Instantiates the module, when all of it is written.
    pub(super) fn finish(self, types: &mut Types<'_>) -> SubtaskInstance {
        let module = types.beside.core_module(None, &self.core.finish());
        let given = self.given.iter().map(|(name, kind, index)| (&**name, *kind, *index));
        let given = types.beside.core_instantiate_exports(None, given.collect::<Vec<_>>());
        let given = [("", ModuleArg::Instance(given))];
        let instance = types.beside.core_instantiate(None, module, given);
        SubtaskInstance { instance, memory: self.memory, params: self.params }
    }
}

/// An instance of such a module.
pub(super) struct SubtaskInstance {
    instance: u32,
    memory: u32,
    params: u32,
}

impl SubtaskInstance {
    /// A function that the module exports.
    pub(super) fn func(&self, types: &mut Types<'_>, name: &str) -> u32 {
        types.beside.core_alias_export(None, self.instance, name, ExportKind::Func)
    }

    /// Exports the module's function `name`, whose callback it exports under `callback_of(name)`, as one of the type
    /// `ty`.
    pub(super) fn export(&self, types: &mut Types<'_>, name: &str, ty: u32) {
        let func = self.func(types, name);
        let options = [
            CanonicalOption::Async,
            CanonicalOption::Callback(self.func(types, &callback_of(name))),
            CanonicalOption::UTF8,
            CanonicalOption::Memory(self.memory),
            CanonicalOption::Realloc(self.params),
        ];
        let lifted = types.beside.lift_func(None, func, ty, options);
        types.beside.export(name, ComponentExportKind::Func, lifted, None);
    }
}

/// The name of a function's callback.
pub(super) fn callback_of(name: &str) -> String {
    format!("{name}-callback")
}
