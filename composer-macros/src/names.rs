//! Names of the component model, how Rust's identifiers are converted to them, and suggestions for
//! mistyped ones.

use syn::Ident;
use syn::ext::IdentExt;

/// `producer_a` is `producer-a`, and `r#type` is `type`.
pub(crate) fn kebab(name: &Ident) -> String {
    name.unraw().to_string().replace('_', "-")
}

/// `TooBig` is `too-big`, and `HttpV2` is `http-v2`.
pub(crate) fn kebab_of_camel(name: &Ident) -> String {
    let name = name.unraw().to_string().replace('_', "-");
    let letters: Vec<char> = name.chars().collect();
    let mut kebab = String::new();
    for (i, &letter) in letters.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| letters[i]);
        let after = letters.get(i + 1);
        // A capital letter begins a word after a small letter, and as the last one of an acronym.
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || before.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
            });
        if begins {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

/// `i_consumer` is `IConsumer`.
pub(crate) fn camel(name: &Ident) -> String {
    let name = name.unraw().to_string();
    name.split('_').map(capitalized).collect()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// A name of WIT in snake case: `get-URL` is `get_url`. A word of Rust gets an underscore: `type` is `type_`.
#[cfg(feature = "wit")]
pub(crate) fn snake_of_wit(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let mut snake: String = name.chars().map(letter).collect();
    // A word of the edition 2024, which `syn` takes for a name.
    if snake == "gen" || syn::parse_str::<Ident>(&snake).is_err() {
        snake.push('_');
    }
    snake
}

/// A name of WIT as a variable, a field or a function.
#[cfg(feature = "wit")]
pub(crate) fn ident_of_wit(name: &str) -> Ident {
    Ident::new(&snake_of_wit(name), proc_macro2::Span::call_site())
}

/// A name of WIT in camel case: `get-URL` is `GetUrl`.
#[cfg(feature = "wit")]
pub(crate) fn camel_of_wit(name: &str) -> String {
    name.split('-').map(|word| capitalized(&word.to_lowercase())).collect()
}

/// A name of WIT as a constant: `read-only` is `READ_ONLY`.
#[cfg(feature = "wit")]
pub(crate) fn shouted_of_wit(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

/// A path as it is shown.
#[cfg(feature = "wit")]
pub(crate) fn path(path: &syn::Path) -> String {
    let names: Vec<_> = path.segments.iter().map(|it| it.ident.to_string()).collect();
    names.join("::")
}

/// Whether `name` is in kebab case: words of small letters or of capitals, with digits.
pub(crate) fn is_kebab(name: &str) -> bool {
    let is_word = |(i, word): (usize, &str)| {
        let of = |is_letter: fn(&char) -> bool| {
            word.chars().all(|c| is_letter(&c) || c.is_ascii_digit())
        };
        let starts_well = i > 0 || !word.starts_with(|c: char| c.is_ascii_digit());
        !word.is_empty()
            && starts_well
            && (of(char::is_ascii_lowercase) || of(char::is_ascii_uppercase))
    };
    name.split('-').enumerate().all(is_word)
}

/// Whether `name` can be a function's: in kebab case, or of a resource, `[method]bucket.put`.
pub(crate) fn is_function(name: &str) -> bool {
    let Some((kind, rest)) = name.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return is_kebab(name);
    };
    match (kind, rest.split_once('.')) {
        ("constructor", None) => is_kebab(rest),
        ("method" | "static", Some((resource, function))) => {
            is_kebab(resource) && is_kebab(function)
        }
        _ => false,
    }
}

/// Whether `name` can be an interface's: in kebab case, or `ns:pkg/iface@1.0.0`.
pub(crate) fn is_interface(name: &str) -> bool {
    let Some((package, rest)) = name.split_once('/') else {
        return is_kebab(name);
    };
    let (path, version) = match rest.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (rest, None),
    };
    package.contains(':')
        && package.split(':').all(is_kebab)
        && path.split('/').all(is_kebab)
        && version.is_none_or(is_version)
}

/// Whether `name` can be an import's: a function's, an interface's, or one that only the host can
/// supply, `unlocked-dep=<…>`.
pub(crate) fn is_import(name: &str) -> bool {
    let from_elsewhere = ["unlocked-dep=<", "locked-dep=<", "url=<", "integrity=<"];
    is_interface(name)
        || name.ends_with('>') && from_elsewhere.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether `text` is a semantic version: `1.2.3`, `1.2.3-rc.1+build`.
fn is_version(text: &str) -> bool {
    let (text, build) = split(text, '+');
    let (numbers, prerelease) = split(text, '-');
    let is_number = |it: &str| {
        !it.is_empty()
            && it.bytes().all(|b| b.is_ascii_digit())
            && (it == "0" || !it.starts_with('0'))
    };
    let is_identifiers = |it: &str| {
        it.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
    };
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && [build, prerelease].into_iter().flatten().all(is_identifiers)
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// The candidate that the mistyped name `wrong` was probably meant to be.
pub(crate) fn nearest<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A name that differs by more than a third of its length is a different name, not a mistyped
    // one.
    let limit = wrong.chars().count() / 3 + 1;
    let ranked = candidates.into_iter().map(|it| (distance(wrong, it), it));
    ranked
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|it| it.1)
}

/// What to say after a name that is not known: the nearest that is, or all; `none` if there are none. `shown` is how a
/// name is written there.
#[cfg(feature = "wit")]
pub(crate) fn hint<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    shown: impl Fn(&str) -> String,
    none: &str,
) -> String {
    if let Some(nearest) = nearest(wrong, known.clone()) {
        return format!("did you mean `{}`?", shown(nearest));
    }
    let known: Vec<_> = known.into_iter().map(|it| format!("`{}`", shown(it))).collect();
    match known.len() {
        0 => none.to_owned(),
        count if count > MOST_SHOWN => {
            format!("there are {count}, {} among them", known[..MOST_SHOWN].join(", "))
        }
        _ => format!("there is {}", known.join(", ")),
    }
}

