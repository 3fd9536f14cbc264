//! Reads the attribute `#[component(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, LitStr, Path, Result};

use crate::report::Report;

/// The attributes of a type.
#[derive(Default)]
pub(crate) struct TypeAttrs {
    krate: Option<Path>,
    /// The spans of `transparent` and `flags`, if they are given.
    pub(crate) transparent: Option<Span>,
    pub(crate) flags: Option<Span>,
    /// Whether an enum is a variant although no case has a payload.
    pub(crate) is_variant: bool,
}

/// Keywords that wasmtime's derives require in the same attribute. They are accepted and ignored,
/// as the shape of the type tells the same.
const STATED: [&str; 2] = ["record", "enum"];

impl TypeAttrs {
    pub(crate) fn new(attrs: &[Attribute], report: &mut Report) -> Self {
        let mut this = Self::default();
        each(attrs, report, |meta| {
            let span = meta.path.span();
            if meta.path.is_ident("crate") {
                let path = meta.value()?.call(Path::parse_mod_style)?;
                once(&meta, this.krate.replace(path).is_none())
            } else if meta.path.is_ident("transparent") {
                once(&meta, this.transparent.replace(span).is_none())
            } else if meta.path.is_ident("flags") {
                once(&meta, this.flags.replace(span).is_none())
            } else if meta.path.is_ident("variant") {
                this.is_variant = true;
                Ok(())
            } else if STATED.iter().any(|stated| meta.path.is_ident(stated)) {
                Ok(())
            } else {
                let expected = "of a type expected one of `crate`, `transparent`, `flags`";
                Err(unknown(&meta, expected))
            }
        });
        if let (Some(_), Some(flags)) = (this.transparent, this.flags) {
            report.error_at(flags, "a type is either `transparent` or `flags`; keep one");
        }
        this
    }

    /// The path of the runtime crate.
    pub(crate) fn krate(&self) -> TokenStream {
        match &self.krate {
            Some(path) => path.to_token_stream(),
            None => quote!(::wasm_runtime_composer),
        }
    }
}

/// The name that a field or variant is given, if any.
pub(crate) fn name(attrs: &[Attribute], report: &mut Report) -> Option<LitStr> {
    let mut name = None;
    each(attrs, report, |meta| {
        if meta.path.is_ident("name") {
            let literal: LitStr = meta.value()?.parse()?;
            once(&meta, name.replace(literal).is_none())
        } else {
            Err(unknown(&meta, "of a field or variant expected `name`"))
        }
    });
    name
}

fn each(
    attrs: &[Attribute],
    report: &mut Report,
    mut one: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("component")) {
        if let Err(error) = attr.parse_nested_meta(&mut one) {
            report.loss(error);
        }
    }
}

fn once(meta: &ParseNestedMeta<'_>, is_first: bool) -> Result<()> {
    if is_first {
        return Ok(());
    }
    let path = meta.path.to_token_stream();
    Err(Error::new_spanned(&meta.path, format!("`{path}` stands here twice")))
}

fn unknown(meta: &ParseNestedMeta<'_>, expected: &str) -> Error {
    let path = meta.path.to_token_stream();
    Error::new_spanned(&meta.path, format!("unknown attribute `{path}`; {expected}"))
}
