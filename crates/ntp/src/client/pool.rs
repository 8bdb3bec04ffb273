//! Members of pools come and go: the dead and the false are replaced by others of the same name.
//! And addresses that were good before stand in for those that no name service gives us now.

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;

use crate::budget::Budget;
use crate::config::Proof;
use crate::select::Candidate;
use crate::time::{Raw, Span};

use super::names::{POOL_MAX, Place};
use super::{Action, Client, Configured, Entry, LINE_SPACING, Level, ServerId, SourceId};

/// A member that has contradicted the majority for so long is no better for waiting: some eight
/// requests at the usual shortest interval.
const FALSE_PATIENCE: Span = Span::from_secs(600);

/// So many who were sent away are not taken again: two pools of members.
const DISMISSED_MAX: usize = 2 * POOL_MAX;

/// So many lines on its members may follow each other: each of them comes, and each goes.
const VOICE: u8 = 16;

/// What a pool remembers beyond its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pool {
    /// For how its members stand, however many come and go.
    pub(super) voice: Budget,
    /// How many members there should be: as many as its name has had addresses.
    size: usize,
    /// Those that were replaced; the name service may go on naming them.
    dismissed: VecDeque<SocketAddr>,
}

impl Default for Pool {
    fn default() -> Self {
        let voice = Budget::new(VOICE, LINE_SPACING);
        Self { voice, size: 0, dismissed: VecDeque::new() }
    }
}

impl Entry {
    /// Whether another would do better in its place.
    pub(super) fn is_bad(&self, now: Raw) -> bool {
        let is_false = self.false_since.is_some_and(|since| now - since >= FALSE_PATIENCE);
        self.source.is_lost() || is_false
    }
}

impl Client {
    /// After a vote that has come to an agreement: since when has who contradicted it?
    pub(super) fn note_false_ones(&mut self, voters: &[(SourceId, Candidate)], now: Raw) {
        let Some(agreement) = &self.agreement else { return };
        for entry in &mut self.entries {
            if agreement.truechimers.contains(&entry.id) {
                entry.false_since = None;
            } else if voters.iter().any(|(id, _)| *id == entry.id) {
                entry.false_since.get_or_insert(now);
            }
        }
    }

    /// A pool's name has these addresses now: bad members make room, and what is missing is added.
    pub(super) fn replenish(
        &mut self,
        id: ServerId,
        found: &[SocketAddr],
        now: Raw,
        actions: &mut Vec<Action>,
    ) {
        let Some(configured) = self.configured.get_mut(id.0) else { return };
        let pool = &mut configured.pool;
        pool.size = pool.size.max(found.len().min(POOL_MAX));
        let size = pool.size;
        let known: Vec<SocketAddr> = self.entries.iter().map(|entry| entry.address).collect();
        let is_new = |at: &&SocketAddr| !known.contains(at) && !pool.dismissed.contains(at);
        let fresh: Vec<SocketAddr> = found.iter().filter(is_new).copied().collect();
        let mut fresh = fresh.into_iter();
        for bad in self.bad_members(id, now) {
            match fresh.next() {
                Some(new) => self.replace(bad, new, now, actions),
                None if !found.contains(&bad.1) => self.dismiss(bad, actions),
                None => {}
            }
        }
        let members = self.entries.iter().filter(|entry| entry.server == id).count();
        for address in fresh.take(size.saturating_sub(members)) {
            self.add(id, address, now, actions);
        }
        if members == 0 {
            self.take_back(id, found, now, actions);
        }
    }

    /// Where every address was sent away before, they are better than nobody.
    fn take_back(
        &mut self,
        id: ServerId,
        found: &[SocketAddr],
        now: Raw,
        actions: &mut Vec<Action>,
    ) {
        if self.entries.iter().any(|entry| entry.server == id) {
            return;
        }
        if let Some(configured) = self.configured.get_mut(id.0) {
            configured.pool.dismissed.clear();
        }
        for address in found.iter().take(POOL_MAX) {
            self.add(id, *address, now, actions);
        }
    }

    fn bad_members(&self, id: ServerId, now: Raw) -> Vec<(SourceId, SocketAddr)> {
        let bad = self.entries.iter().filter(|entry| entry.server == id && entry.is_bad(now));
        bad.map(|entry| (entry.id, entry.address)).collect()
    }

    fn replace(
        &mut self,
        bad: (SourceId, SocketAddr),
        new: SocketAddr,
        now: Raw,
        actions: &mut Vec<Action>,
    ) {
        let Some(entry) = self.entries.iter().find(|entry| entry.id == bad.0) else { return };
        let (server, label) = (entry.server, entry.label.clone());
        let why = if entry.source.is_lost() { "is lost" } else { "contradicts the majority" };
        if self.voice.spend(now) {
            let text = format!("{label} {why}: {} takes its place", new.ip());
            actions.push(Action::Say(Level::Info, text));
        }
        self.dismiss(bad, actions);
        if let Some(configured) = self.configured.get_mut(server.0) {
            let dismissed = &mut configured.pool.dismissed;
            dismissed.push_back(bad.1);
            if dismissed.len() > DISMISSED_MAX {
                dismissed.pop_front();
            }
        }
        self.add(server, new, now, actions);
    }

    fn dismiss(&mut self, bad: (SourceId, SocketAddr), actions: &mut Vec<Action>) {
        self.entries.retain(|entry| entry.id != bad.0);
        actions.push(Action::Forget(bad.0));
    }

    /// A name without an address: those that were good before are asked, if there are any.
    pub(super) fn borrow(&mut self, id: ServerId, now: Raw, actions: &mut Vec<Action>) {
        if self.entries.iter().any(|entry| entry.server == id) {
            return;
        }
        let Some(Configured { place: Place::Named(name), server, .. }) = self.configured.get(id.0)
        else {
            return;
        };
        if matches!(server.proof, Proof::Nts(_)) {
            return; // An address without a handshake proves nothing.
        }
        let known = self.setup.known.iter().find(|(host, _)| *host == name.host);
        let Some((host, addresses)) = known else { return };
        let take = if server.pool { POOL_MAX } else { 1 };
        let places: Vec<SocketAddr> = name.places(addresses).into_iter().take(take).collect();
        let text = format!("{host} has no address now; asking those that were good before");
        for place in places {
            self.add(id, place, now, actions);
        }
        for entry in self.entries.iter_mut().filter(|entry| entry.server == id) {
            entry.borrowed = true;
        }
        if self.voice.spend(now) {
            actions.push(Action::Say(Level::Info, text));
        }
    }

    /// Whether a single server's address of before is among those that its name has now; then it
    /// stays.
    pub(super) fn has_borrowed(&mut self, id: ServerId, found: &[SocketAddr]) -> bool {
        let mut of_this = self.entries.iter_mut().filter(|entry| entry.server == id);
        let known = of_this.find(|entry| entry.borrowed && found.contains(&entry.address));
        known.is_some_and(|entry| {
            entry.borrowed = false;
            !entry.source.is_lost()
        })
    }

    /// The hosts and those of their addresses that the majority agrees with.
    #[must_use]
    pub fn good_addresses(&self) -> Vec<(String, Vec<IpAddr>)> {
        let of = |index: usize, configured: &Configured| {
            let Place::Named(name) = &configured.place else { return None };
            let good = self.truechimers().filter(|entry| entry.server == ServerId(index));
            let good: Vec<IpAddr> = good.map(|entry| entry.address.ip()).collect();
            (!good.is_empty()).then(|| (name.host.clone(), good))
        };
        self.configured.iter().enumerate().filter_map(|(index, it)| of(index, it)).collect()
    }
}
