//! What follows the end of a main process: who is left is counted and adopted or ended, `./finish`
//! is run, the death is paced, and the service rests until its next start.

use std::collections::VecDeque;
use std::time::Duration;

use contract::status::Wish;

use super::{NOT_ENDING, Service, State, earlier, take_due};
use crate::pacing::Pacing;
use crate::time::{Monotonic, Now};
use crate::words::{
    Action, Actions, DeathLimit, End, Fault, Pid, Policy, Remark, Report, Signal, Survivors,
    TIMEOUT_FINISH,
};

/// How long stragglers may take to end before they are killed.
pub const CLEAR_GRACE: Duration = Duration::from_secs(5);
/// How long after the first kill it is told that they do not even end of that (a process that waits
/// for a dead disk), and that they are left when everything ends.
pub const UNENDING_AFTER: Duration = Duration::from_secs(5);
/// How soon after a signal the survivors are counted again; then each time twice as late, for the
/// end of those that are not our children is not told.
const CHECK_MIN: Duration = Duration::from_millis(20);
/// Up to this.
const CHECK_MAX: Duration = Duration::from_secs(1);
/// A daemon forks more than once: which process stays is known after this.
pub const BACKGROUND_SETTLES: Duration = Duration::from_millis(250);
/// `./finish` exits with it: not to be started again (s6).
pub const FINISHED_FOR_GOOD: u8 = 125;
/// No more deaths are remembered, whatever `max-deaths` says.
pub const DEATHS_MAX: u32 = 1000;

/// The end of a main process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) pid: Pid,
    /// When its life began.
    pub(super) since: Monotonic,
    pub(super) at: Monotonic,
    pub(super) how: End,
}

/// A service that put itself in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Background {
    /// How long `./run` ran.
    pub(super) ran: Duration,
    /// When the operator is to be told; `None`: he knows.
    pub(super) tell: Option<Monotonic>,
}

/// What comes when nobody is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// `./finish`, and what follows a death.
    Bury(Death),
    /// What is wanted: the next start, which was only waiting for this, or nothing.
    Rest { not_before: Monotonic },
}

/// Counting and ending those who are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clearing {
    then: Then,
    count: u32,
    /// When to count again; `None`: an answer is awaited.
    check: Option<Monotonic>,
    interval: Duration,
    /// From when on they are killed; `None`: they were not yet asked to end.
    kill: Option<Monotonic>,
    /// Whether the operator knows that they do not end.
    told_unending: bool,
}

impl Clearing {
    pub(super) fn deadline(&self) -> Option<Monotonic> {
        self.check
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn then(&self) -> Then {
        self.then
    }
}

/// Counts a life, which began with `./run` even where that has put itself in the background; gives
/// the instant from which on the next may begin.
pub(super) fn pace(
    pacing: &mut Pacing,
    since: Monotonic,
    at: Monotonic,
    how: End,
    asked: bool,
) -> Monotonic {
    since + if asked { pacing.forgive() } else { pacing.ended(at.since(since), how) }
}

/// The deaths that are held against a service.
#[derive(Debug, Clone, Default)]
pub(super) struct Deaths {
    pub(super) last: Option<End>,
    /// When the first of the last row of quick ones was.
    pub(super) first_quick: Option<Monotonic>,
    /// When the last ones were, as many as its limit counts.
    recent: VecDeque<Monotonic>,
}

impl Deaths {
    /// Notes a death, and says whether it was one too many.
    fn is_one_too_many(&mut self, at: Monotonic, limit: DeathLimit) -> bool {
        let most = limit.deaths.clamp(1, DEATHS_MAX);
        self.recent.push_back(at);
        while self.recent.len() > usize::try_from(most).unwrap_or(usize::MAX) {
            self.recent.pop_front();
        }
        let full = self.recent.len() == usize::try_from(most).unwrap_or(usize::MAX);
        full && self.recent.front().is_some_and(|first| at.since(*first) <= limit.within)
    }
}

impl Service {
    /// The main process has ended.
    pub(super) fn ended(&mut self, now: Now, death: Death, actions: &mut Actions) {
        self.changed = now.boottime;
        (self.paused, self.ending) = (false, NOT_ENDING);
        match death.how {
            End::NotStarted(fault) => self.cannot_start(now, death.since, fault, actions),
            End::Exited(_) | End::Signalled(_) | End::Unknown
                if self.settings.policy == Policy::Leave =>
            {
                self.left_behind = true;
                self.cleared(Then::Bury(death), actions);
            }
            End::Exited(_) | End::Signalled(_) | End::Unknown => {
                self.clear(Then::Bury(death), actions);
            }
        }
    }

