//! What a service's machine hears and says: events, actions, reports.

use std::time::Duration;

use contract::{Letter, status::Wish};

use crate::time::Boottime;

/// A process that is ours and not yet reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

/// The signals a supervisor sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGHUP
    Hup,
    /// SIGINT
    Int,
    /// SIGALRM
    Alrm,
    /// SIGTERM
    Term,
    /// SIGKILL
    Kill,
    /// SIGSTOP
    Stop,
    /// SIGCONT
    Cont,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// It exited with this code.
    Exited(u8),
    /// This signal (its number) ended it.
    Signalled(u8),
    /// It never became `./run`: what was asked of it before failed.
    NotStarted(Fault),
    /// Nobody saw how: it was adopted, and no child of ours.
    Unknown,
}

/// Why a start failed: which step of it, and what the kernel said. The shell has the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The step that failed.
    pub step: Step,
    /// The errno.
    pub errno: i32,
}

/// The steps of a start, as far as an operator can do something about each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// No process could be made.
    Fork,
    /// The service directory could not be entered.
    Directory,
    /// The pipe to or from the logger could not be opened.
    LogPipe,
    /// Session, limits or signals could not be set.
    Setup,
    /// `./run` could not be executed.
    Exec,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An operator's letter.
    Letter(Letter),
    /// The answer to [`Action::Start`]: `./run` runs, or it could not be started.
    Started(Result<Pid, Fault>),
    /// The other answer to [`Action::Start`]: there is a process, and whether it becomes `./run`
    /// will be known when it ends.
    Forked(Pid),
    /// A child was reaped.
    Ended(Pid, End),
    /// A failed start may work now: the operator changed something in the directory.
    Mended,
    /// Everything ends: stop, then leave.
    Stop(Farewell),
    /// The answer to [`Action::AskDrained`].
    Drained(bool),
    /// The deadline has passed.
    Tick,
}

/// How a service is stopped for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// How long it may go on by itself. A logger ends when its pipe does; a service has no time.
    pub linger: Duration,
    /// How long after it was asked to end it is killed.
    pub grace: Duration,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start `./run`, and answer with [`Event::Started`].
    Start,
    /// Send a signal to our child.
    Send(Pid, Signal),
    /// Ask whether the pipe of this logger is empty, and answer with [`Event::Drained`].
    AskDrained,
    /// Tell the operator.
    Report(Report),
    /// The service is down and supervise is to leave. Nothing follows.
    Leave,
}

/// What the operator is told, once per change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It cannot be started, for a reason not yet told.
    CannotStart(Fault),
    /// It could not be started before, and now runs.
    StartsAgain,
    /// It keeps ending quickly: the pauses grow from here on.
    BackingOff {
        /// How many quick deaths in a row.
        deaths: u32,
        /// The last of them.
        last: End,
        /// Until the next start.
        pause: Duration,
    },
    /// It did not end in time and is killed.
    Killed(Pid),
}

/// What a status record can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The running process.
    pub pid: Option<Pid>,
    /// When `pid` last changed.
    pub since: Boottime,
    /// Whether it was stopped by `svc -p`.
    pub paused: bool,
    /// What the operator wants.
    pub want: Wish,
}

/// What a step asks for, in order. Of a fixed size: to stop a service needs no memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Actions {
    list: [Option<Action>; ACTIONS_MAX],
    len: usize,
}

/// No step asks for more: TERM and CONT from a letter, the same from a deadline, one kill with its
/// report.
const ACTIONS_MAX: usize = 6;

impl Actions {
    pub(crate) fn push(&mut self, action: Action) {
        debug_assert!(self.len < ACTIONS_MAX, "no step asks for more");
        if let Some(place) = self.list.get_mut(self.len) {
            *place = Some(action);
            self.len += 1;
        }
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Action>, ACTIONS_MAX>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter().flatten()
    }
}
