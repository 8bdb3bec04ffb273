//! The loop: one thread, one poll(2), no descriptors in it but sockets.
//!
//! Each turn does what the client asked for, looks at the signals, waits until the client's
//! deadline or the next datagram, and tells the client what happened. Steering is a value that
//! exists only where the clock is ours to set: with `--observe` it is never made, and there is
//! nothing that could write.

use std::collections::VecDeque;
use std::process::ExitCode;

use cli::{EXIT_TEMPORARY, UnableExt as _};
use ntp::bank::Frequency;
use ntp::client::{Action, Authority, Client, Event, Outcome, Setup, Steer};
use ntp::config::Proof;
use ntp::time::{Raw, Span, Wall};
use sys::timex::{self, Steering};
use sys::wake::{self, Wish};

use super::clock;
use super::leaps::Leaps;
use super::log::Log;
use super::options::Options;
use super::privileges;
use super::proofs::{Proofs, When};
use super::resolver::{GLANCE, Resolver};
use super::service::Service;
use super::sockets::{self, Arrived, Sockets};
use super::state::State;

/// The drift file is written this often.
const KEEP_EVERY: Span = Span::from_secs(3600);

/// How far a kept frequency is trusted, as a ratio: the room may be warmer today.
const KEPT_SD: f64 = 2e-6;

/// How far an oscillator is trusted that nothing is known of, as a ratio.
const UNKNOWN_SD: f64 = 1e-4;

/// Parts per million.
const PPM: f64 = 1e-6;

struct Daemon {
    client: Client,
    steering: Option<Steering>,
    sockets: Sockets,
    resolver: Resolver,
    proofs: Proofs,
    /// What the time was last known to be: true time minus the oscillator.
    known: Option<Span>,
    log: Log,
    service: Option<Service>,
    leaps: Leaps,
    state: Option<State>,
    /// -g is not yet used up.
    keep_first: bool,
    kept: Raw,
    /// The drift file could not be written, and that was said.
    keep_failed: bool,
    once: bool,
}

/// Runs until told to leave.
///
/// # Errors
/// What makes a start impossible, and a poll(2) that fails.
pub(crate) fn run(mut options: Options) -> anyhow::Result<ExitCode> {
    let mut log = Log::open(options.log.clone(), options.debug)?;
    for note in &options.notes {
        log.info(note);
    }
    for warning in &options.warnings {
        log.warning(warning);
    }
    wake::install().unable("catch signals")?;
    sys::entry::ignore_sigxfsz();
    let is_local = options.servers.is_empty();
    let service = options.serve.take().map(|serve| Service::open(serve, is_local)).transpose()?;
    if let Some(service) = &service {
        log.info(&service.sentence());
    }
    let mut state = options.drift.clone().map(State::new);
    let steers = !options.observe && !is_local;
    privileges::give_up(options.user.as_deref(), steers, state.as_mut(), &mut log)?;
    let mut daemon = Daemon::begin(options, log, service, state);
    privileges::confine(&mut daemon.log);
    let code = daemon.turns()?;
    Ok(code)
}

impl Daemon {
    fn begin(
        options: Options,
        mut log: Log,
        service: Option<Service>,
        state: Option<State>,
    ) -> Self {
        let is_local = options.servers.is_empty();
        let (authority, steering) = take_the_clock(options.observe || is_local, &mut log);
        let frequency = frequency(state.as_ref(), &mut log);
        let mut policy = options.policy;
        let steers = steering.is_some();
        let mut keep_first = steers && policy.any_first && !options.once;
        if keep_first && let Some(state) = state.as_ref().filter(|state| state.first_is_over()) {
            policy.any_first = false;
            keep_first = false;
            let file = state.first().display();
            log.info(&format!("-g has been used up in this boot, says {file}"));
        }
        let now = clock::now();
        let last_good = state.as_ref().and_then(State::last_good);
        let proofs = Proofs::new(options.keys, options.authorities, last_good);
        let setup = Setup {
            servers: options.servers,
            policy,
            authority,
            once: options.once,
            frequency,
            permit: options.permit,
        };
        Self {
            client: Client::new(setup, now),
            steering,
            sockets: Sockets::default(),
            resolver: Resolver::default(),
            proofs,
            known: None,
            log,
            service,
            leaps: Leaps::new(options.leap_file),
            state: state.filter(|_| steers || options.drift_is_meant),
            keep_first,
            kept: now.raw,
            keep_failed: false,
            once: options.once,
        }
    }

