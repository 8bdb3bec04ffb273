//! From the options to the loop: what is opened with root's power, what is given up, and what is
//! known from before.

use std::path::PathBuf;
use std::process::ExitCode;

use cli::UnableExt as _;
use ntp::bank::Frequency;
use ntp::client::{Authority, Client, Level, Setup};
use sys::timex::{self, Adjtimex, Steering};
use sys::wake;

use super::clock;
use super::control::Control;
use super::daemon::{Daemon, PPM};
use super::hooks::Hooks;
use super::kernel::Kernel;
use super::leaps::Leaps;
use super::log::Log;
use super::machine::Machine;
use super::options::Options;
use super::privileges::{self, Belongings};
use super::proofs::Proofs;
use super::ready::Ready;
use super::resolver::Resolver;
use super::rivals::Rivals;
use super::service::Service;
use super::sockets::Sockets;
use super::state::State;
use super::steps::Steps;

/// How far a kept frequency is trusted, as a ratio: the room may be warmer today.
const KEPT_SD: f64 = 2e-6;

/// How far an oscillator is trusted that nothing is known of, as a ratio.
const UNKNOWN_SD: f64 = 1e-4;

/// What was opened while everything could be.
pub(super) struct Opened {
    pub(super) service: Option<Service>,
    pub(super) control: Option<Control>,
    pub(super) state: Option<State>,
    pub(super) ready: Option<Ready>,
}

/// Runs until told to leave.
///
/// # Errors
/// What makes a start impossible, and a poll(2) that fails.
pub(crate) fn run(mut options: Options) -> anyhow::Result<ExitCode> {
    // Before anything is opened that could get the descriptor's number.
    let (ready, trouble) = options.ready.map(|(within, fd)| Ready::new(within, fd)).unzip();
    let mut log = Log::open(options.log.clone(), options.debug)?;
    if let Some(warning) = trouble.flatten() {
        log.warning(&warning);
    }
    for note in &options.notes {
        log.info(note);
    }
    for warning in &options.warnings {
        log.warning(warning);
    }
    wake::install().unable("catch signals")?;
    sys::entry::ignore_sigxfsz();
    let is_local = options.servers.is_empty();
    let machine = Kernel::new();
    let serve = options.serve.take();
    let user = privileges::whom(options.user.as_deref())?;
    let keeper = user.as_ref().map(|user| user.uid);
    let open = |serve| Service::open(&machine, serve, is_local, keeper);
    let mut service = serve.map(open).transpose()?;
    for (level, line) in service.iter_mut().flat_map(Service::lines) {
        log.say(level, &line);
    }
    let control = listen(options.socket.take(), &mut log);
    let mut state = options.drift.clone().map(State::new);
    let steers = !options.observe && !is_local;
    let belongings =
        Belongings { state: state.as_mut(), control: control.as_ref(), service: service.as_mut() };
    privileges::give_up(options.user.as_deref(), user.as_ref(), steers, belongings, &mut log)?;
    log.settle()?;
    let opened = Opened { service, control, state, ready };
    let mut daemon = Daemon::begin(machine, options, log, opened);
    // Programs around a step are the operator's, and may need any call.
    if daemon.hooks.is_none() {
        privileges::confine(&mut daemon.log);
    }
    daemon.set_forward();
    daemon.turns()
}

impl<M: Machine> Daemon<M> {
    /// Takes the clock, unless it is to be left alone, and knows what is known.
    pub(super) fn begin(machine: M, options: Options, mut log: Log, opened: Opened) -> Self {
        let Opened { service, control, state, ready } = opened;
        let is_local = options.servers.is_empty();
        let (authority, steering) = take_the_clock(&machine, options.observe || is_local, &mut log);
        let frequency = frequency(&machine, state.as_ref(), &mut log);
        let mut policy = options.policy;
        let steers = steering.is_some();
        let mut keep_first = steers && policy.any_first && !options.once;
        if keep_first && let Some(state) = state.as_ref().filter(|state| state.first_is_over()) {
            policy.any_first = false;
            keep_first = false;
            let file = state.first().display();
            log.info(&format!("-g has been used up in this boot, says {file}"));
        }
        let cure = control.as_ref().map(|control| format!("{} step", control.command()));
        let now = machine.now();
        let last_good = state.as_ref().map(State::last_good).unwrap_or_default();
        let kept_at = state.as_ref().and_then(State::frequency_kept_at);
        let good = last_good.time.and_then(|time| u64::try_from(time).ok());
        let proofs = Proofs::new(options.keys, options.authorities);
        let steps = Steps::new(last_good.time, policy.any_first);
        let setup = Setup {
            servers: options.servers,
            policy,
            authority,
            once: options.once,
            frequency,
            prepares: options.before_step.is_some(),
            known: last_good.hosts,
            announced: machine.announces_steps(),
            permit: cure.clone().unwrap_or(options.permit),
        };
        let mut rivals = Rivals::default();
        rivals.we_steered(&machine);
        Self {
            machine,
            client: Client::new(setup, now),
            steering,
            sockets: Sockets::default(),
            resolver: Resolver::default(),
            proofs,
            known: None,
            floor: clock::floor(good.max(kept_at)),
            log,
            service,
            leaps: Leaps::new(options.leap_file),
            state: state.filter(|_| steers || options.drift_is_meant),
            keep_first,
            kept: now.raw,
            keep_failed: false,
            once: options.once,
            control,
            cure,
            ready,
            hooks: Hooks::new(options.before_step, options.after_step),
            rivals,
            steps,
        }
    }
}

/// Lets `ntpctl` ask, where that can be had. Without it the time is kept all the same.
fn listen(socket: Option<(PathBuf, bool)>, log: &mut Log) -> Option<Control> {
    let (path, is_meant) = socket?;
    match Control::listen(&path) {
        Ok(control) => Some(control),
        Err(error) => {
            let level = if is_meant { Level::Warning } else { Level::Info };
            log.say(level, &format!("{error}; ntpctl cannot ask"));
            None
        }
    }
}

/// Takes the clock, unless it is to be left alone: that is known before anything is tried.
fn take_the_clock(
    kernel: &dyn Adjtimex,
    leave_alone: bool,
    log: &mut Log,
) -> (Authority, Option<Steering>) {
    if leave_alone {
        return (Authority::Observe, None);
    }
    match Steering::acquire(kernel) {
        Ok(steering) => (Authority::Steer, Some(steering)),
        Err(error) => {
            let why = cli::reason(&error);
            log.warning(&format!("this process may not set the clock ({why}): observing only"));
            (Authority::Powerless, None)
        }
    }
}

/// What is known of the oscillator: what was kept, else what the kernel was told last.
fn frequency(kernel: &dyn Adjtimex, state: Option<&State>, log: &mut Log) -> Frequency {
    match state.map(State::frequency) {
        Some(Ok(Some(ppm))) => return Frequency { ratio: ppm * PPM, sd: KEPT_SD },
        Some(Err(error)) => log.warning(&error.to_string()),
        Some(Ok(None)) | None => {}
    }
    // Where even reading is forbidden, nothing is known.
    Frequency { ratio: timex::frequency(kernel).unwrap_or(0.0) * PPM, sd: UNKNOWN_SD }
}
