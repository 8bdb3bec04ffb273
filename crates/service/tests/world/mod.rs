//! A world for one service: a kernel that answers, a sceptic who judges every step, and a clock of
//! their own. Used by `tests/life.rs`.

mod kernel;
mod sceptic;

use std::time::Duration;

use contract::{Letter, status::Wish};
use service::life::Service;
use service::words::{Event, Farewell, Fault, Pid, Settings};
use service::{Boottime, Monotonic, Now};

use sceptic::{Fact, Ledger};

pub(crate) use kernel::Temper;
pub(crate) use sceptic::{Seen, Verdict};

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
    /// The child ends, of what hit it or with this code.
    Ends(u8),
    /// The shell answers though nothing was asked.
    Stray(Event),
    /// Another process ends: an orphan that has got a pid that was once the child's.
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
    /// Time passes, and the loop is held up elsewhere.
    Stall(Duration),
    /// The machine is suspended.
    Suspend(Duration),
    /// The operator writes `timeout-kill`.
    TimeoutKill(Option<Duration>),
}

/// So few that an orphan soon has a pid that was the child's.
const PIDS: u32 = 3;
/// Long after the machine started, and the two clocks differ.
const BORN: Now = Now {
    monotonic: Monotonic(Duration::from_secs(1_000)),
    boottime: Boottime(Duration::from_secs(5_000)),
};
/// The longest pause with its jitter, and a second.
const UP_AGAIN: Duration = Duration::from_secs(60 * 5 / 4 + 1);
/// How late a signalled child ends.
const DYING: Duration = Duration::from_millis(20);
/// No wait of a story needs more turns of the loop.
const TURNS_MAX: u32 = 10_000;

/// A service, the kernel under it and the sceptic over it.
#[derive(Clone)]
pub(crate) struct World {
    life: Service,
    ledger: Ledger,
    last_pid: u32,
}

impl World {
    /// The loop has just taken the service in.
    pub(crate) fn new(want: Wish, timeout_kill: Option<Duration>, seed: u64) -> Self {
        let mut life = Service::new(BORN, want, seed);
        life.set_settings(Settings { timeout_kill, ..Settings::default() });
        let mut ledger = Ledger::new(BORN, want);
        ledger.timeout_kill = timeout_kill;
        Self { life, ledger, last_pid: 0 }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.ledger.seen
    }

    /// Whether the move can be made now.
    pub(crate) fn can(&self, step: Move) -> bool {
        match step {
            Move::Starts(_) | Move::Fails(_) | Move::Forks(_) => {
                matches!(self.ledger.fact, Fact::Asked)
            }
            Move::Stray(_) => !matches!(self.ledger.fact, Fact::Asked),
            Move::Ends(_) => self.ledger.child().is_some_and(|child| child.can_end()),
            Move::Drained(_) => self.ledger.drain_asked,
            Move::Sleep => self.life.deadline().is_some(),
            Move::Say(_)
            | Move::OrphanEnds
            | Move::Mended
            | Move::Stop(_)
            | Move::Wait(_)
            | Move::Stall(_)
            | Move::Suspend(_)
            | Move::TimeoutKill(_) => true,
        }
    }

    /// Makes a move that can be made; another changes nothing.
    pub(crate) fn play(&mut self, step: Move) -> Verdict {
        if !self.can(step) {
            return Ok(());
        }
        match step {
            Move::Say(letter) => self.tell(Event::Letter(letter)),
            Move::Starts(temper) => {
                let pid = self.fork(temper);
                self.tell(Event::Started(Ok(pid)))
            }
            Move::Fails(fault) => self.tell(Event::Started(Err(fault))),
            Move::Forks(temper) => {
                let pid = self.fork(temper);
                self.tell(Event::Forked(pid))
            }
            Move::Stray(answer) => self.tell(answer),
            Move::Ends(code) => self.end_child(code),
            Move::OrphanEnds => {
                let how = service::End::Exited(0);
                self.tell(Event::Ended(self.orphan(), how))
            }
            Move::Mended => self.tell(Event::Mended),
            Move::Stop(farewell) => self.tell(Event::Stop(farewell)),
            Move::Drained(drained) => self.tell(Event::Drained(drained)),
            Move::Wait(time) => self.wait(time),
            Move::Sleep => self.wait(self.until_deadline()),
            Move::Stall(time) => {
                self.pass(time);
                Ok(())
            }
            Move::Suspend(time) => {
                let boottime = &mut self.ledger.now.boottime.0;
                *boottime = boottime.saturating_add(time);
                Ok(())
            }
            Move::TimeoutKill(after) => {
                let settings = Settings { timeout_kill: after, ..Settings::default() };
                self.life.set_settings(settings);
                self.ledger.timeout_kill = after;
                Ok(())
            }
        }
    }

