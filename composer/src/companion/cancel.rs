//! The companion's functions for async functions, whose calls can be cancelled: they call as a
//! component of the same store calls, and use `subtask.cancel`.
//!
//! For each function `f` there is one that takes a number for the call in addition to the
//! parameters of `f`, and returns the result of `f`, or `none` if the call was given up. `cancel`
//! gives up the call with some number if it has not returned. The host is told when the call with
//! some number has begun, since wasmtime does not keep the order of calls before that point.
//!
//! To keep this code independent of the types of values, values stay in memory, where the
//! parameters and the result of `f` are part of those of the companion's function: tuples are
//! filled up with bytes until they are passed in memory. Only parameters that a lowered async
//! function takes as core values are passed as core values.
//!
//! The functions are lifted with a callback (`Concurrency.md`, `CanonicalABI.md`): the first part
//! starts the subtask and returns; the callback runs at the subtask's events. A call that waits has
//! a record in the companion's memory (`field`), and all records are in one linked list, in which
//! `cancel` finds a call by its number.

use wasm_encoder::{
    BlockType, CanonicalOption, ComponentExportKind, ComponentValType, InstructionSink, MemArg,
    PrimitiveValType, ValType,
};
use wasmparser::component_types::ComponentValType as Parsed;
use wasmparser::types::TypesRef;

use super::Exported;
use super::core::Core;
use super::frees::Frees;
use super::handles::{HandleParam, handle_params};
use super::layout::{Layout, align_to, flatten, has_lists};
use super::memory::word;
use super::subtask::{
    CANCELLED_BEFORE_STARTED, Calls, EVENT_SUBTASK, RETURNED, STARTED, SubtaskModule, callback_of,
    handle, load, state, store, wait,
};
use super::types::{Around, Types, takes_number};
use crate::plan::companion::{BEGUN, MOST_FLAT, filling};

const I32: ValType = ValType::I32;

/// What `subtask.cancel` returns if it cannot tell yet.
const BLOCKED: i32 = -1;

/// The record of a call that has not returned: offsets in bytes of its fields of four bytes each.
mod field {
    pub(super) const SUBTASK: u32 = 0;
    pub(super) const SET: u32 = 4;
    /// The memory block of its parameters; 0 once it has been freed.
    pub(super) const PARAMS: u32 = 8;
    /// The memory block for its result.
    pub(super) const RESULT: u32 = 12;
    /// The two ends of the future whose event wakes the call after it was given up; 0 until then.
    pub(super) const READER: u32 = 16;
    pub(super) const WRITER: u32 = 20;
    /// The subtask's state as `subtask.cancel` returned it.
    pub(super) const STATUS: u32 = 24;
    pub(super) const NUMBER: u32 = 28;
    pub(super) const NEXT: u32 = 32;
    /// The handles among its parameters, one after the other.
    pub(super) const HANDLES: u32 = 36;
}

/// How `f` takes its parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    Flat,
    InMemory,
}

/// How a function is called, and where its values are.
struct CancelSignature {
    /// The core values that its parameters flatten to.
    flat: Vec<ValType>,
    passed: Passed,
    /// The offset of the parameters in memory, after the number of the call.
    params_at: u32,
    result: Option<Parsed>,
    result_flat: usize,
    /// The offset of the result in memory, after the discriminant of the option.
    returned_at: u32,
    /// The size of the whole result: the discriminant, and the tuple of the result and its filling.
    result_size: u32,
    handles: Vec<HandleParam>,
}

