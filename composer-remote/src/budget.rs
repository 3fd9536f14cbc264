//! Limits on the bytes that are held for peers.
//!
//! Accounts form a tree: bytes held for one peer count for the peer and for the whole server, and
//! each account has a limit. [`Held`] is the part of one call, and returns its bytes when it is
//! dropped. So that a server that is full still makes progress, the first bytes of each call are
//! free, and each account has one spare: one chunk that may be held without being counted.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// Counts bytes up to a limit, and counts them in its parent accounts too.
#[derive(Debug)]
pub(crate) struct Account {
    /// The holder of the bytes as messages name it, and the setting that raises the limit.
    holder: &'static str,
    setting: &'static str,
    most: usize,
    used: AtomicUsize,
    above: Option<Arc<Self>>,
    /// Whether the one allowance that is not counted is in use.
    spare: AtomicBool,
}

/// The error that an account has reached its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    holder: &'static str,
    setting: &'static str,
    most: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { holder, setting, most } = self;
        write!(
            f,
            "{holder} would hold more than {most} bytes; try again later, or raise `{setting}`"
        )
    }
}

impl Account {
    /// An account of up to `most` bytes. `setting` is the method that sets the limit.
    pub(crate) fn new(
        holder: &'static str,
        setting: &'static str,
        most: usize,
        above: Option<Arc<Self>>,
    ) -> Arc<Self> {
        let (used, spare) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { holder, setting, most, used, above, spare })
    }

    /// An account without a limit.
    pub(crate) fn unlimited() -> Arc<Self> {
        Self::new("this side", "", usize::MAX, None)
    }

    fn add(&self, bytes: usize) -> Result<(), Full> {
        let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.most);
        let added = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        let Self { holder, setting, most, .. } = *self;
        added.map_err(|_| Full { holder, setting, most })?;
        let above = self.above.as_ref().map_or(Ok(()), |above| above.add(bytes));
        above.inspect_err(|_| self.sub_here(bytes))
    }

    fn sub_here(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn sub(&self, bytes: usize) {
        self.sub_here(bytes);
        if let Some(above) = &self.above {
            above.sub(bytes);
        }
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    account: Option<Arc<Account>>,
    counted: usize,
    /// How many bytes are not counted, as every call may have so many.
    free: usize,
    /// Whether it has the account's spare.
    is_spare: bool,
}

impl Held {
    /// Holds no bytes yet. The first `free` bytes will not be counted.
    pub(crate) fn new(account: &Arc<Account>, free: usize) -> Self {
        Self { account: Some(account.clone()), counted: 0, free, is_spare: false }
    }

    /// Holds the given number of bytes.
    pub(crate) fn of(account: &Arc<Account>, bytes: usize) -> Result<Self, Full> {
        let mut held = Self::new(account, 0);
        held.set(bytes)?;
        Ok(held)
    }

    /// Takes the account's spare, which is not counted. `None` if it is taken.
    pub(crate) fn spare(account: &Arc<Account>) -> Option<Self> {
        let is_taken = account.spare.swap(true, Ordering::Relaxed);
        if is_taken {
            return None;
        }
        let mut held = Self::new(account, 0);
        held.is_spare = true;
        Some(held)
    }

    /// Changes the number of bytes. Unchanged if the limit would be exceeded.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), Full> {
        let counted = bytes.saturating_sub(self.free);
        if let Some(account) = &self.account {
            match counted.checked_sub(self.counted) {
                Some(more) => account.add(more)?,
                None => account.sub(self.counted - counted),
            }
        }
        self.counted = counted;
        Ok(())
    }

    /// Counts the bytes only in the parent accounts from now on.
    pub(crate) fn move_up(&mut self) {
        if self.is_spare {
            return;
        }
        let Some(account) = self.account.take() else { return };
        account.sub_here(self.counted);
        self.account = account.above.clone();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(account) = &self.account else { return };
        account.sub(self.counted);
        if self.is_spare {
            account.spare.store(false, Ordering::Relaxed);
        }
    }
}

