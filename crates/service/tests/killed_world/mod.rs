//! A kernel, a disk, and a supervisor that can be killed between any two of its steps.

use std::collections::VecDeque;
use std::time::Duration;

use contract::{Letter, status::Wish};
use service::life::Service;
use service::life::memory::{Found, Memory, Phase};
use service::words::{
    Action, End, Event, Farewell, Pid, Policy, Remark, Report, Settings, Signal, Survivors,
};
use service::{Boottime, Monotonic, Now};

mod promises;

use promises::Promises;

/// Long after the machine started.
const BORN: Duration = Duration::from_secs(1_000);
/// As many rounds of question and answer as the shell has.
const ROUNDS: usize = 8;
/// Left alone, nothing takes more turns.
const TURNS_MAX: usize = 400;
const SEED: u64 = 5;
/// How a service and its logger are stopped when everything ends.
const STOP: Farewell = Farewell { linger: Duration::ZERO, grace: Duration::from_secs(1) };
const STOP_LOGGER: Farewell =
    Farewell { linger: Duration::from_millis(300), grace: Duration::from_secs(5) };

/// What kind of a service a story is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kind {
    pub(crate) settings: Settings,
    /// It has a `./finish`.
    pub(crate) finish: bool,
    /// Its main process does not end at TERM.
    pub(crate) stubborn: bool,
    /// It is a logger, whose pipe is drained by then or never.
    pub(crate) logger: Option<bool>,
}

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
    /// svscan is told to end everything.
    Stop,
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
    /// It was started as the main process.
    is_main: bool,
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
    /// What the operator may rely on.
    promises: Promises,
    /// Ends that svscan has not heard of.
    ends: VecDeque<(Pid, End)>,
    svscan: Option<Service>,
    /// After so many things it is killed.
    cut: Option<u32>,
    kind: Kind,
    /// Everything ends: what svscan has written down of the operator's wish before.
    stopping: Option<(Wish, bool)>,
    left: bool,
}

pub(crate) type Verdict = Result<(), String>;

/// svscan was killed.
struct Dead;

