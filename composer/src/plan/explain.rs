//! Why an import is satisfied as it is.

use std::fmt;

use super::name::Name;
use super::resolve::{HOST, Leaf, Resolution, Source};

/// Why an import is satisfied as it is, and by nobody else; from
/// [`Composer::explain`](crate::Composer::explain).
///
/// Prints as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The component that imports.
    pub consumer: String,
    /// The import's name.
    pub import: String,
    /// Who satisfies it.
    pub outcome: Outcome,
    /// Everybody who exports the name in any version, by component.
    pub candidates: Vec<Candidate>,
}

/// Who satisfies an import, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The component `provider` with its export `export`.
    #[non_exhaustive]
    Component {
        /// The component.
        provider: String,
        /// The name under which it exports it.
        export: String,
        /// Why this one.
        because: Reason,
    },
    /// The importer's own linker: because a hint says so, or because no component can.
    #[non_exhaustive]
    Linker {
        /// Whether a hint says so.
        hinted: bool,
    },
    /// Nobody has to: it holds types alone.
    Types,
    /// It was not decided: several components offer it equally well, or a hint is wrong. Planning tells
    /// the problem.
    Undecided,
}

/// Why a component satisfies an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A hint names it.
    Hint,
    /// It exports the very name.
    Name,
    /// Of the versions that are compatible with the import's, its is the highest.
    Version,
    /// The import has a name of its own, and says that it is the interface that this one exports.
    Implements,
}

/// A component that exports an import's name, in some version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The component.
    pub component: String,
    /// The name under which it exports it.
    pub export: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a candidate for an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It satisfies the import.
    Chosen,
    /// It is the importer itself, or has it inside.
    Itself,
    /// A filter hides it.
    Hidden,
    /// Its version is not compatible with the import's.
    OtherVersion,
    /// A hint names another.
    NotHinted,
    /// Another has the very name, or a higher version.
    LessFitting,
    /// Another is as good, and no hint chooses.
    Ambiguous,
}

impl Resolution {
    /// Why the import number `import` of `leaf` is satisfied as it is. `hinted` tells whether a hint is
    /// for it.
    pub(crate) fn explain(&self, leaf: &Leaf, import: usize, hinted: bool) -> Explanation {
        let name = &leaf.surface.imports[import].name;
        let wanted = Name::parse(name);
        let interface = leaf.surface.imports[import].implements.as_deref().map(Name::parse);
        let chosen = match leaf.sources[import] {
            Source::Export(offer) => {
                let provider = &self.leaves[offer.leaf];
                Some((&*provider.id, &provider.surface.exports[offer.export].name))
            }
            Source::Linker { .. } | Source::Nobody => None,
        };
        let is_types = leaf.surface.imports[import].item.is_types_alone();
        let outcome = match (chosen, leaf.sources[import]) {
            (Some((provider, export)), _) => {
                let because = match hinted {
                    true => Reason::Hint,
                    false if export == name => Reason::Name,
                    false if !Name::parse(export).is_of(&wanted) => Reason::Implements,
                    false => Reason::Version,
                };
                let (provider, export) = (provider.to_owned(), export.clone());
                Outcome::Component { provider, export, because }
            }
            (None, Source::Linker { .. }) => Outcome::Linker { hinted },
            (None, _) if is_types => Outcome::Types,
            (None, _) => Outcome::Undecided,
        };
        let candidates = self.offers().filter_map(|(component, export, visible)| {
            let offered = Name::parse(export);
            let is_it = offered.is_of(&wanted)
                || interface.as_ref().is_some_and(|interface| offered.is_of(interface));
            if !is_it || !is_beside(component, &leaf.id) {
                return None;
            }
            let is_chosen = chosen.is_some_and(|(provider, chosen)| {
                chosen == export && (component == provider || is_inside(provider, component))
            });
            let verdict = if is_chosen {
                Verdict::Chosen
            } else if *component == *leaf.id || is_inside(&leaf.id, component) {
                Verdict::Itself
            } else if !visible {
                Verdict::Hidden
            } else if hinted {
                Verdict::NotHinted
            } else if offered.rank_for(&wanted).is_none()
                && interface.as_ref().is_none_or(|it| offered.rank_for(it).is_none())
            {
                Verdict::OtherVersion
            } else if chosen.is_some() {
                Verdict::LessFitting
            } else {
                Verdict::Ambiguous
            };
            let (component, export) = (component.clone(), export.clone());
            Some(Candidate { component, export, verdict })
        });
        let candidates = candidates.collect();
        let (consumer, import) = (leaf.id.to_string(), name.clone());
        Explanation { consumer, import, outcome, candidates }
    }
}

/// Whether the component `inner` is inside of `outer`.
fn is_inside(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether `component` stands on the level of `importer`, or on one around it: what is deeper inside of
/// others shows as theirs.
fn is_beside(component: &str, importer: &str) -> bool {
    match component.rsplit_once('/') {
        Some((level, _)) => is_inside(importer, level),
        None => true,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { consumer, import, outcome, candidates } = self;
        write!(f, "`{import}`, imported by `{consumer}`, ")?;
        match outcome {
            Outcome::Component { provider, export, because } => {
                write!(f, "comes from `{provider}`")?;
                if export != import {
                    write!(f, " as `{export}`")?;
                }
                f.write_str(match because {
                    Reason::Hint => ": a hint says so",
                    Reason::Name => ": it exports the very name",
                    Reason::Version => ": it has the highest version that is compatible",
                    Reason::Implements => ": the import says that it is that interface",
                })?;
            }
            Outcome::Linker { hinted: true } => {
                write!(f, "comes from its own linker: a hint says `{HOST}`")?;
            }
            Outcome::Linker { hinted: false } => {
                f.write_str("comes from its own linker: no component can provide it")?;
            }
            Outcome::Types => f.write_str("needs nobody: it holds types alone")?,
            Outcome::Undecided => f.write_str("comes from nobody: planning tells why")?,
        }
        for Candidate { component, export, verdict } in candidates {
            let why = match verdict {
                Verdict::Chosen => continue,
                Verdict::Itself => "no component satisfies its own import",
                Verdict::Hidden => "a filter hides it",
                Verdict::OtherVersion => "its version is not compatible",
                Verdict::NotHinted => "the hint names another",
                Verdict::LessFitting => "another fits better",
                Verdict::Ambiguous => "it is not the only one, and no hint chooses",
            };
            write!(f, "\n  not `{export}` of `{component}`: {why}")?;
        }
        Ok(())
    }
}
