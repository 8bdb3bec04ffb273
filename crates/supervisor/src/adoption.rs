//! Adoption: a service that another supervisor started and that lives goes on under this one.
//!
//! Nothing is started before it is known whether something lives. A process is the one we mean when
//! pid and birth are those that were written down; a start that was under way when the supervisor
//! was killed has had its pid noted by the kernel. A service that was never ours has left its
//! `supervise/status`: there the process must sit in the service directory and be as old as the
//! status says.
//!
//! An adopted process is no child of ours: a pidfd tells of its end, and carries our signals.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use contract::state::{LastEnd, Phase, Record};
use contract::{Status, layout, status};
use service::life::memory::{self, Found, Memory};
use service::words::{End, Event};
use service::{Boottime, Monotonic, Now, Pid};
use sys::proc::{self, Facts};
use sys::process::Process;
use sys::spawn::Identity;
use sys::{fifo, place};
use tai::Stamp;

use crate::engine::{Engine, now};
use crate::ledger::{Ledger, Left};
use crate::marker::Marker;
use crate::task::{Task, TaskId};
use crate::token::Token;

/// How long after it was asked for a process can have been made that only its pid is known of, as
/// long as it does not sit in the service directory.
const BIRTH_WINDOW: Duration = Duration::from_secs(1);
/// How far the age of a process and the stamp of a status may be apart: the original writes it
/// after the start, in whole ticks of a wall clock that is being steered.
const STATUS_WINDOW: Duration = Duration::from_secs(2);
/// How often a process is looked at that no descriptor tells of.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// The length of a tick of `/proc/PID/stat`: `USER_HZ` is 100 on every machine we run on.
const TICK: Duration = Duration::from_millis(10);

/// A process that is no child of ours.
#[derive(Debug)]
pub(crate) struct Adopted {
    pub(crate) process: Process,
    /// Whether a descriptor tells of its end; else it is looked at now and then.
    told: bool,
}

/// Who lives of a service.
#[derive(Debug)]
pub(crate) enum Living {
    /// A child of ours: we have only executed ourselves anew.
    Child(u32),
    /// A child of somebody else.
    Stranger(Process),
}

/// What a service was before us.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) memory: Memory,
    pub(crate) found: Option<Found>,
    pub(crate) living: Option<Living>,
    pub(crate) asked_for: Boottime,
    /// What ties other processes to it: a secret in their environment, and its session.
    pub(crate) ties: Option<(Marker, Option<u32>)>,
    /// What its status says.
    pub(crate) status: Option<Status>,
}

impl Living {
    /// The process `pid`, if it lives and `fits`.
    fn find(pid: u32, fits: impl FnOnce(&Facts) -> bool) -> Option<(Self, Facts)> {
        if pid <= 1 {
            return None;
        }
        // Held before it is looked at: whoever is seen then is whom we hold.
        let held = Process::open(pid).ok()?;
        let facts = proc::facts(pid).filter(fits)?;
        if facts.parent == std::process::id() {
            return Some((Self::Child(pid), facts));
        }
        (!held.has_ended()).then_some((Self::Stranger(held), facts))
    }

    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Child(pid) => *pid,
            Self::Stranger(process) => process.pid(),
        }
    }
}

impl Past {
    /// What is known of the service in `dir`, if anything is.
    pub(crate) fn of(
        now: Now,
        dir: &Path,
        directory: Identity,
        left: Option<Left>,
    ) -> Option<Self> {
        let status = read_status(dir);
        let recorded = left.map(|left| Self { status, ..Self::recorded(now, directory, left) });
        if recorded.as_ref().is_some_and(|past| past.living.is_some()) {
            return recorded;
        }
        // A directory without a status is a new one that was given an old number.
        let status = status?;
        Self::from_status(now, directory, status).or(recorded)
    }