    /// Leaves it alone, with starts that succeed and a pipe that never drains, and demands that
    /// everything comes to be as it is wanted.
    pub(crate) fn settle(mut self) -> Verdict {
        let begun = self.ledger.now.monotonic;
        let kill_after = self.ledger.kill_at.map_or(Duration::ZERO, |at| at.since(begun));
        for _ in 0..TURNS_MAX {
            if matches!(self.ledger.fact, Fact::Asked) {
                self.play(Move::Starts(Temper::Obedient))?;
            } else if self.ledger.drain_asked {
                self.tell(Event::Drained(false))?;
            } else if self.ledger.child().is_some_and(|child| child.will_end()) {
                self.wait(DYING)?;
                self.end_child(0)?;
            } else if self.life.deadline().is_some() {
                self.wait(self.until_deadline())?;
            } else {
                let took = self.ledger.now.monotonic.since(begun);
                if took > kill_after + UP_AGAIN {
                    return Err(format!("left alone, it took {took:?} to settle"));
                }
                return self.is_as_wanted();
            }
        }
        Err("left alone, it does not settle".to_owned())
    }

    fn is_as_wanted(&self) -> Verdict {
        let Ledger { want, leaving, farewell, left, .. } = self.ledger;
        let as_wanted = match self.ledger.child() {
            None => left || (want != Wish::Up && !leaving),
            Some(child) => !farewell && (want != Wish::Down || child.resists()),
        };
        if as_wanted { Ok(()) } else { Err(format!("not as wanted when left alone: {want:?}")) }
    }

    fn tell(&mut self, event: Event) -> Verdict {
        self.ledger.watch(&mut self.life, event)
    }

    fn end_child(&mut self, code: u8) -> Verdict {
        match self.ledger.child() {
            Some(child) => self.tell(Event::Ended(child.pid, child.end(code))),
            None => Ok(()),
        }
    }

    fn fork(&mut self, temper: Temper) -> Pid {
        self.last_pid = self.last_pid % PIDS + 1;
        self.ledger.newborn = temper;
        Pid(self.last_pid)
    }

    /// A pid that is not the child's now.
    fn orphan(&self) -> Pid {
        match self.ledger.child() {
            Some(child) => Pid(child.pid.0 % PIDS + 1),
            None => Pid(self.last_pid.max(1)),
        }
    }

    fn until_deadline(&self) -> Duration {
        let now = self.ledger.now.monotonic;
        self.life.deadline().map_or(Duration::ZERO, |at| at.since(now))
    }

    fn pass(&mut self, time: Duration) {
        let Now { monotonic, boottime } = self.ledger.now;
        let boottime = Boottime(boottime.0.saturating_add(time));
        self.ledger.now = Now { monotonic: monotonic + time, boottime };
    }

    /// Wakes at each deadline, and once too early.
    fn wait(&mut self, time: Duration) -> Verdict {
        let end = self.ledger.now.monotonic + time;
        for _ in 0..TURNS_MAX {
            match self.life.deadline() {
                Some(at) if at <= end => {
                    self.pass(self.until_deadline());
                    self.tell(Event::Tick)?;
                }
                Some(_) | None => {
                    self.pass(end.since(self.ledger.now.monotonic));
                    return self.tell(Event::Tick);
                }
            }
        }
        Err("the loop spins".to_owned())
    }
}
