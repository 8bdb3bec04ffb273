//! What is worth knowing of a service when its supervisor has been killed, and the life that goes
//! on from there.
//!
//! The shell writes [`Service::memory`] down after each step, before it does what the step asks
//! for. The next supervisor finds out which process still lives, and resumes. What is not kept: the
//! deadlines of a stop (the grace begins anew), the deaths that `max-deaths` counts, and what the
//! operator was told of a fault (it is told again). A life that was being cleared or finished is
//! over; who is left of it is ended before the next.

use std::time::Duration;

use contract::status::Wish;

use super::aftermath::Background;
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
        let (phase, clearing) = match self.state {
            State::Down { not_before } => (Phase::Down { not_before }, false),
            State::Starting => (Phase::Starting, false),
            State::Up { pid, since } => (Phase::Up { pid, since }, false),
            State::Clearing(it) => (Phase::Down { not_before: it.not_before() }, true),
            State::Finishing { of, .. } => (Phase::Down { not_before: of.not_before() }, true),
        };
        Memory {
            want: self.want,
            phase,
            changed: self.changed,
            paused: self.paused,
            asked: self.asked,
            leaving: self.leaving,
            background: self.background.is_some(),
            left_behind: self.left_behind || clearing,
            given_up: self.given_up,
            ready: self.ready,
            quick_deaths: self.pacing.quick_deaths(),
            first_quick: self.deaths.first_quick,
            last: self.deaths.last,
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
mod tests {
    use super::*;
    use crate::words::{Action, Event, Remark, Report, Survivors};
    use crate::{Fault, Signal};
    use contract::Letter;
    use proptest::prelude::*;

    const SEED: u64 = 7;

    fn at(millis: u64) -> Now {
        let time = Duration::from_millis(millis);
        Now { monotonic: Monotonic(time), boottime: Boottime(time + Duration::from_secs(500)) }
    }

    /// What it asks for, where nobody is left of it and there is no `./finish`.
    fn actions(service: &mut Service, millis: u64, event: Event) -> Vec<Action> {
        let (mut next, mut asked) = (Some(event), Vec::new());
        while let Some(event) = next.take() {
            for action in service.step(at(millis), event) {
                match action {
                    Action::CountSurvivors => {
                        next = Some(Event::Survivors(Survivors::default()));
                    }
                    Action::Finish(..) => next = Some(Event::Finishing(Ok(None))),
                    action @ (Action::Start
                    | Action::Send(..)
                    | Action::AskDrained
                    | Action::Sweep(_)
                    | Action::Report(_)
                    | Action::Leave) => asked.push(action),
                }
            }
        }
        asked
    }

    fn up(millis: u64, pid: u32) -> Service {
        let mut service = Service::new(at(millis), Wish::Up, SEED);
        assert_eq!(actions(&mut service, millis, Event::Tick), [Action::Start]);
        assert_eq!(actions(&mut service, millis, Event::Started(Ok(Pid(pid)))), []);
        service
    }

    fn found(service: &Service) -> Option<Found> {
        match service.memory().phase {
            Phase::Up { pid, since } => {
                Some(Found { pid, since, changed: service.memory().changed })
            }
            Phase::Down { .. } | Phase::Starting => None,
        }
    }

    /// The first millisecond after an instant.
    fn after_it(at: Monotonic) -> u64 {
        u64::try_from(at.0.as_millis()).unwrap() + 1
    }

    fn resumed(service: &Service, millis: u64) -> Service {
        let (memory, found) = (service.memory(), found(service));
        Service::resume(at(millis), memory, found, Settings::default(), SEED)
    }

    /// Its supervisor is back, and it is gone. Nobody was left.
    fn ended_meanwhile(millis: u64, memory: Memory) -> Service {
        Service::resume(at(millis), memory, None, Settings::default(), SEED)
    }

    #[test]
    fn a_service_that_runs_goes_on_as_it_was() {
        let mut before = up(1000, 42);
        actions(&mut before, 1100, Event::Letter(Letter::Pause));
        let mut after = resumed(&before, 9000);
        assert_eq!((after.view(), after.memory()), (before.view(), before.memory()));
        assert_eq!(actions(&mut after, 9000, Event::Tick), [], "no second life");
        let sent = actions(&mut after, 9001, Event::Letter(Letter::Down));
        let pid = Pid(42);
        assert_eq!(sent, [Action::Send(pid, Signal::Term), Action::Send(pid, Signal::Cont)]);
    }

    #[test]
    fn a_wish_outlives_the_supervisor_whether_up_or_down() {
        let mut service = up(1000, 42);
        actions(&mut service, 1100, Event::Letter(Letter::Down));
        let mut after = resumed(&service, 2000);
        assert_eq!(after.view().want, Wish::Down);
        actions(&mut after, 2100, Event::Ended(Pid(42), End::Unknown));
        assert_eq!(after.deadline(), None);
        let mut later = resumed(&after, 3000);
        assert_eq!(actions(&mut later, 3000, Event::Tick), []);
        assert_eq!(later.view(), after.view());
    }

    #[test]
    fn what_ended_meanwhile_is_started_again_a_second_after_its_start() {
        let service = up(1000, 42);
        let mut after = ended_meanwhile(1200, service.memory());
        assert_eq!(after.pid(), None);
        assert_eq!(after.deadline(), Some(Monotonic(Duration::from_secs(2))));
        assert_eq!(actions(&mut after, 2000, Event::Tick), [Action::Start]);
        let mut late = ended_meanwhile(9000, service.memory());
        assert_eq!(actions(&mut late, 9000, Event::Tick), [Action::Start]);
    }

    #[test]
    fn a_service_that_backs_off_does_not_begin_anew() {
        let mut service = Service::new(at(0), Wish::Up, SEED);
        let mut now = 0;
        for _ in 0..8 {
            now = now.max(service.deadline().map_or(0, after_it));
            assert_eq!(actions(&mut service, now, Event::Tick), [Action::Start]);
            actions(&mut service, now, Event::Started(Ok(Pid(42))));
            actions(&mut service, now, Event::Ended(Pid(42), End::Exited(1)));
        }
        let mut after = resumed(&service, now + 1);
        assert_eq!(after.deadline(), service.deadline());
        now = after.deadline().map_or(0, after_it);
        assert_eq!(actions(&mut after, now, Event::Tick), [Action::Start]);
        actions(&mut after, now, Event::Started(Ok(Pid(43))));
        let told = actions(&mut after, now, Event::Ended(Pid(43), End::Exited(1)));
        assert_eq!(told, [], "it was told before");
        assert_eq!(after.memory().quick_deaths, 9);
        let killed = up(now, 44).memory();
        let killed = Memory { quick_deaths: 9, ..killed };
        let ended = ended_meanwhile(now + 1, killed);
        assert!(ended.deadline().unwrap() >= at(now + 16_000).monotonic);
    }

    #[test]
    fn a_start_that_never_came_is_made_after_the_pause() {
        let mut service = Service::new(at(0), Wish::Up, SEED);
        assert_eq!(actions(&mut service, 0, Event::Tick), [Action::Start]);
        let mut after = resumed(&service, 500);
        assert_eq!(actions(&mut after, 501, Event::Tick), []);
        assert_eq!(actions(&mut after, 1500, Event::Tick), [Action::Start]);
    }

    #[test]
    fn once_is_once_even_if_nobody_saw_its_end() {
        let mut service = Service::new(at(0), Wish::Down, SEED);
        actions(&mut service, 0, Event::Letter(Letter::Once));
        actions(&mut service, 0, Event::Started(Ok(Pid(42))));
        let mut after = ended_meanwhile(5000, service.memory());
        assert_eq!(actions(&mut after, 60_000, Event::Tick), []);
    }

    #[test]
    fn a_leave_that_waited_for_the_end_is_kept_while_it_runs_and_over_with_it() {
        let mut service = up(1000, 42);
        actions(&mut service, 1100, Event::Letter(Letter::Exit));
        let mut runs = resumed(&service, 2000);
        let left = actions(&mut runs, 2100, Event::Ended(Pid(42), End::Unknown));
        assert_eq!(left, [Action::Leave]);
        let mut ended = ended_meanwhile(3000, service.memory());
        assert_eq!(actions(&mut ended, 3000, Event::Tick), [Action::Start]);
    }

    #[test]
    fn what_was_told_to_end_is_told_again_and_killed_a_grace_after_it_was_adopted() {
        let mut service = up(1000, 42);
        actions(&mut service, 1100, Event::Letter(Letter::Down));
        let timeout_kill = Some(Duration::from_secs(3));
        let settings = Settings { timeout_kill, ..Settings::default() };
        let found = found(&service);
        let mut after = Service::resume(at(2000), service.memory(), found, settings, SEED);
        let pid = Pid(42);
        let asked = actions(&mut after, 2000, Event::Tick);
        assert_eq!(asked, [Action::Send(pid, Signal::Term), Action::Send(pid, Signal::Cont)]);
        assert_eq!(after.deadline(), Some(at(5000).monotonic));
        let killed = actions(&mut after, 5000, Event::Tick);
        assert_eq!(killed, [Action::Report(Report::Killed(pid)), Action::Send(pid, Signal::Kill)]);
        let wanted = up(1000, 42).memory();
        let wanted = Service::resume(at(2000), wanted, found, settings, SEED);
        assert_eq!(wanted.deadline(), None);
    }

    #[test]
    fn who_is_left_of_a_life_that_nobody_saw_the_end_of_is_ended_before_the_next() {
        let mut stragglers = Service::new(at(0), Wish::Up, SEED);
        actions(&mut stragglers, 0, Event::Tick);
        actions(&mut stragglers, 0, Event::Started(Ok(Pid(42))));
        let up = stragglers.memory();
        stragglers.step(at(5000), Event::Ended(Pid(42), End::Signalled(9)));
        let clearing = stragglers.memory();
        assert_eq!(clearing.phase, Phase::Down { not_before: Monotonic(Duration::from_secs(1)) });
        for memory in [up, clearing] {
            let mut after = ended_meanwhile(6000, memory);
            let asked: Vec<_> = after.step(at(6000), Event::Tick).into_iter().collect();
            assert_eq!(asked, [Action::CountSurvivors]);
            let left = Survivors { count: 1, oldest: Some(Pid(43)) };
            let asked: Vec<_> = after.step(at(6000), Event::Survivors(left)).into_iter().collect();
            assert_eq!(asked, [Action::Sweep(Signal::Term), Action::Sweep(Signal::Cont)]);
        }
    }

    #[test]
    fn a_service_in_the_background_stays_there_and_is_not_told_of_again() {
        let mut service = Service::new(at(0), Wish::Up, SEED);
        actions(&mut service, 0, Event::Tick);
        actions(&mut service, 0, Event::Started(Ok(Pid(42))));
        service.step(at(100), Event::Ended(Pid(42), End::Exited(0)));
        let left = Survivors { count: 1, oldest: Some(Pid(43)) };
        service.step(at(100), Event::Survivors(left));
        let mut after = resumed(&service, 200);
        assert_eq!((after.pid(), after.remark()), (Some(Pid(43)), Remark::Background));
        assert_eq!(actions(&mut after, 9000, Event::Tick), []);
    }

    #[test]
    fn what_was_given_up_stays_so() {
        let mut service = up(1000, 42);
        service.step(at(9000), Event::Ended(Pid(42), End::Exited(1)));
        service.step(at(9000), Event::Survivors(Survivors::default()));
        service.step(at(9000), Event::Finishing(Ok(Some(Pid(43)))));
        actions(&mut service, 9000, Event::Ended(Pid(43), End::Exited(125)));
        assert_eq!(service.remark(), Remark::GivenUp);
        let mut after = resumed(&service, 99_000);
        assert_eq!(after.remark(), Remark::GivenUp);
        assert_eq!(actions(&mut after, 99_000, Event::Tick), []);
    }

    #[test]
    fn a_failed_start_keeps_its_pause_and_is_told_again() {
        let fault = Fault { step: crate::words::Step::Exec, errno: 2 };
        let mut service = Service::new(at(0), Wish::Up, SEED);
        actions(&mut service, 0, Event::Tick);
        let told = actions(&mut service, 0, Event::Started(Err(fault)));
        let mut after = resumed(&service, 500);
        assert_eq!(after.deadline(), service.deadline());
        actions(&mut after, 1000, Event::Tick);
        assert_eq!(actions(&mut after, 1000, Event::Started(Err(fault))), told);
    }

    proptest! {
        /// Whatever the file said: a start comes within the longest pause, and no instant lies in
        /// the future of the one who reads it.
        #[test]
        fn a_damaged_memory_keeps_no_service_down(
            millis: u64, deaths: u32, changed: u64, lives: bool, since: u64,
        ) {
            let now = at(1_000_000);
            let (paced, changed) = (Duration::from_millis(millis), Duration::from_millis(changed));
            let since = Monotonic(Duration::from_millis(since));
            let found = Found { pid: Pid(1), since, changed: Boottime(changed) };
            let memory = Memory {
                phase: Phase::Down { not_before: Monotonic(paced) },
                quick_deaths: deaths,
                told_backing_off: true,
                first_quick: Some(since),
                ..Memory::of_a_stranger(Wish::Up, true, found)
            };
            let found = lives.then_some(found);
            let settings = Settings::default();
            let service = Service::resume(now, memory, found, settings, SEED);
            let latest = now.monotonic + crate::pacing::SPACING_MAX * 2;
            prop_assert!(service.deadline().is_none_or(|at| at <= latest));
            prop_assert_eq!(service.deadline().is_none(), lives);
            prop_assert!(service.view().since <= now.boottime);
        }
    }
}
