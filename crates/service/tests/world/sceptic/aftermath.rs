//! What is owed between the end of a main process and the next start.

use std::time::Duration;

use contract::status::Wish;
use service::Monotonic;
use service::words::{End, Fault, Pid, Policy, Report, Signal, Survivors};

use super::{Background, Due, Fact, Ledger, Owed, Sight, earlier};

/// Stragglers have so long before they are killed.
const GRACE: Duration = Duration::from_secs(5);
/// And so long again before it is told that they do not end of that.
const PATIENCE: Duration = Duration::from_secs(5);
/// They are counted again after this, and then twice as late each time.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// Which process stays of those that put themselves in the background is known after this.
const SETTLES: Duration = Duration::from_millis(250);
/// A `./finish` has at least so long when everything ends.
const LEAST_FINISH: Duration = Duration::from_secs(5);

/// The end of a main process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    pid: Pid,
    born: Monotonic,
    at: Monotonic,
    how: End,
}

/// Who is left is counted or ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clearing {
    /// Whose survivors they are; `None`: of a life that is buried.
    of: Option<Death>,
    /// The count was asked for and is not answered.
    pub(crate) asked: bool,
    /// What was answered last.
    pub(super) count: u32,
    pub(super) look_at: Option<Monotonic>,
    pause: Duration,
    /// `None`: they were not yet asked to end.
    kill_at: Option<Monotonic>,
    told: bool,
}

impl Clearing {
    pub(super) fn new(of: Option<Death>) -> Self {
        let (asked, count, look_at) = (false, 0, None);
        Self { of, asked, count, look_at, pause: FIRST_LOOK, kill_at: None, told: false }
    }
}

impl Ledger {
    pub(super) fn main_ended(&mut self, pid: Pid, born: Monotonic, how: End, owed: &mut Owed) {
        self.since = self.now.boottime;
        (self.paused, self.term_owed) = (false, false);
        (self.ask_at, self.kill_at) = (None, None);
        if let End::NotStarted(fault) = how {
            return self.cannot_start(born, fault, owed);
        }
        let death = Death { pid, born, at: self.now.monotonic, how };
        if self.settings.policy == Policy::Leave {
            self.unclean = true;
            self.ask_for_finish(death, owed);
        } else {
            self.fact = Fact::Clearing(Clearing::new(Some(death)));
            owed.count = Due::Must;
        }
    }

    pub(super) fn counted(&mut self, Survivors { count, oldest }: Survivors, owed: &mut Owed) {
        let Fact::Clearing(mut clearing) = self.fact else { return };
        if !std::mem::take(&mut clearing.asked) {
            return; // Nobody asked.
        }
        clearing.count = count;
        self.fact = Fact::Clearing(clearing);
        if count == 0 {
            self.unclean = false;
            self.seen.note_if(clearing.of.is_none(), Sight::FoundNobody);
            return self.nobody_left(clearing.of, owed);
        }
        if clearing.kill_at.is_some() {
            return self.still_there(clearing, owed);
        }
        let succeeded = clearing.of.filter(|death| death.how == End::Exited(0));
        let by_itself = !self.asked && !self.farewell && self.settings.policy == Policy::Adopt;
        match (succeeded, oldest, self.want) {
            (Some(death), Some(oldest), Wish::Up) if by_itself => self.adopted(death, oldest),
            (Some(death), _, Wish::Once) if by_itself => {
                self.seen.note(Sight::Kept);
                self.unclean = true;
                self.ask_for_finish(death, owed);
            }
            _ => self.ask_to_end(clearing, owed),
        }
    }

    fn adopted(&mut self, death: Death, oldest: Pid) {
        let before = self.background.map(|background| background.ran);
        self.seen.note(if before.is_some() { Sight::AdoptedAgain } else { Sight::Adopted });
        let ran = before.unwrap_or(death.at.since(death.born));
        let tell_at = (!self.told_background).then(|| self.now.monotonic + SETTLES);
        self.background = Some(Background { ran, tell_at });
        self.fact = Fact::Up { pid: oldest, born: death.born };
    }

    fn ask_to_end(&mut self, mut clearing: Clearing, owed: &mut Owed) {
        let now = self.now.monotonic;
        owed.sweeps.extend([Signal::Term, Signal::Cont]);
        clearing.kill_at = Some(now + GRACE);
        clearing.look_at = Some(now + clearing.pause);
        self.fact = Fact::Clearing(clearing);
        if let Some(death) = clearing.of.filter(|_| !self.asked) {
            owed.reports.push(Report::Stragglers { count: clearing.count, last: death.how });
        }
        self.seen.note_if(clearing.of.is_none(), Sight::SweptLater);
    }

    fn still_there(&mut self, mut clearing: Clearing, owed: &mut Owed) {
        let now = self.now.monotonic;
        let Some(kill_at) = clearing.kill_at else { return };
        if now >= kill_at {
            owed.sweeps.push(Signal::Kill);
        }
        if now >= kill_at + PATIENCE {
            if !std::mem::replace(&mut clearing.told, true) {
                owed.reports.push(Report::Unending(clearing.count));
            }
            if self.farewell {
                self.unclean = false;
                self.seen.note(Sight::LeftUnending);
                return self.nobody_left(clearing.of, owed);
            }
        }
        clearing.pause = (clearing.pause * 2).min(LONGEST_LOOK);
        let soon = now + clearing.pause;
        clearing.look_at = Some(if now < kill_at { soon.min(kill_at) } else { soon });
        self.fact = Fact::Clearing(clearing);
    }

