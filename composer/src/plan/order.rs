//! In which order components start, and where they import from each other in a cycle.
//!
//! A component's imports can be called as soon as it is instantiated, so its providers are started
//! before it. In a cycle that is impossible for at least one component; whether cycles are allowed
//! is decided by the caller.

use std::collections::BTreeSet;

use super::resolution::{Leaf, Source};

/// Sorts the leaves so that providers come before their consumers, and finds the cycles. Leaves on
/// a cycle, and leaves that depend on one, come last, each after as many of its providers as
/// possible.
pub(super) fn order(leaves: &[Leaf]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let providers: Vec<Vec<usize>> = leaves
        .iter()
        .map(|leaf| {
            let offers = leaf.sources.iter().filter_map(|source| match source {
                Source::Export(offer) => Some(offer.leaf),
                Source::Linker { .. } | Source::Nobody => None,
            });
            offers.collect::<BTreeSet<_>>().into_iter().collect()
        })
        .collect();
    let mut consumers = vec![Vec::new(); leaves.len()];
    for (leaf, providers) in providers.iter().enumerate() {
        providers.iter().for_each(|provider| consumers[*provider].push(leaf));
    }
    let mut waiting_for: Vec<usize> = providers.iter().map(Vec::len).collect();
    let mut order: Vec<usize> = (0..leaves.len()).filter(|leaf| waiting_for[*leaf] == 0).collect();
    let mut next = 0;
    while let Some(&leaf) = order.get(next) {
        next += 1;
        for &consumer in &consumers[leaf] {
            waiting_for[consumer] -= 1;
            if waiting_for[consumer] == 0 {
                order.push(consumer);
            }
        }
    }
    let rest: Vec<usize> = (0..leaves.len()).filter(|leaf| waiting_for[*leaf] > 0).collect();
    let cycles = cycles(&providers, &rest);
    let mut seen: BTreeSet<usize> = order.iter().copied().collect();
    for &leaf in &rest {
        after_providers(leaf, &providers, &mut seen, &mut order);
    }
    (order, cycles)
}

/// Appends `start` and its providers to `order`, providers first, except those in `seen`, which
/// `order` has already.
fn after_providers(
    start: usize,
    providers: &[Vec<usize>],
    seen: &mut BTreeSet<usize>,
    order: &mut Vec<usize>,
) {
    if !seen.insert(start) {
        return;
    }
    let mut way = vec![(start, 0)];
    while let Some((leaf, next)) = way.last_mut() {
        match providers[*leaf].get(*next) {
            Some(&provider) => {
                *next += 1;
                if seen.insert(provider) {
                    way.push((provider, 0));
                }
            }
            None => {
                order.push(*leaf);
                way.pop();
            }
        }
    }
}

/// A cycle for each import that closes one, found depth first from `starts`.
fn cycles(providers: &[Vec<usize>], starts: &[usize]) -> Vec<Vec<usize>> {
    let mut cycles = Vec::new();
    let mut seen = vec![false; providers.len()];
    for &start in starts {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        // The path from `start`; each leaf with the index of its provider to visit next.
        let mut way = vec![(start, 0)];
        while let Some((leaf, next)) = way.last_mut() {
            let Some(&provider) = providers[*leaf].get(*next) else {
                way.pop();
                continue;
            };
            *next += 1;
            if let Some(at) = way.iter().position(|(leaf, _)| *leaf == provider) {
                cycles.push(way[at..].iter().map(|(leaf, _)| *leaf).collect());
            } else if !seen[provider] {
                seen[provider] = true;
                way.push((provider, 0));
            }
        }
    }
    cycles
}
