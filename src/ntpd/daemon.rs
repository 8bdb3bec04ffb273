//! The loop: one thread, one poll(2), no descriptors in it but sockets, and the timer that tells
//! when somebody sets the clock.
//!
//! Each turn does what the client asked for, looks at the signals, waits until the client's
//! deadline or the next datagram, and tells the client what happened. Steering is a value that
//! exists only where the clock is ours to set: with `--observe` it is never made, and there is
//! nothing that could write.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::ExitCode;

use cli::{EXIT_TEMPORARY, UnableExt as _};
use ntp::client::{Action, Client, Event, Outcome, ServerId, Steer};
use ntp::config::Proof;
use ntp::time::{Raw, Span};
use sys::timex::Steering;
use sys::wake::Wish;

use super::clock::{self, When};
use super::control::Control;
use super::hooks::Hooks;
use super::leaps::Leaps;
use super::log::Log;
use super::machine::Machine;
use super::proofs::Proofs;
use super::ready::Ready;
use super::resolver::{GLANCE, Resolver};
use super::rivals::Rivals;
use super::service::Service;
use super::sockets::{self, Arrived, Sockets};
use super::state::State;
use super::steps::Steps;

/// The drift file is written this often.
const KEEP_EVERY: Span = Span::from_secs(3600);

/// Parts per million.
pub(super) const PPM: f64 = 1e-6;

pub(super) struct Daemon<M: Machine> {
    pub(super) machine: M,
    pub(super) client: Client,
    pub(super) steering: Option<Steering>,
    pub(super) sockets: Sockets<M::Wire>,
    pub(super) resolver: Resolver<M::Process>,
    pub(super) proofs: Proofs,
    /// What the time was last known to be: true time minus the oscillator.
    pub(super) known: Option<Span>,
    /// What has passed for sure, in seconds since 1970.
    pub(super) floor: u64,
    pub(super) log: Log,
    pub(super) service: Option<Service>,
    pub(super) leaps: Leaps,
    pub(super) state: Option<State>,
    /// -g is not yet used up.
    pub(super) keep_first: bool,
    pub(super) kept: Raw,
    /// The drift file could not be written, and that was said.
    pub(super) keep_failed: bool,
    pub(super) once: bool,
    pub(super) control: Option<Control>,
    /// The command that allows what is refused.
    pub(super) cure: Option<String>,
    pub(super) ready: Option<Ready>,
    pub(super) hooks: Hooks<M::Process>,
    pub(super) rivals: Rivals,
    pub(super) steps: Steps,
}

impl<M: Machine> Daemon<M> {
    /// Goes on until told to leave.
    ///
    /// # Errors
    /// Those of poll(2).
    pub(super) fn turns(&mut self) -> anyhow::Result<ExitCode> {
        loop {
            self.look_around();
            if let Some(code) = self.tell(Event::Tick) {
                return Ok(code);
            }
            match self.machine.wish() {
                Some(Wish::Stop) => return Ok(self.leave()),
                Some(Wish::Hangup) => {
                    if let Err(error) = self.log.reopen() {
                        self.log.warning(&error.to_string());
                    }
                    self.service.iter_mut().for_each(Service::reload);
                    if let Some(code) = self.tell(Event::Network) {
                        return Ok(code);
                    }
                }
                None => {}
            }
            if let Some(code) = self.prove() {
                return Ok(code);
            }
            let (arrived, asked) = self.wait().unable("wait for packets")?;
            self.look_for_leaps();
            self.answer(&asked);
            let code = self.take_in(arrived).or_else(|| self.answer_all());
            if let Some(code) = code.or_else(|| self.look_at_hooks()) {
                return Ok(code);
            }
            self.keep();
        }
    }

