//! Why an import is satisfied as it is.
//!
//! The resolution keeps every offer (`KnownOffers`), so an explanation needs no second resolution:
//! it goes through the offers of the import's name, and says of each why it was chosen or what
//! excludes it.

use std::fmt;

use super::name::Name;
use super::resolution::{HOST, KnownOffers, Leaf, Resolution, Source, is_beside, is_inside};
use crate::error::{All, PlanProblem, plain};

/// Why an import is satisfied as it is, and why not by other components; from
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
    /// The provider that was found.
    pub outcome: Outcome,
    /// Every component that exports the name in any version, with the reason why it was chosen or
    /// not.
    pub candidates: Vec<Candidate>,
}

/// How an import is satisfied, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Another component satisfies it.
    #[non_exhaustive]
    Component {
        /// The component.
        provider: String,
        /// The name of the provider's export.
        export: String,
        /// Why this component was chosen.
        because: Reason,
    },
    /// The importer's own linker satisfies it, because a hint says so or because no component can.
    #[non_exhaustive]
    Linker {
        /// Whether a hint says so.
        hinted: bool,
    },
    /// No component can satisfy it, and the importer's own linker does not define it.
    Missing,
    /// It is a resource type of another import, and has the same provider as that.
    #[non_exhaustive]
    Derived {
        /// The other import of the same component.
        from: String,
        /// The provider of that import; `None` if the component's own linker provides it.
        provider: Option<String>,
    },
    /// It needs no provider: it holds only types.
    Types,
    /// Undecided: several components offer it equally well, and a hint must choose.
    #[non_exhaustive]
    Ambiguous {
        /// The component that needs the hint: the importer, or the composer around it on whose
        /// level the choice is open.
        component: String,
        /// The components that offer it.
        providers: Vec<String>,
    },
    /// Undecided, because a hint is wrong. Planning reports what is wrong with it.
    Undecided,
}

/// Why a component satisfies an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A hint names it.
    Hint,
    /// It exports the import's exact name.
    Name,
    /// It has the highest version that is compatible with the import's.
    Version,
    /// The import has a name of its own and says which interface it is, and the component exports
    /// that interface.
    Implements,
}

/// A component that exports an import's name, in some version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The component.
    pub component: String,
    /// The name of its export.
    pub export: String,
    /// Whether it was chosen, or why not.
    pub verdict: Verdict,
}

/// Whether a candidate was chosen for an import, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It satisfies the import.
    Chosen,
    /// It is the importer itself, or a composition that contains the importer.
    Itself,
    /// A filter hides it.
    Hidden,
    /// Its version is not compatible with the import's.
    OtherVersion,
    /// A hint names another component.
    NotHinted,
    /// It is [not trusted](crate::ComposableDescriptor::untrusted), and no hint names it.
    Untrusted,
    /// Another component has the exact name, or a higher version.
    LessFitting,
    /// Another component fits equally well, and no hint chooses.
    Ambiguous,
    /// A document says who gets it, and does not name this import.
    Bound,
    /// The import holds only types, or is a resource type of another import: it needs no provider.
    NotNeeded,
}

