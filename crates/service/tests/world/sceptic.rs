//! The sceptic's side of the [`World`](super::World): he writes down what was said and what
//! happened, derives from it what is owed, and accepts nothing more and nothing less.
//!
//! He knows the promises, not the machine: numbers stand here as numbers, so that a constant that
//! changes is noticed. Whatever he takes to be owed, he believes his own eyes more: nobody starts
//! while a process of the last life is there, and no signal goes to who is not.

mod aftermath;
mod judge;
mod life;
mod seen;

use std::time::Duration;

use contract::status::Wish;
use service::guard::Scarcity;
use service::life::Service;
use service::words::{Action, Cause, End, Event, Fault, Pid, Report, Settings, Signal};
use service::{Boottime, Monotonic, Now};

use super::kernel::{Family, Process};

pub(crate) use aftermath::{Clearing, Death};
pub(crate) use seen::{Seen, Sight};

/// What is wrong, in a sentence.
pub(crate) type Verdict = Result<(), String>;

/// What is so.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fact {
    Down,
    /// A start was asked for and is not answered.
    Asked,
    Up {
        pid: Pid,
        /// When its `./run` was started.
        born: Monotonic,
    },
    /// The main process has ended, and who it left is counted or ended.
    Clearing(Clearing),
    /// `./finish` was asked for or runs.
    Finishing {
        of: Death,
        pid: Option<Pid>,
        kill_at: Option<Monotonic>,
    },
}

/// Whether something is due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Due {
    #[default]
    No,
    /// Within the jitter.
    May,
    Must,
}

/// What must follow an event, in this order within each kind, and nothing else.
#[derive(Debug, Default)]
struct Owed {
    signals: Vec<(Pid, Signal)>,
    sweeps: Vec<Signal>,
    reports: Vec<Report>,
    ask: bool,
    count: Due,
    finish: Option<(Pid, End)>,
    start: Due,
    leave: bool,
}

impl Owed {
    fn terminate(&mut self, pid: Pid) {
        self.signals.extend([(pid, Signal::Term), (pid, Signal::Cont)]);
    }
}

/// A service that put itself in the background.
#[derive(Debug, Clone, Copy)]
struct Background {
    ran: Duration,
    tell_at: Option<Monotonic>,
}

/// All that is written down.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) now: Now,
    pub(crate) fact: Fact,
    pub(crate) family: Family,
    pub(crate) settings: Settings,
    pub(crate) want: Wish,
    pub(crate) leaving: bool,
    /// `Stop` was said.
    pub(crate) farewell: bool,
    pub(crate) left: bool,
    /// `AskDrained` was asked and is not answered.
    pub(crate) drain_asked: bool,
    pub(crate) kill_at: Option<Monotonic>,
    pub(crate) stop_by: Option<Monotonic>,
    pub(crate) seen: Seen,
    ask_at: Option<Monotonic>,
    term_owed: bool,
    paused: bool,
    since: Boottime,
    /// The earliest and the latest instant of the next start.
    window: (Monotonic, Monotonic),
    /// An operator has said up or once while there was no process.
    hurried: bool,
    quick_deaths: u32,
    first_quick: Option<Monotonic>,
    last: Option<End>,
    /// The operator has sent this life a signal that may end it.
    asked: bool,
    told: Option<Fault>,
    told_backing_off: bool,
    /// Somebody may be left of the last life.
    unclean: bool,
    background: Option<Background>,
    told_background: bool,
    /// What there is too little of for its start.
    delayed: Option<Scarcity>,
    ready: Option<Monotonic>,
    /// Why the last start was asked for.
    cause: Cause,
    never_started: bool,
    given_up: bool,
    /// The deaths that are held against it.
    deaths: Vec<Monotonic>,
}

