//! The loop: one thread, one poll(2), no descriptors in it but sockets, and the timer
//! that tells when somebody sets the clock.
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
use ntp::server::Reference;
use ntp::time::{Now, Raw, Span};
use sys::timex::{self, Steering};
use sys::wake::{self, Wish};

use super::clock;
use super::log::Log;
use super::options::{Options, Serve};
use super::resolver::{GLANCE, Resolver};
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
    log: Log,
    serve: Option<Serve>,
    /// No server is configured: it is the local clock that is served.
    is_local: bool,
    /// The clock that is served instead, as a test instrument: its time minus the oscillator.
    instrument: Option<Span>,
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
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let mut log = Log::open(options.log.clone(), options.debug)?;
    for note in &options.notes {
        log.info(note);
    }
    for warning in &options.warnings {
        log.warning(warning);
    }
    wake::install().unable("catch signals")?;
    sys::entry::ignore_sigxfsz();
    let mut sockets = Sockets::default();
    if let Some(serve) = &options.serve {
        let at = sockets.serve(serve.at)?;
        log.info(&serving(at, serve, options.servers.is_empty()));
    }
    let mut daemon = Daemon::begin(options, log, sockets);
    let code = daemon.turns()?;
    Ok(code)
}

fn serving(at: std::net::SocketAddr, serve: &Serve, is_local: bool) -> String {
    let what = if is_local { "the local clock" } else { "the time" };
    let stratum = if is_local { format!(", stratum {}", serve.stratum) } else { String::new() };
    let off = match serve.off {
        None => String::new(),
        Some(off) => format!(", off by {:+.6} s on purpose (--serve-offset)", off.seconds()),
    };
    format!("serving {what} on {at}{stratum}{off}")
}

impl Daemon {
    fn begin(options: Options, mut log: Log, mut sockets: Sockets) -> Self {
        let is_local = options.servers.is_empty();
        let (authority, steering) = take_the_clock(options.observe || is_local, &mut log);
        let state = options.drift.clone().map(State::new);
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
        let setup = Setup {
            servers: options.servers,
            policy,
            authority,
            once: options.once,
            frequency,
            permit: options.permit,
            announced: sockets.watch_steps(),
        };
        Self {
            client: Client::new(setup, now),
            steering,
            sockets,
            resolver: Resolver::default(),
            log,
            serve: options.serve,
            is_local,
            instrument: options.serve.and_then(|serve| serve.off).map(|off| now.theta() + off),
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
            let arrived = self.sockets.wait(self.limit()).unable("wait for packets")?;
            if let Some(code) = self.take_in(arrived) {
                return Ok(code);
            }
            self.keep();
        }
    }

    /// Until when there is nothing to do.
    fn limit(&self) -> std::time::Duration {
        let limit = sockets::limit(self.client.deadline() - clock::raw());
        if self.resolver.is_busy() { limit.min(GLANCE) } else { limit }
    }

    fn take_in(&mut self, arrived: Vec<Arrived>) -> Option<ExitCode> {
        let now = clock::now();
        for arrived in arrived {
            match arrived {
                Arrived::Question(asked, bytes) => {
                    let reference = self.reference(now);
                    let bytes = bytes.get(..asked.length).unwrap_or_default();
                    self.sockets.answer(now, asked, bytes, &reference);
                }
                Arrived::Answer(source, received, bytes) => {
                    if let Some(event) = sockets::event(source, received, &bytes, now)
                        && let Some(code) = self.tell(event)
                    {
                        return Some(code);
                    }
                }
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
                Action::Send(source, to) => Some(self.sockets.ask(source, to)),
                Action::Resolve(server, host) => self.resolver.ask(server, &host, clock::raw()),
                Action::Steer(steer) => self.steer(steer),
                Action::Forget(source) => {
                    self.sockets.forget(source);
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

    fn reference(&self, now: Now) -> Reference {
        match self.serve {
            Some(serve) if self.is_local => {
                let off = self.instrument.map_or(Span::ZERO, |theta| theta - now.theta());
                Reference::local(serve.stratum, now.wall, off)
            }
            Some(_) | None => self.client.status(now).reference,
        }
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
