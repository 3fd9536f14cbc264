//! Async functions that a component imports, passed on to it by a task of the same store, so that giving a call up
//! means what it means between components of one store: whoever does waits until the callee has resolved, and hears
//! what came of it. Of what the host does for a guest, wasmtime waits for nothing: it drops that at once.
//!
//! For each function `f` there is one of the same type. It calls `f` and waits in its callback. When it is told that
//! it is cancelled, it calls `cancel` of the host, which asks the callee and answers when nothing more can come of
//! that; then it gives `f` up, and hears whether that had returned. The host knows the call of `f` by a number, for
//! which it is asked right after the call: it is the one that has begun last.
//!
//! Nothing here waits but in a callback, so that no task keeps another one out.

use wasm_encoder::{
    BlockType, CanonicalOption, ComponentFuncTypeEncoder, InstructionSink, ValType,
};
use wasmparser::component_types::{ComponentFuncTypeId, ComponentValType as Parsed};
use wasmparser::types::TypesRef;

use super::core::Core;
use super::flat;
use super::frees::Frees;
use super::handles::{HandleParam, borrowed_params};
use super::layout::{Layout, flatten, has_lists};
use super::memory::word;
use super::subtask::{
    Calls, EVENT_CANCELLED, EVENT_SUBTASK, RETURNED, SubtaskModule, callback_of, handle, load,
    state, store, wait,
};
use super::types::{Around, Types, gives_number, takes_number};
use crate::plan::companion::{CANCEL_IMPORT, MOST_FLAT, MOST_LIFTED, NUMBER};

const I32: ValType = ValType::I32;

/// The record of a call that has not returned, by words of four bytes.
mod field {
    pub(super) const SUBTASK: u32 = 0;
    pub(super) const SET: u32 = 4;
    /// Where its result is to lie.
    pub(super) const RESULT: u32 = 8;
    pub(super) const NUMBER: u32 = 12;
    /// Whether it is to be cancelled.
    pub(super) const ASKED: u32 = 16;
    /// The subtask in which the host does that, if it is not done.
    pub(super) const CANCEL: u32 = 20;
    /// What came of the call, once that is known.
    pub(super) const STATUS: u32 = 24;
    /// The handles that it has been lent.
    pub(super) const HANDLES: u32 = 28;
}

/// An imported function.
pub(super) struct Import {
    /// The names of the instance that it is in, if it is in one, and its own.
    pub(super) path: Vec<String>,
    pub(super) ty: ComponentFuncTypeId,
    /// Its index in what is around both components.
    pub(super) around: u32,
}

/// How parameters are passed.
enum Passed {
    /// As core values here and there.
    Flat,
    /// As core values here, and there in memory, which takes so many bytes.
    Stored(u32),
    InMemory,
}

/// What a function takes and returns.
struct Signature {
    /// The core values of its parameters.
    flat: Vec<ValType>,
    passed: Passed,
    result: Option<Parsed>,
    /// The core values of its result.
    result_flat: Vec<ValType>,
    result_size: u32,
    borrowed: Vec<HandleParam>,
}

impl Signature {
    fn of(types: TypesRef<'_>, ty: ComponentFuncTypeId) -> Option<Self> {
        let ty = &types[ty];
        let params = || ty.params.iter().map(|(_, ty)| ty);
        let flat = flatten(types, params())?;
        let passed = if flat.len() <= MOST_FLAT {
            Passed::Flat
        } else if flat.len() <= MOST_LIFTED {
            Passed::Stored(Layout::fields(types, params())?.size)
        } else {
            Passed::InMemory
        };
        Some(Self {
            flat,
            passed,
            result: ty.result,
            result_flat: flatten(types, &ty.result)?,
            result_size: Layout::fields(types, &ty.result)?.size,
            borrowed: borrowed_params(types, ty)?,
        })
    }

    /// The core values that the function here takes.
    fn params(&self) -> &[ValType] {
        match self.passed {
            Passed::Flat | Passed::Stored(_) => &self.flat,
            Passed::InMemory => &[I32],
        }
    }

