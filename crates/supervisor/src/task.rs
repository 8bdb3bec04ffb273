//! One supervised service: its machine, its files, and how the machine's wishes become system
//! calls.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cli::{Unable, UnableExt as _};
use contract::remarks::Remark;
use contract::{Letter, Status, layout, status::Wish};
use service::scan::EntryId;
use service::words::{self, View};
use service::{Boottime, Monotonic, Now, Service, Signal};
use sys::inotify::Watch;
use sys::reexec::Inherited;
use sys::spawn::{Identity, Verdict, Way};
use tai::Stamp;

use crate::adoption::{Adopted, Living, Past};
use crate::explain;
use crate::files::{self, Files, Locked};
use crate::groups::Membership;
use crate::limits::Machine;
use crate::marker::Marker;
use crate::repeats::Repeats;
use crate::settings::Settings;

/// So many letters are taken from a control FIFO in a turn: as many as svc ever writes at once. The
/// others wait for the next, so that a flood for one service keeps no other waiting for long.
pub(crate) const LETTERS_PER_TURN: usize = 16;

/// A status that could not be written is tried again after this: soon enough for whoever has just
/// made room on the disk and looks at it with svstat.
const REWRITE_PAUSE: Duration = Duration::from_secs(5);

/// A supervised service. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId(pub(crate) u32);

/// Which of a pair it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The service itself.
    Main,
    /// The logger of it.
    Log,
}

/// One supervised service.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) entry: EntryId,
    pub(crate) part: Part,
    /// What messages call it.
    pub(crate) name: String,
    /// A path to its directory that stays right when its link goes.
    pub(crate) dir: PathBuf,
    pub(crate) identity: Identity,
    /// Whether its directory could keep us waiting.
    pub(crate) way: Way,
    pub(crate) service: Service,
    /// Its process, where that is no child of ours.
    pub(crate) adopted: Option<Adopted>,
    /// When its process was last asked for, and whether that is not answered yet.
    pub(crate) asked_for: Boottime,
    pub(crate) starting: bool,
    /// What the operator wants, and whether he has told it to leave: not what the end of everything
    /// wants.
    pub(crate) wish: (Wish, bool),
    pub(crate) files: Option<Files>,
    /// What `supervise/status` says.
    written: Option<View>,
    /// The stamp it says it with: the same as long as the pid is.
    stamp: Option<(Boottime, Stamp)>,
    /// When to write it again, where that failed and the operator knows.
    rewrite_at: Option<Monotonic>,
    /// The deadline the engine's queue knows of.
    pub(crate) queued: Option<Monotonic>,
    /// What a child that was forked will have told when it has ended.
    pub(crate) verdict: Option<Verdict>,
    /// Set while its directory is watched for what may mend it.
    pub(crate) watch: Option<Watch>,
    /// What its files say.
    pub(crate) settings: Settings,
    /// What ties its processes to it: a control group,
    pub(crate) membership: Option<Membership>,
    /// a secret in their environment,
    pub(crate) marker: Marker,
    /// Open until it has said that it is ready, or cannot any more.
    pub(crate) readiness: Option<File>,
    /// Set while the kernel tells us of limits that it hits.
    pub(crate) limit_watches: Vec<Watch>,
    /// Those that it has hit.
    pub(crate) limit_remarks: Vec<Remark>,
    /// and the session of the last life, where it led one.
    pub(crate) session: Option<u32>,
    /// Whether its life began under another supervisor, whose orphans do not come to us.
    pub(crate) has_strange_kin: bool,
    /// Since when it cannot be told who is left of it, because somebody executes a program.
    pub(crate) uncounted: Option<Monotonic>,
    /// What `supervise/remarks` says.
    remarked: Option<String>,
    /// What the machine says of its life, and that in words. Kept as long as no start was tried:
    /// a cure is for the file that failed, not for the one that has been mended since.
    explained: Option<(words::Remark, Option<Remark>)>,
    /// What was wrong with its settings when they were last read.
    complaints: Vec<String>,
    /// What the operator was told, and how often.
    pub(crate) told: Repeats,
}

/// Which service a task is to be made of.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) entry: EntryId,
    pub(crate) part: Part,
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
}