    /// Waits until something is to be done; what came, and which sockets of the service were asked.
    fn wait(&mut self) -> std::io::Result<(Vec<Arrived>, Vec<bool>)> {
        let limit = self.limit();
        let served = self.service.as_ref().map_or(&[][..], Service::sockets);
        let control = self.control.as_ref();
        let now = self.machine.raw();
        let control = control.map(|control| control.descriptors(now)).unwrap_or_default();
        let guests = self.service.as_ref().map(|service| service.guests(now));
        let others = served.iter().map(|socket| socket.as_fd()).chain(control);
        let others = others.chain(guests.into_iter().flatten());
        let others: Vec<BorrowedFd<'_>> = others.collect();
        let (arrived, mut ready) = self.sockets.wait(&self.machine, &others, limit)?;
        ready.truncate(served.len());
        if ready.contains(&true) {
            let now = self.machine.raw();
            self.service.iter_mut().for_each(|service| service.is_asked(now));
        }
        Ok((arrived, ready))
    }

    /// Until when there is nothing to do.
    fn limit(&mut self) -> std::time::Duration {
        let now = self.machine.now();
        let rest = self.service.as_mut().and_then(|service| service.rest(now.raw));
        let asked = self.control.as_ref().and_then(|control| control.deadline(now.raw));
        let deadlines = [self.client.deadline(), asked].into_iter().flatten();
        let spans = deadlines.map(|at| at - now.raw).chain(rest);
        let limit = sockets::limit(spans.fold(self.leaps.wait(now), Span::min));
        let busy = self.resolver.is_busy() || self.proofs.is_busy() || self.hooks.is_busy();
        if busy { limit.min(GLANCE) } else { limit }
    }

    /// Goes on with handshakes.
    fn prove(&mut self) -> Option<ExitCode> {
        let when = self.when();
        self.proofs.turn(self.machine.raw(), when);
        let events = self.proofs.harvest(self.machine.raw());
        for (level, text) in self.proofs.lines() {
            self.log.say(level, &text);
        }
        events.into_iter().find_map(|event| self.tell(event))
    }

    /// What the time is, for certificates, and whether that is certain: once it was known the
    /// oscillator knows it.
    fn when(&mut self) -> When {
        let now = self.machine.now();
        let reference = self.client.status(now).reference;
        if reference.stratum > 0 {
            self.known = Some(now.theta() + reference.correction);
        }
        let wall = now.raw.wall(self.known.unwrap_or(now.theta()));
        When { now: clock::seconds(wall), is_known: self.known.is_some(), floor: self.floor }
    }

    fn take_in(&mut self, arrived: Vec<Arrived>) -> Option<ExitCode> {
        let now = self.machine.now();
        for Arrived { source, left, received, bytes } in arrived {
            let left = left.and_then(|left| clock::stamped(now, left));
            if let Some(left) = left
                && let Some(code) = self.tell(Event::Left(source, left))
            {
                return Some(code);
            }
            let proof = self.client.proof(source);
            let event = sockets::event(source, received, &bytes, now, |bytes| {
                self.proofs.open(source, proof, bytes)
            });
            if let Some(event) = event
                && let Some(code) = self.tell(event)
            {
                return Some(code);
            }
        }
        let found = self.resolver.harvest(now.raw);
        found.into_iter().find_map(|event| self.tell(event))
    }

    /// Tells the client what happened and does what it asks for, until it asks for no more. The
    /// exit code, where that was to leave.
    pub(super) fn tell(&mut self, event: Event) -> Option<ExitCode> {
        let mut actions = VecDeque::from(self.client.step(self.machine.now(), event));
        while let Some(action) = actions.pop_front() {
            let event = match action {
                Action::Send(source, to) => {
                    let proof = self.client.proof(source);
                    let shows = self.client.shows(source);
                    let proven = |request| self.proofs.request(source, proof, request);
                    Some(self.sockets.ask(&self.machine, source, to, shows, proven))
                }
                Action::Resolve(server, host) => self.resolve(server, &host),
                Action::Steer(steer) => self.steer(steer),
                Action::Prepare(by) => self.prepare(by),
                Action::Forget(source) => {
                    self.sockets.forget(source);
                    self.proofs.forget(source);
                    None
                }
                Action::Say(level, text) => {
                    self.log.say(level, &text);
                    None
                }
                Action::Done(outcome) => return Some(self.done(outcome)),
            };
            if let Some(event) = event {
                actions.extend(self.client.step(self.machine.now(), event));
            }
        }
        None
    }

