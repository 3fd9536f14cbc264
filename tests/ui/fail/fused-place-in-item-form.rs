//! In a block that declares a struct, the place of what is fused is an argument.

wasm_runtime_composer::compose! {
    struct Storage;
    fused storage in (linker, store) { component disk; component disk }
}

fn main() {}
