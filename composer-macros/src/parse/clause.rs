//! What is said of components: hints, filters, layers, settings, chains.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Ident, LitStr, Result, Token};

use super::tokens::expression;
use super::unknown;
use crate::ast::{Chain, Clause, Contain, Filter, FilterKind, Hint, Layer, SETTINGS, Setting};
use crate::kw;
use crate::report::Report;

/// Whether a clause begins here. Two tokens decide, as settings' names are likely names of
/// variables, and the other words may be names of components.
pub(super) fn is_clause(input: ParseStream<'_>) -> bool {
    let word = input.peek(kw::import)
        || input.peek(kw::expose)
        || input.peek(kw::hide)
        || input.peek(kw::contain);
    word && input.peek2(LitStr) || is_layer(input)
}

/// Whether a `layer` clause begins here, rather than something named `layer`.
pub(super) fn is_layer(input: ParseStream<'_>) -> bool {
    input.peek(kw::layer) && input.peek2(Ident::peek_any) && !input.peek2(Token![as])
}

fn is_setting(input: ParseStream<'_>) -> bool {
    let word = input.fork().parse::<Ident>();
    word.is_ok_and(|word| SETTINGS.iter().any(|name| word == name))
}

/// Reads a clause; `others` are words that may stand in its place as well, for the error.
///
/// To add a clause that is more than a setting (`ast::SETTINGS`): add its keyword here and in
/// `is_clause`, a variant of `ast::Clause`, its rules in `check`, and in `expand` the method of
/// `ComposableDescriptor` that it stands for.
pub(super) fn clause(input: ParseStream<'_>, others: &[&str]) -> Result<Clause> {
    if input.peek(kw::import) {
        input.parse::<kw::import>()?;
        Ok(Clause::Import(import_hint(input)?))
    } else if input.peek(kw::expose) {
        let keyword: kw::expose = input.parse()?;
        filter(FilterKind::Expose, keyword.span, input)
    } else if input.peek(kw::hide) {
        let keyword: kw::hide = input.parse()?;
        filter(FilterKind::Hide, keyword.span, input)
    } else if input.peek(kw::contain) {
        input.parse::<kw::contain>()?;
        let import = input.parse()?;
        let case = match input.parse::<Option<Token![as]>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
        Ok(Clause::Contain(Contain { import, case }))
    } else if input.peek(kw::layer) {
        let layer: kw::layer = input.parse()?;
        let value = expression(layer, input)?;
        let on = match input.parse::<Option<kw::on>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
        Ok(Clause::Layer(Layer { value, on }))
    } else if input.peek(kw::untrusted) {
        Ok(Clause::Untrusted(input.parse::<kw::untrusted>()?.span))
    } else if is_setting(input) {
        let name: Ident = input.parse()?;
        let value = expression(&name, input)?;
        Ok(Clause::Setting(Setting { name, value }))
    } else {
        let clauses = ["import", "expose", "hide", "contain", "layer", "untrusted"];
        let known: Vec<&str> = others.iter().chain(&clauses).chain(SETTINGS).copied().collect();
        Err(unknown(input, "clause", &known))
    }
}

fn filter(kind: FilterKind, span: Span, input: ParseStream<'_>) -> Result<Clause> {
    let mut names = vec![input.parse()?];
    while input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
        if input.is_empty() || input.peek(Token![;]) {
            break;
        }
        names.push(input.parse()?);
    }
    Ok(Clause::Filter(Filter { kind, span, names }))
}

pub(super) fn hint(input: ParseStream<'_>) -> Result<Hint> {
    let export = input.parse()?;
    input.parse::<kw::from>()?;
    Ok(Hint { name: export, export: None, from: input.parse()? })
}

/// As with `use`, the name after `as` is the name on this side.
fn import_hint(input: ParseStream<'_>) -> Result<Hint> {
    let first = input.parse()?;
    let (import, export) = match input.parse::<Option<Token![as]>>()? {
        Some(_) => (input.parse()?, Some(first)),
        None => (first, None),
    };
    input.parse::<kw::from>()?;
    Ok(Hint { name: import, export, from: input.parse()? })
}

/// Adds a chain to `chains`, whether all of its components can be read or not: those before a mistake
/// are checked.
pub(super) fn chain(
    input: ParseStream<'_>,
    chains: &mut Vec<Chain>,
    report: &mut Report,
) -> Result<()> {
    input.parse::<kw::chain>()?;
    let interface: LitStr = input.parse()?;
    if input.peek(Ident) {
        report.error(&interface, "expected `:` after this");
    } else {
        input.parse::<Token![:]>()?;
    }
    let mut links = Vec::new();
    let read = self::links(input, &mut links);
    chains.push(Chain { interface, links });
    read
}

/// Reads `first -> second -> last`.
fn links(input: ParseStream<'_>, links: &mut Vec<Ident>) -> Result<()> {
    if input.is_empty() || input.peek(Token![;]) {
        return Err(input.error("expected a component after this"));
    }
    links.push(input.parse()?);
    while let Some(arrow) = input.parse::<Option<Token![->]>>()? {
        if input.is_empty() || input.peek(Token![;]) {
            let message = "no component follows; name one, or drop this `->`";
            return Err(Error::new_spanned(arrow, message));
        }
        links.push(input.parse()?);
    }
    if input.peek(Token![,]) {
        return Err(input.error("expected `->` between the components of a chain"));
    }
    Ok(())
}