    fn recorded(now: Now, directory: Identity, Left { record, child }: Left) -> Self {
        let (pid, births) = match record.phase {
            Phase::Down => (0, 0..=0),
            Phase::Starting => {
                let latest = record.asked_for.saturating_add(BIRTH_WINDOW);
                (child, ticks(record.asked_for)..=ticks(latest))
            }
            Phase::Up(pid) => (pid, ticks(record.asked_for)..=ticks(record.changed)),
        };
        let starting = record.phase == Phase::Starting;
        let living = Living::find(pid, |it| {
            births.contains(&it.started)
                || starting && it.started >= *births.start() && sits_in(pid, directory)
        });
        let memory = remembered(&record);
        let found = living.as_ref().map(|(living, facts)| match memory.phase {
            memory::Phase::Up { pid, since } => Found { pid, since, changed: memory.changed },
            memory::Phase::Starting | memory::Phase::Down { .. } => {
                found(now, living.pid(), birth(facts))
            }
        });
        let living = living.map(|(living, _)| living);
        let asked_for = Boottime(record.asked_for);
        let session = Some(record.session).filter(|session| *session != 0);
        let ties = Some((Marker::kept(record.marker), session));
        Self { memory, found, living, asked_for, ties, status: None }
    }

    /// A status that no record of ours explains: what daemontools' supervise left, or we ourselves
    /// where nothing could be written down.
    fn from_status(now: Now, directory: Identity, status: Status) -> Option<Self> {
        let stamp = status.since.to_unix()?;
        let age = sys::clock::realtime().checked_sub(stamp)?;
        let since = now.boottime.0.checked_sub(age)?;
        let (living, facts) = Living::find(status.pid, |it| {
            birth(it).0.abs_diff(since) <= STATUS_WINDOW && sits_in(status.pid, directory)
        })?;
        let found = found(now, status.pid, birth(&facts));
        let memory = Memory::of_a_stranger(status.want, status.paused, found);
        let asked_for = found.changed;
        let (found, living, status) = (Some(found), Some(living), Some(status));
        Some(Self { memory, found, living, asked_for, ties: None, status })
    }
}

/// The tick of an instant since boot.
fn ticks(since_boot: Duration) -> u64 {
    u64::try_from(since_boot.as_nanos() / TICK.as_nanos()).unwrap_or(u64::MAX)
}

/// The instant of a birth.
fn birth(facts: &Facts) -> Boottime {
    let millis = u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX);
    Boottime(Duration::from_millis(facts.started.saturating_mul(millis)))
}

fn found(now: Now, pid: u32, changed: Boottime) -> Found {
    let age = now.boottime.since(changed);
    let since = Monotonic(now.monotonic.0.saturating_sub(age));
    Found { pid: Pid(pid), since, changed }
}

/// Whether it works in the directory, or below it as multilog does.
fn sits_in(pid: u32, directory: Identity) -> bool {
    if proc::cwd_identity(pid) == Some(directory) {
        return true;
    }
    let is_it = |path: &Path| {
        std::fs::metadata(path)
            .is_ok_and(|meta| Identity { dev: meta.dev(), ino: meta.ino() } == directory)
    };
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    cwd.ancestors().skip(1).take(DEPTH_MAX).any(is_it)
}

/// No further up is a process's directory looked for: a log directory is one or two below.
const DEPTH_MAX: usize = 3;

/// A status that somebody else may write, or put there, could make us signal whom he likes.
fn read_status(dir: &Path) -> Option<Status> {
    let is_trusted = |path: &Path| {
        std::fs::symlink_metadata(path).is_ok_and(|meta| place::is_trusted_owner(meta.uid()))
    };
    if !std::fs::metadata(dir).is_ok_and(|meta| place::is_trusted_owner(meta.uid()))
        || !is_trusted(&dir.join(layout::SUPERVISE))
    {
        return None;
    }
    let file = fifo::open_plain(&dir.join(layout::STATUS)).ok()?;
    if !place::is_trusted_owner(file.metadata().ok()?.uid()) {
        return None;
    }
    let mut bytes = Vec::with_capacity(status::LEN);
    file.take(status::LEN as u64).read_to_end(&mut bytes).ok()?;
    Status::decode(&bytes)
}