    /// The core values that the function there takes.
    fn lowered(&self) -> Vec<ValType> {
        let mut params = match self.passed {
            Passed::Flat => self.flat.clone(),
            Passed::Stored(_) | Passed::InMemory => vec![I32],
        };
        params.extend(self.result.is_some().then_some(I32));
        params
    }

    fn returns_in_memory(&self) -> bool {
        self.result_flat.len() > MOST_LIFTED
    }

    /// The core values that it returns.
    fn returned(&self) -> &[ValType] {
        if self.returns_in_memory() { &[I32] } else { &self.result_flat }
    }
}

/// A function on its way into the component.
struct Made<'f> {
    func: &'f Import,
    name: String,
    signature: Signature,
    /// Its type.
    ty: u32,
    lowered: u32,
    returns: u32,
    /// For each handle that is lent, what gives it back.
    drops: Vec<u32>,
}

/// What code here calls beside what all such code does.
struct HostCalls {
    cancel_task: u32,
    /// Gives the number of the call that has just begun, and cancels the one that has a number.
    number: u32,
    cancel: u32,
}

/// Writes a component that exports each of `funcs` that it can pass on; gives the names.
pub(super) fn write<'f>(
    types: &mut Types<'_>,
    around: &mut Around,
    parsed: TypesRef<'_>,
    funcs: &'f [Import],
) -> Vec<(&'f Import, String)> {
    let signatures: Vec<_> =
        funcs.iter().filter_map(|func| Some((func, Signature::of(parsed, func.ty)?))).collect();
    if signatures.is_empty() {
        return Vec::new();
    }
    // What it waits for when it cancels is the host alone, which lets go at once.
    let (mut module, calls) = SubtaskModule::new(types, false);
    let number = around.import_func(NUMBER, gives_number);
    let number = types.import_written(number, gives_number);
    let number = types.beside.lower_func(None, number, []);
    let cancel = around.import_func(CANCEL_IMPORT, cancels);
    let cancel = types.import_written(cancel, cancels);
    let cancel = types.beside.lower_func(None, cancel, [CanonicalOption::Async]);
    let host = HostCalls {
        cancel_task: module.import("task.cancel", types.beside.task_cancel(), &[], &[]),
        number: module.import("number", number, &[], &[I32]),
        cancel: module.import("cancel", cancel, &[I32], &[I32]),
    };

    let mut made = Vec::new();
    for (func, signature) in signatures {
        let Some(own) = types.imported_func(func.ty, around) else { continue };
        let Some(ty) = types.exported_func(func.ty, around) else { continue };
        let returned = match &signature.result {
            Some(result) => match types.exported_value(result, around) {
                Some(returned) => Some(returned),
                None => continue,
            },
            None => None,
        };
        let import = types.import_func(func.around, own);
        let name = format!("f{}", made.len());
        let lowered = module.import_lowered(types, &name, import, &signature.lowered());
        let returns = module.import_return(types, &name, returned, signature.returned());
        let drops = module.import_drops(types, around, &name, &signature.borrowed);
        made.push(Made { func, name, signature, ty, lowered, returns, drops });
    }

    let core = &mut module.core;
    let turn = write_turn(core, &calls, &host);
    let mut frees = Frees::new(parsed, calls.free);
    for made in &made {
        let result = made.signature.result.as_ref().filter(|ty| has_lists(parsed, ty));
        let free_result = result.and_then(|ty| frees.value(core, ty));
        let give = write_give(core, &calls, parsed, made, free_result);
        write_function(core, (&calls, &host), parsed, made, give);
        write_callback(core, (&calls, &host), made, (turn, give));
    }

    let main = module.finish(types);
    let export = |Made { func, name, ty, .. }: Made<'f>| {
        main.export(types, &name, ty);
        (func, name)
    };
    made.into_iter().map(export).collect()
}

/// Writes the type of what cancels a call by its number.
fn cancels(encoder: &mut ComponentFuncTypeEncoder<'_>) {
    encoder.async_(true);
    takes_number(encoder);
}

