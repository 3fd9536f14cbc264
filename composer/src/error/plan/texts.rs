//! What messages of a plan propose, and the parts they are put together from.

use std::fmt;

use crate::error::{listed, plain};

pub(super) struct Hinted<'a>(pub(super) Option<&'a str>, pub(super) &'a str);

impl fmt::Display for Hinted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(component) => {
                write!(f, "import `{}` of `{}`", plain(self.1), plain(component))
            }
            None => write!(f, "public export `{}`", plain(self.1)),
        }
    }
}

pub(super) const MISSING: &str = "is missing: no other component exports it";
pub(super) const NO_OTHER: &str = "has no provider of its type: no other component exports it";

/// Writes an import, or items of it.
pub(super) struct Import<'a> {
    pub(super) kind: &'static str,
    pub(super) import: &'a str,
    pub(super) items: &'a [String],
}

impl fmt::Display for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, import, items } = self;
        match items {
            [] => write!(f, "{kind} `{}`", plain(import)),
            items => write!(f, "{} of {kind} `{}`", Listed(items), plain(import)),
        }
    }
}

/// Writes why linkers do not provide the import either.
pub(super) struct Linkers<'a>(pub(super) &'a [String], pub(super) bool, pub(super) bool);

impl fmt::Display for Linkers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(linkers, is_part, is_wrong) = self;
        let (who, one) = match linkers {
            [linker] => (format!("the linker of `{}`", plain(linker)), true),
            _ => ("their linkers".to_owned(), false),
        };
        f.write_str(&who)?;
        f.write_str(match (is_wrong, is_part, one) {
            (true, _, true) => " has another",
            (true, _, false) => " have another",
            (false, false, true) => " does not define it",
            (false, false, false) => " do not define it",
            (false, true, true) => " defines only the rest",
            (false, true, false) => " define only the rest",
        })
    }
}

/// Writes what would provide the import.
pub(super) struct Remedy<'a> {
    pub(super) import: &'a str,
    pub(super) linkers: &'a [String],
}

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.linkers.len() > 1 { "linkers" } else { "linker" };
        match wasi(self.import) {
            Some(Wasi::Has(feature)) => write!(
                f,
                "make the component with `Wasi`, of the feature `{feature}`, which has it in the versions 0.2 \
                 and 0.3.0, or add a component that exports it",
            ),
            Some(Wasi::Lacks(name)) => write!(
                f,
                "`Wasi`, of the feature `wasi`, does not have `{}`: add a component that \
                 exports it, or define it in the {of} of {}",
                plain(name),
                Each(self.linkers)
            ),
            None => write!(
                f,
                "add a component that exports it, or define it in the {of} of {}",
                Each(self.linkers)
            ),
        }
    }
}

/// Whether this library can provide a WASI interface.
enum Wasi<'a> {
    /// With this feature.
    Has(&'static str),
    Lacks(&'a str),
}

/// The WASI packages that [`Wasi`](crate::Wasi) provides.
const WASI: [&str; 7] = [
    "wasi:cli",
    "wasi:clocks",
    "wasi:config",
    "wasi:filesystem",
    "wasi:io",
    "wasi:random",
    "wasi:sockets",
];

/// The interfaces of `wasi:http` that it provides. A handler is what components export.
const WASI_HTTP: [&str; 3] = ["client", "outgoing-handler", "types"];

fn wasi(import: &str) -> Option<Wasi<'_>> {
    let (package, interface) =
        import.split_once('/').filter(|(package, _)| package.starts_with("wasi:"))?;
    let (interface, _) = interface.split_once('@').unwrap_or((interface, ""));
    Some(match package {
        "wasi:http" if WASI_HTTP.contains(&interface) => Wasi::Has("http"),
        "wasi:http" => return None,
        package if WASI.contains(&package) => Wasi::Has("wasi"),
        package => Wasi::Lacks(package),
    })
}

/// Writes "`a`", "`a` and `b`" or "`a`, `b` and 3 others".
pub(super) struct Each<'a>(pub(super) &'a [String]);

impl fmt::Display for Each<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            [one] => write!(f, "`{}`", plain(one)),
            [first @ .., last] if first.len() < MOST => {
                write!(f, "`{}` and `{}`", listed(first, "`, `"), plain(last))
            }
            all => {
                let (first, others) = all.split_at(MOST.min(all.len()));
                write!(f, "`{}` and {} others", listed(first, "`, `"), others.len())
            }
        }
    }
}

/// The number of names listed before "3 more".
const MOST: usize = 8;