    fn turns(&mut self) -> anyhow::Result<ExitCode> {
        loop {
            if let Some(code) = self.tell(Event::Tick) {
                return Ok(code);
            }
            match wake::take() {
                Some(Wish::Stop) => return Ok(self.leave()),
                Some(Wish::Hangup) => {
                    if let Err(error) = self.log.reopen() {
                        self.log.warning(&error.to_string());
                    }
                    if let Some(code) = self.tell(Event::Network) {
                        return Ok(code);
                    }
                }
                None => {}
            }
            if let Some(code) = self.prove() {
                return Ok(code);
            }
            let limit = self.limit();
            let others = self.service.as_ref().map_or(&[][..], Service::sockets);
            let came = self.sockets.wait(others, limit).unable("wait for packets")?;
            let (arrived, asked) = came;
            self.look_for_leaps();
            self.answer(&asked);
            if let Some(code) = self.take_in(arrived) {
                return Ok(code);
            }
            self.keep();
        }
    }

    /// Until when there is nothing to do.
    fn limit(&mut self) -> std::time::Duration {
        let now = clock::now();
        let rest = self.service.as_mut().and_then(|service| service.rest(now.raw));
        let leap = self.leaps.wait(now);
        let limit = sockets::limit(self.client.deadline() - now.raw).min(sockets::limit(leap));
        let limit = rest.map_or(limit, |rest| limit.min(sockets::limit(rest)));
        let busy = self.resolver.is_busy() || self.proofs.is_busy();
        if busy { limit.min(GLANCE) } else { limit }
    }

    /// Goes on with handshakes.
    fn prove(&mut self) -> Option<ExitCode> {
        let when = self.when();
        self.proofs.turn(clock::raw(), when);
        let events = self.proofs.harvest(clock::raw());
        for (level, text) in self.proofs.lines() {
            self.log.say(level, &text);
        }
        events.into_iter().find_map(|event| self.tell(event))
    }

    /// What the time is, for certificates, and whether that is certain: once it was known the
    /// oscillator knows it.
    fn when(&mut self) -> When {
        let now = clock::now();
        let reference = self.client.status(now).reference;
        if reference.stratum > 0 {
            self.known = Some(now.theta() + reference.correction);
        }
        let wall = now.raw.wall(self.known.unwrap_or(now.theta())) - Wall::default();
        let seconds = u64::try_from(wall.nanos() / 1_000_000_000).unwrap_or(0);
        When { now: seconds, is_known: self.known.is_some() }
    }