impl CancelSignature {
    fn of(types: TypesRef<'_>, func: &Exported) -> Option<Self> {
        let ty = &types[func.ty];
        let flat = flatten(types, ty.params.iter().map(|(_, ty)| ty))?;
        let passed = if flat.len() > MOST_FLAT { Passed::InMemory } else { Passed::Flat };
        let params = Layout::fields(types, ty.params.iter().map(|(_, ty)| ty))?;
        let result_flat = flatten(types, &ty.result)?.len();
        let result = Layout::fields(types, &ty.result)?;
        let filling = filling(result_flat) as u32;
        let align = result.align;
        let returned = Layout { size: align_to(result.size.checked_add(filling)?, align)?, align };
        let returned_at = align_to(1, align)?;
        let result_size = returned_at.checked_add(returned.size)?;
        // The parameters follow the number of the call.
        let params_at = align_to(4, params.align)?;
        params_at.checked_add(params.size)?;
        let handles = handle_params(types, ty)?;
        let result = ty.result;
        Some(Self {
            flat,
            passed,
            params_at,
            result,
            result_flat,
            returned_at,
            result_size,
            handles,
        })
    }
}

/// A function that is being written.
struct Made<'f> {
    func: &'f Exported,
    name: String,
    signature: CancelSignature,
    /// The type of the companion's function.
    ty: u32,
    lowered: u32,
    returns: u32,
    /// For each handle among the parameters, the built-in function that drops it.
    drops: Vec<u32>,
}

/// What code here calls beside what all such code does.
struct FutureCalls {
    new: u32,
    read: u32,
    write: u32,
    drop_reader: u32,
    drop_writer: u32,
}

/// Writes a component that exports, for each of `funcs`, a function whose calls can be cancelled.
/// Returns the names of the exports. `in_passing` says whether the engine has the async
/// `subtask.cancel`. Without it `cancel` waits for the callee, and the companion can do nothing
/// else meanwhile.
pub(super) fn write<'f>(
    types: &mut Types<'_>,
    around: &mut Around,
    parsed: TypesRef<'_>,
    (funcs, in_passing): (impl Iterator<Item = &'f Exported>, bool),
) -> Vec<(&'f Exported, String)> {
    let (mut module, calls) = SubtaskModule::new(types, in_passing);
    let (future, encoder) = types.beside.type_defined(None);
    encoder.future(None);
    let beside = &mut types.beside;
    let options = [CanonicalOption::Async, module.memory()];
    let read = beside.future_read(future, options);
    let write = beside.future_write(future, options);
    let drop_reader = beside.future_drop_readable(future);
    let drop_writer = beside.future_drop_writable(future);
    let futures = FutureCalls {
        new: module.import("future.new", beside.future_new(future), &[], &[ValType::I64]),
        read: module.import("future.read", read, &[I32, I32], &[I32]),
        write: module.import("future.write", write, &[I32, I32], &[I32]),
        drop_reader: module.import("future.drop-readable", drop_reader, &[I32], &[]),
        drop_writer: module.import("future.drop-writable", drop_writer, &[I32], &[]),
    };
    let begun = around.import_func(BEGUN, takes_number);
    let begun = types.import_written(begun, takes_number);
    let begun = types.beside.lower_func(None, begun, []);
    let begun = module.import("begun", begun, &[I32], &[]);

    let mut made = Vec::new();
    for func in funcs {
        let Some(signature) = CancelSignature::of(parsed, func) else { continue };
        let Some(own) = types.imported_func(func.ty, around) else { continue };
        let Some((ty, returned)) = lifted_type(types, around, parsed, func, &signature) else {
            continue;
        };
        let import = types.import_func(func.around, own);
        let name = format!("f{}", made.len());
        let mut params = match signature.passed {
            Passed::Flat => signature.flat.clone(),
            Passed::InMemory => vec![I32],
        };
        params.extend(signature.result.is_some().then_some(I32));
        let lowered = module.import_lowered(types, &name, import, &params);
        let returns = module.import_return(types, &name, Some(returned), &[I32]);
        let drops = module.import_drops(types, around, &name, &signature.handles);
        made.push(Made { func, name, signature, ty, lowered, returns, drops });
    }

    let core = &mut module.core;
    let first = core.global(0);
    let mut frees = Frees::new(parsed, calls.free);
    for made in &made {
        let result = made.signature.result.as_ref().filter(|ty| has_lists(parsed, ty));
        let free_result = result.and_then(|ty| frees.value(core, ty));
        write_function(core, (&calls, &futures, begun), first, made, free_result);
    }
    let cancel = write_cancel(core, (&calls, &futures), first, in_passing);
    core.export("cancel", cancel);

    let main = module.finish(types);
    let export = |Made { func, name, ty, .. }: Made<'f>| {
        main.export(types, &name, ty);
        (func, name)
    };
    let names = made.into_iter().map(export).collect();
    let cancel = main.func(types, "cancel");
    let (ty, mut encoder) = types.beside.type_function(None);
    encoder.async_(!in_passing);
    takes_number(&mut encoder);
    let lifted = types.beside.lift_func(None, cancel, ty, []);
    types.beside.export("cancel", ComponentExportKind::Func, lifted, None);
    names
}

