//! Reads the block. A statement or clause that cannot be read is reported and skipped, so that
//! mistakes in others are found as well.
//!
//! The tokens of each statement are split off before they are parsed (`next`), so that an
//! unfinished statement, as while it is being typed, does not take the next one with it. `blamed`
//! moves errors at the end of a statement to its last token, since the end itself has no token to
//! show.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Block as Body, Error, Expr, FnArg, Generics, Ident, LitStr, Result, Token, Type,
    Visibility, braced, parenthesized, token,
};

use crate::ast::{
    Block, Chain, Clause, Component, Contain, Export, Filter, FilterKind, Function, Group, Header,
    Hint, Host, HostFunction, Http, Interface, Layer, SETTINGS, Setting, Shared, Value,
};
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

/// Reads all statements or clauses up to the end of `input`. Each sees only its own tokens, so an
/// unfinished one takes nothing of the next. `one` is told whether it is the last.
fn each(
    input: ParseStream<'_>,
    report: &mut Report,
    begins: fn(ParseStream<'_>) -> bool,
    mut one: impl FnMut(ParseStream<'_>, bool, &mut Report) -> Result<()>,
) {
    while !input.is_empty() {
        let tokens = next(input, begins);
        let is_last = input.is_empty();
        if let Err(error) = within(tokens, |input| one(input, is_last, report)) {
            report.loss(error);
        }
    }
}

/// Takes the tokens of one statement or clause: up to and including a semicolon, or up to a token
/// at which `begins` finds the beginning of another.
fn next(input: ParseStream<'_>, begins: fn(ParseStream<'_>) -> bool) -> TokenStream {
    let mut tokens = TokenStream::new();
    let mut take = || {
        let token = input.parse::<TokenTree>();
        let is_end = matches!(&token, Ok(TokenTree::Punct(punct)) if punct.as_char() == ';');
        tokens.extend(token);
        is_end
    };
    // Attributes belong to the word after them.
    while input.peek(Token![#]) {
        take();
        if !input.peek(token::Bracket) {
            return tokens;
        }
        take();
    }
    while input.peek(Token![pub]) || input.peek(Token![async]) {
        take();
    }
    let mut is_end = take();
    while !(is_end || input.is_empty() || begins(input)) {
        is_end = take();
    }
    tokens
}

/// Parses `tokens`, which need not be read to their end.
fn within<T>(tokens: TokenStream, read: impl FnOnce(ParseStream<'_>) -> Result<T>) -> Result<T> {
    let parser = |input: ParseStream<'_>| {
        // syn fails in the end if a group was left half-read, except in a fork.
        let ahead = input.fork();
        let result = read(&ahead).map_err(|error| blamed(error, input.cursor(), &ahead));
        while !input.is_empty() {
            pass(input);
        }
        result
    };
    parser.parse2(tokens)
}

/// The beginning of syn's message that the input has ended.
const END: &str = "unexpected end of input, ";

/// Moves an error at the end of the tokens, or at their semicolon, to the last token before it,
/// which belongs to the unfinished part.
fn blamed(error: Error, start: Cursor<'_>, end: ParseStream<'_>) -> Error {
    let (mut message, mut error) = (error.to_string(), error);
    // syn's message lists every token with which a type can begin.
    if let Some((before, _)) = message.split_once("expected one of: `for`, ") {
        message = format!("{before}expected a type");
        error = Error::new(error.span(), message.trim_start_matches(END));
    }
    let (is_at_end, expected) = match message.strip_prefix(END) {
        Some(expected) => (true, expected),
        None => (end.peek(Token![;]) && message.starts_with("expected "), &*message),
    };
    match last_token(start, end.cursor()) {
        // The end may be that of a group.
        Some(TokenTree::Group(group)) if is_at_end && end.is_empty() => {
            Error::new(group.span_close(), expected)
        }
        Some(TokenTree::Group(_)) | None => error,
        Some(_) if !is_at_end => error,
        Some(token) => {
            let place = if expected.contains(" after ") { "" } else { " after this" };
            Error::new(token.span(), format!("{expected}{place}"))
        }
    }
}

fn pass(input: ParseStream<'_>) {
    // Fails only at the end of the input, where nothing is left to skip.
    let _ = input.parse::<TokenTree>();
}

/// Reads the semicolon after what began at `start`. If it is missing, the last token before it is
/// blamed: the next token may be far away, and is not wrong.
fn semicolon(input: ParseStream<'_>, start: Cursor<'_>, report: &mut Report) {
    if !input.parse::<Option<Token![;]>>().is_ok_and(|token| token.is_some()) {
        report.error_at(last_span(start, input.cursor()), "expected `;` after this");
    }
}

/// The span of the last token before `end`.
fn last_span(start: Cursor<'_>, end: Cursor<'_>) -> Span {
    match last_token(start, end) {
        Some(TokenTree::Group(group)) => group.span_close(),
        Some(token) => token.span(),
        None => start.span(),
    }
}

/// The last token between `start` and `end`.
fn last_token(start: Cursor<'_>, end: Cursor<'_>) -> Option<TokenTree> {
    let mut cursor = start;
    let mut last = None;
    while cursor != end
        && let Some((token, next)) = cursor.token_tree()
    {
        last = Some(token);
        cursor = next;
    }
    last
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
    component || fused || export || chain || allow || layer || input.peek(Token![#])
}

/// Whether a `layer` clause begins here, rather than something named `layer`.
fn is_layer(input: ParseStream<'_>) -> bool {
    input.peek(kw::layer) && input.peek2(Ident::peek_any) && !input.peek2(Token![as])
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
            block.exports.push(Export::Interface(interface(attrs, input, report)?));
            input.parse::<Option<Token![;]>>()?;
            return Ok(());
        } else if input.peek(Token![fn]) || input.peek(Token![async]) {
            block.exports.push(Export::Function(Box::new(function(attrs, input)?)));
        } else if input.peek(kw::http) {
            block.exports.push(Export::Http(http(attrs, input)?));
        } else {
            let what = "an export's name, `fn`, `async fn`, `interface` or `http`";
            return Err(input.error(format!("expected {what} after `export`")));
        }
    } else if input.peek(kw::chain) {
        refuse(&attrs, report);
        chain(input, &mut block.chains, report)?;
    } else if input.peek(kw::allow) {
        refuse(&attrs, report);
        block.allow_cycles.push(input.parse::<kw::allow>()?.span);
        input.parse::<kw::cycles>()?;
    } else if input.peek(kw::layer) {
        refuse(&attrs, report);
        let layer: kw::layer = input.parse()?;
        block.layers.push(expression(layer, input)?);
    } else {
        if let Some(last) = attrs.last().filter(|_| input.is_empty()) {
            return Err(Error::new_spanned(last, "expected `export` after this"));
        }
        let known = ["component", "fused", "export", "chain", "allow cycles", "layer"];
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
        Value::Absent | Value::Given(_) | Value::Host(_) => false,
    }
}

/// Fails if there is no name. Mistakes after the name are only reported.
fn component(input: ParseStream<'_>, report: &mut Report) -> Result<Component> {
    input.parse::<kw::component>()?;
    let (name, value) = (input.parse()?, Value::Absent);
    let mut component = Component { name, value, clauses: Vec::new(), group: None };
    if input.peek(Token![=]) && is_host(input) {
        input.parse::<Token![=]>()?;
        component.value = Value::Host(host(input, report)?);
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
fn fused(input: ParseStream<'_>, report: &mut Report) -> Result<Component> {
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

/// The expression after `word`.
fn expression(word: impl ToTokens, input: ParseStream<'_>) -> Result<Expr> {
    if input.is_empty() || input.peek(Token![;]) {
        let message = format!("expected an expression after `{}`", word.to_token_stream());
        return Err(Error::new_spanned(word, message));
    }
    input.parse()
}

/// Whether a clause begins here. Two tokens decide, as settings' names are likely names of
/// variables, and the other words may be names of components.
fn is_clause(input: ParseStream<'_>) -> bool {
    let word = input.peek(kw::import)
        || input.peek(kw::expose)
        || input.peek(kw::hide)
        || input.peek(kw::contain);
    word && input.peek2(LitStr) || is_layer(input)
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
fn clause(input: ParseStream<'_>, others: &[&str]) -> Result<Clause> {
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

fn hint(input: ParseStream<'_>) -> Result<Hint> {
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
fn chain(input: ParseStream<'_>, chains: &mut Vec<Chain>, report: &mut Report) -> Result<()> {
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

fn interface(
    attrs: Vec<Attribute>,
    input: ParseStream<'_>,
    report: &mut Report,
) -> Result<Interface> {
    input.parse::<kw::interface>()?;
    let interface = input.parse()?;
    input.parse::<Token![as]>()?;
    let name = input.parse()?;
    let content;
    braced!(content in input);
    let (mut functions, before) = (Vec::new(), report.count());
    each(&content, report, is_function, |input, _, report| {
        let start = input.cursor();
        let attrs = input.call(Attribute::parse_outer)?;
        functions.push(function(attrs, input)?);
        semicolon(input, start, report);
        Ok(())
    });
    let incomplete = report.count() > before;
    Ok(Interface { attrs, interface, name, functions, incomplete })
}

/// Fails if there is no name: `Composition` has a method `http`, so there is none to take by default.
fn http(attrs: Vec<Attribute>, input: ParseStream<'_>) -> Result<Http> {
    let keyword: Ident = input.parse()?;
    if input.is_empty() || input.peek(Token![;]) {
        let message = "expected `as` and a name after this, as in `export http as web;`";
        return Err(Error::new_spanned(keyword, message));
    }
    input.parse::<Token![as]>()?;
    Ok(Http { attrs, keyword, name: input.parse()? })
}

fn is_function(input: ParseStream<'_>) -> bool {
    input.peek(Token![fn]) || input.peek(Token![async]) || input.peek(Token![#])
}

fn function(attrs: Vec<Attribute>, input: ParseStream<'_>) -> Result<Function> {
    let function = signature(attrs, input)?;
    if input.peek(token::Brace) {
        return Err(input.error("an accessor has no body; end it with `;`"));
    }
    Ok(function)
}

/// Reads a function up to its body.
fn signature(attrs: Vec<Attribute>, input: ParseStream<'_>) -> Result<Function> {
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