    pub(super) fn count_again(&mut self) {
        if let Fact::Clearing(Clearing { asked: asked @ true, look_at, .. }) = &mut self.fact {
            *asked = false;
            *look_at = Some(self.now.monotonic + FIRST_LOOK);
            self.seen.note(Sight::Uncounted);
        }
    }

    pub(super) fn count_at_once(&mut self) {
        if let Fact::Clearing(Clearing { look_at: Some(at), .. }) = &mut self.fact {
            *at = self.now.monotonic;
        }
    }

    /// An operator's kill is also for those who are being ended.
    pub(super) fn kill_survivors(&mut self) {
        self.count_at_once();
        let now = self.now.monotonic;
        if let Fact::Clearing(Clearing { kill_at: Some(at), .. }) = &mut self.fact {
            self.seen.note_if(now < *at, Sight::KilledAtOnce);
            *at = now.min(*at);
        }
    }

    pub(super) fn clearing_due(&mut self, owed: &mut Owed) {
        if let Fact::Clearing(Clearing { look_at, .. }) = &mut self.fact
            && look_at.is_some_and(|at| at <= self.now.monotonic)
        {
            *look_at = None;
            owed.count = Due::Must;
        }
    }

    fn nobody_left(&mut self, of: Option<Death>, owed: &mut Owed) {
        match of {
            Some(death) => self.ask_for_finish(death, owed),
            None => self.fact = Fact::Down,
        }
    }

    fn ask_for_finish(&mut self, of: Death, owed: &mut Owed) {
        self.fact = Fact::Finishing { of, pid: None, kill_at: None };
        owed.finish = Some((of.pid, of.how));
    }

    pub(super) fn finish_answered(&mut self, answer: Result<Option<Pid>, Fault>, owed: &mut Owed) {
        let Fact::Finishing { of, pid: None, .. } = self.fact else { return };
        match answer {
            Ok(None) => self.bury(of, owed),
            Err(fault) => {
                owed.reports.push(Report::CannotFinish(fault));
                self.bury(of, owed);
            }
            Ok(pid) => {
                let now = self.now.monotonic;
                let timeout = self.settings.timeout_finish.map(|after| now + after);
                let stop = self.stop_by.map(|by| by.max(now + LEAST_FINISH));
                self.fact = Fact::Finishing { of, pid, kill_at: earlier(timeout, stop) };
                self.seen.note(Sight::FinishRan);
            }
        }
    }

    pub(super) fn finishing_due(&mut self, owed: &mut Owed) {
        if let Fact::Finishing { pid: Some(pid), kill_at, .. } = &mut self.fact
            && kill_at.is_some_and(|at| at <= self.now.monotonic)
        {
            *kill_at = None;
            owed.signals.push((*pid, Signal::Kill));
            owed.reports.push(Report::FinishKilled(*pid));
        }
    }

    pub(super) fn finish_ended(&mut self, of: Death, how: End, owed: &mut Owed) {
        self.unclean = true;
        if how == End::Exited(125) && self.want == Wish::Up && !self.farewell {
            self.give_up();
            owed.reports.push(Report::FinishedForGood);
        }
        if let End::NotStarted(fault) = how {
            owed.reports.push(Report::CannotFinish(fault));
        }
        self.bury(of, owed);
    }

    fn give_up(&mut self) {
        (self.want, self.given_up) = (Wish::Down, true);
    }

    fn bury(&mut self, of: Death, owed: &mut Owed) {
        self.fact = Fact::Down;
        self.told = None;
        self.last = Some(of.how);
        self.told_background &= self.background.take().is_some();
        let asked = std::mem::take(&mut self.asked);
        self.pace(of.born, of.at, of.how, asked);
        self.hold_against_it(of.at, asked, owed);
        let pauses = self.want == Wish::Up && !self.leaving && !self.hurried;
        if pauses && self.backs_off() && !std::mem::replace(&mut self.told_backing_off, true) {
            let (deaths, last) = (self.quick_deaths, of.how);
            owed.reports.push(Report::BackingOff { deaths, last, pause: Duration::ZERO });
        }
    }

    fn hold_against_it(&mut self, at: Monotonic, asked: bool, owed: &mut Owed) {
        let Some(limit) = self.settings.death_limit else { return };
        if asked || self.want != Wish::Up || self.farewell {
            return self.deaths.clear();
        }
        let most = usize::try_from(limit.deaths.max(1)).expect("a small limit");
        self.deaths.push(at);
        // A limit that was lower has forgotten the others.
        let known = self.deaths.len().saturating_sub(most);
        self.deaths.drain(..known);
        if self.deaths.iter().filter(|death| at.since(**death) <= limit.within).count() >= most {
            self.deaths.clear();
            self.give_up();
            owed.reports.push(Report::TooManyDeaths(limit));
        }
    }
}
