//! What `wit!`, and the statement `wit` of `compose!`, say about WIT: where it is, what of it is meant, and how its
//! types become Rust.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitBool, LitStr, Path, Token, braced, bracketed, token};

use crate::names;

/// The options, each as it was written.
#[derive(Default)]
pub(crate) struct Options {
    /// Folders and files, relative to the crate's manifest.
    pub(crate) paths: Vec<LitStr>,
    /// WIT in place.
    pub(crate) inline: Option<LitStr>,
    pub(crate) world: Option<LitStr>,
    pub(crate) interfaces: Vec<LitStr>,
    /// The names of interfaces and types that exist in Rust already, each with its path.
    pub(crate) with: Vec<(LitStr, Path)>,
    pub(crate) additional_derives: Vec<Path>,
    /// Functions of hosts return `wasmtime::Result`s.
    pub(crate) trappable: bool,
    /// Functions of hosts may wait, even those that are not `async` in WIT.
    pub(crate) is_async: bool,
    /// Of `compose!` alone: the module that `wit!` made of the same WIT.
    pub(crate) module: Option<Path>,
}

/// The names of the options, for suggestions.
const OPTIONS: [&str; 9] = [
    "path",
    "inline",
    "world",
    "interfaces",
    "with",
    "additional_derives",
    "trappable",
    "async",
    "module",
];

impl Options {
    /// The options of `compose!`'s statement: those of `wit!`, and `module`. Exports and hosts say which interfaces are
    /// used, and the world is that of functions.
    pub(crate) fn of_block(input: ParseStream<'_>) -> syn::Result<Self> {
        let options = input.parse::<Self>()?;
        match options.interfaces.first() {
            Some(name) => Err(syn::Error::new(
                name.span(),
                "in `compose!`, `export interface` and `host .. as` say which interfaces are used: leave \
                 out `interfaces`",
            )),
            None => Ok(options),
        }
    }

    /// The token at which errors of the WIT as a whole are shown.
    pub(crate) fn place(&self) -> proc_macro2::Span {
        let literal = self.paths.first().or(self.inline.as_ref());
        literal.map_or_else(proc_macro2::Span::call_site, LitStr::span)
    }
}

impl Parse for Options {
    /// `"wit"`, or `{ path: "wit", .. }`.
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        if input.peek(LitStr) {
            options.paths.push(input.parse()?);
            return Ok(options);
        }
        if !input.peek(token::Brace) {
            return Err(input.error(
                "expected the path of WIT in quotes, or options in braces: `{ path: \"wit\", world: \"app\" }`",
            ));
        }
        let content;
        braced!(content in input);
        let mut seen: Vec<String> = Vec::new();
        while !content.is_empty() {
            let name = if content.peek(Token![async]) {
                let keyword = content.parse::<Token![async]>()?;
                Ident::new_raw("async", keyword.span)
            } else {
                content.parse::<Ident>()?
            };
            let text = name.to_string().trim_start_matches("r#").to_owned();
            content.parse::<Token![:]>()?;
            if seen.contains(&text) {
                return Err(syn::Error::new(
                    name.span(),
                    format!("the option `{text}` is given twice"),
                ));
            }
            options.read(&name, &text, &content)?;
            seen.push(text);
            if content.is_empty() {
                break;
            }
            content.parse::<Token![,]>()?;
        }
        Ok(options)
    }
}

impl Options {
    fn read(&mut self, name: &Ident, text: &str, content: ParseStream<'_>) -> syn::Result<()> {
        match text {
            "path" if content.peek(token::Bracket) => self.paths = list(content)?,
            "path" => self.paths.push(content.parse()?),
            "inline" => self.inline = Some(content.parse()?),
            "world" => self.world = Some(content.parse()?),
            "interfaces" => self.interfaces = list(content)?,
            "with" => {
                let entries;
                braced!(entries in content);
                let entries = Punctuated::<With, Token![,]>::parse_terminated(&entries)?;
                self.with = entries.into_iter().map(|With(name, path)| (name, path)).collect();
            }
            "additional_derives" => self.additional_derives = list(content)?,
            "trappable" => self.trappable = content.parse::<LitBool>()?.value,
            "async" => self.is_async = content.parse::<LitBool>()?.value,
            "module" => self.module = Some(absolute(content.parse()?)?),
            _ => {
                let hint = names::hint(text, OPTIONS, str::to_owned, "");
                let message = format!("there is no option `{text}`: {hint}");
                return Err(syn::Error::new(name.span(), message));
            }
        }
        Ok(())
    }
}

/// `["a", "b"]`
fn list<T: Parse>(input: ParseStream<'_>) -> syn::Result<Vec<T>> {
    let content;
    bracketed!(content in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

/// `"acme:kv/types" : crate::types`
struct With(LitStr, Path);

impl Parse for With {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self(name, absolute(input.parse()?)?))
    }
}

/// Paths are used from within modules, where `self` and names around the macro mean something else.
fn absolute(path: Path) -> syn::Result<Path> {
    let is_crate = |it: &Ident| it == "crate" || it == "$crate";
    let starts_well = path.segments.first().is_some_and(|segment| is_crate(&segment.ident));
    if path.leading_colon.is_some() || starts_well {
        return Ok(path);
    }
    let text = names::path(&path);
    Err(syn::Error::new_spanned(
        &path,
        format!(
            "expected a path that means the same everywhere: `crate::{text}`, or `::{text}` in another crate"
        ),
    ))
}
