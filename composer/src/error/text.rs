//! Names and texts of others, made safe to print on a terminal or into a log.
//!
//! Components choose the names of their imports almost freely, and so do peers and files. A name
//! must not be able to move the cursor, to begin a line that looks like another message, or to
//! change the direction of the text beside it.

use std::fmt::{self, Write};

/// A name in which characters that must not be printed are escaped, as in `\u{1b}`.
pub(crate) fn plain(name: &str) -> PlainText<'_> {
    PlainText(name)
}

/// Names separated by `between`.
pub(crate) fn listed<'a>(names: &'a [String], between: &'static str) -> ListOf<'a> {
    ListOf(names, between)
}

/// Whether a name can be printed without escapes.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.contains(is_escaped)
}

/// A text in which the characters that [`plain`] escapes are escaped, except for line feeds.
pub(crate) fn plain_lines(text: impl fmt::Display) -> impl fmt::Display {
    Lines(text)
}

/// Control characters, line and paragraph separators, and characters that change the direction of
/// text.
fn is_escaped(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[derive(Clone, Copy)]
pub(crate) struct PlainText<'a>(&'a str);

impl fmt::Display for PlainText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(f, self.0, is_escaped)
    }
}

pub(crate) struct ListOf<'a>(&'a [String], &'static str);

impl fmt::Display for ListOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { self.1 };
            write!(f, "{between}{}", plain(name))?;
        }
        Ok(())
    }
}

struct Lines<T>(T);

impl<T: fmt::Display> fmt::Display for Lines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escaped(self.0, text, |c| c != '\n' && is_escaped(c))
    }
}

fn escaped(out: &mut impl Write, text: &str, is_escaped: impl Fn(char) -> bool) -> fmt::Result {
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_escaped(*c)) {
        out.write_str(&rest[..at])?;
        write!(out, "{}", c.escape_default())?;
        rest = &rest[at + c.len_utf8()..];
    }
    out.write_str(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_to_be_printed_is_escaped() {
        assert_eq!(
            plain("a\u{1b}[31m\r\nb\u{202e}c\u{9b}").to_string(),
            r"a\u{1b}[31m\r\nb\u{202e}c\u{9b}"
        );
        assert_eq!(plain("größe-λ").to_string(), "größe-λ");
        assert_eq!(plain_lines("a\n\u{1b}b").to_string(), "a\n\\u{1b}b");
        assert!(is_plain("acme:kv/store@1.0.0") && !is_plain("a\u{2066}"));
        let names = ["a\n".to_owned(), "b".to_owned()];
        assert_eq!(listed(&names, "`, `").to_string(), "a\\n`, `b");
    }
}
