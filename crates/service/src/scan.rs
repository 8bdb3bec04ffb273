//! svscan's set: which names of the scan directory are services.
//!
//! The shell looks at names and says what it saw ([`Event::Seen`], [`Event::Gone`]); the set says
//! what follows. A service *is* a directory (device and inode), whatever it is called: a renamed
//! link goes on as it was, a new directory under an old name is a new service. A name that goes
//! takes nothing with it: the service runs until it is told to leave (daemontools, `svscan.c`).
//!
//! A link is taken at once, for it appears complete. A directory is not: `cp -r` makes it first and
//! fills it after, so it is taken when it has not changed for [`SETTLE`]. What cannot be
//! looked at is tried again; that is the only time the set asks to be woken.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use crate::time::Monotonic;

/// How long a directory made in the scan directory must have been left alone.
pub const SETTLE: Duration = Duration::from_secs(1);
/// How soon a name that could not be looked at is tried again (daemontools' scan interval).
pub const RETRY: Duration = Duration::from_secs(5);
/// How soon a service that was told to leave is started afresh, if its name is still there.
pub const RETURN: Duration = Duration::from_secs(5);

/// Device and inode of a service directory: who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// `st_dev`
    pub dev: u64,
    /// `st_ino`
    pub ino: u64,
}

/// What a name was when it was looked at, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Who is there.
    pub identity: Identity,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Whether the name itself is a link.
    pub is_link: bool,
    /// Anything that differs when the directory has changed (its ctime).
    pub changed: i128,
}

/// A service in the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u32);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A name was looked at: what is there, or the errno.
    Seen(OsString, Result<Sighting, i32>),
    /// There is no such name any more.
    Gone(OsString),
    /// Supervision of a service, or of its logger, has ended; `all`: none of the two is left.
    Left {
        /// Whose.
        entry: EntryId,
        /// Whether nothing of it is supervised any more.
        all: bool,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Supervise what of this service is not supervised yet; it is called so now.
    Start(EntryId, OsString),
    /// The service is called so, or still called so; its directory may be elsewhere by now.
    Rename(EntryId, OsString),
    /// Tell the operator, once, that this name is not served.
    Refuse(OsString, Refusal),
}