/// The identity of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// An IP address. For version 6 its first 64 bits, as one host can use all addresses of its
    /// network.
    Address(std::net::IpAddr),
    /// A user of this machine.
    User(u32),
    /// Not known.
    Unknown,
}

impl Peer {
    pub(crate) fn of(address: std::net::IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            std::net::IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                std::net::IpAddr::V6(network.into())
            }
            address @ std::net::IpAddr::V4(_) => address,
        })
    }
}

/// The peers of a server, and the limits of each.
#[derive(Debug)]
pub(crate) struct Peers {
    calls: usize,
    bytes: usize,
    all: Arc<Account>,
    here: Mutex<std::collections::HashMap<Peer, (usize, Arc<Account>)>>,
}

impl Peers {
    /// Each peer may have `calls` at a time, and `bytes` may be held for it. `all` is the account
    /// of all peers together.
    pub(crate) fn new(calls: usize, bytes: usize, all: Arc<Account>) -> Arc<Self> {
        Arc::new(Self { calls, bytes, all, here: Mutex::default() })
    }

    /// A place for a call of `peer`; `None` if the peer has as many calls as it may.
    pub(crate) fn enter(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let mut here = lock(&self.here);
        let (calls, account) = here.entry(peer).or_insert_with(|| {
            let all = Some(self.all.clone());
            (0, Account::new("the server for one caller", "with_peer_bytes", self.bytes, all))
        });
        if *calls >= self.calls {
            return None;
        }
        *calls += 1;
        Some(Place { peers: self.clone(), peer, account: account.clone() })
    }

    /// The most calls that a peer may have.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }
}

/// A place for a call of a peer, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    peers: Arc<Peers>,
    peer: Peer,
    /// The account of the peer.
    pub(crate) account: Arc<Account>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut here = lock(&self.peers.here);
        if let Some((calls, _)) = here.get_mut(&self.peer) {
            *calls -= 1;
            if *calls == 0 {
                here.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_everywhere_or_nowhere() {
        let all = Account::new("all", "all", 100, None);
        let one = Account::new("one", "one", 80, Some(all.clone()));
        let two = Account::new("two", "two", 80, Some(all.clone()));
        let mut held = Held::of(&one, 60).unwrap();
        assert_eq!(Held::of(&one, 21).unwrap_err().holder, "one");
        assert_eq!(Held::of(&two, 41).unwrap_err().holder, "all");
        let other = Held::of(&two, 40).unwrap();
        assert_eq!(held.set(61).unwrap_err().holder, "all");
        drop(other);
        held.set(80).unwrap();
        held.move_up();
        assert_eq!(one.used.load(Ordering::Relaxed), 0);
        assert_eq!(all.used.load(Ordering::Relaxed), 80);
        held.set(10).unwrap();
        drop(held);
        for account in [all, one, two] {
            assert_eq!(account.used.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn what_is_free_does_not_count_and_there_is_one_spare() {
        let account = Account::new("it", "it", 10, None);
        let mut held = Held::new(&account, 5);
        held.set(15).unwrap();
        assert!(held.set(16).is_err());
        let spare = Held::spare(&account).unwrap();
        assert!(Held::spare(&account).is_none());
        drop(spare);
        assert!(Held::spare(&account).is_some());
    }

    #[test]
    fn places_of_a_peer_are_its_own() {
        let peers = Peers::new(2, 10, Account::unlimited());
        let peer = |text: &str| Peer::of(text.parse().unwrap());
        let first = peers.enter(peer("2001:db8::1")).unwrap();
        let _second = peers.enter(peer("2001:db8::2")).unwrap();
        assert!(peers.enter(peer("2001:db8::3")).is_none());
        assert!(peers.enter(peer("2001:db9::3")).is_some());
        assert!(peers.enter(peer("::ffff:1.2.3.4")).is_some());
        assert_eq!(peer("::ffff:1.2.3.4"), peer("1.2.3.4"));
        drop(first);
        assert!(peers.enter(peer("2001:db8::3")).is_some());
        assert_eq!(peers.here.lock().unwrap().len(), 1);
    }
}
