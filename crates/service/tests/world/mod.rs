//! A world for one service: a kernel that answers, a sceptic who judges every step, and a clock of
//! their own. Used by `tests/every_story.rs`.

mod deck;
mod kernel;
mod moves;
mod sceptic;

use std::time::Duration;

use contract::status::Wish;
use service::life::Service;
use service::words::{End, Event, Pid, Policy, Settings};
use service::{Boottime, Monotonic, Now};

use sceptic::{Fact, Ledger};

pub(crate) use deck::deck;
pub(crate) use kernel::Temper;
pub(crate) use moves::{Finish, Move, Quiet, Setting};
pub(crate) use sceptic::{Seen, Verdict};

/// Long after the machine started, and the two clocks differ.
const BORN: Now = Now {
    monotonic: Monotonic(Duration::from_secs(1_000)),
    boottime: Boottime(Duration::from_secs(5_000)),
};
/// The longest pause that any story asks for with its jitter, and a second.
const UP_AGAIN: Duration = Duration::from_secs(80 * 5 / 4 + 1);
/// Before and after `./finish` those who are left are ended: after 5 s they are killed, after 5
/// more or when the disk answers they are gone, which is seen within a second.
const ALONE: Duration = Duration::from_secs(2 * (5 + 17 + 1));
/// How late a signalled process ends.
const DYING: Duration = Duration::from_millis(20);
/// No wait of a story needs more turns of the loop.
const TURNS_MAX: u32 = 10_000;

/// A service, the kernel under it and the sceptic over it.
#[derive(Clone)]
pub(crate) struct World {
    life: Service,
    ledger: Ledger,
    finish: Finish,
    /// The next question is not answered at once.
    dawdles: bool,
    /// At the next count somebody is not known yet.
    veiled: bool,
}

impl World {
    /// The loop has just taken the service in.
    pub(crate) fn new(want: Wish, timeout_kill: Option<Duration>, seed: u64) -> Self {
        let mut life = Service::new(BORN, want, seed);
        let mut ledger = Ledger::new(BORN, want);
        ledger.settings = Settings { timeout_kill, ..Settings::default() };
        life.set_settings(ledger.settings);
        Self { life, ledger, finish: Finish::Missing, dawdles: false, veiled: false }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.ledger.seen
    }

    /// Makes a move that can be made; another changes nothing.
    pub(crate) fn play(&mut self, step: Move) -> Verdict {
        if !self.can(step) {
            return Ok(());
        }
        match step {
            Move::Say(letter) => self.tell(Event::Letter(letter)),
            Move::Starts(temper) => {
                let pid = self.fork(temper, None);
                self.tell(Event::Started(Ok(pid)))
            }
            Move::Fails(fault) => self.tell(Event::Started(Err(fault))),
            Move::Forks(temper) => {
                let pid = self.fork(temper, None);
                self.tell(Event::Forked(pid))
            }
            Move::Begets(temper) => {
                let first = self.ledger.main().or(self.ledger.finish());
                let parent = self.ledger.family.parent(first.map(|process| process.pid));
                self.fork(temper, parent);
                Ok(())
            }
            Move::Ends(code) => self.end(self.ledger.main().map(|main| main.pid), code),
            Move::Finishes(code) => self.end(self.ledger.finish().map(|finish| finish.pid), code),
            Move::Gone { told } => self.gone(told),
            Move::Answer => self.answer(),
            Move::Stray(answer) => self.tell(answer),
            Move::OrphanEnds => {
                let stranger = self.ledger.family.free_pid();
                self.tell(Event::Ended(stranger, End::Exited(0)))
            }
            Move::Delays(what, time) => {
                let until = self.ledger.now.monotonic + time;
                self.tell(Event::Delayed(what, until))
            }
            Move::Ready => self.tell(Event::Ready),
            Move::Mended => self.tell(Event::Mended),
            Move::Stop(farewell) => self.tell(Event::Stop(farewell)),
            Move::Drained(drained) => self.tell(Event::Drained(drained)),
            Move::Wait(time) => self.wait(time),
            Move::Sleep => self.wait(self.until_deadline()),
            Move::Quiet(quiet) => {
                self.play_quietly(quiet);
                Ok(())
            }
        }
    }

    /// What the machine does not hear of.
    fn play_quietly(&mut self, step: Quiet) {
        match step {
            Quiet::Stall(time) => self.pass(time),
            Quiet::Suspend(time) => {
                let boottime = &mut self.ledger.now.boottime.0;
                *boottime = boottime.saturating_add(time);
            }
            Quiet::Dawdle => self.dawdles = true,
            Quiet::Veil => self.veiled = true,
            Quiet::Write(finish) => self.finish = finish,
            Quiet::Set(setting) => {
                let settings = &mut self.ledger.settings;
                match setting {
                    Setting::TimeoutKill(after) => settings.timeout_kill = after,
                    Setting::TimeoutFinish(after) => settings.timeout_finish = after,
                    Setting::Survivors(policy) => settings.policy = policy,
                    Setting::MaxDeaths(limit) => settings.death_limit = limit,
                    Setting::Pace(pace) => settings.pace = pace,
                }
                self.life.set_settings(*settings);
            }
        }
    }