    /// Finds out where a server is, and who.
    fn resolve(&mut self, server: ServerId, host: &str) -> Option<Event<'static>> {
        let when = self.when();
        match self.client.proof_of(server) {
            Proof::Nts(ca) => {
                self.proofs.shake(server, host, ca.as_deref(), self.machine.raw(), when)
            }
            Proof::None | Proof::Key(_) => self.resolver.ask(&self.machine, server, host),
        }
    }

    /// Does what is to be done to the clock, where there is something to do it with.
    fn steer(&mut self, steer: Steer) -> Option<Event<'static>> {
        self.look_for_rivals();
        let steering = self.steering.as_ref()?;
        let machine = &self.machine;
        let before = machine.now();
        let done = match steer {
            Steer::Step(by) => steering.step(machine, by.nanos()),
            Steer::Slew { by, time_constant } => steering.slew(machine, by.nanos(), time_constant),
            Steer::Frequency(ratio) => steering.set_frequency(machine, ratio / PPM),
            Steer::Known { error, bound } => {
                steering.set_errors(machine, micros(error), micros(bound))
            }
        };
        self.rivals.we_steered(machine);
        if let (Steer::Step(by), Ok(())) = (steer, &done) {
            self.stepped(by, before, "servers");
        }
        done.err().map(|error| {
            self.steering = None;
            Event::Powerless(cli::reason(&error).into_owned())
        })
    }

    fn answer(&mut self, asked: &[bool]) {
        let when = self.when();
        let Some(service) = &mut self.service else { return };
        if asked.contains(&true) {
            let known = self.client.status(self.machine.now()).reference;
            service.answer(&self.machine, asked, known, &self.leaps, &self.proofs);
        }
        service.turn(&self.machine, when);
        for (level, line) in service.lines() {
            self.log.say(level, &line);
        }
    }

    /// A leap second that the kernel has made must be known before anything else is looked at.
    fn look_for_leaps(&mut self) {
        let steering = self.steering.as_ref();
        let now = self.machine.now();
        self.leaps.look(now, &mut self.client, &self.machine, steering, &mut self.log);
    }

    /// Writes down, now and then, what the next start should know.
    fn keep(&mut self) {
        let Some(state) = &self.state else { return };
        if self.keep_first && self.client.status(self.machine.now()).has_accepted {
            self.keep_first = false;
            if let Err(error) = state.keep_first_is_over() {
                self.log.warning(&error.to_string());
            }
        }
        if self.machine.raw() - self.kept >= KEEP_EVERY {
            self.keep_what_is_known();
        }
    }

    fn keep_what_is_known(&mut self) {
        let now = self.machine.now();
        self.kept = now.raw;
        let Some(state) = &self.state else { return };
        let frequency = self.client.status(now).frequency;
        let kept = frequency.map(|frequency| state.keep_frequency(frequency.ratio / PPM));
        let good = self.last_good(now).map(|good| state.keep_last_good(&good));
        let error = [kept, good].into_iter().flatten().find_map(Result::err);
        if let Some(error) = error.as_ref().filter(|_| !self.keep_failed) {
            self.log.warning(&error.to_string());
        }
        self.keep_failed = error.is_some();
    }

    /// Leaves in good order: the clock runs on, steadily.
    fn leave(&mut self) -> ExitCode {
        self.keep_what_is_known();
        if let Some(Err(error)) =
            self.steering.as_ref().map(|steering| steering.rest(&self.machine))
        {
            self.log
                .warning(&format!("unable to bring the clock to rest: {}", cli::reason(&error)));
        }
        self.log.info("told to leave");
        if self.once { ExitCode::from(EXIT_TEMPORARY) } else { ExitCode::SUCCESS }
    }

    /// The time was to be set once. A slew that has begun goes on by itself.
    fn done(&mut self, outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::Set => {
                self.keep_what_is_known();
                self.wait_for_hooks();
                ExitCode::SUCCESS
            }
            Outcome::Observed => ExitCode::SUCCESS,
            Outcome::Failed(why) => {
                let what = if self.steering.is_some() { "set the clock" } else { "tell the time" };
                self.log.fatal(&format!("unable to {what}: {why}"));
                ExitCode::from(EXIT_TEMPORARY)
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, as is right here")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).ceil() as i64
}
