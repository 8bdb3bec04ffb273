//! The shell around [`service`]'s machines: one process, one loop, one supervise task per service.
//!
//! ```text
//!  scan directory ── inotify ─┐                         ┌─> start ./run      (launch)
//!  supervise/control ─ FIFO ──┤                         ├─> send a signal
//!  SIGCHLD, SIGTERM ─ signalfd┼─> Engine::turn ─> step ─┼─> supervise/status (files)
//!  the clock was set ─ timerfd┤   (engine)    (service) ├─> say a sentence   (voice, explain)
//!  a deadline has come ───────┘                         └─> stop, sweep      (farewell)
//! ```
//!
//! Where to start reading: `Engine::run` in `engine` is the main loop; `Engine::feed` in `obey` is
//! where a machine's wishes become system calls. [`svscan`] and [`supervise`] are the two ways in.

mod adoption;
mod census;
mod confine;
mod crash;
mod engine;
mod explain;
mod farewell;
mod files;
mod groups;
mod home;
mod launch;
mod ledger;
mod limits;
mod look;
mod marker;
mod obey;
mod orphans;
mod pair;
mod process_one;
mod readiness;
mod reaping;
mod repeats;
mod scanner;
mod settings;
mod shortage;
mod succession;
mod supervise_dir;
mod survivors;
mod task;
mod token;
mod underway;
mod voice;

use std::path::Path;
use std::time::Duration;

use cli::{Unable, UnableExt as _};

use engine::Engine;
use scanner::Scanner;
use sys::machine::End;
use sys::reexec::Inherited;
use voice::Voice;

/// How long a service may take to end when everything is stopped, unless told otherwise: as long
/// as systemd gives, for a database that writes out its memory.
pub const STOP_GRACE: Duration = Duration::from_secs(90);

const SVSCAN: &str = "svscan";

/// What svscan can be told.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long a service may take to end before it is killed when everything is stopped.
    pub grace: Duration,
    /// Whether each service has a control group, where that is possible.
    pub cgroups: bool,
}

/// Keeps every service of the scan directory `dir` running, until it is told to stop. Process 1 of
/// a machine does not come back from it.
///
/// # Errors
/// What makes it impossible to begin: no such directory, no descriptors.
pub fn svscan(dir: &Path, options: Options) -> Result<(), Unable> {
    let outcome = scan(dir, options);
    if !sys::machine::ends_with_us() {
        return outcome.map(|_| ());
    }
    match outcome {
        Ok(how) => process_one::end(how),
        Err(error) => {
            Voice::new(SVSCAN).warn(error);
        }
    }
    loop {
        process_one::hold();
        sys::revive::again();
    }
}

/// Gives how the machine is to end, if it ends with us.
fn scan(dir: &Path, options: Options) -> Result<End, Unable> {
    let inherited = Inherited::take();
    if inherited.is_none() {
        // Else we are there already, whatever the directory is called by now.
        process_one::enter(dir)?;
    }
    let inherited = inherited.unwrap_or_default();
    let mut voice = Voice::new(SVSCAN);
    crash::survive(&inherited, &mut voice);
    crash::slow_down(inherited.crashes());
    process_one::begin(&mut voice);
    let mut engine = Engine::new(voice, options, inherited)?;
    engine.take_home()?;
    engine.become_reaper();
    let scanner = Scanner::new(&mut engine);
    engine.scan(scanner);
    engine.run()
}

/// Keeps the service of the directory `dir` running, until it is told to leave.
///
/// # Errors
/// What makes it impossible to begin: no such directory, another supervise has the lock.
pub fn supervise(dir: &Path, options: Options) -> Result<(), Unable> {
    std::env::set_current_dir(dir).unable(format_args!("chdir to {}", dir.display()))?;
    let mut engine = Engine::new(Voice::new("supervise"), options, Inherited::default())?;
    engine.become_reaper();
    engine.supervise_alone(&dir.display().to_string())?;
    engine.run().map(|_| ())
}

/// What is wrong with the settings of the service directory `dir`: `FILE: SENTENCE`, in the words
/// that are said when the service is started. Of a directory that cannot be looked into, nothing.
#[must_use]
pub fn check_settings(dir: &Path) -> Vec<String> {
    settings::check(dir)
}
