//! What can happen in a story, and which of it can happen now.

use std::time::Duration;

use contract::Letter;
use service::guard::Scarcity;
use service::pacing::Pace;
use service::words::{DeathLimit, Event, Farewell, Fault, Policy};

use super::World;
use super::kernel::Temper;
use super::sceptic::Fact;

/// One thing that happens in a story.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move {
    /// The operator sends a letter.
    Say(Letter),
    /// The start that was asked for is answered: it runs.
    Starts(Temper),
    /// The start that was asked for is answered: it failed.
    Fails(Fault),
    /// The start that was asked for is answered: there is a process.
    Forks(Temper),
    /// The start that was asked for is answered: there is too little of something for so long.
    Delays(Scarcity, Duration),
    /// The service says that it is ready, or somebody does.
    Ready,
    /// The main process ends, of what hit it or with this code.
    Ends(u8),
    /// The main process, or else `./finish`, or else the oldest, forks.
    Begets(Temper),
    /// A process that is neither main nor `./finish` ends, and whether that is told.
    Gone { told: bool },
    /// `./finish` ends, of what hit it or with this code.
    Finishes(u8),
    /// The question is answered.
    Answer,
    /// The shell answers though nothing was asked.
    Stray(Event),
    /// A process that is not the service's ends: it has got a pid that once was.
    OrphanEnds,
    /// The directory was changed.
    Mended,
    /// Everything ends.
    Stop(Farewell),
    /// The question about the pipe is answered.
    Drained(bool),
    /// Time passes, and the loop wakes when it was asked to.
    Wait(Duration),
    /// The loop sleeps up to the deadline.
    Sleep,
    /// The machine hears nothing of it, and takes no step.
    Quiet(Quiet),
}

/// What the machine hears nothing of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Quiet {
    /// Time passes, and the loop is held up elsewhere.
    Stall(Duration),
    /// The machine is suspended.
    Suspend(Duration),
    /// The next question is not answered at once.
    Dawdle,
    /// At the next count somebody is not known yet.
    Veil,
    /// The operator writes a `./finish`, or takes it away.
    Write(Finish),
    /// The operator writes a file of settings.
    Set(Setting),
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Setting {
    TimeoutKill(Option<Duration>),
    TimeoutFinish(Option<Duration>),
    Survivors(Policy),
    MaxDeaths(Option<DeathLimit>),
    Pace(Pace),
}

/// What `./finish` is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Missing,
    Runs(Temper),
    Fails(Fault),
}

impl World {
    /// Whether the move can be made now.
    pub(crate) fn can(&self, step: Move) -> bool {
        let now = self.ledger.now.monotonic;
        match step {
            Move::Starts(_) | Move::Fails(_) | Move::Forks(_) | Move::Delays(..) => {
                matches!(self.ledger.fact, Fact::Asked)
            }
            Move::Stray(answer) => self.is_stray(answer),
            Move::Ends(_) => self.ledger.main().is_some_and(|main| main.can_end(now)),
            Move::Begets(_) => {
                let family = &self.ledger.family;
                !family.is_full() && family.parent(None).is_some() && self.is_forking()
            }
            Move::Gone { .. } => self.next_gone().is_some(),
            Move::Finishes(_) => self.ledger.finish().is_some_and(|finish| finish.can_end(now)),
            Move::Answer => self.ledger.is_asked(),
            Move::Drained(_) => self.ledger.drain_asked,
            Move::Sleep => self.life.deadline().is_some(),
            Move::Quiet(Quiet::Dawdle) => !self.dawdles,
            Move::Quiet(Quiet::Veil) => !self.veiled,
            Move::Quiet(Quiet::Write(finish)) => self.finish != finish,
            Move::Say(_)
            | Move::OrphanEnds
            | Move::Ready
            | Move::Mended
            | Move::Stop(_)
            | Move::Wait(_)
            | Move::Quiet(Quiet::Stall(_) | Quiet::Suspend(_) | Quiet::Set(_)) => true,
        }
    }

    /// What was only forked has not become `./run`, and has no children.
    fn is_forking(&self) -> bool {
        let main = self.ledger.main().map(|main| main.pid);
        self.ledger.family.parent(main).is_some_and(|parent| main.is_none_or(|pid| pid == parent))
    }

    fn is_stray(&self, answer: Event) -> bool {
        match answer {
            Event::Survivors(_) | Event::Uncounted => {
                !matches!(self.ledger.fact, Fact::Clearing(_)) || !self.ledger.is_asked()
            }
            Event::Finishing(_) => {
                !matches!(self.ledger.fact, Fact::Finishing { .. }) || !self.ledger.is_asked()
            }
            Event::Started(_) | Event::Forked(_) | Event::Delayed(..) => {
                !matches!(self.ledger.fact, Fact::Asked)
            }
            Event::Letter(_)
            | Event::Ended(..)
            | Event::Mended
            | Event::Ready
            | Event::Stop(_)
            | Event::Drained(_)
            | Event::OrphanEnded
            | Event::Tick => true,
        }
    }
}
