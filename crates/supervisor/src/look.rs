//! A look at a service directory before something is done in it: which names are there, whose it
//! is, and the directory itself, held open until that is done.
//!
//! Most small files of a service directory are mostly not there, and to ask for each of them is
//! most of what a start would cost. So the names are read once, and again when the directory says
//! that names have come or gone.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use contract::layout;
use sys::held::{Facts, Held};
use sys::place;
use sys::spawn::{Identity, Way};

/// The names that make a difference to a start.
const KNOWN: [&str; 12] = [
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
];

/// A directory changed as short as this ago may change again with the same time on it: file systems
/// count in ticks, FAT in two seconds.
const SETTLED: Duration = Duration::from_secs(3);

/// Which of the known names a directory has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    /// A bit for each of [`KNOWN`].
    there: u16,
    /// What the directory said of its last change when it was read, where that is to be trusted.
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

    fn read(held: &Held, facts: Facts) -> Self {
        let mut there = 0;
        let all = held.names(|name| {
            let bit = KNOWN.iter().position(|known| known.as_bytes() == name);
            there |= bit.map_or(0, |bit| 1 << bit);
        });
        match all {
            Ok(true) => Self { there, as_of: Some(facts).filter(is_settled) },
            Ok(false) | Err(_) => Self::UNKNOWN,
        }
    }
}

/// Whether the last change is so long ago that the next will have another time on it.
fn is_settled(facts: &Facts) -> bool {
    let now = sys::clock::realtime();
    facts.changed.iter().all(|(secs, _)| {
        let changed = Duration::from_secs(u64::try_from(*secs).unwrap_or(u64::MAX));
        now.checked_sub(changed).is_some_and(|age| age >= SETTLED)
    })
}

/// A directory that is held open.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) held: Held,
    pub(crate) identity: Identity,
    pub(crate) way: Way,
    pub(crate) names: Names,
    /// Whether somebody else could exchange what is in it.
    pub(crate) exposed: bool,
}

impl Look {
    /// Looks at the directory `dir`. `before` is what an earlier look has seen.
    ///
    /// # Errors
    /// It cannot be opened, or read.
    pub(crate) fn at(dir: &Path, before: Names) -> io::Result<Self> {
        let held = Held::open(dir)?;
        let facts = held.facts()?;
        let way = way(facts.uid, || held.owner_of(layout::RUN), || held.is_remote());
        let same = before.as_of == Some(facts) && way == Way::Borrowed;
        let names = if same { before } else { Names::read(&held, facts) };
        Ok(Self { held, identity: facts.identity, way, names, exposed: facts.exposed })
    }
}

/// The way of a directory that cannot be held open.
pub(crate) fn way_of(dir: &Path, meta: &Metadata) -> Way {
    let run = || std::fs::metadata(dir.join(layout::RUN)).map(|run| run.uid());
    way(meta.uid(), run, || place::is_remote(dir))
}

/// Whether somebody else could keep us waiting: whoever owns the directory, or ./run (by a lease),
/// or serves the file system.
fn way(
    owner: u32,
    owner_of_run: impl Fn() -> io::Result<u32>,
    is_remote: impl Fn() -> io::Result<bool>,
) -> Way {
    let foreign = !place::is_trusted_owner(owner)
        || owner_of_run().is_ok_and(|owner| !place::is_trusted_owner(owner));
    if foreign || is_remote().unwrap_or(true) { Way::Apart } else { Way::Borrowed }
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
        let at = |secs| {
            let changed = [(secs, 0), (now - 100, 0)];
            is_settled(&Facts {
                identity: Identity { dev: 1, ino: 1 },
                uid: 0,
                exposed: false,
                changed,
            })
        };
        assert!(at(now - 10) && !at(now - 1) && !at(now + 100) && !at(-1));
    }
}