/// Writes what returns the result that lies at an address, and gives its memory back.
fn write_give(
    core: &mut Core,
    calls: &Calls,
    parsed: TypesRef<'_>,
    made: &Made<'_>,
    free_result: Option<u32>,
) -> u32 {
    let signature = &made.signature;
    let locals = match signature.returns_in_memory() {
        true => &[],
        false => &*signature.result_flat,
    };
    core.func_with((&[I32], &[]), locals.iter().map(|ty| (1, *ty)), |code| {
        let at = 0;
        let values: Vec<_> = (1..).zip(locals.iter().copied()).collect();
        match &signature.result {
            Some(_) if signature.returns_in_memory() => {
                code.local_get(at);
            }
            Some(result) => {
                // Always written: `Signature::of` has found the same layout.
                flat::load(code, parsed, result, &values, at);
                for (local, _) in values {
                    code.local_get(local);
                }
            }
            None => {}
        }
        code.call(made.returns);
        if let Some(free_result) = free_result {
            code.local_get(at).call(free_result);
        }
        if signature.result.is_some() {
            code.local_get(at).call(calls.free);
        }
    })
}

/// Writes a function.
fn write_function(
    core: &mut Core,
    (calls, host): (&Calls, &HostCalls),
    parsed: TypesRef<'_>,
    made: &Made<'_>,
    give: u32,
) {
    let signature = &made.signature;
    let params = signature.params();
    let local = params.len() as u32;
    let [result, status, record, set, taken, block] = std::array::from_fn(|n| local + n as u32);
    // Puts a handle among the parameters on the stack.
    let push_handle = |code: &mut InstructionSink<'_>, param: &HandleParam| {
        match signature.passed {
            Passed::InMemory => code.local_get(0).i32_load(word(param.offset)),
            Passed::Flat | Passed::Stored(_) => code.local_get(param.flat),
        };
    };
    let start = core.func((params, &[I32]), 6, |code| {
        code.call(calls.taken).local_set(taken);
        if signature.result.is_some() {
            code.i32_const(signature.result_size.cast_signed()).call(calls.alloc).local_set(result);
        }
        match signature.passed {
            Passed::Flat => {
                for param in 0..local {
                    code.local_get(param);
                }
            }
            Passed::Stored(size) => {
                code.i32_const(size.cast_signed()).call(calls.alloc).local_set(block);
                let values: Vec<_> = (0..).zip(params.iter().copied()).collect();
                let each = parsed[made.func.ty].params.iter().map(|(_, ty)| ty);
                // Always written: `Signature::of` has found the same layout.
                flat::store(code, parsed, each, &values, block);
                code.local_get(block);
            }
            Passed::InMemory => {
                code.local_get(0);
            }
        }
        if signature.result.is_some() {
            code.local_get(result);
        }
        // The host has taken the parameters when it comes back.
        code.call(made.lowered).local_set(status);
        if let Passed::Stored(_) = signature.passed {
            code.local_get(block).call(calls.free);
        }
        state(code.local_get(status)).i32_const(RETURNED).i32_eq();
        code.if_(BlockType::Empty);
        for (param, drop) in signature.borrowed.iter().zip(&made.drops) {
            push_handle(code, param);
            code.call(*drop);
        }
        code.local_get(taken).call(calls.free_all);
        code.local_get(result).call(give);
        code.i32_const(0).return_();
        code.end();

        let size = field::HANDLES + 4 * signature.borrowed.len() as u32;
        code.i32_const(size.cast_signed()).call(calls.alloc).local_tee(record);
        handle(code.local_get(status));
        store(code, field::SUBTASK);
        code.local_get(record).call(calls.new_set).local_tee(set);
        store(code, field::SET);
        load(code, record, field::SUBTASK);
        code.local_get(set).call(calls.join);
        code.local_get(record).local_get(result);
        store(code, field::RESULT);
        code.local_get(record).call(host.number);
        store(code, field::NUMBER);
        for field in [field::ASKED, field::CANCEL, field::STATUS] {
            code.local_get(record).i32_const(0);
            store(code, field);
        }
        for (index, param) in (0..).zip(&signature.borrowed) {
            code.local_get(record);
            push_handle(code, param);
            store(code, field::HANDLES + 4 * index);
        }
        code.local_get(taken).call(calls.free_all);
        code.local_get(record).call(calls.set);
        wait(code.local_get(set));
    });
    core.export(&made.name, start);
}

