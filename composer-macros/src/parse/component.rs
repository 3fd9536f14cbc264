//! Components, what they are, and groups that are fused.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Block as Body, Error, Expr, Ident, LitStr, Result, Token, braced, token};

use super::clause::{chain, clause, hint, is_clause};
use super::export::{is_function, signature};
use super::is_statement;
use super::tokens::{blamed, each, pass, semicolon};
use crate::ast::{Component, Group, Host, HostFunction, Implemented, Shared, Value};
use crate::kw;
use crate::report::Report;

/// Fails if there is no name. Mistakes after the name are only reported.
pub(super) fn component(input: ParseStream<'_>, report: &mut Report) -> Result<Component> {
    input.parse::<kw::component>()?;
    let (name, value) = (input.parse()?, Value::Absent);
    let mut component = Component { name, value, clauses: Vec::new(), group: None };
    if input.peek(Token![=]) && is_host(input) {
        input.parse::<Token![=]>()?;
        component.value = match is_implemented(input) {
            true => Value::Implemented(implemented(input)?),
            false => Value::Host(host(input, report)?),
        };
    } else if input.peek(Token![=]) {
        component.value = given::<Token![=]>("=", input, report);
    }
    if is_struct_literal(input) {
        let message = "these braces hold clauses; put a struct literal in parentheses";
        report.loss(input.error(message));
        skip_value(input);
        component.value = Value::Broken;
    } else if input.peek(token::Brace) {
        let clauses;
        braced!(clauses in input);
        each(&clauses, report, is_clause, |input, is_last, report| {
            let start = input.cursor();
            component.clauses.push(clause(input, &[])?);
            if !(is_last && input.is_empty()) {
                semicolon(input, start, report);
            }
            Ok(())
        });
    }
    Ok(component)
}

/// Whether an interface implemented in Rust follows the `=`, rather than an expression that begins
/// with a variable `host`.
fn is_host(input: ParseStream<'_>) -> bool {
    let functions = |input: ParseStream<'_>| {
        let functions;
        braced!(functions in input);
        Ok::<_, Error>(is_function(&functions) || functions.peek(Token![pub]))
    };
    let ahead = input.fork();
    let begins = ahead.parse::<Token![=]>().is_ok() && ahead.parse::<kw::host>().is_ok();
    begins
        && (ahead.peek(LitStr)
            || ahead.peek(kw::with) && ahead.peek2(Ident)
            || functions(&ahead).unwrap_or(false))
}

/// Whether a type implements the interface that follows, rather than functions in braces.
fn is_implemented(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.parse::<kw::host>().is_ok() && ahead.parse::<LitStr>().is_ok() && ahead.peek(Token![as])
}

fn implemented(input: ParseStream<'_>) -> Result<Implemented> {
    let span = input.parse::<kw::host>()?.span;
    let interface = input.parse()?;
    let word: Token![as] = input.parse()?;
    let mut by = TokenStream::new();
    let is_end = |input: ParseStream<'_>| {
        input.is_empty() || input.peek(Token![;]) || input.peek(token::Brace)
    };
    while !is_end(input) {
        by.extend(input.parse::<TokenTree>());
    }
    if by.is_empty() {
        let message = "expected a type that implements the interface after this";
        return Err(Error::new_spanned(word, message));
    }
    Ok(Implemented { span, interface, by })
}

/// Fails if there are no braces. Mistakes inside them are only reported.
fn host(input: ParseStream<'_>, report: &mut Report) -> Result<Host> {
    let keyword: kw::host = input.parse()?;
    let interface = if input.peek(LitStr) { Some(input.parse()?) } else { None };
    let mut shared = Vec::new();
    if input.parse::<Option<kw::with>>()?.is_some() {
        shared.push(one_shared(input)?);
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.peek(token::Brace) {
            shared.push(one_shared(input)?);
        }
    }
    if !input.peek(token::Brace) {
        return Err(
            input.error("expected `{ .. }` after this, with the functions of the interface")
        );
    }
    let content;
    braced!(content in input);
    let (mut functions, before) = (Vec::new(), report.count());
    each(&content, report, is_function, |input, _, report| {
        let attrs = input.call(Attribute::parse_outer)?;
        if input.peek(Token![pub]) {
            let message = "a function of an interface has no visibility: components call it";
            return Err(input.error(message));
        }
        let function = signature(attrs, input)?;
        refuse_all_but_docs(&function.attrs, report);
        if !input.peek(token::Brace) {
            return Err(input.error("expected `{ .. }`, with what the function does"));
        }
        functions.push(HostFunction { function, body: input.parse::<Body>()?.stmts });
        Ok(())
    });
    let incomplete = report.count() > before;
    Ok(Host { span: keyword.span, interface, shared, functions, incomplete })
}

