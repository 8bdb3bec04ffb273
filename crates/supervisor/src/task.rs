//! One supervised service: its machine, its files, and how the machine's wishes become system
//! calls.

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cli::{Unable, UnableExt as _};
use contract::{Letter, Status, layout, status::Wish};
use service::scan::EntryId;
use service::words::View;
use service::{Boottime, Monotonic, Now, Service, Signal};
use sys::inotify::Watch;
use sys::spawn::{Identity, Verdict, Way};
use tai::Stamp;

use crate::files::{self, Files, Locked};

/// So many letters are taken from a control FIFO in a turn: the others wait for the next.
pub(crate) const LETTERS_PER_TURN: usize = 64;

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
    pub(crate) files: Option<Files>,
    /// What `supervise/status` says.
    written: Option<View>,
    /// The stamp it says it with: the same as long as the pid is.
    stamp: Option<(Boottime, Stamp)>,
    /// Whether it could not be written, and the operator knows.
    unwritable: bool,
    /// The deadline the engine's queue knows of.
    pub(crate) queued: Option<Monotonic>,
    /// What a child that was forked will have told when it has ended.
    pub(crate) verdict: Option<Verdict>,
    /// Set while its directory is watched for what may mend it.
    pub(crate) watch: Option<Watch>,
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
    /// A task whose lock is taken. Its FIFOs are opened by [`Task::open`], after its first status.
    ///
    /// # Errors
    /// No such directory, or another supervise has it.
    pub(crate) fn new(now: Now, wanted: Wanted, seed: u64) -> Result<(Self, Locked), Unable> {
        let Wanted { entry, part, name, dir } = wanted;
        let meta = std::fs::metadata(&dir).unable(format_args!("stat {name}"))?;
        let lock = Locked::take(&dir, &name)?;
        let identity = Identity { dev: meta.dev(), ino: meta.ino() };
        let apart = !sys::place::is_trusted_owner(meta.uid())
            || sys::place::is_remote(&dir).unwrap_or(true);
        let way = if apart { Way::Apart } else { Way::Borrowed };
        let want = if files::is_down(&dir) { Wish::Down } else { Wish::Up };
        let service = Service::new(now, want, seed);
        let task = Self {
            entry,
            part,
            name,
            dir,
            identity,
            way,
            service,
            files: None,
            written: None,
            stamp: None,
            unwritable: false,
            queued: None,
            verdict: None,
            watch: None,
        };
        Ok((task, lock))
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
        if self.written == Some(view) && !self.unwritable {
            return Ok(());
        }
        let stamp = match self.stamp {
            Some((since, stamp)) if since == view.since => stamp,
            Some(_) | None => stamp(now, view.since),
        };
        self.stamp = Some((view.since, stamp));
        match files::write_status(&self.dir, &status(stamp, view)) {
            Ok(()) => {
                (self.written, self.unwritable) = (Some(view), false);
                Ok(())
            }
            Err(_) if self.unwritable => Ok(()),
            Err(error) => {
                self.unwritable = true;
                Err(error).unable(format_args!("write {}/{}", self.name, layout::STATUS_NEW))
            }
        }
    }

    /// The wall clock was set: what is written says the wrong time.
    pub(crate) fn forget_written(&mut self) {
        (self.written, self.stamp) = (None, None);
    }

    /// Reads what may have changed since the last start.
    pub(crate) fn refresh(&mut self) {
        self.service.set_timeout_kill(timeout_kill(&self.dir));
    }
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

/// `timeout-kill`: milliseconds as s6 has them, or a duration with a unit.
fn timeout_kill(dir: &Path) -> Option<Duration> {
    let text = read_small(&dir.join(layout::TIMEOUT_KILL)).ok()?;
    let text = text.trim();
    let timeout = match text.parse() {
        Ok(millis) => Duration::from_millis(millis),
        Err(_) => humantime::parse_duration(text).ok()?,
    };
    (!timeout.is_zero()).then_some(timeout)
}

/// A setting is a line, not a book.
const SETTING_MAX: u64 = 256;

fn read_small(path: &Path) -> io::Result<String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::File::options();
    let file = options.read(true).custom_flags(sys::fifo::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut text = String::new();
    file.take(SETTING_MAX).read_to_string(&mut text)?;
    Ok(text)
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