impl Task {
    /// A task whose lock is taken. Its FIFOs are opened after its first status.
    ///
    /// # Errors
    /// No such directory, or another supervise has it.
    pub(crate) fn new(
        now: Now,
        wanted: Wanted,
        seed: u64,
        inherited: &mut Inherited,
    ) -> Result<(Self, Locked), Unable> {
        let Wanted { entry, part, name, dir } = wanted;
        let meta = std::fs::metadata(&dir).unable(format_args!("stat {name}"))?;
        let lock = match inherited.find(&dir.join(layout::LOCK)) {
            Some(lock) => Locked::inherited(lock),
            None => Locked::take(&dir, &name)?,
        };
        let identity = identity(&meta);
        let way = way(&dir, &meta);
        let want = if files::is_down(&dir) { Wish::Down } else { Wish::Up };
        let service = Service::new(now, want, seed);
        let remarked = files::read_remarks(&dir);
        let task = Self {
            entry,
            part,
            name,
            dir,
            identity,
            way,
            service,
            adopted: None,
            asked_for: now.boottime,
            starting: false,
            wish: (want, false),
            files: None,
            written: None,
            stamp: None,
            rewrite_at: None,
            queued: None,
            verdict: None,
            watch: None,
            settings: Settings::built_in(Machine::default()),
            membership: None,
            marker: Marker::new(seed),
            readiness: None,
            limit_watches: Vec::new(),
            limit_remarks: Vec::new(),
            session: None,
            has_strange_kin: false,
            uncounted: None,
            remarked,
            explained: None,
            complaints: Vec::new(),
            told: Repeats::default(),
        };
        Ok((task, lock))
    }

    /// Goes on where another supervisor left it; gives who lives.
    pub(crate) fn resume(
        &mut self,
        now: Now,
        past: Past,
        defaults: &Settings,
        seed: u64,
    ) -> Option<Living> {
        self.refresh(defaults);
        // What is wrong with its files is told at its next start.
        self.complaints.clear();
        self.service = Service::resume(now, past.memory, past.found, self.settings.life, seed);
        self.asked_for = past.asked_for;
        if let Some((marker, session)) = past.ties {
            (self.marker, self.session) = (marker, session);
        }
        self.trust(now, past.status);
        past.living
    }

    /// Whether an earlier supervisor has left it a control group that we have not used.
    pub(crate) fn has_group_of_another(&self) -> bool {
        self.membership.is_none() && self.dir.join(layout::CGROUP).is_symlink()
    }

    /// Leaves a status that is right as it is: to write it is most of what adoption would cost.
    fn trust(&mut self, now: Now, found: Option<Status>) {
        let view = self.service.view();
        let Some(found) = found else { return };
        let right = status(stamp(now, view.since), view);
        let apart = match (right.since.to_unix(), found.since.to_unix()) {
            (Some(right), Some(found)) => right.abs_diff(found),
            (_, _) => return,
        };
        if (Status { since: right.since, ..found }) == right && apart < STAMP_PRECISION {
            (self.written, self.stamp) = (Some(view), Some((view.since, found.since)));
        }
    }