/// Why a name is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be looked at (a dangling link, mostly).
    CannotStat(i32),
    /// It is a file.
    NotADirectory,
    /// It is a service already, under that name.
    SameAs(OsString),
    /// So many services are all there is room for.
    TooMany(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Service(EntryId),
    Refused(Refusal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// New, and perhaps not complete.
    Settling { quiet_at: Monotonic, changed: i128 },
    /// Supervised.
    Running,
    /// Told to leave, and gone; where not `all` of it is, its logger (or the service) goes on.
    Left { back_at: Monotonic, all: bool },
}

#[derive(Debug)]
struct Entry {
    identity: Identity,
    /// `None`: its name is gone.
    name: Option<OsString>,
    phase: Phase,
}

/// The services of a scan directory.
#[derive(Debug)]
pub struct Set {
    capacity: usize,
    /// Whether the first listing is through: before it, directories are old, not half made.
    settled: bool,
    names: BTreeMap<OsString, Named>,
    entries: BTreeMap<EntryId, Entry>,
    identities: HashMap<Identity, EntryId>,
    /// Names to be looked at again, and when.
    looks: BTreeMap<OsString, Monotonic>,
    /// Services that are no longer of the set, and nobody was told.
    forgotten: Vec<EntryId>,
    next: u32,
}

impl Set {
    /// An empty set with room for `capacity` services.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            settled: false,
            names: BTreeMap::new(),
            entries: BTreeMap::new(),
            identities: HashMap::new(),
            looks: BTreeMap::new(),
            forgotten: Vec::new(),
            next: 0,
        }
    }

    /// The first listing is through: a directory seen from now on may be half made.
    pub fn settle(&mut self) {
        self.settled = true;
    }

    /// Every name that was seen and has not gone.
    pub fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.names.keys().map(OsString::as_os_str)
    }

    /// The services that have ceased to be of the set since the last call: nothing of them is
    /// supervised, and no name will bring them back.
    pub fn take_forgotten(&mut self) -> Vec<EntryId> {
        std::mem::take(&mut self.forgotten)
    }

    /// When to look at the names of [`Set::due`].
    #[must_use]
    pub fn deadline(&self) -> Option<Monotonic> {
        self.looks.values().min().copied()
    }

    /// The names to be looked at again by now.
    #[must_use]
    pub fn due(&self, now: Monotonic) -> Vec<OsString> {
        self.looks.iter().filter(|(_, at)| now >= **at).map(|(name, _)| name.clone()).collect()
    }

    /// Takes in what happened and says what is to be done.
    pub fn step(&mut self, now: Monotonic, event: Event) -> Option<Action> {
        match event {
            Event::Seen(name, _) if is_hidden(&name) => None,
            Event::Seen(name, seen) => self.seen(now, name, seen),
            Event::Gone(name) => self.gone(&name),
            Event::Left { entry, all } => {
                self.left(now, entry, all);
                None
            }
        }
    }

    fn seen(
        &mut self,
        now: Monotonic,
        name: OsString,
        seen: Result<Sighting, i32>,
    ) -> Option<Action> {
        self.looks.remove(&name);
        match seen {
            Err(errno) => {
                self.looks.insert(name.clone(), now + RETRY);
                self.refuse(name, Refusal::CannotStat(errno))
            }
            Ok(sighting) if !sighting.is_dir => self.refuse(name, Refusal::NotADirectory),
            Ok(sighting) => match self.identities.get(&sighting.identity) {
                Some(entry) => self.seen_again(now, *entry, name, sighting),
                None => self.seen_first(now, name, sighting),
            },
        }
    }

    fn seen_first(&mut self, now: Monotonic, name: OsString, sighting: Sighting) -> Option<Action> {
        if self.entries.len() >= self.capacity {
            // A service that goes makes room, and nothing else would tell.
            self.looks.insert(name.clone(), now + RETRY);
            return self.refuse(name, Refusal::TooMany(self.capacity));
        }
        self.release(&name);
        let entry = EntryId(self.next);
        self.next += 1;
        let complete = sighting.is_link || !self.settled;
        let phase = if complete { Phase::Running } else { self.settling(now, &name, sighting) };
        self.entries
            .insert(entry, Entry { identity: sighting.identity, name: Some(name.clone()), phase });
        self.identities.insert(sighting.identity, entry);
        self.names.insert(name.clone(), Named::Service(entry));
        complete.then_some(Action::Start(entry, name))
    }

    fn seen_again(
        &mut self,
        now: Monotonic,
        id: EntryId,
        name: OsString,
        sighting: Sighting,
    ) -> Option<Action> {
        let listed_as = self.entries.get(&id).and_then(|entry| entry.name.clone());
        if let Some(other) = listed_as.as_ref().filter(|other| **other != name) {
            return self.refuse(name, Refusal::SameAs(other.clone()));
        }
        if self.names.get(&name) != Some(&Named::Service(id)) {
            self.release(&name);
            self.names.insert(name.clone(), Named::Service(id));
        }
        let phase = self.entries.get(&id)?.phase;
        let (phase, action) = match phase {
            Phase::Running => (phase, Some(Action::Rename(id, name.clone()))),
            Phase::Settling { quiet_at, changed } if changed == sighting.changed => {
                self.wait_or_start(now, quiet_at, phase, id, &name)
            }
            Phase::Settling { .. } => (self.settling(now, &name, sighting), None),
            Phase::Left { back_at, .. } => self.wait_or_start(now, back_at, phase, id, &name),
        };
        let entry = self.entries.get_mut(&id)?;
        entry.phase = phase;
        entry.name = Some(name);
        action
    }

    fn wait_or_start(
        &mut self,
        now: Monotonic,
        at: Monotonic,
        phase: Phase,
        id: EntryId,
        name: &OsStr,
    ) -> (Phase, Option<Action>) {
        if now >= at {
            return (Phase::Running, Some(Action::Start(id, name.to_owned())));
        }
        self.looks.insert(name.to_owned(), at);
        (phase, None)
    }

    fn settling(&mut self, now: Monotonic, name: &OsStr, sighting: Sighting) -> Phase {
        let quiet_at = now + SETTLE;
        self.looks.insert(name.to_owned(), quiet_at);
        Phase::Settling { quiet_at, changed: sighting.changed }
    }

    fn refuse(&mut self, name: OsString, why: Refusal) -> Option<Action> {
        self.release(&name);
        let refused = Named::Refused(why.clone());
        let told = self.names.insert(name.clone(), refused.clone()) == Some(refused);
        (!told).then_some(Action::Refuse(name, why))
    }

    fn gone(&mut self, name: &OsStr) -> Option<Action> {
        self.looks.remove(name);
        self.release(name);
        self.names.remove(name);
        None
    }

    /// A name stops naming the service it named, if it named one. The service itself stays while
    /// something of it is supervised.
    fn release(&mut self, name: &OsStr) {
        let Some(Named::Service(id)) = self.names.get(name).cloned() else { return };
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.name.as_deref() == Some(name) {
            entry.name = None;
            match entry.phase {
                Phase::Running | Phase::Left { all: false, .. } => {}
                Phase::Settling { .. } | Phase::Left { all: true, .. } => self.forget(id),
            }
        }
        self.names.remove(name);
        self.look_at_refused_for(name);
    }

    /// Another name of the same directory may have been refused for this one's sake.
    fn look_at_refused_for(&mut self, name: &OsStr) {
        let same = Named::Refused(Refusal::SameAs(name.to_owned()));
        let other = self.names.iter().find(|(_, named)| **named == same);
        if let Some((other, _)) = other {
            self.looks.insert(other.clone(), Monotonic::default());
        }
    }

    fn left(&mut self, now: Monotonic, id: EntryId, all: bool) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        match &entry.name {
            Some(name) => {
                let back_at = now + RETURN;
                self.looks.insert(name.clone(), back_at);
                entry.phase = Phase::Left { back_at, all };
            }
            None if all => self.forget(id),
            None => {}
        }
    }

    fn forget(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.remove(&id) {
            self.identities.remove(&entry.identity);
            self.forgotten.push(id);
        }
    }
}

/// daemontools skips names that begin with a dot.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

#[cfg(test)]
mod tests;
