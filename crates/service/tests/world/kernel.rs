//! The kernel's side of the [`World`](super::World): the processes of one service, and what signals
//! do to them.

use std::time::Duration;

use service::Monotonic;
use service::words::{End, Fault, Pid, Signal, Survivors};

const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;
/// How long a disk is dead. Who waits for it is killed in vain for longer than is promised to be
/// told at once.
pub(crate) const DEAD_DISK: Duration = Duration::from_secs(17);
/// So few that an orphan soon has a pid that was the service's.
const PIDS: u32 = 8;
/// No family is larger: a fork beyond it fails.
const FAMILY_MAX: usize = 5;

/// What a process makes of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temper {
    /// It ends at TERM.
    Obedient,
    /// It ignores TERM.
    Stubborn,
    /// It is stopped: TERM waits for CONT.
    Stopped,
    /// It waits for a dead disk: nothing ends it meanwhile.
    Waiting,
    /// It leaves another in its place when TERM ends it, so many times.
    Forking(u8),
    /// It was forked, and will never become `./run`.
    Hopeless(Fault),
}

/// A process that is not yet reaped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    temper: Temper,
    parent: Option<Pid>,
    stopped: bool,
    /// TERM came while it was stopped.
    pending: bool,
    /// The signal it will end of. It ends later: nothing here ends at once.
    dying: Option<u8>,
    /// It does not end before.
    held_until: Monotonic,
}

impl Process {
    fn new(pid: Pid, temper: Temper, parent: Option<Pid>, now: Monotonic) -> Self {
        let stopped = temper == Temper::Stopped;
        let held = if temper == Temper::Waiting { DEAD_DISK } else { Duration::ZERO };
        let held_until = now + held;
        Self { pid, temper, parent, stopped, pending: false, dying: None, held_until }
    }

    fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Kill => self.dying = Some(SIGKILL),
            Signal::Stop => self.stopped = true,
            Signal::Cont => {
                self.stopped = false;
                if self.pending {
                    self.term();
                }
            }
            Signal::Term if self.stopped => self.pending = true,
            Signal::Term => self.term(),
            // It has its own ideas about these, and lives.
            Signal::Hup | Signal::Int | Signal::Alrm => {}
        }
    }

    fn term(&mut self) {
        self.pending = false;
        if self.temper != Temper::Stubborn {
            self.dying = self.dying.or(Some(SIGTERM));
        }
    }

    /// A stopped process runs no code, not even to end; only KILL ends it.
    pub(crate) fn can_end(&self, now: Monotonic) -> bool {
        (!self.stopped || self.is_killed()) && now >= self.held_until
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.dying == Some(SIGKILL)
    }

    /// Left alone, it will end, now or from then on.
    pub(crate) fn will_end(&self) -> Option<Monotonic> {
        let ends = self.is_hopeless() || self.dying.is_some();
        (ends && self.can_end(self.held_until)).then_some(self.held_until)
    }

    fn is_hopeless(&self) -> bool {
        matches!(self.temper, Temper::Hopeless(_))
    }

    /// Whether it goes on running for ever whatever TERM it was sent.
    pub(crate) fn resists(&self) -> bool {
        self.temper == Temper::Stubborn || self.stopped
    }

    /// Whether its work has an end.
    pub(crate) fn finishes(&self) -> bool {
        matches!(self.temper, Temper::Obedient | Temper::Forking(_)) && !self.stopped
    }

    fn can_fork(&self) -> bool {
        !self.is_hopeless() && !self.stopped && !self.is_killed()
    }

    /// How it ends: of what hit it, or with `code`.
    pub(crate) fn end(&self, code: u8) -> End {
        match (self.dying, self.temper) {
            (Some(SIGKILL), _) => End::Signalled(SIGKILL),
            (_, Temper::Hopeless(fault)) => End::NotStarted(fault),
            // Who catches it tidies up, and says that all is well.
            (Some(_), Temper::Forking(_)) => End::Exited(0),
            (Some(signal), _) => End::Signalled(signal),
            (None, _) => End::Exited(code),
        }
    }
}

/// The processes of one service in the order of their birth.
#[derive(Debug, Clone, Default)]
pub(crate) struct Family {
    members: Vec<Process>,
    last_pid: u32,
}

impl Family {
    pub(crate) fn fork(&mut self, temper: Temper, parent: Option<Pid>, now: Monotonic) -> Pid {
        let pid = self.free_pid();
        self.last_pid = pid.0;
        self.members.push(Process::new(pid, temper, parent, now));
        pid
    }

    /// A pid that is nobody's now, and soon one that was somebody's.
    pub(crate) fn free_pid(&self) -> Pid {
        let after = (0..PIDS).map(|more| Pid((self.last_pid + more) % PIDS + 1));
        after.into_iter().find(|pid| self.get(*pid).is_none()).expect("fewer processes than pids")
    }

    pub(crate) fn is_full(&self) -> bool {
        self.members.len() >= FAMILY_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Process> {
        self.members.iter()
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<Process> {
        self.members.iter().copied().find(|member| member.pid == pid)
    }

    /// Who forks next: the first of `first` who can, or else the oldest.
    pub(crate) fn parent(&self, first: Option<Pid>) -> Option<Pid> {
        let can_fork = self.members.iter().filter(|member| member.can_fork());
        can_fork.map(|member| member.pid).min_by_key(|pid| Some(*pid) != first)
    }

    /// It is reaped; its children are nobody's.
    pub(crate) fn remove(&mut self, pid: Pid) {
        self.members.retain(|member| member.pid != pid);
        for member in &mut self.members {
            member.parent = member.parent.filter(|parent| *parent != pid);
        }
    }

    /// All of it, where neither the main process nor `./finish` is alive.
    pub(crate) fn survivors(&self) -> Survivors {
        let count = u32::try_from(self.members.len()).expect("a small family");
        let topmost = self.members.iter().find(|member| member.parent.is_none());
        Survivors { count, oldest: topmost.map(|member| member.pid) }
    }

    pub(crate) fn send(&mut self, pid: Pid, signal: Signal, now: Monotonic) {
        let Some(member) = self.members.iter_mut().find(|member| member.pid == pid) else { return };
        let dying = member.dying;
        member.take(signal);
        if dying.is_none()
            && member.dying == Some(SIGTERM)
            && let Temper::Forking(again @ 1..) = member.temper
            && !self.is_full()
        {
            self.fork(Temper::Forking(again - 1), Some(pid), now);
        }
    }

    pub(crate) fn sweep(&mut self, signal: Signal, now: Monotonic) {
        let all: Vec<_> = self.members.iter().map(|member| member.pid).collect();
        for pid in all {
            self.send(pid, signal, now);
        }
    }
}