    /// Asks who is left.
    pub(super) fn clear(&mut self, then: Then, actions: &mut Actions) {
        self.state = State::Clearing(Clearing {
            then,
            count: 0,
            check: None,
            interval: CHECK_MIN,
            kill: None,
            told_unending: false,
        });
        actions.push(Action::CountSurvivors);
    }

    /// So many are left.
    pub(super) fn counted(&mut self, now: Now, survivors: Survivors, actions: &mut Actions) {
        let State::Clearing(mut clearing @ Clearing { check: None, .. }) = self.state else {
            return;
        };
        clearing.count = survivors.count;
        if survivors.count == 0 {
            self.left_behind = false;
            return self.cleared(clearing.then, actions);
        }
        if clearing.kill.is_some() {
            return self.still_there(now.monotonic, clearing, actions);
        }
        match (clearing.then, survivors.oldest) {
            (Then::Bury(death), Some(oldest)) if self.is_background(death) => {
                self.adopt(now, death, oldest);
            }
            (then, _) if self.has_run_once(then) => {
                self.left_behind = true;
                self.cleared(then, actions);
            }
            (then, _) => {
                // Whoever ends a service himself knows what he does.
                if let Then::Bury(Death { how: last, .. }) = then
                    && !self.asked
                {
                    let count = survivors.count;
                    actions.push(Action::Report(Report::Stragglers { count, last }));
                }
                self.begin_clearing(now.monotonic, clearing, actions);
            }
        }
    }

    /// Nothing is decided before everybody is known.
    pub(super) fn uncounted(&mut self, now: Monotonic) {
        if let State::Clearing(Clearing { check: check @ None, .. }) = &mut self.state {
            *check = Some(now + CHECK_MIN);
        }
    }

    /// Whether the survivors are the service itself. Not when the operator was ending it.
    fn is_background(&self, death: Death) -> bool {
        death.how == End::Exited(0)
            && !self.was_asked_to_end()
            && self.want == Wish::Up
            && self.settings.policy == Policy::Adopt
    }

    /// By the operator, or because everything ends.
    fn was_asked_to_end(&self) -> bool {
        self.asked || self.stop_by.is_some()
    }

    /// Whether it was to run once and has done its work: who it left may be the purpose of it, and
    /// is ended before the next life only.
    fn has_run_once(&self, then: Then) -> bool {
        let success = matches!(then, Then::Bury(Death { how: End::Exited(0), .. }));
        let may_stay = self.settings.policy == Policy::Adopt && !self.was_asked_to_end();
        success && may_stay && self.want == Wish::Once
    }

    /// It has put itself in the background: the survivor is the service.
    fn adopt(&mut self, now: Now, death: Death, oldest: Pid) {
        let ran = self.background.map_or(death.at.since(death.since), |before| before.ran);
        let tell = (!self.told_background).then(|| now.monotonic + BACKGROUND_SETTLES);
        self.background = Some(Background { ran, tell });
        self.state = State::Up { pid: oldest, since: death.since };
    }

    pub(super) fn tell_background(&mut self, now: Monotonic, pid: Pid, actions: &mut Actions) {
        let Some(background) = &mut self.background else { return };
        if take_due(&mut background.tell, now) {
            self.told_background = true;
            actions.push(Action::Report(Report::Background { pid, ran: background.ran }));
        }
    }

