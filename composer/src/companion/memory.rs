//! The memories of companions: core modules with a memory and an allocator each.
//!
//! They are modules of their own, as lowering an import requires a memory and a `realloc` that
//! exist before the companion's core module is instantiated.

use wasm_encoder::{BlockType, InstructionSink, MemArg, ValType};

use super::core::Core;

const I32: ValType = ValType::I32;
/// The parameters of `realloc`: old address, old size, alignment, new size.
const REALLOC: (&[ValType], &[ValType]) = (&[I32, I32, I32, I32], &[I32]);

/// The memory argument of a word at an address plus `offset`.
pub(super) fn word(offset: u32) -> MemArg {
    MemArg { offset: offset.into(), align: 2, memory_index: 0 }
}

/// Grows the memory up to the address on top of the stack, or traps.
fn reach(code: &mut InstructionSink<'_>, pages: u32) {
    // The number of pages that are missing, rounded up.
    code.i32_const(0xffff).i32_add().i32_const(16).i32_shr_u();
    code.memory_size(0).i32_sub().local_tee(pages).i32_const(0).i32_gt_s();
    code.if_(BlockType::Empty);
    code.local_get(pages).memory_grow(0).i32_const(-1).i32_eq();
    code.if_(BlockType::Empty).unreachable().end();
    code.end();
}

/// A memory for one call at a time: a bump allocator, which is reset when the call ends.
///
/// Exports `memory`, `realloc` and `reset`.
pub(super) fn of_one_call() -> Core {
    const START: i32 = 16;
    let mut core = Core::default();
    core.memory("memory");
    let top = core.global(START);
    let realloc = core.func(REALLOC, 2, |code| {
        let [old, old_size, align, size, new, pages] = [0, 1, 2, 3, 4, 5];
        // The current top, rounded up to the alignment.
        code.global_get(top).local_get(align).i32_add().i32_const(1).i32_sub();
        code.i32_const(0).local_get(align).i32_sub().i32_and().local_tee(new);
        code.local_get(size).i32_add().global_set(top);
        code.global_get(top).local_get(new).i32_lt_u();
        code.if_(BlockType::Empty).unreachable().end();
        code.global_get(top);
        reach(code, pages);
        code.local_get(new).local_get(old).local_get(old_size).memory_copy(0, 0);
        code.local_get(new);
    });
    core.export("realloc", realloc);
    let reset = core.func((&[], &[]), 0, |code| {
        code.i32_const(START).global_set(top);
    });
    core.export("reset", reset);
    core
}

/// A memory for many concurrent calls.
///
/// The sizes of blocks are powers of two. Each begins with a head of 16 bytes: the exponent of its
/// size, the next free block of that size, the next block in the same collection. The list of free
/// blocks for an exponent begins at the address `4 * exponent`.
///
/// Exports `memory`; `alloc` and `free`; `params`, a `realloc` that adds each block to the current
/// collection; `taken`, which returns the last block of the current collection and begins a new
/// one; `free-all`, which frees a collection by its last block; and `results`, another `realloc`.
pub(super) fn of_many_calls() -> Core {
    const START: i32 = 1024;
    const HEAD: i32 = 16;
    // Offsets of the head's fields from the address of the block's content.
    const SIZE: i32 = -16;
    const NEXT_FREE: i32 = -12;
    const NEXT_TAKEN: i32 = -8;
    let mut core = Core::default();
    core.memory("memory");
    let top = core.global(START);
    let taken = core.global(0);
    let field = |code: &mut InstructionSink<'_>, block: u32, field: i32| {
        code.local_get(block).i32_const(field).i32_add();
    };
    let alloc = core.func((&[I32], &[I32]), 3, |code| {
        let [size, exponent, block, pages] = [0, 1, 2, 3];
        code.local_get(size).i32_const(1 << 30).i32_gt_u();
        code.if_(BlockType::Empty).unreachable().end();
        // The exponent of the smallest power of two with room for the head and at least 16 bytes.
        code.i32_const(32).local_get(size).i32_const(HEAD - 1).i32_add().i32_clz();
        code.i32_sub().local_set(exponent);
        code.local_get(exponent).i32_const(2).i32_shl().i32_load(word(0)).local_tee(block);
        code.if_(BlockType::Empty);
        code.local_get(exponent).i32_const(2).i32_shl();
        field(code, block, NEXT_FREE);
        code.i32_load(word(0)).i32_store(word(0));
        code.else_();
        code.global_get(top).i32_const(HEAD).i32_add().local_set(block);
        code.global_get(top).i32_const(1).local_get(exponent).i32_shl().i32_add().global_set(top);
        code.global_get(top).local_get(block).i32_lt_u();
        code.if_(BlockType::Empty).unreachable().end();
        code.global_get(top);
        reach(code, pages);
        field(code, block, SIZE);
        code.local_get(exponent).i32_store(word(0));
        code.end();
        code.local_get(block);
    });
    core.export("alloc", alloc);
    let free = core.func((&[I32], &[]), 1, |code| {
        let [block, list] = [0, 1];
        field(code, block, SIZE);
        code.i32_load(word(0)).i32_const(2).i32_shl().local_set(list);
        field(code, block, NEXT_FREE);
        code.local_get(list).i32_load(word(0)).i32_store(word(0));
        code.local_get(list).local_get(block).i32_store(word(0));
    });
    core.export("free", free);
    // Copies the content of the old block into a new one.
    let renewed = |code: &mut InstructionSink<'_>| {
        let [old, old_size, size, new] = [0, 1, 3, 4];
        code.local_get(size).call(alloc).local_tee(new);
        code.local_get(old);
        code.local_get(old_size).local_get(size);
        code.local_get(old_size).local_get(size).i32_lt_u().select();
        code.memory_copy(0, 0);
    };
    let params = core.func(REALLOC, 1, |code| {
        let new = 4;
        // The old block stays in the collection, and is freed with all of it.
        renewed(code);
        field(code, new, NEXT_TAKEN);
        code.global_get(taken).i32_store(word(0));
        code.local_get(new).global_set(taken);
        code.local_get(new);
    });
    core.export("params", params);
    let results = core.func(REALLOC, 1, |code| {
        let [old, new] = [0, 4];
        renewed(code);
        code.local_get(old).if_(BlockType::Empty).local_get(old).call(free).end();
        code.local_get(new);
    });
    core.export("results", results);
    let taken = core.func((&[], &[I32]), 0, |code| {
        code.global_get(taken).i32_const(0).global_set(taken);
    });
    core.export("taken", taken);
    let free_all = core.func((&[I32], &[]), 1, |code| {
        let [block, next] = [0, 1];
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(block).i32_eqz().br_if(1);
        field(code, block, NEXT_TAKEN);
        code.i32_load(word(0)).local_set(next);
        code.local_get(block).call(free);
        code.local_get(next).local_set(block);
        code.br(0).end().end();
    });
    core.export("free-all", free_all);
    core
}
