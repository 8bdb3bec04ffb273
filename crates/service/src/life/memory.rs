//! What is worth knowing of a service when its supervisor has been killed, and the life that goes
//! on from there.
//!
//! The shell writes [`Service::memory`] down after each step, before it does what the step asks
//! for. The next supervisor finds out which process still lives, and resumes. What is not kept: the
//! deadlines of a stop (the grace begins anew), the deaths that `max-deaths` counts, and what the
//! operator was told of a fault (it is told again). A life that was being cleared or finished is
//! over, and its pause is known; who is left of it is ended before the next.

use std::time::Duration;

use contract::status::Wish;

use super::aftermath::{Background, Death, Then, pace};
use super::{Service, State};
use crate::pacing::Pacing;
use crate::time::{Boottime, Monotonic, Now};
use crate::words::{End, Pid, Settings};

/// What is so, as the next supervisor should know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No process; the next may start from `not_before` on.
    Down {
        /// The end of the pause.
        not_before: Monotonic,
    },
    /// A process was asked for.
    Starting,
    /// The main process runs.
    Up {
        /// Who it is.
        pid: Pid,
        /// When the life began.
        since: Monotonic,
    },
}

/// What the next supervisor should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What the operator wants.
    pub want: Wish,
    /// What is so.
    pub phase: Phase,
    /// When the pid last changed.
    pub changed: Boottime,
    /// Whether it was stopped by `svc -p`.
    pub paused: bool,
    /// Whether the operator has sent this life a signal.
    pub asked: bool,
    /// Whether supervision is to end once it is down.
    pub leaving: bool,
    /// Whether its main process is one that `./run` left in the background.
    pub background: bool,
    /// Whether its last life may have left processes that are to be ended.
    pub left_behind: bool,
    /// Whether it was given up.
    pub given_up: bool,
    /// When this life said that it was ready.
    pub ready: Option<Monotonic>,
    /// How many quick deaths came one after another.
    pub quick_deaths: u32,
    /// When the first of them was.
    pub first_quick: Option<Monotonic>,
    /// How the last life ended.
    pub last: Option<End>,
    /// Whether the operator knows that the pauses have grown.
    pub told_backing_off: bool,
}

/// A process that was found alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Who it is.
    pub pid: Pid,
    /// When it was started.
    pub since: Monotonic,
    /// The same, as a person counts it.
    pub changed: Boottime,
}

impl Memory {
    /// All that can be known of a service that was not ours.
    #[must_use]
    pub fn of_a_stranger(want: Wish, paused: bool, found: Found) -> Self {
        Self {
            want,
            phase: Phase::Up { pid: found.pid, since: found.since },
            changed: found.changed,
            paused,
            asked: false,
            leaving: false,
            background: false,
            left_behind: false,
            given_up: false,
            ready: None,
            quick_deaths: 0,
            first_quick: None,
            last: None,
            told_backing_off: false,
        }
    }
}

impl Service {
    /// What is worth knowing of it.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let mut pacing = self.pacing.clone();
        // Of a life that is not buried yet the pause is known already.
        let mut unburied = |Death { since, at, how, .. }: Death| {
            let not_before = pace(&mut pacing, since, at, how, self.asked);
            (Phase::Down { not_before }, Some((at, how)))
        };
        let (phase, death) = match self.state {
            State::Down { not_before } => (Phase::Down { not_before }, None),
            State::Starting => (Phase::Starting, None),
            State::Up { pid, since } => (Phase::Up { pid, since }, None),
            State::Finishing { of, .. } => unburied(of),
            State::Clearing(it) => match it.then() {
                Then::Bury(death) => unburied(death),
                Then::Rest { not_before } => (Phase::Down { not_before }, None),
            },
        };
        let is_over = matches!(self.state, State::Clearing(_) | State::Finishing { .. });
        let first = death.filter(|_| pacing.quick_deaths() == 1).map(|(at, _)| at);
        Memory {
            want: self.want,
            phase,
            changed: self.changed,
            paused: self.paused,
            asked: self.asked,
            leaving: self.leaving,
            background: self.background.is_some(),
            left_behind: self.left_behind || is_over,
            given_up: self.given_up,
            ready: self.ready,
            quick_deaths: pacing.quick_deaths(),
            first_quick: first.or(self.deaths.first_quick),
            last: death.map(|(_, how)| how).or(self.deaths.last),
            told_backing_off: self.told_backing_off,
        }
    }

    /// A service that goes on where another supervisor was killed. `found` is the process of it
    /// that lives; without one it is down, however it ended, and starts when it might have started.
    #[must_use]
    pub fn resume(
        now: Now,
        memory: Memory,
        found: Option<Found>,
        settings: Settings,
        seed: u64,
    ) -> Self {
        let mut service = Self::new(now, memory.want, seed);
        service.pacing = Pacing::after(memory.quick_deaths, seed);
        service.set_settings(settings);
        service.told_backing_off = memory.told_backing_off && service.pacing.is_backing_off();
        service.deaths.first_quick = memory.first_quick.map(|first| first.min(now.monotonic));
        service.deaths.last = memory.last;
        service.never_started = false;
        match found {
            Some(found) => service.resume_up(now, memory, found),
            None => service.resume_down(now, memory),
        }
        service
    }

    fn resume_up(&mut self, now: Now, memory: Memory, found: Found) {
        self.state = State::Up { pid: found.pid, since: found.since.min(now.monotonic) };
        self.changed = found.changed.min(now.boottime);
        (self.paused, self.asked, self.leaving) = (memory.paused, memory.asked, memory.leaving);
        if memory.background {
            self.told_background = true;
            self.background = Some(Background { ran: Duration::ZERO, tell: None });
        }
        self.ready = memory.ready.map(|ready| ready.min(now.monotonic));
        self.ask_again(now.monotonic);
    }

    /// Has a process that was to end before it was adopted told so again, and gives it its time
    /// anew: the wish is written down before the signal is sent, and the sender may have been
    /// killed between the two.
    fn ask_again(&mut self, now: Monotonic) {
        if self.want == Wish::Down {
            self.asked = true;
            self.ending.term = Some(now);
            self.ending.kill = self.settings.timeout_kill.map(|timeout| now + timeout);
        }
    }

    /// Nobody saw how long the last life was: the pause is that of the count as it stands, from the
    /// time of its start on. A leave that was waiting for the end has come with the end.
    fn resume_down(&mut self, now: Now, memory: Memory) {
        let not_before = match memory.phase {
            Phase::Down { not_before } => {
                self.changed = memory.changed.min(now.boottime);
                (self.left_behind, self.given_up) = (memory.left_behind, memory.given_up);
                not_before
            }
            Phase::Up { since, .. } => {
                (self.left_behind, self.deaths.last) = (true, Some(End::Unknown));
                since + self.pacing.pause()
            }
            Phase::Starting => {
                self.left_behind = true;
                now.monotonic + self.pacing.pause()
            }
        };
        let latest = now.monotonic + self.pacing.longest_pause();
        self.state = State::Down { not_before: not_before.min(latest) };
    }
}

#[cfg(test)]
mod tests;
