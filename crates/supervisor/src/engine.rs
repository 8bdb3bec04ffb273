//! The main loop, and all it knows.
//!
//! [`Engine::run`] waits until a descriptor is readable or a deadline has come, and takes a turn:
//! signals (ended children among them), changes of directories, letters, then what is due. Each
//! becomes an event for one service's machine ([`Engine::feed`], in `obey`). Nothing else starts,
//! stops or signals anything.

use std::collections::{BTreeSet, HashMap};
use std::ffi::CString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use cli::{Unable, UnableExt as _};
use contract::Letter;
use reactor::Reactor;
use service::scan::EntryId;
use service::words::Event;
use service::{Boottime, Monotonic, Now};
use sys::child;
use sys::clock_steps::ClockSteps;
use sys::inotify::{Change, Watch, Watcher};
use sys::limits::{self, OpenFiles};
use sys::machine;
use sys::oom;
use sys::reexec::Inherited;
use sys::signals::{self, Signals};
use sys::spawn::{self, Spawner};
use sys::{clock, entry};

use crate::Options;
use crate::farewell::Farewell;
use crate::groups::{Groups, Membership};
use crate::home::Home;
use crate::ledger::Ledger;
use crate::limits::Machine;
use crate::orphans::Orphans;
use crate::pair::Pair;
use crate::scanner::Scanner;
use crate::settings::Settings;
use crate::shortage::Shortage;
use crate::succession::Check;
use crate::survivors::Own;
use crate::task::{Part, Task, TaskId, Wanted};
use crate::token::Token;
use crate::underway::Underway;
use crate::voice::Voice;

/// So many deadlines are served in a turn.
const TICKS_PER_TURN: usize = 1024;

/// There is something to do when nothing else has happened.
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

/// All that a supervisor knows.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) reactor: Reactor<Token>,
    /// What was handed over to us, until all is taken up.
    pub(crate) inherited: Inherited,
    /// The file we were executed from.
    pub(crate) program: PathBuf,
    /// Whether a successor can run is being tried.
    pub(crate) check: Option<Check>,
    pub(crate) signals: Signals,
    pub(crate) spawner: Spawner,
    pub(crate) underway: Underway,
    clock_steps: Option<ClockSteps>,
    /// svscan's; supervise watches nothing.
    pub(crate) watcher: Option<Watcher>,
    pub(crate) watches: HashMap<Watch, TaskId>,
    pub(crate) voice: Voice,
    pub(crate) options: Options,
    /// The limits of open files as we were given them; ours are raised.
    pub(crate) open_files: OpenFiles,
    /// What we had before we protected ourselves from being killed for want of memory.
    pub(crate) oom_score: Option<CString>,
    /// Whether we did so already, as well as we can.
    pub(crate) is_protected: bool,
    pub(crate) tasks: HashMap<TaskId, Box<Task>>,
    pub(crate) pids: HashMap<u32, TaskId>,
    pub(crate) deadlines: BTreeSet<(Monotonic, TaskId)>,
    pub(crate) pairs: HashMap<EntryId, Box<Pair>>,
    pub(crate) scanner: Option<Scanner>,
    pub(crate) farewell: Farewell,
    /// svscan's own directory, where it could be had.
    pub(crate) home: Option<Home>,
    /// What the next supervisor is to know.
    pub(crate) ledger: Ledger,
    /// How the machine ends when everything has, where it ends with us.
    pub(crate) ends_machine: machine::End,
    /// Everything is told to stop: that is no wish of the operator's to be remembered.
    pub(crate) stopping: bool,
    /// When adopted processes are looked at that no descriptor tells of.
    pub(crate) look_at_adopted: Option<Monotonic>,
    /// Services taken over that the operator was not told of.
    pub(crate) taken_over: usize,
    /// Lives were taken up since everybody was last met, whose processes are no children of ours.
    pub(crate) strange_kin: bool,
    /// Where services have their control groups, if they have any.
    pub(crate) groups: Option<Groups>,
    /// What holds for services without files of their own.
    pub(crate) defaults: Rc<Settings>,
    pub(crate) orphans: Orphans,
    /// Control groups of services that are gone, which could not be removed yet.
    pub(crate) lingering: Vec<(PathBuf, Box<Membership>)>,
    pub(crate) shortage: Shortage,
    /// Our own terminal and login: people have others.
    pub(crate) own: Own,
    /// Those whose `supervise/status` is to be brought up to what is so.
    pub(crate) unpublished: Vec<TaskId>,
    /// More children may have ended than a turn reaps.
    pub(crate) more_to_reap: bool,
    next_task: u32,
}

