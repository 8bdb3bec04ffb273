//! The life of one service, as a machine that touches nothing.
//!
//! # Wish and fact
//! `want` is what the operator wants; only letters and the end of everything write it. `state` is
//! what is so; only what the kernel said writes it. They meet in one function, `drive`. So "down
//! while it starts", "up while it stops" and "exit while it is up" need no code of their own.
//!
//! ```text
//!             Start asked            Started(Ok)
//!   Down ------------------> Starting -----------> Up
//!    ^  ^                       |                   |
//!    |  +-----------------------+ Started(Err)      |
//!    +----------------------------------------------+ Ended
//! ```
//!
//! # Two phases
//! [`Service::step`] first *absorbs* the event into the two fields, then *drives* the state one
//! move towards what is wanted. An event never starts or stops anything by itself: whatever came
//! in, the same rule decides, and it sees the whole truth.
//!
//! # No timers, no announcements
//! Nobody arms or cancels a timer: the loop asks [`Service::deadline`] after each step. A tick that
//! comes too early finds nothing due. Nobody announces a status: the loop compares
//! [`Service::view`] with what it last wrote.
//!
//! # Races, and who wins
//! * A letter while `Starting`: signals are dropped (there is nobody to take them); a wish is
//!   kept and obeyed as soon as the process is known.
//! * `u` while the service is ending from `d`: the end is awaited, then it starts again. There are
//!   never two lives.
//! * The end of a process that is not the service's (an orphan handed to us) changes nothing.
//! * A kill that is due when the process has already ended: the state has forgotten it. A pid in
//!   `Up` has not been reaped, so no signal can reach a stranger.

use std::time::Duration;

use contract::{Letter, status::Wish};

use crate::pacing::Pacing;
use crate::time::{Boottime, Monotonic, Now};
use crate::words::{Action, Actions, End, Event, Farewell, Fault, Pid, Report, Signal, View};

pub mod memory;

/// How often a logger that should end is asked whether it has drained its pipe.
pub const DRAIN_CHECK: Duration = Duration::from_millis(50);

/// What is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No process; the next may start from `not_before` on.
    Down { not_before: Monotonic },
    /// A process was asked for and there is no answer yet.
    Starting,
    /// `./run` runs.
    Up { pid: Pid, since: Monotonic },
}

/// Deadlines of an end that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ending {
    /// When a logger is to be asked whether its pipe is empty.
    ask: Option<Monotonic>,
    /// When TERM is due; `None`: not yet known, or it was sent.
    term: Option<Monotonic>,
    /// When KILL is due; `None`: never, or it was sent.
    kill: Option<Monotonic>,
}

const NOT_ENDING: Ending = Ending { ask: None, term: None, kill: None };

impl Ending {
    fn next(self) -> Option<Monotonic> {
        earlier(self.ask, earlier(self.term, self.kill))
    }
}

/// One service.
#[derive(Debug, Clone)]
pub struct Service {
    want: Wish,
    state: State,
    /// `x` was sent, or everything ends: leave once it is down.
    leaving: bool,
    /// The leave was said: nothing follows, whatever letters still lie in the FIFO.
    left: bool,
    paused: bool,
    ending: Ending,
    /// The operator has sent this life a signal: its end is no sign of trouble.
    asked: bool,
    /// When the pid last changed.
    changed: Boottime,
    pacing: Pacing,
    /// The fault the operator knows of.
    told: Option<Fault>,
    /// The operator knows that the pauses have grown.
    told_backing_off: bool,
    /// How long after `d` it is killed; `None`: never.
    timeout_kill: Option<Duration>,
}

impl Service {
    /// A service that is down since `now` and may start at once, if `want` says so.
    #[must_use]
    pub fn new(now: Now, want: Wish, seed: u64) -> Self {
        Self {
            want,
            state: State::Down { not_before: now.monotonic },
            leaving: false,
            left: false,
            paused: false,
            ending: NOT_ENDING,
            asked: false,
            changed: now.boottime,
            pacing: Pacing::new(seed),
            told: None,
            told_backing_off: false,
            timeout_kill: None,
        }
    }

    /// Sets how long after `d` the service is killed; `None`: never (`timeout-kill`).
    pub fn set_timeout_kill(&mut self, timeout: Option<Duration>) {
        self.timeout_kill = timeout;
    }

    /// Takes in what happened and says what is to be done.
    pub fn step(&mut self, now: Now, event: Event) -> Actions {
        let mut actions = Actions::default();
        self.absorb(now, event, &mut actions);
        self.drive(now.monotonic, &mut actions);
        actions
    }

