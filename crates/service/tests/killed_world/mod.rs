//! A kernel, a disk, and a supervisor that can be killed between any two of its steps.

use std::collections::VecDeque;
use std::time::Duration;

use contract::{Letter, status::Wish};
use service::life::Service;
use service::life::memory::{Found, Memory, Phase};
use service::words::{Action, End, Event, Pid, Settings, Signal, Survivors};
use service::{Boottime, Monotonic, Now};

/// Long after the machine started.
const BORN: Duration = Duration::from_secs(1_000);
/// As many rounds of question and answer as the shell has.
const ROUNDS: usize = 8;
/// Left alone, nothing takes more turns.
const TURNS_MAX: usize = 400;
const SEED: u64 = 5;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// A letter; where nobody reads, it waits in the FIFO.
    Say(Letter),
    /// The main process exits.
    Ends(u8),
    /// It forks.
    Begets {
        /// Whether TERM ends the child.
        obeys: bool,
    },
    /// Time passes until something is due.
    Wait,
    /// svscan is killed.
    Killed,
    /// Another one comes, if there is none.
    Comes,
}

#[derive(Debug, Clone, Copy)]
struct Process {
    pid: Pid,
    /// Of which life.
    life: u32,
    born: Duration,
    obeys: bool,
}

/// What is written down.
#[derive(Debug, Clone, Copy, Default)]
struct Disk {
    memory: Option<Memory>,
    /// The child that the kernel has noted.
    child: Option<Pid>,
}

pub(crate) struct World {
    now: Duration,
    processes: Vec<Process>,
    pids: u32,
    lives: u32,
    disk: Disk,
    fifo: VecDeque<Letter>,
    /// What the operator wants: of each letter that was written down.
    want: Wish,
    /// Ends that svscan has not heard of.
    ends: VecDeque<(Pid, End)>,
    svscan: Option<Service>,
    /// After so many things it is killed.
    cut: Option<u32>,
    finish: bool,
    left: bool,
}

pub(crate) type Verdict = Result<(), String>;

/// svscan was killed.
struct Dead;

/// Why a turn is not taken to its end.
enum Stop {
    Dead(Dead),
    Wrong(String),
}

impl From<Dead> for Stop {
    fn from(dead: Dead) -> Self {
        Self::Dead(dead)
    }
}

impl World {
    /// svscan has just begun.
    pub(crate) fn new(finish: bool) -> Self {
        let mut world = Self {
            now: BORN,
            processes: Vec::new(),
            pids: 100,
            lives: 0,
            disk: Disk::default(),
            fifo: VecDeque::new(),
            want: Wish::Up,
            ends: VecDeque::new(),
            svscan: None,
            cut: None,
            finish,
            left: false,
        };
        world.come();
        world
    }

    /// From now on svscan does so many things more.
    pub(crate) fn kill_after(&mut self, things: u32) {
        self.cut = Some(things);
    }

    /// Whether it was killed where it was to be; what was not reached is forgotten.
    pub(crate) fn was_cut(&mut self) -> bool {
        self.cut.take().is_none()
    }

    pub(crate) fn play(&mut self, step: Move) -> Verdict {
        match step {
            Move::Say(letter) => self.fifo.push_back(letter),
            Move::Ends(code) => {
                if let Some(main) = self.main() {
                    self.end(main, End::Exited(code));
                }
            }
            Move::Begets { obeys } => {
                if self.main().is_some() && self.processes.len() < 4 {
                    self.fork(self.lives, obeys);
                }
            }
            Move::Wait => self.pass(),
            Move::Killed => self.svscan = None,
            Move::Comes => self.come(),
        }
        self.turn()
    }

    /// Whoever has to comes, and is left alone: then everything is as it is wanted.
    pub(crate) fn settle(mut self) -> Verdict {
        self.cut = None;
        self.come();
        self.turn()?;
        for _ in 0..TURNS_MAX {
            let Some(service) = &self.svscan else { return Ok(()) };
            if self.left || service.deadline().is_none() {
                return self.is_as_wanted();
            }
            self.pass();
            self.turn()?;
        }
        Err("it does not settle".into())
    }

