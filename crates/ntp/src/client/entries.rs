//! The client's servers: names that become sources, sources that come and go, packets for them.

use core::net::{IpAddr, SocketAddr};

use crate::answer::Refused;
use crate::config::Proof;
use crate::source::{Heard, Source, Trouble};
use crate::time::{Now, Raw, Stamp};

use super::names::Place;
use super::{Action, Client, Configured, Entry, Level, ServerId, SourceId, lines};

/// The most servers that are asked at a time, all names' addresses together.
const SOURCES_MAX: usize = 32;

/// NTP's port is left out of a server's label.
const PORT: u16 = 123;

impl Configured {
    pub(super) fn deadline(&self) -> Option<Raw> {
        match &self.place {
            Place::Named(name) => name.deadline(),
            Place::Numeric(_) => None,
        }
    }

    pub(super) fn is_nts(&self) -> bool {
        matches!(self.server.proof, Proof::Nts(_))
    }

    pub(super) fn is_undecided(&self) -> bool {
        match &self.place {
            Place::Named(name) => name.is_undecided(),
            Place::Numeric(_) => false,
        }
    }
}

impl Entry {
    /// Why it is of no use now. One with a key may be silent because that is not ours: not all
    /// servers say so.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        match (self.source.trouble()?, self.key) {
            (Trouble::Silent(None), Some(key)) => {
                Some(Trouble::Silent(Some(format!("perhaps its key {key} is not ours"))))
            }
            (trouble, _) => Some(trouble.clone()),
        }
    }

    /// The line about what became of a packet, as far as its budget reaches.
    fn heard(&mut self, now: Now, heard: Heard) -> Option<Action> {
        let label = &self.label;
        let (level, text) = match heard {
            Heard::Sample(sample, taken) => {
                // At most one per request: no need for a budget.
                let (offset, delay) =
                    ((sample.theta - now.theta()).seconds(), sample.delay.seconds());
                let how = if self.source.is_interleaved() { ", interleaved" } else { "" };
                let text =
                    format!("{label}: offset {offset:+.6} s, delay {delay:.6} s ({taken:?}{how})");
                return Some(Action::Say(Level::Debug, text));
            }
            Heard::Known => {
                let text = format!("{label}: an interleaved answer that the next one completes");
                return Some(Action::Say(Level::Debug, text));
            }
            Heard::Foreign(refused) => {
                (Level::Debug, format!("a packet from {label} is ignored: {refused}"))
            }
            Heard::Useless(refused) => {
                (Level::Debug, format!("an answer of {label} is refused: {refused}"))
            }
            Heard::Slower => {
                (Level::Info, format!("{label} asks to be asked less often (RATE), and is"))
            }
            Heard::Away => return None,
        };
        self.murmur.spend(now.raw).then_some(Action::Say(level, text))
    }
}

impl Client {
    /// The servers that need no resolving.
    pub(super) fn add_numeric(&mut self, now: Raw) {
        let mut actions = Vec::new();
        for index in 0..self.configured.len() {
            let id = ServerId(index);
            if let Some(Configured { place: Place::Numeric(address), .. }) = self.configured(id) {
                let address = *address;
                self.add(id, address, now, &mut actions);
            }
        }
        self.early = actions;
    }

