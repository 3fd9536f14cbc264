//! The procedural macros of `wasm-runtime-composer`, which re-exports and documents them.
//!
//! `compose!` passes through four rooms: `parse` produces nodes as they were written (`ast`),
//! `check` turns them into a `model` that cannot be wrong, and `expand` prints the model. Errors
//! are gathered on the way, so that all mistakes are shown at once; if there are any, `fallback`
//! decides what is declared nevertheless. The derive macro has the same rooms in `derive`.

#![forbid(unsafe_code)]

mod ast;
mod check;
mod derive;
mod expand;
mod fallback;
mod kw;
mod model;
mod names;
mod parse;
mod report;
#[cfg(test)]
mod tests;
#[cfg(feature = "wit")]
mod wit;

use proc_macro::TokenStream;

use crate::report::Report;

/// What `compose!` of `wasm-runtime-composer` expands to: takes the path of that crate in braces,
/// then the block.
#[doc(hidden)]
#[proc_macro]
pub fn compose_impl(input: TokenStream) -> TokenStream {
    compose(input.into()).into()
}

/// Derives `ComponentType`, `IntoComponentValue`, `ToComponentValue` and `FromComponentValue`.
///
/// | Rust | component model |
/// |---|---|
/// | struct with named fields | record |
/// | tuple struct | tuple |
/// | struct of one field, with `#[component(transparent)]` | the type of that field |
/// | struct of `bool` fields, with `#[component(flags)]` | flags, one for each field |
/// | enum whose variants carry nothing | enum |
/// | enum whose variants carry something, or with `#[component(variant)]` | variant |
///
/// A variant with several fields, `Moved(i32, i32)`, carries a tuple. One with named fields is not
/// allowed, since a case of the component model carries one type: put the fields into a struct.
///
/// Flags are a struct of `bool`s because a derive does not see the constants of a bit set.
///
/// Names are the Rust names in kebab case: `user_id` is `user-id` and `TooBig` is `too-big`.
///
/// A type with type parameters is a component value when they are. A type with lifetime parameters
/// borrows what it is made of: it can be passed, but not returned. Values are passed by reference too, `&T`,
/// unless streams or futures are in them, which move.
///
/// # Attributes
///
/// - `#[component(name = "…")]` on a field or variant: its name in the component model.
/// - `#[component(transparent)]` and `#[component(flags)]` on a struct: see above.
/// - `#[component(variant)]` on an enum: it is a variant, also if no variant carries anything.
/// - `#[component(record)]` and `enum`, which wasmtime's derives ask for, mean nothing here.
/// - `#[component(crate = some::path)]` on the type: where `wasm-runtime-composer` is, if it is not
///   a dependency under that name.
#[proc_macro_derive(ComponentValue, attributes(component))]
pub fn derive_component_value(input: TokenStream) -> TokenStream {
    derive::component_value(input.into()).into()
}

/// What `wit!` of `wasm-runtime-composer` expands to: takes the path of that crate in braces, then the options.
#[cfg(feature = "wit")]
#[doc(hidden)]
#[proc_macro]
pub fn wit_impl(input: TokenStream) -> TokenStream {
    wit::wit(input.into()).into()
}

fn compose(input: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let mut report = Report::default();
    let block = match parse::block(input, &mut report) {
        Ok(block) => block,
        Err(error) => return error.into_compile_error(),
    };
    let model = check::check(block, &mut report);
    match report.finish() {
        Ok(()) => expand::expand(&model),
        Err(failure) => fallback::expand(&model, &failure),
    }
}