/// To be killed is no fault.
fn judged(outcome: Result<(), Stop>) -> Verdict {
    match outcome {
        Ok(()) | Err(Stop::Dead(Dead)) => Ok(()),
        Err(Stop::Wrong(complaint)) => Err(complaint),
    }
}

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
    pub(crate) fn new(kind: Kind) -> Self {
        let mut world = Self {
            now: BORN,
            processes: Vec::new(),
            pids: 100,
            lives: 0,
            disk: Disk::default(),
            fifo: VecDeque::new(),
            promises: Promises::new(),
            ends: VecDeque::new(),
            svscan: None,
            cut: None,
            kind,
            stopping: None,
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
                    self.fork(obeys, false);
                }
            }
            Move::Wait => self.pass(),
            Move::Stop => return self.stop(),
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
            let idle = service.deadline().is_none() && self.ends.is_empty();
            if self.left || idle {
                return self.is_as_wanted();
            }
            self.pass();
            self.turn()?;
        }
        Err("it does not settle".into())
    }

    fn is_as_wanted(&self) -> Verdict {
        let Some(service) = &self.svscan else { return Ok(()) };
        let leaves = self.kind.settings.policy == Policy::Leave;
        let strays = self.processes.iter().filter(|it| it.life != self.lives).count();
        if strays > 0 && !leaves {
            return Err(format!("{strays} of an earlier life are left"));
        }
        let finishes = self.kind.finish && service.remark() == Remark::Finishing;
        match (self.promises.want(), service.pid()) {
            _ if self.left => Ok(()),
            (Wish::Up, Some(pid)) if self.is_alive(pid) => Ok(()),
            (Wish::Up, None) if finishes => Ok(()),
            (Wish::Down, None) if self.processes.is_empty() || finishes || leaves => Ok(()),
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

    fn fork(&mut self, obeys: bool, is_main: bool) -> Pid {
        self.pids += 1;
        let (pid, life, born) = (Pid(self.pids), self.lives, self.now);
        self.processes.push(Process { pid, life, born, obeys, is_main });
        pid
    }

    /// svscan hears that everything is to end, be it in the midst of a turn.
    fn stop(&mut self) -> Verdict {
        if self.svscan.is_none() || self.left {
            return Ok(());
        }
        if self.stopping.is_none() {
            let wish = |memory: Memory| (memory.want, memory.leaving);
            self.stopping = Some(self.disk.memory.map_or((Wish::Up, false), wish));
        }
        let farewell = if self.kind.logger.is_some() { STOP_LOGGER } else { STOP };
        let outcome = self.feed(Event::Stop(farewell));
        judged(outcome).and_then(|()| self.turn())
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
        self.stopping = None;
        let now = self.clocks();
        let Some(memory) = self.disk.memory else {
            let mut service = Service::new(now, Wish::Up, SEED);
            service.set_settings(self.kind.settings);
            self.svscan = Some(service);
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
        self.promises.comes(self.now, found.is_some());
        self.svscan = Some(Service::resume(now, memory, found, self.kind.settings, SEED));
    }

    /// The loop hears of everything there is, and of the time.
    fn turn(&mut self) -> Verdict {
        let outcome = self.take_turn();
        judged(outcome)
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
            let before = service.pid();
            let actions = service.step(now, event);
            let memory = service.memory();
            self.thing()?;
            if self.stopping.is_some() {
                self.promises.hear_at_the_end(self.now, event, before);
            } else {
                self.promises.hear(self.now, event, before);
                self.promises.agree(&memory, &self.kind).map_err(Stop::Wrong)?;
            }
            let (want, leaving) = self.stopping.unwrap_or((memory.want, memory.leaving));
            let memory = Memory { want, leaving, ..memory };
            if self.disk.memory != Some(memory) {
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

    fn act(&mut self, action: Action) -> Result<Option<Event>, Stop> {
        match action {
            Action::Start => {
                let leaves = self.kind.settings.policy == Policy::Leave;
                let counts = |it: &&Process| it.is_main || !leaves;
                if let Some(one) = self.processes.iter().find(counts) {
                    return Err(Stop::Wrong(format!("a second life, and {one:?} is left")));
                }
                let pause_max = self.kind.settings.pace.spacing_max;
                self.promises.start(self.now, pause_max).map_err(Stop::Wrong)?;
                self.lives += 1;
                let pid = self.fork(!self.kind.stubborn, true);
                self.disk.child = Some(pid);
                return Ok(Some(Event::Started(Ok(pid))));
            }
            Action::Send(pid, signal) => self.signal(pid, signal),
            Action::Sweep(_) | Action::CountSurvivors
                if self.kind.settings.policy == Policy::Leave =>
            {
                return Err(Stop::Wrong("who is to be left is not left alone".into()));
            }
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
                let pid = self.kind.finish.then(|| self.fork(true, false));
                return Ok(Some(Event::Finishing(Ok(pid))));
            }
            Action::Leave => self.leave()?,
            Action::AskDrained => return Ok(self.kind.logger.map(Event::Drained)),
            Action::Report(Report::BackingOff { .. }) => {
                self.promises.tell_backing_off().map_err(Stop::Wrong)?;
            }
            Action::Report(_) => {}
        }
        Ok(None)
    }

    /// By an operator's letter, and that is the end of the story; or everything ends, and another
    /// svscan may come.
    fn leave(&mut self) -> Result<(), Stop> {
        if self.stopping.take().is_none() {
            self.left = true;
            return Ok(());
        }
        self.svscan = None;
        let leaves = self.kind.settings.policy == Policy::Leave;
        match self.processes.iter().find(|it| it.is_main || !leaves) {
            Some(one) => Err(Stop::Wrong(format!("everything has ended but {one:?}"))),
            None => Ok(()),
        }
    }

    /// All of the service but its main process.
    fn others(&self) -> Vec<Pid> {
        let main = self.svscan.as_ref().and_then(Service::pid);
        self.processes.iter().map(|it| it.pid).filter(|pid| Some(*pid) != main).collect()
    }
}
