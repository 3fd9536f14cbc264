type Calculator = ::core::compile_error! {
    "expected `:`"
};
::core::compile_error! {
    "`close` would shadow a method of the composition; give it another name and add `= \"close\"` at the end"
}
