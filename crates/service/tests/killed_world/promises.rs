//! What an operator may rely on, whoever is killed and whoever comes: judged by what was heard and
//! written down.

use std::time::Duration;

use contract::{Letter, status::Wish};
use service::Pid;
use service::life::memory::{Memory, Phase};
use service::words::{DeathLimit, Event, Policy};

use super::{Kind, Verdict};

/// No two starts are closer, but for an operator's wish.
const FLOOR: Duration = Duration::from_secs(1);
/// So many quick deaths before the pauses grow.
const FREE_DEATHS: u32 = 5;

/// What was promised, and what is needed to judge it.
#[derive(Debug)]
pub(crate) struct Promises {
    /// What he wants: of each letter that was written down.
    want: Wish,
    paused: bool,
    /// It was found alive, and has to be told again to end; so it is not left stopped.
    is_told_again: bool,
    leaving: bool,
    given_up: bool,
    /// He has signalled this life, or did not want it.
    asked: bool,
    /// He has said up or once while it was not there.
    hurried: bool,
    started: Option<Duration>,
    /// So many quick deaths in a row were written down last.
    quick_deaths: u32,
    told_backing_off: bool,
    /// When main processes were known to have ended.
    ends: Vec<Duration>,
}

impl Promises {
    /// Of a service that is to be up.
    pub(crate) fn new() -> Self {
        Self {
            want: Wish::Up,
            paused: false,
            is_told_again: false,
            leaving: false,
            given_up: false,
            asked: false,
            hurried: false,
            started: None,
            quick_deaths: 0,
            told_backing_off: false,
            ends: Vec::new(),
        }
    }

    pub(crate) fn want(&self) -> Wish {
        self.want
    }

    /// Another svscan has come, and found the main process or not.
    pub(crate) fn comes(&mut self, now: Duration, found: bool) {
        if found {
            self.is_told_again = self.want == Wish::Down;
            self.asked |= self.is_told_again;
        } else {
            // Nobody has seen the end, and a leave that waited for it has come with it.
            (self.paused, self.leaving, self.is_told_again) = (false, false, false);
            self.ends.push(now);
        }
    }

    /// As [`Promises::hear`], while everything ends: whoever says what he wants then says it to
    /// nobody.
    pub(crate) fn hear_at_the_end(&mut self, now: Duration, event: Event, main: Option<Pid>) {
        let kept = (self.want, self.leaving);
        self.hear(now, event, main);
        (self.want, self.leaving) = kept;
    }

    /// The event was taken in and written down; `main` was the main process before.
    pub(crate) fn hear(&mut self, now: Duration, event: Event, main: Option<Pid>) {
        match event {
            Event::Letter(letter) => self.letter(letter, main.is_some()),
            Event::Started(Ok(_)) => self.asked = self.want == Wish::Down,
            Event::Ended(pid, _) if Some(pid) == main => {
                self.paused = false;
                self.ends.push(now);
            }
            // Whoever is stopped would not hear that he is to end. A logger is to end later.
            Event::Stop(farewell) => self.paused &= !farewell.linger.is_zero(),
            Event::Drained(drained) => self.paused &= !drained,
            Event::Started(_)
            | Event::Forked(_)
            | Event::Delayed(..)
            | Event::Ended(..)
            | Event::Ready
            | Event::Mended
            | Event::Survivors(_)
            | Event::Uncounted
            | Event::OrphanEnded
            | Event::Finishing(_)
            | Event::Tick => {}
        }
        // Whatever came first.
        self.paused &= !std::mem::take(&mut self.is_told_again);
    }

    fn letter(&mut self, letter: Letter, is_up: bool) {
        match letter {
            Letter::Up => (self.want, self.given_up) = (Wish::Up, false),
            Letter::Once => (self.want, self.given_up) = (Wish::Once, false),
            Letter::Down => {
                (self.want, self.given_up, self.paused) = (Wish::Down, false, false);
            }
            Letter::Exit => self.leaving = true,
            Letter::Pause => self.paused = is_up,
            Letter::Continue => self.paused = false,
            Letter::Hangup
            | Letter::Alarm
            | Letter::Interrupt
            | Letter::Terminate
            | Letter::Kill => {}
        }
        self.hurried |= !is_up && matches!(letter, Letter::Up | Letter::Once);
        self.asked |= is_up && b"dhaitk".contains(&letter.byte());
    }

    /// Whether what was written down is what was promised.
    pub(crate) fn agree(&mut self, memory: &Memory, kind: &Kind) -> Verdict {
        if memory.given_up && !self.given_up {
            self.gives_up(kind.settings.death_limit)?;
        }
        let is_up = matches!(memory.phase, Phase::Up { .. });
        let keeps = memory.want == self.want
            && memory.given_up == self.given_up
            && memory.paused == self.paused
            && memory.leaving == self.leaving
            && (memory.asked == self.asked || !is_up);
        self.quick_deaths = memory.quick_deaths;
        self.told_backing_off &= self.quick_deaths > FREE_DEATHS;
        if !keeps {
            return Err(format!("{self:?} was promised: {memory:?}"));
        }
        if memory.background && kind.settings.policy != Policy::Adopt {
            return Err(format!("by its policy nobody is taken for it: {memory:?}"));
        }
        Ok(())
    }

    fn gives_up(&mut self, limit: Option<DeathLimit>) -> Verdict {
        (self.want, self.given_up) = (Wish::Down, true);
        let Some(limit) = limit else { return Err("given up without a limit".into()) };
        // Deaths are counted as they come; that it is given up may come later, after `./finish`.
        let last = self.ends.last().copied().unwrap_or_default();
        let within = |at: &&Duration| last.saturating_sub(**at) <= limit.within;
        let ends = self.ends.iter().filter(within).count();
        if ends < usize::try_from(limit.deaths).unwrap_or(usize::MAX) {
            return Err(format!("given up after {ends} deaths"));
        }
        Ok(())
    }

    /// It is started.
    pub(crate) fn start(&mut self, now: Duration, pause_max: Duration) -> Verdict {
        let more = self.quick_deaths.saturating_sub(FREE_DEATHS);
        let pause = (FLOOR * (1 << more.min(10))).min(pause_max);
        let pause = if more > 0 { pause } else { FLOOR };
        let last = self.started.replace(now);
        let early = last.is_some_and(|last| now < last + pause);
        if early && !std::mem::take(&mut self.hurried) {
            return Err(format!("started {now:?} after {last:?}: the pause is {pause:?}"));
        }
        (self.hurried, self.asked) = (false, false);
        if self.given_up || self.want == Wish::Down {
            return Err("started, and nobody wants it".into());
        }
        Ok(())
    }

    /// The operator is told that the pauses grow.
    pub(crate) fn tell_backing_off(&mut self) -> Verdict {
        if std::mem::replace(&mut self.told_backing_off, true) {
            return Err("it is told again that it backs off".into());
        }
        Ok(())
    }
}
