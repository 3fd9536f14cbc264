//! What was made of binaries, found again by their content while somebody has it.

use crate::sync::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

/// The SHA-256 of what something was made of.
pub(super) type CacheKey = [u8; 32];

/// The key of one binary.
pub(super) fn key_of(binary: &[u8]) -> CacheKey {
    Sha256::digest(binary).into()
}

/// Puts a key together of several things.
#[derive(Default)]
pub(super) struct Keyed(Sha256);

impl Keyed {
    pub(super) fn with(&mut self, thing: &[u8]) -> &mut Self {
        // With its length before it, no thing is taken for a part of another.
        self.0.update(thing.len().to_le_bytes());
        self.0.update(thing);
        self
    }

    pub(super) fn key(self) -> CacheKey {
        self.0.finalize().into()
    }
}

/// Something that was made for an engine.
pub(super) trait OfEngine {
    fn engine(&self) -> &Engine;
}

/// Knows things by their keys without keeping them: what nobody else has is gone.
pub(super) struct Cache<T> {
    known: Mutex<Known<T>>,
}

struct Known<T> {
    by_key: HashMap<CacheKey, Vec<Weak<T>>>,
    /// At how many keys those whose things are gone are looked for.
    full: usize,
}

/// So many keys are kept without looking whether their things are gone.
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
        // One that nobody else has any more ends here, and not under the lock.
        things.into_iter().find(|thing| Engine::same(thing.engine(), engine))
    }

    pub(super) fn add(&self, key: CacheKey, thing: &Arc<T>) {
        let mut known = lock(&self.known);
        if known.by_key.len() >= known.full {
            known.by_key.retain(|_, things| {
                things.retain(|thing| thing.strong_count() > 0);
                !things.is_empty()
            });
            // So that, in the mean, each addition looks at two.
            known.full = FEW.max(2 * known.by_key.len());
        }
        let things = known.by_key.entry(key).or_default();
        things.retain(|thing| thing.strong_count() > 0);
        things.push(Arc::downgrade(thing));
    }
}