fn one_shared(input: ParseStream<'_>) -> Result<Shared> {
    let name = input.parse()?;
    let ty = match input.parse::<Option<Token![:]>>()? {
        Some(_) => Some(input.parse()?),
        None => None,
    };
    Ok(Shared { name, ty })
}

fn refuse_all_but_docs(attrs: &[Attribute], report: &mut Report) {
    for attr in attrs.iter().filter(|attr| !attr.path().is_ident("doc")) {
        let message = "a function of an interface takes no attributes but documentation";
        report.error(attr, message);
    }
}

/// Fails if there is no name, or nothing to fuse. Other mistakes are only reported.
pub(super) fn fused(input: ParseStream<'_>, report: &mut Report) -> Result<Component> {
    input.parse::<kw::fused>()?;
    let name = input.parse()?;
    let value = if input.peek(Token![in]) && input.peek2(token::Brace) {
        // As with `for`, the braces are the body and not the expression.
        let message = "expected an expression after `in`";
        report.loss(Error::new_spanned(input.parse::<Token![in]>()?, message));
        Value::Broken
    } else if input.peek(Token![in]) {
        given::<Token![in]>("in", input, report)
    } else {
        Value::Absent
    };
    let (mut group, mut clauses) = (Group::default(), Vec::new());
    if matches!(value, Value::Broken) && !input.peek(token::Brace) {
        // Its members are not known.
        group.nameless = true;
        return Ok(Component { name, value, clauses, group: Some(group) });
    }
    if !input.peek(token::Brace) {
        return Err(input.error("expected `{ .. }` after this, with the components that are fused"));
    }
    let content;
    braced!(content in input);
    each(&content, report, is_member, |input, is_last, report| {
        let start = input.cursor();
        if input.peek(kw::component) {
            group.nameless = true;
            let component = component(input, report)?;
            group.nameless = false;
            group.components.push(component);
        } else if input.peek(kw::export) {
            input.parse::<kw::export>()?;
            if !input.peek(LitStr) {
                let message = "expected an export's name after `export`; accessors stand outside of \
                               what is fused";
                return Err(input.error(message));
            }
            group.hints.push(hint(input)?);
        } else if input.peek(kw::chain) {
            chain(input, &mut group.chains, report)?;
        } else {
            clauses.push(clause(input, &["component", "export", "chain"])?);
        }
        if !(is_last && input.is_empty()) {
            semicolon(input, start, report);
        }
        Ok(())
    });
    Ok(Component { name, value, clauses, group: Some(group) })
}

/// Whether a statement or clause begins here that can be inside the braces of `fused`.
fn is_member(input: ParseStream<'_>) -> bool {
    is_statement(input) || is_clause(input)
}

/// Whether the braces here are a struct literal rather than clauses.
fn is_struct_literal(input: ParseStream<'_>) -> bool {
    let fields = || {
        let fields;
        braced!(fields in input.fork());
        Ok::<_, Error>(fields.peek(Ident) && fields.peek2(Token![:]) || fields.peek(Token![..]))
    };
    fields().unwrap_or(false)
}

/// The expression after `P`, which is written as `word`.
fn given<P: Parse + ToTokens>(word: &str, input: ParseStream<'_>, report: &mut Report) -> Value {
    let start = input.cursor();
    let value = |input: ParseStream<'_>| {
        let before: P = input.parse()?;
        if input.is_empty() || input.peek(Token![;]) {
            let message = format!("expected an expression after `{word}`");
            return Err(Error::new_spanned(before, message));
        }
        input.call(Expr::parse_without_eager_brace)
    };
    match value(input) {
        Ok(value) => Value::Given(Box::new(value)),
        Err(error) => {
            report.loss(blamed(error, start, input));
            skip_value(input);
            Value::Broken
        }
    }
}

/// Skips a value up to the semicolon, which is left so that it is not reported missing.
fn skip_value(input: ParseStream<'_>) {
    while !(input.is_empty() || input.peek(Token![;])) {
        pass(input);
    }
}
