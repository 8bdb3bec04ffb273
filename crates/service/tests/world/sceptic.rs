//! The sceptic's side of the [`World`](super::World): he writes down what was said and what
//! happened, derives from it what is owed, and accepts nothing more and nothing less.
//!
//! He knows the promises, not the machine: numbers stand here as numbers, so that a constant that
//! changes is noticed.

use std::time::Duration;

use contract::{Letter, status::Wish};
use service::life::Service;
use service::words::{Action, End, Event, Farewell, Fault, Pid, Report, Signal, Survivors, View};
use service::{Boottime, Monotonic, Now};

use super::kernel::{Child, Temper};

/// What is wrong, in a sentence.
pub(crate) type Verdict = Result<(), String>;

/// No two starts are closer, but for an operator's wish (daemontools).
const FLOOR: Duration = Duration::from_secs(1);
const LONGEST_PAUSE_SECS: u64 = 60;
/// A run of this length was a good one.
const GOOD_RUN: Duration = Duration::from_secs(10);
const FREE_DEATHS: u32 = 5;
const DRAIN_CHECK: Duration = Duration::from_millis(50);

/// What is so.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fact {
    Down,
    /// A start was asked for and is not answered.
    Asked,
    Up {
        child: Child,
        born: Monotonic,
    },
}

/// Whether a start is due.
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
    signals: Vec<Signal>,
    reports: Vec<Report>,
    ask: bool,
    start: Due,
    leave: bool,
}

impl Owed {
    fn terminate(&mut self) {
        self.signals.extend([Signal::Term, Signal::Cont]);
    }
}

/// What the machine was seen to do: whether the stories reach far enough.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) starts_again: bool,
    pub(crate) backing_off: bool,
    pub(crate) longest_pause: bool,
    pub(crate) killed: bool,
    pub(crate) asked_drained: bool,
    pub(crate) left: bool,
}

impl std::ops::BitOr for Seen {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            starts_again: self.starts_again | other.starts_again,
            backing_off: self.backing_off | other.backing_off,
            longest_pause: self.longest_pause | other.longest_pause,
            killed: self.killed | other.killed,
            asked_drained: self.asked_drained | other.asked_drained,
            left: self.left | other.left,
        }
    }
}

impl Seen {
    pub(crate) fn everything(self) -> bool {
        self.starts_again
            && self.backing_off
            && self.longest_pause
            && self.killed
            && self.asked_drained
            && self.left
    }
}

/// All that is written down.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) now: Now,
    pub(crate) fact: Fact,
    /// What the next child will be like.
    pub(crate) newborn: Temper,
    pub(crate) want: Wish,
    pub(crate) leaving: bool,
    /// `Stop` was said.
    pub(crate) farewell: bool,
    pub(crate) left: bool,
    /// `AskDrained` was asked and is not answered.
    pub(crate) drain_asked: bool,
    pub(crate) timeout_kill: Option<Duration>,
    pub(crate) kill_at: Option<Monotonic>,
    pub(crate) seen: Seen,
    ask_at: Option<Monotonic>,
    term_owed: bool,
    paused: bool,
    since: Boottime,
    /// The earliest and the latest instant of the next start.
    window: (Monotonic, Monotonic),
    quick_deaths: u32,
    /// The operator has sent this life a signal that may end it.
    asked: bool,
    told: Option<Fault>,
    told_backing_off: bool,
}

impl Ledger {
    pub(crate) fn new(now: Now, want: Wish) -> Self {
        Self {
            now,
            fact: Fact::Down,
            newborn: Temper::Obedient,
            want,
            leaving: false,
            farewell: false,
            left: false,
            drain_asked: false,
            timeout_kill: None,
            kill_at: None,
            seen: Seen::default(),
            ask_at: None,
            term_owed: false,
            paused: false,
            since: now.boottime,
            window: (now.monotonic, now.monotonic),
            quick_deaths: 0,
            asked: false,
            told: None,
            told_backing_off: false,
        }
    }

