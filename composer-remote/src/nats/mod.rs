//! NATS: requests and replies through a broker that is already running.
//!
//! A function has a subject: a prefix, its interface and its name, in which `_` stands for dots,
//! and for the interface of a function of the world: `wasm.acme:kv/store@1_0_0.get`. Servers
//! subscribe to it in a queue group, so each call goes to one of them. The format of messages is
//! described in [`envelope`].
//!
//! A message cannot be larger than the broker allows, and there is no connection for each call, so
//! streams and futures are not carried. The broker decides which clients may publish and subscribe;
//! a caller's identity is not known here.

mod client;
mod envelope;
mod server;

use std::fmt::Write as _;

pub use client::Nats;
pub use server::NatsServer;

/// The transport's name in messages.
const NAME: &str = "NATS";

/// The prefix of subjects.
const PREFIX: &str = "wasm";

/// The subject of a function. Different functions have different subjects, and for any names the
/// subject is valid and without wildcards.
fn subject(prefix: &str, interface: Option<&str>, function: &str) -> String {
    let interface = interface.map_or_else(|| "_".to_owned(), token);
    format!("{prefix}.{interface}.{}", token(function))
}

/// Encodes a name as one part of a subject. In names of the component model only dots cannot be
/// part of it; any other character that cannot is written as `%` and its bytes in hexadecimal, as
/// in URLs.
fn token(name: &str) -> String {
    if name.is_empty() {
        return "%".to_owned();
    }
    let mut token = String::with_capacity(name.len());
    for char in name.chars() {
        match char {
            '.' => token.push('_'),
            // `_` stands for a dot, and alone for the world, so it must be escaped itself.
            '_' | '%' | '*' | '>' => escape(&mut token, char),
            '!'..='~' => token.push(char),
            _ => escape(&mut token, char),
        }
    }
    token
}

fn escape(token: &mut String, char: char) {
    for byte in char.encode_utf8(&mut [0; 4]).bytes() {
        // Writing to a string cannot fail.
        let _ = write!(token, "%{byte:02X}");
    }
}

/// Whether messages can be sent to a subject: it has non-empty parts, separated by dots, without
/// wildcards, white space or control characters.
fn is_subject(subject: &str) -> bool {
    let is_part = |part: &str| {
        let is_bad = |char: char| char.is_whitespace() || char.is_control();
        !part.is_empty() && !part.contains(is_bad) && part != "*" && part != ">"
    };
    subject.split('.').all(is_part)
}

/// What is wrong with a prefix of subjects or a queue group that the user gave.
fn problem_of(what: &str, text: &str) -> Option<String> {
    (!is_subject(text)).then(|| {
        format!(
            "expected {what} of parts with dots between, without `*`, `>` and white space, found {text:?}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_of_subjects() {
        let subject = |interface, function| subject("wasm", interface, function);
        assert_eq!(subject(Some("acme:kv/store@1.0.0"), "get"), "wasm.acme:kv/store@1_0_0.get");
        assert_eq!(subject(None, "add"), "wasm._.add");
        let names = ["_", "", "*", ">", "a b", "a\r\nPUB x 1", "a_b", "a.b", "a%b", "\u{e9}", "\0"];
        let mut subjects = std::collections::HashSet::new();
        for name in names {
            let subject = subject(Some(name), name);
            assert!(is_subject(&subject) && subject.split('.').count() == 3, "{subject}");
            assert!(subject.is_ascii() && subjects.insert(subject));
        }
    }

    #[test]
    fn what_is_no_subject_is_told() {
        for subject in ["", ".", "a.", ".a", "a..b", "*", "a.>", "a b", "a\n"] {
            assert!(!is_subject(subject), "{subject:?}");
            assert!(problem_of("a prefix", subject).unwrap().contains("found \""));
        }
        assert_eq!(problem_of("a prefix", "shop.eu-1"), None);
    }
}
