//! Which exports of a component others can see.
//!
//! All filters of a component must let an export through for others to see it. The filters outlive
//! a replacement: `carried` makes the filters of the new component from what the old one's filters
//! decided, so that an export which was hidden does not appear because it has a new version.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::name::{Name, base, names};

#[derive(Clone)]
pub(crate) enum Filter {
    Expose(Vec<String>),
    Hide(Vec<String>),
    Accept(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    Carried(Carried),
}

/// What the filters of a replaced component mean for its successor.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    /// What was exported and whether it was visible, by the names without versions.
    known: BTreeMap<String, Vec<(String, bool)>>,
    /// The filters for exports that are not a version of anything known.
    others: Vec<Filter>,
}

impl Carried {
    fn lets_through(&self, export: &str) -> bool {
        let wanted = Name::parse(export);
        let known = self.known.get(base(export)).into_iter().flatten();
        let ranked = known.filter_map(|(name, shown)| {
            // Between two that fit equally well, the hidden one wins.
            Some((Name::parse(name).rank_for(&wanted)?, !shown))
        });
        match ranked.max() {
            Some((_, hidden)) => !hidden,
            None => self.others.iter().all(|filter| filter.lets_through(export)),
        }
    }
}

/// The filters of a component that replaces one with the filters `former`, which exported the names
/// `exports`, each visible or not. Exports that were hidden stay hidden, in all compatible
/// versions, and visible ones stay visible. Other exports are decided by the new component's `own`
/// filters, or by the former ones if it has none.
pub(crate) fn carried<'a>(
    former: &[Filter],
    exports: impl Iterator<Item = (&'a str, bool)>,
    own: &[Filter],
) -> Vec<Filter> {
    if former.is_empty() {
        return own.to_vec();
    }
    let mut known: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    let mut add = |name: &str, shown| {
        known.entry(base(name).to_owned()).or_default().push((name.to_owned(), shown));
    };
    let exports: Vec<_> = exports.collect();
    let now: BTreeSet<&str> = exports.iter().map(|(name, _)| *name).collect();
    exports.iter().for_each(|(name, shown)| add(name, *shown));
    let mut others = Vec::new();
    for filter in former {
        let Filter::Carried(before) = filter else {
            others.push(filter.clone());
            continue;
        };
        for (name, shown) in before.known.values().flatten() {
            if !shown && !now.contains(&**name) {
                add(name, false);
            }
        }
        others.extend(before.others.iter().cloned());
    }
    if !own.is_empty() {
        others.clear();
    }
    let carried = Filter::Carried(Carried { known, others });
    [carried].into_iter().chain(own.iter().cloned()).collect()
}

impl Filter {
    pub(crate) fn lets_through(&self, export: &str) -> bool {
        match self {
            Self::Expose(list) => list.iter().any(|pattern| names(pattern, export)),
            Self::Hide(list) => !list.iter().any(|pattern| names(pattern, export)),
            Self::Accept(accept) => accept(export),
            Self::Carried(carried) => carried.lets_through(export),
        }
    }

    /// The names that are spelled out in this filter. Each must be the name of an export.
    pub(crate) fn patterns(&self) -> &[String] {
        match self {
            Self::Expose(list) | Self::Hide(list) => list,
            Self::Accept(_) | Self::Carried(_) => &[],
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expose(list) => f.debug_tuple("Expose").field(list).finish(),
            Self::Hide(list) => f.debug_tuple("Hide").field(list).finish(),
            Self::Accept(_) => f.write_str("Accept(..)"),
            Self::Carried(carried) => f.debug_tuple("Carried").field(carried).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expose(names: &[&str]) -> Filter {
        Filter::Expose(names.iter().map(|&name| name.to_owned()).collect())
    }

    fn shown(filters: &[Filter], name: &str) -> bool {
        filters.iter().all(|filter| filter.lets_through(name))
    }

    #[test]
    fn what_was_hidden_stays_so_for_every_compatible_version_and_through_all_successors() {
        let hide = [Filter::Hide(vec!["a:b/admin@1.0.0".to_owned()])];
        let exports = [("a:b/admin@1.0.0", false), ("a:b/admin@2.0.0", true), ("f", true)];
        let first = carried(&hide, exports.into_iter(), &[]);
        assert!(!shown(&first, "a:b/admin@1.0.1"));
        assert!(shown(&first, "a:b/admin@2.1.0") && shown(&first, "f") && shown(&first, "new"));
        // A replacement without the export comes in between.
        let second = carried(&first, [("f", true)].into_iter(), &[]);
        assert!(!shown(&second, "a:b/admin@1.2.0") && shown(&second, "new"));
    }

    #[test]
    fn filters_of_the_successor_decide_about_what_is_new() {
        let exports = [("open", true), ("secret", false)];
        let kept = carried(&[expose(&["open"])], exports.into_iter(), &[]);
        assert!(shown(&kept, "open") && !shown(&kept, "secret") && !shown(&kept, "new"));
        let own = carried(&[expose(&["open"])], exports.into_iter(), &[expose(&["new", "secret"])]);
        assert!(shown(&own, "new") && !shown(&own, "secret") && !shown(&own, "open"));
        assert_eq!(carried(&[], exports.into_iter(), &[]).len(), 0);
    }
}