impl Resolution {
    /// Why the import with the index `import` of `leaf` is satisfied as it is. `hinted` tells
    /// whether a hint is for it, and `lacking` whether the component's linker lacks it.
    pub(crate) fn explain(
        &self,
        leaf: &Leaf,
        import: usize,
        hinted: bool,
        lacking: bool,
    ) -> Explanation {
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
        let is_types = leaf.surface.needs_nobody(import);
        let ambiguous = self.problems.iter().find_map(|problem| match problem {
            PlanProblem::AmbiguousImport { component, import, providers, .. }
                if import == name
                    && (**component == *leaf.id || is_inside(&leaf.id, component)) =>
            {
                let (component, providers) = (component.clone(), providers.clone());
                Some(Outcome::Ambiguous { component, providers })
            }
            _ => None,
        });
        let outcome =
            match (chosen, leaf.sources[import]) {
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
                (None, Source::Linker { .. }) if lacking => Outcome::Missing,
                (None, Source::Linker { .. }) => Outcome::Linker { hinted },
                (None, _) if hinted => Outcome::Undecided,
                (None, _) => ambiguous
                    .or_else(|| self.derived(leaf, import))
                    .unwrap_or(if is_types { Outcome::Types } else { Outcome::Undecided }),
            };
        let candidates = self.offers().filter_map(|known| {
            let KnownOffers { component, name: export, is_visible, is_untrusted, is_bound } = known;
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
            } else if !is_visible {
                Verdict::Hidden
            } else if hinted {
                Verdict::NotHinted
            } else if *is_bound {
                Verdict::Bound
            } else if offered.rank_for(&wanted).is_none()
                && interface.as_ref().is_none_or(|it| offered.rank_for(it).is_none())
            {
                Verdict::OtherVersion
            } else {
                match outcome {
                    Outcome::Derived { .. } | Outcome::Types => Verdict::NotNeeded,
                    _ if *is_untrusted => Verdict::Untrusted,
                    Outcome::Ambiguous { .. } => Verdict::Ambiguous,
                    _ => Verdict::LessFitting,
                }
            };
            let (component, export) = (component.clone(), export.clone());
            Some(Candidate { component, export, verdict })
        });
        let candidates = candidates.collect();
        let (consumer, import) = (leaf.id.to_string(), name.clone());
        Explanation { consumer, import, outcome, candidates }
    }

    /// If an import is a resource type of another import: the outcome that says so.
    fn derived(&self, leaf: &Leaf, import: usize) -> Option<Outcome> {
        let derived = leaf.surface.derived_from(import)?;
        let provider = match leaf.sources[derived.import] {
            Source::Export(offer) => Some(self.leaves[offer.leaf].id.to_string()),
            Source::Linker { .. } => None,
            // The provider of the other import is unknown too.
            Source::Nobody => return Some(Outcome::Undecided),
        };
        let from = leaf.surface.imports[derived.import].name.clone();
        Some(Outcome::Derived { from, provider })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { consumer, import, outcome, candidates } = self;
        write!(f, "`{}`, imported by `{}`, ", plain(import), plain(consumer))?;
        match outcome {
            Outcome::Component { provider, export, because } => {
                write!(f, "comes from `{}`", plain(provider))?;
                if export != import {
                    write!(f, " as `{}`", plain(export))?;
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
            Outcome::Missing => {
                f.write_str(
                    "is missing: no component can provide it, and its own linker does not",
                )?;
            }
            Outcome::Derived { from, provider } => {
                write!(
                    f,
                    "is a type of `{}`, which it imports too, and comes with that from ",
                    plain(from)
                )?;
                match provider {
                    Some(provider) => write!(f, "`{}`", plain(provider))?,
                    None => f.write_str("its own linker")?,
                }
            }
            Outcome::Types => f.write_str("needs nobody: it holds types alone")?,
            Outcome::Ambiguous { component, providers } => {
                write!(f, "is ambiguous: {} export it; choose one with a hint", All(providers))?;
                if component != consumer {
                    write!(f, " for `{}`", plain(component))?;
                }
                let id = providers.first().map_or("", |id| id.rsplit('/').next().unwrap_or(id));
                let (import, id) = (plain(import), plain(id));
                write!(f, ": `.with_import_hint(\"{import}\", \"{id}\")`")?;
            }
            Outcome::Undecided => {
                f.write_str("comes from nobody: a hint is wrong, and planning tells how")?;
            }
        }
        for Candidate { component, export, verdict } in candidates {
            let why = match verdict {
                Verdict::Chosen => continue,
                Verdict::Itself => "no component satisfies its own import",
                Verdict::Hidden => "a filter hides it",
                Verdict::OtherVersion => "its version is not compatible",
                Verdict::NotHinted => "the hint names another",
                Verdict::Untrusted => "it is not trusted, and no hint names it",
                Verdict::LessFitting => "another fits better",
                Verdict::Ambiguous => "it is not the only one, and no hint chooses",
                Verdict::Bound => "the document does not give it to this import",
                Verdict::NotNeeded => "nobody has to provide it",
            };
            let (export, component) = (plain(export), plain(component));
            write!(f, "\n  not `{export}` of `{component}`: {why}")?;
        }
        Ok(())
    }
}
