//! svscan's eyes: the scan directory, looked at through inotify, and what follows from it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use cli::Unable;
use contract::layout;
use service::Monotonic;
use service::scan::{Action, EntryId, Event, Identity, Set, Sighting};
use sys::inotify::{Watch, Watcher};
use sys::reexec::Inherited;

use crate::engine::{Engine, now};
use crate::explain;
use crate::limits::Machine;
use crate::look::Names;
use crate::pair::Pair;
use crate::settings::Settings;
use crate::task::{Part, Wanted};
use crate::token::Token;

/// The scan directory is the working directory.
const HERE: &str = ".";
/// How often it is listed where it cannot be watched (daemontools' scan interval).
const POLL: Duration = Duration::from_secs(5);
/// No service takes fewer descriptors: its lock and its control FIFO.
const DESCRIPTORS_PER_SERVICE: u64 = 2;

/// The scan directory.
#[derive(Debug)]
pub(crate) struct Scanner {
    set: Set,
    /// `None`: it cannot be watched, and is listed every [`POLL`].
    pub(crate) watch: Option<Watch>,
    /// When it is to be listed again, where it cannot be watched or could not be listed.
    list_at: Option<Monotonic>,
    /// Whether the operator knows that it cannot be listed.
    unreadable: bool,
    /// What he was told of the settings of all.
    complaints: Vec<String>,
    /// Kept for a listing: links and directories may be others afterwards.
    targets: Targets,
}

impl Scanner {
    /// Watches the working directory, or arranges for it to be listed. Nothing is looked at yet.
    pub(crate) fn new(engine: &mut Engine) -> Self {
        let opened = Watcher::new().and_then(|watcher| {
            let watch = watcher.scan(Path::new(HERE))?;
            engine.reactor.add(&watcher, &Token::Watcher)?;
            Ok((watcher, watch))
        });
        let watch = match opened {
            Ok((watcher, watch)) => {
                engine.watcher = Some(watcher);
                Some(watch)
            }
            Err(error) => {
                let (reason, secs) = (cli::reason(&error), POLL.as_secs());
                engine.voice.warn(format_args!(
                    "unable to watch the scan directory: {reason}: it is listed every {secs} s"
                ));
                None
            }
        };
        let capacity = engine.open_files.hard / DESCRIPTORS_PER_SERVICE;
        let set = Set::new(usize::try_from(capacity).unwrap_or(usize::MAX));
        let targets = Targets::default();
        Self { set, watch, list_at: None, unreadable: false, complaints: Vec::new(), targets }
    }

    /// When to look again, should nothing happen sooner.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        [self.list_at, self.set.deadline()].into_iter().flatten().min()
    }
}

impl Engine {
    /// Takes over the scan directory and starts what is there.
    pub(crate) fn scan(&mut self, scanner: Scanner) {
        self.scanner = Some(scanner);
        self.many_starts(Self::rescan);
        self.protect_when_alone();
        if let Some(scanner) = &mut self.scanner {
            scanner.set.settle();
        }
        self.tell_taken_over();
        self.inherited = Inherited::default();
        // Ends that came between two lives of ours were announced to the one before.
        self.reap();
    }

    /// Looks at every name there is, and at every name there was.
    pub(crate) fn rescan(&mut self) {
        if self.scanner.is_none() || !self.farewell.is_not_yet() {
            return;
        }
        self.read_defaults();
        let listed = list();
        let Some(scanner) = &mut self.scanner else { return };
        let failed = listed.is_err();
        let poll = scanner.watch.is_none() || failed;
        scanner.list_at = poll.then(|| now().monotonic + POLL);
        let told = std::mem::replace(&mut scanner.unreadable, failed);
        let known: Vec<OsString> = scanner.set.names().map(OsStr::to_owned).collect();
        match listed {
            Ok(names) => known.into_iter().chain(names).for_each(|name| self.look_at_one(name)),
            Err(error) if !told => {
                let reason = cli::reason(&error);
                self.voice.warn(format_args!("unable to read directory: {reason}"));
            }
            Err(_) => {}
        }
        if let Some(scanner) = &mut self.scanner {
            scanner.targets = Targets::default();
        }
    }

