//! NATS: requests and replies through a broker that runs already.
//!
//! A function has a subject: a prefix, its interface and its name, with `_` for the dots in them, and `_`
//! for the interface of a function of the world: `wasm.acme:kv/store@1_0_0.get`. Servers subscribe to it
//! in a queue group, so each call goes to one of them. What is sent is described in [`envelope`].

mod client;
mod envelope;
mod server;

use std::fmt::Write as _;

pub use client::Nats;
pub use server::NatsServer;

/// What the transport is called in messages.
const NAME: &str = "NATS";

/// The prefix of subjects.
const PREFIX: &str = "wasm";

/// The subject of a function. No two functions have the same, and whatever their names are, it is a subject
/// without wildcards.
fn subject(prefix: &str, interface: Option<&str>, function: &str) -> String {
    let interface = interface.map_or_else(|| "_".to_owned(), token);
    format!("{prefix}.{interface}.{}", token(function))
}

/// A name as one part of a subject. Those of the component model have dots as the only letters that may not
/// stand in one; all others that may not are `%` and their bytes in hexadecimal, as in an URL.
fn token(name: &str) -> String {
    if name.is_empty() {
        return "%".to_owned();
    }
    let mut token = String::with_capacity(name.len());
    for char in name.chars() {
        match char {
            '.' => token.push('_'),
            // `_` stands for a dot, and by itself for the world.
            '_' | '%' | '*' | '>' => escape(&mut token, char),
            '!'..='~' => token.push(char),
            _ => escape(&mut token, char),
        }
    }
    token
}

fn escape(token: &mut String, char: char) {
    for byte in char.encode_utf8(&mut [0; 4]).bytes() {
        // Writing to a text cannot fail.
        let _ = write!(token, "%{byte:02X}");
    }
}

/// Whether it is a subject that messages can be sent to: of parts with dots between, none of them empty,
/// without wildcards, white space and control characters.
fn is_subject(subject: &str) -> bool {
    let is_part = |part: &str| {
        let is_bad = |char: char| char.is_whitespace() || char.is_control();
        !part.is_empty() && !part.contains(is_bad) && part != "*" && part != ">"
    };
    subject.split('.').all(is_part)
}

/// What is wrong with the first part of subjects, or a queue group, that a user gave.
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
