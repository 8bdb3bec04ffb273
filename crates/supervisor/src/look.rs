//! A look at a service directory before something is done in it: which names are there, whose it
//! is, and the directory itself, held open until that is done.
//!
//! Most small files of a service directory are mostly not there, and to ask for each of them is
//! most of what a start would cost. So the names are read once, and again when the directory says
//! that names have come or gone.

use std::cell::OnceCell;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use contract::layout;
use sys::held::{Facts, Held};
use sys::place;
use sys::spawn::{Identity, Way};

/// The names that make a difference to a start.
const KNOWN: [&str; 13] = [
    layout::DOWN,
    layout::LIMITS,
    layout::LOG,
    layout::SUPERVISE,
    layout::TIMEOUT_KILL,
    layout::TIMEOUT_FINISH,
    layout::SURVIVORS,
    layout::MAX_DEATHS,
    layout::BACKOFF_MAX,
    layout::STABLE_AFTER,
    layout::NOTIFICATION_FD,
    layout::NO_SETSID,
    layout::FINISH,
];

/// A directory changed as short as this ago may change again with the same time on it: some file
/// systems count in seconds, FAT in two of them,
const SETTLED: Duration = Duration::from_secs(3);
/// those of Linux in ticks, of which the longest is 10 ms: no more than this is needed where a time
/// on the directory is no multiple of 10 ms, which is then the tick of nobody who counts in more.
const SETTLED_FINE: Duration = Duration::from_millis(100);
const TICK_MAX: i64 = 10_000_000;

/// Which of the known names a directory has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    /// A bit for each of [`KNOWN`].
    there: u16,
    /// What the directory said of its last change when it was read, where that is to be trusted:
    /// not on a file system that somebody else serves.
    as_of: Option<Facts>,
}

impl Names {
    /// Nothing is known: any name may be there.
    pub(crate) const UNKNOWN: Self = Self { there: u16::MAX, as_of: None };

    /// `false` only where it is known that there is no file of that name.
    pub(crate) fn may_have(self, name: &str) -> bool {
        let bit = KNOWN.iter().position(|known| *known == name);
        bit.is_none_or(|bit| self.there & 1 << bit != 0)
    }

    fn read(held: &Held, facts: Facts, is_remote: bool) -> Self {
        let mut there = 0;
        let all = held.names(|name| {
            let bit = KNOWN.iter().position(|known| known.as_bytes() == name);
            there |= bit.map_or(0, |bit| 1 << bit);
        });
        match all {
            Ok(true) => {
                let is_kept = |facts: &Facts| !is_remote && is_settled(facts);
                Self { there, as_of: Some(facts).filter(is_kept) }
            }
            Ok(false) | Err(_) => Self::UNKNOWN,
        }
    }
}

/// Whether the last change is so long ago that the next will have another time on it.
fn is_settled(facts: &Facts) -> bool {
    let now = sys::clock::realtime();
    facts.changed.iter().all(|(secs, nanos)| {
        let secs = Duration::from_secs(u64::try_from(*secs).unwrap_or(u64::MAX));
        let changed = secs.saturating_add(Duration::from_nanos((*nanos).try_into().unwrap_or(0)));
        let settled = if nanos % TICK_MAX == 0 { SETTLED } else { SETTLED_FINE };
        now.checked_sub(changed).is_some_and(|age| age >= settled)
    })
}

/// A directory that is held open.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) held: Rc<Held>,
    pub(crate) identity: Identity,
    pub(crate) names: Names,
    /// Whether somebody else could exchange what is in it.
    pub(crate) exposed: bool,
    owner: u32,
    is_remote: bool,
    way: OnceCell<Way>,
}