    fn is_as_wanted(&self) -> Verdict {
        let Some(service) = &self.svscan else { return Ok(()) };
        let strays = self.processes.iter().filter(|it| it.life != self.lives).count();
        if strays > 0 {
            return Err(format!("{strays} of an earlier life are left"));
        }
        let finishes = self.finish && service.remark() == service::words::Remark::Finishing;
        match (self.want, service.pid()) {
            (Wish::Up, Some(pid)) if self.is_alive(pid) => Ok(()),
            (Wish::Up, None) if finishes => Ok(()),
            (Wish::Down, None) if self.processes.is_empty() || finishes => Ok(()),
            // It resists TERM, and nobody has asked for more.
            (Wish::Down, Some(pid)) if !self.obeys(pid) => Ok(()),
            (Wish::Once, _) => Ok(()),
            (want, pid) => Err(format!("{want:?} is wanted, and {pid:?} is there")),
        }
    }

    fn is_alive(&self, pid: Pid) -> bool {
        self.processes.iter().any(|it| it.pid == pid)
    }

    fn obeys(&self, pid: Pid) -> bool {
        self.processes.iter().any(|it| it.pid == pid && it.obeys)
    }

    /// Who the operator takes for the service, whether svscan lives or not.
    fn main(&self) -> Option<Pid> {
        match self.disk.memory.map(|memory| memory.phase) {
            Some(Phase::Up { pid, .. }) => Some(pid).filter(|pid| self.is_alive(*pid)),
            Some(Phase::Starting) => self.disk.child.filter(|pid| self.is_alive(*pid)),
            Some(Phase::Down { .. }) | None => None,
        }
    }

    fn fork(&mut self, life: u32, obeys: bool) -> Pid {
        self.pids += 1;
        let pid = Pid(self.pids);
        self.processes.push(Process { pid, life, born: self.now, obeys });
        pid
    }

    fn end(&mut self, pid: Pid, how: End) {
        self.processes.retain(|it| it.pid != pid);
        self.ends.push_back((pid, how));
    }

    fn signal(&mut self, pid: Pid, signal: Signal) {
        let (kills, number) = match signal {
            Signal::Kill => (true, 9),
            Signal::Term => (self.obeys(pid), 15),
            Signal::Hup | Signal::Int | Signal::Alrm | Signal::Stop | Signal::Cont => (false, 0),
        };
        if kills && self.is_alive(pid) {
            self.end(pid, End::Signalled(number));
        }
    }

    fn pass(&mut self) {
        let due = self.svscan.as_ref().and_then(Service::deadline);
        self.now = due.map_or(self.now + Duration::from_secs(1), |at| at.0.max(self.now));
    }

    fn clocks(&self) -> Now {
        Now { monotonic: Monotonic(self.now), boottime: Boottime(self.now) }
    }

