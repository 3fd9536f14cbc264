//! Reads the block. A statement or clause that cannot be read is reported and skipped, so that
//! mistakes in others are found as well.
//!
//! The tokens of each statement are split off before they are parsed (`tokens.rs`), so that an
//! unfinished statement, as while it is being typed, does not take the next one with it. `component.rs` reads
//! components and groups, `clause.rs` what is said of them, `export.rs` what gets an accessor.

mod clause;
mod component;
mod export;
mod tokens;

use proc_macro2::TokenStream;
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Ident, LitStr, Result, Token, Visibility, braced, token};

use self::clause::{chain, hint, is_layer};
use self::component::{component, fused};
use self::export::{function, http, interface, is_named, named, world};
use self::tokens::{each, expression, last_span, next, semicolon, within};
use crate::ast::{Block, Client, Component, Export, Header, Value, Wit};
use crate::kw;
use crate::report::Report;

/// Reads the path of the runtime crate, in braces, and the block after it.
///
/// # Errors
///
/// If even the path or the block's beginning cannot be read.
pub(crate) fn block(input: TokenStream, report: &mut Report) -> Result<Block> {
    let parser = |input: ParseStream<'_>| {
        let krate;
        braced!(krate in input);
        let mut block = Block {
            krate: krate.parse()?,
            header: None,
            components: Vec::new(),
            hints: Vec::new(),
            chains: Vec::new(),
            exports: Vec::new(),
            allow_cycles: Vec::new(),
            layers: Vec::new(),
            wit: Vec::new(),
            nameless: false,
        };
        if input.is_empty() {
            return Ok(block);
        }
        if starts_with_header(input) {
            let tokens = next(input, is_statement);
            block.header = Some(within(tokens, |input| header(input, report))?);
        }
        each(input, report, is_statement, |input, _, report| statement(input, &mut block, report));
        Ok(block)
    };
    parser.parse2(input)
}

fn starts_with_header(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let Ok(_) = ahead.call(Attribute::parse_outer) else { return false };
    ahead.peek(Token![pub]) || ahead.peek(Token![struct])
}

/// Fails if there is no name, as nothing can be declared then.
fn header(input: ParseStream<'_>, report: &mut Report) -> Result<Header> {
    let start = input.cursor();
    let attrs = input.call(Attribute::parse_outer)?;
    let vis: Visibility = input.parse()?;
    input.parse::<Token![struct]>()?;
    let name = input.parse()?;
    if input.peek(Token![<]) {
        report.error_at(input.span(), "the type of a composition has no generics");
    } else if input.peek(token::Brace) || input.peek(token::Paren) {
        report.error_at(input.span(), "the struct's fields are generated; write `;` instead");
    } else {
        semicolon(input, start, report);
    }
    Ok(Header { attrs, vis, name })
}