/// The type of the companion's function, and of its result.
fn lifted_type(
    types: &mut Types<'_>,
    around: &mut Around,
    parsed: TypesRef<'_>,
    func: &Exported,
    signature: &CancelSignature,
) -> Option<(u32, ComponentValType)> {
    let byte = ComponentValType::Primitive(PrimitiveValType::U8);
    let mut params = vec![("number", ComponentValType::Primitive(PrimitiveValType::U32))];
    let mut inner = Vec::new();
    for (_, ty) in &parsed[func.ty].params {
        inner.push(types.exported_value(ty, around)?);
    }
    if !inner.is_empty() {
        let (tuple, encoder) = types.beside.type_defined(None);
        encoder.tuple(inner);
        params.push(("params", ComponentValType::Type(tuple)));
    }
    if signature.passed == Passed::InMemory {
        let filling = filling(signature.flat.len());
        if filling > 0 {
            let (tuple, encoder) = types.beside.type_defined(None);
            encoder.tuple(vec![byte; filling]);
            params.push(("filling", ComponentValType::Type(tuple)));
        }
    }
    let mut fields = Vec::new();
    if let Some(result) = &signature.result {
        fields.push(types.exported_value(result, around)?);
    }
    fields.extend(std::iter::repeat_n(byte, filling(signature.result_flat)));
    let (tuple, encoder) = types.beside.type_defined(None);
    encoder.tuple(fields);
    let (option, encoder) = types.beside.type_defined(None);
    encoder.option(ComponentValType::Type(tuple));
    let result = ComponentValType::Type(option);
    let (ty, mut encoder) = types.beside.type_function(None);
    encoder.async_(true).params(params).result(Some(result));
    Some((ty, result))
}