/// Writes the callback of a function.
fn write_callback(
    core: &mut Core,
    (calls, host): (&Calls, &HostCalls),
    made: &Made<'_>,
    (turn, give): (u32, u32),
) {
    let callback = core.func((&[I32, I32, I32], &[I32]), 2, |code| {
        let [event, waitable, of_it, record, status] = [0, 1, 2, 3, 4];
        code.call(calls.get).local_tee(record);
        code.local_get(event).local_get(waitable).local_get(of_it);
        code.call(turn).local_tee(status).i32_eqz();
        code.if_(BlockType::Empty);
        load(code, record, field::SET);
        wait(code).return_();
        code.end();
        for (index, drop) in (0..).zip(&made.drops) {
            load(code, record, field::HANDLES + 4 * index);
            code.call(*drop);
        }
        code.local_get(status).i32_const(RETURNED).i32_eq();
        code.if_(BlockType::Empty);
        load(code, record, field::RESULT);
        code.call(give);
        code.else_();
        code.call(host.cancel_task);
        if made.signature.result.is_some() {
            load(code, record, field::RESULT);
            code.call(calls.free);
        }
        code.end();
        code.local_get(record).call(calls.free);
        code.i32_const(0);
    });
    core.export(&callback_of(&made.name), callback);
}

/// Writes what an event means for a call: what came of it, or 0 if that is not known.
fn write_turn(core: &mut Core, calls: &Calls, host: &HostCalls) -> u32 {
    core.func((&[I32; 4], &[I32]), 1, |code| {
        let [record, event, waitable, of_it, status] = [0, 1, 2, 3, 4];
        code.local_get(event).i32_const(EVENT_SUBTASK).i32_eq();
        code.if_(BlockType::Empty);
        {
            code.local_get(of_it).i32_const(RETURNED).i32_lt_u();
            code.if_(BlockType::Empty).i32_const(0).return_().end();
            code.local_get(waitable);
            load(code, record, field::SUBTASK);
            code.i32_eq().if_(BlockType::Empty);
            code.local_get(record).local_get(of_it);
            store(code, field::STATUS);
            code.else_();
            // The host has done what it can.
            code.local_get(waitable).call(calls.drop_subtask);
            code.local_get(record).i32_const(0);
            store(code, field::CANCEL);
            code.end();
        }
        code.else_();
        {
            // Told once more, it has nothing more to do.
            load(code, record, field::ASKED);
            code.local_get(event).i32_const(EVENT_CANCELLED).i32_ne().i32_or();
            code.if_(BlockType::Empty).i32_const(0).return_().end();
            code.local_get(record).i32_const(1);
            store(code, field::ASKED);
            load(code, record, field::NUMBER);
            code.call(host.cancel).local_tee(status);
            state(code).i32_const(RETURNED).i32_ne();
            code.if_(BlockType::Empty);
            code.local_get(record);
            handle(code.local_get(status));
            store(code, field::CANCEL);
            load(code, record, field::CANCEL);
            load(code, record, field::SET);
            code.call(calls.join).i32_const(0).return_();
            code.end();
        }
        code.end();

        // Either the call is over, or nothing is waited for but it: it has returned, or nothing will come of it.
        load(code, record, field::STATUS);
        code.i32_eqz().if_(BlockType::Empty);
        load(code, record, field::SUBTASK);
        // What is waited for is in no set.
        code.i32_const(0).call(calls.join);
        code.local_get(record);
        load(code, record, field::SUBTASK);
        code.call(calls.cancel_subtask);
        store(code, field::STATUS);
        code.end();
        load(code, record, field::CANCEL);
        // Its answer comes as soon as the call is over.
        code.if_(BlockType::Empty).i32_const(0).return_().end();
        load(code, record, field::SUBTASK);
        code.call(calls.drop_subtask);
        load(code, record, field::SET);
        code.call(calls.drop_set);
        load(code, record, field::STATUS);
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wasmtime::component::Component;
    use wasmtime::{Config, Engine};

    use super::super::{Accompanied, look};

    /// The functions that are passed on of a component with `imports`, which can cancel their calls.
    fn passed_on(imports: &str) -> BTreeSet<String> {
        let mut config = Config::new();
        config.wasm_component_model_map(true).wasm_component_model_fixed_length_lists(true);
        let engine = Engine::new(&config).expect("the configuration is valid");
        let text = format!("(component {imports} (core func (canon subtask.cancel)))");
        let binary = wat::parse_str(text).expect("it is one");
        let known = look(&engine, &binary, true).expect("it is small").expect("it is async");
        let Some(Accompanied { binary, companion }) = known.accompanied else {
            return BTreeSet::new();
        };
        Component::new(&engine, binary).expect("what is written is valid");
        let without =
            look(&engine, &wat::parse_str(format!("(component {imports})")).unwrap(), true);
        let without = without.expect("it is small").expect("it is async").accompanied;
        assert!(without.is_none(), "it cannot cancel");
        companion.imports.iter().map(|path| path.join("#")).collect()
    }

    fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[test]
    fn functions_are_passed_on_whatever_they_take() {
        let imports = r#"
            (import "test:it/types" (instance $types
                (type $e' (enum "a" "b")) (export "e" (type $e (eq $e')))
                (export "r" (type $r (sub resource)))
                (export "[constructor]r" (func (result (own $r))))
                (export "[method]r.later" (func async (param "self" (borrow $r)) (result string)))
                (export "[static]r.all" (func async (result (list (own $r)))))
            ))
            (alias export $types "r" (type $r))
            (alias export $types "e" (type $e))
            (import "test:it/it" (instance
                (alias outer 1 $r (type $outer-r)) (export "r" (type $r (eq $outer-r)))
                (alias outer 1 $e (type $outer-e)) (export "e" (type $e (eq $outer-e)))
                (type $f' (flags "a" "b" "c" "d" "e" "f" "g" "h" "i")) (export "f" (type $f (eq $f')))
                (type $v' (variant (case "a" f32) (case "b" s16) (case "c" f64) (case "d" (tuple string u8))
                    (case "e") (case "f" $e))) (export "v" (type $v (eq $v')))
                (type $c' (record (field "v" $v) (field "o" (option (result u64 (error f32)))) (field "f" $f)))
                (export "c" (type $c (eq $c')))
                (export "wait" (func))
                (export "flat" (func async (param "v" u8) (param "w" (own $r))))
                (export "stored" (func async (param "c" $c) (param "r" (borrow $r)) (result $c)))
                (export "in-memory" (func async (param "cs" (tuple $c $c $c)) (param "s" (stream $c))
                    (param "r" (borrow $r)) (result (tuple $c $c (future (list $c)) (own $r)))))
                (export "rest" (func async (param "m" (map string u32)) (param "l" (list s8 3)) (result (list char 2))))
                (export "owned" (func async (param "l" (list (own $r)))))
                (export "lent" (func async (param "l" (list (borrow $r)))))
            ))
            (import "test:it/sync" (instance (export "f" (func))))
            (import "alone" (func async (param "x" s64) (result bool)))
            (import "at-once" (func))
        "#;
        let expected = names([
            "test:it/types#[method]r.later",
            "test:it/types#[static]r.all",
            "test:it/it#flat",
            "test:it/it#stored",
            "test:it/it#in-memory",
            "test:it/it#rest",
            "test:it/it#owned",
            "alone",
        ]);
        // Who lends inside of a list would have to find each of them again.
        assert_eq!(passed_on(imports), expected);
    }

    #[test]
    fn nothing_is_passed_on_where_no_function_is_async() {
        assert_eq!(passed_on(r#"(import "f" (func (param "x" string)))"#), names([]));
    }
}
