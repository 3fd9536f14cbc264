//! Names of imports and exports, and when a version of an interface may stand for another.
//!
//! The rule for versions is that of wasmtime's linker, so that a wiring found here never fails
//! there: versions are compatible if semver says so, prereleases only with themselves. All
//! comparisons of names in the library go through `Name` or the functions of this file.

use semver::Version;

/// An import's or export's name, split from its version.
#[derive(Debug)]
pub(crate) struct Name<'a> {
    full: &'a str,
    base: &'a str,
    version: Option<Version>,
}

/// The part of the version that compatible versions have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum Track {
    Major(u64),
    Minor(u64),
    Patch(u64),
}

impl<'a> Name<'a> {
    /// Splits at the first `@`. The rest counts as a version only if it is a full semantic version;
    /// otherwise the name matches only itself.
    pub(crate) fn parse(full: &'a str) -> Self {
        let (base, version) = match full.split_once('@') {
            Some((base, version)) => (base, Version::parse(version).ok()),
            None => (full, None),
        };
        Self { full, base, version }
    }

    /// The rule of wasmtime's linker: the same major version, or the same minor version below
    /// 1.0, or the same patch version below 0.1. A prerelease is compatible with nothing else.
    fn track(&self) -> Option<Track> {
        let version = self.version.as_ref()?;
        if !version.pre.is_empty() {
            None
        } else if version.major > 0 {
            Some(Track::Major(version.major))
        } else if version.minor > 0 {
            Some(Track::Minor(version.minor))
        } else {
            Some(Track::Patch(version.patch))
        }
    }

    /// The name without its version.
    pub(crate) fn base(&self) -> &'a str {
        self.base
    }

    /// Whether other versions are compatible with this one.
    pub(crate) fn has_others(&self) -> bool {
        self.track().is_some()
    }

    /// The name and the part of the version that all compatible versions have in common.
    #[cfg(feature = "compile")]
    pub(crate) fn base_and_track(&self) -> (&'a str, Option<Track>) {
        (self.base, self.track())
    }

    /// Whether the two have the same name, perhaps in different versions.
    pub(crate) fn is_of(&self, other: &Name<'_>) -> bool {
        self.base == other.base
    }

    /// How well `self` as an export serves the import `wanted`.
    pub(crate) fn rank_for(&self, wanted: &Name<'_>) -> Option<Rank> {
        if self.full == wanted.full {
            return Some(Rank::Exact);
        }
        if self.base == wanted.base
            && let (Some(offered), Some(needed)) = (self.track(), wanted.track())
            && offered == needed
        {
            return self.version.clone().map(|mut version| {
                // Build metadata takes no part in choosing the highest version.
                version.build = semver::BuildMetadata::EMPTY;
                Rank::Compatible(version)
            });
        }
        None
    }
}

/// How an export matched; the greater the better.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Compatible(Version),
    Exact,
}

/// Whether a rule for the name `rule` holds for `name` too: the same name, or a compatible version
/// of it.
pub(crate) fn is_compatible(rule: &str, name: &str) -> bool {
    rule == name || Name::parse(name).rank_for(&Name::parse(rule)).is_some()
}

/// A name without its version. Only names with the same base can match.
pub(crate) fn base(name: &str) -> &str {
    name.split_once('@').map_or(name, |(base, _)| base)
}

/// Whether the user's `pattern` means `name`: by the whole name, or by the name without its
/// version.
pub(crate) fn names(pattern: &str, name: &str) -> bool {
    pattern == name || name.split_once('@').is_some_and(|(base, _)| base == pattern)
}

/// Whether `part` is the end of an interface's name: `store` or `kv/store` of `acme:kv/store@1.0.0`.
fn ends_in(name: &str, part: &str) -> bool {
    let rest = base(name).strip_suffix(base(part));
    rest.is_some_and(|rest| rest.ends_with(['/', ':']))
}

/// The candidate that the mistyped name `wrong` was probably meant to be.
pub(crate) fn nearest<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A name that differs by more than a third of its length is a different name, not a mistyped
    // one.
    let limit = wrong.chars().count() / 3 + 1;
    // The difference in length is a lower bound of the edit distance, and cheaper to compute.
    let length = wrong.chars().count();
    let is_near = |candidate: &str| candidate.chars().count().abs_diff(length) <= limit;
    let distance = |candidate: &str| {
        let is_it = Name::parse(candidate).is_of(&Name::parse(wrong)) || ends_in(candidate, wrong);
        match is_it {
            true => 0,
            false if is_near(candidate) => strsim::levenshtein(wrong, candidate),
            false => usize::MAX,
        }
    };
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(export: &str, import: &str) -> Option<Rank> {
        Name::parse(export).rank_for(&Name::parse(import))
    }

    #[test]
    fn versions_are_compatible_on_one_track_only() {
        for (export, import, compatible) in [
            ("a:b/c@1.4.0", "a:b/c@1.2.0", true),
            ("a:b/c@1.2.0", "a:b/c@1.4.0", true),
            ("a:b/c@2.0.0", "a:b/c@1.4.0", false),
            ("a:b/c@0.2.6", "a:b/c@0.2.1", true),
            ("a:b/c@0.3.0", "a:b/c@0.2.1", false),
            ("a:b/c@0.0.2", "a:b/c@0.0.1", false),
            ("a:b/c@0.0.1+x", "a:b/c@0.0.1", true),
            ("a:b/c@1.0.0-rc.1", "a:b/c@1.0.0", false),
            ("a:b/c@1.0.0", "a:b/c@1.0.0-rc.1", false),
            ("a:b/c", "a:b/c@1.0.0", false),
            ("a:b/c@1.0.0", "a:b/c", false),
            ("a:b/c@1", "a:b/c@1.0.0", false),
            ("a:b/d@1.0.0", "a:b/c@1.0.0", false),
        ] {
            assert_eq!(rank(export, import).is_some(), compatible, "{export} for {import}");
        }
    }

    #[test]
    fn exact_beats_compatible_and_higher_beats_lower() {
        let import = "a:b/c@1.2.0";
        let exact = rank("a:b/c@1.2.0", import);
        let high = rank("a:b/c@1.10.0", import);
        let low = rank("a:b/c@1.9.0", import);
        assert!(exact > high && high > low && low.is_some());
        assert_eq!(rank("a:b/c@1.0.0-rc.1", "a:b/c@1.0.0-rc.1"), Some(Rank::Exact));
    }

    #[test]
    fn what_is_said_of_a_version_holds_for_compatible_ones() {
        assert!(is_compatible("a:b/c@1.0.0", "a:b/c@1.0.1"));
        assert!(is_compatible("f", "f"));
        assert!(!is_compatible("a:b/c@1.0.0", "a:b/c@2.0.0"));
        assert!(!is_compatible("a:b/c", "a:b/c@1.0.0"));
    }

    #[test]
    fn nearest_finds_a_slip_and_not_another_name() {
        assert_eq!(nearest("prodcuer", ["consumer", "producer"]), Some("producer"));
        assert_eq!(nearest("disk", ["memory", "consumer"]), None);
        assert_eq!(nearest("a:b/c", ["a:b/d", "a:b/c@1.0.0"]), Some("a:b/c@1.0.0"));
        assert_eq!(
            nearest("kv/store", ["a:kv/shop", "a:kv/store@1.0.0"]),
            Some("a:kv/store@1.0.0")
        );
    }
}