impl Engine {
    /// Signals are blocked from here on, and what we were given by accident stays with us.
    ///
    /// # Errors
    /// No descriptors, no memory.
    pub(crate) fn new(
        voice: Voice,
        options: Options,
        inherited: Inherited,
    ) -> Result<Self, Unable> {
        entry::ignore_sigpipe();
        spawn::keep_descriptors_to_ourselves();
        let open_files = limits::raise_open_files().unable("raise the limit of open files")?;
        let reactor = Reactor::new().unable("create an epoll descriptor")?;
        let signals = Signals::listen(inherited.mask()).unable("listen to signals")?;
        reactor.add(&signals, &Token::Signals).unable("watch for signals")?;
        let spawner = Spawner::new(signals.original_mask()).unable("make a stack for children")?;
        Ok(Self {
            inherited,
            program: std::env::current_exe().unwrap_or_default(),
            check: None,
            clock_steps: watch_clock(&reactor),
            reactor,
            signals,
            spawner,
            underway: Underway::default(),
            watcher: None,
            watches: HashMap::new(),
            voice,
            options,
            open_files,
            oom_score: None,
            is_protected: false,
            tasks: HashMap::new(),
            pids: HashMap::new(),
            deadlines: BTreeSet::new(),
            pairs: HashMap::new(),
            scanner: None,
            farewell: Farewell::default(),
            home: None,
            ledger: Ledger::default(),
            ends_machine: machine::End::Reboot,
            stopping: false,
            look_at_adopted: None,
            taken_over: 0,
            strange_kin: false,
            groups: if options.cgroups { Groups::find() } else { None },
            defaults: Rc::new(Settings::built_in(Machine::look(open_files.soft))),
            orphans: Orphans::default(),
            lingering: Vec::new(),
            shortage: Shortage::watch(now().monotonic),
            own: Own::look(),
            unpublished: Vec::new(),
            more_to_reap: false,
            next_task: 0,
        })
    }

    /// Orphans of services come to us, so that none is left when everything stops.
    pub(crate) fn become_reaper(&mut self) {
        if let Err(error) = child::become_subreaper() {
            let reason = cli::reason(&error);
            self.voice.warn(format_args!("unable to become a subreaper: {reason}"));
        }
    }

    /// Whom the kernel kills when memory runs out is not us. What is started from now on is killed
    /// as it would have been.
    pub(crate) fn protect(&mut self) {
        (self.oom_score, self.is_protected) = (oom::protect(), true);
    }

    /// The one service of supervise, in the working directory.
    ///
    /// # Errors
    /// Another supervise has the lock, or the directory cannot be written.
    pub(crate) fn supervise_alone(&mut self, name: &str) -> Result<(), Unable> {
        let entry = EntryId(0);
        self.protect();
        let (name, dir) = (name.to_owned(), ".".into());
        let wanted = Wanted { entry, part: Part::Main, name, dir };
        self.pairs.insert(entry, Box::default());
        self.open_task(wanted)?;
        self.tell_taken_over();
        Ok(())
    }

    /// The main loop. Gives how the machine is to end, if it ends with us.
    ///
    /// # Errors
    /// The kernel would not let us wait: nothing can be done then, and services go on.
    pub(crate) fn run(mut self) -> Result<machine::End, Unable> {
        while !self.is_over() {
            let limit = if self.unpublished.is_empty() { self.wait_limit() } else { AT_ONCE };
            let ready = self.reactor.wait(limit).unable("wait for events")?;
            // At most one turn late; who has ended meanwhile is written down once.
            let unpublished = std::mem::take(&mut self.unpublished);
            self.turn(ready);
            for id in unpublished {
                self.publish(id);
            }
        }
        for id in std::mem::take(&mut self.unpublished) {
            self.publish(id);
        }
        self.leave_groups();
        if let Some(groups) = &self.groups {
            groups.leave();
        }
        Ok(self.ends_machine)
    }

    fn turn(&mut self, ready: Vec<Token>) {
        let adopted = ready.iter().filter(|token| matches!(token, Token::Adopted(_))).count();
        if adopted > 1 {
            // All of them have ended before the first is looked at.
            self.orphans.begin_batch();
        }
        for token in ready {
            match token {
                Token::Signals => self.take_signals(),
                Token::Watcher => self.take_changes(),
                Token::ClockSteps => self.take_clock_step(),
                Token::Home => self.take_orders(),
                Token::Control(task) => self.take_letters(task),
                Token::Adopted(task) => self.take_adopted(task),
                Token::Ready(task) => self.take_readiness(task),
            }
        }
        self.orphans.end_batch();
        if self.more_to_reap {
            self.reap();
        }
        self.tick();
        self.tell_taken_over();
        self.protect_when_alone();
    }