    /// The letters that wait in the control FIFO, in order; bytes that are none are dropped.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        let mut bytes = [0; LETTERS_PER_TURN];
        let Some(files) = &self.files else { return Vec::new() };
        // EAGAIN: somebody else was quicker. There is no other error on a FIFO of which we hold
        // both ends.
        let len = (&files.control).read(&mut bytes).unwrap_or(0);
        bytes.iter().take(len).filter_map(|byte| Letter::from_byte(*byte)).collect()
    }

    /// Brings `supervise/status` up to what the machine says. Gives an error once per failure.
    pub(crate) fn publish(&mut self, now: Now) -> Result<(), Unable> {
        let view = self.service.view();
        if self.written == Some(view) && self.rewrite_at.is_none() {
            return Ok(());
        }
        let stamp = match self.stamp {
            Some((since, stamp)) if since == view.since => stamp,
            Some(_) | None => stamp(now, view.since),
        };
        self.stamp = Some((view.since, stamp));
        match self.write_status(&status(stamp, view)) {
            Ok(()) => {
                (self.written, self.rewrite_at) = (Some(view), None);
                Ok(())
            }
            Err(error) => {
                let told = self.rewrite_at.replace(now.monotonic + REWRITE_PAUSE).is_some();
                let failed = if told { Ok(()) } else { Err(error) };
                failed.unable(format_args!("write {}/{}", self.name, layout::STATUS_NEW))
            }
        }
    }

    /// When there is something to do for it, if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        self.service.deadline().into_iter().chain(self.rewrite_at).min()
    }

    /// Writes it into our directory, not into one that has taken its place.
    fn write_status(&self, status: &Status) -> io::Result<()> {
        if identity(&std::fs::metadata(&self.dir)?) == self.identity {
            files::write_status(&self.dir, status)
        } else {
            Err(io::Error::other("another directory has taken its place"))
        }
    }

    fn is_ours(&self) -> bool {
        std::fs::metadata(&self.dir).is_ok_and(|meta| identity(&meta) == self.identity)
    }

    /// The wall clock was set: what is written says the wrong time.
    pub(crate) fn forget_written(&mut self) {
        (self.written, self.stamp) = (None, None);
    }

    /// Brings `supervise/remarks` up to what the machine says. It is a help, not a contract: where
    /// it cannot be written it is missing.
    pub(crate) fn remark(&mut self) {
        let first = self.explained();
        let ready = self.service.ready().map(|since| Remark::Ready(since.0));
        let lines: Vec<String> =
            ready.iter().chain(&first).chain(&self.limit_remarks).map(Remark::encode).collect();
        let text = (!lines.is_empty()).then(|| lines.join("\n"));
        if self.remarked != text && self.is_ours() {
            let _ = files::write_remarks(&self.dir, text.as_deref());
            self.remarked = text;
        }
    }

    fn explained(&mut self) -> Option<Remark> {
        let remark = self.service.remark();
        match &self.explained {
            Some((of, words)) if *of == remark => words.clone(),
            Some(_) | None => {
                let words = explain::remark(&self.name, &self.dir, remark);
                self.explained = Some((remark, words.clone()));
                words
            }
        }
    }

    /// Reads what may have changed since the last start, for the next; gives a sentence for each
    /// file that cannot be understood, and could be, or said something else, the last time.
    pub(crate) fn refresh(&mut self, defaults: &Settings) -> Vec<String> {
        let mut complaints = Vec::new();
        self.settings = Settings::read(&self.dir, defaults, |complaint| {
            complaints.push(format!("{}/{complaint}", self.name));
        });
        self.explained = None;
        self.service.set_settings(self.settings.life);
        if let Ok(meta) = std::fs::metadata(&self.dir) {
            self.way = way(&self.dir, &meta);
        }
        let known = std::mem::replace(&mut self.complaints, complaints.clone());
        complaints.retain(|complaint| !known.contains(complaint));
        complaints
    }
}

/// So far a stamp may be off before it is written anew: less than svstat shows.
const STAMP_PRECISION: Duration = Duration::from_millis(500);

fn identity(meta: &Metadata) -> Identity {
    Identity { dev: meta.dev(), ino: meta.ino() }
}

/// Whether somebody else could keep us waiting: whoever owns the directory, or ./run (by a lease),
/// or serves the file system.
fn way(dir: &Path, meta: &Metadata) -> Way {
    let trusted = |meta: &Metadata| sys::place::is_trusted_owner(meta.uid());
    let run = std::fs::metadata(dir.join(layout::RUN));
    let foreign = !trusted(meta) || run.is_ok_and(|run| !trusted(&run));
    let apart = foreign || sys::place::is_remote(dir).unwrap_or(true);
    if apart { Way::Apart } else { Way::Borrowed }
}

/// The stamp of an instant, counted back from now: right by the wall clock as it stands, whatever
/// was done to it since.
fn stamp(now: Now, since: Boottime) -> Stamp {
    let age = now.boottime.since(since);
    Stamp::from_unix(sys::clock::realtime().saturating_sub(age))
}

fn status(since: Stamp, view: View) -> Status {
    let pid = view.pid.map_or(0, |pid| pid.0);
    Status { since, pid, paused: view.paused, want: view.want }
}