/// How many names a message lists.
#[cfg(feature = "wit")]
const MOST_SHOWN: usize = 8;

/// How many letters have to be added, removed or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let changed = diagonal + usize::from(letter != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ident(name: &str) -> Ident {
        syn::parse_str(name).expect("the test's input is an identifier")
    }

    #[test]
    fn identifiers_become_kebab_case() {
        for (name, expected) in
            [("producer_a", "producer-a"), ("r#type", "type"), ("u8_of", "u8-of"), ("URL", "URL")]
        {
            assert_eq!(kebab(&ident(name)), expected);
        }
        let camel_case = [
            ("Red", "red"),
            ("TooBig", "too-big"),
            ("HTTPError", "http-error"),
            ("HttpV2Error", "http-v2-error"),
            ("U8", "u8"),
            ("Snake_Case", "snake-case"),
        ];
        for (name, expected) in camel_case {
            assert_eq!(kebab_of_camel(&ident(name)), expected);
        }
        assert_eq!(camel(&ident("i_consumer2")), "IConsumer2");
    }

    #[test]
    fn kebab_case_is_of_words_in_one_case() {
        for name in ["a", "run-add", "a1-b2", "URL", "get-URL", "level-3"] {
            assert!(is_kebab(name), "{name}");
        }
        for name in ["", "-a", "a-", "a--b", "3d", "runAdd", "run_add", "Run", "größe", "a b"] {
            assert!(!is_kebab(name), "{name}");
        }
    }

    #[test]
    fn functions_of_resources_are_functions() {
        for name in ["run", "[constructor]a-b", "[method]a.b-c", "[static]a.b"] {
            assert!(is_function(name), "{name}");
        }
        for name in ["[constructor]a.b", "[method]a", "[getter]a.b", "[method", "[]a", "a.b"] {
            assert!(!is_function(name), "{name}");
        }
    }

    #[test]
    fn interfaces_have_a_package_and_perhaps_a_version() {
        for name in [
            "store",
            "acme:kv/store",
            "acme:kv/store@1.0.0",
            "acme:kv/store@0.2.0-rc.1+build-5",
            "acme:kv:deep/store/inner@10.0.0",
        ] {
            assert!(is_interface(name), "{name}");
        }
        for name in [
            "acme:kv",
            "acme/store",
            "acme:kv/store@1",
            "acme:kv/store@1.0.0.0",
            "acme:kv/store@01.0.0",
            "acme:kv/store@1.0.0-",
            "acme:kv/",
            "acme:kv/Store",
            "store@1.0.0",
        ] {
            assert!(!is_interface(name), "{name}");
        }
        assert!(is_import("unlocked-dep=<acme:kv@{>=1.0.0}>"));
        assert!(!is_import("unlocked-dep=acme"));
    }

    #[test]
    fn nearest_name_is_a_slip_away() {
        let known = ["disk", "memory", "cloud"];
        assert_eq!(nearest("dsk", known), Some("disk"));
        assert_eq!(nearest("memroy", known), Some("memory"));
        assert_eq!(nearest("network", known), None);
        assert_eq!(nearest("", []), None);
    }
}
