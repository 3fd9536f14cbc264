//! The first difference between two types, in words.
//!
//! Two long types that differ in a single case look the same when they are printed one below the
//! other, so the report of a mismatch also says which case it is.

use std::sync::Arc;

use crate::types::{FunctionType, ValueType};

/// The number of names listed before `.. n more`.
const MOST: usize = 4;

pub(super) fn of_values(expected: &ValueType, found: &ValueType) -> Option<String> {
    match (expected, found) {
        (ValueType::Enum(expected), ValueType::Enum(found)) => {
            of_names("case", "cases", &texts(expected), &texts(found))
        }
        (ValueType::Flags(expected), ValueType::Flags(found)) => {
            of_names("flag", "flags", &texts(expected), &texts(found))
        }
        (ValueType::Variant(expected), ValueType::Variant(found)) => {
            of_names("case", "cases", &firsts(expected), &firsts(found))
        }
        (ValueType::Record(expected), ValueType::Record(found)) => {
            of_names("field", "fields", &firsts(expected), &firsts(found))
        }
        (ValueType::Tuple(expected), ValueType::Tuple(found)) => {
            Some(format!("found has {} elements instead of {}", found.len(), expected.len()))
        }
        _ => None,
    }
}

pub(super) fn of_functions(expected: &FunctionType, found: &FunctionType) -> Option<String> {
    match (expected.is_async, found.is_async) {
        (true, false) => return Some("found is not async".to_owned()),
        (false, true) => return Some("found is async".to_owned()),
        _ => {}
    }
    let params = (firsts(&expected.params), firsts(&found.params));
    of_names("parameter", "parameters", &params.0, &params.1).or_else(|| {
        match (&expected.result, &found.result) {
            (Some(_), None) => Some("found returns nothing".to_owned()),
            (None, Some(_)) => Some("found returns something".to_owned()),
            _ => None,
        }
    })
}

fn texts(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

fn firsts<T>(members: &[(Arc<str>, T)]) -> Vec<&str> {
    members.iter().map(|(name, _)| &**name).collect()
}

fn of_names(one: &str, many: &str, expected: &[&str], found: &[&str]) -> Option<String> {
    let list = |names: &[&str]| {
        let shown: Vec<_> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
        let rest = names.len().saturating_sub(MOST);
        let rest = if rest > 0 { format!(", .. {rest} more") } else { String::new() };
        format!("{}{rest}", shown.join(", "))
    };
    let counted = |names: &[&str], than: &str| match names.len() {
        1 => format!("found has a {one} {than}: {}", list(names)),
        count => format!("found has {count} {many} {than}: {}", list(names)),
    };
    if let Some(more) = added(expected, found) {
        return (!more.is_empty()).then(|| counted(&more, "more"));
    }
    if let Some(less) = added(found, expected) {
        return Some(counted(&less, "less"));
    }
    let mut places = expected.iter().zip(found).enumerate();
    let differs = places.find(|(_, (expected, found))| expected != found);
    differs.map(|(place, (expected, found))| {
        format!("{one} {place} is `{found}` instead of `{expected}`")
    })
}

/// The names that `longer` has in addition, if it has all of `shorter` in the same order; otherwise
/// `None`.
fn added<'a>(shorter: &[&str], longer: &[&'a str]) -> Option<Vec<&'a str>> {
    let mut rest = shorter.iter().peekable();
    let mut added = Vec::new();
    for name in longer {
        match rest.next_if(|next| *next == name) {
            Some(_) => {}
            None => added.push(*name),
        }
    }
    rest.peek().is_none().then_some(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(expected: &str, found: &str) -> Option<String> {
        let names = |text: &str| text.split_whitespace().map(Arc::from).collect();
        of_values(&ValueType::Enum(names(expected)), &ValueType::Enum(names(found)))
    }

    #[test]
    fn first_difference_of_names_is_told() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(told("a b", "a b"), None);
        assert_eq!(told("a b", "a b c"), some("found has a case more: `c`"));
        assert_eq!(told("a b", "a x b"), some("found has a case more: `x`"));
        assert_eq!(told("a b c", "b"), some("found has 2 cases less: `a`, `c`"));
        assert_eq!(told("a b c", "a x c"), some("case 1 is `x` instead of `b`"));
        assert_eq!(told("a b", "b a"), some("case 0 is `b` instead of `a`"));
        assert_eq!(
            told("a", "a b c d e f g"),
            some("found has 6 cases more: `b`, `c`, `d`, `e`, .. 2 more")
        );
    }
}
