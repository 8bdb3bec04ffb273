//! What a service's machine hears and says: events, actions, reports.

use std::time::Duration;

use contract::{Letter, status::Wish};

use crate::guard::Scarcity;
use crate::pacing::Pace;
use crate::time::{Boottime, Monotonic};

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
    /// The third answer to [`Action::Start`]: there is too little of something. It is asked again
    /// at that instant.
    Delayed(Scarcity, Monotonic),
    /// A child was reaped.
    Ended(Pid, End),
    /// The service says that it is ready.
    Ready,
    /// A failed start may work now: the operator changed something in the directory.
    Mended,
    /// Everything ends: stop, then leave.
    Stop(Farewell),
    /// The answer to [`Action::AskDrained`].
    Drained(bool),
    /// The answer to [`Action::CountSurvivors`].
    Survivors(Survivors),
    /// The other answer: of somebody it cannot be told yet whether he belongs to the service, for
    /// he is just executing a program. To be asked again soon.
    Uncounted,
    /// A process ended that may have been one of the service's survivors.
    OrphanEnded,
    /// The answer to [`Action::Finish`]: `./finish` runs, there is none, or it could not be
    /// started.
    Finishing(Result<Option<Pid>, Fault>),
    /// The deadline has passed.
    Tick,
}

/// What is left of a service whose main process has ended. Processes that are to be spared (people
/// at terminals) are not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Survivors {
    /// How many there are.
    pub count: u32,
    /// The oldest of those whose parent is not among them: where a service puts itself in the
    /// background, this is the daemon.
    pub oldest: Option<Pid>,
}

/// What becomes of the processes that outlive the main process (the file `survivors`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Of a `./run` that exits 0 the oldest is supervised in its place; after any other end they
    /// are ended before the next start.
    #[default]
    Adopt,
    /// They are always ended.
    End,
    /// They are left alone, as daemontools does; nobody keeps a second copy from starting.
    Leave,
}

/// A death is one too many if so many came within so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeathLimit {
    /// So many.
    pub deaths: u32,
    /// Within so long.
    pub within: Duration,
}

/// What the files of a service directory say about its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long after `d` it is killed; `None`: never (`timeout-kill`).
    pub timeout_kill: Option<Duration>,
    /// How long `./finish` may run before it is killed; `None`: for ever (`timeout-finish`).
    pub timeout_finish: Option<Duration>,
    /// What becomes of survivors (`survivors`).
    pub policy: Policy,
    /// When it is given up (`max-deaths`); `None`: never.
    pub death_limit: Option<DeathLimit>,
    /// How its restarts are paced.
    pub pace: Pace,
}

/// s6's: a finish script should only tidy up.
pub const TIMEOUT_FINISH: Duration = Duration::from_secs(5);

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_kill: None,
            timeout_finish: Some(TIMEOUT_FINISH),
            policy: Policy::default(),
            death_limit: None,
            pace: Pace::default(),
        }
    }
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
    /// Count the service's processes, and answer with [`Event::Survivors`].
    CountSurvivors,
    /// Send a signal to every process that [`Action::CountSurvivors`] would count.
    Sweep(Signal),
    /// Start `./finish`, if there is one, after this process ended in this way, and answer with
    /// [`Event::Finishing`].
    Finish(Pid, End),
    /// Tell the operator.
    Report(Report),
    /// The service is down and supervise is to leave. Nothing follows.
    Leave,
}

impl Action {
    /// Whether nothing is done by it: who is killed before the answer has lost nothing.
    #[must_use]
    pub fn is_question(&self) -> bool {
        match self {
            Self::AskDrained | Self::CountSurvivors => true,
            Self::Start
            | Self::Send(..)
            | Self::Sweep(_)
            | Self::Finish(..)
            | Self::Report(_)
            | Self::Leave => false,
        }
    }
}

/// What the operator is told, once per change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It cannot be started, for a reason not yet told.
    CannotStart(Fault),
    /// It could not be started before, and now runs.
    StartsAgain,
    /// Its start waits until there is more of something.
    Delayed(Scarcity),
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
    /// `./run` exited 0 and this process lives on: it is supervised from now on.
    Background {
        /// The survivor.
        pid: Pid,
        /// How long `./run` ran.
        ran: Duration,
    },
    /// The main process ended and left others, which are being ended.
    Stragglers {
        /// How many.
        count: u32,
        /// How the main process ended.
        last: End,
    },
    /// So many processes have not ended, although they were killed.
    Unending(u32),
    /// It died once more than its limit allows, and is not started again.
    TooManyDeaths(DeathLimit),
    /// Its `./finish` asked for it not to be started again.
    FinishedForGood,
    /// Its `./finish` could not be started.
    CannotFinish(Fault),
    /// Its `./finish` did not end in time and is killed.
    FinishKilled(Pid),
}

/// What is to be said of a service beyond its status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Remark {
    /// Nothing.
    #[default]
    None,
    /// It keeps ending quickly.
    BackingOff {
        /// When it starts again.
        until: Monotonic,
        /// How many quick deaths in a row.
        deaths: u32,
        /// When the first of them was.
        since: Monotonic,
        /// The last of them.
        last: End,
    },
    /// It put itself in the background; a survivor of `./run` is its main process.
    Background,
    /// Processes that it left are being ended.
    Clearing(u32),
    /// Its `./finish` runs.
    Finishing,
    /// It was given up: it is not started again by itself.
    GivenUp,
    /// It cannot be started.
    CannotStart(Fault),
    /// Its start waits until there is more of something.
    Delayed(Scarcity),
}

/// Why a start is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cause {
    /// It was never started before.
    #[default]
    First,
    /// It has ended.
    Restart,
    /// An operator said so.
    Asked,
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
/// report, and one report more when a late answer is all that was waited for.
const ACTIONS_MAX: usize = 8;

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
