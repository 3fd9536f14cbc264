//! What gets an accessor, and signatures.

use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, FnArg, Generics, Ident, LitStr, Result, Token, Type, braced, parenthesized,
    token,
};

use super::tokens::{each, semicolon};
use crate::ast::{Client, Export, Function, Http, Interface, Named, World};
use crate::kw;
use crate::report::Report;

pub(super) fn interface(
    attrs: Vec<Attribute>,
    input: ParseStream<'_>,
    report: &mut Report,
) -> Result<Export> {
    input.parse::<kw::interface>()?;
    let interface = input.parse()?;
    input.parse::<Token![as]>()?;
    let name = input.parse()?;
    if !input.peek(token::Brace) {
        if !input.peek(Token![;]) {
            let message = "expected `{ .. }` with functions, or `;` for all that the WIT has";
            return Err(input.error(message));
        }
        return Ok(Export::Client(Client { attrs, interface, name, only: None, world: None }));
    }
    let content;
    braced!(content in input);
    if content.peek(Ident) && !content.peek(Token![pub]) {
        let only = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?;
        let only = Some(only.into_iter().collect());
        return Ok(Export::Client(Client { attrs, interface, name, only, world: None }));
    }
    let (mut functions, before) = (Vec::new(), report.count());
    each(&content, report, is_function, |input, _, report| {
        let start = input.cursor();
        let attrs = input.call(Attribute::parse_outer)?;
        functions.push(function(attrs, input)?);
        semicolon(input, start, report);
        Ok(())
    });
    let incomplete = report.count() > before;
    Ok(Export::Interface(Interface { attrs, interface, name, functions, incomplete }))
}

/// Whether a function of WIT follows, whose signature is not repeated: `fn name;` or `fn name = "export";`.
pub(super) fn is_named(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let name = ahead.parse::<Token![fn]>().and_then(|_| ahead.parse::<Ident>());
    let export = || ahead.parse::<Token![=]>().and_then(|_| ahead.parse::<LitStr>()).is_ok();
    name.is_ok() && (ahead.peek(Token![;]) || export() && ahead.peek(Token![;]))
}

pub(super) fn named(attrs: Vec<Attribute>, input: ParseStream<'_>) -> Result<Named> {
    input.parse::<Token![fn]>()?;
    let name = input.parse()?;
    let export = match input.parse::<Option<Token![=]>>()? {
        Some(_) => Some(input.parse()?),
        None => None,
    };
    Ok(Named { attrs, name, export, world: None })
}

pub(super) fn world(attrs: Vec<Attribute>, input: ParseStream<'_>) -> Result<World> {
    input.parse::<kw::world>()?;
    Ok(World { attrs, world: input.parse()? })
}

/// Fails if there is no name: `Composition` has a method `http`, so there is none to take by default.
pub(super) fn http(attrs: Vec<Attribute>, input: ParseStream<'_>) -> Result<Http> {
    let keyword: Ident = input.parse()?;
    if input.is_empty() || input.peek(Token![;]) {
        let message = "expected `as` and a name after this, as in `export http as web;`";
        return Err(Error::new_spanned(keyword, message));
    }
    input.parse::<Token![as]>()?;
    Ok(Http { attrs, keyword, name: input.parse()? })
}

pub(super) fn is_function(input: ParseStream<'_>) -> bool {
    input.peek(Token![fn]) || input.peek(Token![async]) || input.peek(Token![#])
}

pub(super) fn function(attrs: Vec<Attribute>, input: ParseStream<'_>) -> Result<Function> {
    let function = signature(attrs, input)?;
    if input.peek(token::Brace) {
        return Err(input.error("an accessor has no body; end it with `;`"));
    }
    Ok(function)
}

/// Reads a function up to its body.
pub(super) fn signature(attrs: Vec<Attribute>, input: ParseStream<'_>) -> Result<Function> {
    let is_async = input.parse::<Option<Token![async]>>()?.is_some();
    input.parse::<Token![fn]>()?;
    let name = input.parse()?;
    let generics: Generics = input.parse()?;
    let params;
    parenthesized!(params in input);
    let params = Punctuated::<FnArg, Token![,]>::parse_terminated(&params)?.into_iter().collect();
    let output = match input.parse::<Option<Token![->]>>()? {
        Some(_) => Some(input.parse::<Type>()?),
        None => None,
    };
    let export = match input.parse::<Option<Token![=]>>()? {
        Some(_) => Some(input.parse()?),
        None => None,
    };
    Ok(Function { attrs, is_async, name, generics, params, output, export })
}