fn remembered(record: &Record) -> Memory {
    let paced = Monotonic(record.paced);
    let phase = match record.phase {
        Phase::Down => memory::Phase::Down { not_before: paced },
        Phase::Starting => memory::Phase::Starting,
        Phase::Up(pid) => memory::Phase::Up { pid: Pid(pid), since: paced },
    };
    Memory {
        want: record.want,
        phase,
        changed: Boottime(record.changed),
        paused: record.paused,
        asked: record.asked,
        leaving: record.leaving,
        background: record.background,
        left_behind: record.left_behind,
        given_up: record.given_up,
        ready: instant(record.ready),
        quick_deaths: record.quick_deaths.into(),
        first_quick: instant(record.first_quick),
        last: match record.end {
            LastEnd::None => None,
            LastEnd::Unknown => Some(End::Unknown),
            LastEnd::Exited(code) => Some(End::Exited(code)),
            LastEnd::Signalled(number) => Some(End::Signalled(number)),
        },
        told_backing_off: record.told,
    }
}

/// Zero stands for never.
fn instant(time: Duration) -> Option<Monotonic> {
    (!time.is_zero()).then_some(Monotonic(time))
}

/// What is to be remembered of a service, and the stamp of its status, where that says it all.
pub(crate) fn record(task: &Task, memory: &Memory, shown: Option<Stamp>) -> Record {
    let (phase, paced) = match memory.phase {
        memory::Phase::Down { not_before } => (Phase::Down, not_before),
        memory::Phase::Starting => (Phase::Starting, Monotonic::default()),
        memory::Phase::Up { pid, since } => (Phase::Up(pid.0), since),
    };
    let (want, leaving) = task.wish;
    Record {
        directory: (task.identity.dev, task.identity.ino),
        phase,
        changed: memory.changed.0,
        asked_for: task.asked_for.0,
        paced: paced.0,
        first_quick: memory.first_quick.unwrap_or_default().0,
        ready: memory.ready.unwrap_or_default().0,
        marker: task.marker.number(),
        session: task.session.unwrap_or(0),
        quick_deaths: u16::try_from(memory.quick_deaths).unwrap_or(u16::MAX),
        want,
        paused: memory.paused,
        asked: memory.asked,
        told: memory.told_backing_off,
        leaving,
        background: memory.background,
        left_behind: memory.left_behind,
        given_up: memory.given_up,
        end: match memory.last {
            None => LastEnd::None,
            // What was not even started has no life to remember.
            Some(End::Unknown | End::NotStarted(_)) => LastEnd::Unknown,
            Some(End::Exited(code)) => LastEnd::Exited(code),
            Some(End::Signalled(number)) => LastEnd::Signalled(number),
        },
        shown: shown.filter(|_| task.service.view().want == want),
    }
}

impl Engine {
    /// Has a new task go on where another supervisor left it.
    pub(crate) fn take_up(&mut self, task: &mut Task, id: TaskId, seed: u64) {
        if self.scanner.is_none() {
            self.open_ledger(Path::new(layout::STATE));
        }
        let left = if task.fresh {
            self.ledger.left(task.identity)
        } else {
            self.left(&task.dir, task.identity)
        };
        if task.fresh && left.is_none() {
            return; // There is nothing that anybody could have left.
        }
        let Some(past) = Past::of(now(), &task.dir, task.identity, left) else { return };
        if let Some(living) = task.resume(now(), past, &self.defaults, seed) {
            return self.take_living(task, id, living);
        }
        // Who is left of a life that ended while nobody looked is no child of ours either, and is
        // known by everybody's marks where no group tells.
        let may_be = task.service.memory().left_behind && !task.has_group_of_another();
        self.expect_strange_kin(task, may_be);
    }

    fn expect_strange_kin(&mut self, task: &mut Task, may_be: bool) {
        task.has_strange_kin |= may_be;
        self.strange_kin |= may_be;
    }

    /// What a start would have arranged for a process that has started already.
    pub(crate) fn follow_living(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(&id).filter(|task| task.service.pid().is_some()) else {
            return;
        };
        if task.service.ready().is_none() {
            self.listen_for_readiness(id);
        }
        self.resume_census(id);
    }

