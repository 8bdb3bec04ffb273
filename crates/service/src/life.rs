//! The life of one service, as a machine that touches nothing.
//!
//! # Wish and fact
//! `want` is what the operator wants; only letters, the end of everything and giving up write it.
//! `state` is what is so; only what the kernel said writes it. They meet in one function, `drive`.
//! So "down while it starts", "up while it stops" and "exit while it is up" need no code of their
//! own.
//!
//! ```text
//!            Start asked            Started(Ok)
//!   Down -----------------> Starting ----------> Up <------+ a survivor of ./run: it put itself
//!    ^                         |                 |         | in the background
//!    |<------------------------+ Started(Err)    | Ended   |
//!    |                                           v         |
//!    |<------- Finishing <------------------- Clearing ----+
//!       ended            nobody is left, ./finish
//! ```
//!
//! # Two phases
//! [`Service::step`] first *absorbs* the event into the two fields, then *drives* the state one
//! move towards what is wanted. An event never starts or stops anything by itself: whatever came
//! in, the same rule decides, and it sees the whole truth.
//!
//! # One life at a time
//! A life is all processes that a service has made, not only the main one. Between the end of the
//! main process and the next start lies `Clearing`: the shell counts who is left. Whoever has put
//! himself in the background is supervised from then on; stragglers of a crash are ended. Only then
//! can the next life begin (`aftermath` has this part).
//!
//! # No timers, no announcements
//! Nobody arms or cancels a timer: the loop asks [`Service::deadline`] after each step. A tick that
//! comes too early finds nothing due. Nobody announces a status: the loop compares
//! [`Service::view`] and [`Service::remark`] with what it last wrote.
//!
//! # Races, and who wins
//! * A letter while `Starting`: signals are dropped (there is nobody to take them); a wish is
//!   kept and obeyed as soon as the process is known.
//! * `u` while the service is ending from `d`: the end is awaited, then it starts again. There are
//!   never two lives.
//! * `u` or `o` between two lives: the end of the last is awaited, the pause is not.
//! * `d` or a stop while `./finish` runs: whoever is left is ended when it has ended.
//! * A stop and a `u` after it: it leaves all the same, and nobody is taken for the service.
//! * The end of a process that is not the service's (an orphan handed to us) changes nothing.
//! * A kill that is due when the process has already ended: the state has forgotten it. A pid in
//!   `Up` has not been reaped, so no signal can reach a stranger.

pub mod aftermath;
mod delays;
pub mod memory;

use std::time::Duration;

use contract::{Letter, status::Wish};

use crate::budget::Budget;
use crate::guard::Scarcity;
use crate::pacing::Pacing;
use crate::time::{Boottime, Monotonic, Now};
use crate::words::{
    Action, Actions, Cause, Event, Farewell, Fault, Pid, Policy, Remark, Report, Settings, Signal,
    View,
};
use aftermath::{Background, Clearing, Death, Deaths, Then};

/// How often a logger that should end is asked whether it has drained its pipe.
pub const DRAIN_CHECK: Duration = Duration::from_millis(50);