/// The number of a signal.
pub(crate) fn number(signal: Signal) -> i32 {
    match signal {
        Signal::Hup => sys::signals::HUP,
        Signal::Int => sys::signals::INT,
        Signal::Alrm => sys::signals::ALRM,
        Signal::Term => sys::signals::TERM,
        Signal::Kill => sys::signals::KILL,
        Signal::Stop => sys::signals::STOP,
        Signal::Cont => sys::signals::CONT,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use service::Boottime;
    use tempfile::TempDir;

    use super::*;

    const EACCES: i32 = 13;

    fn task(dir: &TempDir) -> Task {
        let dir = dir.path().join("a");
        fs::create_dir(&dir).unwrap();
        let wanted = Wanted { entry: EntryId(0), part: Part::Main, name: "a".into(), dir };
        Task::new(now(), wanted, 0, &mut Inherited::default()).unwrap().0
    }

    fn now() -> Now {
        let since = Duration::from_secs(1000);
        Now { monotonic: Monotonic(since), boottime: Boottime(since) }
    }

    #[test]
    fn a_status_is_written_when_it_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let mut task = task(&dir);
        let path = dir.path().join("a").join(layout::STATUS);
        task.publish(now()).unwrap();
        let status = Status::decode(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((status.pid, status.want), (0, Wish::Up));
        fs::remove_file(&path).unwrap();
        task.publish(now()).unwrap();
        assert!(!path.exists(), "nothing has changed");
        task.forget_written();
        task.publish(now()).unwrap();
        assert!(path.exists());
    }

    #[test]
    fn a_status_is_not_written_into_a_directory_that_took_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let mut task = task(&dir);
        let (old, new) = (dir.path().join("old"), dir.path().join("a"));
        fs::rename(&new, old).unwrap();
        fs::create_dir_all(new.join(layout::SUPERVISE)).unwrap();
        let told = task.publish(now()).unwrap_err().to_string();
        assert_eq!(
            told,
            "unable to write a/supervise/status.new: another directory has taken its place"
        );
        assert_eq!(fs::read_dir(new.join(layout::SUPERVISE)).unwrap().count(), 0);
        assert!(task.publish(now()).is_ok(), "told once");
    }

    #[test]
    fn a_status_that_could_not_be_written_is_due_until_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut task = task(&dir);
        let at = |seconds| Now { monotonic: Monotonic(Duration::from_secs(seconds)), ..now() };
        let due = |seconds| Some(Monotonic(Duration::from_secs(seconds) + REWRITE_PAUSE));
        let supervise = dir.path().join("a").join(layout::SUPERVISE);
        fs::remove_dir_all(&supervise).unwrap();
        task.publish(at(1000)).unwrap_err();
        assert_eq!(task.rewrite_at, due(1000));
        task.publish(at(1010)).unwrap();
        assert_eq!(task.rewrite_at, due(1010));
        fs::create_dir(&supervise).unwrap();
        task.publish(at(1020)).unwrap();
        assert_eq!(task.rewrite_at, None);
        assert!(supervise.join("status").exists());
    }

    #[test]
    fn what_is_wrong_with_a_setting_is_told_when_it_is_new() {
        let dir = tempfile::tempdir().unwrap();
        let mut task = task(&dir);
        let file = dir.path().join("a").join(layout::SURVIVORS);
        let defaults = Settings::built_in(Machine::default());
        let told = ["a/survivors: not one of adopt, end, leave: ignored"];
        for _ in 0..2 {
            fs::write(&file, "kill").unwrap();
            assert_eq!(task.refresh(&defaults), told);
            assert_eq!(task.refresh(&defaults), [""; 0]);
            fs::write(&file, "end").unwrap();
            assert_eq!(task.refresh(&defaults), [""; 0]);
        }
    }

    #[test]
    fn the_cure_is_for_the_run_that_failed_until_another_start_is_tried() {
        let dir = tempfile::tempdir().unwrap();
        let mut task = task(&dir);
        let path = dir.path().join("a");
        fs::write(path.join(layout::RUN), "#!/bin/sh\n").unwrap();
        let fault = words::Fault { step: words::Step::Exec, errno: EACCES };
        for event in [words::Event::Tick, words::Event::Started(Err(fault))] {
            task.service.step(now(), event);
        }
        let said = |task: &mut Task| {
            task.remark();
            files::read_remarks(&path).unwrap_or_default()
        };
        let cure = said(&mut task);
        assert!(cure.contains("it is not executable; chmod +x a/run"), "{cure}");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path.join(layout::RUN), mode).unwrap();
        assert_eq!(said(&mut task), cure);
        task.refresh(&Settings::built_in(Machine::default()));
        assert!(!said(&mut task).contains("chmod"));
    }

    #[test]
    fn who_owns_the_directory_or_run_decides_how_it_is_started() {
        /// Nobody whom the tests run as.
        const STRANGER: u32 = 54_321;
        let dir = tempfile::tempdir().unwrap();
        let mut task = task(&dir);
        assert_eq!(task.way, Way::Borrowed);
        let run = dir.path().join("a/run");
        fs::write(&run, "").unwrap();
        if std::os::unix::fs::chown(&run, Some(STRANGER), None).is_err() {
            eprintln!("SKIPPED: only root can give a file away");
            return;
        }
        task.refresh(&Settings::built_in(Machine::default()));
        assert_eq!(task.way, Way::Apart);
        std::os::unix::fs::chown(&run, Some(0), None).unwrap();
        task.refresh(&Settings::built_in(Machine::default()));
        assert_eq!(task.way, Way::Borrowed);
        std::os::unix::fs::chown(dir.path().join("a"), Some(STRANGER), None).unwrap();
        task.refresh(&Settings::built_in(Machine::default()));
        assert_eq!(task.way, Way::Apart);
    }
}