    fn take_in(&mut self, arrived: Vec<Arrived>) -> Option<ExitCode> {
        let now = clock::now();
        for Arrived { source, received, bytes } in arrived {
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
    fn tell(&mut self, event: Event) -> Option<ExitCode> {
        let mut actions = VecDeque::from(self.client.step(clock::now(), event));
        while let Some(action) = actions.pop_front() {
            let event = match action {
                Action::Send(source, to) => {
                    let proof = self.client.proof(source);
                    let request = |stamp| self.proofs.request(source, proof, stamp);
                    Some(self.sockets.ask(source, to, request))
                }
                Action::Resolve(server, host) => {
                    let when = self.when();
                    match self.client.proof_of(server) {
                        Proof::Nts(ca) => self.proofs.shake(server, &host, ca.as_deref(), when),
                        Proof::None | Proof::Key(_) => {
                            self.resolver.ask(server, &host, clock::raw())
                        }
                    }
                }
                Action::Steer(steer) => self.steer(steer),
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
                actions.extend(self.client.step(clock::now(), event));
            }
        }
        None
    }

    /// Does what is to be done to the clock, where there is something to do it with.
    fn steer(&mut self, steer: Steer) -> Option<Event<'static>> {
        let steering = self.steering.as_ref()?;
        let done = match steer {
            Steer::Step(by) => steering.step(by.nanos()),
            Steer::Slew { by, time_constant } => steering.slew(by.nanos(), time_constant),
            Steer::Frequency(ratio) => steering.set_frequency(ratio / PPM),
            Steer::Known { error, bound } => steering.set_errors(micros(error), micros(bound)),
        };
        done.err().map(|error| {
            self.steering = None;
            Event::Powerless(cli::reason(&error).into_owned())
        })
    }

    fn answer(&mut self, asked: &[bool]) {
        if asked.contains(&true)
            && let Some(service) = &mut self.service
        {
            let known = self.client.status(clock::now()).reference;
            service.answer(asked, known, &self.leaps);
        }
    }

    /// A leap second that the kernel has made must be known before anything else is looked at.
    fn look_for_leaps(&mut self) {
        let steering = self.steering.as_ref();
        self.leaps.look(clock::now(), &mut self.client, steering, &mut self.log);
    }

    /// Writes down, now and then, what the next start should know.
    fn keep(&mut self) {
        let Some(state) = &self.state else { return };
        if self.keep_first && self.client.status(clock::now()).has_accepted {
            self.keep_first = false;
            if let Err(error) = state.keep_first_is_over() {
                self.log.warning(&error.to_string());
            }
        }
        if clock::raw() - self.kept >= KEEP_EVERY {
            self.keep_frequency();
        }
    }

    fn keep_frequency(&mut self) {
        let now = clock::now();
        self.kept = now.raw;
        let frequency = self.client.status(now).frequency;
        if let Some((state, frequency)) = self.state.as_ref().zip(frequency) {
            let kept = state.keep_frequency(frequency.ratio / PPM);
            if let Err(error) = &kept
                && !self.keep_failed
            {
                self.log.warning(&error.to_string());
            }
            self.keep_failed = kept.is_err();
        }
    }

    /// Leaves in good order: the clock runs on, steadily.
    fn leave(&mut self) -> ExitCode {
        self.keep_frequency();
        if let Some(Err(error)) = self.steering.as_ref().map(Steering::rest) {
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
                self.keep_frequency();
                ExitCode::SUCCESS
            }
            Outcome::Observed => ExitCode::SUCCESS,
            Outcome::Failed(why) => {
                self.log.fatal(&format!("unable to set the clock: {why}"));
                ExitCode::from(EXIT_TEMPORARY)
            }
        }
    }
}

/// Takes the clock, unless it is to be left alone: that is known before anything is tried.
fn take_the_clock(leave_alone: bool, log: &mut Log) -> (Authority, Option<Steering>) {
    if leave_alone {
        return (Authority::Observe, None);
    }
    match Steering::acquire() {
        Ok(steering) => (Authority::Steer, Some(steering)),
        Err(error) => {
            let why = cli::reason(&error);
            log.warning(&format!("this process may not set the clock ({why}): observing only"));
            (Authority::Powerless, None)
        }
    }
}

/// What is known of the oscillator: what was kept, else what the kernel was told last.
fn frequency(state: Option<&State>, log: &mut Log) -> Frequency {
    match state.map(State::frequency) {
        Some(Ok(Some(ppm))) => return Frequency { ratio: ppm * PPM, sd: KEPT_SD },
        Some(Err(error)) => log.warning(&error.to_string()),
        Some(Ok(None)) | None => {}
    }
    // Where even reading is forbidden, nothing is known.
    Frequency { ratio: timex::frequency().unwrap_or(0.0) * PPM, sd: UNKNOWN_SD }
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, as is right here")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).ceil() as i64
}