    pub(super) fn with(&mut self, id: SourceId, tell: impl FnOnce(&mut Source)) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            tell(&mut entry.source);
        }
    }

    pub(super) fn network_changed(&mut self, now: Raw) {
        for configured in &mut self.configured {
            if let Place::Named(name) = &mut configured.place {
                name.hurry(now);
            }
        }
        for entry in &mut self.entries {
            entry.source.hurry(now);
        }
    }

    pub(super) fn hear(
        &mut self,
        now: Now,
        id: SourceId,
        bytes: &[u8],
        arrived: Raw,
        actions: &mut Vec<Action>,
    ) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) else { return };
        let heard = entry.source.hear(bytes, arrived);
        self.news |= matches!(heard, Heard::Sample(..));
        actions.extend(entry.heard(now, heard));
    }

    pub(super) fn unproven(
        &mut self,
        now: Now,
        id: SourceId,
        refused: Refused,
        actions: &mut Vec<Action>,
    ) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) else { return };
        let heard = entry.source.refuse(refused);
        actions.extend(entry.heard(now, heard));
    }

    /// How a server proves who it is.
    #[must_use]
    pub fn proof_of(&self, server: ServerId) -> &Proof {
        self.configured(server).map_or(&Proof::None, |configured| &configured.server.proof)
    }

    /// Of which server a source is, and how that proves who it is.
    #[must_use]
    pub fn proof(&self, source: SourceId) -> Option<(ServerId, &Proof)> {
        let entry = self.entries.iter().find(|entry| entry.id == source)?;
        Some((entry.server, self.proof_of(entry.server)))
    }

    /// The arrival that the request to a source is to show, as [`Source::shows`].
    #[must_use]
    pub fn shows(&self, source: SourceId) -> Option<Stamp> {
        self.entries.iter().find(|entry| entry.id == source)?.source.shows()
    }

    pub(super) fn negotiated(
        &mut self,
        id: ServerId,
        address: SocketAddr,
        now: Raw,
        actions: &mut Vec<Action>,
    ) {
        // What was agreed on is good for this address only.
        self.forget(actions, |entry| entry.server == id && entry.address != address);
        let configured = self.configured.get_mut(id.0);
        if let Some(Configured { place: Place::Named(name), .. }) = configured {
            name.port = address.port();
        }
        self.resolved(id, &[address.ip()], now, actions);
    }

    pub(super) fn distrusted(
        &mut self,
        id: ServerId,
        why: String,
        now: Raw,
        actions: &mut Vec<Action>,
    ) {
        self.forget(actions, |entry| entry.server == id);
        self.unresolved(id, why, now, actions);
    }

    pub(super) fn forget(&mut self, actions: &mut Vec<Action>, is_it: impl Fn(&Entry) -> bool) {
        let gone = self.entries.iter().filter(|entry| is_it(entry));
        actions.extend(gone.map(|entry| Action::Forget(entry.id)));
        self.entries.retain(|entry| !is_it(entry));
    }

    pub(super) fn resolved(
        &mut self,
        id: ServerId,
        found: &[IpAddr],
        now: Raw,
        actions: &mut Vec<Action>,
    ) {
        let Some(configured) = self.configured.get_mut(id.0) else { return };
        let Place::Named(name) = &mut configured.place else { return };
        let addresses = name.resolved(found, configured.server.pool, now);
        configured.said &= addresses.is_empty();
        let all = name.places(found);
        if configured.server.pool {
            return self.replenish(id, &all, now, actions);
        }
        if self.has_borrowed(id, &all) {
            return;
        }
        let known = |entry: &Entry| entry.server == id && addresses.contains(&entry.address);
        if !addresses.is_empty() {
            self.entries.retain(|entry| {
                let useless = entry.source.is_lost() || entry.borrowed;
                let keep = entry.server != id || known(entry) || !useless;
                if !keep {
                    actions.push(Action::Forget(entry.id));
                }
                keep
            });
        }
        for address in addresses {
            self.add(id, address, now, actions);
        }
    }

    pub(super) fn unresolved(
        &mut self,
        id: ServerId,
        why: String,
        now: Raw,
        actions: &mut Vec<Action>,
    ) {
        let configured = self.configured.get_mut(id.0);
        if let Some(Configured { place: Place::Named(name), .. }) = configured {
            name.unresolved(why, now);
            self.borrow(id, now, actions);
        }
    }

    /// Names that are due, and names all of whose servers are lost.
    pub(super) fn drive_names(&mut self, now: Raw, actions: &mut Vec<Action>) {
        for (index, configured) in self.configured.iter_mut().enumerate() {
            let id = ServerId(index);
            let Place::Named(name) = &mut configured.place else { continue };
            let mut of_this = self.entries.iter().filter(|entry| entry.server == id).peekable();
            if of_this.peek().is_some() {
                // Of a pool there are others; of a single server there is one address at a time.
                let worse = if configured.server.pool {
                    of_this.any(|entry| entry.is_bad(now))
                } else {
                    of_this.all(|entry| entry.source.is_lost())
                };
                let heard = |entry: &Entry| entry.server != id || entry.source.is_reachable();
                if worse {
                    name.lost(now);
                } else if self.entries.iter().all(heard) {
                    // Newcomers have to be heard of first: as many as a name has may be dead.
                    name.well();
                }
            }
            if name.turn(now) {
                actions.push(Action::Resolve(id, name.host.clone()));
            }
        }
    }

    fn configured(&self, id: ServerId) -> Option<&Configured> {
        self.configured.get(id.0)
    }

    /// Whoever has two names has one vote all the same.
    pub(super) fn add(
        &mut self,
        server: ServerId,
        address: SocketAddr,
        now: Raw,
        actions: &mut Vec<Action>,
    ) {
        if self.is_taken(server, address, actions) || self.entries.len() >= SOURCES_MAX {
            return;
        }
        let Some(configured) = self.configured.get_mut(server.0) else { return };
        configured.proven_at = (configured.server.proof != Proof::None).then_some(address);
        let key = match configured.server.proof {
            Proof::Key(key) => Some(key),
            Proof::None | Proof::Nts(_) => None,
        };
        let at =
            if address.port() == PORT { address.ip().to_string() } else { address.to_string() };
        let label = match &configured.place {
            Place::Numeric(_) => at,
            Place::Named(name) => format!("{} ({at})", name.host),
        };
        let source = Source::new(configured.server.polling, self.setup.frequency, now);
        let id = SourceId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let (voice, murmur) = (lines(), lines());
        let (said, false_since, borrowed) = (None, None, false);
        let entry = Entry {
            id,
            server,
            address,
            label,
            key,
            source,
            voice,
            murmur,
            said,
            false_since,
            borrowed,
        };
        self.entries.push(entry);
    }
}
