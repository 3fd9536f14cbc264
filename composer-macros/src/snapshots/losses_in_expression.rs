fn main() {
    let composition = {
        ::core::compile_error! {
            "expected an expression after `=`"
        }
        ::core::compile_error! {
            "expected an export's name, `fn`, `async fn` or `interface` after `export`"
        }
        ::core::compile_error! {
            "expected `;` after this"
        }
        ::core::compile_error! {
            "component `consumer` has no value; write `component consumer = expression`, or begin the block with `struct Name;`"
        }
        ::core::compile_error! {
            "an accessor declares no `self`; list the export's parameters alone"
        }
    };
}