    /// Whether nothing is left to do.
    fn is_over(&self) -> bool {
        match self.farewell {
            Farewell::Over => true,
            Farewell::NotYet => self.scanner.is_none() && self.tasks.is_empty(),
            Farewell::Stopping | Farewell::Sweeping(_) => false,
        }
    }

    /// How long there is nothing to do, if nothing happens.
    fn wait_limit(&self) -> Option<Duration> {
        if self.more_to_reap {
            return Some(Duration::ZERO);
        }
        let due = [
            self.deadlines.first().map(|(at, _)| *at),
            self.scanner.as_ref().and_then(Scanner::deadline),
            self.farewell.deadline(),
            self.look_at_adopted,
            self.check.as_ref().map(|check| check.give_up_at),
        ];
        let at = due.into_iter().flatten().min()?;
        Some(at.since(now().monotonic))
    }

    fn take_signals(&mut self) {
        // Those that come while these are served wait for the next turn: children that end faster
        // than they are reaped must not keep us here.
        for _ in 0..signals::KINDS {
            let Ok(Some(number)) = self.signals.next() else { return };
            match number {
                signals::CHLD => self.reap(),
                signals::TERM | signals::INT => self.stop_all(),
                signals::USR1 | signals::USR2 => self.end_machine(machine::End::PowerOff),
                signals::HUP | signals::ALRM => self.rescan(),
                signals::QUIT => self.quit(),
                _ => {}
            }
        }
    }

    fn take_letters(&mut self, id: TaskId) {
        let letters: Vec<Letter> =
            self.tasks.get(&id).map(|task| task.letters()).unwrap_or_default();
        for letter in letters {
            self.feed(id, Event::Letter(letter));
        }
    }

    fn take_changes(&mut self) {
        let changes = self.watcher.as_ref().and_then(|watcher| watcher.changes().ok());
        for change in changes.unwrap_or_default() {
            match change {
                Change::Entry(watch, name) if self.scans(watch) => self.look_at(name),
                Change::Entry(watch, _) => self.mended(watch),
                Change::Content(watch) => self.look_at_limits(watch),
                Change::Itself(watch) if self.scans(watch) => self.rescan(),
                Change::Itself(_) => {}
                Change::Overflow => self.lost_count(),
            }
        }
    }

    fn scans(&self, watch: Watch) -> bool {
        self.scanner.as_ref().is_some_and(|scanner| scanner.watch == Some(watch))
    }

    fn mended(&mut self, watch: Watch) {
        if let Some(id) = self.watches.get(&watch) {
            self.feed(*id, Event::Mended);
        }
    }

    /// Changes were lost: everything may have changed.
    fn lost_count(&mut self) {
        self.rescan();
        let watches: Vec<Watch> = self.watches.keys().copied().collect();
        for watch in watches {
            self.mended(watch);
            self.look_at_limits(watch);
        }
    }

    /// The stamps in the status files are by the wall clock, and svstat counts from them.
    fn take_clock_step(&mut self) {
        let stepped = self.clock_steps.as_ref().is_some_and(|steps| steps.taken().unwrap_or(false));
        if stepped {
            let ids: Vec<TaskId> = self.tasks.keys().copied().collect();
            for id in ids {
                if let Some(task) = self.tasks.get_mut(&id) {
                    task.forget_written();
                }
                self.remember(id);
                self.publish(id);
            }
        }
    }

    fn tick(&mut self) {
        let due = now().monotonic;
        if self.deadlines.iter().nth(1).is_some_and(|(at, _)| *at <= due) {
            // Who has to be counted again has ended before.
            self.orphans.begin_batch();
        }
        for _ in 0..TICKS_PER_TURN {
            match self.deadlines.first() {
                Some((at, id)) if *at <= due => {
                    let id = *id;
                    self.tick_census(id, due);
                    self.feed(id, Event::Tick);
                }
                Some(_) | None => break,
            }
        }
        self.orphans.end_batch();
        self.tick_adopted(due);
        self.tick_check(due);
        self.tick_scanner(due);
        self.tick_farewell(due);
    }

    /// A number that was never used.
    pub(crate) fn new_task_id(&mut self) -> TaskId {
        let id = TaskId(self.next_task);
        self.next_task = self.next_task.wrapping_add(1);
        id
    }
}

/// A reading of both clocks.
pub(crate) fn now() -> Now {
    Now { monotonic: Monotonic(clock::monotonic()), boottime: Boottime(clock::boottime()) }
}

/// Without it (a sandbox without timerfd) only daemontools' own svstat is wrong after a step.
fn watch_clock(reactor: &Reactor<Token>) -> Option<ClockSteps> {
    let steps = ClockSteps::watch().ok()?;
    reactor.add(&steps, &Token::ClockSteps).ok()?;
    Some(steps)
}
