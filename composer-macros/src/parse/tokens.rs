//! Splits the tokens of statements and clauses off, and finds the token that an error is about.
//!
//! `blamed` moves errors at the end of a statement to its last token, since the end itself has no token to
//! show.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::buffer::Cursor;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Result, Token, token};

use crate::report::Report;

/// Reads all statements or clauses up to the end of `input`. Each sees only its own tokens, so an
/// unfinished one takes nothing of the next. `one` is told whether it is the last.
pub(super) fn each(
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
pub(super) fn next(input: ParseStream<'_>, begins: fn(ParseStream<'_>) -> bool) -> TokenStream {
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
pub(super) fn within<T>(
    tokens: TokenStream,
    read: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
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
pub(super) fn blamed(error: Error, start: Cursor<'_>, end: ParseStream<'_>) -> Error {
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

pub(super) fn pass(input: ParseStream<'_>) {
    // Fails only at the end of the input, where nothing is left to skip.
    let _ = input.parse::<TokenTree>();
}

/// Reads the semicolon after what began at `start`. If it is missing, the last token before it is
/// blamed: the next token may be far away, and is not wrong.
pub(super) fn semicolon(input: ParseStream<'_>, start: Cursor<'_>, report: &mut Report) {
    if !input.parse::<Option<Token![;]>>().is_ok_and(|token| token.is_some()) {
        report.error_at(last_span(start, input.cursor()), "expected `;` after this");
    }
}

/// The span of the last token before `end`.
pub(super) fn last_span(start: Cursor<'_>, end: Cursor<'_>) -> Span {
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

/// The expression after `word`.
pub(super) fn expression(word: impl ToTokens, input: ParseStream<'_>) -> Result<Expr> {
    if input.is_empty() || input.peek(Token![;]) {
        let message = format!("expected an expression after `{}`", word.to_token_stream());
        return Err(Error::new_spanned(word, message));
    }
    input.parse()
}