/// Writes a function and its callback.
fn write_function(
    core: &mut Core,
    (calls, futures, begun): (&Calls, &FutureCalls, u32),
    first: u32,
    made: &Made<'_>,
    free_result: Option<u32>,
) {
    let signature = &made.signature;
    let byte = MemArg { offset: 0, align: 0, memory_index: 0 };
    // Returns the result at the local `result`, as `some` or `none`, and frees its memory.
    let give = |code: &mut InstructionSink<'_>, result: u32, is_some: bool| {
        code.local_get(result).i32_const(is_some.into()).i32_store8(byte);
        code.local_get(result).call(made.returns);
        if let (true, Some(free_result)) = (is_some, free_result) {
            code.local_get(result).i32_const(signature.returned_at.cast_signed()).i32_add();
            code.call(free_result);
        }
        code.local_get(result).call(calls.free);
    };

    let (params, stored): (Vec<ValType>, _) = match signature.passed {
        Passed::Flat => ([I32].into_iter().chain(signature.flat.iter().copied()).collect(), None),
        Passed::InMemory => (vec![I32], Some(signature.params_at)),
    };
    let local = params.len() as u32;
    let [result, status, record, set] = [local, local + 1, local + 2, local + 3];
    let taken = local + 4;
    // Pushes a handle that is among the parameters.
    let push_handle = |code: &mut InstructionSink<'_>, param: &HandleParam| match stored {
        Some(start) => {
            code.local_get(0).i32_load(word(start + param.offset));
        }
        None => {
            code.local_get(1 + param.flat);
        }
    };
    let start = core.func((&params, &[I32]), 5, |code| {
        code.call(calls.taken).local_set(taken);
        code.i32_const(signature.result_size.cast_signed()).call(calls.alloc).local_set(result);
        match stored {
            Some(start) => {
                code.local_get(0).i32_const(start.cast_signed()).i32_add();
            }
            None => {
                for param in 1..local {
                    code.local_get(param);
                }
            }
        }
        if signature.result.is_some() {
            code.local_get(result);
            code.i32_const(signature.returned_at.cast_signed()).i32_add();
        }
        code.call(made.lowered).local_set(status);
        match signature.passed {
            Passed::Flat => code.local_get(0),
            Passed::InMemory => code.local_get(0).i32_load(word(0)),
        };
        code.call(begun);
        state(code.local_get(status)).i32_const(RETURNED).i32_eq();
        code.if_(BlockType::Empty);
        for (param, drop) in signature.handles.iter().zip(&made.drops) {
            if param.kind.is_borrow() {
                push_handle(code, param);
                code.call(*drop);
            }
        }
        code.local_get(taken).call(calls.free_all);
        give(code, result, true);
        code.i32_const(0).return_();
        code.end();

        let size = field::HANDLES + 4 * signature.handles.len() as u32;
        code.i32_const(size.cast_signed()).call(calls.alloc).local_tee(record);
        handle(code.local_get(status));
        store(code, field::SUBTASK);
        code.local_get(record).call(calls.new_set).local_tee(set);
        store(code, field::SET);
        load(code, record, field::SUBTASK);
        code.local_get(set).call(calls.join);
        for (index, param) in (0..).zip(&signature.handles) {
            code.local_get(record);
            push_handle(code, param);
            store(code, field::HANDLES + 4 * index);
        }
        code.local_get(record);
        match signature.passed {
            Passed::Flat => code.local_get(0),
            Passed::InMemory => code.local_get(0).i32_load(word(0)),
        };
        store(code, field::NUMBER);
        // Once the callee has started, it has the parameters, and their memory can be freed.
        state(code.local_get(status)).i32_const(STARTED).i32_eq();
        code.if_(BlockType::Empty);
        code.local_get(taken).call(calls.free_all).i32_const(0).local_set(taken);
        code.end();
        code.local_get(record).local_get(taken);
        store(code, field::PARAMS);
        code.local_get(record).local_get(result);
        store(code, field::RESULT);
        code.local_get(record).i32_const(0);
        store(code, field::READER);
        code.local_get(record).global_get(first);
        store(code, field::NEXT);
        code.local_get(record).global_set(first);
        code.local_get(record).call(calls.set);
        wait(code.local_get(set));
    });
    core.export(&made.name, start);

    let callback = core.func((&[I32, I32, I32], &[I32]), 4, |code| {
        let [event, status, record, result, at, next] = [0, 2, 3, 4, 5, 6];
        code.call(calls.get).local_set(record);
        code.local_get(event).i32_const(EVENT_SUBTASK).i32_eq();
        code.if_(BlockType::Empty);
        code.local_get(status).i32_const(STARTED).i32_eq();
        code.if_(BlockType::Empty);
        load(code, record, field::PARAMS);
        code.call(calls.free_all);
        code.local_get(record).i32_const(0);
        store(code, field::PARAMS);
        load(code, record, field::SET);
        wait(code).return_();
        code.end();
        code.else_();
        // The event is that of `wake`: the call was given up, and `cancel` has stored the subtask's
        // state.
        load(code, record, field::STATUS);
        code.local_set(status);
        code.end();

        load(code, record, field::SUBTASK);
        code.call(calls.drop_subtask);
        load(code, record, field::READER);
        code.if_(BlockType::Empty);
        load(code, record, field::READER);
        code.i32_const(0).call(calls.join);
        load(code, record, field::READER);
        code.call(futures.drop_reader);
        load(code, record, field::WRITER);
        code.call(futures.drop_writer);
        code.end();
        load(code, record, field::SET);
        code.call(calls.drop_set);
        // Removes the record from the list.
        code.global_get(first).local_get(record).i32_eq();
        code.if_(BlockType::Empty);
        load(code, record, field::NEXT);
        code.global_set(first);
        code.else_();
        code.global_get(first).local_set(at);
        code.loop_(BlockType::Empty);
        load(code, at, field::NEXT);
        code.local_tee(next).local_get(record).i32_ne();
        code.if_(BlockType::Empty).local_get(next).local_set(at).br(1).end();
        code.end();
        code.local_get(at);
        load(code, record, field::NEXT);
        store(code, field::NEXT);
        code.end();

        for (index, (param, drop)) in (0..).zip(signature.handles.iter().zip(&made.drops)) {
            // Owned handles were moved to the callee if it started, and must be dropped here only
            // if it did not. Borrowed ones are always still here.
            if !param.kind.is_borrow() {
                code.local_get(status).i32_const(CANCELLED_BEFORE_STARTED).i32_eq();
                code.if_(BlockType::Empty);
            }
            load(code, record, field::HANDLES + 4 * index);
            code.call(*drop);
            if !param.kind.is_borrow() {
                code.end();
            }
        }
        load(code, record, field::PARAMS);
        code.call(calls.free_all);
        load(code, record, field::RESULT);
        code.local_set(result);
        code.local_get(record).call(calls.free);
        code.local_get(status).i32_const(RETURNED).i32_eq();
        code.if_(BlockType::Empty);
        give(code, result, true);
        code.else_();
        give(code, result, false);
        code.end();
        code.i32_const(0);
    });
    core.export(&callback_of(&made.name), callback);
}