/// Whether a statement begins here. Two tokens decide, as an expression may use variables called
/// `component` or `export`.
fn is_statement(input: ParseStream<'_>) -> bool {
    let component = input.peek(kw::component) && input.peek2(Ident::peek_any);
    let export = input.peek(kw::export) && (input.peek2(LitStr) || input.peek2(Ident::peek_any));
    let fused = input.peek(kw::fused) && input.peek2(Ident::peek_any);
    let chain = input.peek(kw::chain) && input.peek2(LitStr);
    let allow = input.peek(kw::allow) && input.peek2(kw::cycles);
    let layer = is_layer(input);
    let wit = input.peek(kw::wit) && (input.peek2(LitStr) || input.peek2(token::Brace));
    wit || component || fused || export || chain || allow || layer || input.peek(Token![#])
}

fn statement(input: ParseStream<'_>, block: &mut Block, report: &mut Report) -> Result<()> {
    let start = input.cursor();
    let attrs = input.call(Attribute::parse_outer)?;
    if input.peek(kw::component) {
        refuse(&attrs, report);
        block.nameless = true;
        let mut component = component(input, report)?;
        block.nameless = false;
        if is_unfinished(&mut component, block.header.is_some(), start, input, report) {
            block.components.push(component);
            return Ok(());
        }
        block.components.push(component);
    } else if input.peek(kw::fused) {
        refuse(&attrs, report);
        block.nameless = true;
        let fused = fused(input, report)?;
        block.nameless = false;
        block.components.push(fused);
        input.parse::<Option<Token![;]>>()?;
        return Ok(());
    } else if input.peek(kw::export) {
        input.parse::<kw::export>()?;
        if input.peek(LitStr) {
            refuse(&attrs, report);
            block.hints.push(hint(input)?);
        } else if input.peek(kw::interface) {
            let export = interface(attrs, input, report)?;
            let has_braces = !matches!(export, Export::Client(Client { only: None, .. }));
            block.exports.push(export);
            if has_braces {
                input.parse::<Option<Token![;]>>()?;
                return Ok(());
            }
        } else if is_named(input) {
            block.exports.push(Export::Named(named(attrs, input)?));
        } else if input.peek(Token![fn]) || input.peek(Token![async]) {
            block.exports.push(Export::Function(Box::new(function(attrs, input)?)));
        } else if input.peek(kw::world) {
            block.exports.push(Export::World(world(attrs, input)?));
        } else if input.peek(kw::http) {
            block.exports.push(Export::Http(http(attrs, input)?));
        } else {
            let what = "an export's name, `fn`, `async fn`, `interface`, `world` or `http`";
            return Err(input.error(format!("expected {what} after `export`")));
        }
    } else if input.peek(kw::chain) {
        refuse(&attrs, report);
        chain(input, &mut block.chains, report)?;
    } else if input.peek(kw::allow) {
        refuse(&attrs, report);
        block.allow_cycles.push(input.parse::<kw::allow>()?.span);
        input.parse::<kw::cycles>()?;
    } else if input.peek(kw::wit) {
        refuse(&attrs, report);
        wit(input, &mut block.wit)?;
    } else if input.peek(kw::layer) {
        refuse(&attrs, report);
        let layer: kw::layer = input.parse()?;
        block.layers.push(expression(layer, input)?);
    } else {
        if let Some(last) = attrs.last().filter(|_| input.is_empty()) {
            return Err(Error::new_spanned(last, "expected `export` after this"));
        }
        let known = ["component", "fused", "export", "chain", "allow cycles", "layer", "wit"];
        return Err(unknown(input, "statement", &known));
    }
    semicolon(input, start, report);
    Ok(())
}

/// Reports attributes; only items that are declared in Rust can have them.
fn refuse(attrs: &[Attribute], report: &mut Report) {
    for attr in attrs {
        let message = "only the struct and what gets an accessor take attributes and \
                       documentation; write a comment with `//`";
        report.error(attr, message);
    }
}

fn unknown(input: ParseStream<'_>, what: &str, known: &[&str]) -> Error {
    let expected = format!("expected one of `{}`", known.join("`, `"));
    match input.fork().call(Ident::parse_any) {
        Ok(word) => Error::new(word.span(), format!("unknown {what} `{word}`; {expected}")),
        Err(_) => input.error(expected),
    }
}

/// Whether the statement of `component` ends here because its value is missing, which is then
/// reported once.
fn is_unfinished(
    component: &mut Component,
    is_item: bool,
    start: Cursor<'_>,
    input: ParseStream<'_>,
    report: &mut Report,
) -> bool {
    if input.peek(Token![;]) {
        return false;
    }
    match component.value {
        // The missing value, or a value that must not be there, has been reported.
        Value::Broken => true,
        Value::Given(_) if is_item => true,
        Value::Absent if !is_item && component.clauses.is_empty() => {
            let message = "expected `=` and an expression after this";
            report.loss(Error::new(last_span(start, input.cursor()), message));
            component.value = Value::Broken;
            true
        }
        Value::Absent | Value::Given(_) | Value::Host(_) | Value::Implemented(_) => false,
    }
}

/// Adds the statement whether its options can be read or not: that there is one is known.
#[cfg(feature = "wit")]
fn wit(input: ParseStream<'_>, all: &mut Vec<Wit>) -> Result<()> {
    let span = input.parse::<kw::wit>()?.span;
    let options = crate::wit::Options::of_block(input);
    let (options, read) = match options {
        Ok(options) => (Some(options), Ok(())),
        Err(error) => (None, Err(error)),
    };
    all.push(Wit { span, options });
    read
}

#[cfg(not(feature = "wit"))]
fn wit(input: ParseStream<'_>, all: &mut Vec<Wit>) -> Result<()> {
    let span = input.parse::<kw::wit>()?.span;
    all.push(Wit { span });
    Err(Error::new(span, "`wit` needs the feature `wit` of `wasm-runtime-composer`"))
}
