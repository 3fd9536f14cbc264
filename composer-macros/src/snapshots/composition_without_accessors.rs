fn main() {
    let composition = {
        ::core::compile_error! {
            "these braces hold clauses; put a struct literal in parentheses"
        }
    };
}