    pub(crate) fn child(&self) -> Option<Child> {
        match self.fact {
            Fact::Up { child, .. } => Some(child),
            Fact::Down | Fact::Asked => None,
        }
    }

    /// Lets the machine take a step, and judges it.
    pub(crate) fn watch(&mut self, life: &mut Service, event: Event) -> Verdict {
        let owed = self.learn(event);
        let mut actions = Vec::new();
        let mut next = Some(event);
        // Nobody outlives the main process here, and there is no `./finish`.
        while let Some(event) = next.take() {
            for action in life.step(self.now, event) {
                match action {
                    Action::CountSurvivors => next = Some(Event::Survivors(Survivors::default())),
                    Action::Finish(..) => next = Some(Event::Finishing(Ok(None))),
                    action => actions.push(action),
                }
            }
        }
        self.judge(owed, &actions).and_then(|()| self.agrees_with(life)).map_err(|complaint| {
            format!("{complaint}\n  at {:?} after {event:?}: {actions:?}", self.now.monotonic.0)
        })
    }

    // What is owed.

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
                self.ended(self.now.monotonic, End::NotStarted(fault), &mut owed);
            }
            Event::Forked(pid) => self.born(pid, &mut owed),
            Event::Ended(pid, how) => {
                if let Fact::Up { child, born } = self.fact
                    && child.pid == pid
                {
                    self.ended(born, how, &mut owed);
                }
            }
            Event::Mended => self.mended(),
            Event::Stop(farewell) => self.stop(farewell),
            Event::Drained(drained) => self.drained(drained),
            Event::Delayed(..)
            | Event::Tick
            | Event::OrphanEnded
            | Event::Survivors(_)
            | Event::Finishing(_) => {}
        }
        self.fall_due(&mut owed);
        owed
    }

    fn hear(&mut self, letter: Letter, owed: &mut Owed) {
        let now = self.now.monotonic;
        let is_down = matches!(self.fact, Fact::Down);
        let is_up = self.child().is_some();
        self.asked |= is_up && b"dhaitk".contains(&letter.byte());
        let mut signal = |signal| owed.signals.extend(is_up.then_some(signal));
        match letter {
            Letter::Up => {
                self.want = Wish::Up;
                if is_down {
                    self.window = (now, now);
                }
            }
            Letter::Once => {
                self.want = Wish::Once;
                if is_down && !self.leaving {
                    owed.start = Due::Must;
                }
            }
            Letter::Down => {
                self.want = Wish::Down;
                self.paused = false;
                signal(Signal::Term);
                signal(Signal::Cont);
                if is_up {
                    self.kill_by(self.timeout_kill.map(|after| now + after));
                }
            }
            Letter::Exit => self.leaving = true,
            Letter::Pause => {
                self.paused = is_up;
                signal(Signal::Stop);
            }
            Letter::Continue => {
                self.paused = false;
                signal(Signal::Cont);
            }
            Letter::Hangup => signal(Signal::Hup),
            Letter::Alarm => signal(Signal::Alrm),
            Letter::Interrupt => signal(Signal::Int),
            Letter::Terminate => signal(Signal::Term),
            Letter::Kill => signal(Signal::Kill),
        }
    }

    fn kill_by(&mut self, at: Option<Monotonic>) {
        self.kill_at = self.kill_at.into_iter().chain(at).min();
    }

    fn born(&mut self, pid: Pid, owed: &mut Owed) {
        let born = self.now.monotonic;
        self.fact = Fact::Up { child: Child::new(pid, self.newborn), born };
        self.since = self.now.boottime;
        // What was said for good while it started has its own times.
        if self.want == Wish::Down && !self.farewell {
            owed.terminate();
            self.kill_by(self.timeout_kill.map(|after| born + after));
        }
    }

    fn ended(&mut self, born: Monotonic, how: End, owed: &mut Owed) {
        if self.child().is_some() {
            self.since = self.now.boottime;
        }
        self.fact = Fact::Down;
        (self.paused, self.term_owed) = (false, false);
        (self.ask_at, self.kill_at) = (None, None);
        self.pace(born, how);
        self.asked = false;
        self.report_end(how, owed);
    }

    fn pace(&mut self, born: Monotonic, how: End) {
        let ran = self.now.monotonic.since(born);
        if self.asked || ran >= GOOD_RUN || (ran >= FLOOR && how == End::Exited(0)) {
            self.quick_deaths = 0;
        } else {
            self.quick_deaths += 1;
        }
        self.window = match self.quick_deaths.checked_sub(FREE_DEATHS) {
            None | Some(0) => (born + FLOOR, born + FLOOR),
            Some(more) => {
                let secs = LONGEST_PAUSE_SECS.min(1 << more.min(10));
                self.seen.longest_pause |= secs == LONGEST_PAUSE_SECS;
                let least = Duration::from_secs(secs);
                (born + least, born + least * 5 / 4)
            }
        };
    }

    fn report_end(&mut self, how: End, owed: &mut Owed) {
        let backs_off = self.quick_deaths > FREE_DEATHS;
        self.told_backing_off &= backs_off;
        if let End::NotStarted(fault) = how {
            if self.told != Some(fault) {
                owed.reports.push(Report::CannotStart(fault));
            }
            self.told = Some(fault);
            return;
        }
        self.told = None;
        // Where no start follows there is no pause to tell of.
        let starts_again = self.want == Wish::Up && !self.leaving;
        if backs_off && starts_again && !self.told_backing_off {
            self.told_backing_off = true;
            let (deaths, pause) = (self.quick_deaths, Duration::ZERO);
            owed.reports.push(Report::BackingOff { deaths, last: how, pause });
        }
    }

    fn mended(&mut self) {
        if matches!(self.fact, Fact::Down) && self.told.is_some() {
            let soon = self.now.monotonic + FLOOR;
            self.window = (self.window.0.min(soon), self.window.1.min(soon));
        }
    }

    fn stop(&mut self, Farewell { linger, grace }: Farewell) {
        let now = self.now.monotonic;
        self.want = Wish::Down;
        (self.leaving, self.farewell) = (true, true);
        if linger == Duration::ZERO {
            self.term_owed = true;
        } else {
            self.ask_at = Some(now + linger);
        }
        self.kill_by(Some(now + linger + grace));
    }

    fn drained(&mut self, drained: bool) {
        self.drain_asked = false;
        if self.child().is_none() || self.kill_at.is_none() {
            return;
        }
        if drained {
            self.term_owed = true;
        } else {
            self.ask_at = Some(self.now.monotonic + DRAIN_CHECK);
        }
    }

    fn fall_due(&mut self, owed: &mut Owed) {
        let now = self.now.monotonic;
        let due = |at: Option<Monotonic>| at.is_some_and(|at| at <= now);
        match self.fact {
            Fact::Down if self.leaving => owed.leave = !self.left,
            Fact::Down if self.want == Wish::Up => {
                owed.start = match self.window {
                    (least, _) if now < least => Due::No,
                    (_, most) if now < most => Due::May,
                    _ => Due::Must,
                }
            }
            Fact::Up { child, .. } => {
                if due(self.ask_at) {
                    self.ask_at = None;
                    owed.ask = true;
                }
                if std::mem::take(&mut self.term_owed) {
                    self.paused = false;
                    owed.terminate();
                }
                if due(self.kill_at) {
                    (self.ask_at, self.kill_at) = (None, None);
                    owed.reports.push(Report::Killed(child.pid));
                    owed.signals.push(Signal::Kill);
                }
            }
            Fact::Down | Fact::Asked => {}
        }
    }

    // What was done.

    fn judge(&mut self, mut owed: Owed, actions: &[Action]) -> Verdict {
        owed.signals.reverse();
        owed.reports.reverse();
        for &action in actions {
            require(!self.left, "something follows the leave")?;
            match action {
                Action::Start => self.started(&mut owed)?,
                Action::Send(pid, signal) => self.sent(pid, signal, owed.signals.pop())?,
                Action::Report(report) => self.reported(report, owed.reports.pop())?,
                Action::AskDrained => {
                    require(std::mem::take(&mut owed.ask), "asks about the pipe out of turn")?;
                    self.drain_asked = true;
                    self.seen.asked_drained = true;
                }
                Action::CountSurvivors | Action::Sweep(_) | Action::Finish(..) => {
                    return Err("ends processes that are not there".to_owned());
                }
                Action::Leave => {
                    require(std::mem::take(&mut owed.leave), "leaves out of turn")?;
                    self.left = true;
                    self.seen.left = true;
                }
            }
        }
        require(owed.signals.is_empty(), "a signal was not sent")?;
        require(owed.reports.is_empty(), "a report was not told")?;
        require(!owed.ask, "did not ask about the pipe")?;
        require(!owed.leave, "did not leave")?;
        require(owed.start != Due::Must, "did not start what was wanted and due")
    }

    fn started(&mut self, owed: &mut Owed) -> Verdict {
        require(matches!(self.fact, Fact::Down), "two processes of one service")?;
        require(owed.start != Due::No, "a start that nobody wants, or too soon")?;
        owed.start = Due::No;
        self.fact = Fact::Asked;
        Ok(())
    }

    fn sent(&mut self, pid: Pid, signal: Signal, owed: Option<Signal>) -> Verdict {
        let Fact::Up { child, .. } = &mut self.fact else {
            return Err("a signal and no child".to_owned());
        };
        require(child.pid == pid, "a signal for a stranger")?;
        require(owed == Some(signal), "a signal that is not owed, or out of order")?;
        child.take(signal);
        Ok(())
    }

    fn reported(&mut self, report: Report, owed: Option<Report>) -> Verdict {
        match (report, owed) {
            (
                Report::BackingOff { deaths, last, pause },
                Some(Report::BackingOff { deaths: counted, last: seen, .. }),
            ) => {
                self.seen.backing_off = true;
                let (least, most) = self.window;
                let now = self.now.monotonic;
                let right = (least.since(now)..=most.since(now)).contains(&pause);
                require((deaths, last, right) == (counted, seen, true), "a wrong report")
            }
            (report, owed) => {
                self.seen.starts_again |= report == Report::StartsAgain;
                self.seen.killed |= matches!(report, Report::Killed(_));
                require(owed == Some(report), "a report that is not owed")
            }
        }
    }

    // What is shown.

    fn agrees_with(&self, life: &Service) -> Verdict {
        let pid = self.child().map(|child| child.pid);
        let truth = View { pid, since: self.since, paused: self.paused, want: self.want };
        if life.view() != truth {
            return Err(format!("shows {:?} where {truth:?} is so", life.view()));
        }
        require(life.pid() == pid, "another pid than it shows")?;
        require(life.fault() == self.told, "another fault than was told")?;
        self.believes(life.deadline())
    }

    /// A deadline is in the future, and is the next thing that is owed.
    fn believes(&self, deadline: Option<Monotonic>) -> Verdict {
        let honest = match (self.fact, deadline) {
            (Fact::Down, Some(at)) => {
                let (least, most) = self.window;
                let wanted = self.want == Wish::Up && !self.leaving;
                wanted && self.now.monotonic < at && least <= at && at <= most
            }
            (Fact::Down, None) => self.want != Wish::Up || self.leaving,
            (Fact::Asked, at) => at.is_none(),
            (Fact::Up { .. }, at) => at == self.ask_at.into_iter().chain(self.kill_at).min(),
        };
        if honest { Ok(()) } else { Err(format!("a deadline that is not honest: {deadline:?}")) }
    }
}

fn require(holds: bool, complaint: &str) -> Verdict {
    if holds { Ok(()) } else { Err(complaint.to_owned()) }
}