    /// When to call [`Service::step`] with [`Event::Tick`] should nothing happen sooner.
    #[must_use]
    pub fn deadline(&self) -> Option<Monotonic> {
        match self.state {
            State::Down { not_before } => {
                (self.want == Wish::Up && !self.leaving).then_some(not_before)
            }
            State::Starting => None,
            State::Up { .. } => self.ending.next(),
        }
    }

    /// What a status record can show.
    #[must_use]
    pub fn view(&self) -> View {
        let (since, paused, want) = (self.changed, self.paused, self.want);
        View { pid: self.pid(), since, paused, want }
    }

    /// The running process.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Up { pid, .. } => Some(pid),
            State::Down { .. } | State::Starting => None,
        }
    }

    /// The fault that keeps it from starting, as last told.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.told
    }

    fn absorb(&mut self, now: Now, event: Event, actions: &mut Actions) {
        match event {
            Event::Letter(letter) => self.obey(now.monotonic, letter, actions),
            Event::Started(answer) if self.state == State::Starting => match answer {
                Ok(pid) => {
                    self.started(now, pid, actions);
                    if self.told.take().is_some() {
                        actions.push(Action::Report(Report::StartsAgain));
                    }
                }
                Err(fault) => self.ended(now, now.monotonic, End::NotStarted(fault), actions),
            },
            Event::Forked(pid) if self.state == State::Starting => self.started(now, pid, actions),
            Event::Ended(ended, how) => match self.state {
                State::Up { pid, since } if pid == ended => self.ended(now, since, how, actions),
                State::Up { .. } | State::Down { .. } | State::Starting => {}
            },
            Event::Mended => self.mended(now.monotonic),
            Event::Stop(farewell) => self.stop(now.monotonic, farewell),
            Event::Drained(drained) => self.drained(now.monotonic, drained),
            // An answer nobody waits for, or only the time has changed.
            Event::Started(_) | Event::Forked(_) | Event::Tick => {}
        }
    }

    fn obey(&mut self, now: Monotonic, letter: Letter, actions: &mut Actions) {
        match letter {
            Letter::Up => self.wish(now, Wish::Up),
            Letter::Once => {
                self.wish(now, Wish::Once);
                if matches!(self.state, State::Down { .. }) && !self.leaving {
                    self.start(actions);
                }
            }
            Letter::Down => {
                self.want = Wish::Down;
                self.paused = false;
                if let State::Up { pid, .. } = self.state {
                    self.asked = true;
                    terminate(pid, actions);
                    let kill = self.timeout_kill.map(|timeout| now + timeout);
                    self.ending.kill = earlier(self.ending.kill, kill);
                }
            }
            Letter::Exit => self.leaving = true,
            Letter::Pause => self.pause(true, Signal::Stop, actions),
            Letter::Continue => self.pause(false, Signal::Cont, actions),
            Letter::Hangup => self.ask(Signal::Hup, actions),
            Letter::Alarm => self.ask(Signal::Alrm, actions),
            Letter::Interrupt => self.ask(Signal::Int, actions),
            Letter::Terminate => self.ask(Signal::Term, actions),
            Letter::Kill => self.ask(Signal::Kill, actions),
        }
    }

    /// An operator who says up or once does not wait for the pacing.
    fn wish(&mut self, now: Monotonic, want: Wish) {
        self.want = want;
        if let State::Down { not_before } = &mut self.state {
            *not_before = now;
        }
    }

    fn pause(&mut self, paused: bool, signal: Signal, actions: &mut Actions) {
        if self.pid().is_some() {
            self.paused = paused;
        }
        self.send(signal, actions);
    }

    /// A signal that may end it.
    fn ask(&mut self, signal: Signal, actions: &mut Actions) {
        self.asked = self.pid().is_some();
        self.send(signal, actions);
    }

    fn send(&self, signal: Signal, actions: &mut Actions) {
        if let Some(pid) = self.pid() {
            actions.push(Action::Send(pid, signal));
        }
    }

    fn started(&mut self, now: Now, pid: Pid, actions: &mut Actions) {
        self.state = State::Up { pid, since: now.monotonic };
        self.changed = now.boottime;
        // Wished down while it started. A stop that came then has its own deadlines.
        if self.want == Wish::Down && self.ending == NOT_ENDING {
            terminate(pid, actions);
            self.ending.kill = self.timeout_kill.map(|timeout| now.monotonic + timeout);
        }
    }

    fn ended(&mut self, now: Now, started: Monotonic, how: End, actions: &mut Actions) {
        let ran = now.monotonic.since(started);
        let asked = std::mem::take(&mut self.asked);
        let spacing = if asked { self.pacing.forgive() } else { self.pacing.ended(ran, how) };
        let not_before = started + spacing;
        self.told_backing_off &= self.pacing.is_backing_off();
        if self.pid().is_some() {
            self.changed = now.boottime;
        }
        self.state = State::Down { not_before };
        self.paused = false;
        self.ending = NOT_ENDING;
        match how {
            End::NotStarted(fault) if self.told != Some(fault) => {
                self.told = Some(fault);
                actions.push(Action::Report(Report::CannotStart(fault)));
            }
            End::Exited(_) | End::Signalled(_) | End::Unknown
                if self.is_news_that_it_backs_off() =>
            {
                self.told_backing_off = true;
                let deaths = self.pacing.quick_deaths();
                let pause = not_before.since(now.monotonic);
                actions.push(Action::Report(Report::BackingOff { deaths, last: how, pause }));
            }
            End::NotStarted(_) | End::Exited(_) | End::Signalled(_) | End::Unknown => {}
        }
        if !matches!(how, End::NotStarted(_)) {
            self.told = None;
        }
    }

    /// Where no start follows there is no pause to tell of, and a fault is told in its own words.
    fn is_news_that_it_backs_off(&self) -> bool {
        let starts_again = self.want == Wish::Up && !self.leaving;
        self.pacing.is_backing_off() && starts_again && !self.told_backing_off
    }

    /// Tries a failed start again, at the floor's pace whatever the pauses have grown to.
    fn mended(&mut self, now: Monotonic) {
        if let (State::Down { not_before }, Some(_)) = (&mut self.state, self.told) {
            *not_before = (*not_before).min(now + crate::pacing::START_SPACING);
        }
    }

    fn stop(&mut self, now: Monotonic, farewell: Farewell) {
        self.want = Wish::Down;
        self.leaving = true;
        let end_by = now + farewell.linger;
        if farewell.linger.is_zero() {
            self.ending.term = Some(now);
        } else {
            self.ending.ask = Some(end_by);
        }
        self.ending.kill = earlier(self.ending.kill, Some(end_by + farewell.grace));
    }

    /// A logger that has not drained its pipe gets more time, up to its grace.
    fn drained(&mut self, now: Monotonic, drained: bool) {
        if self.ending.kill.is_none() {
            return; // It was killed meanwhile.
        }
        if drained {
            self.ending.term = Some(now);
        } else {
            self.ending.ask = Some(now + DRAIN_CHECK);
        }
    }

    fn drive(&mut self, now: Monotonic, actions: &mut Actions) {
        match self.state {
            State::Down { .. } if self.left => {}
            State::Down { .. } if self.leaving => {
                self.left = true;
                actions.push(Action::Leave);
            }
            State::Down { not_before } if self.want == Wish::Up && now >= not_before => {
                self.start(actions);
            }
            State::Up { pid, .. } => self.drive_ending(now, pid, actions),
            State::Down { .. } | State::Starting => {}
        }
    }

    fn drive_ending(&mut self, now: Monotonic, pid: Pid, actions: &mut Actions) {
        if take_due(&mut self.ending.ask, now) {
            actions.push(Action::AskDrained);
        }
        if take_due(&mut self.ending.term, now) {
            self.paused = false;
            terminate(pid, actions);
        }
        if take_due(&mut self.ending.kill, now) {
            self.ending = NOT_ENDING;
            actions.push(Action::Report(Report::Killed(pid)));
            actions.push(Action::Send(pid, Signal::Kill));
        }
    }

    fn start(&mut self, actions: &mut Actions) {
        self.state = State::Starting;
        actions.push(Action::Start);
    }
}

/// TERM, and CONT as well: a stopped process would never see the TERM.
fn terminate(pid: Pid, actions: &mut Actions) {
    actions.push(Action::Send(pid, Signal::Term));
    actions.push(Action::Send(pid, Signal::Cont));
}

fn earlier(a: Option<Monotonic>, b: Option<Monotonic>) -> Option<Monotonic> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

/// Whether the deadline has come; it is gone then.
fn take_due(at: &mut Option<Monotonic>, now: Monotonic) -> bool {
    at.take_if(|at| now >= *at).is_some()
}