/// Writes "function `a`, function `b`, .. 3 more".
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, rest) = self.0.split_at(MOST.min(self.0.len()));
        listed(first, ", ").fmt(f)?;
        if rest.is_empty() { Ok(()) } else { write!(f, ", .. {} more", rest.len()) }
    }
}

pub(super) struct Hiding<'a>(pub(super) &'a [String]);

impl fmt::Display for Hiding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            hiding => write!(f, " (hidden by the filter of `{}`)", listed(hiding, "`, `")),
        }
    }
}

pub(super) struct OtherVersions<'a>(pub(super) &'a [(String, String)]);

impl fmt::Display for OtherVersions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(component, export)| {
            let (component, export) = (plain(component), plain(export));
            write!(f, " (`{component}` exports `{export}`, which is not compatible)")
        })
    }
}

pub(super) struct Untrusted<'a>(pub(super) &'a str, pub(super) &'a [String]);

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.iter().try_for_each(|id| {
            let last = plain(id.rsplit('/').next().unwrap_or(id));
            let id = plain(id);
            write!(
                f,
                " (`{id}` does, and is not trusted; `.with_import_hint(\"{}\", \"{last}\")` takes it all \
                 the same)",
                plain(self.0)
            )
        })
    }
}

pub(super) struct Undecided<'a>(pub(super) &'a str, pub(super) &'a [(String, String)]);

impl fmt::Display for Undecided<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.iter().try_for_each(|(composer, id)| {
            let (composer, id) = (plain(composer), plain(id));
            write!(
                f,
                " (several components inside of `{composer}` do; choose one there: \
                 `.with_export_hint(\"{}\", \"{id}\")`)",
                plain(self.0)
            )
        })
    }
}

/// Writes the import's name if it differs from the export's.
pub(super) struct As<'a>(pub(super) &'a str, pub(super) &'a str);

impl fmt::Display for As<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 { Ok(()) } else { write!(f, " as `{}`", plain(self.0)) }
    }
}

/// Writes the export's name if it differs from the import's.
pub(super) struct From<'a>(pub(super) &'a str, pub(super) &'a str);

impl fmt::Display for From<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 { Ok(()) } else { write!(f, ", which exports `{}`", plain(self.1)) }
    }
}

/// Writes the import, then the steps into it.
pub(super) struct Path<'a>(pub(super) &'a [String], pub(super) &'a str);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", plain(self.1))?;
        self.0.iter().try_for_each(|step| write!(f, ", {}", plain(step)))
    }
}

/// Writes the first difference between two types.
pub(super) struct Difference<'a>(pub(super) Option<&'a str>);

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |difference| write!(f, ": {}", plain(difference)))
    }
}

pub(super) struct OfInterface<'a>(pub(super) Option<&'a str>);

impl fmt::Display for OfInterface<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |function| write!(f, "`{}` of ", plain(function)))
    }
}

pub(super) struct UsedBy<'a>(pub(super) Option<&'a str>);

impl fmt::Display for UsedBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(component) => write!(f, "`{}` imports", plain(component)),
            None => f.write_str("the composition offers"),
        }
    }
}

/// "`a` -> `b` -> `a`".
pub(in super::super) struct CyclePath<'a>(pub(in super::super) &'a [String]);

impl fmt::Display for CyclePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in self.0 {
            write!(f, "`{}` -> ", plain(id))?;
        }
        self.0.first().map_or(Ok(()), |id| write!(f, "`{}`", plain(id)))
    }
}

pub(super) struct InOneStore<'a> {
    pub(super) component: &'a str,
    pub(super) group: &'a str,
    pub(super) setting: &'static str,
    pub(super) is_for_group: bool,
}

impl fmt::Display for InOneStore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, group, setting, is_for_group } = self;
        if component == group {
            let group = plain(group);
            return write!(
                f,
                "the composer of `{group}` has {setting} for those inside, but they are fused and share one \
                 store; say it of `{group}` as a whole"
            );
        }
        let way_out = if *is_for_group { "say it of the whole" } else { "drop it" };
        let name = plain(component.rsplit('/').next().unwrap_or(component));
        let (component, group) = (plain(component), plain(group));
        write!(
            f,
            "component `{component}` has {setting} of its own, but is fused with others into \
             `{group}`, where all share one store; {way_out}, or leave `{name}` out of what is fused"
        )
    }
}

/// What else can be done about a type that cannot cross between stores.
pub(super) fn needs_codec(found: &str) -> &'static str {
    let is_stream = ["stream", "future"].iter().any(|it| found.starts_with(it));
    if is_stream && cfg!(not(feature = "codec")) { ", or turn on the feature `codec`" } else { "" }
}