impl Ledger {
    pub(crate) fn new(now: Now, want: Wish) -> Self {
        Self {
            now,
            fact: Fact::Down,
            family: Family::default(),
            settings: Settings::default(),
            want,
            leaving: false,
            farewell: false,
            left: false,
            drain_asked: false,
            kill_at: None,
            stop_by: None,
            seen: Seen::default(),
            ask_at: None,
            term_owed: false,
            paused: false,
            since: now.boottime,
            window: (now.monotonic, now.monotonic),
            hurried: false,
            quick_deaths: 0,
            first_quick: None,
            last: None,
            asked: false,
            told: None,
            told_backing_off: false,
            unclean: false,
            background: None,
            told_background: false,
            delayed: None,
            ready: None,
            cause: Cause::First,
            never_started: true,
            given_up: false,
            deaths: Vec::new(),
        }
    }

    pub(crate) fn main(&self) -> Option<Process> {
        match self.fact {
            Fact::Up { pid, .. } => self.family.get(pid),
            Fact::Down | Fact::Asked | Fact::Clearing(_) | Fact::Finishing { .. } => None,
        }
    }

    pub(crate) fn finish(&self) -> Option<Process> {
        match self.fact {
            Fact::Finishing { pid, .. } => pid.and_then(|pid| self.family.get(pid)),
            Fact::Down | Fact::Asked | Fact::Up { .. } | Fact::Clearing(_) => None,
        }
    }

    /// Whether the count or `./finish` was asked for and is not answered.
    pub(crate) fn is_asked(&self) -> bool {
        match self.fact {
            Fact::Clearing(clearing) => clearing.asked,
            Fact::Finishing { pid, .. } => pid.is_none(),
            Fact::Down | Fact::Asked | Fact::Up { .. } => false,
        }
    }

    /// Lets the machine take a step, and judges it.
    pub(crate) fn watch(&mut self, life: &mut Service, event: Event) -> Verdict {
        let owed = self.learn(event);
        let actions: Vec<Action> = life.step(self.now, event).into_iter().collect();
        self.judge(owed, &actions).and_then(|()| self.agrees_with(life)).map_err(|complaint| {
            format!("{complaint}\n  at {:?} after {event:?}: {actions:?}", self.now.monotonic.0)
        })
    }

    fn learn(&mut self, event: Event) -> Owed {
        let mut owed = Owed::default();
        match event {
            Event::Letter(letter) => self.hear(letter, &mut owed),
            // Nobody asked.
            Event::Started(_) | Event::Forked(_) if !matches!(self.fact, Fact::Asked) => {}
            Event::Started(Ok(pid)) => {
                self.born(pid, &mut owed);
                if self.told.take().is_some() {
                    owed.reports.push(Report::StartsAgain);
                }
            }
            Event::Started(Err(fault)) => {
                self.cannot_start(self.now.monotonic, fault, &mut owed);
            }
            Event::Forked(pid) => self.born(pid, &mut owed),
            Event::Ended(ended, how) => match self.fact {
                Fact::Up { pid, born } if pid == ended => {
                    self.main_ended(pid, born, how, &mut owed);
                }
                Fact::Finishing { of, pid: Some(pid), .. } if pid == ended => {
                    self.finish_ended(of, how, &mut owed);
                }
                Fact::Down
                | Fact::Asked
                | Fact::Up { .. }
                | Fact::Clearing(_)
                | Fact::Finishing { .. } => {}
            },
            Event::Survivors(survivors) => self.counted(survivors, &mut owed),
            Event::Uncounted => self.count_again(),
            Event::OrphanEnded => self.count_at_once(),
            Event::Finishing(answer) => self.finish_answered(answer, &mut owed),
            Event::Mended => self.mended(),
            Event::Stop(farewell) => self.stop(farewell),
            Event::Drained(drained) => self.drained(drained),
            Event::Delayed(what, until) => self.delayed(what, until, &mut owed),
            Event::Ready => self.ready = self.main().map(|_| self.now.monotonic),
            Event::Tick => {}
        }
        self.fall_due(&mut owed);
        owed
    }
}

fn earlier(at: Option<Monotonic>, other: Option<Monotonic>) -> Option<Monotonic> {
    at.into_iter().chain(other).min()
}

fn require(holds: bool, complaint: &str) -> Verdict {
    if holds { Ok(()) } else { Err(complaint.to_owned()) }
}
