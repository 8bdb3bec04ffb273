//! What is owed while the main process lives, and before it does.

use std::time::Duration;

use contract::{Letter, status::Wish};
use service::Monotonic;
use service::guard::Scarcity;
use service::words::{End, Farewell, Fault, Pid, Policy, Report, Signal};

use super::{Due, Fact, Ledger, Owed, Sight, earlier};

/// No two starts are closer, but for an operator's wish (daemontools).
const FLOOR: Duration = Duration::from_secs(1);
/// So many starts may be asked for at once.
const LETTERS: u32 = 10;
const FREE_DEATHS: u32 = 5;
const DRAIN_CHECK: Duration = Duration::from_millis(50);

impl Ledger {
    pub(super) fn hear(&mut self, letter: Letter, owed: &mut Owed) {
        let now = self.now.monotonic;
        let main = self.main().map(|main| main.pid);
        let is_up = main.is_some();
        self.asked |= is_up && b"dhaitk".contains(&letter.byte());
        let mut signal = |signal| owed.signals.extend(main.map(|pid| (pid, signal)));
        match letter {
            Letter::Up => self.wish(Wish::Up),
            Letter::Once => self.wish(Wish::Once),
            Letter::Down => {
                (self.want, self.paused, self.given_up) = (Wish::Down, false, false);
                signal(Signal::Term);
                signal(Signal::Cont);
                if is_up {
                    let kill_at = self.settings.timeout_kill.map(|after| now + after);
                    self.kill_at = earlier(self.kill_at, kill_at);
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
            Letter::Kill => {
                signal(Signal::Kill);
                let finish = self.finish().map(|finish| finish.pid);
                owed.signals.extend(finish.map(|pid| (pid, Signal::Kill)));
                self.kill_survivors();
            }
        }
    }

    /// Who says up or once does not wait for the pauses.
    fn wish(&mut self, want: Wish) {
        (self.want, self.given_up) = (want, false);
        self.hurried = match self.fact {
            Fact::Down | Fact::Clearing(_) | Fact::Finishing { .. } => true,
            Fact::Asked | Fact::Up { .. } => false,
        };
    }

    pub(super) fn born(&mut self, pid: Pid, owed: &mut Owed) {
        let born = self.now.monotonic;
        self.fact = Fact::Up { pid, born };
        self.since = self.now.boottime;
        (self.delayed, self.ready, self.never_started) = (None, None, false);
        // What was said for good while it started has its own times.
        if self.want == Wish::Down && !self.farewell {
            self.asked = true;
            owed.terminate(pid);
            self.kill_at = self.settings.timeout_kill.map(|after| born + after);
        }
    }

    /// It is asked for again then, and nothing is held against it.
    pub(super) fn delayed(&mut self, what: Scarcity, until: Monotonic, owed: &mut Owed) {
        if !matches!(self.fact, Fact::Asked) {
            return; // Nobody asked.
        }
        self.waits_for(what, until, owed);
    }

    fn waits_for(&mut self, what: Scarcity, until: Monotonic, owed: &mut Owed) {
        if self.delayed != Some(what) {
            owed.reports.push(Report::Delayed(what));
        }
        self.delayed = Some(what);
        self.seen.note_if(self.want == Wish::Once, Sight::DelayedOnce);
        self.fact = Fact::Down;
        self.window = (until, until);
    }

    /// It was not even `./run`: a fault is told once.
    pub(super) fn cannot_start(&mut self, born: Monotonic, fault: Fault, owed: &mut Owed) {
        (self.ask_at, self.kill_at, self.term_owed) = (None, None, false);
        let asked = std::mem::take(&mut self.asked);
        self.pace(born, self.now.monotonic, End::NotStarted(fault), asked);
        if self.told != Some(fault) {
            owed.reports.push(Report::CannotStart(fault));
        }
        (self.told, self.delayed) = (Some(fault), None);
        self.fact = Fact::Down;
    }

    /// When the next may start, after one that lived from `born` to `end`.
    pub(super) fn pace(&mut self, born: Monotonic, end: Monotonic, how: End, asked: bool) {
        let ran = end.since(born);
        let pace = self.settings.pace;
        if asked || ran >= pace.stable_run || (ran >= FLOOR && how == End::Exited(0)) {
            self.quick_deaths = 0;
        } else {
            self.quick_deaths += 1;
        }
        self.first_quick = (self.quick_deaths > 0).then_some(self.first_quick.unwrap_or(end));
        self.told_backing_off &= self.backs_off();
        self.window = match self.quick_deaths.checked_sub(FREE_DEATHS) {
            None | Some(0) => (born + FLOOR, born + FLOOR),
            Some(more) => {
                let grown = Duration::from_secs(1 << more.min(10));
                let least = grown.min(pace.spacing_max).max(FLOOR);
                self.seen.note_if(grown > pace.spacing_max, Sight::LongestPause);
                (born + least, born + least * 5 / 4)
            }
        };
    }

    pub(super) fn backs_off(&self) -> bool {
        self.quick_deaths > FREE_DEATHS
    }

    pub(super) fn mended(&mut self) {
        if matches!(self.fact, Fact::Down) && self.told.is_some() {
            let soon = self.now.monotonic + FLOOR;
            self.window = (self.window.0.min(soon), self.window.1.min(soon));
        }
    }

    pub(super) fn stop(&mut self, Farewell { linger, grace }: Farewell) {
        let now = self.now.monotonic;
        self.want = Wish::Down;
        (self.leaving, self.farewell) = (true, true);
        if linger == Duration::ZERO {
            self.term_owed = true;
            let own = self.settings.timeout_kill.map(|after| now + after);
            self.kill_at = earlier(self.kill_at, own);
        } else {
            self.ask_at = Some(now + linger);
        }
        let kill_by = Some(now + linger + grace);
        self.kill_at = earlier(self.kill_at, kill_by);
        self.stop_by = earlier(self.stop_by, kill_by);
        match &mut self.fact {
            Fact::Finishing { pid: Some(_), kill_at, .. } => {
                *kill_at = earlier(*kill_at, kill_by);
                self.seen.note(Sight::StoppedWhileFinishing);
            }
            Fact::Clearing(_) => self.seen.note(Sight::StoppedWhileClearing),
            Fact::Finishing { .. } | Fact::Down | Fact::Asked | Fact::Up { .. } => {}
        }
    }

    pub(super) fn drained(&mut self, drained: bool) {
        self.drain_asked = false;
        if self.main().is_none() || self.kill_at.is_none() {
            return;
        }
        if drained {
            self.term_owed = true;
        } else {
            self.ask_at = Some(self.now.monotonic + DRAIN_CHECK);
        }
    }

    pub(super) fn fall_due(&mut self, owed: &mut Owed) {
        match self.fact {
            Fact::Down => self.down_due(owed),
            Fact::Up { pid, .. } => self.up_due(pid, owed),
            Fact::Clearing(_) => self.clearing_due(owed),
            Fact::Finishing { .. } => self.finishing_due(owed),
            Fact::Asked => {}
        }
    }

    /// Nobody of the last life is left when the next starts, nor where it is to be down.
    fn down_due(&mut self, owed: &mut Owed) {
        let start = self.start_due();
        let is_to_be_down = self.want == Wish::Down || self.farewell;
        if self.left {
        } else if self.unclean && self.settings.policy != Policy::Leave && is_to_be_down {
            owed.count = Due::Must;
        } else if self.unclean && self.settings.policy != Policy::Leave && start != Due::No {
            owed.count = start;
        } else if self.leaving {
            owed.leave = true;
        } else if self.hurried && start == Due::Must && self.asked_until > self.letters_by() {
            let until = Monotonic(self.asked_until.0.saturating_sub((LETTERS - 1) * FLOOR));
            self.hurried = false;
            self.waits_for(Scarcity::Restarts, until, owed);
        } else {
            owed.start = start;
        }
    }

    /// Up to when starts may have been asked for, one a second, that one more can be now.
    fn letters_by(&self) -> Monotonic {
        self.now.monotonic + (LETTERS - 1) * FLOOR
    }

    /// A start was asked for, and is.
    pub(super) fn count_letter(&mut self) {
        self.asked_until = self.asked_until.max(self.now.monotonic) + FLOOR;
    }

    fn start_due(&self) -> Due {
        let now = self.now.monotonic;
        match self.want {
            Wish::Down => Due::No,
            _ if self.leaving => Due::No,
            Wish::Up | Wish::Once if self.hurried => Due::Must,
            Wish::Once if self.delayed.is_none() => Due::No,
            Wish::Up | Wish::Once => match self.window {
                (least, _) if now < least => Due::No,
                (_, most) if now < most => Due::May,
                _ => Due::Must,
            },
        }
    }

    fn up_due(&mut self, pid: Pid, owed: &mut Owed) {
        let now = self.now.monotonic;
        let due = |at: Option<Monotonic>| at.is_some_and(|at| at <= now);
        if due(self.ask_at) {
            self.ask_at = None;
            owed.ask = true;
        }
        if std::mem::take(&mut self.term_owed) {
            self.paused = false;
            owed.terminate(pid);
        }
        if due(self.kill_at) {
            (self.ask_at, self.kill_at) = (None, None);
            owed.reports.push(Report::Killed(pid));
            owed.signals.push((pid, Signal::Kill));
        }
        if let Some(background) = &mut self.background
            && due(background.tell_at)
        {
            (background.tell_at, self.told_background) = (None, true);
            owed.reports.push(Report::Background { pid, ran: background.ran });
        }
    }
}