    /// What was written down of a service, be it by a supervise that ran alone.
    fn left(&self, dir: &Path, directory: Identity) -> Option<Left> {
        let alone = || Ledger::left_in(&dir.join(layout::STATE), directory);
        self.ledger.left(directory).or_else(|| self.scanner.as_ref().and_then(|_| alone()))
    }

    /// What a supervise that ran alone has left is written down elsewhere now.
    pub(crate) fn discard_left(&self, dir: &Path) {
        if self.scanner.is_some() {
            // Mostly there is none.
            let _ = std::fs::remove_file(dir.join(layout::STATE));
        }
    }

    fn take_living(&mut self, task: &mut Task, id: TaskId, living: Living) {
        match living {
            Living::Child(pid) => {
                self.pids.insert(pid, id);
            }
            Living::Stranger(process) => {
                let token = Token::Adopted(id);
                let told =
                    process.pollable().is_some_and(|it| self.reactor.add(it, &token).is_ok());
                if !told {
                    self.look_at_adopted = Some(now().monotonic + LOOK);
                }
                task.adopted = Some(Adopted { process, told });
                self.expect_strange_kin(task, true);
            }
        }
        self.taken_over += 1;
    }

    /// Writes down what is so of a service.
    pub(crate) fn remember(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let memory = task.service.memory();
        let starting = memory.phase == memory::Phase::Starting;
        if starting && !task.starting {
            task.asked_for = now().boottime;
        }
        task.starting = starting;
        if !self.stopping {
            task.wish = (memory.want, memory.leaving);
        }
        let shown = task.shown(now());
        if let Err(error) = self.ledger.note(&record(task, &memory, shown)) {
            let reason = cli::reason(&error);
            self.voice.warn(format_args!(
                "unable to write down what runs: {reason}: killed now, the next {} would start it \
                 again",
                self.voice.program(),
            ));
        }
    }

    /// An adopted process may have ended.
    pub(crate) fn take_adopted(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Some(Adopted { process, .. }) = task.adopted.take_if(|it| it.process.has_ended())
        else {
            return;
        };
        let how = process.how_ended().map_or(End::Unknown, crate::reaping::end);
        self.feed(id, Event::Ended(Pid(process.pid()), how));
    }

    /// Looks at those of whose end nothing tells us.
    pub(crate) fn tick_adopted(&mut self, due: Monotonic) {
        if self.look_at_adopted.take_if(|at| due >= *at).is_none() {
            return;
        }
        let untold = |task: &Task| task.adopted.as_ref().is_some_and(|it| !it.told);
        let ids: Vec<TaskId> =
            self.tasks.iter().filter(|(_, task)| untold(task)).map(|(id, _)| *id).collect();
        for id in &ids {
            self.take_adopted(*id);
        }
        if !ids.is_empty() {
            self.look_at_adopted = Some(due + LOOK);
        }
    }

    /// One sentence for all that was taken over since the last.
    pub(crate) fn tell_taken_over(&mut self) {
        if std::mem::take(&mut self.strange_kin) {
            self.meet_everybody();
        }
        match std::mem::take(&mut self.taken_over) {
            0 => {}
            1 => drop(self.voice.tell("took over a service that was running")),
            number => {
                self.voice.tell(format_args!("took over {number} services that were running"));
            }
        }
    }

    /// Lets go of a service that cannot be supervised, and leaves it running.
    pub(crate) fn abandon(&mut self, id: TaskId) {
        let Some(task) = self.tasks.remove(&id) else { return };
        self.pids.retain(|_, owner| *owner != id);
        if let Some(pair) = self.pairs.get_mut(&task.entry) {
            *pair.part_mut(task.part) = None;
        }
    }

    /// The process of a part that nobody supervises yet.
    pub(crate) fn living_in(&self, dir: &Path) -> Option<u32> {
        if fifo::open_writer(&dir.join(layout::OK)).is_ok() {
            return None; // Another supervise has it.
        }
        let meta = std::fs::metadata(dir).ok()?;
        let directory = Identity { dev: meta.dev(), ino: meta.ino() };
        let left = self.left(dir, directory);
        Past::of(now(), dir, directory, left)?.living.map(|living| living.pid())
    }
}