    fn begin_clearing(&mut self, now: Monotonic, clearing: Clearing, actions: &mut Actions) {
        actions.push(Action::Sweep(Signal::Term));
        actions.push(Action::Sweep(Signal::Cont));
        let (kill, check) = (Some(now + CLEAR_GRACE), Some(now + clearing.interval));
        self.state = State::Clearing(Clearing { check, kill, ..clearing });
    }

    /// They were signalled, and some are still there.
    fn still_there(&mut self, now: Monotonic, mut clearing: Clearing, actions: &mut Actions) {
        let Some(kill) = clearing.kill else { return };
        if now >= kill {
            // Each time, for there may be new ones.
            actions.push(Action::Sweep(Signal::Kill));
        }
        if now >= kill + UNENDING_AFTER {
            if !std::mem::replace(&mut clearing.told_unending, true) {
                actions.push(Action::Report(Report::Unending(clearing.count)));
            }
            if self.stop_by.is_some() {
                self.left_behind = false;
                return self.cleared(clearing.then, actions);
            }
        }
        clearing.interval = clearing.interval.saturating_mul(2).min(CHECK_MAX);
        let mut check = now + clearing.interval;
        if now < kill {
            check = check.min(kill);
        }
        self.state = State::Clearing(Clearing { check: Some(check), ..clearing });
    }

    pub(super) fn drive_clearing(&mut self, now: Monotonic, actions: &mut Actions) {
        if let State::Clearing(clearing) = &mut self.state
            && take_due(&mut clearing.check, now)
        {
            actions.push(Action::CountSurvivors);
        }
    }

    /// One of them may have been the last.
    pub(super) fn count_now(&mut self, now: Monotonic) {
        if let State::Clearing(Clearing { check: Some(check), .. }) = &mut self.state {
            *check = now;
        }
    }

    /// An operator does not wait for the grace, nor for a `./finish` that hangs.
    pub(super) fn kill_now(&mut self, now: Monotonic, actions: &mut Actions) {
        if let State::Finishing { pid: Some(pid), .. } = self.state {
            actions.push(Action::Send(pid, Signal::Kill));
        }
        self.count_now(now);
        if let State::Clearing(Clearing { kill: Some(kill), .. }) = &mut self.state {
            *kill = (*kill).min(now);
        }
    }

    /// Nobody is left who is not to be left.
    fn cleared(&mut self, then: Then, actions: &mut Actions) {
        match then {
            Then::Bury(death) => {
                self.state = State::Finishing { of: death, pid: None, kill: None };
                actions.push(Action::Finish(death.pid, death.how));
            }
            Then::Rest { not_before } => self.state = State::Down { not_before },
        }
    }

    pub(super) fn finishing(
        &mut self,
        now: Now,
        answer: Result<Option<Pid>, Fault>,
        actions: &mut Actions,
    ) {
        let State::Finishing { of, pid: None, .. } = self.state else { return };
        match answer {
            Ok(Some(pid)) => {
                let now = now.monotonic;
                let timeout = self.settings.timeout_finish.map(|timeout| now + timeout);
                let stop_by = self.stop_by.map(|by| by.max(now + TIMEOUT_FINISH));
                let kill = earlier(timeout, stop_by);
                self.state = State::Finishing { of, pid: Some(pid), kill };
            }
            Ok(None) => self.bury(now, of, actions),
            Err(fault) => {
                actions.push(Action::Report(Report::CannotFinish(fault)));
                self.bury(now, of, actions);
            }
        }
    }

    pub(super) fn drive_finish(&mut self, now: Monotonic, pid: Pid, actions: &mut Actions) {
        if let State::Finishing { kill, .. } = &mut self.state
            && take_due(kill, now)
        {
            actions.push(Action::Report(Report::FinishKilled(pid)));
            actions.push(Action::Send(pid, Signal::Kill));
        }
    }