    /// Leaves it alone, with starts that succeed and a pipe that never drains, and demands that
    /// everything comes to be as it is wanted.
    pub(crate) fn settle(mut self) -> Verdict {
        let begun = self.ledger.now.monotonic;
        let patience = self.patience(begun);
        self.dawdles = false;
        self.wait(Duration::ZERO)?;
        for _ in 0..TURNS_MAX {
            if matches!(self.ledger.fact, Fact::Asked) {
                self.play(Move::Starts(Temper::Obedient))?;
            } else if self.ledger.is_asked() {
                self.answer()?;
            } else if self.ledger.drain_asked {
                self.tell(Event::Drained(false))?;
            } else if let Some(pid) = self.next_end(self.ledger.now.monotonic) {
                self.wait(DYING)?;
                self.end(Some(pid), 0)?;
            } else if self.life.deadline().is_some() {
                self.wait(self.until_deadline())?;
            } else if self.next_end(Monotonic(Duration::MAX)).is_some() {
                self.wait(kernel::DEAD_DISK)?;
            } else {
                let took = self.ledger.now.monotonic.since(begun);
                if took > patience {
                    return Err(format!("left alone, it took {took:?} to settle"));
                }
                return self.is_as_wanted();
            }
        }
        Err("left alone, it does not settle".to_owned())
    }

    fn patience(&self, begun: Monotonic) -> Duration {
        let Ledger { kill_at, stop_by, settings, .. } = &self.ledger;
        let end = (*kill_at).max(*stop_by).map_or(Duration::ZERO, |at| at.since(begun));
        end + settings.timeout_finish.unwrap_or_default() + UP_AGAIN + ALONE
    }

    fn is_as_wanted(&self) -> Verdict {
        let Ledger { want, leaving, farewell, left, .. } = self.ledger;
        let is_alone = self.ledger.family.is_empty();
        let may_leave = self.ledger.settings.policy == Policy::Leave;
        let as_wanted = match self.ledger.fact {
            Fact::Down if left => true,
            Fact::Down if want == Wish::Down => !leaving && (is_alone || may_leave),
            Fact::Down => want == Wish::Once && !leaving,
            Fact::Up { .. } => {
                let resists = self.ledger.main().is_some_and(|main| main.resists());
                !farewell && (want != Wish::Down || resists)
            }
            Fact::Finishing { kill_at, .. } => !farewell && kill_at.is_none(),
            Fact::Asked | Fact::Clearing(_) => false,
        };
        if as_wanted { Ok(()) } else { Err(format!("not as wanted when left alone: {want:?}")) }
    }

    /// Who will end by then if left alone.
    fn next_end(&self, by: Monotonic) -> Option<Pid> {
        let finish = self.ledger.finish().filter(kernel::Process::finishes).map(|it| it.pid);
        let ends = |member: &&kernel::Process| member.will_end().is_some_and(|at| at <= by);
        self.ledger.family.members().find(ends).map(|member| member.pid).or(finish)
    }

    /// Who is neither main nor `./finish` and can end: if possible, who has to.
    fn next_gone(&self) -> Option<Pid> {
        let (main, finish) = (self.ledger.main(), self.ledger.finish());
        let known = [main, finish].map(|process| process.map(|process| process.pid));
        let now = self.ledger.now.monotonic;
        let others = self
            .ledger
            .family
            .members()
            .filter(|member| !known.contains(&Some(member.pid)) && member.can_end(now));
        others.min_by_key(|member| member.will_end().is_none()).map(|member| member.pid)
    }

    /// Tells the machine, and answers what it asks.
    fn tell(&mut self, event: Event) -> Verdict {
        self.ledger.watch(&mut self.life, event)?;
        if self.ledger.is_asked() && !self.dawdles {
            self.answer()?;
        }
        Ok(())
    }

    fn answer(&mut self) -> Verdict {
        self.dawdles = false;
        let truth = self.ledger.family.survivors();
        let answer = match (self.ledger.fact, self.finish) {
            (Fact::Clearing(_), _) if std::mem::take(&mut self.veiled) => Event::Uncounted,
            (Fact::Clearing(_), _) => Event::Survivors(truth),
            (_, Finish::Missing) => Event::Finishing(Ok(None)),
            (_, Finish::Fails(fault)) => Event::Finishing(Err(fault)),
            (_, Finish::Runs(temper)) => {
                let pid = self.fork(temper, None);
                Event::Finishing(Ok(Some(pid)))
            }
        };
        self.tell(answer)
    }

    fn end(&mut self, pid: Option<Pid>, code: u8) -> Verdict {
        let Some(process) = pid.and_then(|pid| self.ledger.family.get(pid)) else { return Ok(()) };
        let (main, finish) = (self.ledger.main(), self.ledger.finish());
        let is_known = [main, finish].iter().flatten().any(|known| known.pid == process.pid);
        self.ledger.family.remove(process.pid);
        if is_known {
            self.tell(Event::Ended(process.pid, process.end(code)))
        } else {
            self.tell(Event::OrphanEnded)
        }
    }

    fn gone(&mut self, told: bool) -> Verdict {
        let next = self.next_gone();
        if told {
            return self.end(next, 0);
        }
        if let Some(pid) = next {
            self.ledger.family.remove(pid);
        }
        Ok(())
    }

    fn fork(&mut self, temper: Temper, parent: Option<Pid>) -> Pid {
        self.ledger.family.fork(temper, parent, self.ledger.now.monotonic)
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