impl Look {
    /// Looks at the directory `dir`. `before` is what an earlier look has seen.
    ///
    /// # Errors
    /// It cannot be opened, or read.
    pub(crate) fn at(dir: &Path, before: Names) -> io::Result<Self> {
        let held = Held::open(dir)?;
        let facts = held.facts()?;
        let (owner, identity, exposed) = (facts.uid, facts.identity, facts.exposed);
        let same = before.as_of == Some(facts) && place::is_trusted_owner(owner);
        // What lay on this machine lies there still.
        let is_remote = !same && held.is_remote().unwrap_or(true);
        let names = if same { before } else { Names::read(&held, facts, is_remote) };
        Ok(Self {
            held: Rc::new(held),
            identity,
            names,
            exposed,
            owner,
            is_remote,
            way: OnceCell::new(),
        })
    }

    /// Whether somebody else could keep us waiting in it.
    pub(crate) fn way(&self) -> Way {
        let run = || self.held.owner_of(layout::RUN);
        *self.way.get_or_init(|| way(self.owner, run, self.is_remote))
    }
}

/// The way of a directory that cannot be held open.
pub(crate) fn way_of(dir: &Path, meta: &Metadata) -> Way {
    let run = || std::fs::metadata(dir.join(layout::RUN)).map(|run| run.uid());
    way(meta.uid(), run, place::is_remote(dir).unwrap_or(true))
}

/// Whether somebody else could keep us waiting: whoever owns the directory, or ./run (by a lease),
/// or serves the file system.
fn way(owner: u32, owner_of_run: impl Fn() -> io::Result<u32>, is_remote: bool) -> Way {
    let foreign = !place::is_trusted_owner(owner)
        || owner_of_run().is_ok_and(|owner| !place::is_trusted_owner(owner));
    if foreign || is_remote { Way::Apart } else { Way::Borrowed }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::SystemTime;

    use super::*;

    fn look(dir: &Path, before: Names) -> Names {
        Look::at(dir, before).unwrap().names
    }

    #[test]
    fn a_name_is_there_or_not_and_unknown_ones_may_be() {
        let dir = tempfile::tempdir().unwrap();
        assert!(KNOWN.iter().all(|name| !look(dir.path(), Names::UNKNOWN).may_have(name)));
        for name in KNOWN {
            fs::write(dir.path().join(name), "").unwrap();
            let names = look(dir.path(), Names::UNKNOWN);
            assert!(names.may_have(name) && names.may_have("another"));
        }
        assert!(KNOWN.iter().all(|name| Names::UNKNOWN.may_have(name)));
        assert!(KNOWN.len() <= u16::BITS as usize);
    }

    #[test]
    fn a_directory_that_has_just_changed_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let first = look(dir.path(), Names::UNKNOWN);
        assert_eq!(first.as_of, None, "another name may come within the same tick");
        fs::write(dir.path().join(layout::DOWN), "").unwrap();
        assert!(look(dir.path(), first).may_have(layout::DOWN));
    }

    #[test]
    fn what_an_earlier_look_has_seen_holds_until_the_directory_changes() {
        let dir = tempfile::tempdir().unwrap();
        let facts = Held::open(dir.path()).unwrap().facts().unwrap();
        let seen = Names { there: 1, as_of: Some(facts) };
        assert_eq!(look(dir.path(), seen), seen);
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::open(dir.path()).unwrap().set_modified(old).unwrap();
        assert_ne!(look(dir.path(), seen), seen, "who turns back one time moves the other");
    }

    #[test]
    fn a_change_that_is_old_is_settled_and_one_to_come_is_not() {
        let secs = |time: Duration| i64::try_from(time.as_secs()).unwrap();
        let now = secs(sys::clock::realtime());
        let at = |secs, nanos| {
            let changed = [(secs, nanos), (now - 100, 0)];
            is_settled(&Facts {
                identity: Identity { dev: 1, ino: 1 },
                uid: 0,
                exposed: false,
                changed,
            })
        };
        assert!(at(now - 10, 0) && !at(now - 1, 0) && !at(now + 100, 0) && !at(-1, 0));
        assert!(at(now - 1, 1) && !at(now - 1, TICK_MAX) && !at(now, 999_999_999));
    }
}