    /// Reads what holds for services that have no files of their own.
    fn read_defaults(&mut self) {
        let machine = Machine::look(self.open_files.soft);
        let mut complaints = Vec::new();
        let dir = Path::new(layout::SVSCAN);
        let (names, built_in) = (Names::UNKNOWN, Settings::built_in(machine));
        let defaults = Settings::read(dir, names, &built_in, |complaint| {
            complaints.push(format!("{}/{complaint}", layout::SVSCAN));
        });
        if defaults != *self.defaults {
            self.defaults = Rc::new(defaults);
        }
        let Some(scanner) = &mut self.scanner else { return };
        if scanner.complaints != complaints {
            for complaint in &complaints {
                self.voice.warn(complaint);
            }
            scanner.complaints = complaints;
        }
    }

    /// Looks at one name of the scan directory, and does what follows.
    pub(crate) fn look_at(&mut self, name: OsString) {
        self.look_at_one(name);
        if let Some(scanner) = &mut self.scanner {
            scanner.targets = Targets::default();
        }
    }

    fn look_at_one(&mut self, name: OsString) {
        if !self.farewell.is_not_yet() {
            return;
        }
        let event = match sight(Path::new(&name)) {
            Ok(sighting) => Event::Seen(name, Ok(sighting)),
            Err(None) => Event::Gone(name),
            Err(Some(errno)) => Event::Seen(name, Err(errno)),
        };
        self.step_scanner(event);
    }

    pub(crate) fn tick_scanner(&mut self, now: Monotonic) {
        let Some(scanner) = &self.scanner else { return };
        if scanner.list_at.is_some_and(|at| now >= at) {
            self.rescan();
        } else {
            scanner.set.due(now).into_iter().for_each(|name| self.look_at(name));
        }
    }

    fn step_scanner(&mut self, event: Event) {
        let Some(scanner) = &mut self.scanner else { return };
        let action = scanner.set.step(now().monotonic, event);
        for entry in scanner.set.take_forgotten() {
            self.pairs.remove(&entry);
        }
        match action {
            Some(Action::Start(entry, name)) => self.start_entry(entry, &name),
            Some(Action::Rename(entry, name)) => self.rename_entry(entry, &name),
            Some(Action::Refuse(name, why)) => {
                self.voice.warn(explain::refusal(&name, &why));
            }
            None => {}
        }
    }

    /// Supervises what of a service is not supervised yet.
    fn start_entry(&mut self, entry: EntryId, name: &OsStr) {
        self.rename_entry(entry, name);
        let opened = self.open_logger(entry).and_then(|()| self.open_main(entry));
        self.tell_once(entry, Part::Main, opened);
        if self.pairs.get(&entry).is_some_and(|pair| pair.log_told.is_some()) {
            // When its logger could not be taken, it was not known whether the service could.
            self.entry_left(entry);
        }
    }