/// What is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No process; the next may start from `not_before` on.
    Down { not_before: Monotonic },
    /// A process was asked for and there is no answer yet.
    Starting,
    /// The main process runs: `./run`, or who it left in the background.
    Up { pid: Pid, since: Monotonic },
    /// The main process has ended, and who it left is counted or being ended.
    Clearing(Clearing),
    /// `./finish` was asked for and there is no answer yet, or it runs.
    Finishing { of: Death, pid: Option<Pid>, kill: Option<Monotonic> },
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
    /// When this life said that it was ready.
    ready: Option<Monotonic>,
    pacing: Pacing,
    deaths: Deaths,
    /// Set while the main process is one that `./run` left in the background.
    background: Option<Background>,
    /// The operator knows that it puts itself in the background.
    told_background: bool,
    /// The last life may have left processes: they are counted before the next, and where it is to
    /// be down.
    left_behind: bool,
    /// The operator said up or once while there was no process: the next life waits for nothing but
    /// the end of the last.
    at_once: bool,
    /// How many starts may still be asked for.
    letters: Budget,
    never_started: bool,
    /// Why the last start was asked for.
    cause: Cause,
    /// What there is too little of for its start.
    delayed: Option<Scarcity>,
    /// It was given up; only the operator starts it again.
    given_up: bool,
    /// Everything ends: until when it had to.
    stop_by: Option<Monotonic>,
    /// The fault the operator knows of.
    told: Option<Fault>,
    /// The operator knows that the pauses have grown.
    told_backing_off: bool,
    settings: Settings,
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
            ready: None,
            pacing: Pacing::new(seed),
            deaths: Deaths::default(),
            background: None,
            told_background: false,
            left_behind: false,
            at_once: false,
            letters: Budget::of_letters(now.monotonic),
            never_started: true,
            cause: Cause::First,
            delayed: None,
            given_up: false,
            stop_by: None,
            told: None,
            told_backing_off: false,
            settings: Settings::default(),
        }
    }

    /// Sets what the files of its directory say. It holds from now on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.pacing.set_pace(settings.pace);
        self.settings = settings;
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
                (self.is_to_start() && !self.leaving).then_some(not_before)
            }
            State::Starting => None,
            State::Up { .. } => {
                let tell = self.background.and_then(|background| background.tell);
                earlier(self.ending.next(), tell)
            }
            State::Clearing(clearing) => clearing.deadline(),
            State::Finishing { pid, kill, .. } => pid.and(kill),
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
            State::Down { .. } | State::Starting | State::Clearing(_) | State::Finishing { .. } => {
                None
            }
        }
    }

    /// What is to be said of it beyond its status.
    #[must_use]
    pub fn remark(&self) -> Remark {
        match (self.state, self.told) {
            (State::Up { .. }, _) if self.background.is_some() => Remark::Background,
            (State::Up { .. } | State::Starting, _) => Remark::None,
            (State::Clearing(clearing), _) => Remark::Clearing(clearing.count()),
            (State::Finishing { .. }, _) => Remark::Finishing,
            (State::Down { .. }, _) if self.given_up => Remark::GivenUp,
            (State::Down { .. }, _) if !self.is_to_start() => Remark::None,
            (State::Down { .. }, _) if let Some(what) = self.delayed => Remark::Delayed(what),
            (State::Down { .. }, Some(fault)) => Remark::CannotStart(fault),
            (State::Down { not_before }, None) => self.backing_off(not_before),
        }
    }

    /// When the running process said that it was ready (s6's `notification-fd`).
    #[must_use]
    pub fn ready(&self) -> Option<Monotonic> {
        self.pid().and(self.ready)
    }

    /// Why the last start was asked for.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
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
                Err(fault) => self.cannot_start(now, now.monotonic, fault, actions),
            },
            Event::Forked(pid) if self.state == State::Starting => self.started(now, pid, actions),
            Event::Delayed(what, until) if self.state == State::Starting => {
                self.delay(what, until, actions);
            }
            Event::Ended(ended, how) => match self.state {
                State::Up { pid, since } if pid == ended => {
                    self.ended(now, Death { pid, since, at: now.monotonic, how }, actions);
                }
                State::Finishing { of, pid: Some(pid), .. } if pid == ended => {
                    self.finished(now, of, how, actions);
                }
                State::Up { .. }
                | State::Down { .. }
                | State::Starting
                | State::Clearing(_)
                | State::Finishing { .. } => {}
            },
            Event::Survivors(survivors) => self.counted(now, survivors, actions),
            Event::Uncounted => self.uncounted(now.monotonic),
            Event::OrphanEnded => self.count_now(now.monotonic),
            Event::Finishing(answer) => self.finishing(now, answer, actions),
            Event::Ready => self.ready = self.pid().map(|_| now.monotonic),
            Event::Mended => self.mended(now.monotonic),
            Event::Stop(farewell) => self.stop(now.monotonic, farewell),
            Event::Drained(drained) => self.drained(now.monotonic, drained),
            // An answer nobody waits for, or only the time has changed.
            Event::Started(_) | Event::Forked(_) | Event::Delayed(..) | Event::Tick => {}
        }
    }

    fn obey(&mut self, now: Monotonic, letter: Letter, actions: &mut Actions) {
        match letter {
            Letter::Up => self.wish(Wish::Up),
            Letter::Once => self.wish(Wish::Once),
            Letter::Down => self.wish_down(now, actions),
            Letter::Exit => self.leaving = true,
            Letter::Pause => self.pause(true, Signal::Stop, actions),
            Letter::Continue => self.pause(false, Signal::Cont, actions),
            Letter::Hangup => self.ask(Signal::Hup, actions),
            Letter::Alarm => self.ask(Signal::Alrm, actions),
            Letter::Interrupt => self.ask(Signal::Int, actions),
            Letter::Terminate => self.ask(Signal::Term, actions),
            Letter::Kill => {
                self.ask(Signal::Kill, actions);
                self.kill_now(now, actions);
            }
        }
    }

    fn wish_down(&mut self, now: Monotonic, actions: &mut Actions) {
        (self.want, self.paused, self.given_up) = (Wish::Down, false, false);
        if let State::Up { pid, .. } = self.state {
            self.asked = true;
            terminate(pid, actions);
            let kill = self.settings.timeout_kill.map(|timeout| now + timeout);
            self.ending.kill = earlier(self.ending.kill, kill);
        }
    }

    /// An operator who says up or once does not wait for the pacing.
    fn wish(&mut self, want: Wish) {
        (self.want, self.given_up) = (want, false);
        self.at_once = !matches!(self.state, State::Starting | State::Up { .. });
    }

    fn pause(&mut self, paused: bool, signal: Signal, actions: &mut Actions) {
        if self.pid().is_some() {
            self.paused = paused;
        }
        self.send(signal, actions);
    }

    /// A signal that may end it.
    fn ask(&mut self, signal: Signal, actions: &mut Actions) {
        self.asked |= self.pid().is_some();
        self.send(signal, actions);
    }

    fn send(&self, signal: Signal, actions: &mut Actions) {
        if let Some(pid) = self.pid() {
            actions.push(Action::Send(pid, signal));
        }
    }

    fn started(&mut self, now: Now, pid: Pid, actions: &mut Actions) {
        (self.never_started, self.delayed, self.ready) = (false, None, None);
        self.state = State::Up { pid, since: now.monotonic };
        self.changed = now.boottime;
        // Wished down while it started. A stop that came then has its own deadlines.
        if self.want == Wish::Down && self.ending == NOT_ENDING {
            self.asked = true;
            terminate(pid, actions);
            self.ending.kill = self.settings.timeout_kill.map(|timeout| now.monotonic + timeout);
        }
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
        let kill_by = Some(end_by + farewell.grace);
        self.stop_by = earlier(self.stop_by, kill_by);
        if let State::Finishing { kill, .. } = &mut self.state {
            *kill = earlier(*kill, kill_by);
        }
        self.ending.kill = earlier(self.ending.kill, kill_by);
        if farewell.linger.is_zero() {
            self.ending.term = Some(now);
            let own = self.settings.timeout_kill.map(|timeout| now + timeout);
            self.ending.kill = earlier(self.ending.kill, own);
        } else {
            self.ending.ask = Some(end_by);
        }
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
            State::Down { not_before } => self.drive_down(now, not_before, actions),
            State::Up { pid, .. } => {
                self.drive_ending(now, pid, actions);
                self.tell_background(now, pid, actions);
            }
            State::Clearing(_) => self.drive_clearing(now, actions),
            State::Finishing { pid: Some(pid), .. } => self.drive_finish(now, pid, actions),
            State::Starting | State::Finishing { pid: None, .. } => {}
        }
    }

    /// Where it is down: whether it starts by itself. What was to run once and was delayed has not.
    fn is_to_start(&self) -> bool {
        match self.want {
            Wish::Up => true,
            Wish::Once => self.delayed.is_some(),
            Wish::Down => false,
        }
    }

    /// Whoever the last life left is ended before the next, and where there is to be none.
    fn drive_down(&mut self, now: Monotonic, not_before: Monotonic, actions: &mut Actions) {
        if self.left {
            return;
        }
        let due = self.at_once || (self.is_to_start() && now >= not_before);
        let starts = due && self.want != Wish::Down && !self.leaving;
        let ends = self.want == Wish::Down || self.stop_by.is_some();
        let to_clear = self.left_behind && self.settings.policy != Policy::Leave;
        if to_clear && (starts || ends) {
            self.clear(Then::Rest { not_before }, actions);
        } else if self.leaving {
            self.left = true;
            actions.push(Action::Leave);
        } else if starts && self.is_one_letter_too_many(now, actions) {
            self.at_once = false;
        } else if starts {
            self.cause = match std::mem::take(&mut self.at_once) {
                true => Cause::Asked,
                false if self.never_started => Cause::First,
                false => Cause::Restart,
            };
            self.state = State::Starting;
            actions.push(Action::Start);
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
