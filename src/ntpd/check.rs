//! `--check-config`: what there is to say of a configuration, and of each file that it names.
//! Nothing is made or changed, and nobody is asked.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ntp::config::{self, Proof, Server};
use sys::timex;

use super::clock::{self, When};
use super::granting;
use super::kernel::Kernel;
use super::leaps;
use super::machine::Machine as _;
use super::options::Options;
use super::privileges;
use super::state::State;
use crate::ending::plain;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing.
    Good,
    /// It can be used, and this should be known.
    #[cfg_attr(not(feature = "nts"), expect(dead_code, reason = "certificates alone are so"))]
    But(String),
    /// It cannot be used, because of this.
    Bad(String),
}

impl From<Result<(), String>> for Finding {
    fn from(found: Result<(), String>) -> Self {
        found.map_or_else(Self::Bad, |()| Self::Good)
    }
}

/// A file, by the word that names it, and what is wrong with it.
type Checked = (String, Finding);

/// Sentences, a line each, and whether all can be used.
pub(super) fn report(options: &Options) -> (String, bool) {
    let server = |server: &Server| {
        let kind = if server.pool { "pool" } else { "server" };
        format!("{kind} {}", server.name)
    };
    let mut lines = options.warnings.clone();
    lines.extend(options.servers.iter().map(server));
    let at = options.serve.iter().flat_map(|serve| &serve.at);
    lines.extend(at.map(|at| format!("serve {at}")));
    let files = files(options);
    let bad = files.iter().filter(|(_, found)| matches!(found, Finding::Bad(_))).count();
    lines.extend(files.into_iter().map(|(what, found)| match found {
        Finding::Good => format!("{what}: it can be used"),
        Finding::But(why) => format!("{what}: it can be used, but {why}"),
        Finding::Bad(why) => format!("{what}: {why}"),
    }));
    lines.push(match bad {
        0 => "the configuration can be used".to_owned(),
        1 => "the configuration can be used, but for one file".to_owned(),
        bad => format!("the configuration can be used, but for {bad} files"),
    });
    let text = lines.iter().map(|line| plain(line) + "\n").collect();
    (text, bad == 0)
}

fn files(options: &Options) -> Vec<Checked> {
    let named = |word: &str, path: &Path| format!("{word} {}", path.display());
    let when = when(options);
    let mut files = Vec::new();
    if let Some(path) = &options.drift {
        files.push((named("driftfile", path), drift(path).into()));
    }
    if let Some(path) = &options.log {
        files.push((named("logfile", path), log(path).into()));
    }
    if let Some(path) = &options.leap_file {
        files.push((named("leapfile", path), leap_table(path, when).into()));
    }
    if let Some(path) = &options.keys_file {
        // It was read with the configuration, or there would be nothing to say.
        files.push((named("keys", path), Finding::Good));
    }
    let keeper = privileges::whom(options.user.as_deref()).ok().flatten().map(|user| user.uid);
    let granting = options.serve.iter().filter_map(|serve| serve.granting.as_ref());
    files.extend(granting.flat_map(|granting| nts_files(granting, keeper, when)));
    for ca in authorities(options) {
        files.push((named("ca", Path::new(ca)), readable(Path::new(ca)).into()));
    }
    for (word, program) in
        [("--before-step", &options.before_step), ("--after-step", &options.after_step)]
    {
        if let Some(path) = program {
            files.push((named(word, path), executable(path).into()));
        }
    }
    files
}

/// Each file of certificates once.
fn authorities(options: &Options) -> Vec<&str> {
    let own = options.servers.iter().filter_map(|server| match &server.proof {
        Proof::Nts(ca) => ca.as_deref(),
        Proof::None | Proof::Key(_) => None,
    });
    let mut all: Vec<&str> = options.authorities.as_deref().into_iter().chain(own).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Those that serving NTS takes.
fn nts_files(granting: &config::Granting, keeper: Option<u32>, when: When) -> Vec<Checked> {
    let mut files = granting::check(granting, keeper, when);
    if let Some(path) = &granting.cookies
        && let Some((_, found @ Finding::Good)) = files.last_mut()
    {
        *found = writable(directory(Path::new(path))).into();
    }
    files
}

/// What the time is: the clock is believed where the kernel was told that it is right, and where we
/// ask nobody else. Without that only what has passed for sure is.
fn when(options: &Options) -> When {
    let kept = options.drift.clone().map(State::new).and_then(|state| state.frequency_kept_at());
    let machine = Kernel::new();
    let (now, floor) = (clock::seconds(machine.wall()), clock::floor(kept));
    let is_believed = options.servers.is_empty() || timex::is_synchronised(&machine);
    When { now, is_known: is_believed && now >= floor, floor }
}

fn leap_table(path: &Path, when: When) -> Result<(), String> {
    let expires = clock::seconds(leaps::table(path)?.expires);
    if expires < when.passed() { Err(format!("it has expired: {}", leaps::FETCH)) } else { Ok(()) }
}

/// It is read at the start, and another takes its place.
fn drift(path: &Path) -> Result<(), String> {
    State::new(path.to_owned()).frequency().map_err(|error| error.to_string())?;
    writable(directory(path))
}

fn log(path: &Path) -> Result<(), String> {
    let mut options = OpenOptions::new();
    match options.append(true).custom_flags(sys::fifo::O_NONBLOCK).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => writable(directory(path)),
        opened => opened.map(drop).map_err(|error| unable("open it", &error)),
    }
}

fn readable(path: &Path) -> Result<(), String> {
    let file = sys::fifo::open_whatever(path).and_then(|file| file.metadata());
    match file.map_err(|error| unable("open it", &error))? {
        file if file.is_dir() => Err("it is a directory".to_owned()),
        _ => Ok(()),
    }
}

fn executable(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Err(error) => Err(unable("run it", &error)),
        Ok(meta) if examine::program::may_execute(&meta) => Ok(()),
        Ok(_) => Err("it is not executable; chmod +x it".to_owned()),
    }
}

fn writable(dir: &Path) -> Result<(), String> {
    let shown = dir.display();
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(format!("its directory is not there; mkdir {shown}"))
        }
        Err(error) => Err(unable("look at its directory", &error)),
        Ok(meta) if !meta.is_dir() => Err(format!("{shown} is not a directory")),
        Ok(_) if sys::place::is_writable(dir) => Ok(()),
        Ok(_) => Err(format!("nothing can be written in {shown}")),
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unable(what: &str, error: &io::Error) -> String {
    format!("unable to {what}: {}", cli::reason(error))
}