    fn open_main(&mut self, entry: EntryId) -> Result<(), Unable> {
        match self.pairs.get(&entry).map(Box::as_ref) {
            Some(Pair { main: None, name, dir, .. }) => {
                let (name, dir) = (name.clone(), dir.clone());
                self.open_task(Wanted { entry, part: Part::Main, name, dir })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn rename_entry(&mut self, entry: EntryId, name: &OsStr) {
        let pair = self.pairs.entry(entry).or_default();
        pair.name = name.display().to_string();
        let targets = self.scanner.as_mut().map(|scanner| &mut scanner.targets);
        pair.dir = targets.map_or_else(|| name.into(), |it| it.lasting_path(Path::new(name)));
        let (name, dir) = (pair.name.clone(), pair.dir.clone());
        if let Some(task) = pair.log.and_then(|log| self.tasks.get_mut(&log)) {
            task.name = format!("{name}/{}", layout::LOG);
            task.dir = dir.join(layout::LOG);
        }
        if let Some(task) = pair.main.and_then(|main| self.tasks.get_mut(&main)) {
            (task.name, task.dir) = (name, dir);
        }
    }

    /// Tells why a service or its logger could not be taken, unless that was the last told of it,
    /// and has the set try again later.
    pub(crate) fn tell_once(&mut self, entry: EntryId, part: Part, opened: Result<(), Unable>) {
        let Some(pair) = self.pairs.get_mut(&entry) else { return };
        let lock = match part {
            Part::Main => pair.dir.join(layout::LOCK),
            Part::Log => pair.dir.join(layout::LOG).join(layout::LOCK),
        };
        let sentence = opened.err().map(|error| explain::untaken(&error, &lock));
        let told = pair.told_mut(part);
        let news = sentence.as_ref().filter(|_| *told != sentence).cloned();
        *told = sentence;
        let failed = told.is_some();
        if let Some(news) = news {
            self.voice.warn(news);
        }
        if failed {
            self.entry_left(entry);
        }
    }

    /// Something of an entry is not, or no longer, supervised.
    pub(crate) fn entry_left(&mut self, entry: EntryId) {
        let Some(pair) = self.pairs.get(&entry) else { return };
        let all = pair.main.is_none() && pair.log.is_none();
        self.step_scanner(Event::Left { entry, all });
    }
}

/// The names in the scan directory, hidden ones left out.
fn list() -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(HERE)? {
        names.push(entry?.file_name());
    }
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    Ok(names)
}

/// What a name is; `Err(None)`: there is no such name.
fn sight(name: &Path) -> Result<Sighting, Option<i32>> {
    let errno = |error: io::Error| Some(error.raw_os_error().unwrap_or_default());
    let own = match fs::symlink_metadata(name) {
        Ok(own) => own,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(None),
        Err(error) => return Err(errno(error)),
    };
    let meta = if own.is_symlink() { fs::metadata(name).map_err(errno)? } else { own.clone() };
    Ok(Sighting {
        identity: Identity { dev: meta.dev(), ino: meta.ino() },
        is_dir: meta.is_dir(),
        is_link: own.is_symlink(),
        changed: i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec()),
    })
}

/// Where links lead. Services mostly lie side by side: where their directory leads is found out
/// once in a listing.
#[derive(Debug, Default)]
struct Targets {
    /// A directory that links led into, and its path without links.
    parent: Option<(PathBuf, PathBuf)>,
}

impl Targets {
    /// A path that stays right when the link of that name goes: its target. A directory's own name
    /// is shorter, and goes with it anyway.
    fn lasting_path(&mut self, name: &Path) -> PathBuf {
        let Ok(target) = fs::read_link(name) else { return name.to_owned() };
        let found = self.in_parent(&target).or_else(|| fs::canonicalize(name).ok());
        found.unwrap_or_else(|| name.to_owned())
    }

    /// A target that is a name in a directory, and itself no link.
    fn in_parent(&mut self, target: &Path) -> Option<PathBuf> {
        let (parent, Component::Normal(name)) =
            (target.parent()?, target.components().next_back()?)
        else {
            return None;
        };
        let real = match &self.parent {
            Some((known, real)) if known == parent => real,
            Some(_) | None if target.is_absolute() => {
                &self.parent.insert((parent.to_owned(), fs::canonicalize(parent).ok()?)).1
            }
            Some(_) | None => return None,
        };
        let path = real.join(name);
        fs::symlink_metadata(&path).is_ok_and(|it| it.is_dir()).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_that_lasts_has_no_links_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(dir.path()).unwrap();
        for path in ["real/a", "real/b", "other/c", "scan"] {
            fs::create_dir_all(top.join(path)).unwrap();
        }
        symlink("real", top.join("sv")).unwrap();
        symlink(top.join("other/c"), top.join("real/link")).unwrap();
        let mut targets = Targets::default();
        let mut lasting = |target: &Path| {
            let name = top.join("scan/name");
            let _ = fs::remove_file(&name);
            symlink(target, &name).unwrap();
            targets.lasting_path(&name)
        };
        assert_eq!(lasting(&top.join("sv/a")), top.join("real/a"));
        assert_eq!(lasting(&top.join("sv/b")), top.join("real/b"), "by what is known of sv");
        assert_eq!(lasting(&top.join("sv/link")), top.join("other/c"), "a link itself");
        assert_eq!(lasting(Path::new("../sv/a")), top.join("real/a"), "not an absolute one");
        assert_eq!(lasting(&top.join("sv/../other/c")), top.join("other/c"));
        assert_eq!(lasting(&top.join("sv/..")), top);
        assert_eq!(lasting(&top.join("sv/gone")), top.join("scan/name"), "it leads nowhere");
        assert_eq!(Targets::default().lasting_path(&top.join("real/a")), top.join("real/a"));
    }
}