/// Writes `cancel`.
fn write_cancel(
    core: &mut Core,
    (calls, futures): (&Calls, &FutureCalls),
    first: u32,
    in_passing: bool,
) -> u32 {
    let [number, record, status] = [0, 1, 2];
    core.func((&[I32], &[]), 2, |code| {
        code.global_get(first).local_set(record);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        // The end of the list: the call has returned already.
        code.local_get(record).i32_eqz().if_(BlockType::Empty).return_().end();
        load(code, record, field::NUMBER);
        code.local_get(number).i32_eq().br_if(1);
        load(code, record, field::NEXT);
        code.local_set(record).br(0).end().end();
        if !in_passing {
            // A subtask that is waited for synchronously must not be in a waitable set.
            load(code, record, field::SUBTASK);
            code.i32_const(0).call(calls.join);
        }
        load(code, record, field::SUBTASK);
        code.call(calls.cancel_subtask).local_tee(status).i32_const(BLOCKED).i32_eq();
        // The callee has not finished yet. When it does, the callback runs at its event.
        code.if_(BlockType::Empty).return_().end();
        code.local_get(record).local_get(status);
        store(code, field::STATUS);
        // The subtask has ended and will have no more events, so another event has to run the
        // callback.
        wake(code, (calls, futures), record);
    })
}

/// Creates an event for the call of `record`, by reading a new future and writing to it.
fn wake(code: &mut InstructionSink<'_>, (calls, futures): (&Calls, &FutureCalls), record: u32) {
    // `future.new` returns the reader in the lower half and the writer in the upper half, so one
    // store sets both fields.
    code.local_get(record).local_get(record).call(futures.new);
    code.i64_store(MemArg { offset: field::READER.into(), align: 2, memory_index: 0 });
    code.drop();
    load(code, record, field::READER);
    code.i32_const(0).call(futures.read).drop();
    load(code, record, field::READER);
    load(code, record, field::SET);
    code.call(calls.join);
    load(code, record, field::WRITER);
    code.i32_const(0).call(futures.write).drop();
}
