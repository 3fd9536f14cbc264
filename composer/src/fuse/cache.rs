//! A cache of things made from binaries, by the content of the binaries. It keeps nothing alive: an
//! entry exists as long as its value is used elsewhere.

use crate::sync::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

/// The SHA-256 hash of the input that something was made from.
pub(super) type CacheKey = [u8; 32];

/// The key of one binary.
pub(super) fn key_of(binary: &[u8]) -> CacheKey {
    Sha256::digest(binary).into()
}

/// Combines several inputs into one key.
#[derive(Default)]
pub(super) struct Keyed(Sha256);

impl Keyed {
    pub(super) fn with(&mut self, thing: &[u8]) -> &mut Self {
        // The length comes first, so that no sequence of inputs hashes like another one with the
        // boundaries moved.
        self.0.update(thing.len().to_le_bytes());
        self.0.update(thing);
        self
    }

    pub(super) fn key(self) -> CacheKey {
        self.0.finalize().into()
    }
}

/// Something that was made for an engine, and cannot be used with others.
pub(super) trait OfEngine {
    fn engine(&self) -> &Engine;
}

/// Finds values by their keys without keeping them alive.
pub(super) struct Cache<T> {
    known: Mutex<Known<T>>,
}

struct Known<T> {
    by_key: HashMap<CacheKey, Vec<Weak<T>>>,
    /// At how many keys the next search for keys without values is made.
    full: usize,
}

/// Up to so many keys are kept without that search.
const FEW: usize = 64;

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { known: Mutex::new(Known { by_key: HashMap::new(), full: FEW }) }
    }
}

impl<T: OfEngine> Cache<T> {
    pub(super) fn get(&self, key: &CacheKey, engine: &Engine) -> Option<Arc<T>> {
        let things: Vec<_> = {
            let known = lock(&self.known);
            known.by_key.get(key)?.iter().filter_map(Weak::upgrade).collect()
        };
        // Values whose last other owner is gone are dropped here, outside the lock.
        things.into_iter().find(|thing| Engine::same(thing.engine(), engine))
    }

    pub(super) fn add(&self, key: CacheKey, thing: &Arc<T>) {
        let mut known = lock(&self.known);
        if known.by_key.len() >= known.full {
            known.by_key.retain(|_, things| {
                things.retain(|thing| thing.strong_count() > 0);
                !things.is_empty()
            });
            // Doubling keeps the cost low: on average two keys are visited for each one added.
            known.full = FEW.max(2 * known.by_key.len());
        }
        let things = known.by_key.entry(key).or_default();
        things.retain(|thing| thing.strong_count() > 0);
        things.push(Arc::downgrade(thing));
    }
}
