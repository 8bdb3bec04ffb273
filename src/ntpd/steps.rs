//! Steps and what goes with them: the programs before and after, one line for programs that read
//! logs, and the last good time where a machine begins in 1970.

use std::process::ExitCode;

use ntp::client::Event;
use ntp::time::{Now, Raw, Span, Wall};

use super::daemon::Daemon;
use super::hooks::When;
use super::last_good::LastGood;
use super::machine::Machine;
use super::resolver::GLANCE;

const NANOS: i64 = 1_000_000_000;

/// Not at every packet: who is asked a lot has better things to do.
const LOOK_EVERY: Span = Span::from_nanos(100_000_000);

/// A kept time beyond the start of 2200 is a damaged file: stamps end before.
const TIME_MAX: i64 = 7_258_118_400;

/// The steps of this process's life.
#[derive(Debug)]
pub(crate) struct Steps {
    /// How many.
    pub(crate) count: u64,
    /// The last one, in words.
    pub(crate) last: Option<String>,
    /// The last good time, Unix seconds, until it was looked at.
    good: Option<i64>,
    /// Whether the clock may be set forward to it.
    any_first: bool,
    /// When was looked around.
    looked: Raw,
}

impl Steps {
    /// None so far. `good` is the time that was kept, `any_first` says that -g allows to use it.
    pub(crate) fn new(good: Option<i64>, any_first: bool) -> Self {
        Self { count: 0, last: None, good, any_first, looked: Raw::default() }
    }
}

impl<M: Machine> Daemon<M> {
    /// A clock that is before the last time that was good is surely wrong: with -g it is set
    /// forward to that, long before a server has answered.
    pub(super) fn set_forward(&mut self) {
        let Some(good) = self.steps.good.take().filter(|good| (1..TIME_MAX).contains(good)) else {
            return;
        };
        let before = self.machine.now();
        let by = Wall::from_nanos(good * NANOS) - before.wall;
        if by <= Span::ZERO {
            return;
        }
        let seconds = by.seconds();
        let line = format!("the clock is {seconds:.0} s before the last time that was good");
        let Some(steering) = &self.steering else { return };
        if !self.steps.any_first {
            return self.log.warning(&format!("{line}; -g would set it forward to that"));
        }
        match steering.step(&self.machine, by.nanos()) {
            Ok(()) => {
                self.log.info(&format!("{line}; it is set forward to that, for the time being"));
                self.stepped(by, before, "file");
            }
            Err(error) => {
                let why = cli::reason(&error);
                self.log.warning(&format!("{line}; unable to set it forward: {why}"));
            }
        }
    }

    /// The clock was stepped, by what the servers or a file say.
    pub(super) fn stepped(&mut self, by: Span, before: Now, by_whom: &str) {
        let seconds = by.seconds();
        self.steps.count += 1;
        let (from, to) = (unix(before.wall), unix(before.wall + by));
        self.log.info(&format!(
            "event=step offset={seconds:+.9} from={from} to={to} by={by_whom} count={}",
            self.steps.count
        ));
        self.steps.last = Some(format!("{seconds:+.6} s by what the {by_whom} said, at {to}"));
        if let Err(line) = self.hooks.begin(&self.machine, When::After, by) {
            self.log.warning(&line);
        }
    }

    /// Something is to be done before a step. Where that cannot even begin, the step does not wait.
    pub(super) fn prepare(&mut self, by: Span) -> Option<Event<'static>> {
        match self.hooks.begin(&self.machine, When::Before, by) {
            Ok(()) => None,
            Err(line) => {
                self.log.warning(&line);
                Some(Event::Prepared)
            }
        }
    }

    /// Programs that have ended.
    pub(super) fn look_at_hooks(&mut self) -> Option<ExitCode> {
        let mut code = None;
        for (when, line) in self.hooks.harvest(self.machine.raw()) {
            self.log.info(&line);
            if when == When::Before {
                code = code.or_else(|| self.tell(Event::Prepared));
            }
        }
        code
    }

    /// At the end of `-q`: nobody else would see to it that a program after a step ends.
    pub(super) fn wait_for_hooks(&mut self) {
        while self.hooks.is_busy() && self.machine.wish().is_none() {
            for (_, line) in self.hooks.harvest(self.machine.raw()) {
                self.log.info(&line);
            }
            if self.hooks.is_busy() && self.sockets.wait(&self.machine, &[], GLANCE).is_err() {
                return;
            }
        }
    }

    /// What the next start should know, while the time is good.
    pub(super) fn last_good(&self, now: Now) -> Option<LastGood> {
        let is_good = self.client.view(now).is_known;
        let theta = self.client.offset(now).filter(|_| is_good);
        let (offset, _) = theta?;
        let time = (now.wall + offset).nanos() / NANOS;
        Some(LastGood { time: Some(time), hosts: self.client.good_addresses() })
    }

    /// Is somebody else at our clock?
    pub(super) fn look_for_rivals(&mut self) {
        if self.steering.is_some()
            && let Some(line) = self.rivals.look(&self.machine, self.machine.raw())
        {
            self.log.warning(&line);
        }
    }

    /// Now and then: is somebody else at our clock, and is it right enough to say so?
    pub(super) fn look_around(&mut self) {
        let raw = self.machine.raw();
        if raw - self.steps.looked < LOOK_EVERY {
            return;
        }
        self.steps.looked = raw;
        self.look_for_rivals();
        let now = self.machine.now();
        let is_good = || self.client.view(now).is_known;
        if let Some(ready) = self.ready.as_mut().filter(|ready| !ready.is_said())
            && let Some((offset, sd)) = self.client.offset(now)
            && is_good()
        {
            match ready.look(offset, sd) {
                Some(Ok(line)) => self.log.info(&line),
                Some(Err(line)) => self.log.warning(&line),
                None => {}
            }
        }
    }
}

/// Seconds since 1970, as `date +%s` has them.
fn unix(wall: Wall) -> String {
    let nanos = wall.nanos();
    format!("{}.{:06}", nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS) / 1000)
}