    /// `./finish` has ended. It is part of the life: what it leaves is ended before the next.
    pub(super) fn finished(&mut self, now: Now, of: Death, how: End, actions: &mut Actions) {
        if how == End::Exited(FINISHED_FOR_GOOD) && self.may_give_up() {
            self.give_up();
            actions.push(Action::Report(Report::FinishedForGood));
        }
        if let End::NotStarted(fault) = how {
            actions.push(Action::Report(Report::CannotFinish(fault)));
        }
        self.left_behind = true;
        self.bury(now, of, actions);
    }

    /// Not of what is down, nor at the end of everything: nothing is started any more, whatever the
    /// operator says, and the next supervisor begins with what he said before.
    fn may_give_up(&self) -> bool {
        self.want == Wish::Up && self.stop_by.is_none()
    }

    fn give_up(&mut self) {
        (self.want, self.given_up) = (Wish::Down, true);
    }

    /// The life is over: its length decides when the next may begin.
    fn bury(&mut self, now: Now, death: Death, actions: &mut Actions) {
        if self.background.take().is_none() {
            self.told_background = false;
        }
        let asked = std::mem::take(&mut self.asked);
        let not_before = self.rest(death.since, death.at, death.how, asked);
        self.told = None;
        self.deaths.last = Some(death.how);
        self.hold_against_it(death.at, asked, actions);
        if self.is_news_that_it_backs_off() {
            self.told_backing_off = true;
            let deaths = self.pacing.quick_deaths();
            let pause = not_before.since(now.monotonic);
            actions.push(Action::Report(Report::BackingOff { deaths, last: death.how, pause }));
        }
    }

    /// It was not even `./run`.
    pub(super) fn cannot_start(
        &mut self,
        now: Now,
        since: Monotonic,
        fault: Fault,
        actions: &mut Actions,
    ) {
        let asked = std::mem::take(&mut self.asked);
        self.delayed = None;
        self.rest(since, now.monotonic, End::NotStarted(fault), asked);
        if self.told != Some(fault) {
            self.told = Some(fault);
            actions.push(Action::Report(Report::CannotStart(fault)));
        }
    }

    /// Down from now on; gives the instant from which on it may start again.
    fn rest(&mut self, since: Monotonic, at: Monotonic, how: End, asked: bool) -> Monotonic {
        let not_before = pace(&mut self.pacing, since, at, how, asked);
        self.told_backing_off &= self.pacing.is_backing_off();
        if self.pacing.quick_deaths() == 1 {
            self.deaths.first_quick = Some(at);
        }
        self.state = State::Down { not_before };
        not_before
    }

    /// A death that nobody asked for counts towards its limit.
    fn hold_against_it(&mut self, at: Monotonic, asked: bool, actions: &mut Actions) {
        let Some(limit) = self.settings.death_limit else { return };
        if asked || !self.may_give_up() {
            return self.deaths.recent.clear();
        }
        if self.deaths.is_one_too_many(at, limit) {
            self.deaths.recent.clear();
            self.give_up();
            actions.push(Action::Report(Report::TooManyDeaths(limit)));
        }
    }

    /// Where no start follows, or one at once, there is no pause to tell of, and a fault is told in
    /// its own words.
    fn is_news_that_it_backs_off(&self) -> bool {
        let pauses = self.want == Wish::Up && !self.leaving && !self.at_once;
        self.pacing.is_backing_off() && pauses && !self.told_backing_off
    }

    /// What is to be said of it between two lives.
    pub(super) fn backing_off(&self, until: Monotonic) -> Remark {
        match (self.deaths.first_quick, self.deaths.last) {
            (Some(since), Some(last)) if self.pacing.is_backing_off() => {
                let deaths = self.pacing.quick_deaths();
                Remark::BackingOff { until, deaths, since, last }
            }
            (_, _) => Remark::None,
        }
    }
}