    /// A thing is about to be done.
    fn thing(&mut self) -> Result<(), Dead> {
        match &mut self.cut {
            Some(0) => {
                (self.cut, self.svscan) = (None, None);
                Err(Dead)
            }
            Some(things) => {
                *things -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// svscan begins, and takes over what was written down: as `crates/supervisor`'s adoption does.
    fn come(&mut self) {
        if self.svscan.is_some() || self.left {
            return;
        }
        // Of what ended unseen nobody hears.
        self.ends.clear();
        let now = self.clocks();
        let Some(memory) = self.disk.memory else {
            self.svscan = Some(Service::new(now, Wish::Up, SEED));
            return;
        };
        let found = self.main().map(|pid| {
            let born =
                self.processes.iter().find(|it| it.pid == pid).map_or(self.now, |it| it.born);
            let (since, changed) = match memory.phase {
                Phase::Up { since, .. } => (since, memory.changed),
                Phase::Starting | Phase::Down { .. } => (Monotonic(born), Boottime(born)),
            };
            Found { pid, since, changed }
        });
        self.svscan = Some(Service::resume(now, memory, found, Settings::default(), SEED));
    }

    /// The loop hears of everything there is, and of the time.
    fn turn(&mut self) -> Verdict {
        let outcome = self.take_turn();
        match outcome {
            Ok(()) | Err(Stop::Dead(Dead)) => Ok(()),
            Err(Stop::Wrong(complaint)) => Err(complaint),
        }
    }

    fn take_turn(&mut self) -> Result<(), Stop> {
        while self.svscan.is_some() && !self.left {
            // A letter that was read and not written down is lost with its reader.
            let event = match (self.ends.pop_front(), self.fifo.front().copied()) {
                (Some((pid, how)), _) => Event::Ended(pid, how),
                (None, Some(letter)) => {
                    self.fifo.pop_front();
                    Event::Letter(letter)
                }
                (None, None) => break,
            };
            self.feed(event)?;
        }
        self.feed(Event::Tick)
    }

    fn feed(&mut self, event: Event) -> Result<(), Stop> {
        let mut next = Some(event);
        for _ in 0..ROUNDS {
            let now = self.clocks();
            let (Some(event), Some(service)) = (next.take(), &mut self.svscan) else { break };
            let actions = service.step(now, event);
            let memory = service.memory();
            self.thing()?;
            self.hear(event);
            if memory.want != self.want {
                return Err(Stop::Wrong(format!("{:?} is wanted: {memory:?}", self.want)));
            }
            let mut idle = actions.into_iter().map(|action| {
                let finishes = matches!(action, Action::Finish(..));
                action.is_question() || finishes && !self.finish
            });
            let is_wish = matches!(event, Event::Letter(_));
            let waits = !is_wish && idle.next() == Some(true) && idle.all(|idle| idle);
            if !waits && self.disk.memory != Some(memory) {
                self.disk = Disk { memory: Some(memory), child: None };
            }
            for action in actions {
                self.thing()?;
                next = self.act(action)?.or(next);
                // What was done may be all that is done.
                self.thing()?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, event: Event) {
        let wishes =
            [(Letter::Up, Wish::Up), (Letter::Down, Wish::Down), (Letter::Once, Wish::Once)];
        if let Some((_, want)) = wishes.iter().find(|(it, _)| event == Event::Letter(*it)) {
            self.want = *want;
        }
    }

    fn act(&mut self, action: Action) -> Result<Option<Event>, Stop> {
        match action {
            Action::Start => {
                if let Some(one) = self.processes.first() {
                    return Err(Stop::Wrong(format!("a second life, and {one:?} is left")));
                }
                self.lives += 1;
                let pid = self.fork(self.lives, true);
                self.disk.child = Some(pid);
                return Ok(Some(Event::Started(Ok(pid))));
            }
            Action::Send(pid, signal) => self.signal(pid, signal),
            Action::Sweep(signal) => {
                for pid in self.others() {
                    self.signal(pid, signal);
                }
            }
            Action::CountSurvivors => {
                let others = self.others();
                let count = u32::try_from(others.len()).unwrap_or(u32::MAX);
                let oldest = others.first().copied();
                return Ok(Some(Event::Survivors(Survivors { count, oldest })));
            }
            Action::Finish(..) => {
                let pid = self.finish.then(|| self.fork(self.lives, true));
                return Ok(Some(Event::Finishing(Ok(pid))));
            }
            Action::Leave => self.left = true,
            Action::AskDrained | Action::Report(_) => {}
        }
        Ok(None)
    }

    /// All of the service but its main process.
    fn others(&self) -> Vec<Pid> {
        let main = self.svscan.as_ref().and_then(Service::pid);
        self.processes.iter().map(|it| it.pid).filter(|pid| Some(*pid) != main).collect()
    }
}
